// Disks that have changed what a server wrote to them: it is not started and says what to do, or goes on without what
// is damaged; what it acknowledged and whom it voted for is never taken from there.
#include <gmock/gmock.h>

#include "coordination/quorum_snapshots.h"
#include "coordination/quorum_state.h"
#include "log/checkpoints.h"
#include "log/journal.h"
#include "tests/coordination/quorum_world.h"
#include "wire/kafka/record_batch.h"
#include "wire/writer.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using zk::ZkError;

constexpr const char* log_directory = "/data/__coordination-0";
constexpr std::size_t term_in_batch = 12;

class DamageTest : public QuorumWorld {
 protected:
  struct Place {
    std::string file;
    std::uint64_t position = 0;
    wire::BatchHeader header;
  };

  // It comes to its end when all that it has is in its segments.
  void stop_settled(int server) {
    stop(server);
    start(server);
    ASSERT_TRUE(until([&] { return at(server).serving(); }));
    stop(server);
  }
  // As a node leaves its directory that is stopped cleanly.
  void close(int server) {
    ASSERT_TRUE(remove_journals(disk(server), "/data"));
    ASSERT_TRUE(disk(server).write_atomically("/data/.kafka_cleanshutdown", as_bytes("{}")));
    const Place last = batch(server, -1);
    wire::Writer entry(8);
    entry.u32(static_cast<std::uint32_t>(last.header.last_offset()));
    entry.u32(static_cast<std::uint32_t>(last.position));
    const std::string index = last.file.substr(0, last.file.rfind('.')) + ".index";
    ASSERT_TRUE(disk(server).write_atomically(index, entry.flatten()));
  }
  // One that does not lead, and is stopped; its log's last batch is an ordinary one.
  int stop_one() {
    start_all();
    EXPECT_EQ(make(1, "/before"), ZkError::ok);
    EXPECT_TRUE(agree());
    const int server = other_than({wait_for_leader()});
    stop_settled(server);
    return server;
  }
  // The batch that holds this offset; negative: the last one.
  Place batch(int id, std::int64_t offset) {
    Place out;
    for (const auto& [path, size] : disk(id).files()) {
      if (!path.starts_with(log_directory) || !path.ends_with(".log")) continue;
      const auto bytes = disk(id).content(path);
      wire::BatchWalker walker(bytes);
      wire::BatchHeader header;
      ByteView found;
      while (walker.next(header, found))
        if (offset < 0 || (offset >= header.base_offset && offset <= header.last_offset()))
          out = {path, static_cast<std::uint64_t>(found.data() - bytes.data()), header};
    }
    EXPECT_NE(out.file, "");
    return out;
  }
  void damage_batch(int id, std::int64_t offset, std::size_t at, unsigned bit = 0) {
    const Place place = batch(id, offset);
    disk(id).flip_bit(place.file, place.position + at, bit);
  }
  void damage_newest_snapshot(int id, std::uint64_t at) {
    auto names = QuorumSnapshots(disk(id), "/data/coordination").list();
    ASSERT_TRUE(names && !names->empty());
    disk(id).flip_bit("/data/coordination/" + names->back().file, at);
  }
  void is_filled_again(int server) {
    const ZkError made = make(wait_for_leader(), "/meanwhile");
    ASSERT_TRUE(made == ZkError::ok || made == ZkError::node_exists);
    start(server);
    ASSERT_TRUE(until([&] { return at(server).serving() && has(server, "/before") && has(server, "/meanwhile"); }));
    EXPECT_TRUE(agree());
  }
  static auto asks_to_remove_the_log() {
    return AllOf(HasSubstr(log_directory), HasSubstr("remove "), HasSubstr("the others fill this server again"));
  }
};

// Neither is under the checksum of a batch.
TEST_F(DamageTest, AServerWhoseLastBatchSaysThatItStandsElsewhereIsNotStarted) {
  const int server = stop_one();
  close(server);
  damage_batch(server, -1, 6);
  EXPECT_THAT(refusal(server), asks_to_remove_the_log());
  ASSERT_TRUE(disk(server).remove_all(log_directory));
  is_filled_again(server);
}

TEST_F(DamageTest, AServerWhoseLastBatchSaysThatItIsOfAnotherTermIsNotStarted) {
  const int server = stop_one();
  close(server);
  damage_batch(server, -1, term_in_batch + 2);
  EXPECT_THAT(refusal(server), asks_to_remove_the_log());
}

