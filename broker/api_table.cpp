#include "broker/api_table.h"

#include <fmt/format.h>

#include <array>

#include "broker/handlers/handlers.h"
#include "wire/kafka/replica_report.h"

namespace holdfast {
namespace {

constexpr std::int16_t never = 32767;
using namespace handlers;

// clang-format off
constexpr std::array rows{
  //     key name                       versions advertised flexible
  ApiRow{0,  "Produce",                   3, 13,  0,   9, produce},
  ApiRow{1,  "Fetch",                     4, 18,  4,  12, fetch},
  ApiRow{2,  "ListOffsets",               1, 11,  1,   6, list_offsets},
  ApiRow{3,  "Metadata",                  0, 13,  0,   9, metadata},
  ApiRow{8,  "OffsetCommit",              2, 10,  2,   8, offset_commit},
  ApiRow{9,  "OffsetFetch",               1, 10,  1,   6, offset_fetch},
  ApiRow{10, "FindCoordinator",           0,  6,  0,   3, find_coordinator},
  ApiRow{11, "JoinGroup",                 0,  9,  0,   6, join_group},
  ApiRow{12, "Heartbeat",                 0,  4,  0,   4, heartbeat},
  ApiRow{13, "LeaveGroup",                0,  5,  0,   4, leave_group},
  ApiRow{14, "SyncGroup",                 0,  5,  0,   4, sync_group},
  ApiRow{15, "DescribeGroups",            0,  6,  0,   5, describe_groups},
  ApiRow{16, "ListGroups",                0,  5,  0,   3, list_groups},
  ApiRow{18, "ApiVersions",               0,  4,  0,   3, api_versions},
  ApiRow{19, "CreateTopics",              2,  7,  2,   5, create_topics},
  ApiRow{20, "DeleteTopics",              1,  6,  1,   4, delete_topics},
  ApiRow{21, "DeleteRecords",             0,  2,  0,   2, delete_records},
  ApiRow{22, "InitProducerId",            0,  5,  0,   2, init_producer_id},
  ApiRow{23, "OffsetForLeaderEpoch",      2,  4,  2,   4, offset_for_leader_epoch},
  ApiRow{32, "DescribeConfigs",           1,  4,  1,   4, describe_configs},
  ApiRow{33, "AlterConfigs",              0,  2,  0,   2, alter_configs},
  ApiRow{34, "AlterReplicaLogDirs",       1,  2,  1,   2, alter_replica_log_dirs},
  ApiRow{35, "DescribeLogDirs",           1,  5,  1,   2, describe_log_dirs},
  ApiRow{37, "CreatePartitions",          0,  3,  0,   2, create_partitions},
  ApiRow{42, "DeleteGroups",              0,  2,  0,   2, delete_groups},
  ApiRow{43, "ElectLeaders",              0,  2,  0,   2, elect_leaders},
  ApiRow{44, "IncrementalAlterConfigs",   0,  1,  0,   1, incremental_alter_configs},
  ApiRow{45, "AlterPartitionReassignments", 0, 1, 0,  0, alter_partition_reassignments},
  ApiRow{46, "ListPartitionReassignments", 0, 0,  0,   0, list_partition_reassignments},
  ApiRow{47, "OffsetDelete",              0,  0,  0, never, offset_delete},
  ApiRow{60, "DescribeCluster",           0,  2,  0,   0, describe_cluster},
  ApiRow{61, "DescribeProducers",         0,  0,  0,   0, describe_producers},
  ApiRow{75, "DescribeTopicPartitions",   0,  0,  0,   0, describe_topic_partitions},
};
// clang-format on

// Among Holdfast's own brokers.
constexpr ApiRow report_row{wire::ReplicaReport::api.key, "ReplicaReport", 0, 0, 0, 0, replica_report};

constexpr auto index_by_key = [] {
  std::array<std::int8_t, 128> index{};
  index.fill(-1);
  for (std::size_t i = 0; i < rows.size(); ++i)
    index[static_cast<std::size_t>(rows[i].key)] = static_cast<std::int8_t>(i);
  return index;
}();

}  // namespace

std::span<const ApiRow> api_rows() { return rows; }

const ApiRow* api_row(std::int16_t key) {
  if (key == report_row.key) return &report_row;
  if (key < 0 || static_cast<std::size_t>(key) >= index_by_key.size()) return nullptr;
  const std::int8_t i = index_by_key[static_cast<std::size_t>(key)];
  return i < 0 ? nullptr : &rows[static_cast<std::size_t>(i)];
}

std::string api_table_markdown() {
  std::string out =
      "# Kafka APIs served\n\nGenerated from `broker/api_table.cpp`; a test keeps it current. Any other key or version "
      "closes the connection, as Kafka does; an unknown version of ApiVersions is answered in version 0 (KIP-511).\n\n"
      "| key | name | versions served | advertised |\n|--:|--|--|--|\n";
  for (const ApiRow& row : rows)
    out += fmt::format("| {} | {} | {}-{} | {}-{} |\n", row.key, row.name, row.first, row.last, row.advertised_first,
                       row.last);
  return out;
}

}  // namespace holdfast
