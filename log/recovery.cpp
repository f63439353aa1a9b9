#include "log/recovery.h"

#include <algorithm>
#include <array>

#include "log/format.h"
#include "log/journal.h"
#include "log/producer_snapshots.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {
constexpr std::uint64_t index_bytes_max = 64 << 20;
}  // namespace

// Batches tell of the epochs that began after the checkpoint was written, and of those that it should have forgotten.
void Recovery::note_epoch(PartitionLog::Recovered& state, const wire::BatchHeader& header) {
  const LeaderEpoch epoch(header.leader_epoch);
  const auto latest = state.epochs.latest();
  const bool deleted = header.last_offset() < state.start.value;
  // Where all is deleted, the last batch still tells the epoch that the log ends with.
  if (epoch.value < 0 || (deleted && latest && *latest >= epoch)) return;
  const Offset at = deleted ? Offset(header.base_offset) : std::max(Offset(header.base_offset), state.start);
  if (state.epochs.epoch_at(at) == epoch) return;
  if (state.epochs.assign(epoch, at)) state.epochs_changed = true;
}

std::string Recovery::path(const RecoveredLog& log, Offset base, std::string_view suffix) const {
  return log.directory + "/" + log_format::segment_name(base, suffix);
}

Result<void> Recovery::run() {
  for (auto [file, checkpoint] : {std::pair(log_format::recovery_point_file, &recovery_points_),
                                  std::pair(log_format::start_offset_file, &start_offsets_),
                                  std::pair(log_format::high_watermark_file, &high_watermarks_),
                                  std::pair(log_format::identity_file, &identities_)}) {
    auto read = read_offset_checkpoint(disk_, log_dir_ + "/" + std::string(file));
    if (!read) return fail(read);
    *checkpoint = std::move(*read);
  }
  auto entries = disk_.list(log_dir_);
  if (!entries) return fail(entries);
  for (const DirectoryEntry& e : *entries)
    journaled_ |= !e.directory && (e.name.starts_with(log_format::journal_prefix) ||
                                   e.name.starts_with(log_format::old_journal_prefix));
  for (const DirectoryEntry& e : *entries) {
    if (!e.directory) continue;
    if (e.name.ends_with(log_format::deleted_dir_suffix)) {
      leftovers_.push_back(log_dir_ + "/" + e.name);
      continue;
    }
    const bool future = e.name.ends_with(log_format::future_dir_suffix);
    auto loaded = future ? drop_future(e.name) : load(e.name);
    if (!loaded) return fail(loaded);
  }
  auto replayed = replay_journals(
      disk_, log_dir_,
      [this](JournalEntry::Kind kind, const LogId& id, Offset base, std::uint64_t position, ByteView bytes) {
        return replay_entry(static_cast<int>(kind), id, base, position, bytes);
      });
  if (!replayed && replayed.error().kind == ErrorKind::no_space)
    return fail(ErrorKind::no_space,
                log_dir_ + " is full: free some space and start again, nothing is lost: " + replayed.error().message);
  if (!replayed) return fail(replayed);
  return finish();
}

// It is made again, if the move is still wanted.
Result<void> Recovery::drop_future(const std::string& name) {
  leftovers_.push_back(log_dir_ + "/" + name);
  const auto partition = log_format::parse_partition_directory(name.substr(0, name.rfind('.')));
  if (!partition) return {};
  auto id = read_partition_metadata(disk_, leftovers_.back() + "/" + std::string(log_format::partition_metadata_file));
  if (!id) return fail(id);
  if (*id) futures_.push_back({**id, partition->partition});
  return {};
}

// The log is in another directory, this was to become it. Its name is wanted: it goes at once.
Result<bool> Recovery::is_copy(RecoveredLog& log) {
  auto state = read_move_state(disk_, log.directory + "/" + std::string(log_format::move_file));
  if (!state) return fail(state);
  if (!*state) return false;
  log.state.moves = (*state)->moves;
  if ((*state)->complete) return false;
  auto moved = put_aside(disk_, log.log_dir, log.directory, log.id.topic_id);
  if (!moved) return fail(moved);
  leftovers_.push_back(std::move(*moved));
  futures_.push_back(log.id);
  return true;
}

