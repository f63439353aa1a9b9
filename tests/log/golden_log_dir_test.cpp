// A log directory that Kafka wrote, opened by ours: after the clean stop that it had, and as if there had been none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "log/format.h"
#include "tests/log/golden_log_dir.h"
#include "tests/log/log_world.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;

// The number behind "<name>: " in a line of a dump.
std::int64_t number(std::string_view line, std::string_view name) {
  const std::string wanted = std::string(name) + ": ";
  const auto at = line.find(wanted);
  std::int64_t out = INT64_MIN;
  if (at != line.npos) std::from_chars(line.data() + at + wanted.size(), line.data() + line.size(), out);
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

struct DumpedRecord {
  std::int64_t offset, timestamp;
  friend bool operator==(const DumpedRecord&, const DumpedRecord&) = default;
};
struct DumpedBatch {
  std::int64_t base, last, crc, epoch, size;
  std::vector<DumpedRecord> records;
};

// What kafka-dump-log says is in a partition.
struct DumpedPartition {
  std::vector<DumpedBatch> batches;
  std::vector<std::pair<std::int64_t, std::int64_t>> aborted;  // producer, first offset

  // In the order of offsets, from `start` on.
  std::vector<DumpedRecord> records(std::int64_t start) const {
    std::vector<DumpedRecord> out;
    for (const auto& batch : batches)
      std::ranges::copy_if(batch.records, std::back_inserter(out), [&](const auto& r) { return r.offset >= start; });
    return out;
  }
};

std::map<std::string, DumpedPartition> dumped_partitions() {
  std::map<std::string, DumpedPartition> out;
  for (const auto& [name, text] : golden_files("log_dir_dumps")) {
    const auto slash = name.find('/');
    if (slash == name.npos) continue;
    DumpedPartition& partition = out[name.substr(0, slash)];
    for (const std::string& line : lines_of(text)) {
      if (name.ends_with(".txnindex.txt") && line.starts_with("version: "))
        partition.aborted.emplace_back(number(line, "producerId"), number(line, "firstOffset"));
      if (!name.ends_with(".log.txt")) continue;
      const std::int64_t time = std::max(number(line, "CreateTime"), number(line, "LogAppendTime"));
      if (line.starts_with("baseOffset: "))
        partition.batches.push_back({number(line, "baseOffset"),
                                     number(line, "lastOffset"),
                                     number(line, "crc"),
                                     number(line, "partitionLeaderEpoch"),
                                     number(line, "size"),
                                     {}});
      if (line.starts_with("| ")) partition.batches.back().records.push_back({number(line, "offset"), time});
    }
  }
  return out;
}

constexpr std::pair<const char*, std::int64_t> starts[] = {{"deleted-0", 77}};  // all others begin at 0
std::int64_t start_of(const std::string& partition) {
  const auto found = std::ranges::find(starts, partition, [](const auto& s) { return std::string(s.first); });
  return found == std::end(starts) ? 0 : found->second;
}
const std::map<std::string, std::int64_t> ends = {{"__consumer_offsets-0", 37},
                                                  {"__share_group_state-0", 3},
                                                  {"__transaction_state-0", 50},
                                                  {"appendtime-0", 5},
                                                  {"compacted-0", 305},
                                                  {"deleted-0", 120},
                                                  {"plain-0", 440},
                                                  {"txn-0", 61}};

// Parameter: whether the stop was clean.
class GoldenLogDirTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    for (const auto& [path, content] : golden_files("log_dir"))
      put_file(disk_, std::string(log_dir) + "/" + path, content);
    disk_.sync_all();
    world_ = std::make_unique<LogWorld>(disk_, GetParam());
    ASSERT_TRUE(world_->opened()) << world_->opened().error().message;
  }
  PartitionLog* log_of(const std::string& partition) {
    for (const auto& [_, log] : world_->shard().logs()) {
      if (log->directory() == std::string(log_dir) + "/" + partition) return log.get();
    }
    ADD_FAILURE() << partition << " was not opened";
    return nullptr;
  }
  LogData read(PartitionLog& log, std::int64_t from, std::size_t bytes_max) {
    LogRead request;
    request.from = Offset(from);
    request.end = log.end_offset();
    request.bytes_max = bytes_max;
    auto data = world_->loop().run(log.read(request));
    EXPECT_TRUE(data) << log.directory() << " at " << from;
    return data ? std::move(*data) : LogData{};
  }

  SimulatedDisk disk_;
  std::unique_ptr<LogWorld> world_;
};

