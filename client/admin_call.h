// How Admin's calls run, in rounds: every open item is placed at a broker, the brokers are asked about theirs at the
// same time, and what came back retriable is open in the next round. Internal to Admin.
//
// A placement says where items belong:
//   Task<void> prepare(std::vector<Key>)     before a round: one look-up for all of them
//   Task<Outcome<std::int32_t>> of(Key)      the broker
//   void stale(const Key&, const Failure&)   it was asked there, and that was its answer
// `ask` is a function of (broker, keys, time for it) that returns Task<Each<Key, T>>.
#pragma once

#include <algorithm>
#include <set>
#include <utility>

#include "client/admin.h"

namespace holdfast::client::admin {

// Round trips at the same time on one connection, of what has one item each.
inline constexpr std::size_t lookups_max = 200;

class CallTime {
 public:
  CallTime(Cluster& cluster, const AdminOptions& options)
      : cluster_(cluster),
        clock_(cluster.shard().clock()),
        start_(clock_.now()),
        end_(start_ + options.timeout),
        patience_end_(start_ + options.unknown_topic_patience),
        request_max_(cluster.options().request_timeout) {}

  bool over() const { return cluster_.stopping() || clock_.now() >= end_; }
  bool impatient() const { return clock_.now() >= patience_end_; }
  Duration of_request() const {
    const Duration left = end_ - clock_.now();
    return std::clamp(left, Duration(std::chrono::milliseconds(1)), request_max_);
  }

