// Recovery: what the journal's entries do to the logs that were found.
#include <algorithm>

#include "log/format.h"
#include "log/journal.h"
#include "log/producer_snapshots.h"
#include "log/recovery.h"
#include "runtime/log_line.h"

namespace holdfast {

Result<void> Recovery::replay_entry(int kind_number, const LogId& id, Offset base, std::uint64_t position,
                                    ByteView bytes) {
  const auto kind = static_cast<JournalEntry::Kind>(kind_number);
  const auto found = logs_.find(id);
  if (found == logs_.end()) return {};  // deleted since
  RecoveredLog& log = found->second;
  auto& state = log.state;
  if (kind == JournalEntry::Kind::start) {
    state.start = std::clamp(base, state.start, std::max(state.start, state.end));
    return {};
  }
  if (kind == JournalEntry::Kind::truncate) return replay_truncation(log, base);
  if (kind == JournalEntry::Kind::empty) return replay_emptying(log, base);
  Segment* active = state.segments.back().get();
  if (kind == JournalEntry::Kind::gap) {
    if (base > active->base && base > state.end && position == static_cast<std::uint64_t>(state.end.value))
      begin_segment(log, base);
    return {};
  }
  if (base > active->base) {
    // Otherwise what came between is lost, so this was never acknowledged.
    if (position != 0 || base != state.end) return {};
    begin_segment(log, base);
    active = state.segments.back().get();
  }
  if (base < active->base || position > active->size) return {};
  const std::uint64_t known = active->size - position;
  if (known >= bytes.size()) return {};
  return write_replayed(log, active->size, bytes.subspan(known));
}

void Recovery::begin_segment(RecoveredLog& log, Offset base) {
  log.state.segments.back()->close_indexes();
  log.new_snapshots[base] = log.state.producers.to_snapshot();
  log.state.segments.push_back(std::make_unique<Segment>(base));
  log.state.segments.back()->indexes_known = true;
  log.state.end = base;
}

Result<void> Recovery::remove_indexes(const RecoveredLog& log, Offset base) {
  for (const auto suffix : {log_format::index_suffix, log_format::timeindex_suffix, log_format::txnindex_suffix}) {
    auto removed = disk_.remove(path(log, base, suffix));
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
  }
  return {};
}

// The files were cut before this was written, but the appends before it in the journal have filled them again.
Result<void> Recovery::replay_truncation(RecoveredLog& log, Offset end) {
  auto& state = log.state;
  if (end >= state.end) return {};
  while (state.segments.size() > 1 && state.segments.back()->base >= end) {
    const Offset base = state.segments.back()->base;
    auto removed = disk_.remove(path(log, base, log_format::log_suffix));
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
    removed = remove_indexes(log, base);
    if (!removed) return removed;
    log.touched.erase(base);
    state.segments.pop_back();
  }
  auto rest = std::make_unique<Segment>(state.segments.back()->base);
  rest->indexes_known = true;
  state.end = rest->base;
  const std::string file = path(log, rest->base, log_format::log_suffix);
  auto scan = scan_segment(disk_, file, rest->base, 0, [&](const wire::BatchHeader& h, ByteView, std::uint64_t) {
    if (h.last_offset() >= end.value) return;
    rest->note(h, h.max_timestamp, log.config.index_interval_bytes);
    state.end = Offset(h.last_offset() + 1);
  });
  if (!scan && scan.error().kind != ErrorKind::not_found) return fail(scan);
  if (scan) {
    auto opened = disk_.open(file, {.write = true});
    if (!opened) return fail(opened);
    auto cut = (*opened)->truncate(rest->size);
    if (cut) cut = remove_indexes(log, rest->base);  // those of a file that is not what it was
    if (!cut) return cut;
    log.touched.insert(rest->base);
  }
  log.first_checked = std::min(log.first_checked.value_or(rest->base), rest->base);
  state.segments.back() = std::move(rest);
  state.epochs.truncate_from_end(state.end);
  state.epochs_changed = true;
  while (!log.snapshots.empty() && log.snapshots.back() > state.end) {
    auto removed = remove_producer_snapshot(disk_, log.directory, log.snapshots.back());
    if (!removed) return removed;
    log.snapshots.pop_back();
  }
  log.new_snapshots.erase(log.new_snapshots.upper_bound(state.end), log.new_snapshots.end());
  return load_producers(log);
}

// This was written before the files were removed: whatever is left of them goes now.
Result<void> Recovery::replay_emptying(RecoveredLog& log, Offset start) {
  auto& state = log.state;
  for (auto it = state.segments.rbegin(); it != state.segments.rend(); ++it) {
    auto removed = disk_.remove(path(log, (*it)->base, log_format::log_suffix));
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
    removed = remove_indexes(log, (*it)->base);
    if (!removed) return removed;
  }
  for (const Offset at : std::exchange(log.snapshots, {})) {
    auto removed = remove_producer_snapshot(disk_, log.directory, at);
    if (!removed) return removed;
  }
  auto file = disk_.open(path(log, start, log_format::log_suffix), {.write = true, .create = true});
  if (!file) return fail(file);
  log.new_snapshots.clear();
  log.touched = {start};
  log.first_checked = start;
  state.segments.clear();
  state.segments.push_back(std::make_unique<Segment>(start));
  state.segments.back()->indexes_known = true;
  state.start = state.end = start;
  state.epochs.clear();
  state.epochs_changed = true;
  state.producers = ProducerState();
  return {};
}

Result<void> Recovery::write_replayed(RecoveredLog& log, std::uint64_t position, ByteView bytes) {
  auto& state = log.state;
  Segment& active = *state.segments.back();
  wire::BatchWalker walker(bytes);
  wire::BatchHeader header;
  ByteView batch;
  std::size_t good = 0;
  while (walker.next(header, batch)) {
    if (!wire::verify_crc(batch) || header.base_offset < state.end.value) break;
    active.note(header, header.max_timestamp, log.config.index_interval_bytes);
    state.end = Offset(header.last_offset() + 1);
    state.producers.update(header, batch);
    for (const ProducerState::Aborted& transaction : state.producers.take_aborted()) active.note_aborted(transaction);
    note_epoch(state, header);
    good += batch.size();
  }
  if (good == 0) return {};
  auto file = disk_.open(path(log, active.base, log_format::log_suffix), {.write = true, .create = true});
  if (!file) return fail(file);
  auto written = (*file)->write_at(position, bytes.first(good));
  if (!written) return fail(written);
  log.touched.insert(active.base);
  replayed_bytes_ += good;
  return {};
}

}  // namespace holdfast
