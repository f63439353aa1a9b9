// What a directory says of its logs, of those too that are out of service.
#include "log/log_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "log/checkpoints.h"
#include "log/format.h"
#include "log/partition_log.h"
#include "runtime/metrics.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_loop.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::test {
namespace {

constexpr const char* directory = "/data";
constexpr Duration checkpoint_interval = std::chrono::seconds(60);

LogId some_id(std::uint8_t topic = 1) {
  LogId id;
  id.topic_id[0] = topic;
  return id;
}

// Two topics have two names.
std::string topic_of(const LogId& id) { return id.topic_id[0] == 1 ? "t" : "t" + std::to_string(id.topic_id[0]); }

LogManagerOptions some_options() {
  LogManagerOptions options;
  options.log_dirs = {directory};
  options.journal_file_bytes = 64 << 10;
  return options;
}

// One life of a node's logs; it is killed when it ends.
class Life {
 public:
  explicit Life(SimulatedDisk& disk, LogManagerOptions options = some_options(), int shards = 1)
      : disk_(disk), shards_(shards, clock_) {
    logs_ = std::make_unique<LogManager>(std::move(options), disk, loop_.workers(), clock_, *random_, metrics_);
    started_ = logs_->start(
        shards_, [this](const LogId& id) -> Shard& { return loop_.shard(id.partition % shards_.size()); },
        [](const std::string&) { return LogConfig{}; });
    loop_.run_ready();
  }
  ~Life() {
    disk_.cut_power();
    loop_.run_all_jobs();
    Shard::Scope scope(loop_.shard());
    logs_.reset();
    disk_.process_death();
  }

  bool started() const { return started_.has_value(); }
  const Result<void>& start() const { return started_; }
  LogManager& logs() { return *logs_; }
  SimulatedLoop& loop() { return loop_; }
  PartitionLog* find(const LogId& id = some_id()) {
    Shard::Scope scope(loop_.shard(id.partition % shards_.size()));
    return static_cast<PartitionLog*>(logs_->find(id));
  }
  Result<Log*> try_create(const LogId& id, const std::string& log_dir = {}) {
    const int shard = id.partition % shards_.size();
    Shard::Scope scope(loop_.shard(shard));
    return loop_.run(logs_->create(id, topic_of(id), {}, log_dir), shard);
  }
  PartitionLog* create(const LogId& id = some_id(), const std::string& log_dir = {}) {
    auto made = try_create(id, log_dir);
    return made ? static_cast<PartitionLog*>(*made) : nullptr;
  }
  Result<void> adopt(const std::string& id) {
    Shard::Scope scope(loop_.shard());
    return loop_.run(logs_->adopt_cluster_id(id));
  }
  bool remove(const LogId& id = some_id()) {
    Shard::Scope scope(loop_.shard());
    return loop_.run(logs_->remove(id)).has_value();
  }
  bool advance_start(PartitionLog& log, Offset to) { return loop_.run(log.advance_start(to)).has_value(); }
  void append(PartitionLog& log) {
    wire::BatchBuilder::Options options;
    options.base_offset = log.end_offset().value;
    wire::BatchBuilder builder(options);
    builder.append(1000, std::nullopt, as_bytes("value"));
    const auto batch = builder.finish();
    EXPECT_TRUE(log.append(batch, *wire::BatchHeader::parse(batch), Need::durable));
    loop_.run_ready();
  }
  void flush(PartitionLog& log) {
    log.flush_soon();
    loop_.run_ready();
  }
  bool truncate(PartitionLog& log, Offset end) { return loop_.run(log.truncate_to(end)).has_value(); }
  void pass(Duration time) { loop_.run_for(time); }
  void until_the_next_checkpoint() { loop_.run_for(checkpoint_interval + std::chrono::seconds(1)); }

