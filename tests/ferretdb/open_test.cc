// Opening MongoDB with users and TLS, on FerretDB, which has both: who may not in is
// told why, soon and without a secret.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/backend.h"
#include "tests/ferretdb/ferretdb_case.h"
#include "tests/support/mongodb.h"

namespace storegate::test {
namespace {

using repository::Backend;
using testing::HasSubstr;
using testing::Not;

FerretdbServer& Server() { return SharedFerretdb(); }

// Opens what the URL leads to, and says how that went and what the log said.
struct Opened {
  Status status;
  std::string log;
  std::unique_ptr<Backend> backend;
};
Opened Open(const std::string& url) {
  mongodb::Options options;
  options.url = url;
  options.connect_timeout = options.server_selection_timeout = std::chrono::seconds(2);
  testing::internal::CaptureStderr();
  Result<std::unique_ptr<Backend>> backend = mongodb::Open(options);
  Opened opened{backend.ok() ? Status() : backend.status(),
                testing::internal::GetCapturedStderr(), nullptr};
  if (backend.ok()) opened.backend = *std::move(backend);
  return opened;
}

// No status and no log line has a password, as it is or as the URL has it.
void ExpectNoSecret(const Opened& opened, const std::string& password) {
  for (const std::string& secret : {password, std::string(FerretdbServer::kPasswordInUrl)}) {
    EXPECT_THAT(opened.status.ToString(), Not(HasSubstr(secret)));
    EXPECT_THAT(opened.log, Not(HasSubstr(secret)));
  }
}

void ExpectRefused(const Opened& opened, const std::string& says,
                   const std::string& password = FerretdbServer::kPassword) {
  EXPECT_EQ(opened.status.code(), Code::kFailedPrecondition) << opened.status.ToString();
  EXPECT_EQ(opened.status.reason(), "CANNOT_OPEN_DATABASE");
  EXPECT_THAT(opened.status.message(), HasSubstr(says)) << opened.log;
  ExpectNoSecret(opened, password);
}

TEST(FerretdbOpenTest, TheRightPasswordOpens) {
  const Opened opened = Open(Server().PlainUrl(NewMongodbName()));
  ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
  ExpectNoSecret(opened, FerretdbServer::kPassword);
  const Result<std::string> kept = opened.backend->KeepSecret("key", "value");
  ASSERT_TRUE(kept.ok()) << kept.status().ToString();
  EXPECT_EQ(*opened.backend->KeepSecret("key", "another"), "value");
}

TEST(FerretdbOpenTest, AWrongPasswordIsRefused) {
  ExpectRefused(Open(With(Server().PlainUrl("things"), "secret", "SECRET")), "\"gateway\"",
                "a SECRET: 1/2?@");
}

TEST(FerretdbOpenTest, AWrongPasswordIsRefusedThroughTlsToo) {
  ExpectRefused(Open(With(Server().TlsUrl("things"), "secret", "SECRET")), "\"gateway\"",
                "a SECRET: 1/2?@");
}

TEST(FerretdbOpenTest, AnUnknownUserIsRefused) {
  ExpectRefused(Open(With(Server().PlainUrl("things"), "gateway:", "stranger:")), "\"stranger\"");
}

TEST(FerretdbOpenTest, NobodyIsRefused) {
  // The server greets anybody, and answers pings; that is not being let in.
  ExpectRefused(Open("mongodb://127.0.0.1:" + std::to_string(Server().plain_port()) + "/things"),
                "a user without a name");
}

TEST(FerretdbOpenTest, TheCertificateOpens) {
  const Opened opened = Open(Server().TlsUrl(NewMongodbName()));
  ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
  EXPECT_TRUE(opened.backend->KeepSecret("key", "value").ok());
}

TEST(FerretdbOpenTest, ACertificateThatNobodyVouchesForIsRefused) {
  const std::string url = Server().TlsUrl("things");
  ExpectRefused(Open(With(url, "&tlsCAFile=" + Server().ca_file(), "")), "certificate");
  ExpectRefused(Open(With(url, Server().ca_file(), Server().wrong_ca_file())), "certificate");
}

TEST(FerretdbOpenTest, ACertificateOfAnotherHostIsRefused) {
  // 127.1 is 127.0.0.1 to who looks it up, but no name in the certificate.
  const std::string url = With(Server().TlsUrl(NewMongodbName()), "127.0.0.1", "127.1");
  ExpectRefused(Open(url), "certificate");
  EXPECT_TRUE(Open(url + "&tlsAllowInvalidHostnames=true").status.ok());
}

TEST(FerretdbOpenTest, WhatMayBeAllowedIsAllowed) {
  const std::string url =
      With(Server().TlsUrl(NewMongodbName()), Server().ca_file(), Server().wrong_ca_file());
  EXPECT_TRUE(Open(url + "&tlsAllowInvalidCertificates=true").status.ok());
  EXPECT_TRUE(Open(url + "&tlsInsecure=true").status.ok());
}

TEST(FerretdbOpenTest, AFileThatIsNoCertificateIsAnInvalidOption) {
  const std::string url = Server().TlsUrl(NewMongodbName());
  const std::string key_only = With(Server().ca_file(), "cert.pem", "cert.key");
  for (const std::string& wrong : {With(url, "cert.pem", "missing.pem"),
                                   url + "&tlsCertificateKeyFile=" + key_only}) {
    const Opened opened = Open(wrong);
    EXPECT_EQ(opened.status.code(), Code::kInvalidArgument) << opened.status.ToString();
    EXPECT_EQ(opened.status.reason(), "INVALID_OPTION");
    EXPECT_THAT(opened.status.message(), HasSubstr("tlsCertificateKeyFile"));
    ExpectNoSecret(opened, FerretdbServer::kPassword);
  }
}

TEST(FerretdbOpenTest, AClientsCertificateMayBeGiven) {
  const std::filesystem::path folder = std::filesystem::path(Server().ca_file()).parent_path();
  {
    std::ofstream both(folder / "both.pem");
    for (const char* name : {"cert.pem", "cert.key"}) both << std::ifstream(folder / name).rdbuf();
  }
  const Opened opened = Open(Server().TlsUrl(NewMongodbName()) +
                             "&tlsCertificateKeyFile=" + (folder / "both.pem").string());
  EXPECT_TRUE(opened.status.ok()) << opened.status.ToString();
}

TEST(FerretdbOpenTest, WhetherACertificateWasRevokedIsAlwaysAsked) {
  for (const char* option :
       {"tlsDisableOCSPEndpointCheck", "tlsDisableCertificateRevocationCheck"}) {
    const Opened opened = Open(Server().TlsUrl("things") + "&" + option + "=true");
    EXPECT_EQ(opened.status.code(), Code::kInvalidArgument) << opened.status.ToString();
    EXPECT_THAT(opened.status.message(), testing::ContainsRegex("tlsdisable")) << option;
  }
}

TEST(FerretdbOpenTest, WhoDoesNotEncryptWhereOneMustIsToldSo) {
  const Opened opened =
      Open(With(Server().PlainUrl("things"), std::to_string(Server().plain_port()),
                std::to_string(Server().tls_port())));
  EXPECT_EQ(opened.status.code(), Code::kUnavailable) << opened.status.ToString();
  EXPECT_EQ(opened.status.reason(), "DATABASE_UNAVAILABLE");
  EXPECT_THAT(opened.status.message(), HasSubstr("needs tls=true"));
  ExpectNoSecret(opened, FerretdbServer::kPassword);
}

TEST(FerretdbOpenTest, WhoEncryptsWhereOneMayNotIsToldSo) {
  const Opened opened =
      Open(With(Server().TlsUrl("things"), std::to_string(Server().tls_port()),
                std::to_string(Server().plain_port())));
  EXPECT_EQ(opened.status.code(), Code::kUnavailable);
  EXPECT_EQ(opened.status.reason(), "DATABASE_UNAVAILABLE");
  EXPECT_THAT(opened.status.message(), HasSubstr("TLS")) << opened.status.ToString();
  ExpectNoSecret(opened, FerretdbServer::kPassword);
}

}  // namespace
}  // namespace storegate::test
