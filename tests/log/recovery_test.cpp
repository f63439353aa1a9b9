// What a start makes of files that were damaged while the node was down, and of a journal that cuts a log.
#include <gtest/gtest.h>

#include <cerrno>

#include "log/journal.h"
#include "tests/log/log_world.h"
#include "wire/writer.h"

namespace holdfast::test {
namespace {

class RecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.create_directories(log_dir));
    disk_.sync_all();
  }

  // A log of ten batches whose files are all there, and no journal.
  void stop_with_ten() {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log));
    world.loop().run_ready();
    world.loop().run(world.shard().stop());
    ASSERT_TRUE(remove_journals(disk_, log_dir));
  }
  void set_recovery_point(std::int64_t offset) {
    ASSERT_TRUE(write_offset_checkpoint(disk_, std::string(log_dir) + "/recovery-point-offset-checkpoint",
                                        {{{"t", 0}, Offset(offset)}}));
  }
  void put(const std::string& path, std::uint64_t position, ByteView bytes) {
    auto file = disk_.open(path, {.write = true});
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(position, bytes));
  }
  void put_index(std::uint32_t relative_offset, std::uint32_t position) {
    wire::Writer entry;
    entry.u32(relative_offset);
    entry.u32(position);
    auto file = disk_.open(segment_ + ".index", {.write = true, .create = true, .truncate = true});
    ASSERT_TRUE(file);
    const auto bytes = entry.flatten();
    ASSERT_TRUE((*file)->write_at(0, ByteView(bytes)));
  }

  SimulatedDisk disk_;
  const std::string segment_ = std::string(log_dir) + "/t-0/00000000000000000000";
};

TEST_F(RecoveryTest, AnIndexThatPointsBehindItsSegmentIsMadeAnew) {
  stop_with_ten();
  put_index(5, 1 << 20);
  LogWorld again(disk_, true);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(10));
}

TEST_F(RecoveryTest, AnIndexThatPointsIntoABatchIsMadeAnew) {
  stop_with_ten();
  put_index(5, 100);
  LogWorld again(disk_, true);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(10));
}

TEST_F(RecoveryTest, ADamagedLengthBelowTheRecoveryPointRefusesTheLog) {
  stop_with_ten();
  set_recovery_point(10);
  disk_.flip_bit(segment_ + ".log", 8, 6);  // the first batch's length, its highest byte
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  EXPECT_FALSE(again.find(log_id(1))) << "cut instead, and its records lost";
}

TEST_F(RecoveryTest, AHoleBelowTheRecoveryPointRefusesTheLog) {
  stop_with_ten();
  set_recovery_point(10);
  put(segment_ + ".log", 0, std::vector<std::uint8_t>(150));
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  EXPECT_FALSE(again.find(log_id(1))) << "cut instead, and its records lost";
}

TEST_F(RecoveryTest, AnUnfinishedWriteAboveTheRecoveryPointIsCut) {
  stop_with_ten();
  set_recovery_point(3);
  auto file = disk_.open(segment_ + ".log", {.write = true});
  ASSERT_TRUE(file);
  const auto size = (*file)->size();
  ASSERT_TRUE(size);
  ASSERT_TRUE((*file)->truncate(*size - 7));
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(9));
}

// The sync of a start fails, the process alone is started again: the kernel shows what is not on the disk, and the next
// sync says that all is well.
TEST_F(RecoveryTest, WhatAFailedSyncLeftInMemoryIsWrittenAgain) {
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.append(*log));
    world.loop().run_ready();
    ASSERT_EQ(world.said(log_id(1)).durable, Offset(5));
  }
  for (int failures = 0; failures < 3; ++failures) {
    disk_.process_death();
    disk_.fail_call(DiskCall::sync, static_cast<std::uint64_t>(failures), EIO);
    LogWorld failed(disk_);
  }
  disk_.fail_call(DiskCall::sync, 1 << 30, 0);
  disk_.process_death();
  {
    LogWorld world(disk_);
    ASSERT_TRUE(world.opened());
    ASSERT_TRUE(world.find(log_id(1)));
    ASSERT_EQ(world.find(log_id(1))->durable_end(), Offset(5));
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(5));
}

