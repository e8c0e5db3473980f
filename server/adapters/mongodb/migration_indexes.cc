#include "server/adapters/mongodb/migration_indexes.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "server/adapters/mongodb/describe.h"
#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/migration_index.h"
#include "server/adapters/mongodb/script.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

Status Failed(const std::string& what, const std::string& why) {
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED", what + " " + why);
}

// Whether a unique index with a filter leaves alone what the filter does not match.
Result<bool> HonoursFilters(Connection* connection) {
  const std::string name = "_storegate_probe_" + NewUuidV7();
  Bson key, equal, index, create, insert;
  key.AddInt32("a", 1);
  equal.AddInt32("$eq", 1);
  index.AddDocument("key", key)
      .AddText("name", "a_1")
      .AddBool("unique", true)
      .AddDocument("partialFilterExpression", Document("b", equal));
  create.AddText("createIndexes", name).AddArray("indexes", BsonArray().Add(index).bson());
  BsonArray documents;
  for (int i = 1; i <= 2; ++i) {
    Bson document;
    document.AddInt32("_id", i).AddInt32("a", 1).AddInt32("b", 0);
    documents.Add(document);
  }
  insert.AddText("insert", name).AddArray("documents", documents.bson());
  Answer answer = connection->Write(create);
  std::optional<Failure> failure = FailureOf(&answer);
  if (!failure) {
    answer = connection->Write(insert);
    failure = FailureOf(&answer);
  }
  Bson drop;
  drop.AddText("drop", name);
  if (!connection->lost()) connection->Write(drop);
  if (!failure) return true;
  switch (failure->what) {
    case Failure::What::kUnreachable:
    case Failure::What::kUnknown: return failure->status;
    default: return false;
  }
}

// That what the command says of filters will be so.
Status CheckFilters(MigrationLink* link, const std::string& what, const Bson& command) {
  const std::string index = UniqueIndexWithFilter(command);
  if (index.empty()) return {};
  return link->Again([&]() -> Status {
    const Result<bool> honoured = HonoursFilters(link->connection());
    if (!honoured.ok()) return honoured.status();
    if (*honoured) return {};
    return Status(Code::kFailedPrecondition, "UNSUPPORTED_INDEX",
                  what + " makes the unique index " + Quoted(index) +
                      " of some records only, which this database does not do: it would refuse "
                      "others too. Use MongoDB, or leave the predicate out.")
        .With("index", index);
  });
}

// Which of the command's indexes are missing.
Status Missing(MigrationLink* link, const std::string& what, const Bson& command,
               std::vector<Bson>* missing) {
  missing->clear();
  const Result<std::vector<Bson>> there = ListIndexes(link, TargetOfCommand(command));
  if (!there.ok()) return there.status();
  for (Bson& index : IndexesOfCommand(command)) {
    const std::string name = TextOf(index.get(), "name");
    const std::string definition = IndexDefinition(index.get());
    bool found = false;
    for (const Bson& other : *there) {
      const std::string other_name = TextOf(other.get(), "name");
      const std::string other_definition = IndexDefinition(other.get());
      if (other_name == name && other_definition != definition) {
        return Failed(what, "cannot make the index " + Quoted(name) + ": there is one of that "
                            "name, " + other_definition + ", which is not " + definition +
                            ". Drop it with dropIndexes first.");
      }
      if (other_name != name && other_definition == definition && !IsIdIndex(other.get())) {
        return Failed(what, "cannot make the index " + Quoted(name) + ": it is there under the "
                            "name " + Quoted(other_name) + ". Drop that with dropIndexes first, "
                            "or use its name.");
      }
      found = found || other_name == name;
    }
    if (!found) missing->push_back(std::move(index));
  }
  return {};
}

// The command, of these indexes alone.
Bson Only(const Bson& command, const std::vector<Bson>& indexes) {
  BsonArray list;
  for (const Bson& index : indexes) list.Add(index);
  Bson only;
  bson_iter_t at;
  for (bool more = bson_iter_init(&at, command.get()) && bson_iter_next(&at); more;
       more = bson_iter_next(&at)) {
    if (std::string_view(bson_iter_key(&at)) == "indexes") {
      only.AddArray("indexes", list.bson());
    } else {
      bson_append_iter(only.get(), nullptr, -1, &at);
    }
  }
  return only;
}

