// Consumer: reads the records of partitions, those that it is told (assign) or those that a group gives it (subscribe).
//
//   Consumer consumer(cluster, options);
//   auto subscribed = consumer.subscribe({"orders"});
//   for (;;) {
//     auto records = co_await consumer.poll(std::chrono::seconds(1));
//     if (!records) ...                                  // a failure is told once, and says what to do about it
//     for (const RecordView& record : *records) ...      // views: nothing was copied
//   }
//   co_await consumer.stop();
//
// Each poll brings records of one partition; partitions take turns. Fetching goes on meanwhile. Whatever poll() has
// returned counts as done when it is called again: so far automatic commits go, and so far a rebalance, which only
// happens inside of poll(), lets others go on from. Whoever does not poll for `max_poll_interval` is out of the group.
//
// One task calls poll(), and nothing else of it while it waits, but wake(), commits and what only asks. Lives on its
// cluster's shard. A cluster serves one consumer of a group: members that share connections would wait for each other.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/admin.h"
#include "client/cluster.h"
#include "client/fetcher.h"
#include "client/group_member.h"
#include "client/record_view.h"
#include "client/wait_list.h"

namespace holdfast::client {

enum class OffsetReset : std::uint8_t { latest, earliest, none };

struct ConsumerOptions {
  std::string group_id;  // empty: no group; then neither subscribe() nor commits
  std::optional<std::string> group_instance_id;
  std::vector<std::string> assignors = {"range", "cooperative-sticky"};  // in order of preference
  Duration session_timeout = std::chrono::seconds(45);
  Duration heartbeat_interval = std::chrono::seconds(3);
  Duration max_poll_interval = std::chrono::minutes(5);
  bool leave_on_stop = true;  // static members never do
  bool auto_commit = true;    // where there is a group
  Duration auto_commit_interval = std::chrono::seconds(5);
  OffsetReset reset = OffsetReset::latest;      // where there is no position, or one that is out of range
  std::size_t poll_records_max = 2000;          // of one poll
  Duration timeout = std::chrono::seconds(60);  // of commits and look-ups, their retries included
  FetchOptions fetch;                           // `reset` in it follows from the one above
};

// Told inside of poll() and stop(). What is not overridden does nothing.
class RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;
  virtual Task<void> assigned(std::vector<TopicPartition> partitions);  // it may seek
  virtual Task<void> revoked(std::vector<TopicPartition> partitions);   // still this consumer's: it may commit
  virtual Task<void> lost(std::vector<TopicPartition> partitions);      // somebody else's by now
};

class Consumer : private GroupMember::Owner {
 public:
  Consumer(Cluster& cluster, ConsumerOptions options);
  ~Consumer() override;  // stop() must have returned
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  // Commits, where that is automatic, leaves the group, and waits for what is under way: a fetch for as long as
  // fetch.wait_max, unless the cluster was stopped before (then nothing is committed).
  Task<void> stop();

  // --- What is read. INVALID_REQUEST: one way excludes the other, and subscribe() needs a group. The listener must
  // outlive the subscription.

  Outcome<> assign(std::vector<TopicPartition> partitions);  // these, and no others any more
  Outcome<> subscribe(std::vector<std::string> topics, RebalanceListener* listener = nullptr);
  // Every topic whose whole name the expression (ECMAScript) matches, also those to come; not internal ones.
  Outcome<> subscribe_pattern(const std::string& expression, RebalanceListener* listener = nullptr);
  Task<void> unsubscribe();  // from either
  std::vector<TopicPartition> assignment() const { return fetcher_.partitions(); }

  // --- Reading

  // Empty: nothing has come in `at_most`, or wake() was called.
  Task<Outcome<ConsumedRecords>> poll(Duration at_most);
  void wake();

  // --- Where. UNKNOWN_TOPIC_OR_PARTITION: it is not assigned.

