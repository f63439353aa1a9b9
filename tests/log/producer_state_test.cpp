// What a partition remembers of its producers: Kafka's rules for duplicates, sequences, epochs and open transactions
// (KIP-98, KIP-360), and its snapshot file.
#include "log/producer_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/crc32c.h"

namespace holdfast::test {
namespace {

using enum ProducerVerdict;

constexpr std::int64_t pid = 4000;
constexpr std::int32_t sequence_max = INT32_MAX;

struct Sent {
  std::int64_t producer = pid;
  std::int16_t epoch = 0;
  std::int32_t sequence = 0;
  int count = 1;
  bool transactional = false;
  std::int64_t timestamp = 1000;
};

class ProducerStateTest : public testing::Test {
 protected:
  std::vector<std::uint8_t> batch(const Sent& s) const {
    wire::BatchBuilder::Options options;
    options.base_offset = end_;
    options.producer_id = s.producer;
    options.producer_epoch = s.epoch;
    options.base_sequence = s.sequence;
    options.transactional = s.transactional;
    wire::BatchBuilder builder(options);
    for (int i = 0; i < s.count; ++i) builder.append(s.timestamp, std::nullopt, as_bytes("value"));
    return builder.finish();
  }
  static std::vector<std::uint8_t> marker(std::int64_t offset, std::int64_t producer, std::int16_t epoch,
                                          wire::ControlType type, std::int32_t coordinator_epoch,
                                          std::int64_t timestamp) {
    wire::BatchBuilder::Options options;
    options.base_offset = offset;
    options.producer_id = producer;
    options.producer_epoch = epoch;
    options.transactional = options.control = true;
    wire::BatchBuilder builder(options);
    wire::Writer key, value;
    key.i16(0);
    key.i16(static_cast<std::int16_t>(type));
    value.i16(0);
    value.i32(coordinator_epoch);
    builder.append(timestamp, key.written(), value.written());
    return builder.finish();
  }

  void update(const std::vector<std::uint8_t>& bytes) {
    const auto header = wire::BatchHeader::parse(bytes);
    ASSERT_TRUE(header);
    state_.update(*header, bytes);
    end_ = header->last_offset() + 1;
  }
  // Each returns the base offset.
  std::int64_t append(const Sent& s) {
    const std::int64_t at = end_;
    update(batch(s));
    return at;
  }
  std::int64_t end_transaction(wire::ControlType type, std::int64_t producer = pid, std::int16_t epoch = 0,
                               std::int32_t coordinator_epoch = 0, std::int64_t timestamp = 1000) {
    const std::int64_t at = end_;
    update(marker(end_, producer, epoch, type, coordinator_epoch, timestamp));
    return at;
  }

  ProducerState::Check check(const Sent& s) const { return state_.check(*wire::BatchHeader::parse(batch(s))); }
  ProducerVerdict verdict(const Sent& s) const { return check(s).verdict; }
  bool knows(std::int64_t producer) const { return state_.producers().contains(producer); }