 private:
  SimulatedDisk& disk_;
  SimulatedClock clock_;
  Shards shards_;
  SimulatedLoop loop_{clock_, shards_};
  std::unique_ptr<Random> random_ = seeded_random(3);
  Metrics metrics_;
  std::unique_ptr<LogManager> logs_;
  Result<void> started_;
};

std::optional<std::string> cluster_of(Disk& disk, const std::string& dir) {
  auto meta = read_meta_properties(disk, dir + "/meta.properties");
  if (!meta || !*meta) return std::nullopt;
  return (*meta)->cluster_id;
}

Offset checkpointed(Disk& disk, std::string_view file) {
  auto read = read_offset_checkpoint(disk, std::string(directory) + "/" + std::string(file));
  return read && read->contains({"t", 0}) ? read->at({"t", 0}) : Offset(-1);
}

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
    log = life->create(some_id(2));
    ASSERT_TRUE(log);
    for (int i = 0; i < 3; ++i) life->append(*log);
    life->flush(*log);
    life.reset();
    Life again(disk);
    log = again.find(some_id(2));
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

// ---- Whose the directories are ----

LogManagerOptions two_directories() {
  LogManagerOptions options = some_options();
  options.log_dirs = {"/one", "/two"};
  return options;
}

TEST(LogManager, MakesAClusterIdForAllItsDirectories) {
  SimulatedDisk disk;
  Life life(disk, two_directories());
  ASSERT_TRUE(life.started());
  EXPECT_FALSE(life.logs().cluster_id().empty());
  EXPECT_EQ(cluster_of(disk, "/one"), life.logs().cluster_id());
  EXPECT_EQ(cluster_of(disk, "/two"), life.logs().cluster_id());
}

TEST(LogManager, ADirectoryThatIsAddedBelongsToTheClusterOfTheOthers) {
  for (const bool first : {false, true}) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories("/one"));
    ASSERT_TRUE(write_meta_properties(disk, "/one/meta.properties", {"cluster", 1, "here"}));
    LogManagerOptions options = two_directories();
    if (first) std::swap(options.log_dirs[0], options.log_dirs[1]);
    Life life(disk, options);
    ASSERT_TRUE(life.started()) << life.start().error().message;
    EXPECT_EQ(life.logs().cluster_id(), "cluster");
    EXPECT_EQ(cluster_of(disk, "/two"), "cluster");
  }
}

TEST(LogManager, DirectoriesOfTwoClustersAreRefused) {
  SimulatedDisk disk;
  for (const std::string dir : {"/one", "/two"}) {
    ASSERT_TRUE(disk.create_directories(dir));
    ASSERT_TRUE(write_meta_properties(disk, dir + "/meta.properties", {"cluster-of" + dir, 1, "here"}));
  }
  for (const bool deferred : {false, true}) {
    LogManagerOptions options = two_directories();
    options.defer_cluster_id = deferred;
    const Life life(disk, options);
    ASSERT_FALSE(life.started());
    EXPECT_THAT(life.start().error().message,
                testing::AllOf(testing::HasSubstr("cluster-of/one"), testing::HasSubstr("cluster-of/two")));
  }
}

TEST(LogManager, DirectoriesHaveIdsThatStay) {
  SimulatedDisk disk;
  std::vector<std::string> before;
  for (int start = 0; start < 2; ++start) {
    LogManagerOptions options = two_directories();
    options.defer_cluster_id = true;
    Life life(disk, options);
    ASSERT_TRUE(life.started());
    const std::vector<std::string> ids = life.logs().directory_ids();
    ASSERT_EQ(ids.size(), 2u);
    EXPECT_NE(ids[0], ids[1]);
    ASSERT_TRUE(life.adopt("ensemble"));
    EXPECT_EQ(life.logs().directory_ids(), ids);
    if (start > 0) {
      EXPECT_EQ(ids, before);
    }
    before = ids;
  }
}

TEST(LogManager, ADirectoryThatCannotBeReadIsLeftOut) {
  SimulatedDisk disk;
  {
    Life life(disk, two_directories());
    PartitionLog* log = life.create(some_id(1), "/two");
    ASSERT_TRUE(log && life.create(some_id(2), "/one"));
    for (int i = 0; i < 5; ++i) life.append(*log);
  }
  for (const std::string bad : {"/two", "/one"}) {
    disk.before_call([&disk, bad](DiskCall call, const std::string& path) {
      if (path.starts_with(bad)) disk.fail_call(call, 0, EIO);
    });
    Life life(disk, two_directories());
    ASSERT_EQ(life.started(), bad == "/two") << "without the first one nothing can be done";
    if (!life.started()) continue;
    EXPECT_EQ(life.logs().left_out(), std::vector<std::string>{"/two"});
    EXPECT_EQ(life.logs().directory_ids().size(), 1u);
    EXPECT_FALSE(life.logs().directories()[1].online);
    EXPECT_FALSE(life.find(some_id(1)));
    EXPECT_TRUE(life.find(some_id(2)));
    EXPECT_TRUE(life.create(some_id(3)));
    EXPECT_FALSE(life.try_create(some_id(4), "/two"));
    life.until_the_next_checkpoint();
  }
  disk.before_call(nullptr);
  Life life(disk, two_directories());
  ASSERT_TRUE(life.started());
  ASSERT_TRUE(life.find(some_id(1)));
  EXPECT_EQ(life.find(some_id(1))->end_offset(), Offset(5));
}