Result<std::string> put_aside(Disk& disk, const std::string& log_dir, const std::string& directory, const Uuid& id) {
  std::string hex = to_hex_uuid(id);
  std::erase(hex, '-');
  std::string gone = fmt::format("{}.{}{}", directory, hex, log_format::deleted_dir_suffix);
  auto done = disk.remove_all(gone);  // of another time
  if (done) done = disk.rename(directory, gone);
  if (done) done = disk.sync_directory(log_dir);
  if (!done) return fail(done);
  return gone;
}

Result<void> Recovery::load(const std::string& name) {
  const auto partition = log_format::parse_partition_directory(name);
  if (!partition) return {};
  RecoveredLog log;
  log.topic = partition->topic;
  log.log_dir = log_dir_;
  log.directory = log_dir_ + "/" + name;
  auto id = read_partition_metadata(disk_, log.directory + "/" + std::string(log_format::partition_metadata_file));
  if (!id) return fail(id);
  if (!*id) {
    // Its creation was cut short: nothing was ever acknowledged in it.
    auto files = disk_.list(log.directory);
    if (!files) return fail(files);
    const auto has_records = [](const auto& f) { return f.name.ends_with(log_format::log_suffix) && f.size > 0; };
    if (std::ranges::none_of(*files, has_records)) return disk_.remove_all(log.directory);
    log_line(LogLevel::warn, "log", "{} has no partition.metadata: set aside as unfinished", log.directory);
    return {};
  }
  log.id = {**id, partition->partition};
  auto copy = is_copy(log);
  if (!copy) return fail(copy);
  if (*copy) return {};
  log.config = config_of_(log.topic);
  const std::pair key(log.topic, log.id.partition);
  const auto of = identities_.find(key);
  const bool of_a_namesake = of != identities_.end() && of->second != identity_of(log.id.topic_id);
  const auto at = [&](const OffsetCheckpoint& checkpoint, Offset otherwise) {
    const auto it = checkpoint.find(key);
    return it == checkpoint.end() || of_a_namesake ? otherwise : it->second;
  };
  const RefusedLog known{log.topic, log.id, at(recovery_points_, Offset(0)), at(start_offsets_, Offset(0)),
                         at(high_watermarks_, Offset(INT64_MAX))};
  log.state.start = known.start;
  // Nothing is known to be committed of which nobody said so; its leader will tell.
  log.state.high_watermark = known.high_watermark == Offset(INT64_MAX) ? Offset(0) : known.high_watermark;
  auto loaded = load_segments(log, known.recovery_point);
  if (!loaded) {
    if (loaded.error().kind != ErrorKind::corrupt) return fail(loaded);
    log_line(LogLevel::error, "log",
             "{}: {}; the partition stays offline: restore it from a copy, or remove the directory to give up its data",
             log.directory, loaded.error().message);
    refused_.push_back(known);
    return {};
  }
  logs_.emplace(log.id, std::move(log));
  return {};
}

