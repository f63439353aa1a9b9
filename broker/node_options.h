// What a node's configuration says to its rooms.
#pragma once

#include <string>
#include <vector>

#include "broker/ensemble_setup.h"
#include "broker/kafka_server.h"
#include "config/settings.h"
#include "coordination/ensemble.h"

namespace holdfast {

// listeners with advertised.listeners; a port that is not advertised is 0, the one that will be bound.
Result<std::vector<KafkaListener>> listeners_of(const Config& config);
// Where the node keeps its data: Kafka's settings name it, or else ZooKeeper's.
std::vector<std::string> data_directories(const Config& config);
EnsembleOptions ensemble_options(const Config& config, const EnsembleSetup& setup, const std::string& data_dir,
                                 std::int32_t node_id);

}  // namespace holdfast
