#include "log/partition_log.h"

#include <algorithm>

#include "log/format.h"
#include "log/journal.h"
#include "log/log_shard.h"
#include "runtime/log_line.h"
#include "wire/writer.h"

namespace holdfast {
namespace {
constexpr std::uint64_t write_behind_bytes = 1 << 20;

std::uint64_t round_up(std::uint64_t n) { return (n + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes; }
std::uint64_t round_down(std::uint64_t n) { return n - n % disk_block_bytes; }
}  // namespace

PartitionLog::PartitionLog(LogShard& home, LogId id, std::string topic, std::string log_dir, LogConfig config)
    : home_(home),
      id_(id),
      topic_(std::move(topic)),
      log_dir_(std::move(log_dir)),
      directory_(fmt::format("{}/{}-{}", log_dir_, topic_, id.partition)),
      config_(config) {}

PartitionLog::~PartitionLog() = default;

void PartitionLog::account_tail() {
  home_.tails_changed(accounted_, tail_.memory());
  accounted_ = tail_.memory();
}

void PartitionLog::mark_removed() {
  removed_ = true;
  home_.tails_changed(std::exchange(accounted_, 0), 0);
}

void PartitionLog::open(Recovered r) {
  segments_ = std::move(r.segments);
  std::uint64_t address = 0;
  for (auto& s : segments_) {
    s->address = address;
    address = round_up(s->end_address());
  }
  tail_ = Tail(active().end_address());
  partial_block_loaded_ = active().size % disk_block_bytes == 0;
  taken_ = flushed_ = synced_ = tail_.end();
  start_offset_ = durable_start_ = r.start;
  end_offset_ = written_end_ = durable_end_ = synced_offset_ = batches_from_ = r.end;
  checkpointed_high_watermark_ = high_watermark_ = std::clamp(r.high_watermark, r.start, r.end);
  epochs_ = std::move(r.epochs);
  epochs_changed_ = r.epochs_changed;
  closed_ = r.closed && !r.epochs_changed;
  producers_ = std::move(r.producers);
  moves_ = r.moves;
}

std::uint64_t PartitionLog::size_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& s : segments_) bytes += s->size;
  return bytes;
}

Result<void> PartitionLog::load_partial_block() {
  const std::size_t size = active().size % disk_block_bytes;
  auto file = home_.disk().open(directory_ + "/" + log_format::segment_name(active().base, log_format::log_suffix), {});
  if (!file) return fail(file);
  std::vector<std::uint8_t> block(size);
  auto got = (*file)->read_at(round_down(active().size), block);
  if (!got) return fail(got);
  if (*got != size) return fail(ErrorKind::corrupt, directory_ + ": segment is shorter than its books say");
  tail_.preload(block);
  partial_block_loaded_ = true;
  return {};
}

bool PartitionLog::has_room() const { return config_.quorum || !home_.directory(log_dir_).is_full(); }

Result<void> PartitionLog::append(ByteView batch, const wire::BatchHeader& header, Need need) {
  if (failed_ || removed_) return fail(ErrorKind::closed, directory_ + " is out of service");
  LogShard::Directory& dir = home_.directory(log_dir_);
  Journal& journal = *dir.journal;
  // Refused as soon as segments cannot be written: what room the journal has left is for the log that coordinates, so
  // that topics can still be deleted. That one waits for space; it cannot take back what others were told to expect.
  if (dir.is_full() && !config_.quorum) return fail(ErrorKind::no_space, log_dir_ + " is full");
  HOLDFAST_CHECK(header.base_offset >= end_offset_.value && batch.size() == header.size());
  if (reshaping_) return fail(ErrorKind::internal, directory_ + ": appended to while it is cut");
  const std::int64_t now_ms = home_.shard().clock().wall_ms();
  if (active().must_roll(header, config_, now_ms)) {
    const bool near = Offset(header.base_offset) - end_offset_ <= gap_max;
    roll_segment(near ? end_offset_ : Offset(header.base_offset));
  }
  if (!partial_block_loaded_) {
    // Once after a start: the file's last block is needed again for an aligned write.
    auto loaded = load_partial_block();
    if (!loaded) return fail(loaded);
  }
  closed_ = false;
  batches_.push_back({header.base_offset, header.last_offset() + 1, tail_.end()});
  tail_.append(batch);
  account_tail();
  active().note(header, now_ms, config_.index_interval_bytes);
  end_offset_ = Offset(header.last_offset() + 1);
  last_append_ms_ = now_ms;
  if (header.leader_epoch >= 0 && epochs_.assign(LeaderEpoch(header.leader_epoch), Offset(header.base_offset)))
    epochs_changed_ = true;
  producers_.update(header, batch);
  for (const ProducerState::Aborted& transaction : producers_.take_aborted()) active().note_aborted(transaction);
  journal.note_pending(batch.size());
  if (!std::exchange(noted_, true)) {
    journal.note(shared_from_this(), need);
  } else {
    journal.need(need);
  }
  return {};
}