Result<void> Recovery::load_segments(RecoveredLog& log, Offset recovery_point) {
  auto entries = disk_.list(log.directory);
  if (!entries) return fail(entries);
  std::vector<std::pair<Offset, std::uint64_t>> found;
  for (const DirectoryEntry& e : *entries) {
    if (e.name.ends_with(log_format::deleted_suffix)) leftovers_.push_back(log.directory + "/" + e.name);
    if (const auto base = log_format::parse_segment_name(e.name, log_format::log_suffix))
      found.emplace_back(*base, e.size);
    if (const auto base = log_format::parse_segment_name(e.name, log_format::snapshot_suffix))
      log.snapshots.push_back(*base);
  }
  std::ranges::sort(found);
  std::ranges::sort(log.snapshots);
  auto& state = log.state;
  const auto is_empty = [](const auto& segment) { return segment.second == 0; };
  log.is_new = found.empty() || (!clean_ && std::ranges::all_of(found, is_empty));
  if (found.empty()) found.emplace_back(state.start, 0);
  bool epochs_known = true;
  if (auto text = disk_.read_file(log.directory + "/" + std::string(log_format::leader_epoch_file), index_bytes_max)) {
    auto epochs = LeaderEpochs::from_checkpoint(as_text(*text));
    epochs_known = epochs.has_value();
    if (epochs) state.epochs = std::move(*epochs);
    if (!epochs)
      log_line(LogLevel::warn, "log", "{}: {}: the epochs are read from the batches", log.directory,
               epochs.error().message);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool active = i + 1 == found.size();
    auto segment = std::make_unique<Segment>(found[i].first);
    const bool trusted = epochs_known && (clean_ || (!active && found[i + 1].first <= recovery_point));
    if (trusted) {
      auto done = trust(log, *segment, found[i].second, active);
      if (!done) return fail(done);
    } else {
      auto done = check(log, *segment, recovery_point, std::span(found).subspan(i + 1));
      if (!done) return fail(done);
      if (!*done) found.resize(i + 1);
    }
    state.segments.push_back(std::move(segment));
  }
  state.start = std::max(state.start, state.segments.front()->base);
  if (state.end < state.segments.back()->base) state.end = state.segments.back()->base;
  state.start = std::min(state.start, state.end);
  state.closed = clean_ && !log.first_checked;
  return load_producers(log);
}

// A file whose end is known to be right: what its indexes say, and the batches after the last entry.
Result<void> Recovery::trust(RecoveredLog& log, Segment& segment, std::uint64_t file_size, bool active) {
  segment.size = file_size;
  auto& state = log.state;
  bool timed = false;
  if (auto bytes = disk_.read_file(path(log, segment.base, log_format::timeindex_suffix), index_bytes_max)) {
    auto times = TimeIndex::from_file(*bytes);
    timed = times.has_value();
    if (times && !times->entries().empty()) {
      segment.largest_timestamp = times->entries().back().timestamp;
      segment.largest_timestamp_offset = segment.base + std::int64_t{times->entries().back().relative};
      segment.first_append_ms = times->entries().front().timestamp;
      if (active) segment.times = std::move(*times);
    }
  }
  const auto made_anew = [&]() -> Result<void> {
    log_line(LogLevel::warn, "log", "{}: its indexes do not fit it and are made anew",
             path(log, segment.base, log_format::log_suffix));
    segment = Segment(segment.base);
    auto whole = check(log, segment, Offset(INT64_MAX), {});
    if (!whole) return fail(whole);
    return {};
  };
  if (!active) return timed || file_size == 0 ? Result<void>() : made_anew();
  segment.indexes_known = true;
  std::uint64_t from = 0;
  if (auto bytes = disk_.read_file(path(log, segment.base, log_format::index_suffix), index_bytes_max)) {
    if (auto offsets = OffsetIndex::from_file(*bytes)) {
      segment.offsets = std::move(*offsets);
      if (!segment.offsets.entries().empty()) from = segment.offsets.entries().back().position;
    }
  }
  if (auto aborted = disk_.read_file(path(log, segment.base, log_format::txnindex_suffix), index_bytes_max))
    segment.aborted = std::move(*aborted);
  if (file_size == 0) return {};
  if (from >= file_size) return made_anew();
  auto scan = scan_segment(disk_, path(log, segment.base, log_format::log_suffix), segment.base, from,
                           [&](const wire::BatchHeader& h, ByteView, std::uint64_t) {
                             state.end = Offset(h.last_offset() + 1);
                             segment.bytes_since_index += h.size();
                             if (segment.first_append_ms < 0) segment.first_append_ms = h.max_timestamp;
                             if (h.max_timestamp > segment.largest_timestamp) {
                               segment.largest_timestamp = h.max_timestamp;
                               segment.largest_timestamp_offset = Offset(h.last_offset());
                             }
                           });
  if (!scan) return fail(scan);
  if (scan->valid_bytes != file_size && from > 0) return made_anew();
  if (scan->valid_bytes != file_size)
    return fail(ErrorKind::corrupt,
                fmt::format("segment {} is damaged at byte {} although the last stop was clean",
                            log_format::segment_name(segment.base, log_format::log_suffix), scan->valid_bytes));
  return {};
}

