// The logs of one shard on a simulated disk and clock, opened as LogManager opens them, killed as a test pleases.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "log/checkpoints.h"
#include "log/format.h"
#include "log/log_shard.h"
#include "log/recovery.h"
#include "runtime/metrics.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_loop.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::test {

inline constexpr const char* log_dir = "/data";

inline LogId log_id(std::uint8_t topic, std::int32_t partition = 0) {
  LogId id;
  id.topic_id[0] = topic;
  id.partition = partition;
  return id;
}

// What a log said of itself.
struct Said final : LogListener {
  Offset written{0}, durable{0};
  bool failed = false;
  void on_written(Offset end) override {
    EXPECT_GE(end, written);
    written = end;
  }
  void on_durable(Offset end) override {
    EXPECT_GE(end, durable);
    durable = end;
  }
  void on_failed(const Error&) override { failed = true; }
};

class LogWorld {
 public:
  // Recovers what the disk holds. `clean`: trusts it, as after a clean stop.
  explicit LogWorld(Disk& disk, bool clean = false, std::size_t journal_bytes = 64 << 10,
                    std::size_t tail_bytes = 64 << 20, std::function<void(bool)> on_congestion = nullptr)
      : disk_(disk),
        shard_(std::make_unique<LogShard>(loop_.shard(), disk, loop_.workers(), *random_, tail_bytes, journal_bytes,
                                          std::vector<std::string>{log_dir}, sync_time_, std::move(on_congestion))) {
    opened_ = open(clean);
    shard_->set_checkpoint([this](const std::string&, Function<void(Result<void>)> done) {
      auto kept = shard_->directories().front()->journal->kept();
      auto written = checkpoint();
      if (written) loop_.shard().post(std::move(kept));
      done(std::move(written));
    });
  }
  ~LogWorld() {
    for (const auto& [_, log] : shard_->logs()) log->set_listener(nullptr);
  }

  const Result<void>& opened() const { return opened_; }
  SimulatedLoop& loop() { return loop_; }
  LogShard& shard() { return *shard_; }
  SimulatedClock& clock() { return clock_; }
  Said& said(const LogId& id) { return said_[id]; }

  PartitionLog* create(const LogId& id, const std::string& topic, LogConfig config = {}) {
    auto made = loop_.run(shard_->create(id, topic, config, {}));
    if (!made) return nullptr;
    auto* log = static_cast<PartitionLog*>(*made);
    log->set_config(config);
    log->set_listener(&said_[id]);
    return log;
  }
  PartitionLog* find(const LogId& id) { return shard_->find(id); }

  // Where a recovery may begin, as LogManager writes it down at intervals.
  Result<void> checkpoint() {
    OffsetCheckpoint recovery;
    for (const auto& [id, log] : shard_->logs())
      if (!log->is_failed()) recovery[{log->topic(), id.partition}] = log->synced_offset();
    return write_offset_checkpoint(disk_, std::string(log_dir) + "/" + std::string(log_format::recovery_point_file),
                                   recovery);
  }

  // One batch of `count` records; each says its own offset.
  Result<void> append(PartitionLog& log, int count = 1, Need need = Need::durable, std::size_t bytes = 20,
                      std::int64_t timestamp = 1000, std::int32_t epoch = 0) {
    wire::BatchBuilder::Options options;
    options.base_offset = log.end_offset().value;
    options.leader_epoch = epoch;
    wire::BatchBuilder builder(options);
    for (int i = 0; i < count; ++i) {
      std::string value = std::to_string(log.end_offset().value + i);
      value.resize(std::max(bytes, value.size()), '.');
      builder.append(timestamp + i, std::nullopt, as_bytes(value));
    }
    const auto batch = builder.finish();
    return log.append(batch, *wire::BatchHeader::parse(batch), need);
  }

  // Every offset from `from` to the end, checked: each record says its own offset, without gaps.
  Offset read_all(PartitionLog& log, Offset from) {
    Offset next = from;
    LogRead request;
    request.bytes_max = 1000;
    request.end = log.end_offset();
    while (next < request.end) {
      request.from = next;
      auto data = loop_.run(log.read(request));
      if (!data || data->batches.empty()) {
        ADD_FAILURE() << log.directory() << ": nothing at offset " << next.value << " of " << request.end.value;
        return next;
      }
      const auto bytes = data->batches.flatten();
      wire::BatchWalker walker(bytes);
      wire::BatchHeader header;
      ByteView batch;
      while (walker.next(header, batch)) {
        EXPECT_TRUE(wire::verify_crc(batch));
        wire::RecordReader records(batch.subspan(wire::batch_header_bytes), header.record_count);
        wire::Record record;
        while (records.next(record)) {
          const Offset offset(header.base_offset + record.offset_delta);
          if (offset < next) continue;
          EXPECT_EQ(offset, next);
          EXPECT_EQ(std::stoll(std::string(as_text(*record.value))), offset.value);
          next = offset + 1;
        }
      }
      EXPECT_TRUE(walker.rest().empty());
    }
    return next;
  }

 private:
  Result<void> open(bool clean) {
    auto made = disk_.create_directories(log_dir);
    if (!made) return fail(made);
    Recovery recovery(disk_, log_dir, clean, [](const std::string&) { return LogConfig{}; });
    auto run = recovery.run();
    if (!run) return fail(run);
    for (auto& [id, found] : recovery.logs()) {
      auto log = std::make_shared<PartitionLog>(*shard_, id, found.topic, found.log_dir, found.config);
      log->open(std::move(found.state));
      Said& said = said_[id];
      said.written = said.durable = log->durable_end();
      log->set_listener(&said);
      shard_->add(std::move(log));
    }
    return shard_->open_journals();
  }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  Disk& disk_;
  std::unique_ptr<Random> random_ = seeded_random(7);
  Histogram sync_time_;
  std::map<LogId, Said> said_;
  std::unique_ptr<LogShard> shard_;
  Result<void> opened_;
};

}  // namespace holdfast::test
