#include "server/rpc/corks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

#include <gtest/gtest.h>

#include "server/base/burst.h"
#include "server/rpc/acceptor.h"

namespace storegate::rpc {
namespace {

// Two ends of a connection over loopback.
struct Pair {
  Pair() {
    const Descriptor listener(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener.get(), any, size), 0);
    EXPECT_EQ(listen(listener.get(), 1), 0);
    EXPECT_EQ(getsockname(listener.get(), any, &size), 0);
    client.Reset(socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(connect(client.get(), any, size), 0);
    server.Reset(accept(listener.get(), any, &size));
    peer = "ipv4:127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  Descriptor client, server;
  std::string peer;  // the client, as the server sees it
};

bool Corked(const Descriptor& socket) {
  int corked = 0;
  socklen_t size = sizeof corked;
  EXPECT_EQ(getsockopt(socket.get(), IPPROTO_TCP, TCP_CORK, &corked, &size), 0);
  return corked != 0;
}

TEST(Corks, AConnectionIsCorkedUntilTheBurstEnds) {
  Corks corks;
  const Pair one, other;
  corks.Add(one.server.get());
  corks.Add(other.server.get());
  {
    const Burst burst(2);
    corks.Cork(one.peer);
    corks.Cork(one.peer);
    EXPECT_TRUE(Corked(one.server));
    EXPECT_FALSE(Corked(other.server));
    ASSERT_EQ(send(one.server.get(), "abc", 3, 0), 3);
  }
  EXPECT_FALSE(Corked(one.server));
  char bytes[3];
  EXPECT_EQ(recv(one.client.get(), bytes, sizeof bytes, MSG_WAITALL), 3);
}

TEST(Corks, AConnectionThatWasClosedIsNone) {
  Corks corks;
  Pair one;
  const int number = one.server.get();
  corks.Add(number);
  one.server.Reset();
  {
    const Burst burst(2);
    corks.Cork(one.peer);
    corks.Cork("ipv4:127.0.0.1:1");
    corks.Cork("unix:");
  }
  // Whoever gets its number is another one.
  const Pair next;
  corks.Add(next.server.get());
  const Burst burst(2);
  corks.Cork(one.peer);
  EXPECT_EQ(Corked(next.server), next.peer == one.peer);
}

TEST(Corks, WhatIsNoConnectionIsLeftAlone) {
  Corks corks;
  corks.Add(-1);
  const Descriptor alone(socket(AF_INET, SOCK_STREAM, 0));
  corks.Add(alone.get());
  const Burst burst(2);
  corks.Cork("");
  EXPECT_FALSE(Corked(alone));
}

}  // namespace
}  // namespace storegate::rpc