// Every batch is checked; books and indexes are made anew. False: the log ends here, and the later files are gone.
Result<bool> Recovery::check(RecoveredLog& log, Segment& segment, Offset recovery_point, Found later) {
  auto& state = log.state;
  log.first_checked = std::min(log.first_checked.value_or(segment.base), segment.base);
  segment.indexes_known = true;
  const std::string file = path(log, segment.base, log_format::log_suffix);
  state.end = std::max(state.end, segment.base);
  std::optional<std::uint64_t> unproven;  // from here on it is not known to be on the disk
  auto scan =
      scan_segment(disk_, file, segment.base, 0, [&](const wire::BatchHeader& h, ByteView, std::uint64_t position) {
        segment.note(h, h.max_timestamp, log.config.index_interval_bytes);
        state.end = Offset(h.last_offset() + 1);
        note_epoch(state, h);
        if (!unproven && state.end > recovery_point) unproven = position;
      });
  if (!scan) {
    if (scan.error().kind == ErrorKind::not_found) return true;
    return fail(scan);
  }
  const bool padded = scan->end == SegmentScan::End::zeros;  // as a segment is that was not closed
  const bool whole = padded || scan->end == SegmentScan::End::end_of_file;
  // Of what this server wrote each segment begins where the one before it ends, unless that one's end did not arrive;
  // or there is a gap so large that it had to, and a snapshot proves that all before it was on the disk.
  const auto follows = [&](Offset next) {
    return next == state.end || !journaled_ ||
           (next - state.end > gap_max && !padded && std::ranges::binary_search(log.snapshots, next));
  };
  const bool goes_on = whole && (later.empty() || follows(later.front().first));
  if ((!goes_on || padded) && state.end < recovery_point)
    return fail(ErrorKind::corrupt,
                fmt::format("segment {} is damaged at byte {}, at offset {}, below what is known to be on disk",
                            log_format::segment_name(segment.base, log_format::log_suffix), scan->valid_bytes,
                            state.end.value));
  if (!goes_on) {
    auto removed = remove_segments(log, later);
    if (!removed) return fail(removed);
  }
  auto cut = settle(file, unproven.value_or(scan->valid_bytes), scan->valid_bytes);
  if (!cut) return fail(cut);
  if (unproven) log.touched.insert(segment.base);
  if (!whole)
    log_line(LogLevel::warn, "log", "{}: cut {} bytes of an unfinished write at offset {}", file, *cut,
             state.end.value);
  return goes_on;
}

// What comes after a cut was written before it, and must not stand in the way of the replay, nor come back. Gone before
// the cut is made, or a start in between would see no reason for it.
Result<void> Recovery::remove_segments(const RecoveredLog& log, Found segments) {
  if (segments.empty()) return {};
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) {
    log_line(LogLevel::warn, "log", "{}: removed, what came before it was not finished",
             path(log, it->first, log_format::log_suffix));
    auto removed = disk_.remove(path(log, it->first, log_format::log_suffix));
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
    removed = remove_indexes(log, it->first);
    if (!removed) return removed;
  }
  return disk_.sync_directory(log.directory);
}

// The file is cut at `end` and synced. What has been read is not for that reason on the disk: the process before this
// one may have died before its sync, or its sync may have failed. Then the kernel keeps in memory, as if it were on the
// disk, what is not, and another sync says nothing of it. So all from `unproven` on is written again. Returns what was
// cut.
Result<std::uint64_t> Recovery::settle(const std::string& path, std::uint64_t unproven, std::uint64_t end) {
  constexpr std::uint64_t piece_bytes = 1 << 20;
  auto file = disk_.open(path, {.write = true});
  if (!file) return fail(file);
  auto size = (*file)->size();
  if (!size) return fail(size);
  if (*size > end) {
    auto cut = (*file)->truncate(end);
    if (!cut) return fail(cut);
  }
  std::vector<std::uint8_t> piece;
  for (std::uint64_t at = unproven; at < end; at += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min(piece_bytes, end - at)));
    auto got = (*file)->read_at(at, piece);
    if (!got) return fail(got);
    if (*got != piece.size()) return fail(ErrorKind::io, path + " became shorter while it was read");
    auto written = (*file)->write_at(at, ByteView(piece));
    if (!written) return fail(written);
  }
  auto synced = (*file)->sync_data();
  if (!synced) return fail(synced);
  return *size - end;
}

