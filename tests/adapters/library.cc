#include "tests/adapters/library.h"

#include <sstream>

#include <google/protobuf/text_format.h>

#include "server/base/text.h"
#include "server/migrate/runner.h"
#include "server/repository/wire_sink.h"
#include "server/schema/loader.h"

namespace storegate::test {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using repository::Backend;
using repository::Mutation;
using repository::Query;
using repository::Session;

namespace {

constexpr char kLibrary[] = R"(
syntax = "proto3";
package library.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";

message Author {
  option (storegate.v1.entity) = { index: { fields: "create_time desc" } };
  string id = 1;
  string name = 2 [(storegate.v1.field) = { required: true max_len: 100 searchable: true }];
  string slug = 3 [(storegate.v1.field) = { required: true immutable: true max_len: 50 unique: ALL }];
  optional string email = 4 [(storegate.v1.field) = { max_len: 100 unique: LIVE }];
  optional string mentor_id = 5 [(storegate.v1.field).references = "Author.id"];
  optional int64 born = 6;
  google.protobuf.Timestamp create_time = 12;
  google.protobuf.Timestamp update_time = 13;
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
}

enum Kind { KIND_UNSPECIFIED = 0; NOVEL = 1; POEM = 2; }

message Book {
  option (storegate.v1.entity) = {
    index: { fields: "shelf" fields: "place" unique: ALL }
    index: { fields: "title" where: "kind = POEM AND pages > 5" }
  };
  int64 id = 1;
  string title = 2 [(storegate.v1.field).max_len = 100];
  string author_slug = 3 [(storegate.v1.field) = { required: true references: "Author.slug" }];
  string shelf = 4 [(storegate.v1.field).max_len = 10];
  int32 place = 5;
  Kind kind = 6;
  int32 pages = 7;
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
}

message Inner {
  string text = 1;
  double weight = 2;
  google.protobuf.Timestamp time = 3;
  google.protobuf.Duration took = 4;
  bytes data = 5;
  repeated string words = 6;
  map<string, int64> counts = 7;
  float ratio = 8;
  Kind kind = 9;
  optional bool flag = 10;
}

message Note {
  option (storegate.v1.entity) = {};
  string id = 1;
  google.protobuf.Struct data = 2;
  map<string, string> labels = 3;
  map<int32, string> by_number = 4;
  repeated string tags = 5;
  repeated int64 numbers = 6;
  repeated double weights = 7;
  repeated bytes blobs = 8;
  repeated Kind kinds = 9;
  repeated google.protobuf.Timestamp times = 10;
  repeated bool flags = 11;
  Inner inner = 12;
  google.protobuf.Value value = 13;
  repeated float ratios = 14;
  string etag = 15;
  repeated google.protobuf.Duration durations = 16;
  optional double weight = 17;
  bytes key = 18 [(storegate.v1.field) = { max_len: 16 unique: ALL }];
}

message CreateAuthorRequest { Author author = 1; }
message CreateBookRequest { Book book = 1; }
message CreateNoteRequest { Note note = 1; }
service AuthorStore { rpc CreateAuthor(CreateAuthorRequest) returns (Author); }
service BookStore { rpc CreateBook(CreateBookRequest) returns (Book); }
service NoteStore { rpc CreateNote(CreateNoteRequest) returns (Note); }
)";

int64_t next_version = 1;

std::string OneLine(const schema::Entity& entity, std::string_view wire) {
  std::unique_ptr<Message> message(entity.prototype->New());
  if (!message->ParseFromArray(wire.data(), static_cast<int>(wire.size()))) return "MALFORMED";
  if (entity.etag != nullptr) {
    message->GetReflection()->ClearField(message.get(), entity.etag->descriptor);
  }
  TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(*message, &text);
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

const schema::Entity& EntityOf(const Message& record) {
  for (const schema::Entity& entity : Library().entities) {
    if (entity.descriptor == record.GetDescriptor()) return entity;
  }
  std::abort();
}

// Keeps rows apart.
class RowSink : public repository::WireSink {
 public:
  explicit RowSink(const schema::Entity& entity) : WireSink(&bytes_), entity_(entity) {
    SetEntity(&entity);
  }
  void BeginRow() override {
    begin_ = bytes_.size();
    WireSink::BeginRow();
  }
  bool EndRow() override {
    const bool more = WireSink::EndRow();
    rows_.push_back(OneLine(entity_, std::string_view(bytes_).substr(begin_)));
    return more;
  }
  std::vector<std::string> Take() { return std::move(rows_); }

 private:
  const schema::Entity& entity_;
  std::string bytes_;
  size_t begin_ = 0;
  std::vector<std::string> rows_;
};

}  // namespace

const schema::Schema& Library() {
  static const schema::LoadResult* loaded = [] {
    auto* result = new schema::LoadResult(schema::LoadEmbedded({{"library.proto", kLibrary}}));
    for (const schema::Diagnostic& diagnostic : result->diagnostics) {
      std::fprintf(stderr, "%s\n", diagnostic.ToString().c_str());
    }
    if (result->schema == nullptr) std::abort();
    return result;
  }();
  return *loaded->schema;
}

const schema::Entity& Author() { return *Library().FindEntity("library.v1.Author"); }
const schema::Entity& Book() { return *Library().FindEntity("library.v1.Book"); }
const schema::Entity& Note() { return *Library().FindEntity("library.v1.Note"); }

std::unique_ptr<Backend> OpenBackend(const sqlite::Options& options,
                                     const schema::Schema& schema) {
  Result<std::unique_ptr<Backend>> backend = sqlite::Open(options);
  EXPECT_TRUE(backend.ok()) << backend.status().ToString();
  if (!backend.ok()) return nullptr;
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
  std::vector<std::string> created;
  const Status status = migrate::CreateTables(*(*backend)->migrator(), sqlite::SqliteGenerator(),
                                              entities, &created);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return *std::move(backend);
}

std::unique_ptr<Backend> OpenMemory(const schema::Schema& schema) {
  return OpenBackend({.path = ":memory:"}, schema);
}

std::unique_ptr<Session> Writer(Backend& backend) {
  Result<std::unique_ptr<Session>> session = backend.Connect(Backend::Use::kWrite);
  EXPECT_TRUE(session.ok()) << session.status().ToString();
  return session.ok() ? *std::move(session) : nullptr;
}

std::unique_ptr<Session> Reader(Backend& backend) {
  Result<std::unique_ptr<Session>> session = backend.Connect(Backend::Use::kRead);
  EXPECT_TRUE(session.ok()) << session.status().ToString();
  return session.ok() ? *std::move(session) : nullptr;
}

std::unique_ptr<Message> Record(const schema::Entity& entity, const std::string& text) {
  std::unique_ptr<Message> message(entity.prototype->New());
  EXPECT_TRUE(TextFormat::ParseFromString(text, message.get())) << text;
  return message;
}

Mutation Change(repository::Change change, const schema::Entity& entity, Value id) {
  Mutation mutation;
  mutation.change = change;
  mutation.entity = &entity;
  mutation.id = std::move(id);
  mutation.new_version = next_version++;
  mutation.now_millis = 1700000000000;
  for (const schema::Field* field : entity.stored) {
    if (field->references) mutation.check_references.push_back(field);
  }
  mutation.check_referrers = entity.referrers;
  return mutation;
}

Mutation Insert(const Message& record) {
  const schema::Entity& entity = EntityOf(record);
  Value id = *query::ReadValue(record, entity.id->descriptor);
  if (id == Value(int64_t{0})) id = Value();
  Mutation mutation = Change(repository::Change::kInsert, entity, std::move(id));
  mutation.record = &record;
  return mutation;
}

Mutation Update(const Message& record, std::string_view fields) {
  Mutation mutation = Insert(record);
  mutation.change = repository::Change::kUpdate;
  std::istringstream names{std::string(fields)};
  for (std::string name; std::getline(names, name, ',');) {
    mutation.fields.push_back(mutation.entity->Find(name));
  }
  return mutation;
}

Status Apply(Session& session, std::vector<Mutation> mutations, std::string* rows) {
  const schema::Entity& entity = *mutations[0].entity;
  RowSink sink(entity);
  repository::Write write;
  write.mutations = std::move(mutations);
  write.sink = &sink;
  repository::Write* const writes[] = {&write};
  if (Status status = session.Apply(writes); !status.ok()) return status;
  if (write.failed) return write.outcomes[*write.failed].status;
  if (rows != nullptr) {
    rows->clear();
    for (const std::string& row : sink.Take()) *rows += (rows->empty() ? "" : " | ") + row;
  }
  return {};
}

Status InsertText(Session& session, const schema::Entity& entity, const std::string& text) {
  const std::unique_ptr<Message> record = Record(entity, text);
  return Apply(session, {Insert(*record)});
}

Result<std::vector<std::string>> Rows(Session& session, const Query& query) {
  RowSink sink(*query.entity);
  Status status = session.List(query, &sink);
  if (!status.ok()) return status;
  return sink.Take();
}

Query All(const schema::Entity& entity, std::string_view order_by) {
  Query query;
  query.entity = &entity;
  query.limit = 1000;
  Result<query::Order> order = query::ParseOrder(order_by, entity);
  EXPECT_TRUE(order.ok()) << order.status().ToString();
  query.order = *order;
  return query;
}

std::vector<std::string> Where(Session& session, const schema::Entity& entity,
                               query::Predicate predicate) {
  Query query = All(entity);
  query.where = std::move(predicate);
  Result<std::vector<std::string>> rows = Rows(session, query);
  EXPECT_TRUE(rows.ok()) << rows.status().ToString();
  if (!rows.ok()) return {"ERROR"};
  // The same must be counted as is listed.
  Result<int64_t> count = session.Count(query);
  EXPECT_TRUE(count.ok()) << count.status().ToString();
  EXPECT_EQ(*count, static_cast<int64_t>(rows->size()));
  std::vector<std::string> ids;
  for (const std::string& row : *rows) {
    const std::unique_ptr<Message> record = Record(entity, row);
    const Value id = *query::ReadValue(*record, entity.id->descriptor);
    ids.push_back(std::holds_alternative<std::string>(id)
                      ? std::get<std::string>(id)
                      : std::to_string(std::get<int64_t>(id)));
  }
  return ids;
}

std::vector<std::string> Where(Session& session, const schema::Entity& entity,
                               std::string_view predicate) {
  Result<query::Template> parsed = query::Template::Parse(predicate, entity, nullptr, nullptr);
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  if (!parsed.ok()) return {"ERROR"};
  return Where(session, entity, *parsed->Bind(nullptr));
}

std::vector<Got> Get(Session& session, const schema::Entity& entity, std::string_view key_fields,
                     std::vector<repository::KeyValues> values) {
  repository::GetRequest request;
  request.entity = &entity;
  request.values = std::move(values);
  for (const schema::Key& key : entity.keys) {
    std::string names;
    for (const schema::Field* field : key.fields) names += (names.empty() ? "" : ",") + field->name;
    if (names == key_fields) request.key = &key;
  }
  EXPECT_NE(request.key, nullptr) << key_fields;
  std::string bytes;
  repository::WireSink sink(&bytes);
  sink.SetEntity(&entity);
  std::vector<repository::Found> found;
  const Status status = session.Get(request, &sink, &found);
  EXPECT_TRUE(status.ok()) << status.ToString();
  std::vector<Got> got;
  for (const repository::Found& one : found) {
    if (!one.found) {
      got.push_back({"none", ""});
      continue;
    }
    got.push_back({one.deleted ? "deleted" : "living",
                   OneLine(entity, std::string_view(bytes).substr(one.begin, one.end - one.begin))});
  }
  return got;
}

}  // namespace storegate::test
