// What a reconfig makes of the ensemble's configuration: the rules of ZooKeeper's PrepRequestProcessor, in its order,
// because clients see which one refused them. Pure.
#pragma once

#include <expected>
#include <span>

#include "coordination/ensemble_config.h"
#include "coordination/options.h"
#include "coordination/request.h"

namespace holdfast::zk {

// The configuration after `op`, with `version`, or why there is none. Whether the feature is on, the server one of an
// ensemble, the caller permitted and a quorum of the new configuration present is for others to ask.
std::expected<EnsembleConfig, ZkError> reconfigured(const EnsembleConfig& current, const ReconfigOp& op, Zxid version,
                                                    const ReconfigOptions& options);

// Whether a majority of the configuration's participants is among `synced`.
bool holds_quorum(const EnsembleConfig& config, std::span<const ServerId> synced);

}  // namespace holdfast::zk
