// Eligible leader replicas (KIP-966): replicas that are not in sync any more and still have all that was committed, for
// nothing was committed since they left. They may lead when nobody in sync is alive. Pure.
//
// What makes it safe is one rule of the leader (InSyncReplicas::high_watermark): while the committed state that it
// leads by has an ELR, the high watermark stands still. So it does not matter which min.insync.replicas anybody
// believes in: the setting only says who enters the ELR and when it is emptied, and the high watermark moves after that
// was written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast {

// What a topic's settings mean to its replicas.
struct ReplicaRule {
  std::int64_t min_isr = 1;  // min.insync.replicas
  // What is acknowledged is on the disks of all in sync. Not so with write.caching=true: who restarted may have lost
  // what it had, so nobody becomes eligible, and the last member of the ISR stays in it.
  bool durable = true;
};

// More than there are replicas cannot be asked for (Kafka's effective min ISR).
std::size_t effective_min_isr(const ReplicaRule& rule, std::size_t replicas);

// The ELR, in the order of the assignment, once `isr` are in sync of `replicas`; before, `isr_before` were, and
// `elr_before` eligible.
std::vector<std::int32_t> eligible_after(const ReplicaRule& rule, const std::vector<std::int32_t>& isr_before,
                                         const std::vector<std::int32_t>& elr_before,
                                         const std::vector<std::int32_t>& isr,
                                         const std::vector<std::int32_t>& replicas);

}  // namespace holdfast