TEST_P(GoldenLogDirTest, EveryPartitionOpensAtItsOffsets) {
  EXPECT_EQ(world_->shard().logs().size(), ends.size());
  for (const auto& [partition, end] : ends) {
    PartitionLog* log = log_of(partition);
    ASSERT_TRUE(log);
    EXPECT_EQ(log->start_offset(), Offset(start_of(partition))) << partition;
    EXPECT_EQ(log->end_offset(), Offset(end)) << partition;
    EXPECT_EQ(log->durable_end(), Offset(end)) << partition;
    EXPECT_EQ(log->checkpointed_high_watermark(), Offset(end)) << partition;
  }
  EXPECT_EQ(to_base64(log_of("plain-0")->id().topic_id), "QM39VLYoTAekwcT2nN_bvg");
}

TEST_P(GoldenLogDirTest, LeaderEpochsAreThoseOfTheRecords) {
  const auto epochs = [&](const std::string& partition) { return log_of(partition)->leader_epochs().entries(); };
  using Entry = LeaderEpochs::Entry;
  // The third life, epoch 4, wrote nothing: as in Kafka, what begins at the end is dropped until a leader is elected.
  EXPECT_THAT(epochs("plain-0"), ElementsAre(Entry{LeaderEpoch(0), Offset(0)}, Entry{LeaderEpoch(2), Offset(400)}));
  EXPECT_THAT(epochs("txn-0"), ElementsAre(Entry{LeaderEpoch(0), Offset(0)}, Entry{LeaderEpoch(2), Offset(48)}));
  EXPECT_THAT(epochs("compacted-0"), ElementsAre(Entry{LeaderEpoch(0), Offset(0)}, Entry{LeaderEpoch(2), Offset(121)}));
  EXPECT_THAT(epochs("deleted-0"), ElementsAre(Entry{LeaderEpoch(0), Offset(77)}));
  EXPECT_THAT(epochs("appendtime-0"), ElementsAre(Entry{LeaderEpoch(0), Offset(0)}));
  EXPECT_THAT(epochs("__transaction_state-0"),
              ElementsAre(Entry{LeaderEpoch(0), Offset(0)}, Entry{LeaderEpoch(2), Offset(37)}));
}

TEST_P(GoldenLogDirTest, ReadingThroughGivesEveryBatchAsItIs) {
  for (const auto& [partition, dumped] : dumped_partitions()) {
    PartitionLog* log = log_of(partition);
    ASSERT_TRUE(log);
    auto expected = dumped.batches.begin();
    while (expected->last < log->start_offset().value) ++expected;
    for (std::int64_t next = log->start_offset().value; next < log->end_offset().value;) {
      const LogData data = read(*log, next, 2000);
      ASSERT_FALSE(data.batches.empty()) << partition << " at " << next;
      const auto bytes = data.batches.flatten();
      wire::BatchWalker walker(bytes);
      wire::BatchHeader header;
      ByteView batch;
      while (walker.next(header, batch)) {
        ASSERT_NE(expected, dumped.batches.end()) << partition;
        EXPECT_TRUE(wire::verify_crc(batch));
        EXPECT_EQ(header.base_offset, expected->base) << partition;
        EXPECT_EQ(header.last_offset(), expected->last);
        EXPECT_EQ(std::int64_t{header.crc}, expected->crc);
        EXPECT_EQ(header.leader_epoch, expected->epoch);
        EXPECT_EQ(std::ssize(batch), expected->size);
        ++expected;
      }
      EXPECT_TRUE(walker.rest().empty());
      ASSERT_GT(data.next.value, next);
      next = data.next.value;
    }
    EXPECT_EQ(expected, dumped.batches.end()) << partition;
  }
}

