// A follower's log goes back and then another way, as its leaders tell it. Each record carries the epoch it was written
// in; what a restart finds, wherever the power went, must be a history that the log really had.
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/log/log_world.h"

namespace holdfast::test::truncation {
namespace {

const LogId id = log_id(1);

LogConfig small_segments() {
  LogConfig config;
  config.segment_bytes = 3000;
  config.index_interval_bytes = 300;
  config.bulk_bytes = 1500;
  return config;
}

// The epoch of every offset of the log.
std::map<std::int64_t, std::int32_t> epochs_of(LogWorld& world, PartitionLog& log) {
  std::map<std::int64_t, std::int32_t> out;
  LogRead request;
  request.bytes_max = 1000;
  request.end = log.end_offset();
  request.from = log.start_offset();
  while (request.from < request.end) {
    auto data = world.loop().run(log.read(request));
    if (!data || data->batches.empty()) {
      ADD_FAILURE() << "nothing at offset " << request.from.value << " of " << request.end.value;
      return out;
    }
    const auto bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) {
      EXPECT_TRUE(wire::verify_crc(batch));
      for (std::int64_t o = header.base_offset; o <= header.last_offset(); ++o) {
        EXPECT_FALSE(out.contains(o));
        out[o] = header.leader_epoch;
      }
    }
    request.from = data->next;
  }
  return out;
}

struct History {
  Offset start{0}, durable{0};
  std::map<std::int64_t, std::int32_t> epochs;        // of what was appended and not cut since
  std::vector<std::pair<Offset, std::int32_t>> cuts;  // from there on nothing older than that epoch may come back
  bool emptying = false;                              // truncate_fully was called, and did not return
  Offset emptied_to{0};
};

// Appends, cuts at many places, also across segments and in the middle of batches, an emptying; checkpoints between.
void script(Disk& disk, History& history) {
  LogWorld world(disk, false, 16 << 10);
  if (!world.opened()) return;
  PartitionLog* log = world.create(id, "t", small_segments());
  if (!log) return;
  const auto note = [&] { history.durable = world.said(id).durable; };
  const auto append = [&](int batches, std::int32_t epoch) {
    for (int i = 0; i < batches; ++i) {
      const Offset base = log->end_offset();
      if (!world.append(*log, 1 + i % 3, i % 4 == 3 ? Need::written : Need::durable, 150, 1000, epoch)) return false;
      for (std::int64_t o = base.value; o < log->end_offset().value; ++o) history.epochs[o] = epoch;
      if (i % 3 == 2) world.loop().run_ready();
      note();
    }
    world.loop().run_ready();
    note();
    return world.said(id).durable == log->end_offset();
  };
  const auto cut = [&](std::int64_t to, std::int32_t next_epoch) {
    // What is above is promised no longer from the moment that the leader has said so.
    world.said(id).durable = world.said(id).written = std::min(world.said(id).durable, Offset(0));
    const Offset promised = std::min(history.durable, Offset(to));
    history.durable = std::min(promised, Offset(std::max<std::int64_t>(to - 3, 0)));  // a batch goes whole
    const bool done = world.loop().run(log->truncate_to(Offset(to))).has_value();
    if (!done) return false;
    history.epochs.erase(history.epochs.lower_bound(log->end_offset().value), history.epochs.end());
    history.cuts.emplace_back(log->end_offset(), next_epoch);
    world.said(id).durable = world.said(id).written = log->end_offset();
    note();
    return true;
  };
  if (!append(30, 1)) return;
  if (!world.checkpoint()) return;
  if (!cut(41, 2) || !append(8, 2)) return;
  log->flush_soon();
  world.loop().run_ready();
  if (!world.checkpoint()) return;
  if (!cut(10, 3) || !append(25, 3)) return;
  if (!cut(33, 4) || !cut(20, 5) || !append(12, 5)) return;
  history.emptying = true;
  history.emptied_to = Offset(100);
  history.durable = Offset(0);
  world.said(id).durable = world.said(id).written = Offset(0);
  if (!world.loop().run(log->truncate_fully(Offset(100)))) return;
  history.emptying = false;
  history.start = history.durable = Offset(100);
  history.epochs.clear();
  history.cuts.emplace_back(Offset(0), 6);
  world.said(id).durable = world.said(id).written = Offset(100);
  if (!append(15, 6)) return;
  world.loop().run(world.shard().stop());
}

void check(Disk& disk, const History& history, const std::string& when) {
  LogWorld world(disk, false, 16 << 10);
  ASSERT_TRUE(world.opened()) << when << ": " << world.opened().error().message;
  PartitionLog* log = world.find(id);
  if (!log) {
    EXPECT_EQ(history.durable, Offset(0)) << when << ": the log is gone";
    return;
  }
  const auto found = epochs_of(world, *log);
  EXPECT_EQ(found.size(), static_cast<std::size_t>(log->end_offset() - log->start_offset())) << when;
  if (!history.emptying) {
    EXPECT_EQ(log->start_offset(), history.start) << when;
    EXPECT_GE(log->end_offset(), history.durable) << when;
  }
  for (const auto& [offset, epoch] : found) {
    const auto known = history.epochs.find(offset);
    if (offset < history.durable.value && !history.emptying) {
      ASSERT_TRUE(known != history.epochs.end() && known->second == epoch)
          << when << ": offset " << offset << " is of epoch " << epoch;
    }
    for (const auto& [cut, next] : history.cuts) {
      if (Offset(offset) >= cut) {
        ASSERT_GE(epoch, next) << when << ": offset " << offset << " came back";
      }
    }
  }
  for (auto it = found.begin(); it != found.end() && std::next(it) != found.end(); ++it)
    EXPECT_LE(it->second, std::next(it)->second) << when;
  // It goes on from there.
  ASSERT_TRUE(world.append(*log, 1, Need::durable, 20, 1000, 9)) << when;
  world.loop().run_ready();
  EXPECT_EQ(world.said(id).durable, log->end_offset()) << when;
  EXPECT_EQ(log->leader_epochs().latest(), LeaderEpoch(9)) << when;
}

TEST(Truncation, TheScriptRunsToItsEnd) {
  SimulatedDisk disk;
  History history;
  script(disk, history);
  EXPECT_EQ(history.start, Offset(100));
  EXPECT_GT(history.durable, Offset(100));
  LogWorld again(disk, true);
  ASSERT_TRUE(again.opened()) << again.opened().error().message;
  EXPECT_EQ(epochs_of(again, *again.find(id)), history.epochs);
}

TEST(Truncation, PowerCutAtEveryChangeOfTheDisk) {
  std::uint64_t n = 0;
  for (;; ++n) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(n);
    History history;
    script(disk, history);
    const bool cut = !disk.powered();
    disk.power_loss_of_all_unsynced();
    check(disk, history, "cut at call " + std::to_string(n));
    if (HasFailure()) return;
    if (!cut) break;
  }
  EXPECT_GT(n, 150u);
}

