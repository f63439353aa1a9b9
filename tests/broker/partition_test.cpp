// One replica on its own: what it may append, acknowledge and answer as a leader and as a follower. The log is a real
// one, on a simulated disk; the other replicas are what the test says of them.
#include "broker/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <optional>
#include <vector>

#include "tests/log/log_world.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;
using wire::ErrorCode;

struct Host final : PartitionHost {
  std::map<std::int32_t, std::int64_t> epochs{{1, 11}, {2, 12}, {3, 13}};
  bool lease = true;
  std::vector<InSyncReplicas::Change> to_write;
  int told_durable = 0;

  std::optional<std::int64_t> epoch_of(std::int32_t broker, const LogId&) const override {
    const auto found = epochs.find(broker);
    return found == epochs.end() ? std::nullopt : std::optional(found->second);
  }
  bool may_enter(std::int32_t, const LogId&) const override { return true; }
  bool may_lead() const override { return lease; }
  void write_isr(Partition&, InSyncReplicas::Change change) override { to_write.push_back(std::move(change)); }
  void follower_durable(Partition&) override { ++told_durable; }
};

// Who waits for acks=all, or acks=1.
struct Producer {
  std::optional<ErrorCode> told;
  EndWaiter waiter;
  explicit Producer(Offset end) {
    waiter.end = end;
    waiter.done = [this](ErrorCode error) { told = error; };
  }
};

// Broker 1's replica of three.
class PartitionTest : public testing::Test {
 protected:
  PartitionTest() {
    state_.id = log_id(1);
    state_.replicas = state_.isr = {1, 2, 3};
    state_.leader_epoch = LeaderEpoch(0);
    state_.state_version = 0;
    log_ = world_.create(log_id(1), "t");
    partition_.emplace(world_.loop().shard(), *log_, "t", 0, 1, host_, seconds(30));
    TopicSettings settings = partition_->settings();
    settings.min_insync_replicas = 2;
    partition_->configure(settings);
  }
  void lead(std::int32_t epoch = 0) { become(1, epoch); }
  void become(std::int32_t leader, std::int32_t epoch) {
    state_.leader = leader;
    state_.leader_epoch = LeaderEpoch(epoch);
    ++state_.state_version;
    partition_->become(state_);
  }
  void set_isr(std::vector<std::int32_t> isr, std::vector<std::int32_t> elr = {}) {
    state_.isr = std::move(isr);
    state_.elr = std::move(elr);
    ++state_.state_version;
    partition_->become(state_);
  }
  static std::vector<std::uint8_t> batch(std::int64_t base = 0, std::int32_t epoch = -1) {
    wire::BatchBuilder::Options options;
    options.base_offset = base;
    options.leader_epoch = epoch;
    wire::BatchBuilder builder(options);
    builder.append(1000, std::nullopt, as_bytes("value"));
    return builder.finish();
  }
  AppendOutcome append(std::int16_t acks = -1) {
    auto records = batch();
    return partition_->append(records, AppendOrigin::client, acks);
  }
  void settle() { world_.loop().run_ready(); }
  // It has everything below `end`, and that on its disk.
  void replica_has(std::int32_t id, std::int64_t end) {
    EXPECT_TRUE(partition_->replica_fetched(id, host_.epochs.at(id), Offset(0), Offset(end)));
    partition_->replica_durable(id, host_.epochs.at(id), state_.leader_epoch, Offset(end));
  }

  SimulatedDisk disk_;
  LogWorld world_{disk_};
  Host host_;
  PartitionImage state_;
  PartitionLog* log_ = nullptr;
  std::optional<Partition> partition_;
};

TEST_F(PartitionTest, AcknowledgesWhatAllInSyncHaveOnDisk) {
  lead();
  const AppendOutcome out = append();
  ASSERT_EQ(out.error, ErrorCode::none);
  Producer producer(out.end);
  partition_->when_replicated(producer.waiter);
  replica_has(2, 1);
  settle();
  EXPECT_FALSE(producer.told);
  EXPECT_TRUE(partition_->replica_fetched(3, 13, Offset(0), Offset(1)));
  EXPECT_FALSE(producer.told) << "3 has it in memory";
  partition_->replica_durable(3, 13, state_.leader_epoch, Offset(1));
  EXPECT_EQ(producer.told, ErrorCode::none);
  EXPECT_EQ(partition_->high_watermark(), Offset(1));
}