void PartitionLog::roll_segment(Offset base) {
  closed_ = false;
  active().close_indexes();
  ++unfinished_segments_;
  auto next = std::make_unique<Segment>(base);
  if (base != end_offset_) next->follows = end_offset_;
  snapshots_.emplace_back(base, producers_.to_snapshot());
  next->indexes_known = true;
  next->address = round_up(tail_.end());
  if (!partial_block_loaded_) {
    // Nothing was appended since the start: the old segment is complete in its file.
    tail_ = Tail(next->address);
    partial_block_loaded_ = true;
  } else {
    tail_.skip_to(next->address);
  }
  segments_.push_back(std::move(next));
  flush_wanted_ = true;
  home_.flush(shared_from_this());
}

// ---- Journal ----

PartitionLog::Taken PartitionLog::take(std::vector<JournalEntry>& entries) {
  noted_ = false;
  Taken taken{end_offset_, tail_.end(), 0};
  for (std::size_t i = segments_.size(); i-- > 0 && segments_[i]->end_address() > taken_;)
    if (i == 0 || segments_[i - 1]->end_address() <= taken_) {
      for (; i < segments_.size(); ++i) {
        const Segment& s = *segments_[i];
        const std::uint64_t from = std::max(taken_, s.address);
        if (from >= s.end_address()) continue;
        if (from == s.address && s.follows) {
          JournalEntry& gap = entries.emplace_back();
          gap.kind = JournalKind::gap;
          gap.log = id_;
          gap.segment_base = s.base;
          gap.position = static_cast<std::uint64_t>(s.follows->value);
        }
        JournalEntry& e = entries.emplace_back();
        e.log = id_;
        e.segment_base = s.base;
        e.position = from - s.address;
        e.bytes = tail_.slice(from, s.end_address());
        taken.bytes += e.bytes.size();
      }
      break;
    }
  taken_ = taken.address;
  return taken;
}

void PartitionLog::round_done(const Taken& taken, bool synced) {
  if (failed_ || removed_) return;
  const auto self = shared_from_this();  // a listener may drop the log
  if (held_back_ && taken.end <= end_offset_) {
    held_back_->written = std::max(held_back_->written, taken.end);
    if (synced) held_back_->durable = std::max(held_back_->durable, taken.end);
  } else if (taken.end <= end_offset_) {  // not cut off since
    if (taken.end > written_end_) {
      written_end_ = taken.end;
      if (listener_) listener_->on_written(taken.end);
    }
    if (synced && taken.end > durable_end_) {
      durable_end_ = taken.end;
      if (listener_) listener_->on_durable(taken.end);
    }
  }
  if (wants_flush()) home_.flush(self);
}

bool PartitionLog::bypass_journal() {
  if (!bulk_) {
    if (flushing_ || failed_ || removed_ || tail_.end() - taken_ < config_.bulk_bytes) return false;
    // Until the next checkpoint nothing would tell what the disk has changed of it from a torn end.
    if (config_.quorum) return false;
    // A replay that goes through a truncation would take with it what the journal has not.
    if (home_.journal_of(*this).oldest_generation() <= reshaped_in_) return false;
    flush_wanted_ = true;
    home_.flush(shared_from_this());
    if (!flushing_) return false;
    noted_ = false;
    bulk_ = Taken{end_offset_, tail_.end(), tail_.end() - taken_};
    taken_ = tail_.end();
    return true;
  }
  bulk_blocks_ = true;
  return true;
}

void PartitionLog::bulk_done() {
  const Taken taken = *std::exchange(bulk_, std::nullopt);
  Journal& journal = home_.journal_of(*this);
  journal.went_past(taken.bytes);
  if (removed_) return;
  if (std::exchange(bulk_blocks_, false)) journal.note(shared_from_this(), Need::durable);
  round_done(taken, true);
}

