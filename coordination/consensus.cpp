// Consensus: messages in and out, and the ends of the log.
#include "coordination/consensus.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::follower:
      return "follower";
    case Role::pre_candidate:
      return "pre-candidate";
    case Role::candidate:
      return "candidate";
    case Role::leader:
      return "leader";
  }
  return "unknown";
}

std::string_view to_string(ConsensusMessage::Kind kind) {
  switch (kind) {
    case ConsensusMessage::Kind::pre_vote:
      return "pre-vote";
    case ConsensusMessage::Kind::pre_vote_reply:
      return "pre-vote reply";
    case ConsensusMessage::Kind::vote:
      return "vote";
    case ConsensusMessage::Kind::vote_reply:
      return "vote reply";
    case ConsensusMessage::Kind::append:
      return "append";
    case ConsensusMessage::Kind::append_reply:
      return "append reply";
    case ConsensusMessage::Kind::heartbeat:
      return "heartbeat";
    case ConsensusMessage::Kind::heartbeat_reply:
      return "heartbeat reply";
    case ConsensusMessage::Kind::snapshot:
      return "snapshot";
    case ConsensusMessage::Kind::snapshot_reply:
      return "snapshot reply";
    case ConsensusMessage::Kind::timeout_now:
      return "timeout now";
    case ConsensusMessage::Kind::read_index:
      return "read index";
    case ConsensusMessage::Kind::read_index_reply:
      return "read index reply";
  }
  return "unknown";
}

Consensus::Consensus(ConsensusOptions options, ConsensusStart start, Random& random)
    : options_(std::move(options)),
      random_(random),
      hard_state_(start.hard_state),
      terms_(std::move(start.terms)),
      memberships_(std::move(start.snapshot_membership), std::move(start.memberships)),
      log_start_(start.log_start),
      log_end_(start.log_end),
      durable_end_(start.log_end),
      commit_(start.committed),
      known_committed_(start.committed),
      verified_end_(start.committed),
      // Who restarts may have promised a leader, just before, to elect nobody for an election timeout.
      leader_heard_at_(start.hard_state.term == Term(0) ? -options_.election_ticks : 0),
      next_forwarded_(random.next()) {
  HOLDFAST_CHECK(options_.self != ServerId(0));
  HOLDFAST_CHECK(options_.election_ticks > options_.heartbeat_ticks && options_.heartbeat_ticks > 0);
  HOLDFAST_CHECK(log_start_ <= commit_ && commit_ <= log_end_);
  HOLDFAST_CHECK(log_end_ == Offset(0) || terms_.epoch_at(std::max(log_start_ - 1, Offset(0))));
  // Entries of a term were on disk before the term was: it is known, and whom this server voted for in it does not
  // matter, for nobody was told.
  if (const auto latest = terms_.latest(); latest && *latest > hard_state_.term)
    set_hard_state(*latest, ServerId(0), {});
  reset_election_timer();
  if (may_stand() && voters(membership(), options_.self).empty()) campaign(false);
}

void Consensus::tick() {
  ++now_;
  if (leads()) {
    tick_leader();
  } else {
    tick_follower();
  }
}

void Consensus::step(const ConsensusMessage& message) {
  HOLDFAST_CHECK(message.kind != Kind::append && message.kind != Kind::snapshot);
  if (is_for_me(message) && admit(message)) dispatch(message);
}

ConsensusMessage Consensus::message(Kind kind, ServerId to) const {
  return {.kind = kind, .from = options_.self, .to = to, .incarnation = options_.incarnation, .term = hard_state_.term};
}

ConsensusMessage Consensus::reply(const ConsensusMessage& to, Kind kind) const {
  ConsensusMessage out = message(kind, to.from);
  out.answers = to.incarnation;
  return out;
}

bool Consensus::is_for_me(const ConsensusMessage& message) const {
  if (message.to != options_.self || message.from == options_.self || message.from == ServerId(0)) return false;
  switch (message.kind) {
    case Kind::pre_vote_reply:
    case Kind::vote_reply:
    case Kind::append_reply:
    case Kind::heartbeat_reply:
    case Kind::snapshot_reply:
    case Kind::read_index_reply:
      return message.answers == options_.incarnation;
    default:
      return true;
  }
}