TEST(LogManager, TheEnsembleSaysOfWhichClusterItIs) {
  SimulatedDisk disk;
  LogManagerOptions options = two_directories();
  options.defer_cluster_id = true;
  {
    Life life(disk, options);
    ASSERT_TRUE(life.started());
    EXPECT_EQ(life.logs().cluster_id(), "");
    EXPECT_EQ(cluster_of(disk, "/one"), std::nullopt);
    ASSERT_TRUE(life.adopt("ensemble"));
    EXPECT_EQ(life.logs().cluster_id(), "ensemble");
    disk.power_loss_of_all_unsynced();
  }
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
  EXPECT_EQ(cluster_of(disk, "/two"), "ensemble");
  Life life(disk, options);
  ASSERT_TRUE(life.started());
  EXPECT_EQ(life.logs().cluster_id(), "ensemble");
  EXPECT_TRUE(life.adopt("ensemble"));
  const auto refused = life.adopt("another");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::AllOf(testing::HasSubstr("ensemble"), testing::HasSubstr("another"),
                                                      testing::HasSubstr("/one")));
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
}

TEST(LogManager, AnAdoptionThatFailedMayBeTriedAgain) {
  SimulatedDisk disk;
  LogManagerOptions options = two_directories();
  options.defer_cluster_id = true;
  Life life(disk, options);
  ASSERT_TRUE(life.started());
  disk.fail_call(DiskCall::rename, 1, ENOSPC);
  EXPECT_FALSE(life.adopt("ensemble"));
  EXPECT_EQ(life.logs().cluster_id(), "");
  EXPECT_TRUE(life.adopt("ensemble"));
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
  EXPECT_EQ(cluster_of(disk, "/two"), "ensemble");
}

