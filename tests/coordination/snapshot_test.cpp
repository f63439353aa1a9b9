#include "coordination/snapshot.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

// Requests at random over a small name space, so that they collide: creates of every kind, deletes, sets, multis,
// sessions, some of them pipelined.
class Storm {
 public:
  explicit Storm(unsigned seed) : random_(seed) {
    MachineOptions options;
    options.extended_types = true;
    options.enforce_quota = true;
    world = std::make_unique<ZnodeWorld>(options);
    for (const std::int64_t session : sessions_) world->open(session);
    world->ask(1, create("/a"));
    world->ask(1, create("/zookeeper/quota/a"));
    world->ask(
        1, create("/zookeeper/quota/a/zookeeper_limits", "count=20,bytes=200=;byteHardLimit=400;countHardLimit=40"));
    world->ask(1, create("/zookeeper/quota/a/zookeeper_stats", "count=0,bytes=0"));
  }

  void blow(int requests) {
    for (int i = 0; i < requests; ++i) {
      world->now_ms += pick(50);
      std::int64_t& session = sessions_[static_cast<std::size_t>(pick(4))];
      paths_.clear();
      if (pick(40) == 0) {
        world->prepare(session, CloseSessionOp{});
        session = ++last_session_;
        world->prepare(session, CreateSessionOp{1000 * (1 + pick(9))});
      } else if (pick(6) == 0) {
        MultiOp multi;
        for (int parts = 1 + pick(4); parts > 0; --parts) multi.parts.push_back(part());
        world->prepare(session, multi);
      } else if (pick(30) == 0) {
        Caller mover = world->caller(session);
        mover.owner = pick(3);
        world->prepare(mover, AttachSessionOp{5000});
      } else {
        std::visit(
            [&](auto&& op) {
              if constexpr (requires { WriteRequest(op); }) {
                Caller caller = world->caller(session);
                caller.owner = pick(10) == 0 ? 1 + pick(2) : 0;  // now and then through a server that it left
                world->prepare(caller, op);
              }
            },
            part());
      }
      if (pick(30) == 0 && expiring) expire();
      const auto patience = static_cast<std::size_t>(pick(20));
      while (world->waiting.size() > (pipelined ? patience : 0)) apply_next();
    }
    while (!world->waiting.empty()) apply_next();
  }
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  std::unique_ptr<ZnodeWorld> world;
  bool pipelined = true;
  bool expiring = true;
  std::vector<std::string> answers;

 private:
  void apply_next() {
    const Done done = world->apply_next();
    std::string answer = std::to_string(static_cast<int>(done.error)) + done.path;
    for (const auto& [op, error] : done.parts) answer += ' ' + std::to_string(static_cast<int>(error));
    answers.push_back(std::move(answer));
  }
  std::string_view path() {
    std::string& made = paths_.emplace_back();
    for (int depth = 1 + pick(3); depth > 0; --depth) {
      made += '/';
      made += static_cast<char>('a' + pick(4));
    }
    return made;
  }
  std::vector<Acl> acl() {
    if (pick(5) > 0) return open_acl;
    return {Acl{perms::all, Id{"world", "anyone"}}, Acl{pick(31) + 1, Id{"digest", "u:" + std::to_string(pick(3))}}};
  }
  MultiPart part() {
    switch (pick(8)) {
      case 0:
      case 1:
        return DeleteOp{path(), pick(4) == 0 ? pick(3) : -1};
      case 2:
      case 3:
        return SetDataOp{path(), data(), pick(4) == 0 ? pick(3) : -1};
      case 4:
        return SetAclOp{path(), acl(), -1};
      case 5:
        return CheckOp{path(), pick(3) - 1};
      default:
        break;
    }
    CreateOp op;
    op.path = path();
    op.data = data();
    op.acl = acl();
    op.flags = pick(7);
    op.op = op.flags == 4  ? OpCode::create_container
            : op.flags > 4 ? OpCode::create_ttl
            : pick(2) == 0 ? OpCode::create
                           : OpCode::create2;
    op.ttl_ms = op.flags > 4 ? 1 + pick(300) : 0;
    return op;
  }
  DataView data() {
    if (pick(6) == 0) return DataView();
    return text(std::string_view("abcdefghijklmnopqrstuvwxyz").substr(0, static_cast<std::size_t>(pick(26))));
  }
  void expire() {
    for (const std::string& path : world->machine.expired_nodes(world->now_ms, 3)) {
      world->prepare(world->broker(), DeleteExpiredOp{path});
    }
  }

  std::mt19937 random_;
  std::array<std::int64_t, 4> sessions_{1, 2, 3, 4};
  std::int64_t last_session_ = 4;
  std::deque<std::string> paths_;
};

