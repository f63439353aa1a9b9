// The power is cut before every single call that changes the disk; what recovers must be a prefix of what was appended
// that holds all that was reported durable. The checker is checked: a disk whose syncs lie is caught.
#include <gtest/gtest.h>

#include "tests/log/log_world.h"
#include "tests/log/lying_disk.h"

namespace holdfast::test {
namespace {

struct Reported {
  std::map<LogId, Offset> durable, written, appended;
};

// Small segments, a small journal, two logs, durable and written appends, some of them straight to the segments.
void script(Disk& disk, Reported& reported) {
  LogWorld world(disk, false, 16 << 10);
  if (!world.opened()) return;
  LogConfig config;
  config.segment_bytes = 6000;
  config.index_interval_bytes = 500;
  config.bulk_bytes = 1500;
  const LogId a = log_id(1), b = log_id(2);
  const auto note = [&] {
    for (const LogId& id : {a, b}) {
      reported.durable[id] = world.said(id).durable;
      reported.written[id] = world.said(id).written;
      if (PartitionLog* log = world.find(id)) reported.appended[id] = log->end_offset();
    }
  };
  PartitionLog* logs[] = {world.create(a, "a", config), world.create(b, "b", config)};
  if (!logs[0] || !logs[1]) return;
  for (int i = 0; i < 60; ++i) {
    for (int which = 0; which < 2; ++which) {
      const Need need = i % 3 == 0 ? Need::written : Need::durable;
      if (!world.append(*logs[which], 1 + i % 4, need, 150)) return note();
    }
    if (i % 2 == 0) world.loop().run_ready();
    note();
    if (i % 10 == 9) logs[0]->flush_soon();
  }
  world.loop().run_ready();
  note();
  world.loop().run(world.shard().stop());
  note();
}

// What must hold after a restart, whatever happened.
void check(Disk& disk, const Reported& reported, bool process_only, std::string_view when) {
  LogWorld world(disk, false, 16 << 10);
  ASSERT_TRUE(world.opened()) << when << ": " << world.opened().error().message;
  for (const auto& [id, appended] : reported.appended) {
    const Offset promised = process_only ? reported.written.at(id) : reported.durable.at(id);
    PartitionLog* log = world.find(id);
    if (!log) {
      EXPECT_EQ(promised, Offset(0)) << when << ": a log is gone";
      continue;
    }
    EXPECT_GE(log->end_offset(), promised) << when << ": " << log->directory();
    EXPECT_LE(log->end_offset(), appended) << when << ": " << log->directory();
    EXPECT_EQ(world.read_all(*log, log->start_offset()), log->end_offset()) << when;
    // It goes on from there.
    ASSERT_TRUE(world.append(*log)) << when;
    world.loop().run_ready();
    EXPECT_EQ(world.said(id).durable, log->end_offset()) << when;
  }
}

std::uint64_t points() {
  const char* scale = std::getenv("HOLDFAST_TEST_SCALE");
  return scale ? 100'000 : 400;
}

TEST(LogCrash, PowerCutAtEveryChangeOfTheDisk) {
  std::uint64_t cuts = 0;
  for (std::uint64_t n = 0; n < points(); ++n, ++cuts) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(n);
    Reported reported;
    script(disk, reported);
    const bool cut = !disk.powered();
    disk.power_loss_of_all_unsynced();
    check(disk, reported, false, "cut at call " + std::to_string(n));
    if (HasFatalFailure() || HasNonfatalFailure()) return;
    if (!cut) break;
  }
  EXPECT_GT(cuts, 100u);
}

TEST(LogCrash, UnsyncedWritesMayBeTornAndReordered) {
  for (std::uint64_t n = 5; n < points(); n += 7) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(n);
    Reported reported;
    script(disk, reported);
    const auto random = seeded_random(n);
    disk.power_loss(*random);
    check(disk, reported, false, "torn at call " + std::to_string(n));
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST(LogCrash, WhatIsWrittenSurvivesTheProcess) {
  for (std::uint64_t n = 3; n < points(); n += 5) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(n);
    Reported reported;
    script(disk, reported);
    disk.process_death();
    check(disk, reported, true, "killed at call " + std::to_string(n));
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST(LogCrash, ARecoveryThatIsCutIsDoneAgain) {
  const auto run = [](std::uint64_t n, bool process_only) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(150);
    Reported reported;
    script(disk, reported);
    const auto die = [&] { process_only ? disk.process_death() : disk.power_loss_of_all_unsynced(); };
    die();
    disk.cut_power_at(n);
    {
      LogWorld half(disk);
    }
    die();
    {
      LogWorld whole(disk);
      ASSERT_TRUE(whole.opened());
    }
    disk.power_loss_of_all_unsynced();
    check(disk, reported, false, "recovery cut at call " + std::to_string(n));
  };
  for (std::uint64_t n = 0; n < 60; ++n)
    for (const bool process_only : {false, true}) {
      run(n, process_only);
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
}

// The test of the test: with syncs that do nothing, something that was promised must be missing.
TEST(LogCrash, ADiskWhoseSyncsLieIsCaught) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.create_directories(log_dir));
  disk.sync_all();
  LyingDisk lying(disk);
  disk.cut_power_at(120);
  Reported reported;
  script(lying, reported);
  disk.power_loss_of_all_unsynced();
  ASSERT_GT(reported.durable[log_id(1)], Offset(0));
  LogWorld world(disk);
  PartitionLog* log = world.opened() ? world.find(log_id(1)) : nullptr;
  EXPECT_TRUE(!log || log->end_offset() < reported.durable[log_id(1)]);
}

// The process ended while it made the log: all names are there, and none of them is durable. The next one writes to it.
TEST(LogCrash, ALogWhoseCreationWasCutShortIsDurableBeforeItIsWrittenTo) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.create_directories(log_dir));
  disk.sync_all();
  const LogId id = log_id(1);
  const std::string directory = std::string(log_dir) + "/t-0";
  ASSERT_TRUE(disk.create_directories(directory));
  ASSERT_TRUE(
      write_partition_metadata(disk, directory + "/" + std::string(log_format::partition_metadata_file), id.topic_id));
  ASSERT_TRUE(disk.open(directory + "/" + log_format::segment_name(Offset(0), log_format::log_suffix),
                        {.write = true, .create = true}));
  disk.process_death();
  {
    LogWorld world(disk, false);
    PartitionLog* log = world.find(id);
    ASSERT_TRUE(log);
    ASSERT_TRUE(world.append(*log, 3, Need::durable));
    world.loop().run_ready();
    ASSERT_EQ(log->durable_end(), Offset(3));
  }
  disk.power_loss_of_all_unsynced();
  LogWorld world(disk, false);
  PartitionLog* log = world.find(id);
  ASSERT_TRUE(log) << "what was durable is gone with its name";
  EXPECT_EQ(log->end_offset(), Offset(3));
}