TEST(LogManager, ADirectoryThatCannotTakeAClustersNameIsOutOfService) {
  SimulatedDisk disk;
  LogManagerOptions options = two_directories();
  options.defer_cluster_id = true;
  Life life(disk, options);
  ASSERT_TRUE(life.started());
  disk.fail_call(DiskCall::rename, 0, EIO);
  EXPECT_TRUE(life.adopt("ensemble"));
  EXPECT_EQ(life.logs().cluster_id(), "ensemble");
  const auto directories = life.logs().directories();
  ASSERT_EQ(directories.size(), 2U);
  EXPECT_TRUE(directories[0].online && !directories[1].online);
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
  EXPECT_FALSE(life.try_create(some_id(), "/two"));
  EXPECT_TRUE(life.create(some_id(), "/one"));
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

// ---- Directories that fail ----

struct Failures {
  std::vector<std::pair<std::string, bool>> told;  // which, and whether none is left
  LogManagerOptions watch(LogManagerOptions options) {
    options.on_directory_failed = [this](const std::string& path, bool none_left) {
      EXPECT_EQ(Shard::current()->index(), 0);
      told.emplace_back(path, none_left);
    };
    return options;
  }
};

TEST(LogManager, ADirectoryIsFullWhileItIsOnAnyShard) {
  SimulatedDisk disk;
  std::vector<std::pair<std::string, bool>> told;
  LogManagerOptions options = two_directories();
  options.on_directory_full = [&](const std::string& path, bool full) { told.emplace_back(path, full); };
  Life life(disk, std::move(options), 2);
  ASSERT_TRUE(life.started());
  LogId other_shard = some_id(1);
  other_shard.partition = 1;
  PartitionLog* one = life.create(some_id(2), "/one");
  PartitionLog* other = life.create(other_shard, "/one");
  ASSERT_TRUE(one && other);
  disk.fail_every(DiskCall::write, ENOSPC);
  for (PartitionLog* log : {one, other}) life.append(*log);
  EXPECT_EQ(told, (std::vector{std::pair(std::string("/one"), true)}));
  disk.fail_every(DiskCall::write, 0);
  // New logs go where there is room.
  for (const int topic : {3, 4, 5})
    EXPECT_EQ(life.create(some_id(static_cast<std::uint8_t>(topic)))->log_dir(), "/two");
  life.pass(std::chrono::seconds(2));
  EXPECT_EQ(told.back(), std::pair(std::string("/one"), false));
  EXPECT_EQ(told.size(), 2u);
}

TEST(LogManager, SaysOnceThatADirectoryFailed) {
  SimulatedDisk disk;
  Failures failures;
  Life life(disk, failures.watch(two_directories()), 2);
  ASSERT_TRUE(life.started());
  LogId a = some_id(1), b = some_id(2), c = some_id(3), d = some_id(4);
  a.partition = c.partition = 1;
  PartitionLog* on_one = life.create(a, "/one");
  PartitionLog* also_on_one = life.create(b, "/one");
  PartitionLog* on_two = life.create(c, "/two");
  ASSERT_TRUE(on_one && also_on_one && on_two);
  disk.fail_call(DiskCall::sync, 0, EIO);
  life.append(*on_one);
  life.loop().run_ready();
  ASSERT_EQ(failures.told.size(), 1u);
  EXPECT_EQ(failures.told[0], std::pair(std::string("/one"), false));
  EXPECT_TRUE(on_one->is_failed());
  EXPECT_TRUE(also_on_one->is_failed()) << "a directory that failed on one shard is used by none";
  EXPECT_FALSE(on_two->is_failed());
  EXPECT_FALSE(life.logs().directories()[0].online);
  EXPECT_TRUE(life.logs().directories()[1].online);
  // New logs go elsewhere.
  for (const std::int32_t partition : {0, 1, 2, 3}) {
    d.partition = partition;
    PartitionLog* made = life.create(d);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->log_dir(), "/two");
  }
  d.partition = 4;
  EXPECT_FALSE(life.try_create(d, "/one"));
  EXPECT_FALSE(life.try_create(d, "/nowhere"));
  // What is written of the healthy one does not depend on the other.
  life.append(*on_two);
  on_two->set_high_watermark(Offset(1));
  life.until_the_next_checkpoint();
  auto read = read_offset_checkpoint(disk, "/two/replication-offset-checkpoint");
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[std::pair(on_two->topic(), 1)], Offset(1));
  disk.fail_call(DiskCall::sync, 0, EIO);
  life.append(*on_two);
  life.loop().run_ready();
  ASSERT_EQ(failures.told.size(), 2u);
  EXPECT_EQ(failures.told[1], std::pair(std::string("/two"), true));
  d.partition = 6;
  EXPECT_FALSE(life.try_create(d));
}

TEST(LogManager, ADirectoryThatCannotTakeANewLogHasFailed) {
  SimulatedDisk disk;
  Failures failures;
  Life life(disk, failures.watch(two_directories()));
  ASSERT_TRUE(life.started());
  disk.fail_call(DiskCall::sync, 0, EIO);
  EXPECT_FALSE(life.create(some_id(1)));
  life.loop().run_ready();
  ASSERT_EQ(failures.told.size(), 1u);
  EXPECT_EQ(failures.told[0].first, "/one");
  PartitionLog* made = life.create(some_id(1));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->log_dir(), "/two");
}

TEST(LogManager, AFullDirectoryHasNotFailed) {
  SimulatedDisk disk;
  Failures failures;
  Life life(disk, failures.watch(some_options()));
  PartitionLog* log = life.create();
  ASSERT_TRUE(log);
  life.append(*log);
  log->set_high_watermark(Offset(1));
  disk.fail_call(DiskCall::rename, 0, ENOSPC);
  life.until_the_next_checkpoint();
  EXPECT_TRUE(failures.told.empty());
  EXPECT_FALSE(log->is_failed());
  life.until_the_next_checkpoint();
  EXPECT_EQ(checkpointed(disk, log_format::high_watermark_file), Offset(1));
}

}  // namespace
}  // namespace holdfast::test