std::vector<std::uint8_t> drain(SnapshotCapture& capture, std::size_t piece = 1024) {
  std::vector<std::uint8_t> file;
  while (const auto bytes = capture.next(piece)) {
    file.insert(file.end(), bytes->view().begin(), bytes->view().end());
  }
  return file;
}

std::unique_ptr<ZnodeMachine> machine_like(const ZnodeMachine& other) {
  return std::make_unique<ZnodeMachine>(other.options());
}

Result<Zxid> restore(ZnodeMachine& machine, ByteView file, std::size_t piece = 333) {
  auto restore = machine.begin_restore();
  while (!file.empty()) {
    const std::size_t n = std::min(piece, file.size());
    if (auto fed = restore->feed(file.first(n)); !fed) return fail(fed);
    file = file.subspan(n);
  }
  return restore->finish();
}

class Storms : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Storms, testing::Range(1u, 13u));

TEST_P(Storms, live_state_is_what_its_transactions_replay_to) {
  Storm storm(GetParam());
  storm.blow(2000);
  const ZnodeMachine& live = storm.world->machine;
  const auto replica = machine_like(live);
  for (const Txn& txn : storm.world->committed) {
    replica->apply(txn);
    replica->apply(txn);  // twice changes nothing
  }
  EXPECT_EQ(full_dump(*replica), full_dump(live));
  EXPECT_EQ(replica->digest(), live.digest());
}

TEST_P(Storms, live_state_is_what_its_snapshot_restores_to) {
  Storm storm(GetParam());
  storm.blow(2000);
  ZnodeMachine& live = storm.world->machine;
  const auto file = drain(*live.begin_snapshot(77));
  const auto replica = machine_like(live);
  const auto zxid = restore(*replica, file);
  ASSERT_TRUE(zxid) << zxid.error().message;
  EXPECT_EQ(*zxid, live.last_applied());
  EXPECT_EQ(full_dump(*replica), full_dump(live));
  EXPECT_EQ(replica->digest(), live.digest());
}

TEST_P(Storms, a_snapshot_taken_while_it_blows_is_exact_and_replays_to_the_end) {
  Storm storm(GetParam());
  storm.blow(1500);
  ZnodeMachine& live = storm.world->machine;
  const std::string at_begin = full_dump(live);
  const std::size_t committed_at_begin = storm.world->committed.size();
  const auto capture = live.begin_snapshot(77);
  std::vector<std::uint8_t> file;
  for (;;) {
    storm.blow(storm.pick(40));
    const auto bytes = capture->next(1 + static_cast<std::size_t>(storm.pick(2000)));
    if (!bytes) break;
    file.insert(file.end(), bytes->view().begin(), bytes->view().end());
  }
  storm.blow(100);

  const auto replica = machine_like(live);
  const auto zxid = restore(*replica, file);
  ASSERT_TRUE(zxid) << zxid.error().message;
  EXPECT_EQ(full_dump(*replica), at_begin);
  for (std::size_t i = committed_at_begin; i < storm.world->committed.size(); ++i) {
    replica->apply(storm.world->committed[i]);
  }
  EXPECT_EQ(full_dump(*replica), full_dump(live));
  EXPECT_EQ(replica->digest(), live.digest());
}

TEST_P(Storms, a_pipeline_is_judged_as_if_each_request_waited_for_the_last) {
  Storm piped(GetParam()), patient(GetParam());
  patient.pipelined = false;
  piped.expiring = patient.expiring = false;  // candidates are found in what is applied
  piped.blow(2000);
  patient.blow(2000);
  EXPECT_EQ(piped.answers, patient.answers);
  EXPECT_EQ(full_dump(piped.world->machine), full_dump(patient.world->machine));
  EXPECT_EQ(piped.world->machine.outstanding(), 0u);
  const std::set<std::string> kinds(piped.answers.begin(), piped.answers.end());
  EXPECT_GT(kinds.size(), 100u);  // it did blow
}

TEST(Snapshot, an_abandoned_capture_leaves_the_tree_free) {
  ZnodeWorld world;
  world.open(1);
  for (int i = 0; i < 1000; ++i) world.ask(1, create("/n" + std::to_string(i), "some data"));
  {
    const auto capture = world.machine.begin_snapshot(0);
    (void)capture->next(100);
    world.ask(1, remove("/n999"));
  }
  world.ask(1, remove("/n998"));
  const auto file = drain(*world.machine.begin_snapshot(0));
  const auto replica = machine_like(world.machine);
  ASSERT_TRUE(restore(*replica, file));
  EXPECT_EQ(full_dump(*replica), full_dump(world.machine));
}

