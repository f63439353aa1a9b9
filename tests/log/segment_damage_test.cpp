// A segment that its disk has changed after it was synced: what a start makes of it when the node was killed.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/log_manager.h"
#include "log/partition_log.h"
#include "runtime/metrics.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_loop.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::test {
namespace {

constexpr LogId damaged_log_id{{1}, 0};
constexpr const char* damaged_segment = "/data/t-0/00000000000000000000.log";

// One life of a node with one log, which ends as the process does.
class DamagedNode {
 public:
  explicit DamagedNode(SimulatedDisk& disk) : disk_(disk) {
    LogManagerOptions options;
    options.log_dirs = {"/data"};
    options.journal_file_bytes = 64 << 10;
    logs_ = std::make_unique<LogManager>(std::move(options), disk, loop_.workers(), clock_, *random_, metrics_);
    started_ = logs_
                   ->start(
                       shards_, [this](const LogId&) -> Shard& { return loop_.shard(); },
                       [](const std::string&) { return LogConfig{}; })
                   .has_value();
    loop_.run_ready();
    Shard::Scope scope(loop_.shard());
    log_ = logs_->find(damaged_log_id);
  }
  ~DamagedNode() {
    disk_.cut_power();
    loop_.run_all_jobs();
    Shard::Scope scope(loop_.shard());
    logs_.reset();
    disk_.process_death();
  }

  bool started() const { return started_; }
  Log* log() { return log_; }
  void create() {
    Shard::Scope scope(loop_.shard());
    auto made = loop_.run(logs_->create(damaged_log_id, "t", {}));
    ASSERT_TRUE(made);
    log_ = *made;
  }
  void append() {
    wire::BatchBuilder::Options options;
    options.base_offset = log_->end_offset().value;
    wire::BatchBuilder builder(options);
    builder.append(1000, std::nullopt, as_bytes(std::string(200, 'v')));
    const auto batch = builder.finish();
    EXPECT_TRUE(log_->append(batch, *wire::BatchHeader::parse(batch), Need::durable));
    loop_.run_ready();
  }

 private:
  SimulatedDisk& disk_;
  SimulatedClock clock_;
  Shards shards_{1, clock_};
  SimulatedLoop loop_{clock_, shards_};
  std::unique_ptr<Random> random_ = seeded_random(3);
  Metrics metrics_;
  std::unique_ptr<LogManager> logs_;
  bool started_ = false;
  Log* log_ = nullptr;
};

// Nothing tells a batch that was changed from one that was never finished, but where it stands: below the recovery
// point it was on the disk, and above it the journal has it.
TEST(SegmentDamage, IsNeverTakenForATornEndWithoutTheJournalThatHasTheRest) {
  constexpr int batches = 300, places = 25;
  int refused = 0;
  for (int place = 0; place < places; ++place) {
    SimulatedDisk disk;
    {
      DamagedNode node(disk);
      node.create();
      for (int n = 0; n < batches; ++n) node.append();
      ASSERT_EQ(node.log()->durable_end(), Offset(batches));
    }
    const auto bytes = disk.content(damaged_segment);
    std::vector<std::size_t> starts;
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) starts.push_back(static_cast<std::size_t>(batch.data() - bytes.data()));
    ASSERT_GT(starts.size(), 100u) << "most of it is in the segment";
    const std::size_t hit = starts[static_cast<std::size_t>(place) * (starts.size() - 1) / (places - 1)];
    disk.flip_bit(damaged_segment, hit + 100);
    DamagedNode again(disk);
    ASSERT_TRUE(again.started());
    if (again.log() == nullptr) {
      ++refused;
    } else {
      EXPECT_EQ(again.log()->end_offset(), Offset(batches)) << "place " << place;
    }
  }
  EXPECT_GT(refused, 0);
}

// What the journal held is in the segments, and nowhere else.
TEST(SegmentDamage, IsMissedAfterAReplay) {
  SimulatedDisk disk;
  {
    DamagedNode node(disk);
    node.create();
    for (int n = 0; n < 5; ++n) node.append();
  }
  {
    const DamagedNode replays(disk);
  }
  disk.flip_bit(damaged_segment, disk.content(damaged_segment).size() / 2);
  DamagedNode again(disk);
  ASSERT_TRUE(again.started());
  EXPECT_EQ(again.log(), nullptr) << "it ends at " << again.log()->end_offset().value;
}

}  // namespace
}  // namespace holdfast::test
