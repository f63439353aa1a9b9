// Ensemble: the front door of coordination. It builds and owns the znode machine, its log, the ZooKeeper server and the
// sessions, and gives the broker privileged sessions of its own, in process. Lives on shard 0.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "coordination/machine.h"
#include "coordination/quorum_driver.h"
#include "coordination/quorum_status.h"
#include "runtime/metrics.h"
#include "runtime/network.h"

namespace holdfast {

class ZkServer;

struct EnsembleOptions {
  std::int32_t server_id = 1;
  EnsembleConfig servers;                        // no servers: it stands alone
  std::vector<Endpoint> quorum;                  // where it listens for the others
  std::string quorum_address;                    // where they find it
  bool reconfig_enabled = false;                 // reconfigEnabled: otherwise the files say who belongs to the ensemble
  bool standalone_enabled = true;                // standaloneEnabled
  bool read_only_clients = false;                // readonlymode.enabled
  bool multi_address = false;                    // multiAddress.enabled
  std::int32_t init_limit = 10, sync_limit = 5;  // ticks
  bool recover_alone = false;                    // standing alone, go on with what is left of an ensemble
  std::int64_t election_timeout_ms = 200;        // a follower that hears nothing for one to two times that long stands
  std::int64_t tick_ms = 2000;                   // tickTime
  std::int64_t session_timeout_min_ms = -1, session_timeout_max_ms = -1;  // -1: 2 and 20 ticks
  std::int32_t max_client_connections = 60;  // maxClientCnxns, for each address; 0: no limit
  std::int32_t max_connections = 0;          // maxCnxns, of all clients; 0: no limit
  std::size_t jute_max_buffer = 0xfffff;
  std::vector<std::string> four_letter_words;  // 4lw.commands.whitelist; "*": all
  bool extended_types = false, enforce_quota = false;
  zk::AclOptions acl;
  std::int64_t snapshot_count = 100'000;
  std::int64_t container_check_ms = 60'000;
  Endpoint client;  // clientPortAddress, clientPort
  bool listen = true;
  std::string data_dir;  // of the snapshots
  std::vector<std::string> protected_prefixes;
  std::int64_t global_outstanding_limit = 1000;
  std::int64_t session_request_rate = 0, session_byte_rate = 0;  // in a second; 0: no bound
};

class Ensemble final : private QuorumDriver::Listener {
 public:
  struct Create {
    static constexpr std::int32_t persistent = 0, ephemeral = 1, persistent_sequential = 2;  // ZooKeeper's flags
    std::string path;
    std::string data;
    bool null_data = false;
    std::int32_t flags = 0;
  };
  struct Set {
    std::string path;
    std::string data;
    std::int32_t version = -1;
  };
  struct Delete {
    std::string path;
    std::int32_t version = -1;
  };
  struct Check {
    std::string path;
    std::int32_t version = -1;
  };
  struct CheckCzxid {
    static constexpr Zxid absent{0};  // that there is no such node
    std::string path;
    Zxid czxid;
  };
  using Op = std::variant<Create, Set, Delete, Check, CheckCzxid>;
  struct OpResult {
    zk::ZkError error = zk::ZkError::ok;
    std::string path;
    zk::Stat stat;
  };
  struct MultiResult {
    zk::ZkError error = zk::ZkError::ok;  // of the first operation that failed
    std::vector<OpResult> ops;
    Zxid zxid;
  };
  using Subscriber = QuorumDriver::Subscriber;

  using Touched = std::vector<std::pair<SessionId, std::int32_t>>;

  Ensemble(EnsembleOptions options, Shard& shard, LogManager& logs, Network& network, Disk& disk, Workers& workers,
           Clock& clock, Random& random, Metrics& metrics);
  ~Ensemble() override;

  Result<void> listen();  // binds the client port; port 0: chosen
  Endpoint local() const;
  // Recovers. Standing alone, it serves clients when this returns; one of several does when they have found a leader.
  Task<Result<void>> start();
  Task<void> stop();

  // In process, privileged, kept alive by this room as long as it lives.
  Task<Result<SessionId>> open_session(Duration timeout);
  Task<void> close_session(SessionId session);  // with its ephemerals
  bool has_session(SessionId session) const { return machine_.sessions().contains(session); }
  // Opened through that server, in whichever of its lives.
  static bool is_of_server(SessionId session, std::int32_t server);
  bool is_of_this_server(SessionId session) const { return is_of_server(session, options_.server_id); }
  // One conditional multi: answered when it is durable and applied. An error only when the log failed.
  Task<Result<MultiResult>> submit(SessionId session, std::vector<Op> ops);

  const zk::Tree& tree() const { return machine_.tree(); }
  Zxid last_applied() const { return machine_.last_applied(); }
  // In zxid order, right after apply and before any reply of the transaction leaves.
  void subscribe(Subscriber subscriber) { driver_.subscribe(std::move(subscriber)); }
  // The tree was replaced by a snapshot's: no transaction told.
  void on_replaced(Function<void()> replaced) { replaced_ = std::move(replaced); }
  // Where the quorum is led: the process of another server has ended, as nobody listens where it did.
  void on_gone(Function<void(ServerId)> gone) { gone_ = std::move(gone); }

  // For the ZooKeeper server.
  const EnsembleOptions& options() const { return options_; }
  Shard& shard() { return shard_; }
  zk::ZnodeMachine& machine() { return machine_; }
  QuorumDriver& driver() { return driver_; }
  const zk::SessionLimits& limits() const { return limits_; }
  SessionId new_session_id();
  void touch(SessionId session, std::int32_t timeout_ms);  // heard of it
  const zk::SessionExpiry& expiry() const { return expiry_; }
  std::uint64_t expired_sessions() const { return expired_sessions_; }
  bool serving() const { return serving_ && driver_.serving(); }
  bool alone() const { return driver_.alone(); }
  // It follows nobody, and shows what it has to clients that allow that.
  bool read_only() const { return options_.read_only_clients && driver_.looking(); }
  std::int64_t steady_ms() const;
  QuorumStatus quorum_status() const { return driver_.status(); }
  Endpoint quorum_local() const { return driver_.quorum_local(); }

  // What mntr tells.
  std::string monitor_lines();

 private:
  void on_events(const zk::Effects& effects) override;
  void on_leading() override;
  void on_serving(bool serving) override;
  void on_touched(SessionId session, std::int32_t timeout_ms) override;
  void on_failure(const Error& error) override;
  void on_restored() override {
    if (replaced_) replaced_();
  }
  void on_gone(ServerId server) override {
    if (gone_) gone_(server);
  }

  void tick();
  void expire();
  void report_touched();
  void on_applied(const zk::Effects& effects);

  EnsembleOptions options_;
  Shard& shard_;
  zk::SessionLimits limits_;
  zk::SessionExpiry expiry_;                             // of the server that judges
  std::unordered_map<SessionId, std::int32_t> touched_;  // heard of here, and not yet reported to the leader
  zk::ZnodeMachine machine_;
  QuorumDriver driver_;
  std::unique_ptr<ZkServer> server_;
  std::unordered_set<SessionId> own_sessions_;  // the broker's
  SessionId next_session_{0};
  std::int64_t next_container_check_ms_ = 0;
  std::uint64_t expired_sessions_ = 0;
  bool serving_ = false;
  Timer timer_, report_timer_;
  Function<void()> replaced_;
  Function<void(ServerId)> gone_;
};

}  // namespace holdfast
