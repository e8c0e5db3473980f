#include "server/adapters/mongodb/connection.h"

#include <algorithm>
#include <limits>
#include <string>
#include <thread>

namespace storegate::mongodb {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What is left for the server to do it in, in ms, as far as MongoDB can count; 0: no
// bound.
int64_t LeftUntil(Deadline deadline) {
  if (deadline == Deadline::max()) return 0;
  return std::clamp<int64_t>(
      duration_cast<milliseconds>(deadline - steady_clock::now()).count(), 1,
      std::numeric_limits<int32_t>::max());
}

// The greatest command, a document of 16 MiB and what is around it. A server closes the
// connection on which a greater one comes.
constexpr uint32_t kCommandMax = (16 << 20) + (16 << 10);

// Between commits that are sent again.
constexpr milliseconds kCommitPauseMin{10}, kCommitPauseMax{500};

// How long a server is given to forget a cursor that nobody reads to its end.
constexpr milliseconds kCloseTimeout{1000};

// A getMore has the bound of the command that it goes on with.
bool MayBeBounded(const Bson& command) {
  bson_iter_t at;
  return bson_iter_init(&at, command.get()) && bson_iter_next(&at) &&
         std::string_view(bson_iter_key(&at)) != "getMore";
}

bool HasLabel(const bson_t* reply, const char* label) {
  return mongoc_error_has_label(reply, label);
}

// Whether the server says that it has run the command, some parts of which it may have
// refused.
bool SaysDone(const bson_t* reply) {
  bson_iter_t at;
  return bson_iter_init_find(&at, reply, "ok") && bson_iter_as_bool(&at);
}

// Whether the reply has such a list with something in it; `first` is at the first then.
bool HasElements(const bson_t* reply, const char* list, bson_iter_t* first) {
  bson_iter_t at;
  return bson_iter_init_find(&at, reply, list) && BSON_ITER_HOLDS_ARRAY(&at) &&
         bson_iter_recurse(&at, first) && bson_iter_next(first);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(std::shared_ptr<Pool> pool, Deadline until) {
  Client* client = pool->TryPop();
  if (client == nullptr) {
    return Status(Code::kResourceExhausted, "POOL_EXHAUSTED",
                  "All " + std::to_string(pool->options().pool_size) +
                      " connections of the pool are in use; raise maxPoolSize.");
  }
  std::unique_ptr<Connection> connection(new Connection(std::move(pool), client));
  connection->Begin(until);
  Bson ping;
  ping.AddInt32("ping", 1);
  Pool& asked = connection->pool();
  const bool there = asked.AwaitServer(Deadline::min()) || connection->FindServer();
  if (!there || !connection->Read(ping).ok()) {
    const bool reached = there && connection->last_error_.domain != 0 &&
                         connection->last_error_.domain != MONGOC_ERROR_SERVER_SELECTION;
    return OpenFailure(reached ? connection->last_error_ : asked.last_error(), asked.user(),
                       asked.database());
  }
  connection->statements_ = 0;
  connection->StartSession();
  return connection;
}

Connection::Connection(std::shared_ptr<Pool> pool, Client* client)
    : pool_(std::move(pool)), client_(client) {}

// A cursor is of the session that it was made in, and libmongoc takes any one for a
// command that names none: where the server has sessions, all commands name this one.
void Connection::StartSession() {
  mongoc_session_opt_t* options = mongoc_session_opts_new();
  // All reads go to where the writes go.
  mongoc_session_opts_set_causal_consistency(options, false);
  bson_error_t error{};
  session_.reset(mongoc_client_start_session(client_->handle, options, &error));
  mongoc_session_opts_destroy(options);
}

Connection::~Connection() {
  if (in_transaction_) Abort();
  session_.reset();
  pool_->Push(client_);
}

void Connection::Begin(Deadline deadline) {
  deadline_ = deadline;
  const Deadline give_up =
      deadline == Deadline::max() ? deadline : deadline + pool_->options().grace;
  client_->bound.Begin(std::min(give_up, steady_clock::now() + pool_->options().socket_timeout));
}

bool Connection::Fresh() { return !lost_; }

Failure Connection::Unreachable() const {
  return {Failure::What::kUnreachable, DatabaseUnreachable(), ""};
}

Answer Connection::Read(const Bson& command) {
  return Run(Kind::kRead, command);
}

Answer Connection::Write(const Bson& command) {
  return Run(Kind::kWrite, command);
}

Answer Connection::WriteAdmin(const Bson& command) {
  return Run(Kind::kWrite, command, 0, "admin");
}

Answer Connection::Run(Kind kind, const Bson& command, uint32_t server,
                       const std::string& database) {
  return Settle(kind, [&] { return RunOnce(kind, command, server, database); });
}

Answer Connection::Settle(Kind kind, const std::function<Answer()>& run) {
  Answer answer = run();
  // Nothing of it had been sent; there is another connection now.
  if (!answer.ok() && client_->bound.stale && client_->bound.written == 0 && !in_transaction_) {
    answer = run();
  }
  if (answer.ok()) return answer;
  using What = Failure::What;
  if (kind == Kind::kRead && answer.failure->what == What::kUnknown) {
    answer.failure = Unreachable();
  }
  lost_ = lost_ || answer.failure->what == What::kUnknown ||
          answer.failure->what == What::kUnreachable;
  if (in_transaction_ && (client_->bound.stale || client_->bound.unanswered) &&
      !answer.from_server()) {
    answer.failure = Failure{What::kAgain, DatabaseUnreachable(), ""};
  }
  interrupted_ = interrupted_ || answer.failure->what == What::kAgain;
  return answer;
}

std::optional<Failure> Connection::Prepare(Bson* options) {
  if (!AwaitServer(deadline_)) return Unreachable();
  bson_error_t error{};
  if (session_ != nullptr &&
      !mongoc_client_session_append(session_.get(), options->get(), &error)) {
    return Explain(error, nullptr, false, false);
  }
  client_->bound.stale = false;
  client_->bound.unanswered = false;
  client_->bound.written = 0;
  ++statements_;
  return std::nullopt;
}

Failure Connection::Judge(Kind kind, const bson_error_t& error, const bson_t* reply) {
  last_error_ = error;
  Failure failure = Explain(error, reply, client_->bound.written > 0,
                            client_->bound.silent || Expired(deadline_));
  // The server's word is of what was sent last, not of what got no answer before it.
  if (kind == Kind::kWrite && client_->bound.unanswered &&
      failure.what != Failure::What::kDuplicate) {
    return Failure{Failure::What::kUnknown, WriteUnknown(), ""};
  }
  return failure;
}

Answer Connection::RunOnce(Kind kind, const Bson& command, uint32_t server,
                           const std::string& in) {
  Answer answer;
  Bson bounded = Bson::CopyOf(command.get());
  if (const int64_t left = LeftUntil(deadline_); left > 0 && MayBeBounded(command)) {
    bounded.AddInt64("maxTimeMS", left);
  }
  if (bounded.get()->len > kCommandMax) {
    answer.failure = Failure{Failure::What::kStatement, RecordTooLarge(), ""};
    return answer;
  }
  Bson options;
  if (server != 0) options.AddInt32("serverId", static_cast<int32_t>(server));
  answer.failure = Prepare(&options);
  if (answer.failure) return answer;
  bson_error_t error{};
  // libmongoc makes a reply whether it succeeds or not.
  bson_t reply;
  SetSending(&client_->bound);
  const char* database = in.empty() ? pool_->database().c_str() : in.c_str();
  const bool ok =
      kind == Kind::kRead
          ? mongoc_client_read_command_with_opts(client_->handle, database, bounded.get(), nullptr,
                                                 options.get(), &reply, &error)
          : mongoc_client_write_command_with_opts(client_->handle, database, bounded.get(),
                                                  options.get(), &reply, &error);
  SetSending(nullptr);
  answer.reply = Bson::CopyOf(&reply);
  bson_destroy(&reply);
  bson_iter_t at;
  if (bson_iter_init_find(&at, answer.reply.get(), "writeConcernError")) {
    answer.failure = Failure{Failure::What::kUnknown, WriteUnknown(), ""};
    LogUnconfirmed(answer.reply.get());
    return answer;
  }
  // What became of each part of it is for the caller to read.
  if (bson_iter_init_find(&at, answer.reply.get(), "writeErrors") &&
      SaysDone(answer.reply.get())) {
    return answer;
  }
  if (!ok) {
    answer.failure = Judge(kind, error, answer.reply.get());
  } else if (!SaysDone(answer.reply.get())) {
    answer.failure = MalformedAnswer();
    if (kind == Kind::kWrite) answer.failure = {Failure::What::kUnknown, WriteUnknown(), ""};
  }
  return answer;
}

Answer Connection::Insert(std::string_view collection, const bson_t** documents, size_t count,
                          bool ordered) {
  return Settle(Kind::kWrite, [&] { return InsertOnce(collection, documents, count, ordered); });
}

// By libmongoc's own function for it: of plain commands it takes findAndModify alone for
// one that may be sent again.
Answer Connection::InsertOnce(std::string_view collection, const bson_t** documents,
                              size_t count, bool ordered) {
  Answer answer;
  Bson options;
  // The gateway has checked them.
  options.AddBool("ordered", ordered).AddBool("validate", false);
  answer.failure = Prepare(&options);
  if (answer.failure) return answer;
  if (const int64_t left = LeftUntil(deadline_); left > 0) options.AddInt64("maxTimeMS", left);
  const std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)> handle(
      mongoc_client_get_collection(client_->handle, pool_->database().c_str(),
                                   std::string(collection).c_str()),
      mongoc_collection_destroy);
  bson_error_t error{};
  bson_t reply;
  SetSending(&client_->bound);
  const bool ok = mongoc_collection_insert_many(handle.get(), documents, count,
                                                options.get(), &reply, &error);
  SetSending(nullptr);
  const Bson said(bson_copy(&reply));
  bson_destroy(&reply);
  // As the server would say it.
  bson_iter_t at, unconfirmed;
  const bool refused = HasElements(said.get(), "writeErrors", &at);
  const bool open = HasElements(said.get(), "writeConcernErrors", &unconfirmed);
  const bool done = ok || refused || open;
  if (done || error.domain == MONGOC_ERROR_SERVER) answer.reply.AddInt32("ok", done ? 1 : 0);
  if (done && bson_iter_init_find(&at, said.get(), "insertedCount")) {
    bson_append_iter(answer.reply.get(), "n", 1, &at);
  }
  if (refused && bson_iter_init_find(&at, said.get(), "writeErrors")) {
    bson_append_iter(answer.reply.get(), "writeErrors", -1, &at);
  }
  if (open) {
    bson_append_iter(answer.reply.get(), "writeConcernError", -1, &unconfirmed);
    answer.failure = Failure{Failure::What::kUnknown, WriteUnknown(), ""};
    LogUnconfirmed(answer.reply.get());
  } else if (!done) {
    answer.failure = Judge(Kind::kWrite, error, said.get());
  }
  return answer;
}

Status Connection::BeginTransaction() {
  bson_error_t error{};
  if (session_ == nullptr) {
    session_.reset(mongoc_client_start_session(client_->handle, nullptr, &error));
  }
  if (session_ == nullptr ||
      !mongoc_client_session_start_transaction(session_.get(), nullptr, &error)) {
    return Explain(error, nullptr, false, false).status;
  }
  in_transaction_ = true;
  interrupted_ = false;
  return {};
}

std::optional<Failure> Connection::Commit() {
  in_transaction_ = false;
  const Deadline until = std::min(deadline_, steady_clock::now() + pool_->options().socket_timeout);
  // A commit may be sent again as often as one likes: it happens once.
  for (milliseconds pause = kCommitPauseMin;; pause = std::min(2 * pause, kCommitPauseMax)) {
    client_->bound.written = 0;
    bson_error_t error{};
    bson_t reply;
    SetSending(&client_->bound);
    const bool ok = mongoc_client_session_commit_transaction(session_.get(), &reply, &error);
    SetSending(nullptr);
    const Bson answer = Bson::CopyOf(&reply);
    bson_destroy(&reply);
    // libmongoc is content with an answer that says nothing.
    if (ok && SaysDone(answer.get())) return std::nullopt;
    const bool late = client_->bound.silent || Expired(until);
    Failure failure = Explain(error, answer.get(), true, late);
    // Only this says that it has not happened and will not.
    if (HasLabel(answer.get(), "TransientTransactionError")) {
      failure.what = Failure::What::kAgain;
      return failure;
    }
    if (HasLabel(answer.get(), "UnknownTransactionCommitResult") && !late) {
      std::this_thread::sleep_until(std::min(until, steady_clock::now() + pause));
      if (AwaitServer(until)) continue;
    }
    lost_ = true;
    session_.reset();
    return Failure{Failure::What::kUnknown, WriteUnknown(), ""};
  }
}

void Connection::Abort() {
  if (!in_transaction_) return;
  in_transaction_ = false;
  bson_error_t error{};
  SetSending(&client_->bound);
  // Best effort: a transaction that nobody goes on with ends by itself.
  mongoc_client_session_abort_transaction(session_.get(), &error);
  SetSending(nullptr);
}

bool Connection::AwaitServer(Deadline until) {
  if (pool_->AwaitServer(Deadline::min())) return true;
  const auto now = steady_clock::now();
  const milliseconds patience = pool_->options().server_selection_timeout;
  if (until >= now + patience) return FindServer();
  return pool_->AwaitServer(until);
}

// Being asked, libmongoc looks for servers at once, else only every ten seconds. It waits
// the whole server_selection_timeout for one, whatever the deadline.
bool Connection::FindServer() {
  bson_error_t error;
  mongoc_server_description_t* server =
      mongoc_client_select_server(client_->handle, true, nullptr, &error);
  if (server == nullptr) return false;
  mongoc_server_description_destroy(server);
  return true;
}

uint32_t Connection::SelectServer(std::optional<Failure>* failure) {
  // Of several routers, the one that has the transaction.
  if (in_transaction_) {
    const uint32_t pinned = mongoc_client_session_get_server_id(session_.get());
    if (pinned != 0) return pinned;
  }
  bson_error_t error{};
  mongoc_server_description_t* server = nullptr;
  if (AwaitServer(deadline_)) {
    server = mongoc_client_select_server(client_->handle, true, nullptr, &error);
  }
  if (server == nullptr) {
    *failure = Unreachable();
    lost_ = true;
    return 0;
  }
  const uint32_t id = mongoc_server_description_id(server);
  mongoc_server_description_destroy(server);
  return id;
}

Cursor::Cursor(Connection* connection, const Bson& command) : connection_(*connection) {
  bson_iter_t at;
  if (bson_iter_init(&at, command.get()) && bson_iter_next(&at) && BSON_ITER_HOLDS_UTF8(&at)) {
    collection_ = bson_iter_utf8(&at, nullptr);
  }
  server_ = connection_.SelectServer(&failure_);
  if (!failure_) Take(connection_.Run(Connection::Kind::kRead, command, server_), "firstBatch");
}

Cursor::~Cursor() {
  if (id_ == 0 || connection_.lost() || server_ == 0) return;
  Bson kill;
  kill.AddText("killCursors", collection_);
  BsonArray cursors;
  bson_append_int64(cursors.bson().get(), "0", 1, id_);
  kill.AddArray("cursors", cursors.bson());
  connection_.client_->bound.until =
      std::min(connection_.client_->bound.until, steady_clock::now() + kCloseTimeout);
  connection_.Run(Connection::Kind::kRead, kill, server_);
  --connection_.statements_;
}

void Cursor::Take(Answer answer, const char* batch) {
  in_batch_ = false;
  id_ = 0;
  if (!answer.ok()) {
    failure_ = std::move(answer.failure);
    bson_iter_t code;
    if (bson_iter_init_find(&code, answer.reply.get(), "code")) {
      server_code_ = bson_iter_as_int64(&code);
    }
    return;
  }
  reply_ = std::move(answer.reply);
  bson_iter_t at, cursor;
  bool has_id = false;
  if (bson_iter_init_find(&at, reply_.get(), "cursor") && BSON_ITER_HOLDS_DOCUMENT(&at) &&
      bson_iter_recurse(&at, &cursor)) {
    while (bson_iter_next(&cursor)) {
      const std::string_view key = bson_iter_key(&cursor);
      if (key == "id") {
        has_id = BSON_ITER_HOLDS_INT(&cursor);
        id_ = bson_iter_as_int64(&cursor);
      } else if (key == batch && BSON_ITER_HOLDS_ARRAY(&cursor)) {
        in_batch_ = bson_iter_recurse(&cursor, &at_);
      }
    }
  }
  if (!in_batch_ || !has_id) FailMalformed();
}

// What is no answer to a find must not be taken for one that found nothing.
void Cursor::FailMalformed() {
  failure_ = MalformedAnswer();
  in_batch_ = false;
  id_ = 0;
}

const bson_t* Cursor::Next() {
  for (;;) {
    if (in_batch_ && bson_iter_next(&at_)) {
      const uint8_t* data = nullptr;
      uint32_t length = 0;
      if (BSON_ITER_HOLDS_DOCUMENT(&at_)) bson_iter_document(&at_, &length, &data);
      if (data != nullptr && bson_init_static(&document_, data, length)) return &document_;
      FailMalformed();
      return nullptr;
    }
    if (in_batch_ && at_.err_off != 0) FailMalformed();
    if (id_ == 0 || failure_) return nullptr;
    Bson more;
    more.AddInt64("getMore", id_).AddText("collection", collection_);
    Take(connection_.Run(Connection::Kind::kRead, more, server_), "nextBatch");
  }
}

}  // namespace storegate::mongodb
