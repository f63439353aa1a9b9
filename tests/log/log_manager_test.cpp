// What a directory says of its logs, of those too that are out of service.
#include "log/log_manager.h"

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

// One life of a node's logs; it is killed when it ends.
class Life {
 public:
  explicit Life(SimulatedDisk& disk) : disk_(disk) {
    LogManagerOptions options;
    options.log_dirs = {directory};
    options.journal_file_bytes = 64 << 10;
    logs_ = std::make_unique<LogManager>(std::move(options), disk, loop_.workers(), clock_, *random_, metrics_);
    started_ = logs_->start(
        shards_, [this](const LogId&) -> Shard& { return loop_.shard(); },
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
  PartitionLog* find(const LogId& id = some_id()) {
    Shard::Scope scope(loop_.shard());
    return static_cast<PartitionLog*>(logs_->find(id));
  }
  PartitionLog* create(const LogId& id = some_id()) {
    Shard::Scope scope(loop_.shard());
    auto made = loop_.run(logs_->create(id, "t", {}));
    return made ? static_cast<PartitionLog*>(*made) : nullptr;
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
  void until_the_next_checkpoint() { loop_.run_for(checkpoint_interval + std::chrono::seconds(1)); }

 private:
  SimulatedDisk& disk_;
  SimulatedClock clock_;
  Shards shards_{1, clock_};
  SimulatedLoop loop_{clock_, shards_};
  std::unique_ptr<Random> random_ = seeded_random(3);
  Metrics metrics_;
  std::unique_ptr<LogManager> logs_;
  Result<void> started_;
};

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

}  // namespace
}  // namespace holdfast::test
