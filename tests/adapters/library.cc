#include "tests/adapters/library.h"

#include <sstream>

#include <google/protobuf/text_format.h>

#include "server/base/text.h"
#include "server/migrate/runner.h"
#include "server/repository/wire_sink.h"
#include "server/schema/loader.h"
#include "tests/adapters/library_proto.h"

namespace storegate::test {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using repository::Backend;
using repository::Mutation;
using repository::Query;
using repository::Session;

namespace {

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
    auto* result = new schema::LoadResult(schema::LoadEmbedded({{"library.proto", kLibraryProto}}));
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
