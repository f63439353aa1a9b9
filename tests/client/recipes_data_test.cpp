// Queues, counters, caches, membership and service discovery, under expired sessions and lost connections.
#include <fmt/format.h>

#include <set>

#include "client/counter.h"
#include "client/group_membership.h"
#include "client/node_cache.h"
#include "client/queue.h"
#include "client/service_discovery.h"
#include "client/tree_cache.h"
#include "tests/client/zookeeper_world.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using client::Counter;
using client::GroupMembership;
using client::NodeCache;
using client::NodeData;
using client::Queue;
using client::ServiceDiscovery;
using client::ServiceInstance;
using client::TreeCache;
using client::TreeChange;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class DataRecipeTest : public ZooKeeperWorld {
 protected:
  ZooKeeper& connect() {
    ZooKeeper& zk = make_client();
    EXPECT_EQ(code_of(run(zk.connect(10s))), "ok");
    return zk;
  }
  template <class T>
  bool done(const std::shared_ptr<std::optional<T>>& result) {
    return run_until([&result] { return result->has_value(); });
  }
};

TEST_F(DataRecipeTest, AQueueGivesWhatCameFirst) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Queue in(a, "/q"), out(b, "/q");
  EXPECT_EQ(code_of(run(out.take(1s))), "OperationTimeout");
  for (const char* item : {"1", "2", "3"}) ASSERT_TRUE(run(in.put(item)));
  EXPECT_EQ(**run(out.peek()), "1");
  EXPECT_EQ(*run(out.size()), 3u);
  for (const char* item : {"1", "2", "3"}) EXPECT_EQ(*run(out.take(1s)), item);
  EXPECT_FALSE(run(out.peek())->has_value());
  auto waiting = begin(out.take());
  run_for(1s);
  expire(b);
  run_for(5s);
  ASSERT_TRUE(run(in.put("late")));
  ASSERT_TRUE(done(waiting));
  ASSERT_EQ(code_of(**waiting), "ok");
  EXPECT_EQ(***waiting, "late");
  run(in.stop());
  run(out.stop());
}

TEST_F(DataRecipeTest, AQueueThatStopsLetsGoOfThoseWhoWait) {
  start();
  ZooKeeper& a = connect();
  Queue queue(a, "/q");
  auto forever = begin(queue.take()), long_time = begin(queue.take(1h));
  run_for(1s);
  auto stopped = begin(queue.stop());
  ASSERT_TRUE(run_until([&stopped] { return stopped->has_value(); }, 1s));
  EXPECT_EQ(code_of(**forever), "Session expired");
  EXPECT_EQ(code_of(**long_time), "Session expired");
}

TEST_F(DataRecipeTest, EveryItemIsTakenOnceThroughLostConnections) {
  start();
  ZooKeeper &a = connect(), &b = connect(), &c = connect();
  Queue in(a, "/q"), one(b, "/q"), two(c, "/q");
  constexpr int many = 60;
  std::vector<std::shared_ptr<std::optional<ZkOutcome<std::string>>>> taken;
  for (int i = 0; i < many; ++i) {
    auto put = begin(in.put(std::to_string(i)));
    taken.push_back(begin((i % 2 == 0 ? one : two).take()));
    run_for(std::chrono::microseconds(random_->below(3000)));
    reset(1 + static_cast<int>(random_->below(3)));
    ASSERT_TRUE(done(put));
    ASSERT_EQ(code_of(**put), "ok");
  }
  std::set<std::string> seen;
  for (const auto& t : taken) {
    ASSERT_TRUE(done(t));
    ASSERT_EQ(code_of(**t), "ok");
    EXPECT_TRUE(seen.insert(***t).second) << ***t;
  }
  EXPECT_THAT(seen, SizeIs(many));
  EXPECT_THAT(children("/q"), IsEmpty());
  run(in.stop());
  run(one.stop());
  run(two.stop());
}

