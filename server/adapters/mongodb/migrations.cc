#include "server/adapters/mongodb/migrations.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/script.h"
#include "server/base/text.h"
#include "server/base/time.h"

namespace storegate::mongodb {

using repository::AppliedMigration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::string_view kHistory = "_storegate_migrations";
// Of the server: a collection that is to be made is there.
constexpr int64_t kNamespaceExists = 48;

Status LockLost() {
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCK_LOST",
                "The migration lock was lost: the database got no sign of life for its lease, "
                "and another may have migrated since. What was done is kept. Start again.");
}

// The first of the reply's writeErrors; a command may succeed with some.
std::optional<Failure> WriteErrorOf(const Bson& reply) {
  bson_iter_t at, entries;
  if (!bson_iter_init_find(&at, reply.get(), "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&at) ||
      !bson_iter_recurse(&at, &entries) || !bson_iter_next(&entries) ||
      !BSON_ITER_HOLDS_DOCUMENT(&entries)) {
    return std::nullopt;
  }
  uint32_t length;
  const uint8_t* data;
  bson_iter_document(&entries, &length, &data);
  bson_t entry;
  if (!bson_init_static(&entry, data, length)) return std::nullopt;
  return ExplainWriteError(entry);
}

std::optional<Failure> FailureOf(Answer* answer) {
  if (!answer->ok()) return std::move(answer->failure);
  return WriteErrorOf(answer->reply);
}

int64_t CodeOf(const Bson& reply) {
  bson_iter_t at;
  return bson_iter_init_find(&at, reply.get(), "code") ? bson_iter_as_int64(&at) : 0;
}

std::string TextAt(const bson_iter_t& at) {
  uint32_t length;
  const char* text = BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, &length) : nullptr;
  return text == nullptr ? "" : std::string(text, length);
}

AppliedMigration RowOf(const bson_t& document) {
  AppliedMigration row;
  bson_iter_t at;
  if (!bson_iter_init(&at, &document)) return row;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    if (key == "_id") row.number = static_cast<int>(bson_iter_as_int64(&at));
    if (key == "name") row.name = TextAt(at);
    if (key == "checksum") row.checksum = TextAt(at);
    if (key == "applied_at" && BSON_ITER_HOLDS_DATE_TIME(&at)) {
      row.applied_at_millis = bson_iter_date_time(&at);
    }
    if (key == "duration_ms") row.duration_millis = bson_iter_as_int64(&at);
  }
  return row;
}

Bson Insert(std::string_view collection, const BsonArray& documents) {
  Bson insert;
  insert.AddText("insert", collection).AddArray("documents", documents.bson());
  return insert;
}

// What may be sent again when nobody knows what became of it.
bool IsRepeatable(const Bson& command) {
  const std::string_view name = NameOfCommand(command);
  return name == "create" || name == "createIndexes";
}

}  // namespace

struct MongodbMigrator::Use {
  explicit Use(MongodbMigrator* migrator) : migrator(*migrator) {}
  ~Use() {
    if (migrator.lock_ == nullptr) migrator.connection_.reset();
  }
  MongodbMigrator& migrator;
};

Status MongodbMigrator::Connect() {
  if (connection_ == nullptr || connection_->lost()) {
    connection_.reset();
    const Options& options = pool_->options();
    Result<std::unique_ptr<Connection>> connection = Connection::Open(
        pool_, steady_clock::now() +
                   std::max(options.server_selection_timeout, options.connect_timeout));
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
  }
  connection_->Begin(Deadline::max());
  return {};
}

Status MongodbMigrator::WithLock(const std::function<Status()>& work) {
  if (lock_ != nullptr) {
    return Status(Code::kInternal, "MIGRATION_LOCKED", "The migration lock is taken already.");
  }
  Result<std::unique_ptr<MigrationLock>> lock = MigrationLock::Take(pool_);
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  Status status = work();
  if (status.ok() && lock_->lost()) status = LockLost();
  connection_.reset();
  lock_.reset();
  return status;
}

Result<std::vector<AppliedMigration>> MongodbMigrator::History() {
  const Use use(this);
  if (Status status = Connect(); !status.ok()) return status;
  Bson sort, find;
  sort.AddInt32("_id", 1);
  find.AddText("find", kHistory).AddDocument("filter", Bson()).AddDocument("sort", sort);
  Cursor cursor(connection_.get(), find);
  std::vector<AppliedMigration> history;
  while (const bson_t* document = cursor.Next()) history.push_back(RowOf(*document));
  if (cursor.failure()) return cursor.status();
  return history;
}

Status MongodbMigrator::Apply(const AppliedMigration& row, const std::string& script) {
  const Use use(this);
  const std::string what = "the migration " + row.name;
  const auto start = steady_clock::now();
  if (Status status = RunScript(what, script); !status.ok()) return status;
  const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  if (Status status = Connect(); !status.ok()) return status;
  Bson document;
  document.AddInt32("_id", row.number)
      .AddText("name", row.name)
      .AddText("checksum", row.checksum)
      .AddDate("applied_at", row.applied_at_millis)
      .AddInt64("duration_ms", took.count());
  Answer answer = connection_->Write(Insert(kHistory, std::move(BsonArray().Add(document))));
  const std::optional<Failure> failure = FailureOf(&answer);
  return failure ? ScriptFailure(*failure, "Writing down " + what) : Status();
}

