// What a subscription is about: the topics by name or by pattern, and how they come, grow and go.
#include <algorithm>

#include "client/consumer.h"
#include "client/consumer_pattern.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

constexpr Duration missing_topic_pause = std::chrono::seconds(1);

}  // namespace

Outcome<> Consumer::subscribe(std::vector<std::string> topics, RebalanceListener* listener) {
  auto begun = begin_subscription(listener);
  if (!begun) return begun;
  const bool changed = pattern_ || topics_ != std::set<std::string>(topics.begin(), topics.end());
  pattern_.reset();
  topics_ = {topics.begin(), topics.end()};
  if (changed) member_->rejoin("the subscription has changed");
  follow_pause_.wake_all();
  return {};
}

Outcome<> Consumer::subscribe_pattern(const std::string& expression, RebalanceListener* listener) {
  auto pattern = std::make_unique<Pattern>();
  try {
    pattern->expression = std::regex(expression);
  } catch (const std::regex_error& error) {
    return failed(ErrorCode::invalid_regular_expression, error.what());
  }
  auto begun = begin_subscription(listener);
  if (!begun) return begun;
  pattern_ = std::move(pattern);
  topics_.clear();
  looked_ = false;
  follow_pause_.wake_all();
  return {};
}

Outcome<> Consumer::begin_subscription(RebalanceListener* listener) {
  if (way_ == Way::assigned) return failed(ErrorCode::invalid_request, "the consumer was assigned its partitions");
  if (options_.group_id.empty()) return failed(ErrorCode::invalid_group_id, "a subscription needs a group");
  if (!member_) {
    GroupMemberOptions options;
    options.group_id = options_.group_id;
    options.group_instance_id = options_.group_instance_id;
    options.session_timeout = options_.session_timeout;
    options.heartbeat_interval = options_.heartbeat_interval;
    options.max_poll_interval = options_.max_poll_interval;
    options.leave_on_stop = options_.leave_on_stop;
    if (!options_.fetch.rack.empty()) options.rack = options_.fetch.rack;
    for (const std::string& name : options_.assignors) {
      options.assignors.push_back(make_assignor(name));
      if (!options.assignors.back())
        return failed(ErrorCode::unsupported_assignor, "there is no assignor named " + name);
    }
    if (options.assignors.empty()) return failed(ErrorCode::unsupported_assignor, "a subscription needs an assignor");
    GroupMember::Owner& owner = *this;
    member_ = std::make_unique<GroupMember>(cluster_, std::move(options), owner, [this] { changed_.wake_all(); });
  }
  way_ = Way::subscribed;
  listener_ = listener;
  if (!std::exchange(following_, true)) shard_.spawn(gate_, follow());
  return {};
}

// Looks at the topics again and again, as long as there is a subscription.
Task<void> Consumer::follow() {
  while (!stopping_ && !cluster_.stopping() && way_ == Way::subscribed) {
    Outcome<> refreshed;
    std::vector<std::string> names = topics();
    if (pattern_)
      refreshed = co_await cluster_.refresh_all();
    else
      refreshed = co_await cluster_.refresh(std::move(names));
    if (stopping_ || way_ != Way::subscribed) break;
    if (refreshed) look_at_topics();
    co_await follow_pause_.wait_for(until_next_look());
  }
  following_ = false;
}

Duration Consumer::until_next_look() const {
  const auto is_there = [this](const std::string& name) {
    const KnownTopic* topic = cluster_.metadata().topic(name);
    return topic && !topic->partitions.empty();
  };
  const bool all_there = !topics_.empty() && std::all_of(topics_.begin(), topics_.end(), is_there);
  return all_there ? cluster_.options().metadata_max_age
                   : std::min(missing_topic_pause, cluster_.options().metadata_max_age);
}

void Consumer::look_at_topics() {
  if (pattern_) {
    if (!std::exchange(looked_, true)) changed_.wake_all();
    std::set<std::string> matching;
    for (const auto& [name, topic] : cluster_.metadata().topics())
      if (pattern_->matches(topic)) matching.insert(name);
    if (matching != topics_) {
      topics_ = std::move(matching);
      member_->rejoin("the topics that match have changed");
    }
  }
  // What was assigned by other numbers of partitions is assigned again, by whoever assigns.
  if (!member_->is_leader() || !member_->settled()) return;
  const PartitionCounts& then = member_->assigned_by();
  const auto differs = [&](const std::string& name, std::int32_t count) {
    const KnownTopic* topic = cluster_.metadata().topic(name);
    const auto now = topic ? static_cast<std::int32_t>(topic->partitions.size()) : 0;
    return now != count;
  };
  bool changed = std::any_of(then.begin(), then.end(), [&](const auto& t) { return differs(t.first, t.second); });
  for (const std::string& name : topics_) changed = changed || (!then.contains(name) && differs(name, 0));
  if (changed) member_->rejoin("the topics' partitions have changed");
}

}  // namespace holdfast::client