 private:
  const Cluster& cluster_;
  const Clock& clock_;
  const SteadyTime start_, end_, patience_end_;
  const Duration request_max_;
};

inline constexpr std::int32_t consumer_replica_id = -1;

inline std::int32_t itself(const std::int32_t& broker) { return broker; }

inline std::int32_t to_ms(Duration time) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// The outcome that a code and its message stand for.
inline Outcome<> outcome_of(std::int16_t code, const std::optional<std::string>& message = {}) {
  if (code == 0) return {};
  return failed(static_cast<wire::ErrorCode>(code), message ? std::string_view(*message) : std::string_view());
}

template <class T, class Key>
Each<Key, T> all_failed(const std::vector<Key>& keys, const Failure& failure) {
  Each<Key, T> each;
  for (const Key& key : keys) each.emplace(key, std::unexpected(failure));
  return each;
}

// Into the wire's form: partitions by their topic. `add` appends one to the topic's message.
template <class Topic, class Add>
std::vector<Topic> by_topic(const std::vector<TopicPartition>& partitions, std::string Topic::* name, Add add) {
  std::map<std::string_view, std::size_t> at;
  std::vector<Topic> topics;
  for (const TopicPartition& p : partitions) {
    const auto [place, fresh] = at.try_emplace(p.topic, topics.size());
    if (fresh) topics.emplace_back().*name = p.topic;
    add(topics[place->second], p);
  }
  return topics;
}

template <class Map>
auto keys_of(const Map& map) {
  std::vector<typename Map::key_type> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

// --- Placements

template <class Key>
class AtController {
 public:
  explicit AtController(Cluster& cluster) : cluster_(cluster) {}
  Task<void> prepare(std::vector<Key>) {
    if (!std::exchange(stale_, false) && cluster_.metadata().controller() >= 0) co_return;
    auto refreshed = co_await cluster_.refresh();
    failure_.reset();
    if (!refreshed) failure_ = std::move(refreshed.error());
  }
  Task<Outcome<std::int32_t>> of(Key) {
    if (failure_) co_return std::unexpected(*failure_);
    const std::int32_t node = cluster_.metadata().controller();
    if (node < 0) co_return failed(wire::ErrorCode::not_controller, "the cluster has no controller now");
    co_return node;
  }
  void stale(const Key&, const Failure&) { stale_ = true; }

 private:
  Cluster& cluster_;
  bool stale_ = false;
  std::optional<Failure> failure_;
};

// Any of the brokers; another one when an answer of the first was no answer.
template <class Key>
class AtAnyBroker {
 public:
  explicit AtAnyBroker(Cluster& cluster) : cluster_(cluster) {}
  Task<void> prepare(std::vector<Key>) {
    reached_.reset();
    const bool failed_before = std::exchange(stale_, false);
    if (failed_before) ++turn_;
    if (!failed_before && !cluster_.metadata().brokers().empty()) co_return;
    auto refreshed = co_await cluster_.refresh();
    failure_.reset();
    if (!refreshed) failure_ = std::move(refreshed.error());
  }
  // One that is silent must not use up the time of the others.
  Task<Outcome<std::int32_t>> of(Key) {
    if (failure_) co_return std::unexpected(*failure_);
    if (reached_) co_return *reached_;
    const std::vector<std::int32_t> brokers = in_order();
    if (brokers.empty()) co_return failed(wire::ErrorCode::leader_not_available, "the cluster has no brokers now");
    const Duration part = cluster_.options().request_timeout / static_cast<std::int64_t>(brokers.size() + 1);
    for (const std::int32_t broker : brokers) {
      auto reached = co_await cluster_.reach(broker, part);
      if (!reached) continue;
      reached_ = broker;
      co_return broker;
    }
    co_return brokers.front();
  }
  void stale(const Key&, const Failure&) { stale_ = true; }

 private:
  std::vector<std::int32_t> in_order() const {
    std::vector<std::int32_t> brokers = keys_of(cluster_.metadata().brokers()), first, silent;
    if (!brokers.empty())
      std::ranges::rotate(brokers, brokers.begin() + static_cast<std::ptrdiff_t>(turn_ % brokers.size()));
    for (const std::int32_t broker : brokers) (cluster_.is_silent(broker) ? silent : first).push_back(broker);
    first.insert(first.end(), silent.begin(), silent.end());
    return first;
  }

  Cluster& cluster_;
  std::size_t turn_ = 0;
  std::optional<std::int32_t> reached_;  // in this round
  bool stale_ = false;
  std::optional<Failure> failure_;
};

class AtLeader {
 public:
  explicit AtLeader(Cluster& cluster) : cluster_(cluster) {}
  // One answer about all topics, where each would have asked for itself.
  Task<void> prepare(std::vector<TopicPartition> partitions) {
    std::set<std::string> missing;
    for (const TopicPartition& p : partitions)
      if (cluster_.metadata().topic(p.topic) == nullptr) missing.insert(p.topic);
    if (missing.size() < 2) co_return;
    std::vector<std::string> topics(missing.begin(), missing.end());
    co_await cluster_.refresh(std::move(topics));
  }
  Task<Outcome<std::int32_t>> of(TopicPartition partition) {
    auto leader = co_await cluster_.leader(std::move(partition));
    if (!leader) co_return failed(leader);
    co_return leader->node;
  }
  void stale(const TopicPartition& partition, const Failure&) { cluster_.leader_is_wrong(partition); }

 private:
  Cluster& cluster_;
};

class AtCoordinator {
 public:
  explicit AtCoordinator(Cluster& cluster) : cluster_(cluster) {}
  Task<void> prepare(std::vector<std::string>) { co_return; }
  Task<Outcome<std::int32_t>> of(std::string group) {
    return cluster_.coordinator(CoordinatorKind::group, std::move(group));
  }
  void stale(const std::string& group, const Failure&) { cluster_.forget_coordinator(CoordinatorKind::group, group); }

 private:
  Cluster& cluster_;
};

// Where the item itself says.
template <class Key, class Of>
class At {
 public:
  explicit At(Of of) : of_(std::move(of)) {}
  Task<void> prepare(std::vector<Key>) { co_return; }
  Task<Outcome<std::int32_t>> of(Key key) { co_return of_(key); }
  void stale(const Key&, const Failure&) {}

 private:
  Of of_;
};

// --- Rounds

template <class T>
Task<void> into(Task<T> task, T& result) {
  result = co_await std::move(task);
}

template <class Key, class Placement>
Task<std::map<Key, Outcome<std::int32_t>>> place(Cluster& cluster, Placement& placement, std::vector<Key> keys) {
  std::map<Key, Outcome<std::int32_t>> places;
  for (std::size_t from = 0; from < keys.size(); from += lookups_max) {
    Gate looking;
    for (std::size_t i = from; i < std::min(keys.size(), from + lookups_max); ++i)
      cluster.shard().spawn(looking, into(placement.of(keys[i]), places[keys[i]]));
    co_await cluster.shard().drained(looking);
  }
  co_return places;
}

// Whether an item may be asked for again in this call.
inline bool again(const Failure& failure, const CallTime& time) {
  const bool unknown_topic =
      failure.code == wire::ErrorCode::unknown_topic_or_partition || failure.code == wire::ErrorCode::unknown_topic_id;
  // Kafka calls it retriable; asked again it says the same.
  if (failure.code == wire::ErrorCode::election_not_needed) return false;
  return failure.retriable() && !(unknown_topic && time.impatient());
}

template <class T, class Key, class Placement, class Ask>
Task<Each<Key, T>> rounds(Cluster& cluster, AdminOptions options, std::vector<Key> keys, Placement placement, Ask ask) {
  const CallTime time(cluster, options);
  Each<Key, T> done;
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (int attempt = 0; !keys.empty(); ++attempt) {
    co_await placement.prepare(keys);
    auto places = co_await place(cluster, placement, keys);
    std::map<std::int32_t, std::vector<Key>> by_broker;
    for (const Key& key : keys) {
      auto& at = places.at(key);
      if (at) by_broker[*at].push_back(key);
      if (!at) done.insert_or_assign(key, failed(at));
    }
    std::map<std::int32_t, Each<Key, T>> answers;
    Gate asking;
    for (auto& [broker, theirs] : by_broker)
      cluster.shard().spawn(asking, into(ask(broker, theirs, time.of_request()), answers[broker]));
    co_await cluster.shard().drained(asking);

    for (auto& [broker, theirs] : by_broker) {
      Each<Key, T>& answer = answers[broker];
      for (const Key& key : theirs) {
        const auto it = answer.find(key);
        if (it == answer.end()) {
          done.insert_or_assign(key,
                                failed(wire::ErrorCode::unknown_server_error, "the broker's answer leaves it out"));
          continue;
        }
        if (!it->second && it->second.error().retriable()) placement.stale(key, it->second.error());
        done.insert_or_assign(key, std::move(it->second));
      }
    }
    std::erase_if(keys, [&](const Key& key) {
      const Outcome<T>& outcome = done.at(key);
      return outcome || !again(outcome.error(), time);
    });
    if (keys.empty() || time.over()) break;
    co_await cluster.back_off(attempt);
    if (time.over()) break;
  }
  co_return done;
}

// A call about one thing: the only item's outcome.
template <class T>
Outcome<T> only(Each<std::int32_t, T> each) {
  return std::move(each.begin()->second);
}

}  // namespace holdfast::client::admin
