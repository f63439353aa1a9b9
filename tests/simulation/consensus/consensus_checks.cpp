// ConsensusWorld: what must hold after every input.
#include <fmt/format.h>

#include <algorithm>

#include "coordination/membership.h"
#include "tests/simulation/consensus/consensus_world.h"

namespace holdfast::consensus_world {

void World::broken(const std::string& what) {
  if (!broken_) broken_ = fmt::format("tick {}: {}", now_, what);
}

void World::check(Server& server) {
  if (!server.core || broken_) return;
  if (const auto holds = server.core->check_invariants(); !holds) broken(holds.error().message);
  if (server.core->log_end() != server.log.end() || server.core->log_start() != server.log.start)
    broken(fmt::format("{} believes its log to end at {}, it does at {}", server.id.value, server.core->log_end().value,
                       server.log.end().value));
}

void World::check_leader(Server& server) {
  const Consensus& core = *server.core;
  const auto [leader, is_new] = leaders_.try_emplace(core.term(), server.id, server.incarnation);
  if (leader->second != std::pair(server.id, server.incarnation))
    broken(fmt::format("term {} is led by {} and {}", core.term().value, leader->second.first.value, server.id.value));
  if (is_new) {
    ++tally_.leaders;
    if (traced_) trace(fmt::format("{} leads term {}", server.id.value, core.term().value));
    for (const auto& [base, committed] : committed_) {
      if (committed.by >= core.term() || base < server.log.start) continue;
      const Batch* held = server.log.at(base);
      if (held == nullptr || held->payload != committed.batch.payload)
        broken(fmt::format("{} leads term {} without what term {} committed at {}", server.id.value, core.term().value,
                           committed.by.value, base.value));
    }
  }
  // All clocks are the same here, but a tick apart; that of a server that stood still is late.
  const bool stood_still = server.paused_until > 0 && now_ - server.paused_until < std::int64_t{2} * election_ticks;
  if (!stood_still && core.ticks_since_quorum() < election_ticks - 1) {
    for (const auto& [id, other] : servers_)
      if (other.core && other.core->leads() && other.core->term() > core.term())
        broken(fmt::format("{} is sure to lead in term {}, and {} leads in {}", server.id.value, core.term().value,
                           id.value, other.core->term().value));
  }
}

void World::note_created(const Server& server, const Batch& batch, std::pair<Offset, Term> before) {
  const auto key = std::pair(batch.span.base, batch.span.term);
  if (!created_.try_emplace(key, Created{batch.payload, batch.span.end, before}).second)
    broken(fmt::format("{} makes a second batch at {} in term {}", server.id.value, key.first.value, key.second.value));
}

void World::check_received(const Server& server, const Batch& batch, std::pair<Offset, Term> before) {
  const auto made = created_.find({batch.span.base, batch.span.term});
  if (made == created_.end() || made->second.payload != batch.payload || made->second.end != batch.span.end)
    return broken(fmt::format("{} received a batch that was never made", server.id.value));
  if (before.first >= Offset(0) && made->second.before.first >= Offset(0) && made->second.before != before)
    broken(fmt::format("log matching: {} has another past below {}", server.id.value, batch.span.base.value));
}

// First said by a leader; then each member of a majority holds it on disk, unless it lost its disk meanwhile.
void World::note_committed(Server& server, const Batch& batch) {
  const auto known = committed_.find(batch.span.base);
  if (known != committed_.end()) {
    if (known->second.batch.payload != batch.payload)
      broken(fmt::format("{} committed another batch at {}", server.id.value, batch.span.base.value));
    return;
  }
  committed_.emplace(batch.span.base, Committed{batch, server.core->term()});
  committed_end_ = std::max(committed_end_, batch.span.end);
  ++tally_.committed;
  const int durable = agreed(server.core->membership(), 0, [&](ServerId id, const Incarnation& life) {
    const Server& voter = servers_.at(id);
    if (voter.incarnation != life || voter.disk.start > batch.span.base) return 1;
    const Batch* held = voter.disk.at(batch.span.base);
    return held != nullptr && held->payload == batch.payload ? 1 : 0;
  });
  if (durable == 0) broken(fmt::format("committed at {} and not durable at a majority", batch.span.base.value));
}

void World::check_digest(const Server& server) {
  const auto [known, is_new] = digests_.try_emplace(server.applied, server.digest);
  if (known->second != server.digest)
    broken(fmt::format("{} applied something else below {}", server.id.value, server.applied.value));
}

// Would a majority of disks be left, in each membership that may hold or come to hold?
bool World::may_lose(ServerId id) const {
  Offset latest{-1};
  const Membership* committed = &configured_;
  for (const auto& [base, entry] : committed_)
    if (entry.batch.span.membership) {
      latest = base;
      committed = &*entry.batch.span.membership;
    }
  if (latest == Offset(-1)) {
    // Nobody is recorded yet, or not surely. Two disks that are gone may be all that held what was to be the first
    // entry, but for the copy of one who is new itself: it cannot stand, and the first election waits for it.
    std::set<ServerId> lost = wiped_;
    lost.insert(id);
    const auto is_lost = [&](ServerId voter) { return lost.contains(voter); };
    const auto most = std::min<std::ptrdiff_t>(1, (std::ssize(committed->voters) - 1) / 2);
    if (std::ranges::count_if(committed->voters, is_lost) > most) return false;
  } else if (!keeps_quorum(*committed, id)) {
    return false;
  }
  const auto allows = [&](const ModelLog& log) {
    return std::ranges::all_of(log.batches, [&](const Batch& batch) {
      return !batch.span.membership || batch.span.base <= latest || keeps_quorum(*batch.span.membership, id);
    });
  };
  for (const auto& [other, server] : servers_)
    if (!allows(server.disk) || !allows(server.log)) return false;
  for (const auto& [at, wire] : in_flight_)
    for (const Batch& batch : wire.batches)
      if (batch.span.membership && batch.span.base > latest && !keeps_quorum(*batch.span.membership, id)) return false;
  return true;
}

bool World::keeps_quorum(const Membership& membership, std::optional<ServerId> without) const {
  return agreed(membership, 0, [&](ServerId id, const Incarnation& life) {
           return id != without && servers_.at(id).incarnation == life ? 1 : 0;
         }) == 1;
}

std::optional<std::string> World::members_lack(Offset end) const {
  const Membership* latest = &configured_;
  for (const auto& [base, entry] : committed_)
    if (entry.batch.span.membership) latest = &*entry.batch.span.membership;
  for (const ServerId id : members(*latest, ServerId(0)))
    if (servers_.at(id).applied < end)
      return fmt::format("member {} has applied {} of {}", id.value, servers_.at(id).applied.value, end.value);
  if (latest->is_joint()) return "the membership is still joint";
  for (const auto& [id, life] : latest->lives)
    if (servers_.at(id).incarnation != life) return fmt::format("voter {} has not taken its place", id.value);
  return std::nullopt;
}

}  // namespace holdfast::consensus_world