TEST_P(GoldenLogDirTest, AReadAtAnyOffsetBeginsWithTheBatchThatReachesIt) {
  for (const auto& [partition, dumped] : dumped_partitions()) {
    PartitionLog* log = log_of(partition);
    ASSERT_TRUE(log);
    for (std::int64_t offset = log->start_offset().value; offset < log->end_offset().value; ++offset) {
      const auto wanted = std::ranges::find_if(dumped.batches, [&](const DumpedBatch& b) { return b.last >= offset; });
      ASSERT_NE(wanted, dumped.batches.end());
      const LogData data = read(*log, offset, 1);
      EXPECT_EQ(data.first_base, Offset(wanted->base)) << partition << " at " << offset;
      EXPECT_EQ(data.next, Offset(wanted->last + 1)) << partition << " at " << offset;
    }
  }
}

TEST_P(GoldenLogDirTest, OffsetsAreFoundByTheTimesOfRecords) {
  for (const auto& [partition, dumped] : dumped_partitions()) {
    PartitionLog* log = log_of(partition);
    ASSERT_TRUE(log);
    const auto records = dumped.records(log->start_offset().value);
    std::set<std::int64_t> times = {0};
    for (const DumpedRecord& r : records) times.insert({r.timestamp, r.timestamp + 1});
    for (const std::int64_t time : times) {
      const auto wanted = std::ranges::find_if(records, [&](const DumpedRecord& r) { return r.timestamp >= time; });
      auto found = world_->loop().run(log->offset_for_timestamp(time, log->end_offset()));
      ASSERT_TRUE(found) << partition;
      ASSERT_EQ(found->has_value(), wanted != records.end()) << partition << " at " << time;
      if (*found)
        EXPECT_EQ((DumpedRecord{(*found)->offset.value, (*found)->timestamp}), *wanted) << partition << " at " << time;
    }
    const auto latest = std::ranges::max_element(records, {}, &DumpedRecord::timestamp);
    auto found = world_->loop().run(log->max_timestamp(log->end_offset()));
    ASSERT_TRUE(found && *found) << partition;
    EXPECT_EQ((*found)->timestamp, latest->timestamp) << partition;
  }
}

TEST_P(GoldenLogDirTest, AbortedTransactionsAreThoseOfTheIndex) {
  for (const auto& [partition, dumped] : dumped_partitions()) {
    PartitionLog* log = log_of(partition);
    ASSERT_TRUE(log);
    auto found = world_->loop().run(log->aborted_transactions(log->start_offset(), log->end_offset()));
    ASSERT_TRUE(found) << partition;
    std::vector<std::pair<std::int64_t, std::int64_t>> got;
    for (const auto& a : *found) got.emplace_back(a.producer_id, a.first_offset.value);
    EXPECT_EQ(got, dumped.aborted) << partition;
  }
}

TEST_P(GoldenLogDirTest, ProducersAndOpenTransactionsAreKnown) {
  const ProducerState& producers = log_of("txn-0")->producers();
  EXPECT_EQ(producers.first_unstable(), Offset(58));
  ASSERT_EQ(producers.producers().size(), 3u);
  const ProducerEntry& open = producers.producers().at(1000);
  EXPECT_EQ(open.epoch, 0);
  EXPECT_EQ(open.transaction_first_offset, Offset(58));
  ASSERT_EQ(open.batches.size(), 1u);
  EXPECT_EQ(open.batches.back().first_sequence, 0);
  EXPECT_EQ(open.batches.back().last_sequence, 2);
  EXPECT_EQ(open.batches.back().last_offset, Offset(60));
  EXPECT_EQ(producers.producers().at(5).epoch, 14);
  EXPECT_EQ(producers.producers().at(5).coordinator_epoch, 2);
  EXPECT_EQ(log_of("plain-0")->producers().first_unstable(), std::nullopt);
}

TEST_P(GoldenLogDirTest, AppendsGoOnWhereKafkaStopped) {
  PartitionLog* log = log_of("plain-0");
  ASSERT_TRUE(world_->append(*log, 3));
  world_->loop().run_ready();
  EXPECT_EQ(log->durable_end(), Offset(443));
  EXPECT_EQ(world_->read_all(*log, Offset(440)), Offset(443));
}

