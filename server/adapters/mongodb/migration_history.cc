#include "server/adapters/mongodb/migration_history.h"

#include <limits>
#include <optional>
#include <utility>

#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/script.h"
#include "server/base/text.h"

namespace storegate::mongodb {

using repository::AppliedMigration;

namespace {

using State = AppliedMigration::State;

constexpr std::string_view kHistory = "_storegate_migrations";
constexpr std::string_view kSchema = "_storegate_schema";
constexpr std::string_view kSchemaId = "schema";
// A document has 16 MiB, and a command little more.
constexpr size_t kDescriptorsMax = 15 << 20;

Result<AppliedMigration> RowOf(const bson_t& document) {
  AppliedMigration row;
  bson_iter_t at;
  std::string state = "applied";
  if (!bson_iter_init(&at, &document)) return row;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    const auto number = [&] { return static_cast<int>(bson_iter_as_int64(&at)); };
    if (key == "_id") row.number = number();
    if (key == "name") row.name = TextAtIter(at);
    if (key == "checksum") row.checksum = TextAtIter(at);
    if (key == "applied_at" && BSON_ITER_HOLDS_DATE_TIME(&at)) {
      row.applied_at_millis = bson_iter_date_time(&at);
    }
    if (key == "duration_ms") row.duration_millis = bson_iter_as_int64(&at);
    if (key == "state") state = TextAtIter(at);
    if (key == "steps_done") row.steps_done = number();
    if (key == "applied_by") row.applied_by = TextAtIter(at);
    if (key == "error") row.error = TextAtIter(at);
    if (key == "needs") row.needs = number();
  }
  const std::optional<State> known = repository::StateNamed(state);
  if (!known) {
    return Status(Code::kInternal, "MALFORMED_DATA",
                  "The history of migrations says of number " + std::to_string(row.number) +
                      " that it is " + Quoted(state) +
                      ", which is none of applied, applying and reverting.");
  }
  row.state = *known;
  return row;
}

// {"_id": …}, and that no later owner has written it.
Bson Query(MigrationLink* link, const Bson& id) {
  Bson query = Bson::CopyOf(id.get());
  if (link->lock() == nullptr) return query;
  Bson none, absent, up_to, fence;
  none.AddBool("$exists", false);
  absent.AddDocument("fence", none);
  up_to.AddInt64("$lte", link->lock()->fence());
  fence.AddDocument("fence", up_to);
  BsonArray either;
  either.Add(absent).Add(fence);
  query.AddArray("$or", either.bson());
  return query;
}

Bson Update(std::string_view collection, const Bson& query, const Bson& values, bool upsert,
            bool multi) {
  Bson set, entry, command;
  set.AddDocument("$set", values);
  entry.AddDocument("q", query).AddDocument("u", set).AddBool("upsert", upsert).AddBool("multi",
                                                                                       multi);
  command.AddText("update", collection).AddArray("updates", BsonArray().Add(entry).bson());
  return command;
}

// Writes what only the owner of the lock may. `migration`: for those who wait; 0 for none.
Status Write(MigrationLink* link, const std::string& what, int migration, const Bson& command) {
  return link->Again([&]() -> Status {
    if (link->lock() != nullptr) {
      Status status = link->lock()->Confirm(link->connection(), migration);
      if (!status.ok()) return status;
    }
    Answer answer = link->connection()->Write(command);
    const std::optional<Failure> failure = FailureOf(&answer);
    if (!failure) return {};
    // It is there, with a later fence: nothing matched, and it could not be made anew.
    if (failure->what == Failure::What::kDuplicate && link->lock() != nullptr) {
      return MigrationLock::Lost();
    }
    return ScriptFailure(*failure, what);
  });
}

Status Upsert(MigrationLink* link, const std::string& what, std::string_view collection,
              int migration, const Bson& id, Bson values) {
  if (link->lock() != nullptr) values.AddInt64("fence", link->lock()->fence());
  return Write(link, what, migration,
               Update(collection, Query(link, id), values, true, false));
}

}  // namespace

