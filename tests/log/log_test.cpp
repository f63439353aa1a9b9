// One log, from the outside.
#include <gtest/gtest.h>

#include "tests/log/log_world.h"

namespace holdfast::test {
namespace {

Task<void> ask_for_start(PartitionLog& log, Offset to) { co_await log.advance_start(to); }

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.create_directories(log_dir));
    disk_.sync_all();
  }
  SimulatedDisk disk_;
};

TEST_F(LogTest, WhatIsAppendedIsWrittenThenDurableAndRead) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(log);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log, 3));
  EXPECT_EQ(log->end_offset(), Offset(30));
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(0)) << "nothing is durable before a round";
  world.loop().run_ready();
  EXPECT_EQ(world.said(log_id(1)).written, Offset(30));
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(30));
  EXPECT_EQ(world.read_all(*log, Offset(0)), Offset(30));
}

TEST_F(LogTest, ManyAppendsOfABurstShareOneSync) {
  LogWorld world(disk_);
  PartitionLog* a = world.create(log_id(1), "a");
  PartitionLog* b = world.create(log_id(2), "b");
  const auto before = world.shard().journal_of(*a).rounds();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(world.append(*a));
    ASSERT_TRUE(world.append(*b));
  }
  world.loop().run_ready();
  EXPECT_EQ(world.shard().journal_of(*a).rounds(), before + 1);
  EXPECT_EQ(world.said(log_id(2)).durable, Offset(50));
}

TEST_F(LogTest, WrittenAloneIsNeverSyncedForItsOwnSake) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*log, 1, Need::written));
  world.loop().run_ready();
  world.loop().run_for(std::chrono::milliseconds(100));
  EXPECT_EQ(world.said(log_id(1)).written, Offset(1));
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(0));
}

TEST_F(LogTest, AJournalBehindItsDiskSaysSoUntilItCaughtUp) {
  std::vector<bool> told;
  LogWorld world(disk_, false, 64 << 10, 64 << 20, [&](bool behind) { told.push_back(behind); });
  PartitionLog* log = world.create(log_id(1), "t");
  for (int i = 0; i < 80; ++i) ASSERT_TRUE(world.append(*log, 1, Need::written, 1 << 20));
  EXPECT_EQ(told, std::vector<bool>{true});
  world.loop().run_ready();
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
}

TEST_F(LogTest, ReadsStopAtTheEndTheyAreGivenAndTakeAtLeastOneBatch) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.append(*log, 2, Need::durable, 500));
  LogRead request;
  request.from = Offset(3);
  request.end = Offset(6);
  request.bytes_max = 1 << 20;
  auto data = log->try_read(request);
  ASSERT_TRUE(data && *data);
  EXPECT_EQ((*data)->first_base, Offset(2));
  EXPECT_EQ((*data)->next, Offset(6));
  request.bytes_max = 1;
  data = log->try_read(request);
  EXPECT_EQ((*data)->next, Offset(4));
  request.at_least_one = false;
  data = log->try_read(request);
  EXPECT_TRUE((*data)->batches.empty());
  request.from = Offset(11);
  request.end = Offset(20);
  EXPECT_EQ(log->try_read(request)->error().kind, ErrorKind::out_of_range);
}

TEST_F(LogTest, SegmentsRollAndColdReadsCrossThem) {
  LogWorld world(disk_, false, 64 << 10, 0);  // no memory for what is flushed
  LogConfig config;
  config.segment_bytes = 4000;
  PartitionLog* log = world.create(log_id(1), "t", config);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(world.append(*log, 2, Need::durable, 100));
    world.loop().run_ready();
  }
  EXPECT_EQ(world.read_all(*log, Offset(0)), Offset(200));
  EXPECT_EQ(world.read_all(*log, Offset(77)), Offset(200));
  const auto listed = disk_.list(std::string(log_dir) + "/t-0");
  EXPECT_GT(std::ranges::count_if(*listed, [](const auto& e) { return e.name.ends_with(".log"); }), 5);
}

