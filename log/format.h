// Names and numbers of the files of a log directory. Kafka's, but for the journal's (docs/log_format.md).
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/strong.h"

namespace holdfast::log_format {

inline constexpr std::string_view log_suffix = ".log", index_suffix = ".index", timeindex_suffix = ".timeindex",
                                  txnindex_suffix = ".txnindex", snapshot_suffix = ".snapshot",
                                  deleted_suffix = ".deleted", deleted_dir_suffix = "-delete",
                                  future_dir_suffix = "-future";
inline constexpr std::string_view recovery_point_file = "recovery-point-offset-checkpoint",
                                  start_offset_file = "log-start-offset-checkpoint",
                                  high_watermark_file = "replication-offset-checkpoint",
                                  identity_file = "log-identity-checkpoint",
                                  clean_shutdown_file = ".kafka_cleanshutdown", meta_file = "meta.properties",
                                  lock_file = ".lock", partition_metadata_file = "partition.metadata",
                                  leader_epoch_file = "leader-epoch-checkpoint", move_file = "move.metadata",
                                  journal_prefix = "journal.";
// No partition's directory ends like a journal's file: "journal.<shard>.<number>". They were
// "journal-<shard>-<number>", which a topic could be called; such files are still read.
inline constexpr std::string_view old_journal_prefix = "journal-";

inline constexpr std::size_t offset_entry_bytes = 8, time_entry_bytes = 12, txn_entry_bytes = 34;
inline constexpr std::size_t snapshot_crc_covers_from = 6;  // of a producer snapshot

// 20 digits, so that names sort as numbers.
inline std::string segment_name(Offset base, std::string_view suffix) {
  return fmt::format("{:020}{}", base.value, suffix);
}

inline std::optional<Offset> parse_segment_name(std::string_view name, std::string_view suffix) {
  if (name.size() != 20 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  std::int64_t base = 0;
  const std::string_view digits = name.substr(0, 20);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), base);
  if (error != std::errc() || end != digits.data() + digits.size() || base < 0) return std::nullopt;
  return Offset(base);
}

struct PartitionName {
  std::string topic;
  std::int32_t partition = 0;
};
// "<topic>-<partition>"; nothing when the directory is something else.
inline std::optional<PartitionName> parse_partition_directory(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == name.npos || dash == 0) return std::nullopt;
  PartitionName out{std::string(name.substr(0, dash)), -1};
  const auto [end, error] = std::from_chars(name.data() + dash + 1, name.data() + name.size(), out.partition);
  if (error != std::errc() || end != name.data() + name.size() || out.partition < 0) return std::nullopt;
  return out;
}

}  // namespace holdfast::log_format
