#include "runtime/network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

using StreamPtr = std::unique_ptr<Stream>;

Task<std::string> read_all(Stream& stream, std::size_t at_most = std::string::npos) {
  std::string all;
  std::array<std::uint8_t, 4096> buffer;
  while (all.size() < at_most) {
    const std::size_t wanted = std::min(buffer.size(), at_most - all.size());
    const std::span<std::uint8_t> into(buffer.data(), wanted);
    auto n = co_await stream.read_some(into);
    if (!n) {
      all += "(" + std::string(to_string(n.error().kind)) + ")";
      break;
    }
    if (*n == 0) break;
    all += as_text(ByteView(buffer.data(), *n));
  }
  co_return all;
}

// A client and a server stream on one real shard; the test's task runs there.
class NetworkTest : public testing::Test {
 protected:
  NetworkTest() { shards_.start(); }

  template <class F>
  void run(F body) {
    std::promise<void> done;
    Shard& shard = shards_.at(0);
    Gate gate;
    shard.post([&] {
      EXPECT_TRUE(shard.spawn(gate, body(shard)));
      gate.close([&] { done.set_value(); });
    });
    done.get_future().get();
    std::promise<void> passed;
    shard.post([&] { passed.set_value(); });
    passed.get_future().get();
  }

  static std::unique_ptr<Listener> listen(Shard& shard, const Endpoint& at = {"127.0.0.1", 0}, bool shared = false) {
    auto listener = system_network().listen(shard, at, 128, shared);
    EXPECT_TRUE(listener.has_value()) << listener.error().message;
    return std::move(*listener);
  }

  struct Pair {
    StreamPtr client, server;
  };
  static Task<Pair> pair(Shard& shard) {
    auto listener = listen(shard);
    auto client = co_await system_network().connect(shard, listener->local());
    auto server = co_await listener->accept();
    EXPECT_TRUE(client.has_value() && server.has_value());
    Pair both;
    both.client = std::move(*client);
    both.server = std::move(*server);
    co_return both;
  }

  Shards shards_{2};
};

Task<void> echo(Stream& stream) {
  std::array<std::uint8_t, 1000> buffer;
  for (;;) {
    const std::span<std::uint8_t> into(buffer);
    auto n = co_await stream.read_some(into);
    if (!n || *n == 0) break;
    stream.send(BufferChain(Bytes::copy(ByteView(buffer.data(), *n))));
  }
  stream.shutdown_after_sends();
}

TEST_F(NetworkTest, EchoesAndEndsHalfByHalf) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      EXPECT_EQ(both.client->remote().port, both.server->local().port);
      EXPECT_EQ(both.client->local().port, both.server->remote().port);
      EXPECT_EQ(both.client->remote().host, "127.0.0.1");
      Gate gate;
      shard.spawn(gate, echo(*both.server));
      BufferChain chain(Bytes::literal("hello "));
      chain.append(Bytes::literal("world"));
      both.client->send(std::move(chain));
      auto first = co_await read_all(*both.client, 11);
      EXPECT_EQ(first, "hello world");
      both.client->send(BufferChain(Bytes::literal("bye")));
      both.client->shutdown_after_sends();
      auto rest = co_await read_all(*both.client);
      EXPECT_EQ(rest, "bye");
      co_await shard.drained(gate);
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, ReadableNeedsNoBuffer) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      both.client->send(BufferChain(Bytes::literal("x")));
      auto ready = co_await both.server->readable();
      EXPECT_TRUE(ready.has_value());
      ready = co_await both.server->readable();
      EXPECT_TRUE(ready.has_value()) << "what is there stays readable";
      auto got = co_await read_all(*both.server, 1);
      EXPECT_EQ(got, "x");
      both.client->close();
      ready = co_await both.server->readable();
      EXPECT_TRUE(ready.has_value());
      got = co_await read_all(*both.server);
      EXPECT_EQ(got, "");
    }
  };
  run(Body::run);
}

Task<void> close_soon(Shard& shard, Stream& stream) {
  co_await shard.sleep(milliseconds(5));
  stream.close();
}