TEST(Truncation, UnsyncedWritesMayBeTornAndReordered) {
  for (std::uint64_t n = 0;; ++n) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    disk.cut_power_at(n);
    History history;
    script(disk, history);
    const bool cut = !disk.powered();
    const auto random = seeded_random(n);
    disk.power_loss(*random);
    check(disk, history, "torn at call " + std::to_string(n));
    if (HasFailure() || !cut) return;
  }
}

// Nothing that was durable is let go of when the disk refuses what the cut needs.
TEST(Truncation, TheDiskMayFailAtEachCall) {
  for (const DiskCall call : {DiskCall::write, DiskCall::sync, DiskCall::truncate, DiskCall::rename}) {
    for (std::uint64_t n = 0;; ++n) {
      SimulatedDisk disk;
      ASSERT_TRUE(disk.create_directories(log_dir));
      disk.sync_all();
      disk.fail_call(call, n, EIO);
      History history;
      script(disk, history);
      if (disk.calls(call) <= n) break;
      disk.power_loss_of_all_unsynced();
      check(disk, history, "error " + std::to_string(n) + " of kind " + std::to_string(static_cast<int>(call)));
      if (HasFailure()) return;
    }
  }
}

// Or what is damaged would be the new end, and what stands between that and the cut would go without a word.
TEST(Truncation, WhatIsDamagedBeforeTheCutDoesNotGoWithIt) {
  SimulatedDisk disk;
  LogWorld world(disk);
  PartitionLog* log = world.create(id, "t");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.append(*log));
  log->flush_soon();
  world.loop().run_ready();
  const std::string segment = std::string(log_dir) + "/t-0/00000000000000000000.log";
  disk.flip_bit(segment, 70);
  const auto cut = world.loop().run(log->truncate_to(Offset(15)));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(log->end_offset(), Offset(20));
  disk.flip_bit(segment, 70);
  EXPECT_TRUE(world.loop().run(log->truncate_to(Offset(15))));
  EXPECT_EQ(log->end_offset(), Offset(15));
}

// Where a batch says that it is, no checksum covers; but the coordination log has no gaps, and no log goes back.
TEST(Truncation, NorDoesWhatSaysThatItIsElsewhere) {
  for (const bool quorum : {true, false}) {
    SimulatedDisk disk;
    LogWorld world(disk);
    LogConfig config;
    config.quorum = quorum;
    PartitionLog* log = world.create(id, "t", config);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.append(*log));
    log->flush_soon();
    world.loop().run_ready();
    const std::string segment = std::string(log_dir) + "/t-0/00000000000000000000.log";
    const auto bytes = disk.content(segment);
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) {
      if (header.base_offset >= 14) break;
      const auto at = static_cast<std::uint64_t>(batch.data() - bytes.data());
      for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t moved = static_cast<std::uint64_t>(header.base_offset) ^ std::uint64_t{1} << bit;
        // A gap, and all of it is there.
        if (!quorum && moved > static_cast<std::uint64_t>(header.base_offset) && moved <= 15) continue;
        disk.flip_bit(segment, at + 7 - bit / 8, bit % 8);
        const auto cut = world.loop().run(log->truncate_to(Offset(15)));
        ASSERT_FALSE(cut) << "batch " << header.base_offset << ", bit " << bit << (quorum ? ", quorum" : "");
        EXPECT_EQ(cut.error().kind, ErrorKind::corrupt);
        disk.flip_bit(segment, at + 7 - bit / 8, bit % 8);
      }
    }
    EXPECT_TRUE(world.loop().run(log->truncate_to(Offset(15))));
    EXPECT_EQ(log->end_offset(), Offset(15));
  }
}

TEST(Truncation, JournalFilesAreRecycledAfterIt) {
  SimulatedDisk disk;
  LogWorld world(disk, false, 16 << 10);
  PartitionLog* log = world.create(id, "t");
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(*log, 1, Need::durable, 400, 1000, round));
    world.loop().run_ready();
    world.said(id).durable = world.said(id).written = Offset(0);
    ASSERT_TRUE(world.loop().run(log->truncate_to(log->end_offset() - 5)));
  }
  std::size_t journals = 0;
  for (const auto& entry : *disk.list(log_dir)) journals += entry.name.starts_with("journal.");
  EXPECT_LE(journals, 5u);
}

}  // namespace
}  // namespace holdfast::test::truncation