// The terms are then those that the batches say, and agree with the damaged one.
TEST_F(DamageTest, NorIsItAfterACrash) {
  for (const std::size_t at : {std::size_t{6}, term_in_batch + 2}) {
    const int server = stop_one();
    damage_batch(server, -1, at);
    EXPECT_THAT(refusal(server), asks_to_remove_the_log()) << at;
    for (int id = 1; id <= 3; ++id) {
      if (is_up(id)) stop(id);
      empty_disk(id);
    }
  }
}

TEST_F(DamageTest, ALeadersFirstEntryKnowsItsTerm) {
  start_all();
  kill(wait_for_leader());
  const int server = wait_for_leader();
  ASSERT_TRUE(until([&] { return at(server).serving(); }));
  for (int id = 1; id <= 3; ++id)
    if (is_up(id)) stop(id);
  // Alone it adds nothing to what it had.
  start(server);
  stop(server);
  damage_batch(server, -1, term_in_batch + 2);
  EXPECT_THAT(refusal(server), asks_to_remove_the_log());
}

TEST_F(DamageTest, TermsThatCannotBeReadAreReadFromTheBatches) {
  const int server = stop_one();
  close(server);
  disk(server).flip_bit(std::string(log_directory) + "/leader-epoch-checkpoint", 0);
  is_filled_again(server);
  EXPECT_EQ(driver(server).replica().snapshots_installed(), 0u);
}

TEST_F(DamageTest, TermsThatTheBatchesContradictAreNotBelieved) {
  const int server = stop_one();
  close(server);
  // "0\n1\n1 0\n": the first term is the third, or another.
  disk(server).flip_bit(std::string(log_directory) + "/leader-epoch-checkpoint", 4, 1);
  EXPECT_THAT(refusal(server), asks_to_remove_the_log());
}

TEST_F(DamageTest, ALogOfAnotherNameIsNotTakenForNone) {
  const int server = stop_one();
  disk(server).flip_bit(std::string(log_directory) + "/partition.metadata", 25, 1);
  EXPECT_THAT(refusal(server), AllOf(HasSubstr(log_directory), HasSubstr("remove that directory")));
  ASSERT_TRUE(disk(server).remove_all(log_directory));
  is_filled_again(server);
}

TEST_F(DamageTest, ABatchThatASnapshotStandsForIsLetGo) {
  options.snapshot_count = 20;
  start_all();
  for (int n = 0; n < 100; ++n) ASSERT_EQ(make(1, fmt::format("/n{}", n)), ZkError::ok);
  ASSERT_TRUE(agree());
  const int server = other_than({wait_for_leader()});
  const Offset first = driver(server).replica().log().start();
  const Offset snapshot = QuorumSnapshots(disk(server), "/data/coordination").list()->back().end;
  const Incarnation before = driver(server).replica().incarnation();
  ASSERT_LT(first + 3, snapshot);
  stop_settled(server);
  close(server);
  damage_batch(server, first.value + 2, 70);
  start(server);
  ASSERT_TRUE(until([&] { return at(server).serving(); }));
  EXPECT_EQ(driver(server).replica().incarnation(), before);
  EXPECT_EQ(driver(server).replica().log().start(), snapshot);
  EXPECT_TRUE(agree());
}

// It came from a leader once, and stands for what was before it, not for what was appended since.
TEST_F(DamageTest, ASnapshotThatWasInstalledDoesNotStandForWhatIsBehindIt) {
  options.snapshot_count = 20;
  start_all();
  for (int n = 0; n < 100; ++n) ASSERT_EQ(make(1, fmt::format("/n{}", n)), ZkError::ok);
  const int server = other_than({wait_for_leader()});
  stop(server);
  empty_disk(server);
  options.snapshot_count = 100'000;
  start(server);
  ASSERT_TRUE(until([&] { return at(server).serving(); }));
  ASSERT_EQ(driver(server).replica().snapshots_installed(), 1u);
  for (int n = 0; n < 30; ++n) ASSERT_EQ(make(1, fmt::format("/m{}", n)), ZkError::ok);
  ASSERT_TRUE(agree());
  const Offset end = driver(server).replica().log().end();
  stop_settled(server);
  ASSERT_TRUE(
      write_offset_checkpoint(disk(server), "/data/log-start-offset-checkpoint", {{{"__coordination", 0}, end - 1}}));
  ASSERT_TRUE(disk(server).remove("/data/log-identity-checkpoint"));
  EXPECT_THAT(refusal(server), asks_to_remove_the_log());
}

