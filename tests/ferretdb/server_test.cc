// FerretDB has what it is there for: users, TLS, time limits, strict options.
#include "tests/support/ferretdb_server.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mongodb_server.h"

namespace storegate::test {
namespace {

FerretdbServer& Server() {
  static auto* server = new FerretdbServer();
  return *server;
}

// "" or what went wrong.
std::string Try(const std::string& url, const std::string& command) {
  std::string failed;
  RunMongodbCommand(url + "&serverSelectionTimeoutMS=2000", command, nullptr, &failed);
  return failed;
}

constexpr char kPing[] = R"({"ping": 1})";
constexpr char kFind[] = R"({"find": "c"})";

TEST(FerretdbServerTest, WhoHasThePasswordGetsIn) {
  EXPECT_EQ(Try(Server().PlainUrl("things"), kFind), "");
  EXPECT_EQ(Try(Server().TlsUrl("things"), kFind), "");
}

TEST(FerretdbServerTest, WhoHasNotThePasswordDoesNot) {
  std::string url = Server().PlainUrl("things");
  url.replace(url.find("secret"), 6, "SECRET");
  EXPECT_THAT(Try(url, kFind), testing::HasSubstr("uthentication"));
  const std::string nobody =
      "mongodb://127.0.0.1:" + std::to_string(Server().plain_port()) + "/things?appName=nobody";
  EXPECT_THAT(Try(nobody, kFind), testing::HasSubstr("uthentication"));
}

TEST(FerretdbServerTest, TheCertificateIsChecked) {
  std::string url = Server().TlsUrl("things");
  url.replace(url.find("cert.pem"), 8, "other.pem");
  EXPECT_THAT(Try(url, kPing), testing::HasSubstr("certificate"));
  EXPECT_NE(Try("mongodb://127.0.0.1:" + std::to_string(Server().tls_port()) + "/things?tls=false",
                kPing),
            "");
}

TEST(FerretdbServerTest, OptionsThatItDoesNotKnowAreRefused) {
  EXPECT_NE(Try(Server().PlainUrl("things"), R"({"find": "c", "nonsense": 1})"), "");
}

TEST(FerretdbServerTest, ItIsThereAgainAfterKill9) {
  EXPECT_EQ(Try(Server().PlainUrl("things"), R"({"insert": "k", "documents": [{"_id": 1}]})"), "");
  Server().Kill9();
  EXPECT_NE(Try(Server().PlainUrl("things"), kPing), "");
  Server().Start();
  EXPECT_EQ(Try(Server().TlsUrl("things"), kFind), "");
}

}  // namespace
}  // namespace storegate::test
