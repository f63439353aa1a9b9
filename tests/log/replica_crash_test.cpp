// A follower's log, and the power cut before every call that changes its disk. What a start finds must be what was once
// appended, in order, and all of it that was durable; and it must know of it what it should.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "tests/log/replica_world.h"

namespace holdfast::test::replica_crash {
namespace {

const LogId id = log_id(1);

struct History {
  std::vector<Made> batches;  // all that was appended and not cut
  Offset start, durable;
  std::optional<Offset> emptying;  // under way
};

LogConfig crash_config(std::uint64_t bulk_bytes) {
  LogConfig config = small_segments();
  config.bulk_bytes = bulk_bytes;
  return config;
}

// Bursts go straight to the segments when there is enough of them, after a cut or an emptying too.
void script(SimulatedDisk& disk, History& history, std::uint64_t bulk_bytes) {
  LogWorld world(disk, false, 16 << 10);
  if (!world.opened()) return;
  PartitionLog* log = world.create(id, "t", crash_config(bulk_bytes));
  if (!log) return;
  Leader leader;
  const auto take = [&](int count, int burst) {
    for (int i = 0; i < count; ++i) {
      Made batch = leader.next();
      if (!append(*log, batch, i % 5 == 4 ? Need::written : Need::durable)) return false;
      history.batches.push_back(std::move(batch));
      if (i % burst == burst - 1) world.loop().run_ready();
      history.durable = std::max(history.durable, world.said(id).durable);
    }
    log->flush_soon();
    world.loop().run_ready();
    history.durable = std::max(history.durable, world.said(id).durable);
    return history.durable == log->end_offset();
  };
  const auto cut = [&](std::size_t kept, std::int32_t epoch) {
    const Offset end(history.batches[kept].header.base_offset);
    history.durable = std::min(history.durable, Offset(history.batches[kept - 1].header.last_offset() + 1));
    world.said(id).durable = world.said(id).written = Offset(0);
    if (!world.loop().run(log->truncate_to(end))) return false;
    history.batches.resize(kept);
    leader.begin_at(log->end_offset().value, epoch);
    return true;
  };
  leader.jump_before(20);
  leader.jump_before(45);
  if (!take(30, 3)) return;
  if (!world.checkpoint()) return;
  if (!cut(12, 10) || !take(10, 10)) return;
  if (!world.checkpoint()) return;
  if (!cut(19, 20) || !cut(5, 25) || !take(20, 7)) return;
  history.emptying = Offset(500);
  history.durable = Offset(0);
  world.said(id).durable = world.said(id).written = Offset(0);
  if (!world.loop().run(log->truncate_fully(Offset(500)))) return;
  history.emptying.reset();
  history.batches.clear();
  history.start = history.durable = Offset(500);
  leader.begin_at(500, 40);
  if (!take(12, 12) || !cut(6, 50) || !take(8, 2)) return;
  world.loop().run(world.shard().stop());
}

void check(SimulatedDisk& disk, const History& history, const std::string& when) {
  SCOPED_TRACE(when);
  LogWorld world(disk, false, 16 << 10);
  ASSERT_TRUE(world.opened()) << world.opened().error().message;
  PartitionLog* log = world.find(id);
  if (!log) {
    EXPECT_EQ(history.durable, Offset(0)) << "the log is gone";
    return;
  }
  log->set_config(crash_config(1 << 20));
  const std::vector<Made> found = batches_of(world, *log);
  if (history.emptying && found.empty() && log->start_offset() == *history.emptying) return;
  EXPECT_EQ(log->start_offset(), history.start);
  EXPECT_GE(log->end_offset(), history.durable);
  ASSERT_LE(found.size(), history.batches.size());
  ProducerState producers;
  LeaderEpochs epochs;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].bytes, history.batches[i].bytes) << "batch " << i;
    producers.update(found[i].header, found[i].bytes);
    epochs.assign(LeaderEpoch(found[i].header.leader_epoch), Offset(found[i].header.base_offset));
  }
  EXPECT_EQ(log->end_offset(), found.empty() ? history.start : Offset(found.back().header.last_offset() + 1));
  EXPECT_EQ(log->producers().to_snapshot(), producers.to_snapshot());
  EXPECT_EQ(log->producers().first_unstable(), producers.first_unstable());
  EXPECT_EQ(log->leader_epochs().entries(), epochs.entries());
  std::vector<std::pair<std::int64_t, Offset>> aborted, said;
  for (const auto& a : producers.take_aborted()) aborted.emplace_back(a.producer_id, a.first_offset);
  auto listed = world.loop().run(log->aborted_transactions(log->start_offset(), log->end_offset()));
  ASSERT_TRUE(listed);
  for (const auto& a : *listed) said.emplace_back(a.producer_id, a.first_offset);
  EXPECT_EQ(said, aborted);
  // It goes on from there.
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20, 1000, 90));
  world.loop().run_ready();
  EXPECT_EQ(world.said(id).durable, log->end_offset());
}

