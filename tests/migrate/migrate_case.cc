#include "tests/migrate/migrate_case.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include "server/adapters/mongodb/backend.h"
#include "server/adapters/postgres/backend.h"
#include "server/adapters/sqlite/backend.h"
#include "server/base/text.h"
#include "server/query/order.h"
#include "server/repository/wire_sink.h"
#include "server/schema/loader.h"
#include "tests/support/mongodb.h"
#include "tests/support/postgres.h"
#include "tests/support/sqlite.h"

namespace storegate::test {
namespace {

const schema::Schema& Nothing() {
  static const schema::Schema nothing;  // its copies are known by its address
  return nothing;
}

std::unique_ptr<TestDatabase> Create(const BackendUnderTest& backend) {
  Result<std::unique_ptr<TestDatabase>> database = backend.create(Nothing());
  if (!database.ok()) std::abort();
  return *std::move(database);
}

}  // namespace

const schema::Schema& Library(const std::string& messages) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const schema::Schema>> loaded;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<const schema::Schema>& schema = loaded[messages];
  if (schema == nullptr) {
    const std::string head =
        "syntax = \"proto3\";\npackage library.v1;\nimport \"storegate/v1/schema.proto\";\n";
    schema::LoadResult result = schema::LoadEmbedded({{"library.proto", head + messages}});
    for (const schema::Diagnostic& each : result.diagnostics) {
      std::fprintf(stderr, "%s\n", each.ToString().c_str());
    }
    if (result.schema == nullptr) std::abort();
    schema = std::move(result.schema);
  }
  return *schema;
}

const std::vector<Kind>& Kinds() {
  static const BackendUnderTest lite = Sqlite(), postgres = Postgres(), mongo = Mongodb();
  static const std::vector<Kind> kinds = {
      {"sqlite", sqlite::SqliteGenerator, [] { return Create(lite); }, true},
      {"postgresql", postgres::PostgresGenerator, [] { return Create(postgres); }, true},
      {"mongodb", mongodb::MongodbGenerator, [] { return Create(mongo); }, false},
  };
  return kinds;
}

std::vector<const schema::Entity*> EntitiesOf(const schema::Schema& schema) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
  return entities;
}

MigrateCase::MigrateCase() : database_(kind().create()), backend_(Open()) {}

std::unique_ptr<repository::Backend> MigrateCase::Open() {
  Result<std::unique_ptr<repository::Backend>> backend = database_->Open();
  if (!backend.ok()) {
    ADD_FAILURE() << backend.status().ToString();
    std::abort();
  }
  return *std::move(backend);
}

Status MigrateCase::Generate(const schema::Schema& schema, migrate::GenerateOptions options) {
  const schema::Schema* before = schemas_.empty() ? nullptr : schemas_.back();
  Result<migrate::GeneratedMigration> made =
      migrate::Generate(before, schema, generator(), options);
  if (!made.ok()) return made.status();
  // Where nothing changes no file is written; here numbers and schemas go together.
  if (made->up.empty()) made->up = made->down = kind().has_columns ? "-- Nothing.\n" : "[]";
  const int number = static_cast<int>(migrations_.size()) + 1;
  migrations_.push_back({number, "000" + std::to_string(number) + "_step", made->up, made->down});
  schemas_.push_back(&schema);
  return {};
}

migrate::Job MigrateCase::MakeJob(repository::Backend& backend) {
  migrate::Job job;
  job.migrator = backend.migrator();
  job.generator = &generator();
  job.migrations = migrations_;
  job.schema = schemas_.back();
  job.here = EntitiesOf(*job.schema);
  job.applied_by = "a test";
  return job;
}

void MigrateCase::Up() {
  std::vector<std::string> applied;
  const Status status = migrate::Up(MakeJob(*backend_), 0, &applied);
  ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << migrations_.back().up;
}

void MigrateCase::Down(int to) {
  std::vector<std::string> reverted;
  const Status status = migrate::Down(MakeJob(*backend_), to, &reverted);
  ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << migrations_.back().down;
  while (static_cast<int>(migrations_.size()) > to) {
    migrations_.pop_back();
    schemas_.pop_back();
  }
}

std::vector<std::string> MigrateCase::Drift() {
  Result<std::vector<migrate::Drift>> drift = migrate::Verify(MakeJob(*backend_));
  if (!drift.ok()) return {drift.status().ToString()};
  std::vector<std::string> texts;
  for (const migrate::Drift& each : *drift) texts.push_back(each.text);
  return texts;
}

void MigrateCase::Insert(const std::string& name,
                         const std::map<std::string, std::string>& fields) {
  const schema::Entity& entity = *schemas_.back()->FindEntity("library.v1." + name);
  const std::unique_ptr<google::protobuf::Message> record(entity.prototype->New());
  std::string text;
  for (const auto& [field, value] : fields) text += field + ": " + value + "\n";
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, record.get())) << text;
  const google::protobuf::Message& given = *record;
  repository::Write write;
  repository::Mutation& insert = write.mutations.emplace_back();
  insert.change = repository::Change::kInsert;
  insert.entity = &entity;
  insert.id = given.GetReflection()->GetString(given, entity.id->descriptor);
  insert.record = record.get();
  insert.new_version = NewVersion();
  std::string row;
  repository::WireSink sink(&row);
  write.sink = &sink;
  repository::Write* const writes[] = {&write};
  Result<std::unique_ptr<repository::Session>> session =
      backend_->Connect(repository::Backend::Use::kWrite);
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  const Status status = (*session)->Apply(writes);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ASSERT_TRUE(write.outcomes.at(0).status.ok()) << write.outcomes[0].status.ToString();
}

std::vector<std::string> MigrateCase::Read(const std::string& name,
                                           const std::vector<std::string>& fields) {
  const schema::Entity& entity = *schemas_.back()->FindEntity("library.v1." + name);
  Result<std::unique_ptr<repository::Session>> session =
      backend_->Connect(repository::Backend::Use::kRead);
  if (!session.ok()) return {session.status().ToString()};
  std::vector<std::string> rows;
  for (int i = 0; i < 100; ++i) {
    repository::GetRequest request;
    request.entity = &entity;
    request.key = &entity.keys.front();
    request.values = {{std::string("id-") + std::to_string(i)}};
    std::string bytes;
    repository::WireSink sink(&bytes);
    std::vector<repository::Found> found;
    const Status status = (*session)->Get(request, &sink, &found);
    if (!status.ok()) return {status.ToString()};
    if (!found.at(0).found) continue;
    const std::unique_ptr<google::protobuf::Message> record(entity.prototype->New());
    if (!record->ParseFromString(bytes)) return {"?"};
    std::string row;
    for (const std::string& field : fields) {
      const auto* descriptor = entity.descriptor->FindFieldByName(field);
      if (descriptor == nullptr) return {"the schema has no field " + field};
      std::string text = "-";
      if (!descriptor->has_presence() ||
          record->GetReflection()->HasField(*record, descriptor)) {
        google::protobuf::TextFormat::PrintFieldValueToString(*record, descriptor, -1, &text);
      }
      row += (row.empty() ? "" : " ") + field + "=" + text;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace storegate::test