  ProducerState state_;
  std::int64_t end_ = 100;
};

// ---- Sequences ----

TEST_F(ProducerStateTest, BatchesWithoutAProducerAreNotKept) {
  const Sent plain{.producer = -1, .epoch = -1, .sequence = -1};
  EXPECT_EQ(verdict(plain), accept);
  append(plain);
  EXPECT_EQ(verdict(plain), accept);
  EXPECT_TRUE(state_.producers().empty());
}

TEST_F(ProducerStateTest, AnUnknownProducerMayBeginAnywhere) {
  EXPECT_EQ(verdict({.sequence = 0}), accept);
  EXPECT_EQ(verdict({.epoch = 7, .sequence = 12345}), accept) << "what was known of it may have expired";
}

// Five batches may be on their way at a time. The first is refused, for the replicas are not enough; then they are.
TEST_F(ProducerStateTest, WhatFollowsARefusedBatchOfAnUnknownProducerIsRefusedToo) {
  state_.refused(*wire::BatchHeader::parse(batch({.sequence = 10, .count = 2})));
  state_.refused(*wire::BatchHeader::parse(batch({.sequence = 12})));
  EXPECT_EQ(verdict({.sequence = 13}), out_of_order_sequence);
  EXPECT_EQ(verdict({.producer = pid + 1, .sequence = 13}), accept);
  EXPECT_EQ(verdict({.epoch = 1, .sequence = 13}), accept);
  EXPECT_EQ(verdict({.sequence = 10, .count = 2}), accept);
  append({.sequence = 10, .count = 2});
  EXPECT_EQ(verdict({.sequence = 12}), accept);
}

TEST_F(ProducerStateTest, TheNextSequenceFollowsTheLastRecord) {
  append({.sequence = 0, .count = 3});
  EXPECT_EQ(verdict({.sequence = 3}), accept);
  for (const std::int32_t wrong : {1, 2, 4, 1000, sequence_max})
    EXPECT_EQ(verdict({.sequence = wrong}), out_of_order_sequence) << wrong;
  EXPECT_EQ(verdict({.producer = pid + 1, .sequence = 9}), accept) << "another producer";
}

TEST_F(ProducerStateTest, ARetryIsAnsweredWithTheOriginal) {
  append({.sequence = 0, .count = 2});
  const std::int64_t at = append({.sequence = 2, .count = 3, .timestamp = 5555});
  append({.sequence = 5, .count = 1});
  const auto retry = check({.sequence = 2, .count = 3, .timestamp = 9999});
  ASSERT_EQ(retry.verdict, duplicate);
  EXPECT_EQ(retry.duplicate_of.base_offset(), Offset(at));
  EXPECT_EQ(retry.duplicate_of.last_offset, Offset(at + 2));
  EXPECT_EQ(retry.duplicate_of.timestamp, 5555);
}

TEST_F(ProducerStateTest, OnlyTheSameRangeIsARetry) {
  append({.sequence = 0, .count = 3});
  EXPECT_EQ(verdict({.sequence = 0, .count = 2}), out_of_order_sequence);
  EXPECT_EQ(verdict({.sequence = 0, .count = 4}), out_of_order_sequence);
  EXPECT_EQ(verdict({.sequence = 1, .count = 2}), out_of_order_sequence);
}

TEST_F(ProducerStateTest, TheLastFiveBatchesAreRemembered) {
  std::vector<std::int64_t> at;
  for (std::int32_t i = 0; i < 7; ++i) at.push_back(append({.sequence = 2 * i, .count = 2}));
  for (std::int32_t i = 0; i < 7; ++i) {
    const auto again = check({.sequence = 2 * i, .count = 2});
    if (i < 2) {
      EXPECT_EQ(again.verdict, out_of_order_sequence) << i;
    } else {
      EXPECT_EQ(again.verdict, duplicate) << i;
      EXPECT_EQ(again.duplicate_of.base_offset(), Offset(at[static_cast<std::size_t>(i)]));
    }
  }
  EXPECT_EQ(state_.producers().at(pid).batches.size(), 5u);
}

TEST_F(ProducerStateTest, SequencesWrapBehindTheLargest) {
  append({.sequence = sequence_max - 1, .count = 2});
  EXPECT_EQ(verdict({.sequence = 0}), accept);
  EXPECT_EQ(verdict({.sequence = 1}), out_of_order_sequence);
  append({.sequence = 0, .count = 1});
  EXPECT_EQ(verdict({.sequence = 1}), accept);
  EXPECT_EQ(verdict({.sequence = sequence_max - 1, .count = 2}), duplicate);
}

TEST_F(ProducerStateTest, ABatchMayWrapInItsMiddle) {
  const std::int64_t at = append({.sequence = sequence_max - 1, .count = 4});  // ..., 2^31 - 1, 0, 1
  EXPECT_EQ(state_.producers().at(pid).batches.back().last_sequence, 1);
  EXPECT_EQ(verdict({.sequence = 2}), accept);
  const auto retry = check({.sequence = sequence_max - 1, .count = 4});
  EXPECT_EQ(retry.verdict, duplicate);
  EXPECT_EQ(retry.duplicate_of.base_offset(), Offset(at));
  EXPECT_EQ(verdict({.sequence = sequence_max - 1, .count = 3}), out_of_order_sequence);
}

// ---- Epochs ----

TEST_F(ProducerStateTest, ANewEpochBeginsAtZero) {
  append({.epoch = 3, .sequence = 0, .count = 5});
  EXPECT_EQ(verdict({.epoch = 4, .sequence = 5}), out_of_order_sequence);
  EXPECT_EQ(verdict({.epoch = 4, .sequence = 0, .count = 5}), accept) << "the same range, but no retry";
  append({.epoch = 4, .sequence = 0, .count = 5});
  EXPECT_EQ(verdict({.epoch = 4, .sequence = 5}), accept);
  EXPECT_EQ(state_.producers().at(pid).batches.size(), 1u);
}

TEST_F(ProducerStateTest, AnOlderEpochIsFenced) {
  append({.epoch = 3, .sequence = 0});
  append({.epoch = 4, .sequence = 0});
  EXPECT_EQ(verdict({.epoch = 3, .sequence = 1}), invalid_epoch);
  EXPECT_EQ(verdict({.epoch = 3, .sequence = 0}), invalid_epoch) << "nor is its retry one";
  EXPECT_EQ(verdict({.epoch = 0, .sequence = 0}), invalid_epoch);
}

TEST_F(ProducerStateTest, AnEpochThatAMarkerBeganAlsoStartsAtZero) {
  append({.sequence = 0, .count = 3, .transactional = true});
  end_transaction(wire::ControlType::abort, pid, 1);
  EXPECT_EQ(verdict({.epoch = 0, .sequence = 3, .transactional = true}), invalid_epoch);
  EXPECT_EQ(verdict({.epoch = 1, .sequence = 3, .transactional = true}), out_of_order_sequence);
  EXPECT_EQ(verdict({.epoch = 1, .sequence = 0, .transactional = true}), accept);
}

TEST_F(ProducerStateTest, AMarkerOfTheSameEpochLeavesTheSequence) {
  append({.sequence = 0, .count = 3, .transactional = true});
  end_transaction(wire::ControlType::commit);
  EXPECT_EQ(verdict({.sequence = 3, .transactional = true}), accept);
  EXPECT_EQ(verdict({.sequence = 0, .count = 3, .transactional = true}), duplicate);
}

// ---- Transactions ----

TEST_F(ProducerStateTest, ATransactionIsOpenFromItsFirstBatchToItsMarker) {
  append({.sequence = 0});
  EXPECT_FALSE(state_.first_unstable());
  const std::int64_t first = append({.sequence = 1, .count = 2, .transactional = true});
  append({.sequence = 3, .transactional = true});
  EXPECT_EQ(state_.first_unstable(), Offset(first));
  end_transaction(wire::ControlType::commit);
  EXPECT_FALSE(state_.first_unstable());
  EXPECT_TRUE(state_.take_aborted().empty());
}

TEST_F(ProducerStateTest, AnAbortedTransactionIsReportedOnce) {
  const std::int64_t first = append({.sequence = 0, .count = 4, .transactional = true});
  const std::int64_t at = end_transaction(wire::ControlType::abort);
  const auto aborted = state_.take_aborted();
  ASSERT_EQ(aborted.size(), 1u);
  EXPECT_EQ(aborted[0].producer_id, pid);
  EXPECT_EQ(aborted[0].first_offset, Offset(first));
  EXPECT_EQ(aborted[0].last_offset, Offset(at));
  EXPECT_EQ(aborted[0].last_stable_offset, Offset(at + 1));
  EXPECT_TRUE(state_.take_aborted().empty());
}

TEST_F(ProducerStateTest, TheEarliestOfSeveralTransactionsHoldsBackAll) {
  const std::int64_t a = append({.producer = 1, .transactional = true});
  const std::int64_t b = append({.producer = 2, .transactional = true});
  append({.producer = 3, .transactional = true});
  EXPECT_EQ(state_.first_unstable(), Offset(a));
  end_transaction(wire::ControlType::abort, 3);
  EXPECT_EQ(state_.first_unstable(), Offset(a));
  end_transaction(wire::ControlType::abort, 1);
  EXPECT_EQ(state_.first_unstable(), Offset(b));
  const auto aborted = state_.take_aborted();
  ASSERT_EQ(aborted.size(), 2u);
  EXPECT_EQ(aborted[0].producer_id, 3);
  EXPECT_EQ(aborted[0].last_stable_offset, Offset(a));
  EXPECT_EQ(aborted[1].producer_id, 1);
  EXPECT_EQ(aborted[1].last_stable_offset, Offset(b));
}

TEST_F(ProducerStateTest, AMarkerWithoutATransactionChangesNoTransaction) {
  const std::int64_t other = append({.producer = 1, .transactional = true});
  end_transaction(wire::ControlType::abort);
  EXPECT_TRUE(state_.take_aborted().empty());
  EXPECT_EQ(state_.first_unstable(), Offset(other));
}

TEST_F(ProducerStateTest, ControlBatchesThatAreNoMarkerEndNothing) {
  const std::int64_t first = append({.sequence = 0, .transactional = true});
  end_transaction(wire::ControlType::leader_change);
  end_transaction(static_cast<wire::ControlType>(77));
  EXPECT_EQ(state_.first_unstable(), Offset(first));
  EXPECT_TRUE(state_.take_aborted().empty());
}

TEST_F(ProducerStateTest, PlainBatchesDoNotMixWithATransaction) {
  append({.sequence = 0, .transactional = true});
  EXPECT_EQ(verdict({.sequence = 1, .transactional = true}), accept);
  EXPECT_EQ(verdict({.sequence = 1}), invalid_txn_state);
  // What Kafka finds first.
  EXPECT_EQ(verdict({.sequence = 0}), duplicate);
  EXPECT_EQ(verdict({.sequence = 2}), out_of_order_sequence);
  end_transaction(wire::ControlType::commit);
  EXPECT_EQ(verdict({.sequence = 1}), accept);
}

// ---- Expiry ----

TEST_F(ProducerStateTest, IdleProducersAreForgotten) {
  append({.producer = 1, .timestamp = 1000});
  append({.producer = 2, .timestamp = 1001});
  state_.expire(5999, 5000);
  EXPECT_TRUE(knows(1));
  state_.expire(6000, 5000);
  EXPECT_FALSE(knows(1));
  EXPECT_TRUE(knows(2));
  EXPECT_EQ(verdict({.producer = 1, .sequence = 99}), accept);
}

TEST_F(ProducerStateTest, TheLastBatchCountsNotTheFirst) {
  append({.sequence = 0, .timestamp = 1000});
  append({.sequence = 1, .timestamp = 9000});
  state_.expire(10'000, 5000);
  EXPECT_TRUE(knows(pid));
}

TEST_F(ProducerStateTest, AnOpenTransactionIsNotForgotten) {
  const std::int64_t first = append({.transactional = true});
  state_.expire(1'000'000'000, 5000);
  EXPECT_TRUE(knows(pid));
  EXPECT_EQ(state_.first_unstable(), Offset(first));
  end_transaction(wire::ControlType::commit, pid, 0, 0, 2000);
  state_.expire(7000, 5000);
  EXPECT_FALSE(knows(pid));
}

TEST_F(ProducerStateTest, TimestampsMayBeAnything) {
  constexpr std::int64_t now = 1'800'000'000'000;
  for (const std::int64_t hostile : {INT64_MIN, std::int64_t{-1}, INT64_MAX}) {
    wire::BatchHeader h = *wire::BatchHeader::parse(batch({.producer = hostile == INT64_MAX ? 2 : 1}));
    h.max_timestamp = hostile;
    state_.update(h, {});
    state_.expire(now, 5000);
    EXPECT_FALSE(knows(1)) << hostile;
  }
  EXPECT_TRUE(knows(2)) << "of the far future";
}

TEST_F(ProducerStateTest, AFullTruncationForgetsAll) {
  append({.producer = 1, .transactional = true});
  append({.producer = 2, .transactional = true});
  end_transaction(wire::ControlType::abort, 2);
  state_.truncate_fully();
  EXPECT_TRUE(state_.producers().empty());
  EXPECT_FALSE(state_.first_unstable());
  EXPECT_TRUE(state_.take_aborted().empty());
}

// ---- The snapshot file ----

struct SnapshotEntry {
  std::int64_t producer = 1;
  std::int16_t epoch = 0;
  std::int32_t sequence = 0;
  std::int64_t offset = 0;
  std::int32_t delta = 0;
  std::int64_t timestamp = 0;
  std::int32_t coordinator_epoch = -1;
  std::int64_t transaction = -1;
};

// With a checksum that fits, whatever it says.
std::vector<std::uint8_t> snapshot(std::initializer_list<SnapshotEntry> entries, std::int32_t count_off = 0,
                                   std::int16_t version = 1) {
  wire::Writer checked;
  checked.i32(static_cast<std::int32_t>(entries.size()) + count_off);
  for (const SnapshotEntry& e : entries) {
    checked.i64(e.producer);
    checked.i16(e.epoch);
    checked.i32(e.sequence);
    checked.i64(e.offset);
    checked.i32(e.delta);
    checked.i64(e.timestamp);
    checked.i32(e.coordinator_epoch);
    checked.i64(e.transaction);
  }
  wire::Writer out;
  out.i16(version);
  out.u32(wire::crc32c(checked.written()));
  out.raw(checked.written());
  return out.flatten();
}

// Kafka reads one entry after the other and keeps the last of each producer.
TEST_F(ProducerStateTest, TheSnapshotIsKafkas) {
  EXPECT_EQ(state_.to_snapshot(), snapshot({}));
  append({.producer = 9, .epoch = 2, .sequence = 5, .count = 3, .timestamp = 1234});             // 100..102
  append({.producer = 3, .epoch = 0, .sequence = 0, .transactional = true, .timestamp = 2000});  // 103
  append({.producer = 3, .epoch = 0, .sequence = 1, .transactional = true, .timestamp = 3000});  // 104
  end_transaction(wire::ControlType::commit, 5, 4, 6, 4000);
  EXPECT_EQ(state_.to_snapshot(), snapshot({{3, 0, 0, 103, 0, 3000, -1, -1},
                                            {3, 0, 1, 104, 0, 3000, -1, 103},
                                            {5, 4, -1, -1, 0, 4000, 6, -1},  // markers only
                                            {9, 2, 7, 102, 2, 1234, -1, -1}}));
}

TEST_F(ProducerStateTest, ASnapshotReadsBack) {
  for (std::int32_t i = 0; i < 6; ++i) append({.producer = 1, .sequence = i * 3, .count = 3});
  const std::int64_t open =
      append({.producer = 2, .epoch = 5, .sequence = sequence_max - 1, .count = 4, .transactional = true});
  end_transaction(wire::ControlType::commit, 3, 8, 77);
  const auto file = state_.to_snapshot();
  auto read = ProducerState::from_snapshot(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_snapshot(), file);
  state_ = std::move(*read);
  EXPECT_EQ(state_.first_unstable(), Offset(open));
  EXPECT_EQ(verdict({.producer = 1, .sequence = 18}), accept);
  EXPECT_EQ(verdict({.producer = 1, .sequence = 15, .count = 3}), duplicate);
  for (std::int32_t i = 1; i < 6; ++i)
    EXPECT_EQ(verdict({.producer = 1, .sequence = i * 3, .count = 3}), duplicate)
        << "what is on its way when a broker dies may be sent again to the next one, all five of it: " << i;
  EXPECT_EQ(verdict({.producer = 1, .sequence = 0, .count = 3}), out_of_order_sequence);
  const auto wrapped =
      check({.producer = 2, .epoch = 5, .sequence = sequence_max - 1, .count = 4, .transactional = true});
  EXPECT_EQ(wrapped.verdict, duplicate);
  EXPECT_EQ(wrapped.duplicate_of.base_offset(), Offset(open));
  EXPECT_EQ(verdict({.producer = 3, .epoch = 8, .sequence = 0}), accept);
  EXPECT_EQ(verdict({.producer = 3, .epoch = 7, .sequence = 0}), invalid_epoch);
  EXPECT_EQ(state_.producers().at(3).coordinator_epoch, 77);
  end_transaction(wire::ControlType::abort, 2, 5);
  ASSERT_EQ(state_.take_aborted().size(), 1u) << "a transaction goes on over a restart";
}

TEST_F(ProducerStateTest, ADamagedSnapshotIsRefused) {
  append({.producer = 1, .sequence = 7, .transactional = true});
  append({.producer = 2, .sequence = 8, .count = 2});
  const auto good = state_.to_snapshot();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto file = good;
    file[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    ASSERT_FALSE(ProducerState::from_snapshot(file)) << bit;
  }
  for (std::size_t n = 0; n < good.size(); ++n)
    ASSERT_FALSE(ProducerState::from_snapshot(ByteView(good).first(n))) << n;
}

TEST_F(ProducerStateTest, SnapshotsOfAnotherVersionAreRefused) {
  for (const int version : {0, 2, -1, 256}) {
    const auto read = ProducerState::from_snapshot(snapshot({{}}, 0, static_cast<std::int16_t>(version)));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::unsupported);
  }
}

TEST_F(ProducerStateTest, ASnapshotThatCannotBeIsRefused) {
  const std::vector<std::uint8_t> wrong[] = {
      snapshot({{}}, 1),
      snapshot({{}}, -2),
      snapshot({{}}, INT32_MAX - 1),
      snapshot({{.producer = -1}}),
      snapshot({{.sequence = -2}}),
      snapshot({{.offset = 5, .delta = -1}}),
      snapshot({{.offset = 5, .delta = 7}}),  // a batch that begins below 0
      snapshot({{.offset = INT64_MAX, .delta = INT32_MIN}}),
      snapshot({{.offset = INT64_MIN, .delta = INT32_MAX}}),
      snapshot({{.producer = 1}, {.producer = 1, .sequence = 5}}),  // at one offset
      snapshot({{.producer = 1}, {.producer = 1, .epoch = 1, .sequence = 5, .offset = 5}}),
      snapshot({{.producer = 1, .transaction = 0}, {.producer = 1, .sequence = 5, .offset = 5}}),
      snapshot({{.producer = 1},
                {.producer = 1, .offset = 1},
                {.producer = 1, .offset = 2},
                {.producer = 1, .offset = 3},
                {.producer = 1, .offset = 4},
                {.producer = 1, .offset = 5}}),
      snapshot({{.producer = 1, .transaction = 7}, {.producer = 2, .transaction = 7}}),
  };
  for (const auto& file : wrong) {
    const auto read = ProducerState::from_snapshot(file);
    ASSERT_FALSE(read) << "case " << &file - wrong;
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace holdfast::test