// What does not fit is not passed over: in the next segment there may be something that is small enough.
TEST_F(LogTest, AColdReadWithoutRoomForTheNextBatchReturnsNothing) {
  LogWorld world(disk_, false, 64 << 10, 0);
  LogConfig config;
  config.segment_bytes = 2000;
  PartitionLog* log = world.create(log_id(1), "t", config);
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20));
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 1800));
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20));
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 1800));  // in the second segment
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20));
  world.loop().run_ready();
  LogRead request;
  request.from = Offset(1);
  request.end = log->end_offset();
  request.bytes_max = 500;
  request.at_least_one = false;
  ASSERT_FALSE(log->try_read(request)) << "it is in memory";
  auto data = world.loop().run(log->read(request));
  ASSERT_TRUE(data);
  EXPECT_TRUE(data->batches.empty());
  EXPECT_EQ(data->next, Offset(1));
  request.at_least_one = true;
  data = world.loop().run(log->read(request));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->first_base, Offset(1));
}

TEST_F(LogTest, OffsetsAreFoundByTime) {
  LogWorld world(disk_);
  LogConfig config;
  config.segment_bytes = 3000;
  config.index_interval_bytes = 200;
  PartitionLog* log = world.create(log_id(1), "t", config);
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(world.append(*log, 2, Need::durable, 50, 10'000 + i * 100));
  const auto at = [&](std::int64_t t) {
    auto found = world.loop().run(log->offset_for_timestamp(t, log->end_offset()));
    EXPECT_TRUE(found);
    return *found ? (*found)->offset.value : -1;
  };
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(10'000), 0);
  EXPECT_EQ(at(10'001), 1);
  EXPECT_EQ(at(10'002), 2);
  EXPECT_EQ(at(12'550), 52);
  EXPECT_EQ(at(15'901), 119);
  EXPECT_EQ(at(15'902), -1);
  auto largest = world.loop().run(log->max_timestamp(log->end_offset()));
  ASSERT_TRUE(largest && *largest);
  EXPECT_EQ((*largest)->offset, Offset(119));
}

TEST_F(LogTest, ACleanStopLeavesExactFilesAndAStartTrustsThem) {
  std::uint64_t bytes = 0;
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log, 3));
    world.loop().run(world.shard().stop());
    bytes = log->size_bytes();
  }
  const auto listed = disk_.list(std::string(log_dir) + "/t-0");
  for (const auto& e : *listed)
    if (e.name.ends_with(".log")) EXPECT_EQ(e.size, bytes);
  LogWorld again(disk_, true);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(30));
  ASSERT_TRUE(again.append(*log, 3));
  again.loop().run_ready();
  EXPECT_EQ(again.said(log_id(1)).durable, Offset(33));
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(33));
}

TEST_F(LogTest, RetentionByTimeAndSizeDropsWholeSegmentsBelowTheHighWatermark) {
  LogWorld world(disk_);
  LogConfig config;
  config.segment_bytes = 1000;
  config.retention_ms = 1000;
  PartitionLog* log = world.create(log_id(1), "t", config);
  const std::int64_t now = world.clock().wall_ms();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.append(*log, 2, Need::durable, 200, now - (i < 10 ? 5000 : 0)));
  world.loop().run_ready();
  log->apply_retention(now);
  EXPECT_EQ(log->start_offset(), Offset(0)) << "nothing below the high watermark yet";
  log->set_high_watermark(log->end_offset());
  log->apply_retention(now);
  world.loop().run_ready();
  EXPECT_GT(log->start_offset(), Offset(0));
  EXPECT_LE(log->start_offset(), Offset(20));
  config.retention_ms = -1;
  config.retention_bytes = 2000;
  log->set_config(config);
  log->apply_retention(now);
  world.loop().run_ready();
  EXPECT_LE(log->size_bytes(), 3100u);
  EXPECT_EQ(world.read_all(*log, log->start_offset()), Offset(40));
}

TEST_F(LogTest, RecordsAreDeletedByMovingTheStart) {
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log));
    world.loop().run_ready();
    ASSERT_TRUE(world.loop().run(log->advance_start(Offset(4))));
    EXPECT_EQ(log->start_offset(), Offset(4));
    LogRead request;
    request.from = Offset(3);
    request.end = log->end_offset();
    EXPECT_EQ(log->try_read(request)->error().kind, ErrorKind::out_of_range);
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  EXPECT_EQ(again.find(log_id(1))->start_offset(), Offset(4));
}

// Two ask at a time: the second is not told of a start that a power loss may still move back.
TEST_F(LogTest, AStartThatIsOnItsWayToTheDiskIsWaitedFor) {
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log));
    world.loop().run_ready();
    Gate gate;
    Task<void> first = ask_for_start(*log, Offset(6));
    {
      Shard::Scope scope(world.loop().shard());
      world.loop().shard().spawn(gate, std::move(first));
    }
    while (log->start_offset() < Offset(6)) ASSERT_GT(world.loop().shard().poll(), 0u);
    EXPECT_EQ(log->durable_start(), Offset(0));
    ASSERT_TRUE(world.loop().run(log->advance_start(Offset(4))));
    EXPECT_GE(log->durable_start(), Offset(4));
    disk_.power_loss_of_all_unsynced();
    world.loop().run(world.loop().shard().drained(gate));
  }
  LogWorld again(disk_);
  EXPECT_GE(again.find(log_id(1))->start_offset(), Offset(4));
}

TEST_F(LogTest, ALogThatWasRemovedDoesNotComeBackUnderItsName) {
  {
    LogWorld world(disk_);
    PartitionLog* old = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*old));
    world.loop().run_ready();
    ASSERT_TRUE(world.loop().run(world.shard().remove(log_id(1))));
    PartitionLog* fresh = world.create(log_id(2), "t");
    ASSERT_TRUE(fresh);
    ASSERT_TRUE(world.append(*fresh));
    world.loop().run_ready();
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  EXPECT_FALSE(again.find(log_id(1)));
  ASSERT_TRUE(again.find(log_id(2)));
  EXPECT_EQ(again.find(log_id(2))->end_offset(), Offset(1));
}

TEST_F(LogTest, AFailedSyncTakesTheDirectoryOutOfServiceAndIsNotRetried) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  disk_.fail_call(DiskCall::sync, 0, EIO);
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  EXPECT_TRUE(world.said(log_id(1)).failed);
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(1));
  EXPECT_FALSE(world.append(*log));
}

