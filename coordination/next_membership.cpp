#include "coordination/next_membership.h"

#include <algorithm>

namespace holdfast {
namespace {

bool contains(const std::vector<ServerId>& ids, ServerId id) { return std::ranges::find(ids, id) != ids.end(); }

}  // namespace

std::optional<Membership> next_membership(const EnsembleConfig& config, const std::set<ServerId>& guests,
                                          const Membership& current, ServerId self, Offset commit,
                                          const std::map<ServerId, Consensus::PeerState>& peers) {
  if (current.is_joint() || config.servers.empty()) return std::nullopt;
  const Membership wanted = config.membership();
  const auto is_ready = [&](ServerId id) {
    if (id == self) return true;
    const auto peer = peers.find(id);
    return peer != peers.end() && peer->second.recent && peer->second.match >= commit;
  };

  Membership next = current;
  // Who is to vote and already does, or can.
  next.voters.clear();
  for (const ServerId id : wanted.voters)
    if (contains(current.voters, id) || (contains(current.learners, id) && is_ready(id))) next.voters.push_back(id);
  // Nobody goes before those who come are the majority of those who are to be.
  if (next.voters.size() * 2 <= wanted.voters.size()) {
    for (const ServerId id : current.voters)
      if (!contains(next.voters, id)) next.voters.push_back(id);
  }
  std::set<ServerId> learners(guests.begin(), guests.end());
  for (const auto& [id, server] : config.servers) learners.insert(id);
  for (const ServerId id : next.voters) learners.erase(id);
  next.learners.assign(learners.begin(), learners.end());
  std::ranges::sort(next.voters);
  next.lives.clear();
  for (const ServerId id : next.voters)
    if (const auto life = current.lives.find(id); life != current.lives.end()) next.lives.insert(*life);
  if (next.voters == current.voters && next.learners == current.learners) return std::nullopt;
  return next;
}

bool is_settled(const EnsembleConfig& config, const Membership& membership) {
  const Membership wanted = config.membership();
  return !membership.is_joint() &&
         std::ranges::all_of(membership.voters, [&](ServerId id) { return contains(wanted.voters, id); });
}

}  // namespace holdfast
