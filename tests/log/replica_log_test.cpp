// A follower's log: it takes its leader's batches as they are, with the gaps that compaction left, goes back to where
// its history parts from the leader's, and on from there. After a cut it must know exactly what a log knows that never
// had the rest.
#include <gtest/gtest.h>

#include <algorithm>

#include "log/producer_snapshots.h"
#include "tests/log/replica_world.h"

namespace holdfast::test::replica_log {
namespace {

const LogId id = log_id(1);

// What a log knows beside its bytes.
struct Known {
  Offset start, end;
  std::vector<LeaderEpochs::Entry> epochs;
  std::vector<std::uint8_t> producers;
  std::optional<Offset> first_unstable;
  std::vector<std::pair<std::int64_t, std::int64_t>> aborted;     // producer, first offset
  std::vector<std::pair<std::int64_t, std::int64_t>> timestamps;  // asked, offset
  std::pair<std::int64_t, std::int64_t> newest;                   // timestamp, offset
  std::uint64_t bytes = 0;
  bool operator==(const Known&) const = default;
};

void PrintTo(const Known& k, std::ostream* out) {
  *out << "[" << k.start.value << ", " << k.end.value << "), " << k.bytes << " bytes; epochs";
  for (const auto& e : k.epochs) *out << " " << e.epoch.value << ":" << e.start.value;
  *out << "; unstable " << (k.first_unstable ? k.first_unstable->value : -1) << "; aborted";
  for (const auto& [producer, first] : k.aborted) *out << " " << producer << ":" << first;
  *out << "; times";
  for (const auto& [time, offset] : k.timestamps) *out << " " << time << ":" << offset;
  *out << "; newest " << k.newest.first << ":" << k.newest.second << "; producers " << std::hex;
  for (const auto b : k.producers) *out << static_cast<int>(b) << " ";
  *out << std::dec;
}

Known known(LogWorld& world, PartitionLog& log) {
  Known out;
  out.start = log.start_offset();
  out.end = log.end_offset();
  out.epochs = log.leader_epochs().entries();
  out.producers = log.producers().to_snapshot();
  out.first_unstable = log.producers().first_unstable();
  auto aborted = world.loop().run(log.aborted_transactions(log.start_offset(), log.end_offset()));
  EXPECT_TRUE(aborted);
  for (const auto& a : *aborted) out.aborted.emplace_back(a.producer_id, a.first_offset.value);
  for (std::int64_t time = 990; time < 1520; time += 23) {
    auto found = world.loop().run(log.offset_for_timestamp(time, log.end_offset()));
    EXPECT_TRUE(found);
    out.timestamps.emplace_back(time, found && *found ? (*found)->offset.value : -1);
  }
  auto newest = world.loop().run(log.max_timestamp(log.end_offset()));
  EXPECT_TRUE(newest);
  if (newest && *newest) out.newest = {(*newest)->timestamp, (*newest)->offset.value};
  out.bytes = log.size_bytes();
  return out;
}

std::vector<ProducerVerdict> verdicts(PartitionLog& log, std::span<const Made> batches) {
  std::vector<ProducerVerdict> out;
  for (const Made& b : batches) out.push_back(log.producers().check(b.header).verdict);
  return out;
}

std::map<std::string, std::vector<std::uint8_t>> files_of(SimulatedDisk& disk) {
  std::map<std::string, std::vector<std::uint8_t>> out;
  const std::string directory = std::string(log_dir) + "/t-0";
  auto entries = disk.list(directory);
  EXPECT_TRUE(entries);
  for (const DirectoryEntry& e : *entries) {
    if (e.name.find(".deleted") != e.name.npos) continue;
    auto bytes = disk.read_file(directory + "/" + e.name, 1 << 20);
    EXPECT_TRUE(bytes);
    out[e.name] = std::move(*bytes);
  }
  return out;
}

class Replica {
 public:
  explicit Replica(bool recovered = false) {
    if (recovered) return;
    EXPECT_TRUE(disk.create_directories(log_dir));
    disk.sync_all();
    begin(false);
    log = world->create(id, "t", small_segments());
  }
  void begin(bool clean) {
    world = std::make_unique<LogWorld>(disk, clean);
    EXPECT_TRUE(world->opened());
    log = world->find(id);
    if (log) log->set_config(small_segments());
  }
  void take(std::span<const Made> batches) {
    for (const Made& b : batches) {
      ASSERT_TRUE(append(*log, b));
      world->loop().run_ready();
    }
  }
  bool truncate_to(Offset end) {
    world->said(id).durable = world->said(id).written = Offset(0);
    return world->loop().run(log->truncate_to(end)).has_value();
  }
  void stop_and_start() {
    world->loop().run(world->shard().stop());
    ASSERT_TRUE(remove_journals(disk, log_dir));
    world.reset();
    begin(true);
  }
  void crash_and_start() {
    world.reset();
    disk.power_loss_of_all_unsynced();
    begin(false);
  }

