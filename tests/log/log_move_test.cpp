// A log goes to another directory while it is written to, and the power is cut before every call that changes the disk.
#include "log/log_move.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "log/log_manager.h"
#include "tests/log/replica_world.h"

namespace holdfast::test::moves {
namespace {

const LogId id = log_id(1);

// One life of a node with two log directories; it is killed when it ends.
class TwoDisks {
 public:
  explicit TwoDisks(SimulatedDisk& disk) : disk_(disk), shards_(1, clock_) {
    LogManagerOptions options;
    options.log_dirs = {"/one", "/two"};
    options.journal_file_bytes = 16 << 10;
    options.on_directory_failed = [this](const std::string& path, bool) { failed.push_back(path); };
    logs_ = std::make_unique<LogManager>(options, disk, loop_.workers(), clock_, *random_, metrics_);
    started_ = logs_->start(
        shards_, [this](const LogId&) -> Shard& { return loop_.shard(); },
        [](const std::string&) { return LogConfig{}; });
    loop_.run_ready();
  }
  ~TwoDisks() {
    if (move) move->cancel();
    disk_.cut_power();
    loop_.run_until([this] { return over; }, std::chrono::seconds(5));
    loop_.run_all_jobs();
    loop_.run_ready();
    Shard::Scope scope(loop_.shard());
    move.reset();
    if (started_)
      for (Log* log : logs_->logs_of(loop_.shard())) log->set_listener(nullptr);
    logs_.reset();
  }

  const Result<void>& started() const { return started_; }
  SimulatedLoop& loop() { return loop_; }
  LogManager& logs() { return *logs_; }
  PartitionLog* find() {
    Shard::Scope scope(loop_.shard());
    return static_cast<PartitionLog*>(logs_->find(id));
  }
  PartitionLog* create(const std::string& dir) {
    Shard::Scope scope(loop_.shard());
    auto made = loop_.run(logs_->create(id, "t", small_segments(), dir));
    return made ? static_cast<PartitionLog*>(*made) : nullptr;
  }
  // Begun, and on its way; `over` says that it has ended.
  bool start_move(const std::string& to, LogMove::Owner& owner) {
    Shard::Scope scope(loop_.shard());
    move = logs_->move(id, to);
    auto begun = loop_.run(move->begin());
    if (!begun) {
      result = std::move(begun);
      return false;
    }
    over = !loop_.shard().spawn(gate_, run(owner));
    return true;
  }
  std::unique_ptr<LogMove> move;
  bool over = true;
  Result<void> result;
  std::vector<std::string> failed;

 private:
  Task<void> run(LogMove::Owner& owner) {
    auto done = co_await move->run(owner);
    result = std::move(done);
    over = true;
  }

  SimulatedDisk& disk_;
  SimulatedClock clock_;
  Shards shards_;
  SimulatedLoop loop_{clock_, shards_};
  std::unique_ptr<Random> random_ = seeded_random(3);
  Metrics metrics_;
  Gate gate_;
  std::unique_ptr<LogManager> logs_;
  Result<void> started_;
};

// What a partition is to its log: it follows it when it moves.
struct User final : LogMove::Owner {
  PartitionLog* log = nullptr;
  bool busy = false;
  Duration pause{};
  std::size_t copied = 0;
  int switches = 0;
  bool switch_to(Log& other) override {
    if (busy) return false;
    log = static_cast<PartitionLog*>(&other);
    ++switches;
    return true;
  }
  Duration pause_after(std::size_t bytes) override {
    copied += bytes;
    return pause;
  }
};

struct History {
  std::vector<Made> batches;  // all that was appended and not cut
  Offset start, durable;
  bool moved = false, cut = false;
};

class Script {
 public:
  Script(SimulatedDisk& disk, History& history) : disk_(disk), world_(disk), history_(history) {}
  ~Script() {
    history_.cut = !disk_.powered();
    if (!user_.log) return;
    note();
    user_.log->set_listener(nullptr);
  }