// Aborted transactions are found on the way. Those of segments that were checked are noted anew, so the producers must
// be as they were before the first of them.
Result<void> Recovery::load_producers(RecoveredLog& log) {
  auto& state = log.state;
  const auto checked = [&](const Segment& segment) { return log.first_checked && segment.base >= *log.first_checked; };
  for (const auto& segment : state.segments)
    if (checked(*segment)) segment->aborted.clear();
  auto [from, producers] = load_producers_at(disk_, log.directory, log.snapshots, state.segments.front()->base,
                                             log.first_checked.value_or(state.end));
  state.producers = std::move(producers);
  if (from == state.end) return {};
  for (const auto& segment : state.segments) {
    const bool needed = &segment == &state.segments.back() || (&segment + 1)->get()->base > from;
    if (!needed || segment->size == 0) continue;
    auto scan = scan_segment(disk_, path(log, segment->base, log_format::log_suffix), segment->base, 0,
                             [&](const wire::BatchHeader& h, ByteView batch, std::uint64_t) {
                               if (h.base_offset < from.value) return;
                               state.producers.update(h, batch);
                               for (const ProducerState::Aborted& transaction : state.producers.take_aborted())
                                 if (checked(*segment)) segment->note_aborted(transaction);
                             });
    if (!scan) return fail(scan);
  }
  return {};
}

// Rolled segments have their indexes in files: those that were made anew are written now.
Result<void> Recovery::write_indexes(RecoveredLog& log) {
  bool written_any = !log.new_snapshots.empty();
  for (std::size_t i = 0; i + 1 < log.state.segments.size(); ++i) {
    Segment& s = *log.state.segments[i];
    if (!s.indexes_known) continue;
    s.close_indexes();
    for (const auto& [suffix, content] : {std::pair(log_format::index_suffix, s.offsets.to_file()),
                                          std::pair(log_format::timeindex_suffix, s.times.to_file()),
                                          std::pair(log_format::txnindex_suffix, std::exchange(s.aborted, {}))}) {
      if (content.empty() && suffix == log_format::txnindex_suffix) {
        auto removed = disk_.remove(path(log, s.base, suffix));
        if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
        continue;
      }
      auto index = disk_.open(path(log, s.base, suffix), {.write = true, .create = true, .truncate = true});
      if (!index) return fail(index);
      auto written = (*index)->write_at(0, ByteView(content));
      if (written) written = (*index)->sync_data();
      if (!written) return fail(written);
    }
    written_any = true;
    s.offsets.clear();
    s.times.clear();
    s.indexes_known = false;
  }
  for (const auto& [at, snapshot] : log.new_snapshots) {
    auto written = disk_.write_atomically(path(log, at, log_format::snapshot_suffix), snapshot);
    if (!written) return written;
  }
  return written_any ? disk_.sync_directory(log.directory) : Result<void>();
}

// Those above the log's end, of what was lost, and those of earlier stops. The newest one stays: it is of the last
// stop.
Result<void> Recovery::remove_stray_snapshots(RecoveredLog& log) {
  const auto& segments = log.state.segments;
  bool newest = true, of_the_lost = false;
  for (auto it = log.snapshots.rbegin(); it != log.snapshots.rend(); ++it) {
    const bool of_a_segment = std::ranges::binary_search(segments, *it, {}, [](const auto& s) { return s->base; });
    if (*it <= log.state.end && (std::exchange(newest, false) || of_a_segment)) continue;
    auto removed = remove_producer_snapshot(disk_, log.directory, *it);
    if (!removed) return removed;
    of_the_lost |= *it > log.state.end;
  }
  return of_the_lost ? disk_.sync_directory(log.directory) : Result<void>();
}

