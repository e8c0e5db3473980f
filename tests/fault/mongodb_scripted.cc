#include "tests/fault/mongodb_scripted.h"

#include <utility>

namespace storegate::test {
namespace {

// A command as a client without sessions would send it.
bson_t* Plain(const bson_t& command) {
  bson_t* plain = bson_new();
  bson_copy_to_excluding_noinit(&command, plain, "lsid", "txnNumber", "startTransaction",
                                "autocommit", "$clusterTime", "$db", "$readPreference", nullptr);
  return plain;
}

int CountOf(const bson_t& command, const char* list) {
  bson_iter_t at, inside;
  if (!bson_iter_init_find(&at, &command, list) || !bson_iter_recurse(&at, &inside)) return 0;
  int count = 0;
  while (bson_iter_next(&inside)) ++count;
  return count;
}

}  // namespace

void HeldTransactions::SetUrl(const std::string& url) {
  std::lock_guard<std::mutex> lock(mutex_);
  url_ = url;
}

std::optional<FakeAnswer> HeldTransactions::Handle(const FakeCommand& command) {
  if (!command.autocommit.has_value()) return std::nullopt;
  std::unique_lock<std::mutex> lock(mutex_);
  if (command.start_transaction) held_[command.lsid].clear();
  if (command.name == "insert") {
    held_[command.lsid].emplace_back(Plain(*command.document));
    return FakeAnswer::Reply("{\"ok\": 1, \"n\": " +
                             std::to_string(CountOf(*command.document, "documents")) + "}");
  }
  if (command.name == "abortTransaction") {
    held_.erase(command.lsid);
    return FakeAnswer();
  }
  if (command.name != "commitTransaction") return std::nullopt;
  const Held writes = std::move(held_[command.lsid]);
  held_.erase(command.lsid);
  MongodbClient client(url_);
  lock.unlock();
  for (const auto& write : writes) client.Run(*write.get());
  return FakeAnswer();
}

void MongodbScripted::TearDown() {
  // What a case's own handler refers to is gone.
  if (fake_ != nullptr) fake_->SetHandler(nullptr);
  session_.reset();
  MongodbFault::TearDown();
  fake_.reset();
}

void MongodbScripted::OpenScripted(MongodbFakeOptions options, const std::string& schema,
                                   MongodbFake::Handler handler) {
  TearDown();
  options.behind = SharedServer().port();
  fake_ = std::make_unique<MongodbFake>(options, std::move(handler));
  MongodbPlace place;
  place.admin_url_of = [](const std::string& database) { return SharedServer().Url(database); };
  place.url_of = [this](const std::string& database) {
    url_ = SharedServer().Url(database);
    transactions_->SetUrl(url_);
    return fake_->Url(database);
  };
  place.change = [](mongodb::Options* options) {
    options->connect_timeout = std::chrono::seconds(2);
    options->server_selection_timeout = std::chrono::seconds(2);
    options->socket_timeout = std::chrono::seconds(3);
    options->grace = std::chrono::milliseconds(300);
    // The gateway's threads have theirs.
    options->pool_size = 20;
  };
  OpenThrough(std::make_unique<Proxy>(fake_->port()), MongodbAt(std::move(place)), schema);
  Reconnect();
  fake_->ForgetCommands();
}

void MongodbScripted::OpenWithTransactions(MongodbFake::Handler handler,
                                           const std::string& schema) {
  OpenScripted({}, schema,
               [transactions = transactions_, handler](const FakeCommand& command) {
                 std::optional<FakeAnswer> answer = handler ? handler(command) : std::nullopt;
                 return answer ? answer : transactions->Handle(command);
               });
}

void MongodbScripted::Script(MongodbFake::Handler handler) {
  fake_->SetHandler([transactions = transactions_, handler](const FakeCommand& command) {
    std::optional<FakeAnswer> answer = handler ? handler(command) : std::nullopt;
    return answer ? answer : transactions->Handle(command);
  });
  fake_->ForgetCommands();
}

void MongodbScripted::Reconnect() {
  session_.reset();
  Result<std::unique_ptr<repository::Session>> session =
      gateway().backend().Connect(repository::Backend::Use::kWrite);
  ASSERT_TRUE(HasStatus(session.status(), Code::kOk));
  session_ = *std::move(session);
}

repository::Mutation MongodbScripted::Insert() {
  records_.push_back(make().Make(entity()));
  repository::Mutation mutation;
  mutation.entity = &entity();
  mutation.record = records_.back().get();
  mutation.id = IdOf(*records_.back(), entity());
  mutation.new_version = ++next_version_;
  return mutation;
}

repository::Mutation MongodbScripted::Update(const Value& id) {
  repository::Mutation mutation = Insert();
  mutation.change = repository::Change::kUpdate;
  mutation.id = id;
  for (const schema::Field& field : entity().fields) {
    if (Writable(field) && !field.immutable && !field.input_only) mutation.fields.push_back(&field);
  }
  return mutation;
}

std::vector<std::unique_ptr<ScriptedWrite>> MongodbScripted::Apply(
    const std::vector<std::vector<repository::Mutation>>& writes, std::chrono::milliseconds left) {
  std::vector<std::unique_ptr<ScriptedWrite>> scripted;
  std::vector<repository::Write*> all;
  for (const std::vector<repository::Mutation>& mutations : writes) {
    auto one = std::make_unique<ScriptedWrite>();
    one->sink = std::make_unique<repository::WireSink>(&one->bytes);
    one->write.mutations = mutations;
    one->write.sink = one->sink.get();
    one->write.deadline = std::chrono::steady_clock::now() + left;
    all.push_back(&one->write);
    scripted.push_back(std::move(one));
  }
  const Status status = session().Apply(all);
  for (const auto& one : scripted) {
    // An error of the call is one of each write.
    if (!status.ok()) {
      EXPECT_TRUE(HasStatus(one->status(), status.code(), status.reason()));
    }
    EXPECT_EQ(one->rows(), one->status().ok() ? one->write.mutations.size() : 0u);
  }
  return scripted;
}

Status MongodbScripted::ApplyOne(const repository::Mutation& mutation,
                                 std::chrono::milliseconds left) {
  return Apply({{mutation}}, left)[0]->status();
}

bool MongodbScripted::IsThere(const Value& id) {
  bson_t command = BSON_INITIALIZER, filter, reply;
  BSON_APPEND_UTF8(&command, "find", entity().collection.c_str());
  BSON_APPEND_DOCUMENT_BEGIN(&command, "filter", &filter);
  BSON_APPEND_UTF8(&filter, "_id", std::get<std::string>(id).c_str());
  bson_append_document_end(&command, &filter);
  MongodbClient(url_).Run(command, &reply);
  bson_iter_t at, batch, first;
  const bool there = bson_iter_init(&at, &reply) &&
                     bson_iter_find_descendant(&at, "cursor.firstBatch", &batch) &&
                     bson_iter_recurse(&batch, &first) && bson_iter_next(&first);
  bson_destroy(&reply);
  bson_destroy(&command);
  return there;
}

int64_t MongodbScripted::CountThere() {
  bson_t reply;
  MongodbClient(url_).Run("{\"count\": \"" + entity().collection + "\"}", &reply);
  bson_iter_t at;
  const int64_t count = bson_iter_init_find(&at, &reply, "n") ? bson_iter_as_int64(&at) : -1;
  bson_destroy(&reply);
  return count;
}

void MongodbScripted::ApplyFirst(const FakeCommand& insert) {
  bson_t command = BSON_INITIALIZER, documents;
  BSON_APPEND_UTF8(&command, "insert", entity().collection.c_str());
  bson_iter_t at, inside;
  ASSERT_TRUE(bson_iter_init_find(&at, insert.document, "documents") &&
              bson_iter_recurse(&at, &inside) && bson_iter_next(&inside));
  BSON_APPEND_ARRAY_BEGIN(&command, "documents", &documents);
  bson_append_iter(&documents, "0", 1, &inside);
  bson_append_array_end(&command, &documents);
  MongodbClient(url_).Run(command);
  bson_destroy(&command);
}

}  // namespace storegate::test
