#include "broker/group.h"

#include <algorithm>

#include "wire/reader.h"

namespace holdfast {

std::string_view to_string(GroupState state) {
  switch (state) {
    case GroupState::empty:
      return "Empty";
    case GroupState::preparing_rebalance:
      return "PreparingRebalance";
    case GroupState::completing_rebalance:
      return "CompletingRebalance";
    case GroupState::stable:
      return "Stable";
  }
  return "Dead";
}

bool GroupMember::supports(const std::string& protocol) const {
  return std::ranges::any_of(protocols, [&](const auto& p) { return p.first == protocol; });
}

const OpaqueBytes& GroupMember::metadata(const std::string& protocol) const {
  static const OpaqueBytes none;
  const auto it = std::ranges::find_if(protocols, [&](const auto& p) { return p.first == protocol; });
  return it == protocols.end() ? none : it->second;
}

GroupMember* Group::member(const std::string& member_id) {
  const auto it = members.find(member_id);
  return it == members.end() ? nullptr : &it->second;
}

std::size_t Group::awaiting_join() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(members, [](const auto& m) { return m.second.awaiting_join != 0; }));
}

std::int32_t Group::rebalance_timeout_ms() const {
  std::int32_t longest = 0;
  for (const auto& [_, m] : members) longest = std::max(longest, m.rebalance_timeout_ms);
  return longest;
}

std::set<std::string> Group::common_protocols() const {
  std::set<std::string> common;
  if (members.empty()) return common;
  for (const auto& [name, _] : members.begin()->second.protocols)
    if (std::ranges::all_of(members, [&](const auto& m) { return m.second.supports(name); })) common.insert(name);
  return common;
}

std::string Group::select_protocol() const {
  const std::set<std::string> candidates = common_protocols();
  std::map<std::string, int> votes;
  for (const auto& [_, m] : members) {
    const auto first = std::ranges::find_if(m.protocols, [&](const auto& p) { return candidates.contains(p.first); });
    if (first != m.protocols.end()) ++votes[first->first];
  }
  const auto best = std::ranges::max_element(votes, {}, [](const auto& v) { return v.second; });
  return best == votes.end() ? std::string() : best->first;
}

bool Group::supports(const std::string& type, const std::vector<std::pair<std::string, OpaqueBytes>>& offered) const {
  if (members.empty()) return !type.empty() && !offered.empty();
  if (protocol_type != type) return false;
  const std::set<std::string> common = common_protocols();
  return std::ranges::any_of(offered, [&](const auto& p) { return common.contains(p.first); });
}

std::optional<std::set<std::string>> Group::subscribed_topics() const {
  if (protocol_type != "consumer") return std::nullopt;
  std::set<std::string> topics;
  if (members.empty()) return topics;
  if (!protocol) return std::nullopt;
  for (const auto& [_, m] : members) {
    const auto subscribed = consumer_subscription_topics(m.metadata(*protocol));
    if (!subscribed) return std::nullopt;
    topics.insert(subscribed->begin(), subscribed->end());
  }
  return topics;
}

std::optional<std::vector<std::string>> consumer_subscription_topics(const OpaqueBytes& metadata) {
  wire::Reader in(metadata);
  if (in.i16() < 0) return std::nullopt;
  std::vector<std::string> topics;
  for (std::int32_t left = in.bounded_count(in.i32(), 2); left > 0 && in.ok(); --left) {
    const std::int16_t length = in.i16();
    if (length < 0) return std::nullopt;
    topics.emplace_back(as_text(in.raw(static_cast<std::size_t>(length))));
  }
  if (!in.ok()) return std::nullopt;
  return topics;
}

}  // namespace holdfast
