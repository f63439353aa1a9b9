// What a leader makes of the membership, one step after the other, until it is what the ensemble's configuration says:
// servers come in as learners, vote when they have caught up, and go when they are named no more. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "coordination/consensus.h"
#include "coordination/ensemble_config.h"

namespace holdfast {

// `guests`: servers that are there without being named; they are fed, so that they can be named. Nothing: there is
// nothing to change now.
std::optional<Membership> next_membership(const EnsembleConfig& config, const std::set<ServerId>& guests,
                                          const Membership& current, ServerId self, Offset commit,
                                          const std::map<ServerId, Consensus::PeerState>& peers);

// Whether those who vote are those whom the configuration names, as far as they can be: nobody else does.
bool is_settled(const EnsembleConfig& config, const Membership& membership);

}  // namespace holdfast
