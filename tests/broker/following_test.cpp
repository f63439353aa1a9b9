// What a follower makes of its leader's answers, and what it tells the leader: broker 1 follows, the test leads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/lone_broker.h"

namespace holdfast::test {
namespace {

using wire::ErrorCode;

class Following : public testing::Test {
 protected:
  void SetUp() override {
    topic_ = world_.create_topic("t", {2, 1});
    ASSERT_TRUE(world_.loop().run_until([this] { return !world_.fetches.empty(); }, std::chrono::seconds(10)));
  }
  // The partition, as it was fetched last.
  const wire::FetchRequest::Partition& asked() {
    for (auto it = world_.fetches.rbegin(); it != world_.fetches.rend(); ++it)
      if (!it->topics.empty()) return it->topics[0].partitions[0];
    ADD_FAILURE() << "it was never fetched";
    static const wire::FetchRequest::Partition none;
    return none;
  }
  static wire::FetchResponse::Partition part(std::int64_t high_watermark, std::int64_t log_start = 0) {
    wire::FetchResponse::Partition out;
    out.high_watermark = high_watermark;
    out.log_start_offset = log_start;
    return out;
  }
  // What it last said of its disk; -1: nothing.
  std::int64_t reported() const {
    for (auto it = world_.reports.rbegin(); it != world_.reports.rend(); ++it)
      if (!it->topics.empty()) return it->topics[0].partitions[0].durable_offset;
    return -1;
  }
  Log& log() { return world_.partition(topic_)->log(); }

  LoneBroker world_;
  Uuid topic_{};
};

TEST_F(Following, TakesRecordsAndTellsWhenTheyAreOnDisk) {
  EXPECT_EQ(asked().fetch_offset, 0);
  EXPECT_EQ(asked().last_fetched_epoch, -1);
  EXPECT_EQ(reported(), -1) << "what is on its disk may be of another leader, until it was answered";
  world_.answer(topic_, part(0), LoneBroker::batch(0, 0, 3));
  EXPECT_EQ(log().end_offset(), Offset(3));
  EXPECT_EQ(asked().fetch_offset, 3);
  EXPECT_EQ(asked().last_fetched_epoch, 0);
  EXPECT_EQ(reported(), 3);
  EXPECT_EQ(world_.partition(topic_)->high_watermark(), Offset(0));
  world_.answer(topic_, part(3));
  EXPECT_EQ(world_.partition(topic_)->high_watermark(), Offset(3));
}

// The leader's answer leaves out where there is nothing new. It must hear all the same what is on the follower's disk,
// or a partition that nobody writes to would never have all in sync again.
TEST_F(Following, OfAnIdlePartitionItTellsToo) {
  world_.answer(topic_, part(0), LoneBroker::batch(0, 0, 3));
  ASSERT_EQ(reported(), 3);
  world_.reports.clear();
  // A new leadership knows nothing of it.
  world_.change_state("t", [](znodes::PartitionState& state) { ++state.leader_epoch; });
  ASSERT_TRUE(world_.loop().run_until([this] { return asked().current_leader_epoch == 1; }, std::chrono::seconds(10)));
  EXPECT_EQ(reported(), -1);
  world_.answer(topic_, std::nullopt);
  EXPECT_EQ(reported(), 3);
}

TEST_F(Following, ANewReplicaBeginsWithinABatch) {
  // DeleteRecords has left the leader's log beginning at 2, within its first batch.
  wire::FetchResponse::Partition beyond = part(-1, 2);
  beyond.error_code = static_cast<std::int16_t>(ErrorCode::offset_out_of_range);
  world_.answer(topic_, beyond);
  EXPECT_EQ(asked().fetch_offset, 2);
  EXPECT_EQ(log().start_offset(), Offset(2));
  world_.answer(topic_, part(5, 2), LoneBroker::batch(0, 0, 5));
  EXPECT_EQ(log().end_offset(), Offset(5));
  EXPECT_EQ(asked().fetch_offset, 5);
  LogRead read{.from = Offset(2), .bytes_max = 1000, .end = Offset(5)};
  auto data = world_.loop().run(log().read(read));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->next, Offset(5));
}

TEST_F(Following, IsCutWhereTheLeadersLogGoesAnotherWay) {
  world_.answer(topic_, part(0), LoneBroker::batch(0, 0, 3));
  world_.answer(topic_, part(0), LoneBroker::batch(3, 0, 2));
  ASSERT_EQ(log().end_offset(), Offset(5));
  world_.change_state("t", [](znodes::PartitionState& state) { ++state.leader_epoch; });
  ASSERT_TRUE(world_.loop().run_until([this] { return asked().current_leader_epoch == 1; }, std::chrono::seconds(10)));
  wire::FetchResponse::Partition other = part(-1);
  other.diverging_epoch = {.epoch = 0, .end_offset = 3};
  world_.answer(topic_, other);
  EXPECT_EQ(log().end_offset(), Offset(3));
  EXPECT_EQ(asked().fetch_offset, 3);
  world_.answer(topic_, part(0), LoneBroker::batch(3, 1, 1));
  EXPECT_EQ(log().end_offset(), Offset(4));
  EXPECT_EQ(reported(), 4);
}

// The leader has two records of that epoch, and this log one: its second is of a later leader, whose records are
// nowhere else (KIP-279).
TEST_F(Following, IsCutWhereItsOwnEpochEnds) {
  world_.answer(topic_, part(0), LoneBroker::batch(0, 0, 1));
  world_.change_state("t", [](znodes::PartitionState& state) { ++state.leader_epoch; });
  ASSERT_TRUE(world_.loop().run_until([this] { return asked().current_leader_epoch == 1; }, std::chrono::seconds(10)));
  for (const int at : {1, 2}) world_.answer(topic_, part(0), LoneBroker::batch(at, 1, 1));
  ASSERT_EQ(log().end_offset(), Offset(3));
  wire::FetchResponse::Partition other = part(-1);
  other.diverging_epoch = {.epoch = 0, .end_offset = 2};
  world_.answer(topic_, other);
  EXPECT_EQ(log().end_offset(), Offset(1));
}

// Where there is no room it cannot be cut; it tries again, and follows when there is.
TEST_F(Following, OnAFullDiskItIsCutLater) {
  world_.answer(topic_, part(0), LoneBroker::batch(0, 0, 3));
  world_.disk().fail_every(DiskCall::write, ENOSPC);
  world_.answer(topic_, part(0), LoneBroker::batch(3, 0, 2));
  EXPECT_EQ(reported(), 3);
  wire::FetchResponse::Partition other = part(-1);
  other.diverging_epoch = {.epoch = 0, .end_offset = 3};
  world_.answer(topic_, other);
  EXPECT_EQ(log().end_offset(), Offset(5));
  world_.disk().fail_every(DiskCall::write, 0);
  world_.loop().run_for(std::chrono::seconds(3));
  world_.answer(topic_, other);
  EXPECT_EQ(log().end_offset(), Offset(3));
}

}  // namespace
}  // namespace holdfast::test
