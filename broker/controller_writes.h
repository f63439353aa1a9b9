// What the controller's planner decided, as conditional transactions. Each is guarded by /controller_epoch (a stale
// controller cannot write, KAFKA-6082), by the topic (not another of that name), by the versions of all it changes, and
// by the registrations of the live members of the ISRs it writes: a broker that was gone meanwhile is not in sync in
// its new life (KIP-903).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "broker/controller.h"
#include "coordination/ensemble.h"

namespace holdfast {

struct BrokerMetrics;

// What /controller_epoch says: every write of metadata carries the epoch, and is guarded by the znode's version.
struct ControllerEpoch {
  std::int32_t epoch = 0, version = 0;
  static std::optional<ControllerEpoch> read(const zk::Tree& tree);
  Ensemble::Op guard() const;
};

struct PlannedWrite {
  std::vector<Ensemble::Op> ops;
  ControllerPlan part;  // of the plan, that this carries out
};

// A topic whose znode changes is one transaction, however large; the other partitions go some 200 together. `metadata`
// is the image that the plan was made from.
std::vector<PlannedWrite> writes_of(ControllerPlan plan, const ControllerEpoch& epoch, const Metadata& metadata);

// In the metrics, once it was written.
void count_changes(BrokerMetrics& metrics, const ControllerPlan& part);

// Guards against another life of these brokers, for those of them that are alive.
void guard_brokers(std::vector<Ensemble::Op>& ops, const Metadata& metadata, std::vector<std::int32_t> brokers);

}  // namespace holdfast