// ---- The lease ----

TEST_F(PartitionTest, WithoutALeaseItLeadsNothing) {
  lead();
  host_.lease = false;
  EXPECT_EQ(partition_->check_leader(-1), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(append().error, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(append(1).error, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(log_->end_offset(), Offset(0));
  host_.lease = true;
  EXPECT_EQ(partition_->check_leader(-1), ErrorCode::none);
}

// The lease ends between the append and what would acknowledge it; nobody has said so yet.
TEST_F(PartitionTest, WithoutALeaseNothingIsAcknowledged) {
  lead();
  const AppendOutcome out = append();
  ASSERT_EQ(out.error, ErrorCode::none);
  Producer all(out.end), one(out.end);
  partition_->when_replicated(all.waiter);
  partition_->when_written(one.waiter);
  host_.lease = false;
  settle();
  for (const int id : {2, 3}) replica_has(id, 1);
  EXPECT_EQ(log_->durable_end(), Offset(1));
  EXPECT_FALSE(all.told);
  EXPECT_FALSE(one.told) << "acks=1 may be lost by then";
  EXPECT_EQ(partition_->high_watermark(), Offset(0));
  EXPECT_TRUE(host_.to_write.empty()) << "nor is the ISR its own to change";
  // Told, it says so to whoever waits; with a lease again it commits what it has.
  partition_->set_fenced(true);
  EXPECT_EQ(all.told, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(one.told, ErrorCode::not_leader_or_follower);
  host_.lease = true;
  EXPECT_EQ(partition_->check_leader(-1), ErrorCode::not_leader_or_follower);
  partition_->set_fenced(false);
  EXPECT_EQ(partition_->high_watermark(), Offset(1));
}

// ---- Epochs ----

TEST_F(PartitionTest, AClientOfAnotherEpochIsToldWhichWayItIsWrong) {
  lead(5);
  EXPECT_EQ(partition_->check_leader(4), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(partition_->check_leader(5), ErrorCode::none);
  EXPECT_EQ(partition_->check_leader(6), ErrorCode::unknown_leader_epoch);
  become(2, 6);
  EXPECT_EQ(partition_->check_leader(5), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(partition_->check_leader(6), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(partition_->check_leader(7), ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(partition_->check_replica(6), ErrorCode::none) << "a follower answers those who may read from it";
  EXPECT_EQ(partition_->check_replica(5), ErrorCode::fenced_leader_epoch);
  become(-1, 7);
  EXPECT_EQ(partition_->check_replica(7), ErrorCode::not_leader_or_follower) << "it follows nobody";
}

TEST_F(PartitionTest, AReportOfAnotherEpochIsNotHeard) {
  lead(5);
  ASSERT_EQ(append().error, ErrorCode::none);
  settle();
  for (const int id : {2, 3}) {
    EXPECT_TRUE(partition_->replica_fetched(id, host_.epochs.at(id), Offset(0), Offset(1)));
    partition_->replica_durable(id, host_.epochs.at(id), LeaderEpoch(4), Offset(1));
  }
  EXPECT_EQ(partition_->high_watermark(), Offset(0));
}

TEST_F(PartitionTest, WhoWaitsHearsOfTheNextLeader) {
  lead();
  const AppendOutcome out = append();
  Producer producer(out.end);
  partition_->when_replicated(producer.waiter);
  become(2, 1);
  EXPECT_EQ(producer.told, ErrorCode::not_leader_or_follower);
}

// ---- Too few, too full, failed ----

TEST_F(PartitionTest, UnderTheMinimumOnlyAcksOneIsTaken) {
  lead();
  set_isr({1}, {2, 3});
  EXPECT_EQ(append().error, ErrorCode::not_enough_replicas);
  const AppendOutcome out = append(1);
  EXPECT_EQ(out.error, ErrorCode::none);
  settle();
  EXPECT_EQ(partition_->high_watermark(), Offset(0)) << "nothing is committed beside who is eligible";
}

TEST_F(PartitionTest, OnAFullDiskItRefusesAndServes) {
  lead();
  ASSERT_EQ(append().error, ErrorCode::none);
  settle();
  for (const int id : {2, 3}) replica_has(id, 1);
  disk_.fail_every(DiskCall::write, ENOSPC);
  ASSERT_EQ(append().error, ErrorCode::none);
  settle();
  EXPECT_EQ(append().error, ErrorCode::kafka_storage_error);
  EXPECT_EQ(partition_->check_leader(-1), ErrorCode::none);
  EXPECT_TRUE(partition_->online());
  const auto read = world_.loop().run(log_->read({.from = Offset(0), .bytes_max = 1000, .end = Offset(2)}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->next, Offset(2));
  for (const int id : {2, 3}) replica_has(id, 2);
  EXPECT_EQ(partition_->high_watermark(), Offset(1)) << "its own disk counts too";
  disk_.fail_every(DiskCall::write, 0);
  world_.loop().run_for(seconds(2));
  EXPECT_EQ(partition_->high_watermark(), Offset(2));
  EXPECT_EQ(append().error, ErrorCode::none);
}

TEST_F(PartitionTest, OnAFailedDiskItSaysSoToEverybody) {
  lead();
  const AppendOutcome out = append();
  Producer producer(out.end);
  partition_->when_replicated(producer.waiter);
  disk_.fail_call(DiskCall::sync, 0, EIO);
  settle();
  EXPECT_EQ(producer.told, ErrorCode::kafka_storage_error);
  EXPECT_FALSE(partition_->online());
  for (const std::int32_t epoch : {-1, 0, 7})
    EXPECT_EQ(partition_->check_leader(epoch), ErrorCode::kafka_storage_error);
  EXPECT_EQ(append().error, ErrorCode::kafka_storage_error);
}

// ---- Following ----

TEST_F(PartitionTest, AFollowerTellsWhatIsOnItsDisk) {
  become(2, 3);
  ASSERT_TRUE(partition_->append_replicated(batch(0, 3)));
  EXPECT_EQ(host_.told_durable, 0);
  settle();
  EXPECT_EQ(host_.told_durable, 1);
  EXPECT_EQ(log_->durable_end(), Offset(1));
  partition_->learn_high_watermark(Offset(7));
  EXPECT_EQ(partition_->high_watermark(), Offset(1)) << "of what it has";
}

TEST_F(PartitionTest, AFollowerTakesOnlyWhatContinuesItsLog) {
  become(2, 3);
  ASSERT_TRUE(partition_->append_replicated(batch(4, 3)));
  EXPECT_FALSE(partition_->append_replicated(batch(4, 3))) << "it has that";
  EXPECT_FALSE(partition_->append_replicated(batch(5, 4))) << "of a leader after this one";
  auto damaged = batch(5, 3);
  damaged.back() ^= 1;
  EXPECT_FALSE(partition_->append_replicated(damaged));
  EXPECT_EQ(log_->end_offset(), Offset(5));
  EXPECT_TRUE(partition_->append_replicated(batch(8, 3))) << "what was compacted away leaves gaps";
}

// `meanwhile` runs once the cut is under way.
Task<Result<void>> cut(Partition& partition, Offset end, Shard& shard, Function<void()> meanwhile) {
  shard.post(std::move(meanwhile));
  auto done = co_await partition.truncate_to(end);
  co_return done;
}

TEST_F(PartitionTest, AStateThatComesDuringACutIsTakenAfterIt) {
  become(2, 3);
  for (const std::int64_t base : {0, 1, 2}) ASSERT_TRUE(partition_->append_replicated(batch(base, 3)));
  settle();
  bool told = false;
  const auto meanwhile = [this, &told] {
    EXPECT_TRUE(partition_->is_truncating());
    lead(4);
    EXPECT_FALSE(partition_->is_leader());
    partition_->when_settled([&told] { told = true; });
    EXPECT_FALSE(told);
  };
  ASSERT_TRUE(world_.loop().run(cut(*partition_, Offset(1), world_.loop().shard(), meanwhile)));
  EXPECT_TRUE(told);
  EXPECT_TRUE(partition_->is_leader());
  EXPECT_EQ(partition_->leader_epoch(), LeaderEpoch(4));
  EXPECT_EQ(log_->end_offset(), Offset(1));
}

}  // namespace
}  // namespace holdfast::test