  // The log is in /one, with some history.
  bool begin() {
    if (!world_.started()) return false;
    user_.log = world_.create("/one");
    if (!user_.log) return false;
    user_.log->set_config(small_segments());
    user_.log->set_listener(&said_);
    return take(25) && cut(20) && take(10) && advance(4);
  }
  // Written to all the while.
  bool move(const std::string& to, bool with_cuts) {
    if (!world_.start_move(to, user_)) return false;
    for (int i = 0; !world_.over && i < 200; ++i) {
      if (i < 12 && !take(1, i % 3 == 0)) return false;
      if (with_cuts && i == 3 && !(cut(history_.batches.size() - 4) && take(3))) return false;
      if (with_cuts && i == 5 && !advance(6)) return false;
      world_.loop().run_for(std::chrono::milliseconds(3));
      note();
    }
    history_.moved = world_.over && world_.result.has_value();
    return history_.moved;
  }
  bool take(int count, bool settle = true) {
    for (int i = 0; i < count; ++i) {
      Made batch = leader_.next();
      if (!append(*user_.log, batch, i % 5 == 4 ? Need::written : Need::durable)) return false;
      history_.batches.push_back(std::move(batch));
      if (settle) world_.loop().run_ready();
      note();
    }
    return true;
  }
  bool cut(std::size_t kept) {
    const Offset end(history_.batches[kept].header.base_offset);
    note();
    history_.durable = std::min(history_.durable, Offset(history_.batches[kept - 1].header.last_offset() + 1));
    user_.busy = true;
    const bool done = world_.loop().run(user_.log->truncate_to(end)).has_value();
    user_.busy = false;
    said_.durable = said_.written = Offset(0);
    if (!done) return false;
    history_.batches.resize(kept);
    leader_.begin_at(user_.log->end_offset().value, epoch_ += 10);
    return true;
  }
  // To the beginning of that batch, of all that there ever were.
  bool advance(std::size_t batch) {
    history_.start = Offset(history_.batches[batch].header.base_offset);
    return world_.loop().run(user_.log->advance_start(history_.start)).has_value();
  }
  void note() { history_.durable = std::max(history_.durable, said_.durable); }

  TwoDisks& world() { return world_; }
  User& user() { return user_; }