TEST_F(RecoveryTest, ANewSegmentsNameIsDurableWithItsContent) {
  {
    LogWorld world(disk_);
    LogConfig config;
    config.segment_bytes = 1000;
    PartitionLog* log = world.create(log_id(1), "t", config);
    for (int i = 0; i < 30; ++i) {
      ASSERT_TRUE(world.append(*log));
      world.loop().run_ready();
    }
    ASSERT_TRUE(world.loop().run(log->roll()));
    ASSERT_TRUE(world.append(*log));
    world.loop().run(world.shard().stop());
    ASSERT_EQ(log->synced_offset(), Offset(31));
  }
  // What is synced needs no journal.
  ASSERT_TRUE(remove_journals(disk_, log_dir));
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->end_offset(), Offset(31));
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(31));
}

// The end of a segment is lost, the next one is there already: the journal has both.
TEST_F(RecoveryTest, ASegmentThatFollowsALostEndIsReplayed) {
  for (const bool torn : {false, true}) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    std::string first, second;
    {
      LogWorld world(disk);
      LogConfig config;
      config.segment_bytes = 1000;
      PartitionLog* log = world.create(log_id(1), "t", config);
      for (int i = 0; i < 15; ++i) {
        ASSERT_TRUE(world.append(*log));
        world.loop().run_ready();
      }
      log->flush_soon();
      world.loop().run_ready();
      auto entries = disk.list(std::string(log_dir) + "/t-0");
      ASSERT_TRUE(entries);
      for (const DirectoryEntry& e : *entries)
        if (e.name.ends_with(".log")) (first.empty() ? first : second) = std::string(log_dir) + "/t-0/" + e.name;
      ASSERT_FALSE(second.empty());
    }
    disk.process_death();
    auto file = disk.open(first, {.write = true});
    ASSERT_TRUE(file);
    const auto size = (*file)->size();
    ASSERT_TRUE(size);
    const std::vector<std::uint8_t> lost(200);
    ASSERT_TRUE((*file)->write_at(*size - lost.size(), lost));
    if (!torn) ASSERT_TRUE((*file)->truncate(0));
    disk.process_death();
    Recovery recovery(disk, log_dir, false, [](const std::string&) { return LogConfig{}; });
    ASSERT_TRUE(recovery.run());
    // Whatever is to be removed later is none of the log's files.
    for (const std::string& path : recovery.leftovers()) ASSERT_TRUE(disk.remove_all(path));
    disk.power_loss_of_all_unsynced();
    LogWorld again(disk);
    ASSERT_TRUE(again.opened());
    PartitionLog* log = again.find(log_id(1));
    ASSERT_TRUE(log);
    EXPECT_EQ(log->end_offset(), Offset(15)) << torn;
    EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(15)) << torn;
  }
}

TEST_F(RecoveryTest, WhatWasTruncatedDoesNotComeBackFromTheJournal) {
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(world.append(*log));
      world.loop().run_ready();
    }
    ASSERT_TRUE(world.loop().run(log->truncate_to(Offset(5))));
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->end_offset(), Offset(5));
  EXPECT_EQ(again.read_all(*log, Offset(0)), Offset(5));
}

TEST_F(RecoveryTest, WhatWasAppendedAfterATruncationIsKept) {
  constexpr std::int64_t later = 7777;
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(world.append(*log));
      world.loop().run_ready();
    }
    ASSERT_TRUE(world.loop().run(log->truncate_to(Offset(5))));
    Said& said = world.said(log_id(1));
    said.durable = said.written = Offset(0);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(world.append(*log, 1, Need::durable, 20, later));
      world.loop().run_ready();
    }
    EXPECT_EQ(said.durable, Offset(7));
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->end_offset(), Offset(7));
  const auto found = again.loop().run(log->offset_for_timestamp(later, log->end_offset()));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->offset, Offset(5));
}

