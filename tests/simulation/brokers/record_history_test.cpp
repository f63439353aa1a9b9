// RecordHistory itself: hand-made histories, bad ones that must be found and good ones that must pass.
#include "tests/simulation/brokers/record_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::sim::record_history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

const Uuid kept{1}, cached{2}, aged{3}, unknown{4};
const LogId log{kept, 0}, other_log{kept, 1}, cached_log{cached, 0}, aged_log{aged, 0};

// Two records of producer 1, two of producer 2, acknowledged at 0 to 3 as they were sent. What a test then tells is the
// violation.
class Story {
 public:
  Story() {
    history.set_time([] { return SteadyTime(std::chrono::milliseconds(1500)); });
    history.topic(kept, {});
    history.topic(cached, {.durable = false});
    history.topic(aged, {.retained = false});
    for (const LogId& id : {log, cached_log, aged_log})
      for (const RecordName& name : names) history.sent(id, name, true);
    for (std::size_t i = 0; i < names.size(); ++i)
      history.acknowledged(log, names[i], Offset(static_cast<std::int64_t>(i)));
  }

  // All of them, from `start` on, as they are to be found.
  std::vector<FoundRecord> all(std::int64_t start = 0) const {
    std::vector<FoundRecord> out;
    for (auto i = static_cast<std::size_t>(start); i < names.size(); ++i)
      out.push_back({Offset(static_cast<std::int64_t>(i)), names[i]});
    return out;
  }
  void find(const LogId& id, const std::vector<FoundRecord>& records, std::int64_t start = 0, std::int64_t end = 4) {
    history.found(id, Offset(start), Offset(end), records);
  }

  const std::vector<RecordName> names{{1, 0}, {1, 1}, {2, 0}, {2, 1}};
  RecordHistory history;
};

TEST(RecordName, IsWhatAValueBeginsWith) {
  EXPECT_EQ(record_name(to_string(RecordName{3, 14}) + " ...."), (RecordName{3, 14}));
  for (const char* value : {"", "3", "3:", "3:14", ":14 ", "3 14 ", "x:14 ", "3:x ", "3:14."})
    EXPECT_EQ(record_name(value), std::nullopt) << value;
}

TEST(RecordHistory, WhatIsThereAsItWasAcknowledgedIsWell) {
  Story s;
  for (int i = 0; i < 4; ++i) s.history.seen(log, Offset(i), s.names[static_cast<std::size_t>(i)]);
  s.history.seen(log, Offset(1), s.names[1]);
  s.find(log, s.all());
  EXPECT_THAT(s.history.violations(), IsEmpty());
  EXPECT_EQ(s.history.acknowledged_count(), 4u);
  EXPECT_EQ(s.history.seen_count(), 5u);
  EXPECT_EQ(s.history.found_count(), 4u);
  EXPECT_EQ(s.history.last_known(log), Offset(3));
  EXPECT_EQ(s.history.last_known(other_log), Offset(-1));
}

TEST(RecordHistory, WhatNobodyWasToldOfMayBeThereOrNot) {
  Story s;
  s.history.sent(log, {1, 2}, true);
  s.find(log, s.all());
  auto more = s.all();
  more.push_back({Offset(4), {1, 2}});
  s.find(log, more, 0, 5);
  EXPECT_THAT(s.history.violations(), IsEmpty());
}

// ---- R1: nothing that was acknowledged or shown is lost, or becomes another ----

TEST(RecordHistory, R1AnAcknowledgedRecordIsLost) {
  Story s;
  auto records = s.all();
  records.pop_back();
  s.find(log, records, 0, 3);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::AllOf(StartsWith("R1: "), testing::HasSubstr("2:1 is lost"),
                                                                 testing::EndsWith("(at 1.500 s)"))));
}

