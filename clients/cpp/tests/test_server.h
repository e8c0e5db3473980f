// A gateway for a test program: in memory, on a free port, gone with it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

class TestServer {
 public:
  // `flags` are those of serve: {"--seed", "fixtures.jsonl"}, {"--proto", "proto"}. The
  // binary is that of STOREGATE_BIN, else of PATH. Throws std::runtime_error.
  explicit TestServer(const std::vector<std::string>& flags = {});
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  const std::string& target() const { return target_; }

  // Puts back what it started with.
  void Reset();

 private:
  pid_t pid_ = -1;
  int stdin_ = -1;  // open as long as the server is wanted
  std::string target_;
};
