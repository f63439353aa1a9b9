// What a broker gives up before it registers with an emptied or replaced disk: its place in the ISR of every partition
// whose log it had there. In sync with nothing, it could be elected and lead with an empty log, and the others would
// cut theirs to match. Pure; Registration carries it out.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "broker/znodes.h"
#include "coordination/tree.h"
#include "log/log.h"

namespace holdfast {

// A partition as its znodes tell it.
struct PartitionRecord {
  std::string topic;
  LogId id;
  std::vector<std::int32_t> replicas;
  znodes::PartitionState state;
  std::int64_t topic_czxid = 0;
  std::int32_t state_version = 0;
  std::int64_t created_zxid = 0;  // of the transaction that made the partition
  std::int64_t state_zxid = 0;    // and of the one that wrote its state
};

// The partitions in which this replica is in sync, or eligible.
std::vector<PartitionRecord> partitions_counting_on(const zk::Tree& tree, std::int32_t replica);

// Those that are to have a replica on this broker, and were made before that zxid.
std::set<LogId> partitions_assigned_to(const zk::Tree& tree, std::int32_t replica, Zxid before);

struct LostCopies {
  std::vector<PartitionRecord> states;  // to be written: without that replica, and without a leader if it led
  std::size_t nobody_left = 0;          // of them: no other replica is in sync, or eligible
  // Nobody else has these, or ever will: they stay as they are, and begin empty again.
  std::size_t single = 0;
};

// `logs`: what the broker has.
LostCopies lost_copies(std::vector<PartitionRecord> partitions, std::int32_t replica, const std::set<LogId>& logs);

// Of the directories that the broker had, one is not there any more.
bool lost_directory(const std::vector<std::string>& before, const std::vector<std::string>& now);

}  // namespace holdfast
