#include "server/adapters/mongodb/rehearse.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/adapters/mongodb/describe.h"
#include "server/adapters/mongodb/migration_index.h"
#include "server/adapters/mongodb/migration_indexes.h"
#include "server/adapters/mongodb/script.h"
#include "server/base/text.h"

namespace storegate::mongodb {

using repository::DatabaseModel;
using repository::Step;

namespace {

struct Collection {
  bool view = false;
  std::optional<Bson> collation;        // its own, which indexes take over
  std::map<std::string, Bson> indexes;  // by name, with their names
};

class Rehearsal {
 public:
  // Why the command would fail, or "".
  std::string Run(const Bson& command) {
    const std::string_view name = NameOfCommand(command);
    const std::string target(TargetOfCommand(command));
    if (name == "create") return Create(target, command);
    if (name == "drop") collections_.erase(target);
    if (name == "renameCollection") return Rename(target, command);
    if (name == "createIndexes") return CreateIndexes(target, command);
    if (name == "dropIndexes" || name == "deleteIndexes") DropIndexes(target, command);
    if (name == "collMod") Modify(target, command);
    if (name == "insert" || (name == "update" && Upserts(command)) ||
        (name == "findAndModify" && FlagOf(command.get(), "upsert"))) {
      collections_[target];
    }
    if (name == "aggregate") Aggregate(command);
    return "";
  }

  DatabaseModel Model() const {
    DatabaseModel model;
    for (const auto& [name, collection] : collections_) {
      if (collection.view || IsOwnCollection(name)) continue;
      repository::TableModel& table = model.tables.emplace_back();
      table.name = name;
      for (const auto& [index_name, index] : collection.indexes) {
        repository::IndexModel& made = table.indexes.emplace_back();
        made.name = index_name;
        made.unique = FlagOf(index.get(), "unique");
        made.definition = Definition(collection, index);
      }
    }
    return model;
  }

 private:
  static std::string Definition(const Collection& collection, const Bson& index) {
    const std::optional<Bson>& collation = collection.collation;
    return IndexDefinition(index.get(), collation ? collation->get() : nullptr);
  }

  std::string Create(const std::string& target, const Bson& command) {
    const auto [entry, made] = collections_.try_emplace(target);
    if (!made) return "";
    entry->second.view = bson_has_field(command.get(), "viewOn");
    entry->second.collation = DocumentOf(command.get(), "collation");
    return "";
  }

  std::string Rename(const std::string& target, const Bson& command) {
    const std::string to = TextOf(command.get(), "to");
    if (to.empty()) return "must say \"to\": what the collection is to be called";
    auto node = collections_.extract(target);
    if (node.empty()) return "";
    if (FlagOf(command.get(), "dropTarget")) collections_.erase(to);
    if (collections_.contains(to)) {
      return "cannot call " + Quoted(target) + " " + Quoted(to) +
             ": there is a collection of that name";
    }
    node.key() = to;
    collections_.insert(std::move(node));
    return "";
  }

  std::string CreateIndexes(const std::string& target, const Bson& command) {
    Collection& collection = collections_[target];
    for (Bson& index : IndexesOfCommand(command)) {
      if (IsIdIndex(index.get())) continue;
      const std::string name = TextOf(index.get(), "name");
      const auto found = collection.indexes.find(name);
      if (found == collection.indexes.end()) {
        collection.indexes.emplace(name, std::move(index));
      } else if (Definition(collection, found->second) != Definition(collection, index)) {
        return "cannot make the index " + Quoted(name) + ": there is one of that name, " +
               Definition(collection, found->second);
      }
    }
    return "";
  }

  void DropIndexes(const std::string& target, const Bson& command) {
    const auto found = collections_.find(target);
    if (found == collections_.end()) return;
    std::vector<Bson> there;
    for (const auto& [name, index] : found->second.indexes) {
      there.push_back(Bson::CopyOf(index.get()));
    }
    for (const std::string& name : NamesToDrop(command, there)) found->second.indexes.erase(name);
  }