// ---- Files ----

bool PartitionLog::wants_flush() const {
  return !flushing_ && !failed_ && !reshaping_ && (flush_wanted_ || tail_.end() - flushed_ >= write_behind_bytes);
}

void PartitionLog::flush_soon() {
  flush_wanted_ = true;
  if (flushing_) return;
  home_.flush(shared_from_this());
  // Nothing was left to do.
  if (!flushing_)
    for (auto& waiter : std::exchange(flush_waiters_, {})) waiter();
}

std::optional<FlushJob> PartitionLog::next_flush(bool everything) {
  if (flushing_ || failed_ || removed_ || reshaping_) return std::nullopt;
  const bool all = everything || std::exchange(flush_wanted_, false);
  const std::uint64_t end = tail_.end();
  const std::uint64_t target = all ? end : round_down(end);
  if (target <= flushed_ && !(all && (synced_ < end || unfinished_segments_ > 0 || epochs_changed_)))
    return std::nullopt;
  FlushJob job;
  job.log = shared_from_this();
  job.directory = directory_;
  job.address = std::max(target, flushed_);
  job.offset = end_offset_;
  job.synced = all;
  const std::size_t first_unfinished = segments_.size() - 1 - static_cast<std::size_t>(unfinished_segments_);
  for (std::size_t i = first_unfinished; i < segments_.size(); ++i) {
    Segment& s = *segments_[i];
    const std::uint64_t from = std::max(flushed_, s.address), to = std::min(job.address, s.end_address());
    if (from < to) job.writes.push_back({s.base, round_down(from) - s.address, tail_.aligned(from, to)});
    if (&s != &active() && all) {
      // What is before the segment's end is in the file by then; with less than that nothing can be closed.
      job.close.push_back({s.base, s.size, s.offsets.to_file(), s.times.to_file(), std::move(s.aborted)});
      s.offsets.clear();
      s.times.clear();
      s.indexes_known = false;
    }
  }
  if (all) {
    job.sync.push_back(active().base);
    job.producers = std::exchange(snapshots_, {});
    if (std::exchange(epochs_changed_, false)) job.epochs = epochs_.to_checkpoint();
    unfinished_segments_ = 0;
  }
  flushing_ = true;
  return job;
}

void PartitionLog::flushed(const FlushJob& job) {
  flushing_ = false;
  if (removed_) {
    if (bulk_) bulk_done();
    for (auto& waiter : std::exchange(flush_waiters_, {})) waiter();
    return;
  }
  flushed_ = std::max(flushed_, job.address);
  if (job.synced) {
    synced_ = std::max(synced_, job.address);
    synced_offset_ = std::max(synced_offset_, job.offset);
    home_.journal_of(*this).released(this, synced_);
  }
  home_.tails_grew(shared_from_this());
  if (bulk_ && job.synced && job.address >= bulk_->address) bulk_done();
  if (wants_flush()) home_.flush(shared_from_this());
  for (auto& waiter : std::exchange(flush_waiters_, {})) waiter();
}

void PartitionLog::flush_blocked() {
  for (auto& waiter : std::exchange(flush_waiters_, {})) waiter();
}

void PartitionLog::trim_tail(std::uint64_t up_to_address, bool last) {
  // A batch that is only partly in its file must stay whole in memory.
  std::uint64_t limit = std::min({up_to_address, flushed_, taken_});
  const auto after = std::ranges::upper_bound(batches_, limit, {}, &Batch::address);
  if (limit != tail_.end() && after != batches_.begin()) limit = std::prev(after)->address;
  tail_.drop_before(limit, last && limit == tail_.end());
  for (; !batches_.empty() && batches_.front().address < tail_.begin(); batches_.pop_front())
    batches_from_ = Offset(batches_.front().next);
  if (tail_.empty()) partial_block_loaded_ = active().size % disk_block_bytes == 0;
  if (!removed_) account_tail();
}

void PartitionLog::failed(const Error& error) {
  if (std::exchange(failed_, true)) return;
  for (auto& waiter : std::exchange(flush_waiters_, {})) waiter();
  if (listener_) listener_->on_failed(error);
}

// ---- Reads ----