TEST_F(NetworkTest, CloseWakesTheReader) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      Gate gate;
      shard.spawn(gate, close_soon(shard, *both.server));
      auto got = co_await read_all(*both.server);
      EXPECT_EQ(got, "(closed)");
      auto ready = co_await both.server->readable();
      EXPECT_FALSE(ready.has_value());
      both.server->close();
      both.server->send(BufferChain(Bytes::literal("into the void")));
      EXPECT_EQ(both.server->queued_bytes(), 0u);
      got = co_await read_all(*both.client);
      EXPECT_EQ(got, "");
      co_await shard.drained(gate);
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, DestroyingAStreamEndsItsReader) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      Gate gate;
      std::string got;
      shard.spawn(gate, wait_once(*both.server, got));
      co_await shard.sleep(milliseconds(2));
      both.server.reset();
      co_await shard.drained(gate);
      EXPECT_EQ(got, "closed");
    }
    static Task<void> wait_once(Stream& stream, std::string& got) {
      auto ready = co_await stream.readable();
      got = ready ? "readable" : to_string(ready.error().kind);
    }
  };
  run(Body::run);
}

constexpr std::size_t big = 32 << 20;

BufferChain big_chain() {
  BufferChain chain;
  for (std::size_t at = 0; at < big; at += 100'000) {
    BlockRef block = BlockRef::allocate(100'000);
    std::uint8_t* const data = block->data();
    const std::size_t size = std::min<std::size_t>(100'000, big - at);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>((at + i) * 31 >> 3);
    chain.append(Bytes(std::move(block), data, size));
  }
  return chain;
}

Task<void> read_slowly(Shard& shard, Stream& stream, std::size_t& read, bool& right) {
  std::vector<std::uint8_t> buffer(1 << 20);
  const std::span<std::uint8_t> into(buffer);
  for (;;) {
    co_await shard.sleep(milliseconds(1));
    auto n = co_await stream.read_some(into);
    if (!n || *n == 0) break;
    for (std::size_t i = 0; i < *n; ++i) right = right && buffer[i] == static_cast<std::uint8_t>((read + i) * 31 >> 3);
    read += *n;
  }
}

TEST_F(NetworkTest, ABigSendDrainsIntoASlowReader) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      both.server->send(big_chain());
      EXPECT_GT(both.server->queued_bytes(), 0u);
      EXPECT_LT(both.server->queued_bytes(), big);
      Gate gate;
      std::size_t read = 0;
      bool right = true;
      shard.spawn(gate, read_slowly(shard, *both.client, read, right));
      both.server->shutdown_after_sends();
      auto drained = co_await both.server->drained();
      EXPECT_TRUE(drained.has_value());
      EXPECT_EQ(both.server->queued_bytes(), 0u);
      co_await shard.drained(gate);
      EXPECT_EQ(read, big);
      EXPECT_TRUE(right);
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, CloseEndsAWaitForTheQueue) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      both.server->send(big_chain());
      Gate gate;
      shard.spawn(gate, close_soon(shard, *both.server));
      auto drained = co_await both.server->drained();
      EXPECT_FALSE(drained.has_value());
      EXPECT_EQ(drained.error().kind, ErrorKind::closed);
      EXPECT_EQ(both.server->queued_bytes(), 0u);
      co_await shard.drained(gate);
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, ASendThatFailsClosesTheStream) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto both = co_await pair(shard);
      // Closed with unread bytes, the peer answers with a reset.
      both.server->send(BufferChain(Bytes::literal("unread")));
      auto arrived = co_await both.client->readable();
      EXPECT_TRUE(arrived.has_value());
      both.client->close();
      auto seen = co_await both.server->readable();
      (void)seen;
      for (int i = 0; i < 3; ++i) both.server->send(BufferChain(Bytes::literal("more")));
      auto got = co_await read_all(*both.server);
      EXPECT_EQ(got, "(closed)");
      auto drained = co_await both.server->drained();
      EXPECT_FALSE(drained.has_value());
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, AConnectionMayBeRefusedOrHaveNoAddress) {
  struct Body {
    static Task<void> run(Shard& shard) {
      Endpoint nobody;
      {
        auto listener = listen(shard);
        nobody = listener->local();
      }
      auto refused = co_await system_network().connect(shard, nobody);
      EXPECT_FALSE(refused.has_value());
      EXPECT_EQ(refused.error().kind, ErrorKind::io);
      EXPECT_EQ(refused.error().os_error, ECONNREFUSED);
      const Endpoint nowhere{"no-such-host.invalid", 1};
      auto unknown = co_await system_network().connect(shard, nowhere);
      EXPECT_FALSE(unknown.has_value());
      EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, ListensOnEveryAddressForm) {
  struct Body {
    static Task<void> reach(Shard& shard, Endpoint at, std::string host) {
      auto listener = listen(shard, at);
      const Endpoint to{host, listener->local().port};
      auto client = co_await system_network().connect(shard, to);
      auto server = co_await listener->accept();
      EXPECT_TRUE(client.has_value() && server.has_value()) << at.host << " from " << host;
    }
    static Task<void> run(Shard& shard) {
      for (const char* host : {"127.0.0.1", "0.0.0.0", "", "localhost"}) {
        const Endpoint at{host, 0};
        co_await reach(shard, at, "127.0.0.1");
      }
      if (system_network().listen(shard, {"::1", 0}, 1, false)) {
        const Endpoint six{"::1", 0}, any{"", 0};
        co_await reach(shard, six, "::1");
        co_await reach(shard, any, "::1");
      }
    }
  };
  run(Body::run);
}

TEST_F(NetworkTest, AnAddressInUseIsRefusedUnlessShared) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto first = listen(shard);
      auto second = system_network().listen(shard, first->local(), 16, false);
      EXPECT_FALSE(second.has_value());
      EXPECT_EQ(second.error().kind, ErrorKind::already_exists);
      auto shared = listen(shard, {"127.0.0.1", 0}, true);
      auto sharing = system_network().listen(shard, shared->local(), 16, true);
      EXPECT_TRUE(sharing.has_value());
      co_return;
    }
  };
  run(Body::run);
}

