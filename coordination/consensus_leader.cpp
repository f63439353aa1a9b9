// Consensus: what a leader does with its peers: rounds of heartbeats, replication, commit.
#include <algorithm>
#include <climits>

#include "coordination/consensus.h"

namespace holdfast {

// How far a majority is, by what each peer says of itself in the life that the membership means.
template <class T, class Of>
T Consensus::agreed_among_peers(T none, T own, const Of& of) const {
  return agreed(membership(), none, [&](ServerId id, const Incarnation& life) {
    if (id == options_.self) return life == options_.incarnation ? own : none;
    const auto peer = peers_.find(id);
    return peer == peers_.end() || peer->second.life != life ? none : of(peer->second);
  });
}

void Consensus::tick_leader() {
  // Check-quorum: a leader that a majority does not answer may have been replaced, and must not go on as if not.
  // The first leader of all knows its quorum when it has appended its first entry.
  if (membership().is_recorded() && now_ - std::max(quorum_answered_at(), leads_since_) > options_.election_ticks)
    return become_follower(hard_state_.term);
  for (auto& [id, peer] : peers_) peer.refused = false;
  if (transfer_ && ++transfer_->ticks >= options_.election_ticks) abort_transfer();
  if (transfer_) hand_over();
  if (++heartbeat_elapsed_ >= options_.heartbeat_ticks) start_round();
  replace_voters();
}

void Consensus::refresh_peers() {
  std::vector<ServerId> wanted = members(membership(), options_.self);
  // Who is removed is told of it, until that is committed.
  for (const ServerId id : members(committed_membership(), options_.self)) wanted.push_back(id);
  std::erase_if(peers_, [&](const auto& p) { return std::ranges::find(wanted, p.first) == wanted.end(); });
  for (const ServerId id : wanted) peers_.try_emplace(id, Incarnation{}, log_end_);
}

Progress* Consensus::peer_of(const ConsensusMessage& message) {
  if (!leads()) return nullptr;
  const auto found = peers_.find(message.from);
  if (found == peers_.end()) return nullptr;
  Progress& peer = found->second;
  if (peer.life == Incarnation{}) {
    peer.life = message.incarnation;
    peer.caught_up_at = log_end_;
  } else if (peer.life != message.incarnation) {
    // Another disk: what the former one acknowledged is gone. What the driver has under way for it goes on.
    Progress fresh(message.incarnation, log_end_);
    fresh.feeding = peer.feeding;
    fresh.sending_snapshot = peer.sending_snapshot;
    peer = std::move(fresh);
  }
  peer.heard_at = now_;
  return &peer;
}

// ---- Rounds ----

void Consensus::start_round() {
  heartbeat_elapsed_ = 0;
  commit_moved_ = false;
  ++round_;
  if (round_ticks_.empty() || round_ticks_.back().second != now_) round_ticks_.emplace_back(round_, now_);
  while (round_ticks_.size() > 2 * static_cast<std::size_t>(options_.election_ticks)) round_ticks_.pop_front();
  for (const auto& [id, _] : peers_) {
    ConsensusMessage out = message(Kind::heartbeat, id);
    out.round = round_;
    out.commit = commit_;
    send(std::move(out));
  }
}

// At once, for those who apply; no answer is asked.
void Consensus::tell_commit() {
  commit_moved_ = false;
  for (const auto& [id, peer] : peers_) {
    if (peer.match == Offset(0)) continue;
    ConsensusMessage out = message(Kind::heartbeat, id);
    out.commit = commit_;
    send(std::move(out));
  }
}

std::int64_t Consensus::sent_at(std::uint64_t round) const {
  const auto after = std::ranges::upper_bound(round_ticks_, round, {}, [](const auto& first) { return first.first; });
  return after == round_ticks_.begin() ? Progress::never : std::prev(after)->second;
}

std::int64_t Consensus::quorum_answered_at() const {
  return agreed_among_peers(Progress::never, now_, [](const Progress& peer) { return peer.answered_at; });
}

int Consensus::ticks_since_quorum() const {
  // Who is about to leave may already have been replaced by a sole voter, which asks nobody.
  if (!leads() || transfer_ || !transfers_tried_.empty() || !membership().is_voter(options_.self)) return INT_MAX;
  return static_cast<int>(std::min<std::int64_t>(now_ - quorum_answered_at(), INT_MAX));
}

void Consensus::on_heartbeat_reply(const ConsensusMessage& message) {
  Progress* peer = peer_of(message);
  if (peer == nullptr || message.round > round_ || message.hint_end > log_end_) return;
  if (message.round > peer->round) {
    peer->round = message.round;
    peer->answered_at = std::max(peer->answered_at, sent_at(message.round));
  }
  const auto tried = transfers_tried_.find(message.from);
  if (tried != transfers_tried_.end() && message.round >= tried->second) transfers_tried_.erase(tried);
  // What was sent before this round and has not arrived will not: connections keep their order.
  if (message.round > peer->sent_round) {
    if (peer->state == Progress::State::probe) peer->waiting = false;
    if (peer->state == Progress::State::replicate && message.hint_end < peer->next) peer->probe_from(message.hint_end);
  }
  answer_reads();
  acknowledged(message.from, *peer, message.match, message.hint_end);
}

// ---- Replication ----

bool Consensus::has_work(const Progress& peer) const {
  if (log_end_ == term_start_) return false;  // the first entry of the term is the first probe
  if (!peer.may_send(options_.appends_in_flight_max, options_.bytes_in_flight_max)) return false;
  return peer.state != Progress::State::replicate || peer.next < log_end_;
}

void Consensus::settle() {
  begin_reads();
  for (auto& [id, peer] : peers_)
    if (has_work(peer)) feed(id, peer);
  if (commit_moved_) tell_commit();
}

void Consensus::feed(ServerId id, Progress& peer) {
  if (peer.next < log_start_ || peer.state == Progress::State::snapshot) {
    peer.need_snapshot();
    if (peer.sending_snapshot) return;
    peer.sending_snapshot = true;
    ready_.snapshots.push_back(id);
    return;
  }
  const Feed next{.to = id,
                  .term = hard_state_.term,
                  .from = peer.next,
                  .end = log_end_,
                  .previous_term = term_before(peer.next),
                  .commit = commit_};
  if (next.from < next.end) {
    peer.feeding = true;
    ready_.feeds.push_back(next);
  } else {
    peer.sent(next.end, 0, round_);
    send(message_of(next, {}));
  }
}

ConsensusMessage Consensus::message_of(const Feed& feed, std::vector<Span> spans) const {
  ConsensusMessage out = message(Kind::append, feed.to);
  out.term = feed.term;
  out.from_offset = feed.from;
  out.previous_term = feed.previous_term;
  out.commit = feed.commit;
  out.spans = std::move(spans);
  return out;
}

void Consensus::fed(const Feed& feed, Offset end, std::uint64_t bytes) {
  const auto found = peers_.find(feed.to);
  if (feed.term != hard_state_.term || found == peers_.end()) return;
  Progress& peer = found->second;
  peer.feeding = false;
  if (end <= feed.from) {
    peer.refused = true;
  } else if (peer.next == feed.from) {  // not put back meanwhile
    peer.sent(std::min(end, log_end_), bytes, round_);
  }
}

// Leadership and the peer itself may be gone after it.
void Consensus::acknowledged(ServerId id, Progress& peer, Offset durable_end, Offset end) {
  if (!peer.acknowledge(durable_end, end)) return;
  advance_commit();
  if (leads() && transfer_ && transfer_->to == id) hand_over();
}

void Consensus::on_append_reply(const ConsensusMessage& message) {
  Progress* peer = peer_of(message);
  if (peer == nullptr || message.match > log_end_ || message.hint_end > log_end_) return;
  if (message.granted) return acknowledged(message.from, *peer, message.match, message.hint_end);
  if (peer->state == Progress::State::snapshot || message.from_offset <= peer->match) return;
  if (peer->state == Progress::State::probe && message.from_offset != peer->next) return;
  // The terms say where the logs may agree at most. Where ours at that end is lower than the peer's there is no
  // agreement before the term's start, nor below what the peer knows to be committed; both are where a batch ends.
  Offset agrees = end_within(message.hint_end, message.hint_term);
  if (agrees >= log_start_ && agrees == message.hint_end && term_before(agrees) != message.hint_term)
    agrees = end_within(agrees, term_before(agrees) - 1);
  peer->probe_from(std::max(agrees, message.match));
}

void Consensus::on_snapshot_reply(const ConsensusMessage& message) {
  Progress* peer = peer_of(message);
  if (peer == nullptr || message.match > log_end_ || message.hint_end > log_end_) return;
  acknowledged(message.from, *peer, message.match, message.hint_end);
}

ConsensusMessage Consensus::snapshot_offer(ServerId to, Offset end, Term last_term) const {
  ConsensusMessage out = message(Kind::snapshot, to);
  out.match = end;
  out.log_term = last_term;
  return out;
}

void Consensus::snapshot_sent(ServerId to, std::optional<Offset> installed_end) {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  Progress& peer = found->second;
  peer.sending_snapshot = false;
  if (peer.state != Progress::State::snapshot) return;
  peer.refused = true;  // whatever comes next, not before the next tick
  if (installed_end) peer.probe_from(std::min(*installed_end, log_end_));
}

void Consensus::unreachable(ServerId id) {
  const auto found = peers_.find(id);
  if (found != peers_.end() && found->second.state == Progress::State::replicate)
    found->second.probe_from(found->second.match);
}

// ---- The log of a leader ----

void Consensus::appended(const Span& span) {
  HOLDFAST_CHECK(leads() && span.term == hard_state_.term);
  HOLDFAST_CHECK(span.base == log_end_ && span.end > span.base);
  terms_.assign(span.term, span.base);
  log_end_ = span.end;
  if (!span.membership) return;
  memberships_.append(span.base, *span.membership);
  change_pending_ = false;
  if (transfer_ && !membership().is_voter(transfer_->to)) abort_transfer();
  refresh_peers();
  advance_commit();
}

// Only an entry of this term is committed by counting; those before it are with it (Raft, figure 8). What is not
// durable here does not count here, either.
void Consensus::advance_commit() {
  Offset end = agreed_among_peers(Offset(0), durable_end_, [](const Progress& peer) { return peer.match; });
  end = std::min(end, durable_end_);
  if (end <= commit_ || term_before(end) != hard_state_.term) return;
  set_commit(end);
  commit_moved_ = true;
  settle_membership();
}

std::map<ServerId, Consensus::PeerState> Consensus::peers() const {
  std::map<ServerId, PeerState> out;
  for (const auto& [id, peer] : peers_)
    out[id] = {.match = peer.match,
               .next = peer.next,
               .learner = !membership().is_voter(id, peer.life),
               .recent = is_recent(peer),
               .needs_snapshot = peer.state == Progress::State::snapshot};
  return out;
}

}  // namespace holdfast