TEST(Snapshot, the_node_the_walk_stands_on_may_go) {
  ZnodeWorld world;
  world.open(1);
  for (int i = 0; i < 200; ++i) world.ask(1, create("/n" + std::to_string(i), "some data"));
  const std::string at_begin = full_dump(world.machine);
  const auto capture = world.machine.begin_snapshot(0);
  const Bytes first = *capture->next(5'000);
  for (int i = 0; i < 200; ++i) world.ask(1, remove("/n" + std::to_string(i)));
  for (int i = 0; i < 200; ++i) world.ask(1, create("/m" + std::to_string(i), "other data"));
  std::vector<std::uint8_t> file(first.view().begin(), first.view().end());
  const auto rest = drain(*capture);
  file.insert(file.end(), rest.begin(), rest.end());
  const auto replica = machine_like(world.machine);
  ASSERT_TRUE(restore(*replica, file));
  EXPECT_EQ(full_dump(*replica), at_begin);
}

TEST(Snapshot, pieces_are_bounded) {
  ZnodeWorld world;
  world.open(1);
  for (int i = 0; i < 3000; ++i) world.ask(1, create("/n" + std::to_string(i), std::string(100, 'x')));
  const auto capture = world.machine.begin_snapshot(0);
  std::size_t pieces = 0;
  while (const auto bytes = capture->next(10'000)) {
    EXPECT_LE(bytes->size(), 11'000u);
    ++pieces;
  }
  EXPECT_GT(pieces, 30u);
}

TEST(Snapshot, a_restored_leader_goes_on) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/s-", "", sequential));
  const auto file = drain(*world.machine.begin_snapshot(0));
  ZnodeWorld next;
  ASSERT_TRUE(restore(next.machine, file));
  const Done done = next.ask(1, create("/s-", "", sequential));
  EXPECT_EQ(done.path, "/s-0000000001");
  EXPECT_EQ(done.zxid, world.machine.last_applied() + 1);
}

TEST(Snapshot, quotas_live_on_after_a_restore) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/app"));
  world.ask(1, create("/zookeeper/quota/app"));
  world.ask(1, create("/zookeeper/quota/app/zookeeper_limits", "count=1,bytes=-1"));
  world.ask(1, create("/zookeeper/quota/app/zookeeper_stats", "count=0,bytes=0"));
  ZnodeWorld next;
  ASSERT_TRUE(restore(next.machine, drain(*world.machine.begin_snapshot(0))));
  next.ask(1, create("/app/x", "12"));
  EXPECT_EQ(next.data("/zookeeper/quota/app/zookeeper_stats"), "count=2,bytes=2");
}

TEST(Snapshot, anything_cut_or_changed_is_refused) {
  ZnodeWorld world;
  world.open(1);
  world.ask(1, create("/a", "hello"));
  world.ask(1, create("/a/b"));
  const auto file = drain(*world.machine.begin_snapshot(0));
  const auto outcome = [&](ByteView bytes) {
    ZnodeMachine replica({});
    return restore(replica, bytes).has_value();
  };
  ASSERT_TRUE(outcome(file));
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(outcome(ByteView(file).first(size))) << size;
  for (std::size_t at = 0; at < file.size(); ++at) {
    auto changed = file;
    changed[at] ^= 0x40;
    EXPECT_FALSE(outcome(changed)) << at;
  }
  auto longer = file;
  longer.insert(longer.end(), file.begin(), file.end());
  EXPECT_FALSE(outcome(longer));
}

TEST(Snapshot, one_that_is_not_restored_whole_leaves_nothing) {
  Storm storm(7);
  storm.blow(200);
  MachineOptions options;
  options.extended_types = true;
  options.enforce_quota = true;
  ZnodeMachine machine(options);
  const std::uint64_t empty = machine.digest();
  auto capture = storm.world->machine.begin_snapshot(1);
  auto restore = machine.begin_restore();
  const auto piece = capture->next(1 << 20);
  ASSERT_TRUE(piece && piece->size() > 500);
  ASSERT_TRUE(restore->feed(piece->view().first(piece->size() - 1)));
  restore.reset();
  EXPECT_EQ(machine.digest(), empty);
  EXPECT_EQ(machine.last_applied(), Zxid(0));
}

TEST(Snapshot, the_other_setting_of_extended_types_is_refused) {
  ZnodeWorld world;
  const auto file = drain(*world.machine.begin_snapshot(0));
  MachineOptions options;
  options.extended_types = true;
  ZnodeMachine other(options);
  const auto result = restore(other, file);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace holdfast::zk