TEST(RecordHistory, R1ARecordThatWasOnlySeenIsLost) {
  Story s;
  s.history.sent(log, {1, 2}, true);
  s.history.seen(log, Offset(4), {1, 2});
  s.find(log, s.all());
  EXPECT_THAT(s.history.violations(), ElementsAre(StartsWith("R1: ")));
}

TEST(RecordHistory, R1AnotherRecordIsThereInTheEnd) {
  Story s;
  s.history.sent(log, {3, 0}, true);
  auto records = s.all();
  records[2].name = {3, 0};
  s.find(log, records);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("at 2: 3:0 instead of 2:0")));
}

TEST(RecordHistory, R1TwoRecordsAreAcknowledgedAtOneOffset) {
  Story s;
  s.history.sent(log, {3, 0}, true);
  s.history.acknowledged(log, {3, 0}, Offset(2));
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("at 2: 3:0 was acknowledged, before it was 2:0")));
}

TEST(RecordHistory, R1AnotherRecordIsSeenThanWasAcknowledged) {
  Story s;
  s.history.seen(log, Offset(2), {1, 0});
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("at 2: 1:0 was seen, before it was 2:0")));
}

TEST(RecordHistory, WhatWasTrimmedIsNotLost) {
  Story s;
  s.history.may_be_trimmed(log, Offset(2));
  s.find(log, s.all(2), 2);
  EXPECT_THAT(s.history.violations(), IsEmpty());
}

TEST(RecordHistory, WhereNothingIsPromisedNothingIsLost) {
  Story s;
  for (std::size_t i = 0; i < s.names.size(); ++i)
    s.history.acknowledged(cached_log, s.names[i], Offset(static_cast<std::int64_t>(i)));
  s.history.batch_seen(cached_log, LeaderEpoch(1), Offset(0), 7);
  s.history.batch_seen(cached_log, LeaderEpoch(1), Offset(0), 8);
  s.find(cached_log, {{Offset(0), {2, 1}}, {Offset(1), {2, 0}}, {Offset(2), {2, 0}}}, 0, 3);
  EXPECT_THAT(s.history.violations(), IsEmpty());
  EXPECT_FALSE(s.history.is_durable(cached));
  EXPECT_FALSE(s.history.is_durable(unknown));
}

// ---- R2: an offset of an epoch is one batch's ----

TEST(RecordHistory, R2TwoBatchesAtOneOffsetOfOneEpoch) {
  Story s;
  s.history.batch_seen(log, LeaderEpoch(1), Offset(0), 7);
  s.history.batch_seen(log, LeaderEpoch(1), Offset(0), 7);
  s.history.batch_seen(log, LeaderEpoch(2), Offset(0), 8);
  s.history.batch_seen(other_log, LeaderEpoch(1), Offset(0), 8);
  EXPECT_THAT(s.history.violations(), IsEmpty());
  s.history.batch_seen(log, LeaderEpoch(1), Offset(0), 8);
  EXPECT_THAT(s.history.violations(), ElementsAre(StartsWith("R2: ")));
}

// ---- R3: offsets follow each other ----

TEST(RecordHistory, R3AnOffsetIsLeftOut) {
  Story s;
  s.history.sent(other_log, {1, 0}, true);
  s.history.sent(other_log, {1, 1}, true);
  s.find(other_log, {{Offset(0), {1, 0}}, {Offset(2), {1, 1}}}, 0, 3);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("after 0 comes 2")));
}

TEST(RecordHistory, R3TheLogEndsBelowItsHighWatermark) {
  Story s;
  s.find(log, s.all(), 0, 6);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("ends at 4, not at 6")));
}

TEST(RecordHistory, ABatchMayBeginBelowTheStart) {
  Story s;
  s.history.may_be_trimmed(log, Offset(1));
  s.find(log, s.all(), 1);
  EXPECT_THAT(s.history.violations(), IsEmpty());
}

// ---- R4: once, and in order ----

