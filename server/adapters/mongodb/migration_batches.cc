#include "server/adapters/mongodb/migration_batches.h"

#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/element.h"
#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/script.h"
#include "server/adapters/mongodb/script_backfill.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

constexpr int32_t kBatch = 1000;
// Updates are sent when they are so large together: a command has 16 MiB.
constexpr uint32_t kUpdatesBytesMax = 4 << 20;
// How often a batch is read anew when others changed all of it meanwhile.
constexpr int kReadAnewMax = 100;

std::string NameOfStep(const repository::Step& step) {
  return "The backfill in line " + std::to_string(step.line);
}

struct Updated {
  int64_t matched = 0, changed = 0;
};

int64_t NumberOf(const Bson& reply, const char* key) {
  bson_iter_t at;
  return bson_iter_init_find(&at, reply.get(), key) ? bson_iter_as_int64(&at) : 0;
}

// The update's statements being gathered, and sent when there are enough.
class Updates {
 public:
  Updates(MigrationLink* link, std::string what, std::string_view collection)
      : link_(*link), what_(std::move(what)), collection_(collection) {}

  Status Add(const Bson& query, const Bson& update, bool multi) {
    Bson entry;
    entry.AddDocument("q", query).AddDocument("u", update).AddBool("multi", multi);
    if (size_ > 0 && list_.bson().get()->len + entry.get()->len > kUpdatesBytesMax) {
      if (Status status = Send(); !status.ok()) return status;
    }
    list_.Add(entry);
    ++size_;
    return {};
  }

  Status Send() {
    if (size_ == 0) return {};
    Bson command;
    command.AddText("update", collection_).AddArray("updates", list_.bson());
    list_ = BsonArray();
    size_ = 0;
    if (Status status = link_.Ready(); !status.ok()) return status;
    Answer answer = link_.connection()->Write(command);
    if (const std::optional<Failure> failure = FailureOf(&answer)) {
      if (failure->what == Failure::What::kDuplicate) {
        const std::string index = failure->index.empty()
                                      ? "a unique index"
                                      : "the unique index " + Quoted(failure->index);
        return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                      what_ + " failed: " + index + " has one of its values already. What it did "
                              "before that is kept.");
      }
      return ScriptFailure(*failure, what_);
    }
    done_.matched += NumberOf(answer.reply, "n");
    done_.changed += NumberOf(answer.reply, "nModified");
    return {};
  }

  const Updated& done() const { return done_; }

 private:
  MigrationLink& link_;
  const std::string what_, collection_;
  BsonArray list_;
  size_t size_ = 0;
  Updated done_;
};

// {"$and": [{"_id": …}, filter]}.
Bson OfId(const Bson& id, const Bson& filter) {
  BsonArray both;
  both.Add(id);
  if (!filter.empty()) both.Add(filter);
  Bson query;
  query.AddArray("$and", both.bson());
  return query;
}

Bson FindOf(const Backfill& backfill) {
  Bson projection, find;
  projection.AddInt32("_id", 1);
  for (const auto& [from, to] : backfill.copies) {
    if (from != "_id") projection.AddInt32(from, 1);
  }
  find.AddText("find", backfill.collection)
      .AddDocument("filter", backfill.filter)
      .AddDocument("projection", projection)
      .AddInt32("limit", kBatch);
  return find;
}

// The update, with what is copied out of the document.
Bson UpdateOf(const Backfill& backfill, const bson_t* document) {
  if (backfill.copies.empty()) return Bson::CopyOf(backfill.update.get());
  Bson set, update;
  if (const auto given = DocumentOf(backfill.update.get(), "$set")) {
    bson_concat(set.get(), given->get());
  }
  for (const auto& [from, to] : backfill.copies) {
    bson_iter_t at;
    if (bson_iter_init_find(&at, document, from.c_str())) {
      bson_append_iter(set.get(), to.data(), static_cast<int>(to.size()), &at);
    }
  }
  bson_copy_to_excluding_noinit(backfill.update.get(), update.get(), "$set",
                                static_cast<char*>(nullptr));
  if (!set.empty()) update.AddDocument("$set", set);
  return update;
}