TEST(ReplicaCrash, TheScriptRunsToItsEnd) {
  for (const std::uint64_t bulk_bytes : {std::uint64_t{500}, std::uint64_t{1} << 20}) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    History history;
    script(disk, history, bulk_bytes);
    EXPECT_EQ(history.batches.size(), 14u);
    EXPECT_EQ(history.durable, Offset(history.batches.back().header.last_offset() + 1));
    check(disk, history, "at the end");
  }
}

void cut_everywhere(std::uint64_t bulk_bytes, const std::function<void(SimulatedDisk&, std::uint64_t)>& die) {
  for (std::uint64_t n = 0;; ++n) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(n);
    History history;
    script(disk, history, bulk_bytes);
    const bool cut = !disk.powered();
    die(disk, n);
    check(disk, history, "cut at call " + std::to_string(n) + ", bulk " + std::to_string(bulk_bytes));
    if (testing::Test::HasFailure() || !cut) return;
  }
}

TEST(ReplicaCrash, PowerCutAtEveryChangeOfTheDisk) {
  for (const std::uint64_t bulk_bytes : {std::uint64_t{500}, std::uint64_t{1} << 20})
    cut_everywhere(bulk_bytes, [](SimulatedDisk& disk, std::uint64_t) { disk.power_loss_of_all_unsynced(); });
}

TEST(ReplicaCrash, UnsyncedWritesMayBeTornAndReordered) {
  for (const std::uint64_t bulk_bytes : {std::uint64_t{500}, std::uint64_t{1} << 20})
    cut_everywhere(bulk_bytes, [](SimulatedDisk& disk, std::uint64_t n) {
      const auto random = seeded_random(n);
      disk.power_loss(*random);
    });
}

TEST(ReplicaCrash, ARecoveryThatIsCutIsDoneAgain) {
  for (const std::uint64_t first : {60u, 100u, 140u, 180u, 220u, 260u, 300u})
    for (std::uint64_t n = 0;; n += 3) {
      SimulatedDisk disk;
      ASSERT_TRUE(disk.create_directories(log_dir));
      disk.sync_all();
      disk.cut_power_at(first);
      History history;
      script(disk, history, 500);
      const auto random = seeded_random(first + n);
      disk.power_loss(*random);
      disk.cut_power_at(n);
      {
        const LogWorld half(disk);
      }
      const bool cut = !disk.powered();
      disk.power_loss(*random);
      check(disk, history, "cut at call " + std::to_string(first) + ", its recovery at " + std::to_string(n));
      if (testing::Test::HasFailure()) return;
      if (!cut) break;
    }
}

TEST(ReplicaCrash, TheDiskMayFailAtEachCall) {
  for (const DiskCall call : {DiskCall::write, DiskCall::sync, DiskCall::truncate, DiskCall::rename})
    for (const int error : {EIO, ENOSPC})
      for (std::uint64_t n = 0;; ++n) {
        if (error == ENOSPC && (call == DiskCall::sync || call == DiskCall::truncate)) break;
        SimulatedDisk disk;
        ASSERT_TRUE(disk.create_directories(log_dir));
        disk.sync_all();
        disk.fail_call(call, n, error);
        History history;
        script(disk, history, 500);
        if (disk.calls(call) <= n) break;
        disk.power_loss_of_all_unsynced();
        check(disk, history,
              "error " + std::to_string(error) + " at " + std::to_string(n) + " of kind " +
                  std::to_string(static_cast<int>(call)));
        if (testing::Test::HasFailure()) return;
      }
}

}  // namespace
}  // namespace holdfast::test::replica_crash