TEST(RecordHistory, R4ARecordOfASequenceIsThereTwice) {
  Story s;
  auto records = s.all();
  s.history.sent(log, {2, 1}, true);  // again, as no answer came
  records.push_back({Offset(4), {2, 1}});
  s.find(log, records, 0, 5);
  EXPECT_THAT(s.history.violations(), testing::Contains(testing::HasSubstr("2:1 is there for the 2. time")));
}

TEST(RecordHistory, R4TheOrderIsAnother) {
  Story s;
  s.history.sent(other_log, {1, 0}, true);
  s.history.sent(other_log, {1, 1}, true);
  s.find(other_log, {{Offset(0), {1, 1}}, {Offset(1), {1, 0}}}, 0, 2);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("1:0 comes after 1:1")));
}

TEST(RecordHistory, WithoutASequenceARecordMayBeThereAsOftenAsItWasSent) {
  Story s;
  for (int i = 0; i < 2; ++i) s.history.sent(other_log, {3, 1}, false);
  s.history.sent(other_log, {3, 0}, false);
  const std::vector<FoundRecord> twice{{Offset(0), {3, 1}}, {Offset(1), {3, 0}}, {Offset(2), {3, 1}}};
  s.find(other_log, twice, 0, 3);
  EXPECT_THAT(s.history.violations(), IsEmpty());
  std::vector<FoundRecord> three_times = twice;
  three_times.push_back({Offset(3), {3, 1}});
  s.find(other_log, three_times, 0, 4);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("3:1 is there for the 3. time")));
}

// ---- R5: somebody sent it, and there ----

TEST(RecordHistory, R5ARecordThatNobodySent) {
  Story s;
  auto records = s.all();
  records.push_back({Offset(4), {7, 0}});
  s.find(log, records, 0, 5);
  s.history.seen(log, Offset(5), {7, 1});
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("at 4: 7:0, which nobody sent there"),
                                                  testing::HasSubstr("at 5: 7:1 was seen, which nobody sent there")));
}

TEST(RecordHistory, R5ARecordOfAnotherPartition) {
  Story s;
  s.history.seen(other_log, Offset(0), {1, 0});
  EXPECT_THAT(s.history.violations(), ElementsAre(StartsWith("R5: ")));
}

// ---- R6: a log begins where it was asked to ----

TEST(RecordHistory, R6MoreIsGoneThanWasAskedFor) {
  Story s;
  s.history.may_be_trimmed(log, Offset(1));
  s.find(log, s.all(2), 2);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("begins at 2, nobody asked for more than 1")));
}

TEST(RecordHistory, R6WhatWasTrimmedComesBack) {
  Story s;
  s.history.may_be_trimmed(log, Offset(3));
  s.history.trim_acknowledged(log, Offset(3));
  s.history.trim_acknowledged(log, Offset(2));  // an older answer
  s.find(log, s.all(2), 2);
  EXPECT_THAT(s.history.violations(), ElementsAre(testing::HasSubstr("begins at 2, it was trimmed to 3")));
}

TEST(RecordHistory, RetentionTakesWhatItLikes) {
  Story s;
  s.history.acknowledged(aged_log, {1, 0}, Offset(0));
  s.find(aged_log, {}, 4, 4);
  EXPECT_THAT(s.history.violations(), IsEmpty());
}

// ---- What the clients find themselves ----

TEST(RecordHistory, R7AProducerIdIsGivenOutOnce) {
  Story s;
  EXPECT_TRUE(s.history.take_producer_id(1000));
  EXPECT_TRUE(s.history.take_producer_id(1001));
  EXPECT_FALSE(s.history.take_producer_id(1000));
}

TEST(RecordHistory, AComplaintIsAViolationWithItsTime) {
  Story s;
  s.history.complaint("R10: something");
  EXPECT_THAT(s.history.violations(), ElementsAre("R10: something (at 1.500 s)"));
}

}  // namespace
}  // namespace holdfast::sim::record_history