  // {"index": {"name": … or "keyPattern": …, expireAfterSeconds, hidden, unique,
  // prepareUnique}}; what is of documents is left out.
  void Modify(const std::string& target, const Bson& command) {
    const auto found = collections_.find(target);
    const std::optional<Bson> change = DocumentOf(command.get(), "index");
    if (found == collections_.end() || !change) return;
    const std::string by_name = TextOf(change->get(), "name");
    const std::optional<Bson> by_keys = DocumentOf(change->get(), "keyPattern");
    for (auto& [name, index] : found->second.indexes) {
      const bool meant = by_keys ? SameKeys(*by_keys, index) : name == by_name;
      if (!meant) continue;
      Bson changed;
      bson_iter_t at;
      for (bool more = bson_iter_init(&at, index.get()) && bson_iter_next(&at); more;
           more = bson_iter_next(&at)) {
        if (!bson_has_field(change->get(), bson_iter_key(&at)) ||
            std::string_view(bson_iter_key(&at)) == "name") {
          bson_append_iter(changed.get(), nullptr, -1, &at);
        }
      }
      for (bool more = bson_iter_init(&at, change->get()) && bson_iter_next(&at); more;
           more = bson_iter_next(&at)) {
        const std::string_view key = bson_iter_key(&at);
        if (key != "name" && key != "keyPattern") {
          bson_append_iter(changed.get(), nullptr, -1, &at);
        }
      }
      // What was prepared is done with.
      if (FlagOf(changed.get(), "unique") && FlagOf(changed.get(), "prepareUnique")) {
        Bson rest;
        bson_copy_to_excluding_noinit(changed.get(), rest.get(), "prepareUnique",
                                      static_cast<char*>(nullptr));
        changed = std::move(rest);
      }
      index = std::move(changed);
      return;
    }
  }

  static bool SameKeys(const Bson& keys, const Bson& index) {
    Bson other;
    other.AddDocument("key", keys);
    const auto text = [](const Bson& of) {
      return JsonText(*DocumentOf(NormalIndex(of.get()).get(), "key"));
    };
    return text(other) == text(index);
  }

  static bool Upserts(const Bson& command) {
    bson_iter_t at, element;
    if (!bson_iter_init_find(&at, command.get(), "updates") || !BSON_ITER_HOLDS_ARRAY(&at) ||
        !bson_iter_recurse(&at, &element)) {
      return false;
    }
    while (bson_iter_next(&element)) {
      const std::optional<Bson> update = DocumentAtIter(element);
      if (update && FlagOf(update->get(), "upsert")) return true;
    }
    return false;
  }

  // {"$out": "notes"} or {"$out": {"db": …, "coll": "notes"}}; {"$merge": "notes"} or
  // {"$merge": {"into": "notes" or {"db": …, "coll": …}}}.
  void Aggregate(const Bson& command) {
    bson_iter_t at, stage;
    if (!bson_iter_init_find(&at, command.get(), "pipeline") || !BSON_ITER_HOLDS_ARRAY(&at) ||
        !bson_iter_recurse(&at, &stage)) {
      return;
    }
    while (bson_iter_next(&stage)) {
      const std::optional<Bson> one = DocumentAtIter(stage);
      if (!one) continue;
      for (const char* writer : {"$out", "$merge"}) {
        std::string into = TextOf(one->get(), writer);
        if (const std::optional<Bson> to = DocumentOf(one->get(), writer)) {
          const std::optional<Bson> inner = DocumentOf(to->get(), "into");
          if (bson_has_field(inner ? inner->get() : to->get(), "db")) continue;
          into = inner ? TextOf(inner->get(), "coll")
                       : TextOf(to->get(), "coll") + TextOf(to->get(), "into");
        }
        if (!into.empty()) collections_[into];
      }
    }
  }

  std::map<std::string, Collection> collections_;
};

}  // namespace

Result<DatabaseModel> RehearseSteps(const std::vector<Step>& steps) {
  Rehearsal rehearsal;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::kRepeat || step.kind == Step::Kind::kRefold) continue;
    std::vector<int> lines;
    const Result<std::vector<Bson>> commands = ParseScript("a migration", step.script, &lines);
    if (!commands.ok()) return commands.status();
    for (size_t i = 0; i < commands->size(); ++i) {
      const std::string why = rehearsal.Run((*commands)[i]);
      if (why.empty()) continue;
      return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                    Quoted(NameOfCommand((*commands)[i])) + " in line " +
                        std::to_string(step.line - 1 + lines[i]) + " " + why + ".");
    }
  }
  return rehearsal.Model();
}

}  // namespace storegate::mongodb
