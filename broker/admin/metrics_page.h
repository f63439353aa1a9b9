// What /metrics says: the registry's counters and histograms, and gauges that are gathered from every shard when they
// are asked for: partitions, groups, log directories, the process; and ZooKeeper's own numbers under the names that its
// Prometheus provider gives them, so that its dashboards work. Runs on shard 0.
#pragma once

#include <string>

#include "runtime/metrics.h"
#include "runtime/task.h"

namespace holdfast {

struct BrokerServices;
class Ensemble;

// `services` may have no shards of a broker: a node that only coordinates.
Task<std::string> metrics_page(BrokerServices& services, Ensemble& ensemble, Metrics& metrics);

}  // namespace holdfast