INSTANTIATE_TEST_SUITE_P(Stops, GoldenLogDirTest, testing::Bool(),
                         [](const auto& stop) { return stop.param ? "Clean" : "Unclean"; });

// ---- What can be made from the batches alone ----

class GoldenRebuildTest : public testing::Test {
 protected:
  const std::map<std::string, std::string> golden_ = golden_files("log_dir");
};

// Segments that Kafka wrote across a restart, when it counts index.interval.bytes from 0 again.
const std::set<std::string> interrupted = {"plain-0/00000000000000000260", "txn-0/00000000000000000035",
                                           "__transaction_state-0/00000000000000000000"};

// Recovery without checkpoints reads every batch, and makes every index anew.
TEST_F(GoldenRebuildTest, IndexesMadeAnewAreKafkasByteForByte) {
  SimulatedDisk disk;
  for (const auto& [path, content] : golden_) {
    const bool derived = path.ends_with("index") || path.ends_with("point-offset-checkpoint");
    if (!derived) put_file(disk, std::string(log_dir) + "/" + path, content);
  }
  Recovery recovery(disk, log_dir, false, [](const std::string& topic) {
    LogConfig config;
    if (topic == "plain" || topic == "txn" || topic == "deleted") config.index_interval_bytes = 512;
    return config;
  });
  auto run = recovery.run();
  ASSERT_TRUE(run) << run.error().message;
  int compared = 0;
  for (auto& [_, log] : recovery.logs()) {
    for (auto& segment : log.state.segments) {
      const std::string name = log.topic + "-0/" + log_format::segment_name(segment->base, "");
      // Of the active segment indexes stay in memory, those of all others are in their files again.
      const bool active = segment == log.state.segments.back();
      const auto made = [&](std::string_view suffix, const std::vector<std::uint8_t>& in_memory) {
        if (active) return std::string(as_text(in_memory));
        auto file = disk.read_file(std::string(log_dir) + "/" + name + std::string(suffix), 1 << 20);
        return file ? std::string(as_text(*file)) : "absent";
      };
      const auto aborted = golden_.find(name + ".txnindex");
      const std::string none = active ? "" : "absent";
      EXPECT_EQ(made(".txnindex", segment->aborted), aborted == golden_.end() ? none : aborted->second) << name;
      if (interrupted.contains(name)) continue;
      if (active) segment->close_indexes();
      EXPECT_EQ(made(".index", segment->offsets.to_file()), golden_.at(name + ".index")) << name;
      EXPECT_EQ(made(".timeindex", segment->times.to_file()), golden_.at(name + ".timeindex")) << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 15);
}

// Every producer snapshot and aborted transaction of `txn`, from its batches.
TEST_F(GoldenRebuildTest, ProducerSnapshotsAndAbortedTransactionsFollowFromTheBatches) {
  ProducerState producers;
  int snapshots = 0;
  for (const auto& [path, log] : golden_) {
    if (!path.starts_with("txn-0/") || !path.ends_with(".log")) continue;
    const std::string stem = path.substr(0, path.size() - 4);
    if (const auto snapshot = golden_.find(stem + ".snapshot"); snapshot != golden_.end()) {
      EXPECT_EQ(as_text(producers.to_snapshot()), snapshot->second) << path;
      ++snapshots;
    }
    wire::BatchWalker walker(as_bytes(log));
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) producers.update(header, batch);
    EXPECT_TRUE(walker.rest().empty());
    wire::Writer aborted;
    for (const auto& a : producers.take_aborted()) {
      aborted.i16(0);
      for (const std::int64_t v :
           {a.producer_id, a.first_offset.value, a.last_offset.value, a.last_stable_offset.value})
        aborted.i64(v);
    }
    const auto index = golden_.find(stem + ".txnindex");
    EXPECT_EQ(as_text(aborted.flatten()), index == golden_.end() ? "" : index->second) << path;
  }
  EXPECT_EQ(as_text(producers.to_snapshot()), golden_.at("txn-0/00000000000000000061.snapshot"));
  EXPECT_EQ(snapshots, 3);
}

}  // namespace
}  // namespace holdfast::test
