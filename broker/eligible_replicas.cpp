#include "broker/eligible_replicas.h"

#include <algorithm>

#include "broker/broker_ids.h"

namespace holdfast {
std::size_t effective_min_isr(const ReplicaRule& rule, std::size_t replicas) {
  return std::min(static_cast<std::size_t>(std::max<std::int64_t>(rule.min_isr, 1)), replicas);
}

std::vector<std::int32_t> eligible_after(const ReplicaRule& rule, const std::vector<std::int32_t>& isr_before,
                                         const std::vector<std::int32_t>& elr_before,
                                         const std::vector<std::int32_t>& isr,
                                         const std::vector<std::int32_t>& replicas) {
  std::vector<std::int32_t> out;
  if (isr.size() >= effective_min_isr(rule, replicas.size())) return out;
  for (const std::int32_t id : replicas)
    if (!contains(isr, id) && (contains(elr_before, id) || (rule.durable && contains(isr_before, id))))
      out.push_back(id);
  return out;
}

}  // namespace holdfast