Status MongodbMigrator::Execute(const std::string& script) {
  const Use use(this);
  return RunScript("making the collections", script);
}

Status MongodbMigrator::RunScript(const std::string& what, const std::string& script) {
  Result<std::vector<Bson>> commands = ParseScript(what, script);
  if (!commands.ok()) return commands.status();
  for (size_t i = 0; i < commands->size(); ++i) {
    const Bson& command = (*commands)[i];
    if (lock_ != nullptr && lock_->lost()) return LockLost();
    if (Status status = Connect(); !status.ok()) return status;
    const std::string where = "Command " + std::to_string(i + 1) + " of " + what + ", " +
                              Quoted(NameOfCommand(command)) + ",";
    if (Status status = CheckFilters(where, command); !status.ok()) return status;
    if (Status status = RunCommand(where, command); !status.ok()) return status;
  }
  return {};
}

Status MongodbMigrator::RunCommand(const std::string& what, const Bson& command) {
  if (NameOfCommand(command) == "create") {
    const Result<bool> there = Exists(TargetOfCommand(command));
    if (!there.ok()) return there.status();
    if (*there) return {};
  }
  while (true) {
    const auto start = steady_clock::now();
    Answer answer = connection_->Write(command);
    const std::optional<Failure> failure = FailureOf(&answer);
    if (!failure) return {};
    // Another made it in between.
    if (NameOfCommand(command) == "create" && CodeOf(answer.reply) == kNamespaceExists) return {};
    // An index of many records takes longer than an answer is waited for: asked again,
    // the database answers when it is made. What fails sooner is another matter.
    const bool waited = steady_clock::now() - start >= pool_->options().socket_timeout / 2;
    const bool again = failure->what == Failure::What::kUnknown && IsRepeatable(command) && waited;
    if (!again) return ScriptFailure(*failure, what);
    if (lock_ != nullptr && lock_->lost()) return LockLost();
    if (Status status = Connect(); !status.ok()) return status;
  }
}

Result<bool> MongodbMigrator::Exists(std::string_view collection) {
  Bson filter, list;
  filter.AddText("name", collection);
  list.AddInt32("listCollections", 1).AddDocument("filter", filter).AddBool("nameOnly", true);
  Cursor cursor(connection_.get(), list);
  bool there = false;
  while (const bson_t* entry = cursor.Next()) {
    bson_iter_t at;
    there = there || (bson_iter_init_find(&at, entry, "name") && TextAt(at) == collection);
  }
  if (cursor.failure()) return cursor.status();
  return there;
}

Result<std::vector<std::string>> MongodbMigrator::Parts(std::string_view table) {
  const Use use(this);
  if (Status status = Connect(); !status.ok()) return status;
  const Result<bool> there = Exists(table);
  if (!there.ok()) return there.status();
  std::vector<std::string> names;
  if (!*there) return names;
  Bson list;
  list.AddText("listIndexes", table);
  Cursor cursor(connection_.get(), list);
  while (const bson_t* index = cursor.Next()) {
    bson_iter_t at;
    if (bson_iter_init_find(&at, index, "name")) names.push_back(TextAt(at));
  }
  if (cursor.failure()) return cursor.status();
  return names;
}

Status MongodbMigrator::CheckFilters(const std::string& what, const Bson& command) {
  const std::string index = UniqueIndexWithFilter(command);
  if (index.empty()) return {};
  const Result<bool> honoured = HonoursFilters();
  if (!honoured.ok()) return honoured.status();
  if (*honoured) return {};
  return Status(Code::kFailedPrecondition, "UNSUPPORTED_INDEX",
                what + " makes the unique index " + Quoted(index) +
                    " of some records only, which this database does not do: it would refuse "
                    "others too. Use MongoDB, or leave the predicate out.")
      .With("index", index);
}

Result<bool> MongodbMigrator::HonoursFilters() {
  const std::string name = "_storegate_probe_" + NewUuidV7();
  Bson key, equal, filter, index, create;
  key.AddInt32("a", 1);
  equal.AddInt32("$eq", 1);
  filter.AddDocument("b", equal);
  index.AddDocument("key", key)
      .AddText("name", "a_1")
      .AddBool("unique", true)
      .AddDocument("partialFilterExpression", filter);
  create.AddText("createIndexes", name).AddArray("indexes", BsonArray().Add(index).bson());
  BsonArray documents;
  for (int i = 1; i <= 2; ++i) {
    Bson document;
    document.AddInt32("_id", i).AddInt32("a", 1).AddInt32("b", 0);
    documents.Add(document);
  }
  Answer answer = connection_->Write(create);
  std::optional<Failure> failure = FailureOf(&answer);
  if (!failure) {
    answer = connection_->Write(Insert(name, documents));
    failure = FailureOf(&answer);
  }
  Bson drop;
  drop.AddText("drop", name);
  if (!connection_->lost()) connection_->Write(drop);
  if (!failure) return true;
  switch (failure->what) {
    case Failure::What::kUnreachable:
    case Failure::What::kUnknown: return failure->status;
    default: return false;
  }
}

}  // namespace storegate::mongodb