// A partition that is moved away from a broker and back to it has one id for both its lives there.
TEST_F(RecoveryTest, ALogThatIsMadeAnewUnderItsIdHasNothingOfTheFirst) {
  {
    LogWorld world(disk_);
    PartitionLog* first = world.create(log_id(1), "t");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*first));
    world.loop().run_ready();
    first->set_listener(nullptr);
    ASSERT_TRUE(world.loop().run(world.shard().remove(log_id(1))));
    world.said(log_id(1)) = Said();
    PartitionLog* second = world.create(log_id(1), "t");
    ASSERT_TRUE(second);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(world.append(*second, 2));
    world.loop().run_ready();
    EXPECT_EQ(world.said(log_id(1)).durable, Offset(4));
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->end_offset(), Offset(4));
  LogRead request;
  request.bytes_max = 1000;
  request.end = log->end_offset();
  const auto data = again.loop().run(log->read(request));
  ASSERT_TRUE(data);
  const auto header = wire::BatchHeader::parse(data->batches.flatten());
  ASSERT_TRUE(header);
  EXPECT_EQ(header->record_count, 2) << "the first batch is that of the first life";
}

// A recovery point says that what is below it need not be read again: epochs that were found in it must be noted by
// then.
TEST_F(RecoveryTest, EpochsThatWereFoundInTheBatchesAreNotForgottenByTheNextRecovery) {
  {
    LogWorld world(disk_);
    LogConfig config;
    config.segment_bytes = 300;  // one batch in each
    PartitionLog* log = world.create(log_id(1), "t", config);
    for (std::int32_t epoch = 0; epoch < 3; ++epoch) {
      ASSERT_TRUE(world.append(*log, 5, Need::durable, 20, 1000, epoch));
      if (epoch == 0) log->flush_soon();  // and the first epoch is written down
      world.loop().run_ready();
    }
  }
  disk_.power_loss_of_all_unsynced();
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  PartitionLog* log = again.find(log_id(1));
  ASSERT_TRUE(log);
  ASSERT_EQ(log->leader_epochs().entries().size(), 3u);
  disk_.power_loss_of_all_unsynced();
  const auto text = disk_.read_file(log->directory() + "/" + std::string(log_format::leader_epoch_file), 1000);
  ASSERT_TRUE(text);
  EXPECT_EQ(std::string(as_text(*text)), log->leader_epochs().to_checkpoint());
}

// A creation that was cut short leaves nothing behind; a directory with records in it is somebody's.
TEST_F(RecoveryTest, AnUnfinishedDirectoryIsRemovedIfItHoldsNothing) {
  const std::string empty = std::string(log_dir) + "/empty-0", foreign = std::string(log_dir) + "/foreign-0";
  for (const std::string& path : {empty, foreign}) ASSERT_TRUE(disk_.create_directories(path));
  ASSERT_TRUE(disk_.write_atomically(foreign + "/00000000000000000000.log", as_bytes("x")));
  const LogWorld world(disk_);
  ASSERT_TRUE(world.opened());
  EXPECT_FALSE(*disk_.exists(empty));
  EXPECT_TRUE(*disk_.exists(foreign));
}

// A leader's that wrote nothing. Its successor may have records there of the epoch before.
TEST_F(RecoveryTest, AnEpochThatBeganAtTheEndIsForgottenForGood) {
  const std::string file = std::string(log_dir) + "/t-0/leader-epoch-checkpoint";
  const auto written = [&] {
    const auto bytes = disk_.content(file);
    return std::string(as_text(bytes));
  };
  {
    LogWorld world(disk_);
    PartitionLog* log = world.create(log_id(1), "t");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(*log));
    log->assign_epoch(LeaderEpoch(1), log->end_offset());
    log->flush_soon();
    world.loop().run_ready();
    ASSERT_EQ(written(), "0\n2\n0 0\n1 3\n");
  }
  LogWorld again(disk_);
  ASSERT_TRUE(again.opened());
  EXPECT_EQ(again.find(log_id(1))->leader_epochs().entries().size(), 1u);
  EXPECT_EQ(written(), "0\n1\n0 0\n");
}

}  // namespace
}  // namespace holdfast::test
