// What servers tell each other and what they remember: it comes back as it went, and what is damaged is refused.
#include "coordination/quorum_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordination/quorum_state.h"
#include "runtime/simulated_disk.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

Incarnation life(std::uint8_t n) {
  Incarnation out{};
  out.fill(n);
  return out;
}

Membership membership() {
  Membership m;
  m.voters = {ServerId(1), ServerId(2), ServerId(5)};
  m.learners = {ServerId(7)};
  m.outgoing = {ServerId(1), ServerId(3)};
  m.lives = {{ServerId(1), life(1)}, {ServerId(2), life(2)}, {ServerId(5), life(5)}};
  m.outgoing_lives = {{ServerId(1), life(1)}};
  return m;
}

ConsensusMessage append() {
  ConsensusMessage m;
  m.kind = ConsensusMessage::Kind::append;
  m.from = ServerId(3);
  m.to = ServerId(200);
  m.incarnation = life(3);
  m.answers = life(4);
  m.term = Term(9);
  m.granted = m.blank = true;
  m.log_end = Offset(1);
  m.log_term = Term(2);
  m.from_offset = Offset(1'000'000'000'000);
  m.match = Offset(4);
  m.commit = Offset(5);
  m.previous_term = Term(6);
  m.hint_end = Offset(7);
  m.hint_term = Term(8);
  m.round = 0xfedcba9876543210;
  m.token = 11;
  m.spans = {{Offset(1'000'000'000'000), Offset(1'000'000'000'010), Term(6), std::nullopt},
             {Offset(1'000'000'000'010), Offset(1'000'000'000'011), Term(9), membership()}};
  return m;
}

Bytes bytes_of(const ConsensusMessage& m, std::string_view batches) {
  return Bytes::copy(ByteView(encode(m, BufferChain(Bytes::copy(batches))).flatten()));
}

void expect_equal(const ConsensusMessage& a, const ConsensusMessage& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.to, b.to);
  EXPECT_EQ(a.incarnation, b.incarnation);
  EXPECT_EQ(a.answers, b.answers);
  EXPECT_EQ(a.term, b.term);
  EXPECT_EQ(std::tie(a.granted, a.transfer, a.blank), std::tie(b.granted, b.transfer, b.blank));
  EXPECT_EQ(a.log_end, b.log_end);
  EXPECT_EQ(a.log_term, b.log_term);
  EXPECT_EQ(a.from_offset, b.from_offset);
  EXPECT_EQ(a.match, b.match);
  EXPECT_EQ(a.commit, b.commit);
  EXPECT_EQ(a.previous_term, b.previous_term);
  EXPECT_EQ(a.hint_end, b.hint_end);
  EXPECT_EQ(a.hint_term, b.hint_term);
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.spans, b.spans);
}

TEST(QuorumMessages, WhatIsSaidIsWhatIsHeard) {
  const auto heard = decode_message(bytes_of(append(), "batches"));
  ASSERT_TRUE(heard) << heard.error().message;
  expect_equal(heard->message, append());
  EXPECT_EQ(as_text(heard->batches.view()), "batches");

  ConsensusMessage vote;
  vote.kind = ConsensusMessage::Kind::vote;
  vote.from = ServerId(1);
  vote.to = ServerId(2);
  vote.transfer = true;
  const auto voted = decode_message(bytes_of(vote, ""));
  ASSERT_TRUE(voted) << voted.error().message;
  expect_equal(voted->message, vote);
}

TEST(QuorumMessages, WhatIsCutShortIsRefused) {
  const Bytes whole = bytes_of(append(), "");
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(decode_message(whole.slice(0, n))) << n;
}

TEST(QuorumMessages, DamageIsRefusedOrIsAnotherMessageAndNeverMore) {
  const auto whole = encode(append(), {}).flatten();
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto damaged = whole;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const auto heard = decode_message(Bytes::copy(ByteView(damaged)));
    refused += !heard;
    if (!heard) continue;
    // Whatever it says now, it says it in order.
    Offset next = heard->message.from_offset;
    for (const Span& span : heard->message.spans) {
      EXPECT_LE(next, span.base);
      EXPECT_LT(span.base, span.end);
      next = span.end;
    }
  }
  EXPECT_GT(refused, whole.size());
}