  SimulatedDisk disk;
  std::unique_ptr<LogWorld> world;
  PartitionLog* log = nullptr;
};

enum class Then { nothing, stop, crash };

// Cuts at every batch, and inside of every batch.
void compare_cuts(Then then) {
  constexpr int total = 60;
  Leader leader;
  const std::vector<Made> all = leader.next(total);
  for (int kept = 0; kept < total; kept += then == Then::nothing ? 1 : 4) {
    SCOPED_TRACE("kept " + std::to_string(kept));
    const auto below = std::span(all).first(static_cast<std::size_t>(kept));
    const auto rest = std::span(all).subspan(static_cast<std::size_t>(kept));
    Replica cut, never;
    cut.take(all);
    never.take(below);
    const auto& first_cut = all[static_cast<std::size_t>(kept)].header;
    // The end may be said as any offset of the batch, or of the gap before it.
    const std::int64_t at = kept % 3 == 0   ? first_cut.base_offset
                            : kept % 3 == 1 ? first_cut.last_offset()
                                            : never.log->end_offset().value;
    ASSERT_TRUE(cut.truncate_to(Offset(at)));
    if (then != Then::nothing) {
      then == Then::stop ? cut.stop_and_start() : cut.crash_and_start();
      then == Then::stop ? never.stop_and_start() : never.crash_and_start();
    }
    ASSERT_TRUE(cut.log);
    ASSERT_EQ(known(*cut.world, *cut.log), known(*never.world, *never.log));
    EXPECT_EQ(verdicts(*cut.log, rest), verdicts(*never.log, rest));
    EXPECT_EQ(cut.log->durable_end(), cut.log->end_offset());
    // And it goes on alike, to the same files.
    cut.take(rest);
    never.take(rest);
    ASSERT_EQ(known(*cut.world, *cut.log), known(*never.world, *never.log));
    EXPECT_EQ(batches_of(*cut.world, *cut.log).size(), all.size());
    cut.world->loop().run(cut.world->shard().stop());
    never.world->loop().run(never.world->shard().stop());
    if (then == Then::nothing) EXPECT_EQ(files_of(cut.disk), files_of(never.disk));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ReplicaLog, ACutLogIsAsIfTheRestHadNeverBeen) { compare_cuts(Then::nothing); }
TEST(ReplicaLog, ACutLogIsSoAfterAStop) { compare_cuts(Then::stop); }
TEST(ReplicaLog, ACutLogIsSoAfterACrash) { compare_cuts(Then::crash); }

// A snapshot has one batch of each producer: what else is remembered comes from the segment that is cut, and from what
// the log knew before.
TEST(ReplicaLog, RetriesAreKnownAfterACut) {
  Leader leader;
  const std::vector<Made> all = leader.next(60);
  for (const std::int64_t segment_bytes : {std::int64_t{2000}, std::int64_t{1} << 20})
    for (int kept = 45; kept <= 60; ++kept) {
      const auto below = std::span(all).first(static_cast<std::size_t>(kept));
      LogConfig config;
      config.segment_bytes = segment_bytes;
      Replica cut, never;
      cut.log->set_config(config);
      never.log->set_config(config);
      cut.take(all);
      never.take(below);
      ASSERT_TRUE(cut.truncate_to(never.log->end_offset()));
      // Of small segments a cut takes some with it: as many as it made the log forget.
      const auto retried = std::span(all).subspan(segment_bytes > 2000 ? 0 : static_cast<std::size_t>(kept) - 9);
      if (segment_bytes > 2000 || kept >= 57)
        EXPECT_EQ(verdicts(*cut.log, retried), verdicts(*never.log, retried)) << kept << " of " << segment_bytes;
    }
}

// The cut part wrote snapshots, indexes and epochs of its own; what takes its place must not be mixed with them.
TEST(ReplicaLog, AnotherHistoryInThePlaceOfTheCutOne) {
  for (const Then then : {Then::nothing, Then::stop, Then::crash})
    for (int kept = 0; kept < 50; kept += 7) {
      SCOPED_TRACE("kept " + std::to_string(kept));
      Leader leader;
      const std::vector<Made> common = leader.next(kept);
      Leader other = leader;
      const std::vector<Made> lost = leader.next(60 - kept);
      other.begin_at(common.empty() ? 0 : common.back().header.last_offset() + 1, 20);
      static_cast<void>(other.next());  // sequences of its own
      other.begin_at(common.empty() ? 0 : common.back().header.last_offset() + 1, 20);
      const std::vector<Made> kept_history = other.next(40);
      Replica cut, never;
      cut.take(common);
      never.take(common);
      cut.take(lost);
      cut.stop_and_start();  // leaves a snapshot at its end
      ASSERT_TRUE(cut.truncate_to(never.log->end_offset()));
      auto snapshots = list_producer_snapshots(cut.disk, cut.log->directory());
      ASSERT_TRUE(snapshots);
      EXPECT_TRUE(snapshots->empty() || snapshots->back() <= cut.log->end_offset());
      cut.take(kept_history);
      never.take(kept_history);
      if (then == Then::stop) cut.stop_and_start();
      if (then == Then::crash) cut.crash_and_start();
      ASSERT_TRUE(cut.log);
      EXPECT_EQ(known(*cut.world, *cut.log), known(*never.world, *never.log));
      if (testing::Test::HasFailure()) return;
    }
}

TEST(ReplicaLog, AfterAnEmptyingNothingIsKnown) {
  for (const std::int64_t start : {0, 5, 41, 1000}) {
    Leader leader;
    Replica replica;
    replica.take(leader.next(50));
    replica.stop_and_start();
    replica.world->said(id).durable = replica.world->said(id).written = Offset(0);
    ASSERT_TRUE(replica.world->loop().run(replica.log->truncate_fully(Offset(start))));
    for (const bool restarted : {false, true}) {
      if (restarted) replica.crash_and_start();
      EXPECT_EQ(replica.log->start_offset(), Offset(start));
      EXPECT_EQ(replica.log->end_offset(), Offset(start));
      EXPECT_TRUE(replica.log->producers().producers().empty());
      EXPECT_TRUE(replica.log->leader_epochs().entries().empty());
      EXPECT_FALSE(replica.log->producers().first_unstable());
    }
    Leader next;
    next.begin_at(start, 30);
    const std::vector<Made> batches = next.next(30);
    replica.take(batches);
    replica.crash_and_start();
    EXPECT_EQ(batches_of(*replica.world, *replica.log).size(), batches.size());
    EXPECT_EQ(replica.log->start_offset(), Offset(start));
  }
}

// It was leader for a moment and wrote nothing: no other leader knows of its epoch.
TEST(ReplicaLog, AnEpochWithoutRecordsIsForgotten) {
  Leader leader;
  Replica replica;
  replica.take(leader.next(5));
  const auto before = replica.log->leader_epochs().entries();
  replica.log->assign_epoch(LeaderEpoch(90), replica.log->end_offset());
  ASSERT_EQ(replica.log->leader_epochs().latest(), LeaderEpoch(90));
  ASSERT_TRUE(replica.truncate_to(replica.log->end_offset()));
  EXPECT_EQ(replica.log->leader_epochs().entries(), before);
}

TEST(ReplicaLog, BatchesOfAnOlderEpochTakeThePlaceOfAnEmptyNewOne) {
  Leader leader;
  Replica replica, never;
  const auto batches = leader.next(8);
  replica.take(std::span(batches).first(5));
  never.take(batches);
  replica.log->assign_epoch(LeaderEpoch(90), replica.log->end_offset());
  replica.world->loop().run_ready();  // the checkpoint says so, too
  replica.take(std::span(batches).subspan(5));
  EXPECT_EQ(replica.log->leader_epochs().entries(), never.log->leader_epochs().entries());
  replica.crash_and_start();
  EXPECT_EQ(replica.log->leader_epochs().entries(), never.log->leader_epochs().entries());
}

TEST(ReplicaLog, ReadsInAGapGoOnBehindIt) {
  Leader leader;
  leader.jump_before(25);
  const auto batches = leader.next(40);
  for (const bool flushed : {false, true}) {
    Replica replica;
    replica.take(batches);
    if (flushed) {
      replica.world->loop().run(replica.log->roll());
      replica.log->trim_tail(UINT64_MAX, true);
    }
    for (std::size_t i = 1; i < batches.size(); ++i) {
      const std::int64_t gap = batches[i - 1].header.last_offset() + 1, base = batches[i].header.base_offset;
      for (const std::int64_t from : {gap, (gap + base) / 2, base}) {
        LogRead request;
        request.from = Offset(from);
        request.end = replica.log->end_offset();
        request.bytes_max = 1;
        auto data = replica.world->loop().run(replica.log->read(request));
        ASSERT_TRUE(data);
        EXPECT_EQ(data->first_base, Offset(base)) << from;
        EXPECT_EQ(data->next, Offset(batches[i].header.last_offset() + 1)) << from;
        if (from == base) continue;
        request.end = Offset(base);
        data = replica.world->loop().run(replica.log->read(request));
        ASSERT_TRUE(data);
        EXPECT_TRUE(data->batches.empty()) << from;
      }
    }
  }
}

TEST(ReplicaLog, ALogMayBeginFarBehindItsFirstSegment) {
  Leader leader;
  leader.jump_before(0);
  const auto batches = leader.next(20);
  Replica replica;
  replica.take(batches);
  for (int start = 0; start < 3; ++start) {
    EXPECT_EQ(batches_of(*replica.world, *replica.log).size(), batches.size()) << start;
    start == 0 ? replica.crash_and_start() : replica.stop_and_start();
    ASSERT_TRUE(replica.log);
  }
}

// The journal asks for a flush, retention drops segments, whenever they like.
TEST(ReplicaLog, NothingElseTouchesTheFilesWhileTheyAreCut) {
  constexpr std::size_t committed = 25, kept = 40;
  constexpr std::int64_t long_after = 1'000'000'000'000;
  struct Cut {
    static Task<void> run(PartitionLog* log, Offset end, std::optional<Result<void>>* done) {
      auto result = co_await log->truncate_to(end);
      *done = std::move(result);
    }
  };
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Leader leader;
    const std::vector<Made> all = leader.next(60);
    const auto random = seeded_random(seed);
    Replica replica;
    LogConfig config = small_segments();
    config.retention_ms = 1;
    replica.log->set_config(config);
    replica.take(all);
    replica.log->set_high_watermark(Offset(all[committed].header.base_offset));
    replica.world->said(id).durable = replica.world->said(id).written = Offset(0);
    replica.world->loop().delay_jobs(*random, std::chrono::milliseconds(20));
    std::optional<Result<void>> done;
    Gate gate;
    Shard& shard = replica.world->loop().shard();
    shard.spawn(gate, Cut::run(replica.log, Offset(all[kept].header.base_offset), &done));
    for (int i = 0; i < 10'000 && !done; ++i) {
      {
        const Shard::Scope scope(shard);
        replica.log->flush_soon();
        if (i % 7 == static_cast<int>(seed % 7)) replica.log->apply_retention(long_after);
        if (i % 5 == 0) static_cast<void>(replica.world->checkpoint());
      }
      replica.world->loop().run_for(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(done && done->has_value());
    replica.world->loop().run(shard.drained(gate));
    for (const bool restarted : {false, true}) {
      if (restarted) replica.crash_and_start();
      ASSERT_TRUE(replica.log);
      const auto found = batches_of(*replica.world, *replica.log);
      ASSERT_FALSE(found.empty());
      EXPECT_EQ(found.back().bytes, all[kept - 1].bytes);
      EXPECT_EQ(replica.log->end_offset(), Offset(all[kept - 1].header.last_offset() + 1));
      ASSERT_LE(found.size(), kept);
      for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i].bytes, all[kept - found.size() + i].bytes) << i;
    }
  }
}

}  // namespace
}  // namespace holdfast::test::replica_log
