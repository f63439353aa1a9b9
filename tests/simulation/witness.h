// Witness: watches what servers that stand alone apply, while they do. All transactions of all lives form one sequence
// in zxid order; every server applies a prefix of it, in that order; what was applied once is in the log after every
// restart; and the state is the same wherever and however it was made: live, by replay, or by the reference machine
// here (their digests are compared).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordination/machine.h"
#include "tests/simulation/history.h"
#include "tests/simulation/node.h"

namespace holdfast::sim {

class Witness final : public NodeObserver {
 public:
  Witness(const zk::MachineOptions& options, History& history, Violations& violations)
      : reference_(options), history_(history), violations_(violations) {}

  void set_time(Function<SteadyTime()> now) { now_ = std::move(now); }
  void applied(int node, const zk::Txn& txn, std::uint64_t digest, std::optional<SteadyTime> decided) override;
  void log_was_read(int node, const std::vector<zk::Txn>& log) override;
  void started(int node, Zxid applied, std::uint64_t digest) override;
  void restored(int node) override { violation(node, "took a snapshot from nobody"); }
  void refused_to_start(int node, const std::string& why) override;
  void failed(int node) override { violation(node, "goes out of service, though its disk works"); }
  void hangs(int node) override { violation(node, "does not come to its end when it is stopped"); }

  std::uint64_t applied_count() const { return entries_.size(); }
  Zxid last() const { return entries_.empty() ? Zxid(0) : Zxid(entries_.rbegin()->first); }

 private:
  struct Entry {
    std::vector<std::uint8_t> bytes;
    std::uint64_t digest;
  };

  // Joins the sequence, or is what stands there already.
  void see(int node, const zk::Txn& txn, std::optional<SteadyTime> decided, const char* where);
  void check_digest(int node, std::int64_t zxid, std::uint64_t digest);
  void violation(int node, std::string what);

  zk::ZnodeMachine reference_;
  History& history_;
  Violations& violations_;
  Function<SteadyTime()> now_ = [] { return SteadyTime(); };
  std::map<std::int64_t, Entry> entries_;  // by zxid
  std::map<int, std::int64_t> applied_;    // the newest, by each node in this life
};

}  // namespace holdfast::sim