TEST_F(LogTest, AFullDiskRefusesAppendsKeepsReadingAndRecovers) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  disk_.fail_every(DiskCall::write, ENOSPC);
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(1));
  EXPECT_FALSE(world.said(log_id(1)).failed);
  const auto refused = world.append(*log);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::no_space);
  EXPECT_EQ(world.read_all(*log, Offset(0)), Offset(2));
  disk_.fail_every(DiskCall::write, 0);
  world.loop().run_for(std::chrono::seconds(2));
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(2));
  EXPECT_TRUE(world.append(*log));
}

TEST_F(LogTest, SaysOnceThatItsDirectoryIsFullAndOnceThatThereIsRoom) {
  LogWorld world(disk_);
  std::vector<bool> told;
  world.shard().on_full([&](const LogShard::Directory& dir, bool full) {
    EXPECT_EQ(dir.path, log_dir);
    told.push_back(full);
  });
  LogConfig bulk;
  bulk.bulk_bytes = 10'000;
  PartitionLog* large = world.create(log_id(1), "large", bulk);
  PartitionLog* small = world.create(log_id(2), "small");
  disk_.fail_every(DiskCall::write, ENOSPC);
  // One finds out when it goes to its segment, the other in the journal.
  ASSERT_TRUE(world.append(*large, 1, Need::durable, 20'000));
  ASSERT_TRUE(world.append(*small));
  world.loop().run_for(std::chrono::seconds(5));
  EXPECT_EQ(told, std::vector<bool>{true});
  disk_.fail_every(DiskCall::write, 0);
  world.loop().run_for(std::chrono::seconds(2));
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
  EXPECT_TRUE(world.append(*small));
}

// Whoever wants the log away, so that there is room again, must not wait for that.
TEST_F(LogTest, ALogOnAFullDiskIsNotCutButCanBeRemoved) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*log, 5));
  world.loop().run_ready();
  disk_.fail_every(DiskCall::write, ENOSPC);
  ASSERT_TRUE(world.append(*log, 5));
  world.loop().run_ready();
  const auto cut = world.loop().run(log->truncate_to(Offset(5)));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::no_space);
  EXPECT_EQ(log->end_offset(), Offset(10)) << "it is as it was";
  EXPECT_EQ(world.read_all(*log, Offset(0)), Offset(10));
  EXPECT_TRUE(world.loop().run(world.shard().remove(log_id(1))));
  disk_.fail_every(DiskCall::write, 0);
  world.loop().run_for(std::chrono::seconds(2));
  EXPECT_FALSE(world.find(log_id(1)));
}