Result<std::vector<AppliedMigration>> ReadHistory(MigrationLink* link) {
  std::vector<AppliedMigration> history;
  Status status = link->Again([&]() -> Status {
    history.clear();
    Bson sort, find;
    sort.AddInt32("_id", 1);
    find.AddText("find", kHistory).AddDocument("filter", Bson()).AddDocument("sort", sort);
    Cursor cursor(link->connection(), find);
    while (const bson_t* document = cursor.Next()) {
      Result<AppliedMigration> row = RowOf(*document);
      if (!row.ok()) return row.status();
      history.push_back(*std::move(row));
    }
    return cursor.status();
  });
  if (!status.ok()) return status;
  return history;
}

Status WriteRow(MigrationLink* link, const AppliedMigration& row) {
  Bson id, values;
  id.AddInt32("_id", row.number);
  values.AddText("name", row.name)
      .AddText("checksum", row.checksum)
      .AddDate("applied_at", row.applied_at_millis)
      .AddInt64("duration_ms", row.duration_millis)
      .AddText("state", repository::NameOf(row.state))
      .AddInt32("steps_done", row.steps_done)
      .AddText("applied_by", row.applied_by)
      .AddText("error", row.error)
      .AddInt32("needs", row.needs);
  return Upsert(link, "Writing down the migration " + row.name, kHistory, row.number, id,
                std::move(values));
}

Status DeleteRow(MigrationLink* link, int number) {
  Bson id, entry, command;
  id.AddInt32("_id", number);
  entry.AddDocument("q", Query(link, id)).AddInt32("limit", 1);
  command.AddText("delete", kHistory).AddArray("deletes", BsonArray().Add(entry).bson());
  return Write(link, "Writing down that migration " + std::to_string(number) + " was taken back",
               number, command);
}

Status FenceRows(MigrationLink* link) {
  Bson values;
  values.AddInt64("fence", link->lock()->fence());
  return Write(link, "Taking over the history", 0,
               Update(kHistory, Query(link, Bson()), values, false, true));
}

Result<std::optional<std::string>> ReadDescriptors(MigrationLink* link) {
  std::optional<std::string> descriptors;
  Status status = link->Again([&]() -> Status {
    Bson filter, find;
    filter.AddText("_id", kSchemaId);
    find.AddText("find", kSchema).AddDocument("filter", filter);
    Cursor cursor(link->connection(), find);
    const bson_t* document = cursor.Next();
    if (document == nullptr) return cursor.status();
    bson_iter_t at;
    if (!bson_iter_init_find(&at, document, "descriptors") || !BSON_ITER_HOLDS_BINARY(&at)) {
      return Status(Code::kInternal, "MALFORMED_DATA",
                    "The schema that is kept in _storegate_schema is none.");
    }
    bson_subtype_t subtype;
    uint32_t length;
    const uint8_t* bytes;
    bson_iter_binary(&at, &subtype, &length, &bytes);
    descriptors.emplace(reinterpret_cast<const char*>(bytes), length);
    return {};
  });
  if (!status.ok()) return status;
  return descriptors;
}

Status WriteDescriptors(MigrationLink* link, const std::string& descriptors) {
  if (descriptors.size() > kDescriptorsMax) {
    return Status(Code::kFailedPrecondition, "SCHEMA_TOO_LARGE",
                  "The schema's descriptors have " + std::to_string(descriptors.size()) +
                      " bytes; MongoDB keeps at most " + std::to_string(kDescriptorsMax) +
                      ". Take out imports that no store needs.");
  }
  Bson id, values;
  id.AddText("_id", kSchemaId);
  bson_append_binary(values.get(), "descriptors", -1, BSON_SUBTYPE_BINARY,
                     reinterpret_cast<const uint8_t*>(descriptors.data()),
                     static_cast<uint32_t>(descriptors.size()));
  return Upsert(link, "Keeping the schema", kSchema, 0, id, std::move(values));
}

}  // namespace storegate::mongodb