  Outcome<> seek(const TopicPartition& partition, std::int64_t offset);
  Outcome<> seek(const TopicPartition& partition, FetchPosition position);  // with the epoch: truncation is detected
  Outcome<> seek(const TopicPartition& partition, OffsetSpec spec);         // as OffsetSpec::at(time)
  Task<Outcome<std::int64_t>> position(TopicPartition partition);           // of the next record poll() gives
  Outcome<> pause(const TopicPartition& partition) { return set_paused(partition, true); }
  Outcome<> resume(const TopicPartition& partition) { return set_paused(partition, false); }
  bool is_paused(const TopicPartition& partition) const { return fetcher_.is_paused(partition); }
  FetchLag lag(const TopicPartition& partition) const { return fetcher_.lag(partition); }

  // --- Commits. In the order in which they were asked for. REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION,
  // UNKNOWN_MEMBER_ID: the group has moved on, and what was read may be read again by others.

  Task<Outcome<>> commit();  // everything poll() has returned
  Task<Outcome<>> commit(std::map<TopicPartition, CommittedOffset> offsets);
  void commit_soon(Function<void(Outcome<>)> done = nullptr);  // as commit(), in the background
  // Those that have one.
  Task<Outcome<std::map<TopicPartition, CommittedOffset>>> committed(std::vector<TopicPartition> partitions);

  const GroupMember* member() const { return member_.get(); }  // null: not subscribed
  Cluster& cluster() { return cluster_; }
  const ConsumerOptions& options() const { return options_; }

 private:
  struct Pattern;
  enum class Way { none, assigned, subscribed };

  // GroupMember::Owner
  std::vector<std::string> topics() override { return {topics_.begin(), topics_.end()}; }
  Task<void> revoked(std::vector<TopicPartition> partitions) override;
  Task<void> lost(std::vector<TopicPartition> partitions) override;
  Task<void> assigned(std::vector<TopicPartition> added) override;

  // ---- consumer.cpp
  Outcome<> set_paused(const TopicPartition& partition, bool paused);
  std::optional<OffsetSpec> reset_spec() const;
  void drop(const std::vector<TopicPartition>& partitions);
  void tell(Failure failure);

  // ---- consumer_subscription.cpp
  Outcome<> begin_subscription(RebalanceListener* listener);
  Task<void> follow();
  Duration until_next_look() const;
  void look_at_topics();

  // ---- consumer_commits.cpp
  using Offsets = std::map<TopicPartition, CommittedOffset>;
  Offsets consumed() const;
  Task<Outcome<>> send_commit(Offsets offsets, std::int32_t generation);
  Task<Outcome<>> try_commit(const Offsets& offsets, std::int32_t generation);
  Task<void> commit_in_background(Offsets offsets, Function<void(Outcome<>)> done);
  Task<void> commit_before_giving_up(const std::vector<TopicPartition>& partitions);
  void commit_if_due();
  void find_positions();
  Task<void> fetch_committed();

  Cluster& cluster_;
  Shard& shard_;
  const ConsumerOptions options_;
  Admin admin_;
  WaitList changed_;
  Fetcher fetcher_;
  Way way_ = Way::none;
  std::set<std::string> topics_;  // subscribed to
  std::unique_ptr<Pattern> pattern_;
  bool looked_ = false;  // which topics match is known: before that there is nothing to join with
  RebalanceListener* listener_ = nullptr;
  std::unique_ptr<GroupMember> member_;
  std::vector<Failure> failures_;  // for poll() to tell
  bool woken_ = false, stopping_ = false, following_ = false;
  WaitList follow_pause_;

  SteadyTime next_auto_commit_{};
  bool auto_committing_ = false;
  Offsets last_committed_;  // by this consumer, of what is assigned
  bool committing_ = false;
  WaitList commit_turn_;
  std::uint64_t assignment_serial_ = 0;
  bool fetching_committed_ = false;
  Gate gate_;
};

}  // namespace holdfast::client
