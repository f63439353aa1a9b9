// One consensus core, whose driver and whose peers are the test. It is server 1, its incarnation is life(1).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coordination/consensus.h"

namespace holdfast::consensus_core {

using Kind = ConsensusMessage::Kind;
using Ready = Consensus::Ready;

inline Incarnation life(int n) { return {static_cast<std::uint8_t>(n)}; }

inline Membership of(std::vector<int> voters, std::vector<int> learners = {}) {
  Membership out;
  for (const int n : voters) {
    out.voters.emplace_back(n);
    out.lives[ServerId(n)] = life(n);
  }
  for (const int n : learners) out.learners.emplace_back(n);
  return out;
}

inline Membership configured(std::vector<int> voters) {
  Membership out = of(std::move(voters));
  out.lives.clear();
  return out;
}

inline Span span(std::int64_t base, std::int64_t end, int term) {
  return {.base = Offset(base), .end = Offset(end), .term = Term(term), .membership = std::nullopt};
}

// Server 1 of an ensemble, whose log holds the given batches on disk, and whose driver is the test.
class Core {
 public:
  explicit Core(Membership membership, std::vector<Span> log = {}, int term = 0, int committed = 0, int seed = 1)
      : random_(seeded_random(static_cast<std::uint64_t>(seed))) {
    ConsensusStart start{.hard_state = {.term = Term(term)},
                         .terms = {},
                         .log_start = Offset(0),
                         .log_end = log.empty() ? Offset(0) : log.back().end,
                         .committed = Offset(committed),
                         .snapshot_membership = std::move(membership),
                         .memberships = {}};
    for (const Span& batch : log) {
      start.terms.assign(batch.term, batch.base);
      if (batch.membership) start.memberships.emplace_back(batch.base, *batch.membership);
    }
    restart(std::move(start));
  }

  void restart(ConsensusStart start) {
    core_.emplace(ConsensusOptions{.self = ServerId(1),
                                   .incarnation = life(1),
                                   .election_ticks = 10,
                                   .heartbeat_ticks = 2,
                                   .appends_in_flight_max = 3,
                                   .bytes_in_flight_max = 1000},
                  std::move(start), *random_);
  }

  Consensus* operator->() { return &*core_; }

  Ready take() {
    Ready ready = core_->take();
    const auto holds = core_->check_invariants();
    EXPECT_TRUE(holds) << (holds ? "" : holds.error().message);
    return ready;
  }
  std::vector<ConsensusMessage> messages(Kind kind) {
    std::vector<ConsensusMessage> out;
    for (ConsensusMessage& message : take().messages)
      if (message.kind == kind) out.push_back(std::move(message));
    return out;
  }
  void ticks(int n) {
    for (; n > 0; --n) core_->tick();
  }

  ConsensusMessage from(int sender, Kind kind, int term = -1) {
    return {.kind = kind,
            .from = ServerId(sender),
            .to = ServerId(1),
            .incarnation = life(sender),
            .answers = life(1),
            .term = term < 0 ? core_->term() : Term(term)};
  }
  void grant(int voter, bool blank = false) {
    const bool pre = core_->role() == Role::pre_candidate;
    ConsensusMessage reply = from(voter, pre ? Kind::pre_vote_reply : Kind::vote_reply);
    if (pre) ++reply.term.value;
    reply.granted = true;
    reply.blank = blank;
    core_->step(reply);
  }
  void stand() {
    for (int n = 0; n < 20 && core_->role() == Role::follower; ++n) core_->tick();
  }
  // Leads, with the votes of the given, and its first entry is in its log and durable.
  void lead(std::vector<int> votes) {
    stand();
    for (const int voter : votes) grant(voter);
    for (const int voter : votes) grant(voter);
    ASSERT_TRUE(core_->leads());
    take();
    append(1);
    sync();
  }
  void append(int entries, std::optional<Membership> membership = {}) {
    const Offset base = core_->log_end();
    core_->appended({.base = base, .end = base + entries, .term = core_->term(), .membership = std::move(membership)});
  }
  void sync() { core_->durable(core_->log_end()); }

  void acknowledge(int peer, std::int64_t match, std::int64_t end = -1) {
    ConsensusMessage reply = from(peer, Kind::append_reply);
    reply.granted = true;
    reply.match = Offset(match);
    reply.hint_end = Offset(end < 0 ? match : end);
    core_->step(reply);
  }
  void refuse(int peer, std::int64_t from_offset, std::int64_t hint_end, int hint_term) {
    ConsensusMessage reply = from(peer, Kind::append_reply);
    reply.from_offset = Offset(from_offset);
    reply.hint_end = Offset(hint_end);
    reply.hint_term = Term(hint_term);
    core_->step(reply);
  }
  void answer_heartbeat(int peer, std::uint64_t round, std::int64_t match = 0) {
    ConsensusMessage reply = from(peer, Kind::heartbeat_reply);
    reply.round = round;
    reply.match = reply.hint_end = Offset(match);
    core_->step(reply);
  }
  Consensus::AppendDecision receive(int leader, int term, std::int64_t from_offset, int previous_term,
                                    std::vector<Span> spans, std::int64_t commit = 0) {
    ConsensusMessage append = from(leader, Kind::append, term);
    append.from_offset = Offset(from_offset);
    append.previous_term = Term(previous_term);
    append.spans = std::move(spans);
    append.commit = Offset(commit);
    return core_->step_append(append);
  }

 private:
  std::unique_ptr<Random> random_;
  std::optional<Consensus> core_;
};

// The latest round that was begun.
inline std::uint64_t round_of(const std::vector<ConsensusMessage>& messages) {
  std::uint64_t round = 0;
  for (const ConsensusMessage& message : messages)
    if (message.kind == Kind::heartbeat) round = std::max(round, message.round);
  return round;
}

}  // namespace holdfast::consensus_core
