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
import "google/protobuf/wrappers.proto";
import "storegate/v1/schema.proto";

message Author {
  option (storegate.v1.entity) = { index: { fields: "create_time desc" } };
  string id = 1;
  string name = 2 [(storegate.v1.field) = { required: true max_len: 100 searchable: true }];
  string slug = 3 [(storegate.v1.field) = { required: true immutable: true max_len: 50 unique: ALL }];
  optional string email = 4 [(storegate.v1.field) = { max_len: 100 unique: LIVE }];
  optional string mentor_id = 5 [(storegate.v1.field).references = "Author.id"];
  optional int64 born = 6;
  Author mentor = 7 [(storegate.v1.field).embed = "mentor_id"];
  repeated Author pupils = 8 [(storegate.v1.field).embed = "Author.mentor_id"];
  repeated Book books = 9 [(storegate.v1.field).embed = "Book.author_slug"];
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
  Author author = 8 [(storegate.v1.field).embed = "author_slug"];
  repeated Genre genres = 9 [(storegate.v1.field) = { embed: "BookGenre.book_id" via: "BookGenre" }];
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

message Genre {
  option (storegate.v1.entity) = {};
  string id = 1;
  string name = 2;
  repeated Book books = 3 [(storegate.v1.field) = { embed: "BookGenre.genre_id" via: "BookGenre" }];
  google.protobuf.Timestamp delete_time = 14;
}

message BookGenre {
  option (storegate.v1.entity) = {};
  string id = 1;
  optional int64 book_id = 2 [(storegate.v1.field).references = "Book.id"];
  optional string genre_id = 3 [(storegate.v1.field).references = "Genre.id"];
  google.protobuf.Timestamp delete_time = 14;
}

message Loan {
  option (storegate.v1.entity) = { index: { fields: "kind" fields: "fee" } };
  string id = 1 [(storegate.v1.field).format = UUID];
  optional string member_id = 2 [(storegate.v1.field).format = UUID];
  optional Kind kind = 3;
  optional bool late = 4;
  optional int32 days = 5;
  int64 fee = 6;
  optional uint32 pages = 7;
  optional float rating = 8;
  optional double weight = 9;
  optional string note = 10;
  google.protobuf.Int64Value points = 11;
  google.protobuf.Duration took = 12;
  google.protobuf.Timestamp time = 13;
  google.protobuf.Timestamp delete_time = 14;
  string etag = 15;
  bytes mark = 16;
  repeated string tags = 17;
  google.protobuf.Struct data = 18;
}

message CreateAuthorRequest { Author author = 1; }
message CreateBookRequest { Book book = 1; }
message CreateNoteRequest { Note note = 1; }
message CreateGenreRequest { Genre genre = 1; }
message CreateBookGenreRequest { BookGenre book_genre = 1; }
message CreateLoanRequest { Loan loan = 1; }
service AuthorStore { rpc CreateAuthor(CreateAuthorRequest) returns (Author); }
service BookStore { rpc CreateBook(CreateBookRequest) returns (Book); }
service NoteStore { rpc CreateNote(CreateNoteRequest) returns (Note); }
service GenreStore { rpc CreateGenre(CreateGenreRequest) returns (Genre); }
service BookGenreStore { rpc CreateBookGenre(CreateBookGenreRequest) returns (BookGenre); }

service LoanStore {
  rpc CreateLoan(CreateLoanRequest) returns (Loan);

  rpc GroupLoans(Empty) returns (GroupLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "kind" }
      compute: { count: true into: "count" }
      compute: { sum: "days" into: "days" }
      compute: { sum: "fee" into: "fee" }
      compute: { sum: "pages" into: "pages" }
      compute: { sum: "points" into: "points" }
      compute: { sum: "rating" into: "rating" }
      compute: { sum: "weight" into: "weight" }
      compute: { sum: "took" into: "took" }
      compute: { avg: "days" into: "average_days" }
      compute: { avg: "fee" into: "average_fee" }
      compute: { avg: "weight" into: "average_weight" }
      compute: { min: "late" into: "min_late" }
      compute: { max: "late" into: "max_late" }
      compute: { min: "note" into: "min_note" }
      compute: { max: "note" into: "max_note" }
      compute: { max: "member_id" into: "max_member" }
      compute: { min: "points" into: "min_points" }
      compute: { max: "took" into: "max_took" }
      compute: { min: "time" into: "first" }
      compute: { max: "time" into: "last" }
      compute: { max: "weight" into: "max_weight" }
      compute: { distinct: "note" into: "notes" }
      compute: { distinct: "member_id" into: "members" }
    };
  }
  rpc TotalLoans(Empty) returns (TotalLoansResponse) {
    option (storegate.v1.aggregate) = {
      compute: { count: true into: "count" }
      compute: { sum: "fee" into: "fee" }
      compute: { avg: "fee" into: "average_fee" }
      compute: { sum: "weight" into: "weight" }
      compute: { avg: "weight" into: "average_weight" }
      compute: { max: "kind" into: "kind" }
      compute: { sum: "points" into: "points" }
    };
  }
  rpc SortLoans(Empty) returns (SortLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "member_id" }
      group_by: { field: "late" }
      group_by: { field: "points" }
      group_by: { field: "weight" }
      group_by: { field: "took" }
      group_by: { field: "time" }
      group_by: { field: "note" }
    };
  }
  // Fields named as columns that they are not filled from.
  rpc CrossLoans(Empty) returns (CrossLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "days" into: "fee" }
      group_by: { field: "note" into: "kind" }
      compute: { sum: "fee" into: "days" }
      compute: { max: "days" into: "pages" }
    };
  }
  rpc TimeLoans(Empty) returns (TimeLoansResponse) {
    option (storegate.v1.aggregate) = {
      group_by: { year: "time" into: "year" }
      group_by: { month: "time" into: "month" }
      group_by: { day: "time" into: "day" }
      group_by: { hour: "time" into: "hour" }
      compute: { count: true into: "count" }
    };
  }
  rpc NativeLoans(NativeLoansRequest) returns (NativeLoansResponse) {
    option (storegate.v1.native) = { postgres: "SELECT 1" sqlite: "SELECT 1" mongodb: "[]" };
  }
}