 private:
  SimulatedDisk& disk_;
  Said said_;
  User user_;
  TwoDisks world_;
  History& history_;
  Leader leader_;
  std::int32_t epoch_ = 1;
};

std::vector<std::string> directories_of(Disk& disk, const std::string& dir) {
  std::vector<std::string> out;
  if (auto entries = disk.list(dir))
    for (const DirectoryEntry& e : *entries)
      if (e.directory && !e.name.ends_with("-delete")) out.push_back(e.name);
  return out;
}

std::vector<Made> batches_from(TwoDisks& world, PartitionLog& log) {
  std::vector<Made> out;
  LogRead request;
  request.bytes_max = 700;
  request.end = log.end_offset();
  for (request.from = log.start_offset(); request.from < request.end;) {
    auto data = world.loop().run(log.read(request));
    if (!data || data->batches.empty()) {
      ADD_FAILURE() << "nothing at offset " << request.from.value << " of " << request.end.value;
      return out;
    }
    const auto bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) out.push_back({{batch.begin(), batch.end()}, header});
    request.from = data->next;
  }
  return out;
}

// There is one log, and it is a prefix of what was appended that holds what was acknowledged.
void expect_log(TwoDisks& world, PartitionLog& log, const History& history) {
  EXPECT_TRUE(log.start_offset() == history.start || log.start_offset() < history.start);
  EXPECT_GE(log.end_offset(), history.durable);
  const std::vector<Made> found = batches_from(world, log);
  const auto first = std::ranges::find_if(
      history.batches, [&](const Made& b) { return b.header.last_offset() >= log.start_offset().value; });
  ASSERT_LE(found.size(), static_cast<std::size_t>(history.batches.end() - first));
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_EQ(found[i].bytes, first[static_cast<std::ptrdiff_t>(i)].bytes) << "batch " << i;
  ProducerState producers;
  LeaderEpochs epochs;
  for (const Made& b : history.batches) {
    if (b.header.base_offset >= log.end_offset().value) break;
    producers.update(b.header, b.bytes);
    epochs.assign(LeaderEpoch(b.header.leader_epoch), Offset(b.header.base_offset));
  }
  // Those of records that are deleted are forgotten some time.
  LeaderEpochs known = log.leader_epochs();
  for (LeaderEpochs* of : {&known, &epochs}) of->truncate_from_start(log.start_offset());
  EXPECT_EQ(known.entries(), epochs.entries());
  EXPECT_EQ(log.producers().first_unstable(), producers.first_unstable());
  for (const auto& [producer, entry] : log.producers().producers()) {
    const ProducerEntry& expected = producers.producers().at(producer);
    ASSERT_FALSE(entry.batches.empty());
    EXPECT_EQ(entry.batches.back().last_offset, expected.batches.back().last_offset);
  }
}

void check(SimulatedDisk& disk, const History& history, const std::string& when) {
  SCOPED_TRACE(when);
  {
    TwoDisks world(disk);
    ASSERT_TRUE(world.started()) << world.started().error().message;
    PartitionLog* log = world.find();
    if (!log) {
      EXPECT_EQ(history.durable, Offset(0)) << "the log is gone";
      return;
    }
    if (history.moved) {
      EXPECT_EQ(log->log_dir(), "/two");
    }
    expect_log(world, *log, history);
    if (testing::Test::HasFailure()) return;
    world.loop().run_for(std::chrono::seconds(1));
    EXPECT_EQ(directories_of(disk, "/one").size() + directories_of(disk, "/two").size(), 1u) << "copies are left";
    // A move that was interrupted is told, and can be made; it goes on from there.
    Said said;
    User user;
    user.log = log;
    log->set_config(small_segments());
    log->set_listener(&said);
    for (const auto& [which, to] : world.logs().take_interrupted_moves(world.loop().shard())) {
      EXPECT_EQ(which, id);
      EXPECT_NE(to, log->log_dir());
      ASSERT_TRUE(world.start_move(to, user));
      ASSERT_TRUE(world.loop().run_until([&] { return world.over; }, std::chrono::seconds(10)));
      ASSERT_TRUE(world.result) << world.result.error().message;
      EXPECT_EQ(user.log->log_dir(), to);
      expect_log(world, *user.log, history);
    }
    wire::BatchBuilder::Options options;
    options.base_offset = user.log->end_offset().value;
    options.leader_epoch = 900;
    wire::BatchBuilder builder(options);
    builder.append(1000, std::nullopt, as_bytes("last"));
    const auto batch = builder.finish();
    ASSERT_TRUE(user.log->append(batch, *wire::BatchHeader::parse(batch), Need::durable));
    world.loop().run_ready();
    EXPECT_EQ(said.durable, user.log->end_offset());
    user.log->set_listener(nullptr);
  }
  disk.power_loss_of_all_unsynced();
  TwoDisks again(disk);
  ASSERT_TRUE(again.started());
  PartitionLog* log = again.find();
  ASSERT_TRUE(log);
  EXPECT_EQ(log->leader_epochs().latest(), LeaderEpoch(900));
}

SimulatedDisk& fresh(SimulatedDisk& disk) {
  EXPECT_TRUE(disk.create_directories("/one"));
  EXPECT_TRUE(disk.create_directories("/two"));
  disk.sync_all();
  return disk;
}

void script(SimulatedDisk& disk, History& history, bool with_cuts) {
  Script run(disk, history);
  if (run.begin() && run.move("/two", with_cuts)) run.take(9);
}

TEST(LogMove, TakesWhatIsAppendedMeanwhileAlong) {
  for (const bool with_cuts : {false, true}) {
    SimulatedDisk disk;
    fresh(disk);
    History history;
    script(disk, history, with_cuts);
    EXPECT_TRUE(history.moved);
    EXPECT_EQ(history.durable, Offset(history.batches.back().header.last_offset() + 1));
    disk.power_loss_of_all_unsynced();
    check(disk, history, with_cuts ? "with cuts" : "plain");
  }
}

TEST(LogMove, ThereAndBackAgain) {
  SimulatedDisk disk;
  fresh(disk);
  History history;
  {
    Script run(disk, history);
    ASSERT_TRUE(run.begin());
    for (const std::string to : {"/two", "/one", "/two"}) {
      ASSERT_TRUE(run.move(to, true)) << run.world().result.error().message;
      ASSERT_TRUE(run.cut(history.batches.size() - 3) && run.take(6));
      EXPECT_EQ(run.user().log->log_dir(), to);
      EXPECT_EQ(run.world().find(), run.user().log);
    }
    EXPECT_EQ(run.user().switches, 3);
  }
  disk.power_loss_of_all_unsynced();
  check(disk, history, "moved three times");
}

void cut_everywhere(bool with_cuts, std::uint64_t step, const std::function<void(SimulatedDisk&, std::uint64_t)>& die) {
  std::uint64_t cuts = 0;
  for (std::uint64_t n = 0;; n += step, ++cuts) {
    SimulatedDisk disk;
    fresh(disk).cut_power_at(n);
    History history;
    script(disk, history, with_cuts);
    die(disk, n);
    check(disk, history, "cut at call " + std::to_string(n));
    if (testing::Test::HasFailure()) return;
    if (!history.cut) break;
  }
  EXPECT_GT(cuts * step, 100u);
}

TEST(LogMove, PowerCutAtEveryChangeOfTheDisk) {
  for (const bool with_cuts : {false, true})
    cut_everywhere(with_cuts, 1, [](SimulatedDisk& disk, std::uint64_t) { disk.power_loss_of_all_unsynced(); });
}

TEST(LogMove, UnsyncedWritesMayBeTornAndReordered) {
  for (const bool with_cuts : {false, true})
    cut_everywhere(with_cuts, 1, [](SimulatedDisk& disk, std::uint64_t n) {
      const auto random = seeded_random(n);
      disk.power_loss(*random);
    });
}

TEST(LogMove, TheDiskMayFailAtEachCall) {
  for (const DiskCall call : {DiskCall::write, DiskCall::sync, DiskCall::rename})
    for (const int error : {EIO, ENOSPC})
      for (std::uint64_t n = 0;; ++n) {
        if (error == ENOSPC && call == DiskCall::sync) break;
        SimulatedDisk disk;
        fresh(disk).fail_call(call, n, error);
        History history;
        script(disk, history, true);
        if (disk.calls(call) <= n) break;
        disk.power_loss_of_all_unsynced();
        check(disk, history,
              "error " + std::to_string(error) + " at " + std::to_string(n) + " of kind " +
                  std::to_string(static_cast<int>(call)));
        if (testing::Test::HasFailure()) return;
      }
}

TEST(LogMove, WhoIsReadingReadsOnInTheNewPlace) {
  SimulatedDisk disk;
  fresh(disk);
  History history;
  Script run(disk, history);
  ASSERT_TRUE(run.begin());
  PartitionLog* before = run.user().log;
  ASSERT_TRUE(run.move("/two", false));
  ASSERT_NE(run.user().log, before);
  EXPECT_EQ(batches_from(run.world(), *before).size(), batches_from(run.world(), *run.user().log).size());
  EXPECT_EQ(directories_of(disk, "/one").size(), 0u);
}

TEST(LogMove, IsNoFasterThanItsOwnerAllows) {
  SimulatedDisk disk;
  fresh(disk);
  History history;
  Script run(disk, history);
  ASSERT_TRUE(run.begin());
  run.user().pause = std::chrono::minutes(1);
  ASSERT_TRUE(run.world().start_move("/two", run.user()));
  run.world().loop().run_for(std::chrono::seconds(59));
  const std::size_t first = run.user().copied;
  EXPECT_GT(first, 0u);
  run.world().loop().run_for(std::chrono::seconds(2));
  EXPECT_GT(run.user().copied, first);
  EXPECT_EQ(run.user().switches, 0);
  run.world().loop().run_for(std::chrono::hours(1));
  EXPECT_TRUE(run.world().over);
  EXPECT_EQ(run.user().switches, 1);
}

TEST(LogMove, ThatIsGivenUpLeavesNothingBehind) {
  SimulatedDisk disk;
  fresh(disk);
  History history;
  Script run(disk, history);
  ASSERT_TRUE(run.begin());
  run.user().pause = std::chrono::hours(1);
  ASSERT_TRUE(run.world().start_move("/two", run.user()));
  run.world().loop().run_for(std::chrono::seconds(1));
  EXPECT_EQ(directories_of(disk, "/two").size(), 1u);
  EXPECT_TRUE(directories_of(disk, "/two").front().ends_with("-future"));
  run.world().move->cancel();
  run.world().loop().run_for(std::chrono::seconds(1));
  EXPECT_TRUE(run.world().over);
  EXPECT_EQ(run.world().result.error().kind, ErrorKind::closed);
  EXPECT_EQ(directories_of(disk, "/two").size(), 0u);
  EXPECT_TRUE(run.take(3));
}

TEST(LogMove, ToADirectoryThatIsNoneIsRefused) {
  SimulatedDisk disk;
  fresh(disk);
  History history;
  Script run(disk, history);
  ASSERT_TRUE(run.begin());
  EXPECT_FALSE(run.world().start_move("/three", run.user()));
  EXPECT_EQ(run.world().result.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace holdfast::test::moves
