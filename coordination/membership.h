// Membership: who decides, in arithmetic, and which membership holds at which end of the log. Pure.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "coordination/consensus_types.h"

namespace holdfast {

// The largest value that a majority of voters has reached: in a joint membership, that both majorities have.
// `reached(id, life)` says how far a voter is; `none` is what those have reached whose incarnation is not known.
template <class T, class Reached>
T agreed(const Membership& membership, T none, const Reached& reached) {
  const auto majority = [&](const std::vector<ServerId>& ids, const Lives& lives) {
    std::vector<T> values;
    values.reserve(ids.size());
    for (const ServerId id : ids) {
      const auto life = lives.find(id);
      values.push_back(life == lives.end() ? none : static_cast<T>(reached(id, life->second)));
    }
    if (values.empty()) return none;
    const auto least = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);  // of the best majority
    std::ranges::nth_element(values, least, std::greater<>());
    return *least;
  };
  const T decided = majority(membership.voters, membership.lives);
  return membership.is_joint() ? std::min(decided, majority(membership.outgoing, membership.outgoing_lives)) : decided;
}

// Voters of either majority, then learners; each once, without `self`.
std::vector<ServerId> members(const Membership& membership, ServerId self);
std::vector<ServerId> voters(const Membership& membership, ServerId self);

// From `current` to `target`, whose voters are known by `target.lives`: joint if the voters change. What ends a joint
// membership.
Membership change_to(const Membership& current, Membership target);
Membership finish(Membership joint);

// The memberships in the log, by the offset of their entries.
class Memberships {
 public:
  Memberships(Membership base, std::vector<std::pair<Offset, Membership>> entries);

  const Membership& latest() const { return entries_.empty() ? base_ : entries_.back().second; }
  // The offset of its entry; nothing if that is in a snapshot or a configuration.
  std::optional<Offset> latest_offset() const;
  const Membership& at(Offset end) const;  // the latest whose entry is below `end`
  // In the one that holds at `end`, or in a later one.
  bool had_voter(Offset end, ServerId id, const Incarnation& life) const;
  void append(Offset offset, Membership membership);
  void truncate(Offset end);  // the entries at or after it are gone
  void trim(Offset start);    // those below it are in a snapshot
  void restore(Membership base);

 private:
  Membership base_;
  std::vector<std::pair<Offset, Membership>> entries_;  // offsets rise
};

}  // namespace holdfast