// Else its leader would tell it that it parts from it where an epoch before that ended (KIP-101).
TEST(LogCrash, ALogThatIsDeletedToItsEndKnowsTheEpochThatItEndsWith) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.create_directories(log_dir));
  disk.sync_all();
  {
    LogWorld world(disk);
    PartitionLog* log = world.create(log_id(1), "t");
    ASSERT_TRUE(log);
    log->set_listener(nullptr);  // its end goes back
    log->assign_epoch(LeaderEpoch(1), Offset(0));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(world.append(*log, 3, Need::durable, 20, 1000, 1));
    ASSERT_TRUE(world.loop().run(log->truncate_to(Offset(3))));
    log->assign_epoch(LeaderEpoch(2), Offset(3));
    ASSERT_TRUE(world.append(*log, 2, Need::durable, 20, 1000, 2));
    ASSERT_TRUE(world.loop().run(log->roll()));
    EXPECT_EQ(log->leader_epochs().latest(), LeaderEpoch(2));
    const std::string starts = std::string(log_dir) + "/" + std::string(log_format::start_offset_file);
    ASSERT_TRUE(write_offset_checkpoint(disk, starts, {{{"t", 0}, Offset(5)}}));
  }
  // The journal still has all of it, and goes through the cut once more.
  disk.process_death();
  LogWorld world(disk);
  ASSERT_TRUE(world.opened());
  const PartitionLog* log = world.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->start_offset(), Offset(5));
  EXPECT_EQ(log->end_offset(), Offset(5));
  EXPECT_EQ(log->leader_epochs().latest(), LeaderEpoch(2));
}

}  // namespace
}  // namespace holdfast::test
