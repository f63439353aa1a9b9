// ConsensusWorld: an ensemble of consensus cores on model logs and a model network, driven from one seed: every fault
// that a run meets follows from it. After each input the rules of Raft are checked, over all servers at once.
//
// Faults: messages lost, doubled, late, out of order; links cut one way or both; crashes that lose what was not synced
// (a prefix of what was written survives); servers that stand still for a while, and do not know it; servers that come
// back with an empty disk, never a majority of them;
// meanwhile the membership changes, leadership is handed over, logs are trimmed and snapshots sent.
//
// Checked: one leader per term; equal (offset, term) means equal batch and equal past; a new leader holds what was
// committed before; what is committed is durable at a majority, never changes, and is applied alike everywhere; a read
// sees what was committed before it began; while a leader is sure that it leads, nobody else does; and when the faults
// end, a proposal is soon committed at every member.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordination/consensus.h"
#include "runtime/random.h"

namespace holdfast::consensus_world {

using Message = ConsensusMessage;

inline constexpr int election_ticks = 8;

struct Batch {
  Span span;
  std::uint64_t payload = 0;
};

// A log, in memory or on disk.
struct ModelLog {
  Offset start{0};
  Term term_before{0};    // of the entry before `start`
  Membership membership;  // at `start`
  std::vector<Batch> batches;

  Offset end() const { return batches.empty() ? start : batches.back().span.end; }
  const Batch* at(Offset base) const;
  std::pair<Offset, Term> before(Offset base) const;  // base and term of the batch that ends there
  void truncate(Offset to);
  void trim(Offset to);
};

struct ModelSnapshot {
  Offset end{0};
  Term last_term{0};
  Membership membership;
  std::uint64_t digest = 0;
};

struct LogWrite {
  std::optional<Offset> truncate_to;  // or else:
  Batch batch;
};

struct Wire {
  Message message;
  std::vector<Batch> batches;
  std::optional<ModelSnapshot> snapshot;
};

struct Server {
  ServerId id;
  // On disk
  Incarnation incarnation{};
  HardState hard_state;
  ModelLog disk;
  ModelSnapshot snapshot;
  // In memory
  ModelLog log;
  std::deque<LogWrite> unsynced;
  std::optional<Consensus::Ready> blocked_by;  // its hard state is being written
  std::int64_t paused_until = 0;
  std::deque<Wire> inbox;  // meanwhile
  std::deque<std::pair<std::int64_t, Consensus::Feed>> feeds;
  std::optional<std::pair<std::int64_t, Wire>> installing;
  Offset applied{0};
  std::uint64_t digest = 0;
  std::map<std::uint64_t, Offset> reads;  // token: what must be seen
  std::unique_ptr<Random> random;
  std::unique_ptr<Consensus> core;
};

// How likely what is, per tick or message: each run draws its own.
struct Weather {
  double lost, doubled, cut, healed, crash, deposed, restart, blank, pause, write, sync, proposal, change, transfer,
      trim, read;
  std::int64_t delay_max;
  bool in_order;
  int heartbeat_ticks;
  std::uint64_t batches_max;  // in an append
};

struct Tally {
  std::uint64_t committed = 0, leaders = 0, crashes = 0, blanks = 0, changes = 0, transfers = 0, snapshots = 0,
                reads = 0, replaced = 0, truncations = 0;
  Tally& operator+=(const Tally& other);
};

class World {
 public:
  // Traced: it prints what happens, message by message.
  explicit World(std::uint64_t seed, bool traced = false);
  // What was broken, or nothing.
  std::optional<std::string> run(int ticks = 500);
  const Tally& tally() const { return tally_; }

 private:
  // consensus_world.cpp: the world
  void tick();
  void calm();
  void chaos();
  void start(Server& server);
  void crash(Server& server);
  void wipe(Server& server);
  Membership as_configured() const;
  void cut_links();
  void depose();
  void propose(Server& server);
  void change_membership(Server& server);
  void trim(Server& server);
  static void reach_disk(Server& server, std::uint64_t writes);
  void write_and_sync(Server& server);
  void deliver();
  void send(Wire wire);
  void receive(Server& server, const Wire& wire);
  void receive_all(Server& server);  // of its inbox
  bool is_paused(const Server& server) const { return server.paused_until > now_; }
  void install(Server& server, const Wire& wire);
  void pump(Server& server);
  void perform(Server& server, Consensus::Ready ready);
  void feed(Server& server, const Consensus::Feed& feed);
  void lead(Server& server, const Consensus::Ready& ready);
  void append(Server& server, std::int64_t entries, std::optional<Membership> membership);
  void apply(Server& server, Offset to);
  Offset durable_end(const Server& server) const;
  bool chance(double of);
  std::uint64_t below(std::uint64_t bound) { return random_->below(bound); }
  Server* leading();
  Server& server(ServerId id) { return servers_.at(id); }

  void trace(const std::string& what) const;

  // consensus_checks.cpp: what must hold
  void broken(const std::string& what);
  void check(Server& server);
  void check_leader(Server& server);
  void note_created(const Server& server, const Batch& batch, std::pair<Offset, Term> before);
  void check_received(const Server& server, const Batch& batch, std::pair<Offset, Term> before);
  void note_committed(Server& server, const Batch& batch);
  void check_digest(const Server& server);
  bool may_lose(ServerId id) const;
  bool keeps_quorum(const Membership& membership, std::optional<ServerId> without) const;
  std::optional<std::string> members_lack(Offset end) const;

  struct Created {
    std::uint64_t payload;
    Offset end;
    std::pair<Offset, Term> before;
  };
  struct Committed {
    Batch batch;
    Term by;  // the term of who committed it first
  };

  std::unique_ptr<Random> random_;
  Weather weather_{};
  std::int64_t now_ = 0;
  bool calm_ = false;
  Membership configured_;
  std::map<ServerId, Server> servers_;
  std::multimap<std::int64_t, Wire> in_flight_;
  std::map<std::pair<ServerId, ServerId>, std::int64_t> last_delivery_;
  std::set<std::pair<ServerId, ServerId>> cut_;
  std::multimap<std::int64_t, std::pair<ServerId, std::pair<ServerId, std::optional<Offset>>>> snapshot_ends_;
  std::uint64_t next_payload_ = 1, next_token_ = 1;
  std::set<std::uint64_t> proposals_;  // payloads

  std::map<std::pair<Offset, Term>, Created> created_;
  std::map<Offset, Committed> committed_;
  Offset committed_end_{0};
  std::map<Offset, std::uint64_t> digests_;
  std::map<Term, std::pair<ServerId, Incarnation>> leaders_;
  std::set<ServerId> wiped_;
  std::optional<std::string> broken_;
  Tally tally_;
  bool traced_ = false;
};

}  // namespace holdfast::consensus_world
