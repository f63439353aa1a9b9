// SimulatedNode: the server's own code on a host of the World, with its disk and its address, through as many lives as
// a run gives it. What it applies, and what it finds in its log when it starts, an observer sees. What of the server
// runs is its body: an ensemble with its logs and its ZooKeeper port, unless the options make another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordination/ensemble.h"
#include "log/log_manager.h"
#include "runtime/simulated_disk.h"
#include "tests/simulation/world.h"

namespace holdfast::sim {

inline constexpr std::uint16_t client_port = 2181, quorum_port = 2888;
inline constexpr const char* node_directory = "/data";
inline constexpr const char* second_directory = "/more";  // of brokers that have two

class NodeObserver {
 public:
  virtual ~NodeObserver() = default;
  // Right after the node applied it, before anybody was answered. `decided`: when it was prepared, if that is known.
  virtual void applied(int node, const zk::Txn& txn, std::uint64_t digest, std::optional<SteadyTime> decided) = 0;
  // Standing alone, and before it does anything: what its log holds, and so what it is going to apply. A life may end
  // before it has started, and leave a snapshot all the same.
  virtual void log_was_read(int node, const std::vector<zk::Txn>& log) = 0;
  // It is up, with the state that it made of its snapshot and, standing alone, of its log.
  virtual void started(int node, Zxid applied, std::uint64_t digest) = 0;
  // A leader's snapshot took the place of what it had. Told before what it applied next.
  virtual void restored(int node) = 0;
  // Its start was refused, though its disk works. It is down.
  virtual void refused_to_start(int node, const std::string& why) = 0;
  // It decides nothing any more, though its disk works.
  virtual void failed(int node) = 0;
  // It was stopped, or its world ended, and something in it waits all the same.
  virtual void hangs(int node) = 0;
};

// What runs in one life, and what it is made of.
struct LifeParts {
  World& world;
  Host& host;
  Disk& disk;
  Random& random;
  Metrics& metrics;
};
class NodeBody {
 public:
  virtual ~NodeBody() = default;
  virtual Result<void> open() = 0;                // before the loop turns: what is on the disk, ports
  virtual Task<Result<void>> bring_up() = 0;      // on shard 0
  virtual Task<void> bring_down(bool clean) = 0;  // on shard 0; not clean: it is dead, and only has to end
  virtual LogManager& logs() = 0;                 // these two once it is open
  virtual Ensemble& ensemble() = 0;
  // It goes on without one of its directories, until it is restarted.
  virtual bool is_impaired() { return false; }
};

enum class Crash : std::uint8_t {
  process,         // kill -9: the kernel keeps what was written, and tells the peers
  power,           // what was not synced is lost, torn or kept, as the disk's chance has it
  power_and_cache  // all that was not synced is lost
};

struct NodeOptions {
  int id = 1;
  std::string address;
  EnsembleOptions ensemble;
  Function<std::unique_ptr<NodeBody>(const LifeParts& parts)> make_body;  // none: see above
  int shards = 1;
  Duration job_delay{};                      // the longest that a disk job takes
  bool memory_outlives_disk_errors = false;  // see Plan
};

class SimulatedNode {
 public:
  SimulatedNode(World& world, NodeOptions options, NodeObserver& observer);
  ~SimulatedNode();

  int id() const { return options_.id; }
  const std::string& address() const { return options_.address; }
  SimulatedDisk& disk() { return disk_; }
  NodeOptions& options() { return options_; }  // changes count from the next start

  void start();
  bool running() const { return life_ != nullptr; }
  bool up() const;  // its ensemble can be asked
  bool serving() const;
  bool failed() const;  // its log cannot be written any more: it waits for a restart
  bool impaired() const { return up() && body().is_impaired(); }
  void report_failure() { observer_.failed(options_.id); }
  // As one of its own loop would; true: it is up, and did.
  bool ask(Function<void(Ensemble&)> what);
  // These end the life, from between the turns of the hosts.
  void crash(Crash how);
  void crash_after_disk_error();
  // Before the n-th call from now that changes its disk (0: the next), wherever that is in the code.
  void crash_at_disk_call(std::uint64_t n, Crash how);
  // Before the n-th such call after a snapshot has got its name.
  void crash_after_snapshot(std::uint64_t n, Crash how);
  void crash_at_vote(Crash how);  // when it begins to write down its term or its vote
  void forget_crash() {
    crash_in_ = 0;
    crash_at_vote_ = false;
    crash_after_snapshot_.reset();
  }
  void reformat();  // it is down: its disk is empty
  void stop();      // it is up: sessions stay; nothing is lost. It takes its time
  // The n-th call of that kind from now fails; no space is left; until mended, or not at all after a while.
  void fail_disk_call(DiskCall call, std::uint64_t n, int os_error);
  void fill_disk();
  // Every call on what is below that path fails.
  void fail_directory(std::string path);
  void mend_disk();
  // From now on its disk is a damaged one, until it is reformatted, or the remedy is done.
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  bool disk_is_damaged() const { return disk_is_damaged_; }
  // Why it did not start from its damaged disk, and what to do; empty: it did.
  const std::string& refusal() const { return refusal_; }
  void remedy(const std::string& remove);  // it is down: this is removed from its disk
  // Each job of its disk takes up to that; nothing: as its options have it.
  void slow_disk(std::optional<Duration> longest);
  bool disk_is_faulty() const { return disk_is_faulty_; }
  void pause(Duration how_long);
  void set_drift(std::int64_t ppm);
  void jump_wall_clock(std::int64_t ms);

  Host& host();
  Ensemble& ensemble();
  NodeBody& body() const;
  std::uint64_t life() const { return lives_; }  // which one this is
  std::uint64_t crashes() const { return crashes_; }
  std::uint64_t disk_calls() const { return disk_calls_; }
  std::uint64_t snapshots_installed() const { return snapshots_installed_; }  // of leaders, in earlier lives

 private:
  struct Life;

  Task<void> bring_up(Life& life);
  std::optional<SteadyTime> decided(const zk::Txn& txn) const;
  void ended(std::string why);
  void end_soon(Life& life, std::string why);
  // Runs what is left of a dying node, which reaches nothing any more, until it can be taken down.
  void take_down();
  void finish_stop(std::uint64_t life, SteadyTime until);
  void before_disk_call(DiskCall call, const std::string& path);

  World& world_;
  NodeOptions options_;
  NodeObserver& observer_;
  SimulatedDisk disk_;
  std::unique_ptr<Life> life_;
  bool disk_is_faulty_ = false;
  bool disk_erred_ = false;       // in this life: memory may show what the disk has not
  std::string failed_directory_;  // empty: none
  bool disk_is_damaged_ = false;
  std::string refusal_;
  std::uint64_t crash_in_ = 0;  // changes of the disk; 0: never
  std::optional<std::uint64_t> crash_after_snapshot_;
  bool crash_at_vote_ = false;
  Crash crash_how_ = Crash::power;
  std::uint64_t crashes_ = 0, disk_calls_ = 0, lives_ = 0, snapshots_installed_ = 0;
};

}  // namespace holdfast::sim