// The reply is lost, and the session that could have been asked for the outcome is over.
TEST_F(DataRecipeTest, AnItemIsPutOnceThroughAnExpiredSession) {
  start();
  ZooKeeper& a = connect();
  Queue queue(a, "/q");
  ASSERT_TRUE(run(queue.put("first")));
  cut_replies(1);
  auto put = begin(queue.put("second"));
  ASSERT_TRUE(run_until([this] { return children("/q").size() == 2; }));
  cut(1);
  expire(a);
  heal(1);
  ASSERT_TRUE(done(put));
  EXPECT_EQ(code_of(**put), "ok");
  EXPECT_THAT(children("/q"), SizeIs(2));
  run(queue.stop());
}

TEST_F(DataRecipeTest, ACounterCountsEachChangeOnce) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  Counter mine(a, "/counters/x"), theirs(b, "/counters/x");
  EXPECT_EQ(*run(mine.get()), 0);
  std::vector<std::shared_ptr<std::optional<ZkOutcome<std::int64_t>>>> sums;
  for (int i = 0; i < 50; ++i) {
    sums.push_back(begin((i % 2 == 0 ? mine : theirs).add(1)));
    run_for(std::chrono::microseconds(random_->below(2000)));
    reset(1 + static_cast<int>(random_->below(2)));
  }
  std::set<std::int64_t> seen;
  for (const auto& sum : sums) {
    ASSERT_TRUE(done(sum));
    ASSERT_EQ(code_of(**sum), "ok");
    EXPECT_TRUE(seen.insert(***sum).second);
  }
  EXPECT_EQ(*run(mine.get()), 50);
  EXPECT_TRUE(*run(mine.compare_and_set(50, 7)));
  EXPECT_FALSE(*run(theirs.compare_and_set(50, 8)));
  EXPECT_EQ(*run(theirs.add(-10)), -3);
  ASSERT_TRUE(run(mine.set(INT64_MAX)));
  EXPECT_EQ(code_of(run(mine.add(1))), "BadArguments");
  ASSERT_TRUE(run(a.set("/counters/x", "seven")));
  EXPECT_EQ(code_of(run(mine.get())), "BadArguments");
  ASSERT_TRUE(run(mine.set(1)));
  EXPECT_EQ(*run(mine.get()), 1);
}

TEST_F(DataRecipeTest, ANodeCacheFollowsItsNode) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  std::vector<std::string> story;
  NodeCache cache(a, "/n", [&story](const NodeData* node) { story.push_back(node ? node->data : "none"); });
  ASSERT_EQ(code_of(run(cache.start(5s))), "ok");
  EXPECT_FALSE(cache.value());
  const auto becomes = [&](const std::string& what) {
    return run_until([&story, what] { return !story.empty() && story.back() == what; });
  };
  ASSERT_TRUE(run(b.create("/n", "1")));
  ASSERT_TRUE(becomes("1"));
  ASSERT_TRUE(run(b.set("/n", "2")));
  ASSERT_TRUE(becomes("2"));
  cut(1);
  reset(1);
  ASSERT_TRUE(run(b.set("/n", "3")));
  heal(1);
  ASSERT_TRUE(becomes("3"));
  expire(a);
  ASSERT_TRUE(run(b.set("/n", "4")));
  ASSERT_TRUE(becomes("4"));
  ASSERT_TRUE(run(b.remove("/n")));
  ASSERT_TRUE(becomes("none"));
  EXPECT_THAT(story, ElementsAre("none", "1", "2", "3", "4", "none"));
  run(cache.stop());
}