TEST_F(LogTest, WhenTheLogThatFoundNoRoomIsRemovedOthersTryAnew) {
  LogWorld world(disk_);
  LogConfig bulk;
  bulk.bulk_bytes = 10'000;
  PartitionLog* large = world.create(log_id(1), "large", bulk);
  PartitionLog* small = world.create(log_id(2), "small");
  disk_.fail_every(DiskCall::write, ENOSPC);
  ASSERT_TRUE(world.append(*large, 1, Need::durable, 20'000));
  world.loop().run_ready();
  ASSERT_FALSE(world.append(*small));
  ASSERT_TRUE(world.loop().run(world.shard().remove(log_id(1))));
  disk_.fail_every(DiskCall::write, 0);
  world.loop().run_for(std::chrono::seconds(2));
  ASSERT_TRUE(world.append(*small));
  world.loop().run_ready();
  EXPECT_EQ(world.said(log_id(2)).durable, Offset(1));
}

TEST_F(LogTest, ALogIsCutWhenThereIsRoomAgain) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*log, 5));
  world.loop().run_ready();
  disk_.fail_every(DiskCall::write, ENOSPC);
  ASSERT_TRUE(world.append(*log, 5));
  world.loop().run_ready();
  ASSERT_FALSE(world.loop().run(log->truncate_to(Offset(5))));
  disk_.fail_every(DiskCall::write, 0);
  world.loop().run_for(std::chrono::seconds(2));
  ASSERT_TRUE(world.loop().run(log->truncate_to(Offset(5))));
  world.said(log_id(1)).durable = world.said(log_id(1)).written = log->end_offset();
  EXPECT_EQ(log->end_offset(), Offset(5));
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  EXPECT_EQ(again.read_all(*again.find(log_id(1)), Offset(0)), Offset(6));
}

TEST_F(LogTest, MuchAtOnceGoesStraightToItsSegment) {
  LogWorld world(disk_);
  LogConfig config;
  config.bulk_bytes = 10'000;
  PartitionLog* log = world.create(log_id(1), "t", config);
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20'000));
  world.loop().run_ready();
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(1));
  EXPECT_EQ(world.shard().journal_of(*log).rounds(), 0u);
  // What follows it while it is on its way waits for it; a little goes through the journal again.
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20'000));
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(4));
  EXPECT_EQ(world.shard().journal_of(*log).rounds(), 1u);
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened()) << again.opened().error().message;
  EXPECT_EQ(again.read_all(*again.find(log_id(1)), Offset(0)), Offset(4));
}

// In one turn of the shard: no round has been formed yet.
Task<void> append_and_stop(LogWorld& world, PartitionLog& log) {
  EXPECT_TRUE(world.append(log, 1, Need::durable, 20'000));
  co_await world.shard().stop();
}

TEST_F(LogTest, AStopWaitsForBulkThatHasJustBeenAppended) {
  LogWorld world(disk_);
  LogConfig config;
  config.bulk_bytes = 10'000;
  PartitionLog* log = world.create(log_id(1), "t", config);
  world.loop().run(append_and_stop(world, *log));
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(1));
  LogWorld again(disk_, true);
  EXPECT_EQ(again.read_all(*again.find(log_id(1)), Offset(0)), Offset(1));
}

TEST_F(LogTest, BulkThatFindsNoRoomIsRefusedAndWrittenLater) {
  LogWorld world(disk_);
  LogConfig config;
  config.bulk_bytes = 10'000;
  PartitionLog* log = world.create(log_id(1), "t", config);
  disk_.fail_every(DiskCall::write, ENOSPC);
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20'000));
  world.loop().run_ready();
  const auto refused = world.append(*log);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::no_space);
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(0));
  disk_.fail_every(DiskCall::write, 0);
  world.loop().run_for(std::chrono::seconds(2));
  EXPECT_EQ(world.said(log_id(1)).durable, Offset(1));
  EXPECT_TRUE(world.append(*log));
}

TEST_F(LogTest, WhatIsAskedOfAFailedJournalIsAnswered) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*log, 5));
  world.loop().run_ready();
  disk_.fail_call(DiskCall::write, 0, EIO);
  ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  ASSERT_TRUE(world.said(log_id(1)).failed);
  const auto moved = world.loop().run(log->advance_start(Offset(2)));
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().kind, ErrorKind::io);
}