TEST_F(DamageTest, ALeaderDoesNotOfferADamagedSnapshotForEver) {
  for (const std::uint64_t where : {std::uint64_t{20}, std::uint64_t{400}}) {
    options.snapshot_count = 20;
    start_all();
    for (int n = 0; n < 100; ++n) ASSERT_EQ(make(1, fmt::format("/n{}-{}", where, n)), ZkError::ok);
    ASSERT_TRUE(agree());
    const int damaged = wait_for_leader(), emptied = other_than({damaged});
    stop(emptied);
    empty_disk(emptied);
    damage_newest_snapshot(damaged, where);
    start(emptied);
    EXPECT_TRUE(until([&] { return at(emptied).serving(); }, seconds(10))) << where;
    EXPECT_TRUE(agree());
    for (int id = 1; id <= 3; ++id) stop(id);
  }
}

// The others have all of their logs, so that it is not filled by a snapshot of theirs.
TEST_F(DamageTest, ASnapshotThatCannotBeReadIsNoHindranceToANewLog) {
  options.snapshot_count = 10'000;
  start_all();
  ASSERT_EQ(make(1, "/before"), ZkError::ok);
  const int server = other_than({wait_for_leader()});
  stop(server);
  options.snapshot_count = 20;
  start(server);
  ASSERT_TRUE(until([&] { return at(server).serving(); }));
  for (int n = 0; n < 40; ++n) ASSERT_EQ(make(server, fmt::format("/n{}", n)), ZkError::ok);
  ASSERT_TRUE(agree());
  stop(server);
  options.snapshot_count = 10'000;
  QuorumSnapshots snapshots(disk(server), "/data/coordination");
  ASSERT_FALSE(snapshots.list()->empty());
  for (const QuorumSnapshots::Name& name : *snapshots.list())
    disk(server).flip_bit("/data/coordination/" + name.file, 400);
  ASSERT_TRUE(disk(server).remove_all(log_directory));
  is_filled_again(server);
  EXPECT_TRUE(snapshots.list()->empty());
  stop(server);
  is_filled_again(server);
}

// It was killed before its state said of which ensemble it is.
TEST_F(DamageTest, AServerWithoutALogWhoseSnapshotCannotBeReadBeginsAnew) {
  options.snapshot_count = 20;
  start_all();
  for (int n = 0; n < 100; ++n) ASSERT_EQ(make(1, fmt::format("/n{}", n)), ZkError::ok);
  ASSERT_EQ(make(1, "/before"), ZkError::ok);
  ASSERT_TRUE(agree());
  const int server = other_than({wait_for_leader()});
  stop(server);
  ASSERT_TRUE(disk(server).remove_all(log_directory));
  for (const QuorumSnapshots::Name& name : *QuorumSnapshots(disk(server), "/data/coordination").list())
    disk(server).flip_bit("/data/coordination/" + name.file, 400);
  auto state = read_quorum_state(disk(server), "/data/coordination");
  ASSERT_TRUE(state && *state);
  const Incarnation before = (*state)->incarnation;
  (*state)->ensemble = {};
  ASSERT_TRUE(write_quorum_state(disk(server), "/data/coordination", **state));
  is_filled_again(server);
  EXPECT_NE(driver(server).replica().incarnation(), before);
}

TEST_F(DamageTest, AServerWhoseJournalLacksWhatWasDurableIsNotStarted) {
  start_all();
  for (int n = 0; n < 20; ++n) ASSERT_EQ(make(1, fmt::format("/n{}", n)), ZkError::ok);
  ASSERT_EQ(make(1, "/before"), ZkError::ok);
  ASSERT_TRUE(agree());
  const int server = other_than({wait_for_leader()});
  kill(server);
  disk(server).flip_bit("/data/journal.0.0", 5 * disk_block_bytes + 100);
  EXPECT_THAT(refusal(server), AllOf(HasSubstr("/data/journal.0.0 is damaged"), HasSubstr("empty its data directory")));
  EXPECT_THAT(refusal(server), HasSubstr("/data/journal.0.0 is damaged")) << "nothing was done to it";
  empty_disk(server);
  is_filled_again(server);
}

}  // namespace
}  // namespace holdfast::test
