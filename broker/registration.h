// Registration: this broker's place in the cluster: its session with the coordination quorum, its registration
// /brokers/ids/N, whose czxid is the broker's epoch, and how long it may believe in them. Lost, it registers again,
// under a new epoch. Lives on shard 0.
//
// The lease: a broker that hears nothing of the quorum stops leading long before its session could have expired, so
// that it acknowledges nothing that its successors do not have. The lease is a time, looked at with every request: a
// process that was stopped for a while finds it over when it wakes, before anything has told it. It counts from when
// the quorum was asked, once that is answered: what this server's own tree says may be of before it was stopped.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/lost_copies.h"
#include "coordination/ensemble.h"

namespace holdfast {

struct RegistrationOptions {
  std::int32_t node_id = 1;
  Duration session_timeout = std::chrono::seconds(9);
  znodes::Broker broker;   // what the znode says
  std::string cluster_id;  // that a new cluster gets
};

class Registration {
 public:
  // A session and a registration, or the loss of them.
  struct Listener {
    Function<void(SessionId session, std::int64_t broker_epoch)> joined;
    Function<void()> left;
  };

  Registration(RegistrationOptions options, BrokerServices& services, Ensemble& ensemble, Listener listener);

  // Until it is registered, however long the quorum takes. An error: it never will be, for the id is another's.
  Task<Result<void>> join();
  // From now on: watches over the lease, and registers again when that was lost.
  void keep();
  // Gives the registration back, so that nobody waits for the session to expire.
  Task<void> leave();
  // A server's process has ended: its broker need not be waited for until its session expires.
  void server_gone(ServerId server);
  void stop_waiting() { stopping_ = true; }  // join() ends soon, without an error
  // Partitions that this broker cannot serve, or not append to (LogDirectories): its registration says so, this one and
  // the next.
  void set_offline(znodes::Broker::Partitions partitions);
  void set_full(znodes::Broker::Partitions partitions);
  // What the quorum decides may be late here from now on: its log has no room. Who takes over from this broker is not
  // to wait for a lease, so this one gives it up, until it has heard all that there was to hear.
  void doubt();
  // Says in the registration that this broker stops. Before it hands anything over: what it is put out of sync with
  // would take it back in, as long as it follows.
  Task<void> tell_leaving();

  const std::string& cluster_id() const { return cluster_id_; }
  bool founded() const { return founded_; }  // the cluster: there was none when this broker came

 private:
  Task<Result<void>> prepare_znodes();
  Task<Result<void>> make_sure_of(std::string path, std::string data, bool null_data);
  Task<Result<void>> try_join();
  bool is_registered() const;
  Result<bool> remove_last_life(std::vector<Ensemble::Op>& ops) const;
  Task<Result<void>> withdraw();
  Task<Result<void>> give_up_lost_copies();
  Task<Result<bool>> write_states(std::vector<PartitionRecord> states);
  void add_directories(std::vector<Ensemble::Op>& ops) const;
  void note_left_out(Zxid registered);
  void look();
  using Told = std::tuple<znodes::Broker::Partitions, znodes::Broker::Partitions, bool>;  // offline, full, leaving
  Told to_tell() const { return {options_.broker.offline, options_.broker.full, options_.broker.leaving}; }
  void publish_soon();
  Task<void> publish();
  Task<bool> publish_once();
  Task<void> rejoin();
  Task<void> remove_registration(std::string path, Zxid czxid);
  void ask_quorum();
  void renew_lease(bool valid);

  RegistrationOptions options_;
  BrokerServices& services_;
  Ensemble& ensemble_;
  Listener listener_;
  SessionId session_{0};
  std::int64_t epoch_ = -1;
  std::string cluster_id_;
  bool founded_ = false;
  bool knows_left_out_ = false;
  bool knows_losses_ = false;  // what its directories lost before this process began is given up
  SteadyTime asked_at_{}, confirmed_at_{}, doubted_at_{};
  bool asking_ = false;    // the quorum, since asked_at_
  bool believed_ = false;  // the shards were told that they may lead
  bool removing_ = false;  // a registration of another broker
  bool joining_ = false, stopping_ = false, publishing_ = false;
  std::optional<Told> published_;  // by this registration; nothing: that is not known
  Timer timer_;
};

}  // namespace holdfast