TEST_F(LogTest, ALogMayBeRemovedWhileItIsFlushed) {
  LogWorld world(disk_);
  PartitionLog* log = world.create(log_id(1), "t");
  PartitionLog* other = world.create(log_id(2), "o");
  ASSERT_TRUE(world.append(*log));
  ASSERT_TRUE(world.append(*other));
  world.loop().run_ready();
  log->flush_soon();
  other->flush_soon();
  ASSERT_TRUE(world.loop().run(world.shard().remove(log_id(1))));
  world.loop().run_ready();
  EXPECT_TRUE(world.shard().directories().front()->online);
  EXPECT_TRUE(other->fully_synced());
}

// Syncing one by one would be a commit of the file system for each: everything is written before anything is synced.
TEST_F(LogTest, LogsThatAreFlushedTogetherAreWrittenFirstAndSyncedThen) {
  LogWorld world(disk_);
  std::vector<PartitionLog*> logs;
  for (std::uint8_t i = 1; i <= 5; ++i) logs.push_back(world.create(log_id(i), "t" + std::to_string(i)));
  for (PartitionLog* log : logs) ASSERT_TRUE(world.append(*log));
  world.loop().run_ready();
  std::string order;
  disk_.before_call([&order](DiskCall call, const std::string& path) {
    if (!path.ends_with(".log")) return;
    if (call == DiskCall::write) order += 'w';
    if (call == DiskCall::sync) order += 's';
  });
  for (PartitionLog* log : logs) log->flush_soon();
  world.loop().run_ready();
  disk_.before_call(nullptr);
  EXPECT_EQ(order, "wwwwwsssss");
}

TEST_F(LogTest, AFullDiskDoesNotHoldUpAStop) {
  for (const std::size_t bytes : {20u, 20'000u}) {
    LogWorld world(disk_);
    LogConfig config;
    config.bulk_bytes = 10'000;
    const LogId id = log_id(static_cast<std::uint8_t>(bytes % 251));
    PartitionLog* log = world.create(id, "t" + std::to_string(bytes), config);
    ASSERT_TRUE(world.append(*log));
    world.loop().run_ready();
    disk_.fail_every(DiskCall::write, ENOSPC);
    ASSERT_TRUE(world.append(*log, 1, Need::durable, bytes));
    world.loop().run_ready();
    world.loop().run(world.shard().stop());
    EXPECT_TRUE(world.said(id).failed);  // not closed cleanly, and known to be so
    EXPECT_FALSE(world.shard().directories().front()->online);
    disk_.fail_every(DiskCall::write, 0);
  }
}

TEST_F(LogTest, DamageBelowTheRecoveryPointIsRefusedAndLeftAlone) {
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log));
    world.loop().run(world.shard().stop());
  }
  const std::string path = std::string(log_dir) + "/t-0/00000000000000000000.log";
  ASSERT_TRUE(write_offset_checkpoint(disk_, std::string(log_dir) + "/recovery-point-offset-checkpoint",
                                      {{{"t", 0}, Offset(10)}}));
  disk_.flip_bit(path, 300);
  const auto before = disk_.read_file(path, 1 << 20);
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  EXPECT_FALSE(again.find(log_id(1)));
  EXPECT_EQ(disk_.read_file(path, 1 << 20).value(), before.value());
}

Task<void> create_into(LogShard& shard, LogId id, PartitionLog** made) {
  const LogConfig config;
  auto log = co_await shard.create(id, "t", config, std::string());
  if (log) *made = static_cast<PartitionLog*>(*log);
}

// A topic is deleted and another one of that name created before the first is out of the way: at once, as when a
// snapshot of the metadata tells of both.
TEST_F(LogTest, ALogThatHasTheNameOfADeletedOneWaitsUntilThatIsGone) {
  LogWorld world(disk_);
  PartitionLog* old = world.create(log_id(1), "t");
  ASSERT_TRUE(world.append(*old, 3));
  world.loop().run_ready();
  old->set_listener(nullptr);
  PartitionLog* made = nullptr;
  Gate gate;
  {
    Shard::Scope scope(world.loop().shard());
    world.loop().shard().spawn(gate, create_into(world.shard(), log_id(2), &made));
  }
  world.loop().run_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(made) << "its files would be those of the other";
  ASSERT_TRUE(world.loop().run(world.shard().remove(log_id(1))));
  world.loop().run_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(made);
  ASSERT_TRUE(world.append(*made));
  made->flush_soon();
  world.loop().run_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(world.shard().directories().front()->online);
  EXPECT_EQ(world.read_all(*made, Offset(0)), Offset(1));
}

}  // namespace
}  // namespace holdfast::test
