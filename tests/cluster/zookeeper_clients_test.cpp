// What users of ZooKeeper do, with their own clients, against a real process: the C client, kazoo, four-letter words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zookeeper/zookeeper.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "tests/cluster/server_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Waits for what a watcher of the C client is told.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<int, std::string>> events;
  bool connected = false;

  static void watcher(zhandle_t*, int type, int state, const char* path, void* self) {
    auto* h = static_cast<Heard*>(self);
    const std::lock_guard guard(h->mutex);
    if (type == ZOO_SESSION_EVENT) h->connected = state == ZOO_CONNECTED_STATE;
    if (type != ZOO_SESSION_EVENT) h->events.emplace_back(type, path);
    h->changed.notify_all();
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock guard(mutex);
    return changed.wait_for(guard, std::chrono::seconds(30), condition);
  }
};

class ZooKeeperClients : public testing::Test {
 protected:
  void SetUp() override {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    server_.start();
  }
  zhandle_t* connect(Heard& heard, const clientid_t* id = nullptr) {
    zhandle_t* z = zookeeper_init(server_.zookeeper().c_str(), Heard::watcher, 20000, id, &heard, 0);
    EXPECT_TRUE(heard.wait([&] { return heard.connected; }));
    return z;
  }
  ServerProcess server_;
};