std::size_t PartitionLog::segment_at(Offset offset) const {
  const auto after = std::ranges::upper_bound(segments_, offset, {}, [](const auto& s) { return s->base; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

std::optional<LogData> PartitionLog::read_tail(const LogRead& request) const {
  if (request.from < batches_from_) return std::nullopt;
  // The first that ends behind the offset: it may lie in a gap between two.
  const auto first = std::ranges::upper_bound(batches_, request.from.value, {}, &Batch::next);
  if (first == batches_.end() || first->address < tail_.begin()) return std::nullopt;
  const auto after = std::next(first);
  // Whole batches below `end`, and of one segment: the next read goes on in the next one.
  const Segment* segment = segments_.back().get();
  for (std::size_t i = segments_.size(); segment->address > first->address;) segment = segments_[--i].get();
  auto last = std::lower_bound(after, batches_.end(), request.end.value,
                               [](const Batch& b, std::int64_t end) { return b.base < end; });
  const auto end_of = [&](auto it) {
    return it == batches_.end() || it->address > segment->end_address() ? segment->end_address() : it->address;
  };
  const std::uint64_t bytes_max = request.bytes_max;
  if (end_of(last) - first->address > bytes_max) {
    const auto fits = std::upper_bound(after, last, first->address + bytes_max,
                                       [](std::uint64_t limit, const Batch& b) { return b.address > limit; });
    last = fits == after ? after : std::prev(fits);
    if (last == first) last = after;
  }
  while (last != after && std::prev(last)->address >= segment->end_address()) --last;
  LogData out;
  out.first_base = out.next = request.from;
  if (first->base >= request.end.value) return out;
  if (end_of(last) - first->address > bytes_max && last == after && !request.at_least_one) return out;
  out.batches = tail_.slice(first->address, end_of(last));
  out.first_base = Offset(first->base);
  out.next = Offset(std::prev(last)->next);
  return out;
}

std::optional<Result<LogData>> PartitionLog::try_read(const LogRead& request) {
  if (successor_) return successor_->try_read(request);
  if (request.from < start_offset_ || request.from > end_offset_)
    return fail(ErrorKind::out_of_range, fmt::format("{}: offset {} is not in [{}, {}]", directory_, request.from.value,
                                                     start_offset_.value, end_offset_.value));
  if (request.from >= request.end || request.from == end_offset_) {
    LogData nothing;
    nothing.first_base = nothing.next = request.from;
    return nothing;
  }
  auto data = read_tail(request);
  if (!data) return std::nullopt;
  return std::move(*data);
}

Task<Result<LogData>> PartitionLog::read(LogRead request) {
  const auto self = shared_from_this();
  for (;;) {
    if (auto at_once = try_read(request)) co_return std::move(*at_once);
    // The segment that holds the offset, or the next one when a segment ends in a gap.
    std::size_t index = segment_at(request.from);
    std::function<Result<std::optional<LogData>>(SegmentReader&)> work;
    const Segment& s = *segments_[index];
    SegmentView view{directory_, s.base, std::min(flushed_, s.end_address()) - std::min(s.address, flushed_),
                     !s.indexes_known, s.indexes_known ? s.offsets.lower_position(s.base, request.from) : 0};
    if (view.limit > s.size) view.limit = s.size;
    work = [view, request](SegmentReader& reader) { return reader.read(view, request); };
    const bool last = index + 1 == segments_.size();
    const Offset next_base = last ? end_offset_ : segments_[index + 1]->base;
    auto data = co_await home_.on_reader(log_dir_, std::move(work));
    // Its files may have gone meanwhile.
    const bool moved = !data && successor_;
    if (!data && !moved) co_return fail(data);
    if (data && *data) co_return std::move(**data);
    if (data && (last || removed_)) {
      LogData nothing;
      nothing.first_base = nothing.next = request.from;
      co_return nothing;
    }
    if (data) request.from = next_base;
    if (successor_) {
      auto there = co_await successor_->read(request);
      co_return there;
    }
  }
}

Task<Result<std::optional<TimestampedOffset>>> PartitionLog::offset_for_timestamp(std::int64_t timestamp, Offset end) {
  const auto self = shared_from_this();
  co_await home_.flush_one(self);
  if (successor_) {
    auto there = co_await successor_->offset_for_timestamp(timestamp, end);
    co_return there;
  }
  std::vector<std::pair<SegmentView, Offset>> views;
  for (const auto& s : segments_) {
    if (s->largest_timestamp < timestamp || s->size == 0) continue;
    SegmentView view{directory_, s->base, s->size, !s->indexes_known, 0};
    if (s->indexes_known)
      view.position_hint = s->offsets.lower_position(s->base, s->times.lower_offset(s->base, timestamp));
    views.emplace_back(view, s->base);
  }
  const Offset start = start_offset_;
  std::function<Result<std::optional<TimestampedOffset>>(SegmentReader&)> work =
      [views = std::move(views), timestamp, end,
       start](SegmentReader& reader) -> Result<std::optional<TimestampedOffset>> {
    for (const auto& [view, base] : views) {
      auto found = reader.find_timestamp(view, timestamp, start, end);
      if (!found) return fail(found);
      if (*found) return found;
    }
    return std::nullopt;
  };
  auto found = co_await home_.on_reader(log_dir_, std::move(work));
  if (!found && successor_) {
    auto there = co_await successor_->offset_for_timestamp(timestamp, end);
    co_return there;
  }
  co_return found;
}

Task<Result<std::optional<TimestampedOffset>>> PartitionLog::max_timestamp(Offset end) {
  const auto self = shared_from_this();
  co_await home_.flush_one(self);
  if (successor_) {
    auto there = co_await successor_->max_timestamp(end);
    co_return there;
  }
  const Segment* best = nullptr;
  for (const auto& s : segments_)
    if (s->largest_timestamp >= 0 && (!best || s->largest_timestamp > best->largest_timestamp)) best = s.get();
  if (!best) co_return std::nullopt;
  SegmentView view{directory_, best->base, best->size, !best->indexes_known, 0};
  if (best->indexes_known)
    view.position_hint = best->offsets.lower_position(best->base, best->largest_timestamp_offset);
  std::function<Result<std::optional<TimestampedOffset>>(SegmentReader&)> work =
      [view, last = best->largest_timestamp_offset, end](SegmentReader& reader) {
        return reader.largest_in_batch(view, last, end);
      };
  auto found = co_await home_.on_reader(log_dir_, std::move(work));
  if (!found && successor_) {
    auto there = co_await successor_->max_timestamp(end);
    co_return there;
  }
  co_return found;
}

Task<Result<std::vector<Log::Aborted>>> PartitionLog::aborted_transactions(Offset from, Offset end) {
  std::vector<Aborted> out;
  const auto collect = [&](ByteView entries) {
    wire::Reader in(entries);
    while (in.remaining() >= log_format::txn_entry_bytes) {
      in.i16();
      const std::int64_t producer = in.i64(), first = in.i64(), last = in.i64();
      in.i64();
      if (last >= from.value && first < end.value) out.push_back({producer, Offset(first)});
    }
  };
  const auto self = shared_from_this();
  const std::string directory = directory_;
  for (std::size_t i = segment_at(from); i < segments_.size() && !successor_; ++i) {
    if (segments_[i]->indexes_known) {
      collect(segments_[i]->aborted);
      continue;
    }
    if (segments_[i]->base >= end) break;
    std::function<Result<std::vector<std::uint8_t>>(SegmentReader&)> work =
        [path = directory + "/" + log_format::segment_name(segments_[i]->base, log_format::txnindex_suffix),
         &disk = home_.disk()](SegmentReader&) { return disk.read_file(path, 64 << 20); };
    auto bytes = co_await home_.on_reader(log_dir_, std::move(work));
    if (bytes) collect(*bytes);
  }
  if (!successor_) co_return out;
  auto there = co_await successor_->aborted_transactions(from, end);
  co_return there;
}

// ---- Changes of shape ----

void PartitionLog::assign_epoch(LeaderEpoch epoch, Offset start) {
  if (!epochs_.assign(epoch, start)) return;
  epochs_changed_ = true;
  if (end_offset_ > Offset(0)) flush_soon();  // of an empty log it goes with the first flush
}

void PartitionLog::set_high_watermark(Offset hw) {
  if (std::exchange(high_watermark_, hw) != hw) home_.high_watermark_moved();
}

Task<Result<void>> PartitionLog::advance_start(Offset to) {
  const auto self = shared_from_this();
  co_await until_complete();
  if (to <= durable_start_) co_return Result<void>();
  if (to > end_offset_)
    co_return fail(ErrorKind::out_of_range, directory_ + ": log start offset would pass the log's end");
  if (to > start_offset_) {
    start_offset_ = to;
    if (!epochs_.entries().empty()) epochs_.truncate_from_start(to), epochs_changed_ = true;
  }
  auto recorded = co_await record(JournalEntry::Kind::start, to);
  if (recorded && !removed_) {
    // A cut meanwhile has said anew where the log begins.
    durable_start_ = std::min(std::max(durable_start_, to), start_offset_);
    std::size_t below = 0;
    while (below + 1 < segments_.size() && segments_[below + 1]->base <= start_offset_) ++below;
    drop_segments_below(below, "log start offset");
  }
  co_return recorded;
}

// Durable when it returns.
Task<Result<void>> PartitionLog::record(JournalKind kind, Offset offset) {
  JournalEntry entry;
  entry.kind = kind;
  entry.log = id_;
  entry.segment_base = offset;
  Result<void> out;
  auto journal = [this, &out, entry = std::move(entry)](Function<void()> resume) mutable {
    home_.journal_of(*this).record(std::move(entry), [&out, resume = std::move(resume)](Result<void> r) mutable {
      out = std::move(r);
      resume();
    });
  };
  co_await home_.shard().until(std::move(journal));
  co_return out;
}

void PartitionLog::drop_segments_below(std::size_t count, const char* why) {
  // A segment that is still being closed goes next time.
  count = std::min(count, segments_.size() - 1 - static_cast<std::size_t>(unfinished_segments_));
  if (count == 0 || flushing_ || reshaping_) return;
  for (std::size_t i = 0; i < count; ++i) home_.delete_later(*this, segments_[i]->base, config_.file_delete_delay_ms);
  log_line(LogLevel::info, "log", "{}: deleting {} segments up to offset {} ({})", directory_, count,
           segments_[count]->base.value, why);
  const std::uint64_t address = segments_[count]->address;
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
  start_offset_ = std::max(start_offset_, segments_.front()->base);
  if (!epochs_.entries().empty()) epochs_.truncate_from_start(start_offset_);
  trim_tail(address, false);
}

void PartitionLog::apply_retention(std::int64_t now_ms) {
  if (failed_ || reshaping_ || config_.quorum || !config_.cleanup_delete) return;
  const Offset kept = high_watermark_;
  std::size_t expired = 0;
  const auto old = [&](const Segment& s) {
    const std::int64_t newest = s.largest_timestamp >= 0 ? s.largest_timestamp : s.first_append_ms;
    return config_.retention_ms >= 0 && s.size > 0 && newest >= 0 && now_ms - newest > config_.retention_ms;
  };
  const auto end_of = [&](std::size_t i) { return i + 1 < segments_.size() ? segments_[i + 1]->base : end_offset_; };
  // All of it has expired: the active segment is rolled first, so that it can go as well.
  if (old(active()) && end_offset_ <= kept && !flushing_ &&
      std::ranges::all_of(segments_, [&](const auto& s) { return old(*s); }))
    roll_segment(end_offset_);
  while (expired + 1 < segments_.size() && end_of(expired) <= kept && old(*segments_[expired])) ++expired;
  if (expired > 0) drop_segments_below(expired, "retention.ms");
  if (config_.retention_bytes >= 0) {
    std::int64_t over = static_cast<std::int64_t>(size_bytes()) - config_.retention_bytes;
    std::size_t count = 0;
    while (count + 1 < segments_.size() && end_of(count) <= kept &&
           over - static_cast<std::int64_t>(segments_[count]->size) >= 0)
      over -= static_cast<std::int64_t>(segments_[count++]->size);
    if (count > 0) drop_segments_below(count, "retention.bytes");
  }
  std::size_t below = 0;
  while (below + 1 < segments_.size() && segments_[below + 1]->base <= start_offset_) ++below;
  if (below > 0) drop_segments_below(below, "log start offset");
}

Task<Result<void>> PartitionLog::roll() {
  const auto self = shared_from_this();
  if (active().size > 0) roll_segment(end_offset_);
  auto settled = co_await settle();
  co_return settled;
}

FlushJob PartitionLog::closing_job() {
  FlushJob job;
  job.log = shared_from_this();
  job.directory = directory_;
  Segment& s = active();
  if (s.indexes_known) {
    s.close_indexes();
    job.close.push_back({s.base, s.size, s.offsets.to_file(), s.times.to_file(), s.aborted, true});
  }
  if (!producers_.producers().empty()) job.producers.emplace_back(end_offset_, producers_.to_snapshot());
  if (std::exchange(epochs_changed_, false)) job.epochs = epochs_.to_checkpoint();
  return job;
}

}  // namespace holdfast
