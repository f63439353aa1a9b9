// QuorumReplica: performs what Consensus decides: over the log, the state file, the connections to the other servers
// and the snapshot files, in the order that consensus.h demands. It applies nothing itself: that is its owner's, the
// driver's. A server that stands alone is a quorum of one, without connections or ticks. Lives on the coordination
// shard.
//
// Inputs are taken one after the other, each with all that it leads to. What waits for the disk on the way (the state
// file, a cut of the log, a snapshot's installation) holds up the inputs behind it, and nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordination/consensus.h"
#include "coordination/quorum_log.h"
#include "coordination/quorum_messages.h"
#include "coordination/quorum_snapshots.h"
#include "coordination/quorum_state.h"
#include "coordination/quorum_transport.h"
#include "coordination/snapshot_transfer.h"
#include "runtime/worker.h"

namespace holdfast {

struct QuorumReplicaOptions {
  ServerId self;
  bool alone = true;
  bool recover_alone = false;  // also when this server was one of several: what they had beyond its log is lost
  Membership configured;       // what the files say: of use until an ensemble has begun
  std::string data_dir;        // of the state file and the snapshots
  Duration tick = std::chrono::milliseconds(20);
  int election_ticks = 10;  // a follower stands for election when it has heard nothing for one to two times that long
  std::vector<Endpoint> listen;  // for the other servers
  std::string address;           // told to them: where this one is
};

class QuorumReplica final : private QuorumTransport::Handler {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // At the start, and when a leader's snapshot replaces what is here: make it the state.
    virtual Result<QuorumSnapshotHeader> restore(const QuorumSnapshots::Name& snapshot) = 0;
    // restore() has replaced the state of a running server; the next entry is at `end`.
    virtual void on_restored(Offset end) = 0;
    virtual void on_role_changed() = 0;  // or who leads: before anything else that changed with it
    virtual void on_committed() = 0;     // entries below commit() may be applied
    virtual void on_read(std::uint64_t token, std::optional<Offset> commit) = 0;
    virtual void on_frame(ServerId from, FrameKind kind, const Bytes& payload) = 0;
    virtual void on_connected(ServerId peer) = 0;  // what is sent to it may arrive now
    virtual void on_gone(ServerId peer) = 0;       // its process has ended
    // Entries from `from` on, committed and applied or not, cannot be read back to feed others: a snapshot can.
    virtual void on_damaged(Offset from, const Error& error) = 0;
    // Nor can this snapshot, which is gone now.
    virtual void on_snapshot_damaged(const std::string& file, const Error& error) = 0;
    // The log or the state file cannot be written, or contradicts what is known: this server decides nothing any more.
    virtual void on_failed(const Error& error) = 0;
  };

  QuorumReplica(QuorumReplicaOptions options, Owner& owner, Shard& shard, LogManager& logs, Disk& disk,
                Workers& workers, Network& network, Random& random);
  ~QuorumReplica() override;

  Endpoint local() const;  // where the other servers reach it
  // Reads what is on the disk, restores the newest snapshot and binds the quorum's addresses.
  Task<Result<void>> open();
  void start();
  Task<void> stop();

  // Runs `input` as an input of consensus: at once, or after those before it.
  void submit(Function<void()> input);
  // Within an input only; leader only. Entries of one batch.
  void append(const std::vector<QuorumLog::Entry>& entries);
  void read_index(std::uint64_t token);
  void transfer(ServerId to);
  bool change(Membership target);  // false: not now
  void trimmed(Offset log_start);  // the log was

  bool send(ServerId to, FrameKind kind, BufferChain payload);
  bool connected(ServerId peer) const { return transport_ && transport_->connected(peer); }
  void redial(ServerId peer) {
    if (transport_) transport_->redial(peer);
  }
  void set_addresses(std::map<ServerId, std::vector<Endpoint>> addresses);
  // An entry that is applied told the id of the ensemble.
  void learn_ensemble(const Uuid& ensemble);

