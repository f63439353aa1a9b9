// Agreement: the witness of an ensemble that replicates. All transactions of all servers and lives form one sequence,
// in which zxids follow each other. Whoever applies does so in that order and leaves nothing out, from wherever the
// snapshot stands that it began with. The state is the same after each, wherever and however it was made: live, by
// replay, from a snapshot, or by the reference machine here (their digests are compared).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordination/machine.h"
#include "tests/simulation/history.h"
#include "tests/simulation/node.h"

namespace holdfast::sim {

class Agreement final : public NodeObserver {
 public:
  Agreement(const zk::MachineOptions& options, History& history, Violations& violations);

  void set_time(Function<SteadyTime()> now) { now_ = std::move(now); }
  void applied(int node, const zk::Txn& txn, std::uint64_t digest, std::optional<SteadyTime> decided) override;
  void started(int node, Zxid applied, std::uint64_t digest) override;
  void restored(int node) override;
  void log_was_read(int, const std::vector<zk::Txn>&) override {}  // it is applied when it is known to be committed
  void refused_to_start(int node, const std::string& why) override;
  void failed(int node) override;
  void hangs(int node) override;

  // What a server shows now is a state that the sequence gives.
  void shows(int node, Zxid applied, std::uint64_t digest);

 private:
  struct Entry {
    Zxid zxid;  // of its own, or that of the transaction before it
    std::vector<std::uint8_t> bytes;
    std::uint64_t digest;  // of the state after it
  };
  // Where a server goes on: at an entry from `least` to `most`, the end of the sequence.
  struct Node {
    std::size_t least = 0, most = 0;
  };

  std::size_t first_from(Zxid zxid) const;
  std::uint64_t digest_before(std::size_t entry) const;
  void append(int node, const zk::Txn& txn, std::vector<std::uint8_t> bytes, std::optional<SteadyTime> decided);
  void violation(int node, std::string what);

  zk::ZnodeMachine reference_;
  const std::uint64_t empty_digest_;
  History& history_;
  Violations& violations_;
  Function<SteadyTime()> now_ = [] { return SteadyTime(); };
  std::vector<Entry> sequence_;
  std::map<int, Node> nodes_;
};

}  // namespace holdfast::sim