TEST_F(ZooKeeperClients, TheCClientCreatesReadsWatchesAndDeletes) {
  Heard heard;
  zhandle_t* z = connect(heard);
  char path[128];
  EXPECT_EQ(zoo_create(z, "/app", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path), ZOK);
  EXPECT_EQ(zoo_create(z, "/app/seq-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, path, sizeof path), ZOK);
  EXPECT_STREQ(path, "/app/seq-0000000000");
  EXPECT_EQ(zoo_create(z, "/app", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path), ZNODEEXISTS);
  char data[64];
  int size = sizeof data;
  Stat stat;
  EXPECT_EQ(zoo_get(z, "/app", 1, data, &size, &stat), ZOK);
  EXPECT_EQ(std::string(data, static_cast<std::size_t>(size)), "one");
  EXPECT_EQ(zoo_set(z, "/app", "two", 3, 0), ZOK);
  EXPECT_TRUE(heard.wait([&] { return !heard.events.empty(); }));
  EXPECT_EQ(heard.events.front(), std::pair(ZOO_CHANGED_EVENT, std::string("/app")));
  EXPECT_EQ(zoo_set(z, "/app", "three", 5, 0), ZBADVERSION);
  EXPECT_EQ(zoo_delete(z, "/app", -1), ZNOTEMPTY);
  zoo_op_t ops[2];
  zoo_delete_op_init(&ops[0], "/app/seq-0000000000", -1);
  zoo_delete_op_init(&ops[1], "/app", 1);
  zoo_op_result_t results[2];
  EXPECT_EQ(zoo_multi(z, 2, ops, results), ZOK);
  EXPECT_EQ(zoo_exists(z, "/app", 0, &stat), ZNONODE);
  zookeeper_close(z);
}

TEST_F(ZooKeeperClients, ASessionOutlivesItsServersDeath) {
  Heard heard, other;
  zhandle_t* z = connect(heard);
  EXPECT_EQ(zoo_create(z, "/alive", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, nullptr, 0), ZOK);
  const clientid_t id = *zoo_client_id(z);
  server_.kill();
  EXPECT_TRUE(heard.wait([&] { return !heard.connected; }));
  server_.start();
  EXPECT_TRUE(heard.wait([&] { return heard.connected; }));
  EXPECT_EQ(zoo_client_id(z)->client_id, id.client_id);
  zhandle_t* watching = connect(other);
  Stat stat;
  EXPECT_EQ(zoo_exists(watching, "/alive", 1, &stat), ZOK);
  EXPECT_EQ(stat.ephemeralOwner, id.client_id);
  zookeeper_close(z);
  EXPECT_TRUE(other.wait([&] { return !other.events.empty(); }));
  EXPECT_EQ(other.events.front(), std::pair(ZOO_DELETED_EVENT, std::string("/alive")));
  zookeeper_close(watching);
}

TEST_F(ZooKeeperClients, TheBrokersMetadataIsThereToReadAndNotToChange) {
  Heard heard;
  zhandle_t* z = connect(heard);
  char data[1024];
  int size = sizeof data;
  Stat stat;
  ASSERT_EQ(zoo_get(z, "/brokers/ids/1", 0, data, &size, &stat), ZOK);
  EXPECT_THAT(std::string(data, static_cast<std::size_t>(size)), HasSubstr("PLAINTEXT://" + server_.kafka()));
  EXPECT_NE(stat.ephemeralOwner, 0);
  EXPECT_EQ(zoo_set(z, "/brokers/ids/1", "", 0, -1), ZNOAUTH);
  EXPECT_EQ(zoo_create(z, "/brokers/topics/mine", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0), ZNOAUTH);
  EXPECT_EQ(zoo_delete(z, "/controller", -1), ZNOAUTH);
  zookeeper_close(z);
}

TEST_F(ZooKeeperClients, KazooRecipesWork) {
  if (!have_python("kazoo")) GTEST_FAIL() << "python3-kazoo is not installed";
  const std::string script = R"(
import sys
from kazoo.client import KazooClient
from kazoo.recipe.lock import Lock
a, b = KazooClient(sys.argv[1]), KazooClient(sys.argv[1])
a.start(); b.start()
lock = a.Lock('/locks/one', 'a')
assert lock.acquire(timeout=10)
assert not b.Lock('/locks/one', 'b').acquire(blocking=False)
lock.release()
counter = a.Counter('/counter')
counter += 2
with a.transaction() as t:
    t.create('/x', b'1'); t.set_data('/x', b'2'); t.check('/x', 1)
queue = a.Queue('/queue')
queue.put(b'first'); queue.put(b'second')
a.add_auth('digest', 'user:secret')
from kazoo.security import make_digest_acl
a.create('/private', b'p', acl=[make_digest_acl('user', 'secret', all=True)])
denied = False
try: b.get('/private')
except Exception as e: denied = type(e).__name__
print(counter.value, a.get('/x')[0], queue.get(), denied, b.Election('/e', 'b').contenders())
a.stop(); b.stop()
)";
  const auto ran = run_command({"/usr/bin/python3", "-c", script, server_.zookeeper()}, {}, 90);
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(ran.output, "2 b'2' b'first' NoAuthError []\n") << ran.errors;
}

TEST_F(ZooKeeperClients, FourLetterWordsAnswer) {
  EXPECT_THAT(exchange(server_.zookeeper_port(), "srvr"), StartsWith("Zookeeper version:"));
  EXPECT_THAT(exchange(server_.zookeeper_port(), "srvr"), HasSubstr("Mode: standalone"));
}

TEST_F(ZooKeeperClients, TheAdminPortTellsWhetherItServes) {
  EXPECT_THAT(exchange(server_.admin_port(), "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(exchange(server_.admin_port(), "GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  const std::string metrics = exchange(server_.admin_port(), "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(metrics, HasSubstr("holdfast_kafka_connections"));
  EXPECT_THAT(exchange(server_.admin_port(), "POST /livez HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(exchange(server_.admin_port(), "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(ZooKeeperClients, GarbageOnEveryPortEndsOneConnectionAndNothingElse) {
  const std::string garbage[] = {std::string(64, '\xff'), std::string(4096, '\0'),
                                 std::string("\x7f\xff\xff\xff") + std::string(100, 'x'),
                                 std::string("\0\0\0\x08\x7f\x7f\0\0\0\0\0\0", 12), "GET / HTTP/1.1\r\n\r\n"};
  for (const std::string& bytes : garbage) {
    exchange(server_.kafka_port(), bytes, 1);
    exchange(server_.zookeeper_port(), bytes, 1);
    exchange(server_.admin_port(), bytes, 1);
  }
  EXPECT_THAT(exchange(server_.zookeeper_port(), "srvr"), HasSubstr("Mode: standalone"));
  const auto listed = run_command({"kcat", "-b", server_.kafka(), "-L"});
  EXPECT_EQ(listed.status, 0) << listed.errors;
  EXPECT_EQ(server_.stop(), 0);
}

}  // namespace
}  // namespace holdfast::test