  bool failed() const { return failed_; }
  bool leads() const { return core_ && core_->leads(); }
  const Consensus& core() const { return *core_; }
  Offset commit() const { return core_ ? core_->commit() : Offset(0); }
  QuorumLog& log() { return log_; }
  const QuorumLog& log() const { return log_; }
  QuorumSnapshots& snapshots() { return snapshots_; }
  Worker& worker() { return *worker_; }
  Offset restored_end() const { return restored_end_; }  // what open() restored; the next entry is at it
  const Uuid& ensemble() const { return state_.ensemble; }
  const Incarnation& incarnation() const { return state_.incarnation; }
  std::uint64_t snapshots_sent() const { return snapshots_sent_; }
  std::uint64_t snapshots_installed() const { return snapshots_installed_; }  // of leaders, in this life
  const QuorumTransport* transport() const { return transport_.get(); }
  void take_out_of_service(const Error& error) { fail(error); }

 private:
  void on_frame(ServerId from, const Incarnation& incarnation, FrameKind kind, Bytes payload) override;
  void on_connected(ServerId peer, const QuorumWelcome& welcome) override;
  void on_disconnected(ServerId peer) override;
  void on_gone(ServerId peer) override { owner_.on_gone(peer); }

  // quorum_replica_open.cpp
  Result<void> open_state();
  std::string remedy() const;  // for a damaged log
  Error unopened(const Error& error) const;
  Result<void> forget_lost_log();
  Result<void> begin_anew(std::string_view why);
  Task<Result<QuorumSnapshotHeader>> open_snapshot();
  Result<Membership> initial_membership(Membership recorded) const;
  Result<ConsensusStart> consensus_start(const QuorumSnapshotHeader& newest) const;
  Result<void> connect();

  void pump();
  bool settle();  // true: a task is under way
  void perform(Consensus::Ready& ready);
  Task<void> persist_and_perform(Consensus::Ready ready);
  Task<void> run_task(Task<void> task);
  Task<Result<void>> on_worker(std::function<Result<void>()> work);
  Task<Result<void>> write_state();
  Task<void> persist_ensemble();
  void tick();

  void on_message(ServerId from, const Incarnation& incarnation, const Bytes& payload);
  void on_append(ReceivedMessage received);
  static Result<void> check(const ReceivedMessage& append);
  void complain(std::string fault);
  void append_batches(ByteView batches, Offset from);
  Task<void> cut_and_append(Offset cut, std::optional<Offset> from, Bytes batches);
  void feed(const Consensus::Feed& feed);
  Task<void> feed_from_disk(Consensus::Feed feed);
  void send_append(const Consensus::Feed& feed, const Result<QuorumBatches>& data);
  void send(const ConsensusMessage& message, BufferChain batches);
  void send_snapshot(ServerId to);
  void drop_damaged(const QuorumSnapshots::Name& snapshot, const Error& error);
  void on_snapshot_received(const QuorumSnapshotHeader& header, const QuorumSnapshots::Name& name);
  Task<void> install(QuorumSnapshotHeader header, QuorumSnapshots::Name name);
  void append_control(ControlEntry entry);
  void fail(const Error& error);

  const QuorumReplicaOptions options_;
  Owner& owner_;
  Shard& shard_;
  Disk& disk_;
  Random& random_;
  Network& network_;
  QuorumLog log_;
  QuorumSnapshots snapshots_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<QuorumTransport> transport_;  // null: alone
  std::unique_ptr<SnapshotSender> sender_;
  std::unique_ptr<SnapshotReceiver> receiver_;
  QuorumState state_;
  bool log_is_lost_ = false;  // it had one once
  Offset restored_end_{0};
  std::optional<Consensus> core_;
  std::deque<Function<void()>> inputs_;
  std::optional<Task<void>> task_;  // what the input that was just taken has begun
  bool pumping_ = false, durable_moved_ = false, failed_ = false, stopping_ = false;
  Timer timer_;
  std::string last_fault_;
  std::uint64_t snapshots_sent_ = 0, snapshots_installed_ = 0;
  Gate gate_;
};

}  // namespace holdfast