Status RunOnce(MigrationLink* link, const std::string& what, const Backfill& backfill,
               size_t* found, Updated* done) {
  Updates updates(link, what, backfill.collection);
  BsonArray ids;
  std::vector<std::pair<Bson, Bson>> each;  // of copies: query and update
  {
    Cursor cursor(link->connection(), FindOf(backfill));
    *found = 0;
    while (const bson_t* document = cursor.Next()) {
      bson_iter_t at;
      if (!bson_iter_init_find(&at, document, "_id")) continue;
      ++*found;
      if (backfill.copies.empty()) {
        const std::string_view key = ids.NextKey();
        bson_append_iter(ids.bson().get(), key.data(), static_cast<int>(key.size()), &at);
        continue;
      }
      Bson id;
      bson_append_iter(id.get(), nullptr, -1, &at);
      Bson update = UpdateOf(backfill, document);
      if (!update.empty()) each.emplace_back(OfId(id, backfill.filter), std::move(update));
    }
    if (cursor.failure()) return ScriptFailure(*cursor.failure(), what);
  }
  for (const auto& [query, update] : each) {
    if (Status status = updates.Add(query, update, false); !status.ok()) return status;
  }
  if (ids.size() > 0) {
    Bson in;
    in.AddArray("$in", ids.bson());
    Status status = updates.Add(OfId(Document("_id", in), backfill.filter), backfill.update, true);
    if (!status.ok()) return status;
  }
  Status status = updates.Send();
  *done = updates.done();
  return status;
}

}  // namespace

Result<int64_t> RunBackfill(MigrationLink* link, const repository::Step& step) {
  const std::string what = NameOfStep(step);
  Result<std::vector<Bson>> commands = ParseScript(what, "[" + step.script + "]");
  if (!commands.ok()) return commands.status();
  Backfill backfill;
  std::string why = commands->size() == 1 && NameOfCommand((*commands)[0]) == "storegate.backfill"
                        ? ReadBackfill((*commands)[0], &backfill)
                        : "is none";
  if (!why.empty()) {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED", what + " " + why + ".");
  }
  for (int i = 0; i < kReadAnewMax; ++i) {
    size_t found = 0;
    Updated done;
    Status status =
        link->Again([&] { return RunOnce(link, what, backfill, &found, &done); });
    if (!status.ok()) return status;
    if (found == 0 || done.changed > 0) return done.changed;
    if (done.matched == 0 && backfill.copies.empty()) continue;  // others changed all of them
    break;
  }
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                what + " would never end: its filter, " + JsonText(backfill.filter) +
                    ", matches documents of " + Quoted(backfill.collection) +
                    " that it has changed or does not change. Let it match only those that are "
                    "still to be changed.");
}

Result<int64_t> CountBackfill(MigrationLink* link, const repository::Step& step) {
  const std::string what = NameOfStep(step);
  if (step.total.empty()) return static_cast<int64_t>(0);
  Result<std::vector<Bson>> commands = ParseScript(what, "[" + step.total + "]");
  if (!commands.ok()) return commands.status();
  if (commands->size() != 1 || NameOfCommand((*commands)[0]) != "count") {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  what + " has a total that is no count.");
  }
  int64_t count = 0;
  Status status = link->Again([&]() -> Status {
    const Answer answer = link->connection()->Read((*commands)[0]);
    if (!answer.ok()) return ScriptFailure(*answer.failure, what);
    count = NumberOf(answer.reply, "n");
    return {};
  });
  if (!status.ok()) return status;
  return count;
}

