// What a start makes of files that were damaged while the node was down, and of a journal that cuts a log.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace holdfast::test