TEST(QuorumMessages, SpansMustFollowEachOther) {
  const auto refused = [](auto change) {
    ConsensusMessage m = append();
    change(m);
    return !decode_message(bytes_of(m, ""));
  };
  EXPECT_FALSE(refused([](ConsensusMessage&) {}));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.spans[1].base = m.spans[0].base; }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.spans[0].end = m.spans[0].base; }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.spans[0].base = Offset(0); }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.spans[0].term = Term(5); }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.spans[1].term = Term(10); }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.kind = ConsensusMessage::Kind::vote; }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.from = ServerId(0); }));
  EXPECT_TRUE(refused([](ConsensusMessage& m) { m.commit = Offset(-1); }));
}

TEST(QuorumMessages, AMembershipEntryReadsBack) {
  const Bytes entry = encode(membership());
  const auto read = decode_membership(entry.view());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, membership());
  for (std::size_t n = 0; n < entry.size(); ++n) EXPECT_FALSE(decode_membership(entry.view().first(n))) << n;
  auto longer = BufferChain(entry).flatten();
  longer.push_back(0);
  EXPECT_FALSE(decode_membership(longer));
  Membership none = membership();
  none.voters.clear();
  EXPECT_FALSE(decode_membership(encode(none).view()));
  Membership unordered = membership();
  std::swap(unordered.voters[0], unordered.voters[1]);
  EXPECT_FALSE(decode_membership(encode(unordered).view()));
}

QuorumState state() { return {life(0xab), {Term(12), ServerId(3), life(0xcd)}, life(0xef)}; }

TEST(QuorumStateFile, ItsTextIsAsDocumented) {
  EXPECT_THAT(to_text(state()), testing::StartsWith("holdfast-quorum-state 1\n"
                                                    "incarnation q6urq6urq6urq6urq6urqw\n"
                                                    "ensemble 7-_v7-_v7-_v7-_v7-_v7w\n"
                                                    "term 12\n"
                                                    "vote 3 zc3Nzc3Nzc3Nzc3Nzc3NzQ\n"
                                                    "crc32c "));
  const auto read = parse_quorum_state(to_text(state()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, state());
}

TEST(QuorumStateFile, AnyDamageIsNoticed) {
  const std::string text = to_text(state());
  for (std::size_t n = 0; n < text.size(); ++n) {
    EXPECT_FALSE(parse_quorum_state(text.substr(0, n))) << n;
    std::string damaged = text;
    damaged[n] = static_cast<char>(damaged[n] ^ 1);
    EXPECT_FALSE(parse_quorum_state(damaged)) << n;
  }
  EXPECT_FALSE(parse_quorum_state(text + "\n"));
}

TEST(QuorumStateFile, OneIsThereWheneverThePowerGoes) {
  const auto next = [](std::int32_t term) {
    QuorumState s = state();
    s.hard.term = Term(term);
    return s;
  };
  for (std::uint64_t n = 0;; ++n) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories("/data"));
    ASSERT_TRUE(write_quorum_state(disk, "/data", next(1)));
    disk.sync_all();
    disk.cut_power_at(n);
    const bool said = write_quorum_state(disk, "/data", next(2)).has_value();
    const bool cut = !disk.powered();
    disk.power_loss_of_all_unsynced();
    const auto found = read_quorum_state(disk, "/data");
    ASSERT_TRUE(found && *found) << n;
    EXPECT_TRUE(**found == next(2) || (**found == next(1) && !said)) << n;
    if (!cut) break;
  }
}

TEST(QuorumStateFile, NoneIsNoErrorAndADamagedOneIs) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.create_directories("/data"));
  const auto none = read_quorum_state(disk, "/data");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  ASSERT_TRUE(write_quorum_state(disk, "/data", state()));
  disk.flip_bit("/data/quorum-state", 40);
  const auto damaged = read_quorum_state(disk, "/data");
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, HasSubstr("/data/quorum-state"));
}

}  // namespace
}  // namespace holdfast::test