message Empty {}
message GroupLoansResponse {
  message Group {
    optional Kind kind = 1;
    int32 count = 2;
    int64 days = 3;
    int64 fee = 4;
    int64 pages = 5;
    int64 points = 6;
    double rating = 7;
    google.protobuf.DoubleValue weight = 8;
    google.protobuf.Duration took = 9;
    optional double average_days = 10;
    optional double average_fee = 11;
    optional double average_weight = 12;
    optional bool min_late = 13;
    optional bool max_late = 14;
    optional string min_note = 15;
    google.protobuf.StringValue max_note = 16;
    optional string max_member = 17;
    optional int64 min_points = 18;
    google.protobuf.Duration max_took = 19;
    google.protobuf.Timestamp first = 20;
    google.protobuf.Timestamp last = 21;
    optional double max_weight = 22;
    int32 notes = 23;
    int64 members = 24;
  }
  repeated Group groups = 1;
}
message TotalLoansResponse {
  message Total {
    int64 count = 1;
    int64 fee = 2;
    optional double average_fee = 3;
    double weight = 4;
    optional double average_weight = 5;
    optional Kind kind = 6;
    int64 points = 7;
  }
  repeated Total totals = 1;
}
message SortLoansResponse {
  message Group {
    optional string member_id = 1;
    optional bool late = 2;
    google.protobuf.Int64Value points = 3;
    optional double weight = 4;
    google.protobuf.Duration took = 5;
    google.protobuf.Timestamp time = 6;
    optional string note = 7;
  }
  repeated Group groups = 1;
}
message CrossLoansResponse {
  message Group {
    optional int32 fee = 1;
    optional string kind = 2;
    int64 days = 3;
    optional int32 pages = 4;
  }
  repeated Group groups = 1;
}
message TimeLoansResponse {
  message Time {
    optional string year = 1;
    optional string month = 2;
    optional string day = 3;
    optional string hour = 4;
    int64 count = 5;
  }
  repeated Time times = 1;
}
message NativeLoansRequest {
  optional string text = 1;
  optional int32 number = 2;
  google.protobuf.Timestamp time = 3;
  repeated string texts = 4;
  repeated int64 numbers = 5;
  optional bool flag = 6;
  bytes data = 7;
  optional double real = 8;
  google.protobuf.Duration took = 9;
  Kind kind = 10;
  repeated google.protobuf.Timestamp times = 11;
  repeated double reals = 12;
  repeated bytes datas = 13;
  repeated bool flags = 14;
}
message NativeLoansResponse {
  message Row {
    optional string text = 1;
    optional int32 number = 2;
    google.protobuf.Timestamp time = 3;
    optional bool flag = 4;
    bytes data = 5;
    optional double real = 6;
    google.protobuf.Duration took = 7;
    Kind kind = 8;
    int64 large = 9;
    repeated string tags = 10;
    google.protobuf.Struct struct = 11;
    google.protobuf.Int64Value wrapped = 12;
    string missing = 13;
  }
  repeated Row rows = 1;
}
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
const schema::Entity& Genre() { return *Library().FindEntity("library.v1.Genre"); }
const schema::Entity& BookGenre() { return *Library().FindEntity("library.v1.BookGenre"); }
const schema::Entity& Loan() { return *Library().FindEntity("library.v1.Loan"); }

const schema::Method& LoanMethod(const std::string& name) {
  const schema::Method* method = Library().FindMethod("/library.v1.LoanStore/" + name);
  if (method == nullptr) std::abort();
  return *method;
}

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
  mutation.fields = Fields(*mutation.entity, fields);
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

Result<std::vector<std::string>> Rows(Session& session, const repository::AggregateQuery& query) {
  RowSink sink(query.aggregate->row.entity);
  Status status = session.Aggregate(query, &sink);
  if (!status.ok()) return status;
  return sink.Take();
}

Result<std::vector<std::string>> Rows(Session& session, const repository::NativeQuery& query) {
  RowSink sink(query.native->row.entity);
  Status status = session.Native(query, &sink);
  if (!status.ok()) return status;
  return sink.Take();
}

query::Predicate Parsed(std::string_view text, const schema::Entity& entity) {
  Result<query::Template> parsed = query::Template::Parse(text, entity, nullptr, nullptr);
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  return parsed.ok() ? *parsed->Bind(nullptr) : query::Predicate::True();
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
  return Where(session, entity, Parsed(predicate, entity));
}

std::vector<const schema::Field*> Fields(const schema::Entity& entity, std::string_view names) {
  std::vector<const schema::Field*> fields;
  std::istringstream stream{std::string(names)};
  for (std::string name; std::getline(stream, name, ',');) fields.push_back(entity.Find(name));
  return fields;
}

std::vector<Got> Get(Session& session, const schema::Entity& entity, std::string_view key_fields,
                     std::vector<repository::KeyValues> values, std::string_view mask) {
  repository::GetRequest request;
  request.entity = &entity;
  request.values = std::move(values);
  request.fields = Fields(entity, mask);
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
