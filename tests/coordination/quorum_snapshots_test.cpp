#include "coordination/quorum_snapshots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "runtime/simulated_disk.h"

namespace holdfast {
namespace {

TEST(QuorumSnapshotsTest, WhatIsWrittenGoesToTheDiskOnTheWay) {
  SimulatedDisk disk;
  QuorumSnapshots snapshots(disk, "/data/coordination");
  ASSERT_TRUE(snapshots.prepare());
  const auto writer = snapshots.writer("taken");
  std::size_t waiting = 0, waiting_most = 0;
  disk.before_call([&](DiskCall call, const std::string&) {
    if (call == DiskCall::sync) waiting = 0;
  });
  const std::vector<std::uint8_t> piece(64 << 10, 0x5a);
  for (int i = 0; i < 160; ++i) {
    waiting += piece.size();
    waiting_most = std::max(waiting_most, waiting);
    ASSERT_TRUE(writer->write(piece));
  }
  EXPECT_LE(waiting_most, std::size_t{1} << 20);
  QuorumSnapshotHeader header;
  header.end = Offset(7);
  ASSERT_TRUE(writer->finish(QuorumSnapshots::name_of(header, false)));
  const auto names = snapshots.list();
  ASSERT_TRUE(names);
  ASSERT_EQ(names->size(), 1u);
  EXPECT_EQ(names->front().bytes, 160 * piece.size());
}

TEST(QuorumSnapshotsTest, WhatWasNotFinishedIsGoneAtTheNextStart) {
  SimulatedDisk disk;
  QuorumSnapshots snapshots(disk, "/data/coordination");
  ASSERT_TRUE(snapshots.prepare());
  const auto writer = snapshots.writer("taken");
  ASSERT_TRUE(writer->write(std::vector<std::uint8_t>(100, 1)));
  EXPECT_TRUE(snapshots.list()->empty());
  EXPECT_EQ(disk.files().size(), 1u);
  ASSERT_TRUE(snapshots.prepare());
  EXPECT_TRUE(disk.files().empty());
}

}  // namespace
}  // namespace holdfast