TEST_F(DataRecipeTest, ATreeCacheFollowsItsTree) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  ASSERT_TRUE(run(b.create("/t", "root")));
  ASSERT_TRUE(run(b.create("/t/x", "1")));
  ASSERT_TRUE(run(b.create("/t/x/y", "2")));
  ASSERT_TRUE(run(b.create("/tother", "not of it")));
  std::vector<std::string> story;
  TreeCache cache(a, "/t", [&story](const TreeChange& change) {
    const char* const kinds[] = {"+", "*", "-"};
    story.push_back(kinds[static_cast<int>(change.kind)] + change.path + (change.node ? "=" + change.node->data : ""));
  });
  ASSERT_EQ(code_of(run(cache.start(5s))), "ok");
  EXPECT_THAT(story, ElementsAre("+/t=root", "+/t/x=1", "+/t/x/y=2"));
  EXPECT_EQ(cache.bytes(), 6u);
  story.clear();
  ASSERT_TRUE(run(b.set("/t/x/y", "3")));
  ASSERT_TRUE(run(b.create("/t/z", "4")));
  ASSERT_TRUE(run(b.remove("/t/x/y")));
  ASSERT_TRUE(run_until([&] { return cache.find("/t/z") && !cache.find("/t/x/y"); }));
  EXPECT_THAT(cache.children("/t"), ElementsAre("x", "z"));

  // What happens behind its back it finds out.
  cut(1);
  reset(1);
  ASSERT_TRUE(run(b.remove("/t/x")));
  ASSERT_TRUE(run(b.create("/t/w", "5")));
  ASSERT_TRUE(run(b.set("/t/z", "6")));
  heal(1);
  ASSERT_TRUE(run_until([&] { return !cache.find("/t/x") && cache.find("/t/w") && cache.find("/t/z")->data == "6"; }));
  expire(a);
  ASSERT_TRUE(run(b.create("/t/v", "7")));
  ASSERT_TRUE(run_until([&] { return cache.find("/t/v") != nullptr; }));
  EXPECT_EQ(cache.bytes(), 4u + 3);
  for (const char* path : {"/t/v", "/t/w", "/t/z", "/t"}) ASSERT_TRUE(run(b.remove(path)));
  ASSERT_TRUE(run_until([&] { return cache.nodes().empty(); }));
  ASSERT_TRUE(run(b.create("/t", "anew")));
  ASSERT_TRUE(run_until([&] { return cache.find("/t") != nullptr; }));
  run(cache.stop());
}

TEST_F(DataRecipeTest, ATreeCacheIsRightInTheEndWhateverHappens) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  ASSERT_TRUE(run(b.create("/t")));
  TreeCache cache(a, "/t");
  ASSERT_TRUE(run(cache.start(5s)));
  for (int i = 0; i < 400; ++i) {
    const std::string path = fmt::format("/t/{}{}", random_->below(5), random_->below(2) ? "" : "/x");
    if (random_->below(2)) {
      (void)begin(b.create(path, std::to_string(i)));
    } else if (random_->below(2)) {
      (void)begin(b.set(path, std::to_string(i)));
    } else {
      (void)begin(b.remove(path));
    }
    if (random_->below(4) == 0) run_for(std::chrono::microseconds(random_->below(2000)));
    if (random_->below(25) == 0) reset(1);
    if (i % 150 == 149) {
      ASSERT_TRUE(run_until([&a] { return a.connected(); }));
      expire(a);
    }
  }
  run_for(10s);
  std::map<std::string, std::string> there, cached;
  const zk::Znode* top = server().tree().find("/t");
  for (auto* node = const_cast<zk::Znode*>(top); node; node = zk::Tree::next_in_walk(node, top))
    there[node->path()] = as_text(node->data.view());
  for (const auto& [path, node] : cache.nodes()) cached[path] = node.data;
  EXPECT_EQ(cached, there);
  EXPECT_GT(there.size(), 2u);
  run(cache.stop());
}

TEST_F(DataRecipeTest, MembersComeAndGo) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  GroupMembership mine(a, "/group"), theirs(b, "/group");
  ASSERT_TRUE(run(mine.join("a", "1", 5s)));
  ASSERT_TRUE(run(theirs.join("b", "2", 5s)));
  ASSERT_TRUE(run(mine.start(5s)));
  EXPECT_THAT(mine.members(), UnorderedElementsAre(std::pair<std::string, std::string>("a", "1"),
                                                   std::pair<std::string, std::string>("b", "2")));
  theirs.set_data("3");
  ASSERT_TRUE(run_until([&] { return mine.members()["b"] == "3"; }));
  const std::int64_t before = b.session_id();
  expire(b);
  ASSERT_TRUE(run_until([&] { return !mine.members().contains("b"); }));
  ASSERT_TRUE(run_until([&] { return mine.members().contains("b"); }));  // with its next session
  EXPECT_NE(run(a.exists("/group/b"))->value().ephemeral_owner, before);
  ASSERT_TRUE(run(a.remove("/group/b")));  // somebody meddles
  run_for(1s);
  EXPECT_TRUE(exists("/group/b"));
  run(theirs.leave());
  ASSERT_TRUE(run_until([&] { return !mine.members().contains("b"); }));
  run(mine.stop());
  run(theirs.stop());
  EXPECT_THAT(children("/group"), IsEmpty());
}

