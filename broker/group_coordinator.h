// GroupCoordinator: the shell around the group machines of one shard, one for each __consumer_offsets partition that is
// led here. It loads a machine from its partition's log, appends what a call decided, and answers when that is
// committed. Lives on its shard; callers on other shards come by post().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/group_machine.h"

namespace holdfast {

class GroupCoordinator {
 public:
  explicit GroupCoordinator(BrokerShard& broker);
  ~GroupCoordinator();

  // Which partition a group belongs to: Java's String.hashCode over the count.
  static std::int32_t partition_of(std::string_view group, std::int32_t partitions);

  // It was opened, or its leadership changed.
  void partition_changed(Partition& partition);
  void partition_closed(const LogId& id);
  void topics_deleted(const std::vector<std::string>& topics);
  Task<void> stop();

  // The machine that answers for a partition; an error while it loads, or when it is not here.
  struct Hosted;
  struct Found {
    Hosted* hosted = nullptr;
    wire::ErrorCode error = wire::ErrorCode::not_coordinator;
  };
  Found find(const LogId& id);
  GroupMachine& machine(Hosted& hosted);
  GroupTime now() const;

  // Does what a call decided: replies leave, records are appended, and `done` is called when they are committed (at
  // once when there are none).
  void perform(Hosted& hosted, GroupOutcome outcome, Function<void(wire::ErrorCode)> done = nullptr);
  // A request that waits: `reply` is called once, on this shard.
  ReplyToken park(Function<void(GroupReply)> reply);
  // Every machine here that is loaded; false in `complete` when some still load.
  std::vector<Hosted*> all(bool& complete);

 private:
  using Life = std::uint64_t;                     // of what is hosted: from one load to the next
  Hosted* hosted_in(const LogId& id, Life life);  // null: not any more, or in another one
  void host(Partition& partition);
  Task<void> load(LogId id, Life life);
  void load_again(const LogId& id, Life life);
  void serve_when_committed(Hosted& hosted, Offset end);
  void serve(Hosted& hosted);
  using WriteKey = std::uint64_t;
  void append(Hosted& hosted, std::vector<GroupRecord> records,
              Function<GroupOutcome(wire::ErrorCode, GroupTime)> committed, Function<void(wire::ErrorCode)> done);
  void written(LogId id, WriteKey key, wire::ErrorCode error);
  // Whoever asked for the write hears of it, once.
  void answer(Hosted& hosted, WriteKey key, wire::ErrorCode error);
  void deliver(std::vector<std::pair<ReplyToken, GroupReply>> replies);
  void arm(Hosted& hosted);
  void tick(const LogId& id, Life life);
  void expire();

  BrokerShard& broker_;
  GroupOptions options_;
  std::unique_ptr<Random> random_;
  std::unordered_map<LogId, std::unique_ptr<Hosted>, LogIdHash> hosted_;
  std::unordered_map<ReplyToken, Function<void(GroupReply)>> parked_;
  ReplyToken next_token_ = 1;
  WriteKey next_write_ = 0;
  Life next_life_ = 0;
  Timer expiry_;
  Gate gate_;
};

}  // namespace holdfast
