// QuorumDriver: the znode machine on top of the quorum. A request becomes a transaction at the leader at once, an entry
// of the burst's batch at the end of the burst, and a change of the tree, on every server, when its entry is committed;
// then watch events are delivered, subscribers told, and the proposer answered, in that order.
//
// A server that does not lead sends its clients' requests to the one that does, in order, and recognises them in the
// log by their origin. When the leader changes, the first entry of the new one tells each server which of its requests
// are not in the log before it and so will never be: those it sends again. A request is carried out once or not at all,
// and nobody's connection has to break for it. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordination/forwarded_request.h"
#include "coordination/machine.h"
#include "coordination/quorum_replica.h"
#include "coordination/quorum_status.h"
#include "coordination/snapshot_taker.h"
#include "runtime/metrics.h"

namespace holdfast {

struct QuorumDriverOptions {
  QuorumReplicaOptions quorum;
  std::int64_t snapshot_count = 100'000;  // transactions between snapshots
  std::size_t snapshots_kept = 3;
  EnsembleConfig configured;     // what the files say; no servers: alone
  bool configured_holds = true;  // it is not changed by reconfig: the files say who belongs to the ensemble
  bool multi_address = false;
  std::int32_t init_limit = 10, sync_limit = 5;  // ticks; told only
  bool read_only_clients = false;                // told only
  // How long a server goes on serving without a leader that it keeps up with.
  Duration patience = std::chrono::seconds(2);
};

class QuorumDriver final : private QuorumReplica::Owner {
 public:
  using Applied = Function<void(const zk::Effects&)>;
  using Subscriber = Function<void(const zk::Txn&, const zk::Effects&)>;
  // What the front door is told.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_events(const zk::Effects& effects) = 0;  // watch events, before the reply
    virtual void on_leading() = 0;                           // requests are judged here from now on
    virtual void on_serving(bool serving) = 0;               // clients may be served; or must not be, any more
    virtual void on_touched(SessionId session, std::int32_t timeout_ms) = 0;  // leader: another server heard of it
    virtual void on_failure(const Error& error) = 0;                          // once: nobody may be served any more
    virtual void on_gone(ServerId server) = 0;  // leader: that server's process has ended; told again and again
    virtual void on_restored() = 0;             // the state is another one: a snapshot's, and not by transactions
  };

  QuorumDriver(QuorumDriverOptions options, Listener& listener, zk::ZnodeMachine& machine, Shard& shard,
               LogManager& logs, Disk& disk, Workers& workers, Network& network, Random& random, Metrics& metrics);
  ~QuorumDriver() override;

  // Recovers. A server that stands alone serves when this returns; one of an ensemble when on_serving() says so.
  Task<Result<void>> start();
  // `done` is called when the transaction was applied. When this server cannot serve, or must stop serving before it
  // knows what became of the request, it is told ConnectionLoss, as after a lost connection.
  void propose(const zk::WriteRequest& request, const zk::Caller& caller, Applied done);
  // When all that was committed anywhere before this call is applied here. False: nobody can say.
  void sync(Function<void(bool)> done);
  // To the leader; false: there is none to tell.
  bool report_touched(std::vector<std::pair<SessionId, std::int32_t>> touched);
  void subscribe(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }

  bool alone() const { return options_.quorum.alone; }
  bool failed() const { return replica_.failed(); }
  bool serving() const { return serving_ && !failed(); }
  bool restoring() const { return restoring_; }  // the state is being replaced by that of a snapshot
  bool looking() const { return !alone() && started_ && !restoring_ && !serving_ && !failed(); }
  bool judges() const {
    return judging_ && replica_.leads();
  }  // this server leads, and has applied all that its predecessors left
  zk::QuorumView quorum_view() const;  // of a leader
  QuorumStatus status() const;
  Endpoint quorum_local() const { return replica_.local(); }
  const QuorumReplica& replica() const { return replica_; }
  bool transfer_leadership();  // to the best of the others; false: to nobody

  std::size_t outstanding() const { return pending_.size(); }
  Offset log_start() const { return replica_.log().start(); }
  std::uint64_t log_bytes() const { return replica_.log().size_bytes(); }
  std::uint64_t snapshot_bytes() const { return taker_.newest_bytes(); }
  std::uint64_t snapshots_taken() const { return taker_.taken(); }
  std::uint64_t snapshot_errors() const { return taker_.errors(); }
  const Histogram& log_latency() const { return log_latency_; }  // from the append of a burst until it is committed
  const Histogram& snapshot_latency() const { return taker_.latency(); }
  // Alone: until nothing is outstanding. A leader hands its leadership over. Nothing may be proposed any more.
  Task<void> stop();

 private:
  static constexpr std::int64_t digest_interval = 1024;  // entries

