#include "coordination/election.h"

#include <algorithm>

#include "coordination/membership.h"

namespace holdfast {

Election::Outcome Election::outcome(const Membership& membership) const {
  if (!membership.is_recorded()) {
    const bool sole = membership.voters.size() == 1 && !membership.is_joint();
    const bool all = std::ranges::all_of(membership.voters, [&](ServerId id) {
      const auto vote = votes_.find(id);
      return vote != votes_.end() && vote->second.granted && (vote->second.blank || sole);
    });
    if (all) return Outcome::won;
    const bool refused =
        std::ranges::any_of(votes_, [&](const auto& v) { return !v.second.granted || !v.second.blank; });
    return refused ? Outcome::lost : Outcome::open;
  }
  const auto majority = [&](const auto& counts) {
    return agreed(membership, 0, [&](ServerId id, const Incarnation& life) {
             const auto vote = votes_.find(id);
             return counts(vote != votes_.end() && vote->second.life == life ? &vote->second : nullptr) ? 1 : 0;
           }) == 1;
  };
  if (majority([](const Vote* vote) { return vote != nullptr && vote->granted; })) return Outcome::won;
  const bool possible = majority([](const Vote* vote) { return vote == nullptr || vote->granted; });
  return possible ? Outcome::open : Outcome::lost;
}

Lives Election::lives() const {
  Lives out;
  for (const auto& [id, vote] : votes_) out.emplace(id, vote.life);
  return out;
}

}  // namespace holdfast