namespace {

// {"_id": {"$gt": after}}, or from the first id of the field's type: comparisons match
// values of their own type only.
Bson Behind(const schema::Field& id, const Value& after) {
  Bson bound;
  if (!IsNull(after)) {
    AppendValue("$gt", after, id, bound.get());
  } else if (KeepsObjectIds(id)) {
    AppendValue("$gte", std::string(24, '0'), id, bound.get());
  } else if (id.type == schema::Type::kString) {
    bound.AddText("$gte", "");
  } else {
    bound.AddInt64("$gte", std::numeric_limits<int64_t>::min());
  }
  return Document(NameOf(id), bound);
}

// What makes the folded text of the document that of its text; nothing where it is so.
Status FoldOne(const bson_t* document, const schema::Field& field, Updates* updates) {
  const std::string column(NameOf(field)), folded = field.folded_column();
  bson_iter_t id, text, was;
  if (!bson_iter_init_find(&id, document, "_id")) return {};
  const bool there = bson_iter_init_find(&text, document, column.c_str()) &&
                     !BSON_ITER_HOLDS_NULL(&text);
  const bool has_folded = bson_iter_init_find(&was, document, folded.c_str());
  Bson query, update, value;
  bson_append_iter(query.get(), nullptr, -1, &id);
  if (!there) {
    if (!has_folded) return {};
    query.AddNull(column);
    value.AddText(folded, "");
    update.AddDocument("$unset", value);
    return updates->Add(query, update, false);
  }
  const Result<Value> read = ReadValue(text, field);
  if (!read.ok()) return {};  // no text: no call can read it
  const std::string now = FoldCase(std::get<std::string>(*read));
  if (has_folded && BSON_ITER_HOLDS_UTF8(&was) && TextAtIter(was) == now) return {};
  AppendValue(column, *read, field, query.get());
  value.AddText(folded, now);
  update.AddDocument("$set", value);
  return updates->Add(query, update, false);
}

Status RefoldOnce(MigrationLink* link, const schema::Field& field, const Value& after, Value* last,
                  int64_t* looked) {
  const schema::Entity& entity = *field.entity;
  Updates updates(link, "Folding " + entity.collection + "." + field.column, entity.collection);
  Bson projection, sort, find;
  projection.AddInt32(NameOf(field), 1).AddInt32(field.folded_column(), 1);
  sort.AddInt32("_id", 1);
  find.AddText("find", entity.collection)
      .AddDocument("filter", Behind(*entity.id, after))
      .AddDocument("projection", projection)
      .AddDocument("sort", sort)
      .AddInt32("limit", kBatch);
  *looked = 0;
  Cursor cursor(link->connection(), find);
  while (const bson_t* document = cursor.Next()) {
    bson_iter_t at;
    if (!bson_iter_init_find(&at, document, "_id")) continue;
    Result<Value> id = ReadValue(at, *entity.id);
    if (!id.ok()) return id.status();
    *last = *std::move(id);
    ++*looked;
    if (Status status = FoldOne(document, field, &updates); !status.ok()) return status;
  }
  if (cursor.failure()) return cursor.status();
  return updates.Send();
}

}  // namespace

Result<int64_t> RefoldBatch(MigrationLink* link, const schema::Field& field, const Value& after,
                            Value* last) {
  int64_t looked = 0;
  const Value from = after;  // `last` may be the same
  Status status =
      link->Again([&] { return RefoldOnce(link, field, from, last, &looked); });
  if (!status.ok()) return status;
  return looked;
}

Result<bool> HoldsDocuments(MigrationLink* link, const std::string& collection,
                            const std::string& column) {
  bool holds = false;
  Status status = link->Again([&]() -> Status {
    Bson filter, projection, find;
    if (!column.empty()) {
      Bson set;
      set.AddNull("$ne");
      // The id is where MongoDB has it.
      filter.AddDocument(column == "id" ? "_id" : column, set);
    }
    projection.AddInt32("_id", 1);
    find.AddText("find", collection)
        .AddDocument("filter", filter)
        .AddDocument("projection", projection)
        .AddInt32("limit", 1);
    Cursor cursor(link->connection(), find);
    holds = cursor.Next() != nullptr;
    return cursor.status();
  });
  if (!status.ok()) return status;
  return holds;
}

}  // namespace storegate::mongodb