// Terms: what comes from an earlier one is answered with ours, so that its sender learns it; a later one ends ours.
bool Consensus::admit(const ConsensusMessage& message) {
  const bool from_leader =
      message.kind == Kind::append || message.kind == Kind::heartbeat || message.kind == Kind::snapshot;
  if (message.term < hard_state_.term) {
    if (from_leader) send(reply(message, Kind::append_reply));
    if (message.kind == Kind::pre_vote) send(reply(message, Kind::pre_vote_reply));
    if (message.kind == Kind::vote) send(reply(message, Kind::vote_reply));
    return false;
  }
  if (message.term == hard_state_.term || message.kind == Kind::pre_vote) return true;
  if (message.kind == Kind::pre_vote_reply && message.granted) return true;
  // Leader stickiness: whoever hears a leader helps nobody to depose it, unless it asked for that itself.
  if (message.kind == Kind::vote && !message.transfer && is_sticky()) return false;
  become_follower(message.term);
  return true;
}

void Consensus::dispatch(const ConsensusMessage& message) {
  switch (message.kind) {
    case Kind::pre_vote:
      return on_pre_vote(message);
    case Kind::vote:
      return on_vote(message);
    case Kind::pre_vote_reply:
    case Kind::vote_reply:
      return on_vote_reply(message);
    case Kind::heartbeat:
      return on_heartbeat(message);
    case Kind::append_reply:
      return on_append_reply(message);
    case Kind::heartbeat_reply:
      return on_heartbeat_reply(message);
    case Kind::snapshot_reply:
      return on_snapshot_reply(message);
    case Kind::timeout_now:
      return on_timeout_now(message);
    case Kind::read_index:
      return on_read_index(message);
    case Kind::read_index_reply:
      return on_read_index_reply(message);
    case Kind::append:
    case Kind::snapshot:
      return;
  }
}

// ---- The log ----

Term Consensus::term_before(Offset end) const {
  if (end == Offset(0)) return Term(0);
  const auto term = terms_.epoch_at(end - 1);
  HOLDFAST_CHECK(term.has_value());
  return *term;
}

std::optional<Term> Consensus::term_at(Offset offset) const {
  if (offset < log_start_ || offset >= log_end_) return std::nullopt;
  return terms_.epoch_at(offset);
}

Offset Consensus::end_within(Offset end, Term term) const {
  const auto latest = terms_.latest();
  if (!latest || term >= *latest) return std::min(end, log_end_);
  return std::min(end, terms_.end_offset_for(term, log_end_).second);
}

void Consensus::set_hard_state(Term term, ServerId vote, const Incarnation& life) {
  const HardState changed{.term = term, .vote = vote, .vote_life = life};
  if (changed == hard_state_) return;
  HOLDFAST_CHECK(term >= hard_state_.term);
  hard_state_ = changed;
  ready_.hard_state = changed;
}

void Consensus::durable(Offset end) {
  durable_end_ = std::max(durable_end_, std::min(end, log_end_));
  if (leads()) return advance_commit();
  know_committed(known_committed_);
  if (!owes_acknowledgement_ || leader_ == ServerId(0)) return;
  ConsensusMessage out = message(Kind::append_reply, leader_);
  out.answers = hard_state_.vote_life;
  acknowledge(std::move(out));
}

void Consensus::trimmed(Offset log_start) {
  HOLDFAST_CHECK(log_start <= commit_);
  if (log_start <= log_start_) return;
  log_start_ = log_start;
  terms_.truncate_from_start(log_start - 1);
  memberships_.trim(log_start);
}

void Consensus::restored(Offset end, Term last_term, Membership membership) {
  HOLDFAST_CHECK(!leads());
  HOLDFAST_CHECK(wants_snapshot(end, last_term));
  HOLDFAST_CHECK(last_term <= hard_state_.term);
  const Membership before = committed_membership();
  log_start_ = log_end_ = durable_end_ = commit_ = known_committed_ = verified_end_ = end;
  terms_.clear();
  terms_.assign(last_term, end - 1);
  memberships_.restore(std::move(membership));
  ready_.committed.reset();
  owes_acknowledgement_ = false;
  note_membership(before);
  if (leader_ == ServerId(0)) return;
  ConsensusMessage out = message(Kind::snapshot_reply, leader_);
  out.answers = hard_state_.vote_life;
  out.match = out.hint_end = end;
  send(std::move(out));
}

