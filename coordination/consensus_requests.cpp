// Consensus: what is asked of a leader: changes of the membership, transfer of leadership, reads.
#include <algorithm>

#include "coordination/consensus.h"

namespace holdfast {
namespace {

constexpr std::size_t reads_max = std::size_t{1} << 16;  // waiting at one server

}  // namespace

// ---- Membership ----

bool Consensus::may_change() const {
  if (!leads() || !has_committed_in_term() || change_pending_ || transfer_ || membership().is_joint()) return false;
  const auto offset = memberships_.latest_offset();
  return !offset || *offset < commit_;
}

std::optional<Membership> Consensus::change(Membership target) {
  if (!may_change() || target.voters.empty()) return std::nullopt;
  std::ranges::sort(target.voters);
  std::ranges::sort(target.learners);
  const Lives& known = membership().lives;
  target.lives.clear();
  for (const ServerId id : target.voters) {
    if (const auto life = known.find(id); life != known.end()) {
      target.lives.emplace(*life);
    } else if (const auto peer = peers_.find(id); peer != peers_.end() && is_recent(peer->second)) {
      target.lives.emplace(id, peer->second.life);
    } else {
      return std::nullopt;  // it may not be there to be counted
    }
  }
  change_pending_ = true;
  return change_to(membership(), std::move(target));
}

// A voter came back with another disk, and has caught up: it takes its own former place.
void Consensus::replace_voters() {
  if (!may_change()) return;
  Membership target = membership();
  for (auto& [id, life] : target.lives) {
    const auto peer = peers_.find(id);
    if (peer == peers_.end() || peer->second.life == Incarnation{} || peer->second.life == life) continue;
    if (peer->second.match >= std::max(peer->second.caught_up_at, log_start_)) life = peer->second.life;
  }
  if (target == membership()) return;
  change_pending_ = true;
  ready_.append_membership = change_to(membership(), std::move(target));
}

// The commit moved: a joint membership that is committed is ended; who is no voter any more leads no more.
void Consensus::settle_membership() {
  const auto offset = memberships_.latest_offset();
  if (offset && *offset >= commit_) return;
  if (membership().is_joint()) {
    if (change_pending_) return;
    change_pending_ = true;
    ready_.append_membership = finish(membership());
    return;
  }
  if (!membership().is_voter(options_.self)) return leave();
  if (std::ranges::any_of(peers_, [&](const auto& peer) { return !membership().is_member(peer.first); })) {
    tell_commit();  // also to those who go
    refresh_peers();
  }
}

// Not without a successor, so that nobody has to wait for an election timeout.
void Consensus::leave() {
  tell_commit();
  const auto holds_all = [&](const auto& peer) {
    return membership().is_voter(peer.first, peer.second.life) && peer.second.match == log_end_;
  };
  if (const auto successor = std::ranges::find_if(peers_, holds_all); successor != peers_.end()) {
    ConsensusMessage out = message(Kind::timeout_now, successor->first);
    out.round = round_;
    send(std::move(out));
  }
  become_follower(hard_state_.term);
}

// ---- Transfer ----

bool Consensus::transfer(ServerId to) {
  const auto peer = peers_.find(to);
  if (!leads() || transfer_ || change_pending_ || peer == peers_.end()) return false;
  if (!membership().is_voter(to, peer->second.life)) return false;
  transfer_ = Transfer{to};
  hand_over();
  return true;
}

// Once it holds all that is here. Said again each tick: the word may be lost.
void Consensus::hand_over() {
  const auto peer = peers_.find(transfer_->to);
  if (peer == peers_.end() || peer->second.match != log_end_) return;
  ConsensusMessage out = message(Kind::timeout_now, transfer_->to);
  out.round = round_;
  send(std::move(out));
}

// It may still act on what it was told, until it has answered a later round.
void Consensus::abort_transfer() {
  const ServerId to = transfer_->to;
  transfer_.reset();
  start_round();
  transfers_tried_[to] = round_;
}

// ---- Reads ----

void Consensus::read_index(std::uint64_t token) {
  if (leads()) {
    if (reads_.size() >= reads_max) return ready_.reads.push_back({token, std::nullopt});
    reads_.push_back({.from = options_.self, .life = options_.incarnation, .token = token});
    return;
  }
  if (leader_ == ServerId(0) || forwarded_.size() >= reads_max) return ready_.reads.push_back({token, std::nullopt});
  const std::uint64_t own = next_forwarded_++;
  forwarded_.emplace(own, Forwarded{token, now_});
  ConsensusMessage out = message(Kind::read_index, leader_);
  out.token = own;
  send(std::move(out));
}

void Consensus::on_read_index(const ConsensusMessage& message) {
  const Read read{.from = message.from, .life = message.incarnation, .token = message.token};
  if (!leads() || reads_.size() >= reads_max) return answer(read, false);
  reads_.push_back(read);
}

// Before the first commit of its term a leader does not know what was committed.
void Consensus::begin_reads() {
  if (reads_.empty() || reads_.back().round != 0 || !has_committed_in_term()) return;
  start_round();
  for (auto read = reads_.rbegin(); read != reads_.rend() && read->round == 0; ++read) {
    read->round = round_;
    read->commit = commit_;
  }
  answer_reads();
}

void Consensus::answer_reads() {
  if (reads_.empty() || reads_.front().round == 0) return;
  const std::uint64_t confirmed =
      agreed(membership(), std::uint64_t{0}, [&](ServerId id, const Incarnation& life) -> std::uint64_t {
        if (id == options_.self) return life == options_.incarnation ? round_ : 0;
        const auto peer = peers_.find(id);
        return peer == peers_.end() || peer->second.life != life ? 0 : peer->second.round;
      });
  for (; !reads_.empty() && reads_.front().round != 0 && reads_.front().round <= confirmed; reads_.pop_front())
    answer(reads_.front(), true);
}

void Consensus::answer(const Read& read, bool granted) {
  if (read.from == options_.self) {
    ready_.reads.push_back({read.token, granted ? std::optional(read.commit) : std::nullopt});
    return;
  }
  ConsensusMessage out = message(Kind::read_index_reply, read.from);
  out.answers = read.life;
  out.token = read.token;
  out.granted = granted;
  out.commit = read.commit;
  send(std::move(out));
}

}  // namespace holdfast