Task<void> close_listener_soon(Shard& shard, Listener& listener) {
  co_await shard.sleep(milliseconds(5));
  listener.close();
}

TEST_F(NetworkTest, CloseWakesTheAccepter) {
  struct Body {
    static Task<void> run(Shard& shard) {
      auto listener = listen(shard);
      Gate gate;
      shard.spawn(gate, close_listener_soon(shard, *listener));
      auto accepted = co_await listener->accept();
      EXPECT_FALSE(accepted.has_value());
      EXPECT_EQ(accepted.error().kind, ErrorKind::closed);
      co_await shard.drained(gate);
    }
  };
  run(Body::run);
}

// With no descriptor left the listener says so once, waits, and accepts when there is one again.
TEST_F(NetworkTest, RunningOutOfDescriptorsIsAPause) {
  struct Body {
    static Task<void> free_soon(Shard& shard, rlimit before, std::vector<int>& taken) {
      co_await shard.sleep(milliseconds(250));
      for (const int fd : taken) ::close(fd);
      ::setrlimit(RLIMIT_NOFILE, &before);
    }
    static Task<void> run(Shard& shard) {
      auto listener = listen(shard);
      const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(listener->local().port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address);

      std::atomic<int> logged = 0;
      set_log_sink([&](LogLevel, std::string_view, std::string_view) { ++logged; });
      rlimit before{};
      ::getrlimit(RLIMIT_NOFILE, &before);
      std::vector<int> taken;
      rlimit low = before;
      low.rlim_cur = static_cast<rlim_t>(client) + 20;
      ::setrlimit(RLIMIT_NOFILE, &low);
      for (int fd = ::dup(client); fd >= 0; fd = ::dup(client)) taken.push_back(fd);
      Gate gate;
      shard.spawn(gate, free_soon(shard, before, taken));
      auto accepted = co_await listener->accept();
      EXPECT_TRUE(accepted.has_value());
      EXPECT_EQ(logged, 1);
      set_log_sink({});
      ::close(client);
      co_await shard.drained(gate);
    }
  };
  run(Body::run);
}

}  // namespace
}  // namespace holdfast