Result<void> Recovery::finish() {
  // Before anything is acknowledged in them: the journal's records of a log that a start does not find are dropped.
  bool any_is_new = false;
  for (const auto& [_, log] : logs_) {
    if (!log.is_new) continue;
    any_is_new = true;
    auto named = disk_.sync_directory(log.directory);
    if (!named) return named;
  }
  if (any_is_new) {
    auto named = disk_.sync_directory(log_dir_);
    if (!named) return named;
  }
  for (auto& [_, log] : logs_) {
    for (const Offset base : log.touched) {
      auto file = disk_.open(path(log, base, log_format::log_suffix), {.write = true});
      if (!file) return fail(file);
      auto synced = (*file)->sync_data();
      if (!synced) return fail(synced);
    }
    if (!log.touched.empty()) {
      auto named = disk_.sync_directory(log.directory);
      if (!named) return fail(named);
    }
    auto indexed = write_indexes(log);
    if (!indexed) return fail(indexed);
    log.state.start = std::clamp(log.state.start, log.state.segments.front()->base, log.state.end);
    // One that began here and wrote nothing, or whose records did not arrive, is forgotten for good: what comes to
    // stand there may be of an older one.
    const std::size_t epochs_read = log.state.epochs.entries().size();
    log.state.epochs.truncate_from_end(log.state.end);
    if (log.state.epochs.entries().size() != epochs_read) log.state.epochs_changed = true;
    // The next recovery point says that all of this need not be looked at again.
    if (std::exchange(log.state.epochs_changed, false)) {
      const std::string file = log.directory + "/" + std::string(log_format::leader_epoch_file);
      const std::string text = log.state.epochs.to_checkpoint();
      auto written = disk_.write_atomically(file, as_bytes(text));
      if (!written) return written;
    }
    auto removed = remove_stray_snapshots(log);
    if (!removed) return fail(removed);
  }
  if (replayed_bytes_ > 0)
    log_line(LogLevel::info, "log", "{}: replayed {} bytes of the journal", log_dir_, replayed_bytes_);
  auto kept = keep_bounds();
  if (!kept) return kept;
  return remove_journals(disk_, log_dir_);
}

// Where logs begin, or end, that only the journal says: it goes now, and the next checkpoint is not written yet. Then
// nothing but the recovery points tells what the disk may change of the segments from a write that was cut short.
Result<void> Recovery::keep_bounds() {
  bool moved = false, raised = false;
  for (const auto& [id, log] : logs_) {
    const std::pair key(log.topic, id.partition);
    const Offset identity = identity_of(id.topic_id);
    if (const auto of = identities_.find(key); of != identities_.end() && of->second != identity)
      for (OffsetCheckpoint* checkpoint : {&recovery_points_, &start_offsets_, &high_watermarks_})
        moved |= checkpoint->erase(key) > 0;
    const auto point = recovery_points_.try_emplace(key, Offset(0)).first;
    // Nor may the next start miss what a replayed cut took.
    moved |= point->second > log.state.end;
    raised |= point->second < log.state.end;
    point->second = log.state.end;
    const auto known = start_offsets_.find(key);
    if (log.state.start != (known == start_offsets_.end() ? Offset(0) : known->second)) {
      start_offsets_[key] = log.state.start;
      moved = true;
    }
    identities_[key] = identity;
  }
  if (!moved && !raised) return {};
  for (const auto& [file, checkpoint] : {std::pair(log_format::recovery_point_file, &recovery_points_),
                                         std::pair(log_format::start_offset_file, &start_offsets_),
                                         std::pair(log_format::high_watermark_file, &high_watermarks_),
                                         std::pair(log_format::identity_file, &identities_)}) {
    auto written = write_offset_checkpoint(disk_, log_dir_ + "/" + std::string(file), *checkpoint);
    if (written) continue;
    // A full disk is no reason not to start, as long as nothing is believed that is not so.
    if (!moved && written.error().kind == ErrorKind::no_space) return {};
    return written;
  }
  return {};
}

}  // namespace holdfast
