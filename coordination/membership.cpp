#include "coordination/membership.h"

#include "runtime/result.h"

namespace holdfast {
namespace {

bool holds(const std::vector<ServerId>& ids, ServerId id) { return std::ranges::find(ids, id) != ids.end(); }

bool holds(const std::vector<ServerId>& ids, const Lives& lives, ServerId id, const Incarnation& life) {
  const auto known = lives.find(id);
  return holds(ids, id) && known != lives.end() && known->second == life;
}

void add(std::vector<ServerId>& out, const std::vector<ServerId>& ids, ServerId self) {
  for (const ServerId id : ids)
    if (id != self && !holds(out, id)) out.push_back(id);
}

}  // namespace

bool Membership::is_voter(ServerId id) const { return holds(voters, id) || holds(outgoing, id); }

bool Membership::is_voter(ServerId id, const Incarnation& life) const {
  return holds(voters, lives, id, life) || holds(outgoing, outgoing_lives, id, life);
}

bool Membership::is_member(ServerId id) const { return is_voter(id) || holds(learners, id); }

std::vector<ServerId> voters(const Membership& membership, ServerId self) {
  std::vector<ServerId> out;
  add(out, membership.voters, self);
  add(out, membership.outgoing, self);
  return out;
}

std::vector<ServerId> members(const Membership& membership, ServerId self) {
  std::vector<ServerId> out = voters(membership, self);
  add(out, membership.learners, self);
  return out;
}

Membership change_to(const Membership& current, Membership target) {
  target.outgoing.clear();
  target.outgoing_lives.clear();
  if (target.voters == current.voters && target.lives == current.lives) return target;
  target.outgoing = current.voters;
  target.outgoing_lives = current.lives;
  return target;
}

Membership finish(Membership joint) {
  joint.outgoing.clear();
  joint.outgoing_lives.clear();
  return joint;
}

Memberships::Memberships(Membership base, std::vector<std::pair<Offset, Membership>> entries)
    : base_(std::move(base)), entries_(std::move(entries)) {}

std::optional<Offset> Memberships::latest_offset() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back().first;
}

const Membership& Memberships::at(Offset end) const {
  const auto above = std::ranges::lower_bound(entries_, end, {}, [](const auto& entry) { return entry.first; });
  return above == entries_.begin() ? base_ : std::prev(above)->second;
}

bool Memberships::had_voter(Offset end, ServerId id, const Incarnation& life) const {
  return at(end).is_voter(id, life) || std::ranges::any_of(entries_, [&](const auto& entry) {
           return entry.first >= end && entry.second.is_voter(id, life);
         });
}

void Memberships::append(Offset offset, Membership membership) {
  HOLDFAST_CHECK(entries_.empty() || entries_.back().first < offset);
  entries_.emplace_back(offset, std::move(membership));
}

void Memberships::truncate(Offset end) {
  while (!entries_.empty() && entries_.back().first >= end) entries_.pop_back();
}

void Memberships::trim(Offset start) {
  const auto above = std::ranges::lower_bound(entries_, start, {}, [](const auto& entry) { return entry.first; });
  if (above == entries_.begin()) return;
  base_ = std::move(std::prev(above)->second);
  entries_.erase(entries_.begin(), above);
}

void Memberships::restore(Membership base) {
  base_ = std::move(base);
  entries_.clear();
}

}  // namespace holdfast
