// Consensus: who leads. Pre-vote, votes, stickiness, what it means to follow.
#include <algorithm>

#include "coordination/consensus.h"

namespace holdfast {

// A voter with the disk that the membership means. Also one that the latest membership leaves out, until that is
// committed: it may be the only one who can (Ongaro, 4.2.2). The first election takes all voters, so that one of them
// is enough to stand for it.
bool Consensus::may_stand() const {
  const Membership& m = membership();
  if (m.is_recorded()) return memberships_.had_voter(commit_, options_.self, options_.incarnation);
  if (m.voters.empty() || m.voters.front() != options_.self) return false;
  return is_blank() || voters(m, options_.self).empty();
}

bool Consensus::is_blank() const { return log_end_ == Offset(0); }

bool Consensus::is_sticky() const { return leads() || now_ - leader_heard_at_ < options_.election_ticks; }

bool Consensus::is_up_to_date(const ConsensusMessage& candidate) const {
  const Term last = term_before(log_end_);
  return candidate.log_term > last || (candidate.log_term == last && candidate.log_end >= log_end_);
}

void Consensus::reset_election_timer() {
  election_elapsed_ = 0;
  const auto ticks = static_cast<std::uint64_t>(options_.election_ticks);
  election_timeout_ = options_.election_ticks + static_cast<int>(random_.below(ticks));
}

void Consensus::tick_follower() {
  std::erase_if(forwarded_, [&](const auto& forwarded) {
    const bool late = now_ - forwarded.second.since >= options_.election_ticks;
    if (late) ready_.reads.push_back({forwarded.second.token, std::nullopt});
    return late;
  });
  if (leader_ == ServerId(0) && may_stand() && voters(membership(), options_.self).empty()) return campaign(false);
  if (++election_elapsed_ < election_timeout_) return;
  if (may_stand()) return pre_campaign();
  lose_leader();
  reset_election_timer();
}

void Consensus::lose_leader() {
  if (leader_ != ServerId(0)) ready_.role_changed = true;
  leader_ = ServerId(0);
  owes_acknowledgement_ = false;
  fail_forwarded();
}

void Consensus::become_follower(Term term) {
  if (leads()) {
    for (const Read& read : std::exchange(reads_, {})) answer(read, false);
    peers_.clear();
    transfer_.reset();
    transfers_tried_.clear();
    change_pending_ = commit_moved_ = false;
    // What was asked of the leader is not done any more.
    ready_.leads = false;
    ready_.feeds.clear();
    ready_.snapshots.clear();
    ready_.append_membership.reset();
    leader_heard_at_ = now_ - options_.election_ticks;
  }
  if (role_ != Role::follower) ready_.role_changed = true;
  role_ = Role::follower;
  lose_leader();
  if (term != hard_state_.term) {
    set_hard_state(term, ServerId(0), {});
    verified_end_ = known_committed_;
    leader_round_ = 0;
  }
  reset_election_timer();
}

// The leader of this very term was heard. False: it was not the leader, but what it was before it lost its disk.
bool Consensus::follow(const ConsensusMessage& from_leader) {
  HOLDFAST_CHECK(!leads());  // two leaders in one term
  HOLDFAST_CHECK(leader_ == ServerId(0) || leader_ == from_leader.from);
  if (hard_state_.vote == from_leader.from && hard_state_.vote_life != from_leader.incarnation) return false;
  if (role_ != Role::follower) become_follower(hard_state_.term);
  if (leader_ == ServerId(0)) {
    leader_ = from_leader.from;
    ready_.role_changed = true;
    set_hard_state(hard_state_.term, leader_, from_leader.incarnation);
  }
  leader_heard_at_ = now_;
  election_elapsed_ = 0;
  return true;
}

void Consensus::pre_campaign() {
  lose_leader();
  if (role_ != Role::pre_candidate) ready_.role_changed = true;
  role_ = Role::pre_candidate;
  reset_election_timer();
  ask_for_votes(Kind::pre_vote, false);
}

void Consensus::campaign(bool transfer) {
  lose_leader();
  role_ = Role::candidate;
  ready_.role_changed = true;
  set_hard_state(hard_state_.term + 1, options_.self, options_.incarnation);
  verified_end_ = known_committed_;
  leader_round_ = 0;
  reset_election_timer();
  ask_for_votes(Kind::vote, transfer);
}

// Its own vote counts at once: before the hard state is durable no answer can come, and who needs no answer does
// nothing as a leader before (rule 1).
void Consensus::ask_for_votes(Kind kind, bool transfer) {
  election_ = {};
  election_.add(options_.self, {.life = options_.incarnation, .granted = true, .blank = is_blank()});
  for (const ServerId to : voters(membership(), options_.self)) {
    ConsensusMessage out = message(kind, to);
    if (kind == Kind::pre_vote) ++out.term.value;
    out.transfer = transfer;
    out.log_end = log_end_;
    out.log_term = term_before(log_end_);
    send(std::move(out));
  }
  count_votes();
}

void Consensus::count_votes() {
  switch (election_.outcome(membership())) {
    case Election::Outcome::open:
      return;
    case Election::Outcome::lost:
      return become_follower(hard_state_.term);
    case Election::Outcome::won:
      return role_ == Role::pre_candidate ? campaign(false) : become_leader();
  }
}

void Consensus::become_leader() {
  role_ = Role::leader;
  leader_ = options_.self;
  ready_.role_changed = ready_.leads = true;
  term_start_ = log_end_;
  leads_since_ = now_;
  round_ticks_.clear();
  refresh_peers();
  if (!membership().is_recorded()) {
    Membership recorded = membership();
    recorded.lives = election_.lives();
    ready_.append_membership = std::move(recorded);
    change_pending_ = true;
  }
  start_round();
}

void Consensus::on_pre_vote(const ConsensusMessage& message) {
  if (is_sticky()) return;
  ConsensusMessage out = reply(message, Kind::pre_vote_reply);
  out.granted = message.term > hard_state_.term && is_up_to_date(message);
  if (out.granted) out.term = message.term;
  out.blank = is_blank();
  send(std::move(out));
}

void Consensus::on_vote(const ConsensusMessage& message) {
  ConsensusMessage out = reply(message, Kind::vote_reply);
  const bool again = hard_state_.vote == message.from && hard_state_.vote_life == message.incarnation;
  const bool free = hard_state_.vote == ServerId(0) || again;
  out.granted = free && leader_ == ServerId(0) && is_up_to_date(message);
  out.blank = is_blank();
  if (out.granted) {
    set_hard_state(hard_state_.term, message.from, message.incarnation);
    reset_election_timer();
  }
  send(std::move(out));
}

void Consensus::on_vote_reply(const ConsensusMessage& message) {
  const bool of_vote = message.kind == Kind::vote_reply;
  if (role_ != (of_vote ? Role::candidate : Role::pre_candidate)) return;
  const Term asked = of_vote ? hard_state_.term : hard_state_.term + 1;
  if (message.granted && message.term != asked) return;
  election_.add(message.from, {.life = message.incarnation, .granted = message.granted, .blank = message.blank});
  count_votes();
}

void Consensus::on_timeout_now(const ConsensusMessage& message) {
  const bool current = leader_ == message.from && message.round >= leader_round_;
  if (role_ == Role::follower && current && may_stand()) campaign(true);
}

}  // namespace holdfast