void Consensus::know_committed(Offset end) {
  known_committed_ = std::max(known_committed_, end);
  set_commit(std::min(known_committed_, durable_end_));
}

void Consensus::set_commit(Offset end) {
  if (end <= commit_) return;
  const Membership& before = memberships_.at(commit_);
  commit_ = end;
  known_committed_ = std::max(known_committed_, end);
  ready_.committed = commit_;
  if (&before != &memberships_.at(commit_)) note_membership(before);
}

void Consensus::note_membership(const Membership& before) {
  // Who joins was a member by its configuration file alone.
  if (before.is_recorded() && before.is_member(options_.self) && !committed_membership().is_member(options_.self))
    ready_.removed = true;
}

// ---- Out ----

bool Consensus::Ready::empty() const {
  return !role_changed && !leads && !hard_state && messages.empty() && feeds.empty() && !committed && reads.empty() &&
         snapshots.empty() && !append_membership && !removed;
}

bool Consensus::has_ready() const {
  if (!ready_.empty()) return true;
  if (!leads()) return false;
  const bool read_waits = has_committed_in_term() && !reads_.empty() && reads_.back().round == 0;
  return read_waits || commit_moved_ || std::ranges::any_of(peers_, [&](const auto& p) { return has_work(p.second); });
}

Consensus::Ready Consensus::take() {
  if (leads()) settle();
  return std::exchange(ready_, {});
}

Result<void> Consensus::check_invariants() const {
  const auto broken = [&](std::string_view what) {
    return fail(ErrorKind::internal, fmt::format("server {}, term {}: {}", options_.self.value, term().value, what));
  };
  if (!(log_start_ <= commit_ && commit_ <= durable_end_ && durable_end_ <= log_end_))
    return broken(fmt::format("log from {}, committed {}, durable {}, end {}", log_start_.value, commit_.value,
                              durable_end_.value, log_end_.value));
  if (commit_ > known_committed_ || known_committed_ > log_end_) return broken("more is committed than is there");
  if (verified_end_ > log_end_) return broken("more is verified than is there");
  if (const auto latest = terms_.latest(); latest && *latest > term()) return broken("an entry of a later term");
  if (log_end_ > Offset(0) && !terms_.epoch_at(std::max(log_start_ - 1, Offset(0)))) return broken("a term is missing");
  if (!terms_.entries().empty() && terms_.entries().back().start >= log_end_) return broken("a term without entries");
  if (const auto offset = memberships_.latest_offset(); offset && *offset >= log_end_)
    return broken("a membership beyond the log");
  if (leader_ != ServerId(0) && hard_state_.vote != leader_) return broken("follows whom it did not vote for");
  if (leads() != (leader_ == options_.self)) return broken("leads and does not know it, or the reverse");
  if ((role_ == Role::candidate || leads()) && hard_state_.vote != options_.self)
    return broken("did not vote for itself");
  if (!leads() && !(peers_.empty() && reads_.empty() && !transfer_)) return broken("keeps what a leader keeps");
  if (leads() && term_start_ < log_end_ && term_before(log_end_) != term()) return broken("leads with another's entry");
  for (const auto& [id, peer] : peers_) {
    std::uint64_t bytes = 0;
    for (const Progress::InFlight& append : peer.in_flight) bytes += append.bytes;
    if (!(peer.match <= peer.next && peer.next <= log_end_))
      return broken(fmt::format("peer {} is beyond us", id.value));
    if (bytes != peer.bytes_in_flight) return broken(fmt::format("bytes to peer {} miscounted", id.value));
    if (peer.in_flight.size() > options_.appends_in_flight_max) return broken(fmt::format("peer {} flooded", id.value));
    if (peer.state != Progress::State::replicate && !peer.in_flight.empty()) return broken("a probe runs ahead");
  }
  return {};
}

}  // namespace holdfast
