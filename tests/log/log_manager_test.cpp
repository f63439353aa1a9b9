// What a directory says of its logs, of those too that are out of service.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "tests/log/manager_life.h"

namespace holdfast::test {
namespace {

TEST(LogManager, KeepsWhatItKnowsOfALogThatHasFailed) {
  SimulatedDisk disk;
  Life life(disk);
  ASSERT_TRUE(life.started());
  PartitionLog* log = life.create();
  ASSERT_TRUE(log);
  for (int i = 0; i < 10; ++i) life.append(*log);
  log->set_high_watermark(Offset(7));
  life.flush(*log);
  disk.fail_call(DiskCall::sync, 0, EIO);
  life.append(*log);
  ASSERT_TRUE(log->is_failed());
  life.until_the_next_checkpoint();
  EXPECT_EQ(checkpointed(disk, log_format::recovery_point_file), Offset(10));
  EXPECT_EQ(checkpointed(disk, log_format::high_watermark_file), Offset(7));
}

TEST(LogManager, RefusesADamagedLogAtEveryStart) {
  SimulatedDisk disk;
  {
    Life life(disk);
    PartitionLog* log = life.create();
    ASSERT_TRUE(log);
    for (int i = 0; i < 10; ++i) life.append(*log);
    life.flush(*log);
    life.until_the_next_checkpoint();
  }
  disk.flip_bit(std::string(directory) + "/t-0/00000000000000000000.log", 100);
  for (int start = 0; start < 3; ++start) {
    Life life(disk);
    ASSERT_TRUE(life.started());
    EXPECT_FALSE(life.find()) << "at start " << start << " it was cut, and its records are lost";
    EXPECT_TRUE(life.logs().found().contains(some_id()));
    const auto made = life.try_create(some_id());
    ASSERT_FALSE(made) << "another one is in its place";
    EXPECT_EQ(made.error().message, std::string("the log ") + directory + "/t-0 is damaged");
    life.until_the_next_checkpoint();
    EXPECT_EQ(checkpointed(disk, log_format::recovery_point_file), Offset(10));
  }
}

// Checkpoints go by name, and a name may be used again.
TEST(LogManager, TakesNothingForItsOwnThatWasSaidOfANamesake) {
  for (const bool in_another_life : {false, true}) {
    SimulatedDisk disk;
    auto life = std::make_unique<Life>(disk);
    PartitionLog* log = life->create();
    ASSERT_TRUE(log);
    for (int i = 0; i < 10; ++i) life->append(*log);
    life->flush(*log);
    ASSERT_TRUE(life->advance_start(*log, Offset(8)));
    life->until_the_next_checkpoint();
    ASSERT_TRUE(life->remove());
    if (in_another_life) {
      life.reset();
      life = std::make_unique<Life>(disk);
    }
    log = life->create(namesake());
    ASSERT_TRUE(log);
    for (int i = 0; i < 3; ++i) life->append(*log);
    life->flush(*log);
    life.reset();
    Life again(disk);
    log = again.find(namesake());
    ASSERT_TRUE(log) << in_another_life;
    EXPECT_EQ(log->start_offset(), Offset(0)) << in_another_life;
    EXPECT_EQ(log->end_offset(), Offset(3)) << in_another_life;
  }
}

// The journal that says it goes when it was replayed, and the next checkpoint is a minute away.
TEST(LogManager, KeepsTheStartOfALogHoweverSoonItDiesAgain) {
  SimulatedDisk disk;
  {
    Life life(disk);
    PartitionLog* log = life.create();
    ASSERT_TRUE(log);
    for (int i = 0; i < 10; ++i) life.append(*log);
    ASSERT_TRUE(life.advance_start(*log, Offset(8)));
  }
  for (int death = 0; death < 3; ++death) {
    disk.power_loss_of_all_unsynced();
    Life life(disk);
    PartitionLog* log = life.find();
    ASSERT_TRUE(log);
    EXPECT_EQ(log->start_offset(), Offset(8)) << death;
    EXPECT_EQ(log->end_offset(), Offset(10)) << death;
  }
}

// Its segments are written, so the journal's files are used again; the next checkpoint is a minute away, or, when too
// many files wait for it, at once.
TEST(LogManager, KeepsTheStartOfALogThoughTheJournalFileIsUsedAgain) {
  SimulatedDisk disk;
  const auto small = [] {
    LogManagerOptions options = some_options();
    options.journal_file_bytes = 8 << 10;
    return options;
  };
  {
    Life life(disk, small());
    PartitionLog* log = life.create();
    ASSERT_TRUE(log);
    for (int i = 0; i < 10; ++i) life.append(*log);
    ASSERT_TRUE(life.advance_start(*log, Offset(8)));
    for (int i = 0; i < 40; ++i) {
      life.append(*log);
      life.flush(*log);
    }
    const auto files = disk.list(directory);
    ASSERT_TRUE(files);
    const auto is_journal = [](const DirectoryEntry& e) { return e.name.starts_with(log_format::journal_prefix); };
    EXPECT_LE(std::ranges::count_if(*files, is_journal), 6) << "nothing is used again";
  }
  disk.power_loss_of_all_unsynced();
  Life life(disk, small());
  PartitionLog* log = life.find();
  ASSERT_TRUE(log);
  EXPECT_EQ(log->start_offset(), Offset(8));
}

TEST(LogManager, HasEveryLogThatItFoundWhosoeverItIs) {
  SimulatedDisk disk;
  std::vector<LogId> made;
  {
    Life life(disk, some_options(), 2);
    for (std::int32_t partition = 0; partition < 5; ++partition) {
      made.push_back({some_id(static_cast<std::uint8_t>(1 + partition / 3)).topic_id, partition});
      ASSERT_TRUE(life.create(made.back()));
    }
  }
  Life life(disk, some_options(), 2);
  std::vector<LogId> found;
  for (int shard = 0; shard < 2; ++shard)
    for (Log* log : life.logs().logs_of(life.loop().shard(shard))) {
      EXPECT_EQ(log->id().partition % 2, shard);
      EXPECT_EQ(log->topic(), topic_of(log->id()));
      found.push_back(log->id());
    }
  std::ranges::sort(found);
  EXPECT_EQ(found, made);
}

// ---- High watermarks ----

TEST(LogManager, WritesHighWatermarksDownWhenTheyMove) {
  SimulatedDisk disk;
  LogManagerOptions options = some_options();
  options.high_watermark_checkpoint_interval_ms = 2000;
  Life life(disk, options);
  PartitionLog* log = life.create();
  ASSERT_TRUE(log);
  for (int i = 0; i < 10; ++i) life.append(*log);
  log->set_high_watermark(Offset(4));
  life.pass(std::chrono::milliseconds(2500));
  EXPECT_EQ(checkpointed(disk, log_format::high_watermark_file), Offset(4));
  const auto renames = disk.calls(DiskCall::rename);
  log->set_high_watermark(Offset(4));
  life.pass(std::chrono::seconds(10));
  EXPECT_EQ(disk.calls(DiskCall::rename), renames) << "nothing has changed";
  log->set_high_watermark(Offset(9));
  life.pass(std::chrono::milliseconds(2500));
  EXPECT_EQ(checkpointed(disk, log_format::high_watermark_file), Offset(9));
  EXPECT_EQ(disk.calls(DiskCall::rename), renames + 1);
}

TEST(LogManager, HighWatermarksOfAllShardsAreWrittenDown) {
  SimulatedDisk disk;
  LogManagerOptions options = some_options();
  options.high_watermark_checkpoint_interval_ms = 2000;
  Life life(disk, options, 2);
  LogId on_the_second = some_id();
  on_the_second.partition = 1;
  PartitionLog* log = life.create(on_the_second);
  ASSERT_TRUE(log);
  life.append(*log);
  log->set_high_watermark(Offset(1));
  life.pass(std::chrono::milliseconds(4500));
  auto read = read_offset_checkpoint(disk, std::string(directory) + "/replication-offset-checkpoint");
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[std::pair("t", 1)], Offset(1));
}

TEST(LogManager, AHighWatermarkComesBackFromTheLastCheckpoint) {
  SimulatedDisk disk;
  const auto restarted = [&disk](std::int64_t said, std::int64_t cut_at, bool before) {
    {
      Life life(disk);
      PartitionLog* log = life.find();
      if (!log) log = life.create();
      while (log->end_offset() < Offset(20)) life.append(*log);
      if (said >= 0) log->set_high_watermark(Offset(said));
      if (before) life.pass(std::chrono::seconds(11));
      if (cut_at >= 0) EXPECT_TRUE(life.truncate(*log, Offset(cut_at)));
      // Another history grows past what was committed of the first.
      for (int i = 0; cut_at >= 0 && i < 15; ++i) life.append(*log);
    }
    Life life(disk);
    PartitionLog* log = life.find();
    EXPECT_TRUE(log);
    return log ? log->checkpointed_high_watermark() : Offset(-1);
  };
  EXPECT_EQ(restarted(-1, -1, true), Offset(0)) << "nobody said what is committed";
  EXPECT_EQ(restarted(12, -1, true), Offset(12));
  EXPECT_EQ(restarted(15, -1, false), Offset(12)) << "not written down yet";
  EXPECT_EQ(restarted(18, 10, true), Offset(10));
}

TEST(LogManager, AHighWatermarkIsNeverAboveTheEnd) {
  SimulatedDisk disk;
  {
    Life life(disk);
    PartitionLog* log = life.create();
    for (int i = 0; i < 5; ++i) life.append(*log);
    log->set_high_watermark(Offset(5));
    life.pass(std::chrono::seconds(11));
  }
  const std::string file = std::string(directory) + "/replication-offset-checkpoint";
  ASSERT_TRUE(write_offset_checkpoint(disk, file, {{{"t", 0}, Offset(700)}}));
  Life life(disk);
  ASSERT_TRUE(life.find());
  EXPECT_EQ(life.find()->checkpointed_high_watermark(), Offset(5));
}

}  // namespace
}  // namespace holdfast::test
