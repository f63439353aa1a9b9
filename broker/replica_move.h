// ReplicaMoves: replicas of one shard on their way between the log directories of this broker (KIP-113), a few at a
// time; and where the logs of partitions that are not here yet are to be made. A move that the end of the process
// interrupted begins anew after the next start. Lives on its shard.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "log/log_manager.h"
#include "log/log_shard.h"
#include "wire/kafka/errors.h"

namespace holdfast {

class BrokerShard;

class ReplicaMoves {
 public:
  explicit ReplicaMoves(BrokerShard& broker);
  ~ReplicaMoves();

  // The partition's log is to be in `dir`, which is one of log.dirs and in service. Answered when the move has begun.
  Task<wire::ErrorCode> move(LogId id, std::string dir);
  // Not one of this shard, or of this broker, yet: its log will be made there.
  void prefer(const std::string& topic, std::int32_t partition, const std::string& dir);
  std::string take_preferred(const std::string& topic, std::int32_t partition);  // empty: none
  // It has been opened: a move that was interrupted goes on.
  void opened(const LogId& id);
  void dropped(const LogId& id);

  struct Future {
    LogId id;
    std::string dir;
    std::uint64_t bytes = 0;
    Offset end;
  };
  std::vector<Future> futures() const;

  void stop();  // what is under way is left for the next start; the tasks are of the shard's gate

 private:
  struct Moving;

  Task<void> run(std::shared_ptr<Moving> moving);
  Task<void> resume(LogId id, std::string dir);
  void start_next();

  BrokerShard& broker_;
  std::unordered_map<LogId, std::shared_ptr<Moving>, LogIdHash> moving_;
  std::deque<LogId> waiting_;
  int running_ = 0;
  bool stopping_ = false;
  std::unordered_map<LogId, std::string, LogIdHash> interrupted_;
  std::map<std::pair<std::string, std::int32_t>, std::string> preferred_;
};

}  // namespace holdfast
