// Consensus: what a leader tells, and what is answered: appends, heartbeats, snapshots.
#include <algorithm>

#include "coordination/consensus.h"

namespace holdfast {
namespace {

// Spans as a leader sends them: contiguous, of rising terms up to its own, a membership alone in its batch.
bool are_well_formed(const ConsensusMessage& append) {
  if (append.from_offset < Offset(0) || append.previous_term > append.term) return false;
  Offset end = append.from_offset;
  Term term = append.previous_term;
  for (const Span& span : append.spans) {
    if (span.base != end || span.end <= span.base || span.term < term || span.term < Term(1)) return false;
    if (span.membership && (span.end - span.base != 1 || span.membership->voters.empty())) return false;
    end = span.end;
    term = span.term;
  }
  return term <= append.term;
}

}  // namespace

Consensus::AppendDecision Consensus::step_append(const ConsensusMessage& message) {
  HOLDFAST_CHECK(message.kind == Kind::append);
  if (!is_for_me(message) || !are_well_formed(message) || !admit(message) || !follow(message)) return {};
  // What is committed here is in every leader's log, so also where its terms are known no more.
  const bool fits = message.from_offset < log_start_ ||
                    (is_known(message.from_offset) && term_before(message.from_offset) == message.previous_term);
  if (!fits) {
    refuse(message);
    return {};
  }
  const AppendDecision decision = take_spans(message);
  const Offset end = message.spans.empty() ? message.from_offset : message.spans.back().end;
  verified_end_ = std::max(verified_end_, end);
  know_committed(std::min(message.commit, end));
  if (durable_end_ >= verified_end_) {
    acknowledge(reply(message, Kind::append_reply));
  } else {
    owes_acknowledgement_ = true;
  }
  return decision;
}

// The first batch that is not here, by its term, and all after it are appended; what stands there is cut.
Consensus::AppendDecision Consensus::take_spans(const ConsensusMessage& append) {
  AppendDecision decision;
  for (const Span& span : append.spans) {
    if (!decision.append_from) {
      if (span.base < log_start_ || term_at(span.base) == span.term) continue;
      decision.append_from = span.base;
      if (span.base < log_end_) {
        HOLDFAST_CHECK(span.base >= known_committed_);  // a committed entry contradicts the leader
        HOLDFAST_CHECK(span.base >= verified_end_);     // the leader contradicts itself
        decision.truncate_to = span.base;
        terms_.truncate_from_end(span.base);
        memberships_.truncate(span.base);
        durable_end_ = std::min(durable_end_, span.base);
      }
    }
    terms_.assign(span.term, span.base);
    if (span.membership) memberships_.append(span.base, *span.membership);
    log_end_ = span.end;
  }
  return decision;
}

void Consensus::refuse(const ConsensusMessage& append) {
  HOLDFAST_CHECK(append.from_offset > known_committed_);  // a committed entry contradicts the leader
  ConsensusMessage out = reply(append, Kind::append_reply);
  out.from_offset = append.from_offset;
  out.hint_end = std::max(end_within(std::min(append.from_offset, log_end_), append.previous_term), known_committed_);
  out.hint_term = term_before(out.hint_end);
  out.match = commit_;
  send(std::move(out));
}

void Consensus::acknowledge(ConsensusMessage out) {
  out.granted = true;
  out.match = std::min(durable_end_, verified_end_);
  out.hint_end = verified_end_;
  owes_acknowledgement_ = durable_end_ < verified_end_;
  send(std::move(out));
}

void Consensus::on_heartbeat(const ConsensusMessage& message) {
  if (!follow(message)) return;
  know_committed(std::min(message.commit, verified_end_));
  if (message.round == 0) return;  // it only tells the commit
  leader_round_ = std::max(leader_round_, message.round);
  ConsensusMessage out = reply(message, Kind::heartbeat_reply);
  out.round = message.round;
  out.match = std::min(durable_end_, verified_end_);
  out.hint_end = verified_end_;
  send(std::move(out));
}

bool Consensus::wants_snapshot(Offset end, Term last_term) const {
  return end > known_committed_ && !(is_known(end) && term_before(end) == last_term);
}

bool Consensus::step_snapshot(const ConsensusMessage& offer) {
  HOLDFAST_CHECK(offer.kind == Kind::snapshot);
  if (!is_for_me(offer) || offer.log_term > offer.term || offer.log_term < Term(1) || !admit(offer) || !follow(offer))
    return false;
  if (wants_snapshot(offer.match, offer.log_term)) return true;
  // The log holds what the snapshot ends with, so all below it is committed.
  verified_end_ = std::max(verified_end_, offer.match);
  know_committed(offer.match);
  ConsensusMessage out = reply(offer, Kind::snapshot_reply);
  out.match = std::min(durable_end_, verified_end_);
  out.hint_end = verified_end_;
  send(std::move(out));
  return false;
}

// ---- Reads at a follower ----

void Consensus::fail_forwarded() {
  for (const auto& [own, read] : std::exchange(forwarded_, {})) ready_.reads.push_back({read.token, std::nullopt});
}

void Consensus::on_read_index_reply(const ConsensusMessage& message) {
  const auto read = forwarded_.find(message.token);
  if (read == forwarded_.end()) return;
  ready_.reads.push_back({read->second.token, message.granted ? std::optional(message.commit) : std::nullopt});
  forwarded_.erase(read);
}

}  // namespace holdfast
