// ReplicaFetcher: keeps the partitions of one shard that follow one leader up to date, over one connection: Fetch with
// an incremental session (KIP-227), all partitions in one request, the next one sent as soon as the last was answered.
// Where the logs part, the leader says the epoch's end and the follower cuts there (KIP-595's DivergingEpoch, with the
// rules of KIP-279). What comes is appended as it is; when it is on disk the leader is told (ReplicaReport).
//
// Lives on its shard. The partitions' leader and epoch are those of the image: what was asked under another epoch is
// not looked at when it is answered.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/partition.h"
#include "client/broker_client.h"
#include "wire/kafka/fetch.h"

namespace holdfast {

class BrokerShard;

class ReplicaFetcher {
 public:
  ReplicaFetcher(BrokerShard& broker, Network& network, std::int32_t leader);
  ~ReplicaFetcher();

  std::int32_t leader() const { return leader_; }
  void follow(std::shared_ptr<Partition> partition);  // also: under a new epoch
  void leave(const LogId& id);
  bool idle() const { return following_.empty(); }
  std::size_t partitions() const { return following_.size(); }
  std::int64_t lag_max() const;  // records below the leader's high watermark that some partition does not have
  void durable(const Partition& partition);  // more of it is on disk
  void brokers_changed();                    // the leader may be elsewhere now
  Task<void> stop();

 private:
  // What the leader's session knows of a partition.
  struct Asked {
    std::int32_t leader_epoch = -1;
    std::int64_t offset = -1;
    std::int32_t last_epoch = -1;
    std::int64_t log_start = -1;
    friend bool operator==(const Asked&, const Asked&) = default;
  };
  struct Following {
    std::shared_ptr<Partition> partition;
    std::optional<Asked> asked;  // nothing: the session does not have it
    // A fetch under this epoch was answered with records that continue this log, and the leader was told in this
    // session how far it is on disk. Before that its disk may hold what is still to be cut, which must not be told.
    bool reported = false;
    SteadyTime not_before{};   // after an error
    Offset high_watermark{0};  // the leader's
    bool complained = false;   // the log says what is wrong with it
  };

  Task<void> run();
  Task<void> pause(Duration at_most);  // or until something changes
  void changed();
  wire::FetchRequest make_request();
  Duration held_up(const Partition& partition, SteadyTime now) const;
  void take(const wire::FetchResponse& response);
  void take(const LogId& id, Following& f, const wire::FetchResponse::Partition& from);
  static bool is_about_now(const Following& f);
  void confirm(const LogId& id);
  void cut(Following& f, const wire::FetchResponse::EpochEndOffset& leaders);
  Task<void> truncate(std::shared_ptr<Partition> partition, Offset end);
  // The log is emptied, begins at `start`, and with these records.
  Task<void> restart(std::shared_ptr<Partition> partition, Offset start, std::vector<std::uint8_t> records = {});
  Task<void> advance_start(std::shared_ptr<Partition> partition, Offset start);
  void give_pause(Following& f, Duration how_long);
  static void complain(Following& f, std::string_view what);
  void give_up_for_now(const Partition& partition, const std::string& why);
  void reset_session();
  void report_soon();
  void report();
  bool dial();
  std::int64_t own_epoch() const;

  BrokerShard& broker_;
  Network& network_;
  const std::int32_t leader_;
  std::map<LogId, Following> following_;
  std::map<LogId, Asked> to_forget_;  // in the session, and not followed any more
  bool is_quiet_ = false;             // the last answer had nothing new
  std::set<LogId> unconfirmed_;       // in the session, without an answer yet of where they are now
  std::set<LogId> durable_;           // to be reported
  std::unique_ptr<BrokerClient> client_;
  std::int32_t session_id_ = 0, session_epoch_ = 0;
  std::int64_t session_broker_epoch_ = -1;  // under which the session was begun
  bool fetching_ = false, stopping_ = false, report_deferred_ = false, woken_ = false;
  bool unreachable_ = false;  // and the log says so
  Duration backoff_{};
  Function<void()> resume_;
  Timer timer_;
  Timer retry_timer_;  // the first end of a partition's pause
  SteadyTime retry_at_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Gate gate_;
};

}  // namespace holdfast