// The ephemeral of an earlier life of the same process is not taken for one's own.
TEST_F(DataRecipeTest, AMemberThatComesBackWaitsForItsFormerSession) {
  start();
  ZooKeeper& a = connect();
  GroupMembership before(a, "/group");
  ASSERT_TRUE(run(before.join("x", "old", 5s)));
  cut(1);
  ZooKeeper& b = connect();
  GroupMembership after(b, "/group");
  auto joined = begin(after.join("x", "new"));
  run_for(2s);
  EXPECT_FALSE(joined->has_value());
  ASSERT_TRUE(done(joined));
  EXPECT_EQ(run(b.get("/group/x"))->data, "new");
  heal(1);
  run(before.stop());
  run_for(1s);
  EXPECT_TRUE(exists("/group/x"));
  run(after.stop());
}

TEST_F(DataRecipeTest, ServicesAreFound) {
  start();
  ZooKeeper &a = connect(), &b = connect();
  ServiceDiscovery provider(a, "/services"), consumer(b, "/services");
  ASSERT_TRUE(run(consumer.start(5s)));
  EXPECT_FALSE(consumer.pick("web"));
  ServiceInstance one;
  one.service = "web";
  one.id = "one";
  one.address = "10.0.0.9";
  one.port = 80;
  one.payload = R"({"zone":"a"})";
  ASSERT_EQ(*run(provider.offer(one, 5s)), "one");
  ServiceInstance two = one;
  two.id = "";
  two.address = "10.0.0.10";
  const auto id = run(provider.offer(two, 5s));
  ASSERT_TRUE(id);
  EXPECT_EQ(code_of(run(provider.offer(one, 5s))), "BadArguments");
  ASSERT_TRUE(run_until([&] { return consumer.instances("web").size() == 2; }));
  EXPECT_THAT(consumer.services(), ElementsAre("web"));
  const std::set<std::string> picked{consumer.pick("web")->address, consumer.pick("web")->address};
  EXPECT_THAT(picked, SizeIs(2));
  EXPECT_EQ(consumer.instances("web").back().payload.empty(), false);
  ASSERT_TRUE(run(b.create("/services/web/broken", "no json")));
  run_for(1s);
  EXPECT_THAT(consumer.instances("web"), SizeIs(2));
  run(provider.withdraw(*id));
  ASSERT_TRUE(run_until([&] { return consumer.instances("web").size() == 1; }));
  expire(a);
  run_for(5s);
  EXPECT_THAT(consumer.instances("web"), SizeIs(1));  // offered again
  run(provider.stop());
  ASSERT_TRUE(run_until([&] { return consumer.instances("web").empty(); }));
  run(consumer.stop());
}

TEST(ServiceInstanceJson, IsCurators) {
  ServiceInstance instance;
  instance.service = "web";
  instance.id = "x";
  instance.address = "host";
  instance.port = 8080;
  instance.registered_ms = 12;
  EXPECT_EQ(to_json(instance), R"({"name":"web","id":"x","address":"host","port":8080,"sslPort":null,"payload":null,)"
                               R"("registrationTimeUTC":12,"serviceType":"DYNAMIC","uriSpec":null})");
  const auto parsed = client::parse_service_instance(to_json(instance));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->port, 8080);
  for (const char* wrong : {"", "[]", "{}", R"({"name":1,"id":2})", R"({"name":"x")"})
    EXPECT_FALSE(client::parse_service_instance(wrong)) << wrong;
  EXPECT_FALSE(client::parse_service_instance(R"({"name":"a","id":"b","port":70000})")->port);
}

}  // namespace
}  // namespace holdfast::test
