// A service over two databases in memory: authors, accounts and notes in one,
// books, which refer to authors, in the other.
#pragma once

#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "server/service/service.h"
#include "tests/unit/service/memory_backend.h"

namespace storegate::service {

struct Reply {
  Status status;
  MessagePtr response;
};

class Harness : public testing::Test {
 protected:
  Harness() { Start({}); }
  ~Harness() override { Stop(); }

  void Start(Options options) {
    options.password_memory_bytes = 64 * 1024;
    options.password_passes = 1;
    Service::Routes routes;
    for (const schema::Entity& entity : Library().entities) {
      routes[&entity] = entity.name == "Book" ? &books_executor_ : &executor_;
    }
    ASSERT_TRUE(executor_.Start().ok());
    ASSERT_TRUE(books_executor_.Start().ok());
    service_ = std::make_unique<Service>(Library(), routes,
                                         query::TokenSealer(std::string(32, 'k')), options);
  }
  void Stop() {
    executor_.Stop();
    books_executor_.Stop();
    service_.reset();
  }

  Reply CallBytes(const std::string& store, const std::string& method, std::string bytes,
                  Deadline deadline = Deadline::max()) {
    std::promise<std::pair<Status, std::string>> answered;
    Call call;
    call.method = &MethodOf(store, method);
    call.request = std::move(bytes);
    call.deadline = deadline;
    call.done = [&](const Status& status, std::string response) {
      answered.set_value({status, std::move(response)});
    };
    service_->Handle(std::move(call));
    auto [status, bytes_back] = answered.get_future().get();
    Reply reply{status, MessagePtr(MethodOf(store, method).response->New())};
    EXPECT_TRUE(reply.response->ParseFromString(bytes_back));
    EXPECT_TRUE(status.ok() || !status.reason().empty()) << status.ToString();
    return reply;
  }
  Reply Send(const std::string& store, const std::string& method, const std::string& request) {
    return CallBytes(store, method,
                     Make(*MethodOf(store, method).request, request)->SerializeAsString());
  }

  // "OK" or "NOT_FOUND RECORD_DELETED".
  static std::string Outcome(const Reply& reply) {
    std::string text(CodeName(reply.status.code()));
    return reply.status.ok() ? text : text + " " + reply.status.reason();
  }
  std::string Try(const std::string& store, const std::string& method,
                  const std::string& request) {
    return Outcome(Send(store, method, request));
  }

  void Author(const std::string& id, const std::string& slug, const std::string& more = "") {
    ASSERT_EQ(Try("AuthorStore", "CreateAuthor",
                  "author { id: '" + id + "' name: 'n' slug: '" + slug + "' " + more + "}"),
              "OK");
  }
  std::string Stored(const std::string& id) {
    std::lock_guard lock(database_.mutex);
    const auto found = database_.rows.find({&EntityOf("Author"), Value(id)});
    return found == database_.rows.end() ? "" : Text(*found->second.record);
  }

  static constexpr char kA[] = "01890a5d-ac96-774b-bcce-b302099a8051";
  static constexpr char kB[] = "01890a5d-ac96-774b-bcce-b302099a8052";
  static constexpr char kC[] = "01890a5d-ac96-774b-bcce-b302099a8053";

  MemoryDatabase database_, books_;
  MemoryBackend backend_{&database_}, books_backend_{&books_};
  repository::Executor executor_{&backend_, {}};
  repository::Executor books_executor_{&books_backend_, {}};
  std::unique_ptr<Service> service_;
};

// 'text' in a request's text format.
inline std::string Q(const std::string& text) { return "'" + text + "'"; }

}  // namespace storegate::service