  // Leader: a transaction that was prepared and is not applied.
  struct Pending {
    Offset offset{-1};  // -1: not in the log yet
    zk::Txn txn;
    std::optional<Origin> origin;
    Applied done;  // of a server that stands alone; those of an ensemble find theirs by origin
  };
  // A request of this server's clients whose outcome is not known yet.
  struct Own {
    std::uint64_t number;
    Bytes request;
    Applied done;
    SteadyTime since;
  };
  // A reply that waits until those who vote are those whom the reconfig named.
  struct Reconfigured {
    zk::Txn txn;
    zk::Effects effects;
    Applied done;
    SteadyTime until;
  };

  Result<QuorumSnapshotHeader> restore(const QuorumSnapshots::Name& snapshot) override;
  void on_restored(Offset end) override;
  void on_role_changed() override;
  void on_committed() override;
  void on_read(std::uint64_t token, std::optional<Offset> commit) override;
  void on_frame(ServerId from, FrameKind kind, const Bytes& payload) override;
  void on_connected(ServerId peer) override;
  void on_gone(ServerId peer) override;
  void on_damaged(Offset from, const Error& error) override;
  void on_snapshot_damaged(const std::string& file, const Error& error) override;
  void on_failed(const Error& error) override;

  // quorum_driver.cpp: requests and entries
  void prepare(const zk::WriteRequest& request, const zk::Caller& caller, std::optional<Origin> origin, Applied done);
  void log_burst_soon();
  void log_burst();
  Task<void> apply_from_disk();
  Result<void> apply_batches(ByteView batches);
  void apply(const zk::Txn& txn, const std::optional<Origin>& origin, Applied done);
  void apply(const ControlEntry& entry, Term term);
  void tell_membership(const Membership& membership);
  void applied_all();
  void contradicted(std::string_view what);

  // quorum_service.cpp: the other servers, and whether this one serves
  bool follows() const;
  void poll();
  void update_serving();
  void redial_silent_leader();
  void send_own();
  bool send_one(const Own& own);
  void note_role();
  void drop_own();
  void finish_own(std::uint64_t number, const zk::Txn& txn, const zk::Effects& effects);
  void finish_reconfigured();
  void on_request(ServerId from, const Bytes& payload);
  void judge(ServerId from, const ReceivedRequestFrame& frame);
  void retry_syncs();
  void finish_syncs();
  void update_config();
  void update_addresses();
  void update_guests();
  void reconcile();
  void watch_disk();
  bool disk_is_stuck() const;
  void leave_full_disk();
  void exchange_digest();
  void on_digest(ServerId from, const Bytes& payload);
  void compare_digests(Offset end);
  void begin_snapshot();
  Task<void> trim(Offset to);
  void wake_idle();

  const QuorumDriverOptions options_;
  Listener& listener_;
  zk::ZnodeMachine& machine_;
  Shard& shard_;
  Random& random_;
  QuorumReplica replica_;
  SnapshotTaker taker_;

  std::deque<Pending> pending_;
  std::size_t unlogged_ = 0;  // at the end of pending_
  bool deferred_ = false, stopping_ = false, applying_ = false, judging_ = false, serving_ = false, started_ = false,
       restoring_ = false;
  Offset applied_{0};
  Term applied_term_{0};    // the latest leadership whose first entry is applied
  Offset silent_until_{0};  // replayed at the start: nobody is told
  std::int64_t since_snapshot_ = 0, snapshot_after_ = 0;
  Histogram& log_latency_;
  std::deque<std::pair<Offset, SteadyTime>> appended_;  // when each batch was appended, by the offset after it
  std::vector<Subscriber> subscribers_;
  std::vector<Function<void()>> idle_waiters_, ready_waiters_;

  // One of an ensemble
  const std::uint64_t life_;
  std::uint64_t next_number_ = 1;
  std::deque<Own> own_;       // numbers rise
  std::size_t own_sent_ = 0;  // of them, from the front: to the leader of applied_term_
  std::map<ServerId, std::pair<std::uint64_t, std::uint64_t>> judged_;  // leader: life and the last number, of each
  std::vector<std::pair<ServerId, Bytes>> early_;                       // requests for a leader that does not judge yet
  std::deque<Reconfigured> reconfigured_;
  std::map<std::uint64_t, Function<void(bool)>> syncs_;  // asked, by token
  std::vector<std::uint64_t> unasked_syncs_;
  std::multimap<Offset, Function<void(bool)>> synced_;  // answered: wait for entries to be applied
  std::uint64_t next_sync_ = 1;
  EnsembleConfig config_;                                       // that holds
  std::map<ServerId, std::pair<Endpoint, SteadyTime>> guests_;  // not of the configuration, but here
  SteadyTime followed_at_{}, role_since_{}, disk_moved_at_{}, asked_to_lead_at_{}, redialled_at_{}, polled_at_{};
  Membership told_membership_;
  std::optional<Offset> damaged_;  // where the log cannot be read
  Offset stuck_at_{0};
  bool installing_ = false;  // the configuration of the files, into the tree
  Timer poll_timer_;
  std::map<Offset, std::map<ServerId, std::uint64_t>> digests_;
  SteadyTime looking_since_{}, unavailable_since_{};
  std::set<ServerId> synced_peers_;
  QuorumStatus told_;  // what is counted
  Gate gate_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast
