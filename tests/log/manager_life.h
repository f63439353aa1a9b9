// The logs of a node, as LogManager has them, through one life and the next on a simulated disk and clock.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "log/checkpoints.h"
#include "log/format.h"
#include "log/log_manager.h"
#include "log/partition_log.h"
#include "runtime/metrics.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_loop.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::test {

inline constexpr const char* directory = "/data";
inline constexpr Duration checkpoint_interval = std::chrono::seconds(60);

inline LogId some_id(std::uint8_t topic = 1) {
  LogId id;
  id.topic_id[0] = topic;
  return id;
}

inline LogId namesake() {
  LogId id = some_id();
  id.topic_id[1] = 1;
  return id;
}

// Two topics have two names, but for namesakes.
inline std::string topic_of(const LogId& id) {
  return id.topic_id[0] == 1 ? "t" : "t" + std::to_string(id.topic_id[0]);
}

inline LogManagerOptions some_options() {
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

inline std::optional<std::string> cluster_of(Disk& disk, const std::string& dir) {
  auto meta = read_meta_properties(disk, dir + "/meta.properties");
  if (!meta || !*meta) return std::nullopt;
  return (*meta)->cluster_id;
}

inline Offset checkpointed(Disk& disk, std::string_view file) {
  auto read = read_offset_checkpoint(disk, std::string(directory) + "/" + std::string(file));
  return read && read->contains({"t", 0}) ? read->at({"t", 0}) : Offset(-1);
}

}  // namespace holdfast::test