// Groups of documents that an index would have under the same keys, if it has them at all.
Bson SharedValues(std::string_view collection, const Bson& index) {
  Bson match, group_id;
  if (const auto filter = DocumentOf(index.get(), "partialFilterExpression")) {
    match = Bson::CopyOf(filter->get());
  }
  BsonArray present;
  const std::optional<Bson> key = DocumentOf(index.get(), "key");
  bson_iter_t at;
  int count = 0;
  for (bool more = key && bson_iter_init(&at, key->get()) && bson_iter_next(&at); more;
       more = bson_iter_next(&at)) {
    const std::string field = bson_iter_key(&at);
    Bson exists;
    exists.AddBool("$exists", true);
    present.Add(Document(field, exists));
    group_id.AddText("k" + std::to_string(count++), "$" + field);
  }
  BsonArray conditions;
  if (!match.empty()) conditions.Add(match);
  if (FlagOf(index.get(), "sparse")) {
    Bson any;
    any.AddArray("$or", present.bson());
    conditions.Add(any);
  }
  Bson all, one, sum, group, more_than_one, limit;
  if (conditions.size() > 0) all.AddArray("$and", conditions.bson());
  sum.AddInt32("$sum", 1);
  group.AddDocument("_id", group_id).AddDocument("n", sum);
  one.AddInt32("$gt", 1);
  more_than_one.AddDocument("n", one);
  limit.AddInt32("$limit", 1);
  BsonArray pipeline;
  pipeline.Add(Document("$match", all))
      .Add(Document("$group", group))
      .Add(Document("$match", more_than_one))
      .Add(limit);
  Bson aggregate;
  aggregate.AddText("aggregate", collection)
      .AddArray("pipeline", pipeline.bson())
      .AddDocument("cursor", Bson())
      .AddBool("allowDiskUse", true);
  return aggregate;
}

std::string FieldsOf(const Bson& index) {
  std::string fields;
  const std::optional<Bson> key = DocumentOf(index.get(), "key");
  bson_iter_t at;
  for (bool more = key && bson_iter_init(&at, key->get()) && bson_iter_next(&at); more;
       more = bson_iter_next(&at)) {
    fields += (fields.empty() ? "" : ", ") + std::string(bson_iter_key(&at));
  }
  return fields;
}

// Where documents share a value of one of the unique indexes: that they do, else OK.
Status WhoShares(MigrationLink* link, const std::string& what, std::string_view collection,
                 const std::vector<Bson>& indexes) {
  for (const Bson& index : indexes) {
    if (!FlagOf(index.get(), "unique")) continue;
    if (Status status = link->Ready(); !status.ok()) return status;
    Cursor cursor(link->connection(), SharedValues(collection, index));
    const bson_t* shared = cursor.Next();
    bson_iter_t at;
    if (shared == nullptr || !bson_iter_init_find(&at, shared, "n")) continue;
    const std::string name = TextOf(index.get(), "name");
    return Failed(what, "cannot make the unique index " + Quoted(name) + ": " +
                            std::to_string(bson_iter_as_int64(&at)) + " documents of " +
                            Quoted(collection) + " share one value of (" + FieldsOf(index) +
                            "), and there may be more such. Make them differ, then start again.")
        .With("index", name);
  }
  return {};
}

}  // namespace

Status CreateIndexes(MigrationLink* link, const std::string& what, const Bson& command) {
  if (Status status = CheckFilters(link, what, command); !status.ok()) return status;
  const std::string_view collection = TargetOfCommand(command);
  return link->Again([&]() -> Status {
    std::vector<Bson> missing;
    if (Status status = Missing(link, what, command, &missing); !status.ok()) return status;
    const bool given = !IndexesOfCommand(command).empty();
    if (given && missing.empty()) return {};
    if (Status status = link->Ready(); !status.ok()) return status;
    Answer answer = link->connection()->Write(given ? Only(command, missing)
                                                    : Bson::CopyOf(command.get()));
    const std::optional<Failure> failure = FailureOf(&answer);
    if (!failure) return {};
    using What = Failure::What;
    // Not every server says that it is a duplicate.
    if (failure->what == What::kDuplicate || failure->what == What::kStatement) {
      if (Status status = WhoShares(link, what, collection, missing); !status.ok()) return status;
    }
    if (failure->what == What::kDuplicate) {
      const std::string name =
          failure->index.empty() ? "" : " " + Quoted(failure->index);
      return Failed(what, "cannot make a unique index" + name + ": documents of " +
                              Quoted(collection) +
                              " share a value of it. Make them differ, then start again.");
    }
    return ScriptFailure(*failure, what);
  });
}

std::vector<std::string> NamesToDrop(const Bson& command, const std::vector<Bson>& there) {
  std::vector<std::string> wanted;
  std::optional<Bson> keys;
  bson_iter_t at, element;
  if (!bson_iter_init_find(&at, command.get(), "index")) return {};
  if (BSON_ITER_HOLDS_UTF8(&at)) wanted.push_back(TextAtIter(at));
  if (BSON_ITER_HOLDS_DOCUMENT(&at)) keys = DocumentAtIter(at);
  if (BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &element)) {
    while (bson_iter_next(&element)) wanted.push_back(TextAtIter(element));
  }
  std::string by_keys;
  if (keys) {
    Bson index;
    index.AddDocument("key", *keys);
    by_keys = JsonText(*DocumentOf(NormalIndex(index.get()).get(), "key"));
  }
  const bool all = wanted.size() == 1 && wanted[0] == "*" && BSON_ITER_HOLDS_UTF8(&at);
  std::vector<std::string> names;
  for (const Bson& index : there) {
    if (IsIdIndex(index.get())) continue;
    const std::string name = TextOf(index.get(), "name");
    const bool meant =
        all || std::ranges::count(wanted, name) > 0 ||
        (keys && JsonText(*DocumentOf(NormalIndex(index.get()).get(), "key")) == by_keys);
    if (meant) names.push_back(name);
  }
  return names;
}

}  // namespace storegate::mongodb
