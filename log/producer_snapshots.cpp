#include "log/producer_snapshots.h"

#include <algorithm>

#include "log/format.h"

namespace holdfast {
namespace {
constexpr std::uint64_t snapshot_bytes_max = 64 << 20;

std::string snapshot_path(const std::string& directory, Offset at) {
  return directory + "/" + log_format::segment_name(at, log_format::snapshot_suffix);
}
}  // namespace

Result<std::vector<Offset>> list_producer_snapshots(Disk& disk, const std::string& directory) {
  auto entries = disk.list(directory);
  if (!entries) return fail(entries);
  std::vector<Offset> out;
  for (const DirectoryEntry& e : *entries)
    if (const auto at = log_format::parse_segment_name(e.name, log_format::snapshot_suffix)) out.push_back(*at);
  std::ranges::sort(out);
  return out;
}

ProducersAt load_producers_at(Disk& disk, const std::string& directory, std::span<const Offset> snapshots, Offset first,
                              Offset last) {
  for (auto it = snapshots.rbegin(); it != snapshots.rend() && *it >= first; ++it) {
    if (*it > last) continue;
    auto bytes = disk.read_file(snapshot_path(directory, *it), snapshot_bytes_max);
    if (!bytes) continue;
    auto state = ProducerState::from_snapshot(*bytes);
    if (state) return {*it, std::move(*state)};  // else an older one, or the log itself, says the same
  }
  return {first, {}};
}

Result<void> remove_producer_snapshot(Disk& disk, const std::string& directory, Offset at) {
  auto removed = disk.remove(snapshot_path(directory, at));
  if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
  return {};
}

}  // namespace holdfast
