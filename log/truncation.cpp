// PartitionLog's truncations: what a follower does whose log went another way than its leader's. The order of steps is
// what makes them safe to be cut short anywhere: the recovery point is lowered first, or a start would trust what comes
// to stand where something else was synced; files go from the last to the first, so that what is left is a log; and a
// replay must not bring back what the journal still holds.
#include "log/format.h"
#include "log/journal.h"
#include "log/log_shard.h"
#include "log/partition_log.h"
#include "log/producer_snapshots.h"

namespace holdfast {

// A cut of files that lack what the journal holds would take that from the journal, too.
Task<Result<void>> PartitionLog::settle() {
  const auto self = shared_from_this();
  // On a full disk that may take for ever; and what would free it, that this log is removed, waits for the end of this.
  co_await home_.flush_one(self, config_.quorum);
  if (failed_ || removed_) co_return fail(ErrorKind::closed, directory_ + " is out of service");
  if (!config_.quorum && home_.directory(log_dir_).is_full())
    co_return fail(ErrorKind::no_space, log_dir_ + " is full");
  co_return Result<void>();
}

// Runs on the directory's writing worker, after the flushes that were begun; readers open the files anew afterwards.
Task<Result<void>> PartitionLog::on_files(Function<Result<void>()> change) {
  Result<void> out;
  auto work = [this, &out, change = std::move(change)](Function<void()> resume) mutable {
    home_.background(log_dir_, [this, &out, change = std::move(change), resume = std::move(resume)]() mutable {
      out = change();
      LogShard::Directory& dir = home_.directory(log_dir_);
      dir.read_worker->submit([this, &dir, resume = std::move(resume)]() mutable {
        dir.reader->close_directory(directory_);
        home_.shard().post(std::move(resume));
      });
    });
  };
  co_await home_.shard().until(std::move(work));
  co_return out;
}

// What began and did not succeed leaves files that are neither what they were nor what they should be.
void PartitionLog::give_up(const Error& error) { home_.take_offline(home_.directory(log_dir_), error); }

Result<void> PartitionLog::remove_segment_files(Offset base, bool log_too) {
  home_.directory(log_dir_).writer->close(directory_, base);
  for (const auto suffix :
       {log_format::log_suffix, log_format::index_suffix, log_format::timeindex_suffix, log_format::txnindex_suffix}) {
    if (suffix == log_format::log_suffix && !log_too) continue;
    auto removed = home_.disk().remove(directory_ + "/" + log_format::segment_name(base, suffix));
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
  }
  return {};
}

Result<void> PartitionLog::remove_snapshots_above(Offset end) {
  auto snapshots = list_producer_snapshots(home_.disk(), directory_);
  if (!snapshots) return fail(snapshots);
  for (const Offset at : *snapshots) {
    if (at <= end) continue;
    auto removed = remove_producer_snapshot(home_.disk(), directory_, at);
    if (!removed) return removed;
  }
  return {};
}

// What the log is without the batches from `cut` on, read from its files: the books of the segment that becomes its
// last one, and its producers, from the last snapshot that this segment or one before it began with.
Task<Result<std::shared_ptr<PartitionLog::Rest>>> PartitionLog::rest_below(std::size_t index, Offset cut) {
  std::vector<Offset> bases;
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i <= index; ++i) bases.push_back(segments_[i]->base), sizes.push_back(segments_[i]->size);
  std::function<Result<std::shared_ptr<Rest>>(SegmentReader&)> work =
      [directory = directory_, bases = std::move(bases), sizes = std::move(sizes), cut, &disk = home_.disk(),
       interval = config_.index_interval_bytes,
       gapless = config_.quorum](SegmentReader&) -> Result<std::shared_ptr<Rest>> {
    const Offset last = bases.back();
    auto rest = std::make_shared<Rest>(last, Segment(last), ProducerState());
    rest->active.indexes_known = true;
    auto snapshots = list_producer_snapshots(disk, directory);
    if (!snapshots) return fail(snapshots);
    ProducersAt producers = load_producers_at(disk, directory, *snapshots, bases.front(), last);
    for (std::size_t i = 0; i < bases.size(); ++i) {
      const bool kept_as_it_is = i + 1 < bases.size();
      if (kept_as_it_is && bases[i + 1] <= producers.offset) continue;
      const std::string path = directory + "/" + log_format::segment_name(bases[i], log_format::log_suffix);
      bool reached = false;
      std::int64_t next = bases[i].value;
      std::optional<std::uint64_t> misplaced;  // the checksum of a batch does not cover where it says that it is
      auto scan =
          scan_segment(disk, path, bases[i], 0, [&](const wire::BatchHeader& h, ByteView batch, std::uint64_t at) {
            if (gapless && h.base_offset != next && !misplaced) misplaced = at;
            next = h.last_offset() + 1;
            reached |= h.base_offset <= cut.value && h.last_offset() + 1 >= cut.value;
            if (h.base_offset >= cut.value) return;
            if (!kept_as_it_is) {
              rest->active.note(h, h.max_timestamp, interval);
              rest->end = Offset(h.last_offset() + 1);
            }
            if (h.base_offset < producers.offset.value) return;
            producers.state.update(h, batch);
            for (const ProducerState::Aborted& transaction : producers.state.take_aborted())
              if (!kept_as_it_is) rest->active.note_aborted(transaction);
          });
      if (!scan) return fail(scan);
      // All of it is in the file. What is to be kept must not go with what is cut.
      if (!reached && scan->valid_bytes < sizes[i]) misplaced = misplaced.value_or(scan->valid_bytes);
      if (misplaced) return fail(ErrorKind::corrupt, fmt::format("{} is damaged at byte {}", path, *misplaced));
    }
    rest->producers = std::move(producers.state);
    return rest;
  };
  auto rest = co_await home_.on_reader(log_dir_, std::move(work));
  co_return rest;
}

// Everything is in the files, nothing in memory. Addresses only rise: the journal goes by them.
void PartitionLog::begin_tail() {
  batches_.clear();
  active().address = (tail_.end() + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes;
  tail_ = Tail(active().end_address());
  account_tail();
  partial_block_loaded_ = active().size % disk_block_bytes == 0;
  taken_ = flushed_ = synced_ = tail_.end();
  end_offset_ = written_end_ = durable_end_ = batches_from_ = synced_offset_;
  if (held_back_) held_back_ = Ends{end_offset_, end_offset_};
  high_watermark_ = std::min(high_watermark_, end_offset_);
  home_.journal_of(*this).released(this, synced_);
}

Task<Result<void>> PartitionLog::truncate_to(Offset end) {
  const auto self = shared_from_this();
  co_await until_complete();
  if (end >= end_offset_) {
    // An epoch that began here and wrote nothing: other leaders know nothing of it.
    const bool unknown = !epochs_.entries().empty() && epochs_.entries().back().start >= end_offset_;
    if (unknown) epochs_.truncate_from_end(end_offset_), epochs_changed_ = true;
    if (unknown && end_offset_ > Offset(0)) flush_soon();
    co_return Result<void>();
  }
  closed_ = false;
  if (end < start_offset_) {
    auto emptied = co_await truncate_fully(end);
    co_return emptied;
  }
  auto settled = co_await settle();
  if (!settled) co_return settled;
  // The batch that holds `end` goes whole: only batch boundaries are ends.
  LogRead probe;
  probe.from = end;
  probe.end = end_offset_;
  probe.bytes_max = 1;
  auto at = co_await read(probe);
  if (!at) co_return fail(at);
  const Offset cut = at->batches.empty() ? end : std::min(end, at->first_base);
  settled = co_await settle();
  if (!settled) co_return settled;
  const Reshaping reshaping(*this);
  const std::size_t index = segment_at(cut);
  auto rest = co_await rest_below(index, cut);
  if (!rest) co_return fail(rest);
  const Offset new_end = (*rest)->end;

  synced_offset_ = std::min(synced_offset_, new_end);
  high_watermark_ = std::min(high_watermark_, new_end);
  cut_ = std::min(cut_.value_or(new_end), new_end);
  auto lowered = co_await home_.checkpoint_now(log_dir_);
  if (!lowered) co_return fail(lowered);
  LeaderEpochs epochs = epochs_;
  epochs.truncate_from_end(new_end);
  std::vector<Offset> dropped;
  for (std::size_t i = segments_.size(); i-- > index + 1;) dropped.push_back(segments_[i]->base);
  bool begun = false;
  auto change = [this, dropped, new_end, base = segments_[index]->base, size = (*rest)->active.size,
                 text = epochs.to_checkpoint(), &begun]() -> Result<void> {
    // All that takes space comes first: epochs that are forgotten too early are found in the batches again.
    auto written =
        home_.disk().write_atomically(directory_ + "/" + std::string(log_format::leader_epoch_file), as_bytes(text));
    if (!written) return written;
    begun = true;
    auto removed = remove_snapshots_above(new_end);
    if (removed) removed = remove_segment_files(base, false);  // its indexes: they are in memory again
    for (std::size_t i = 0; i < dropped.size() && removed; ++i) removed = remove_segment_files(dropped[i], true);
    if (!removed) return removed;
    auto named = home_.disk().sync_directory(directory_);
    if (!named) return named;
    auto file =
        home_.disk().open(directory_ + "/" + log_format::segment_name(base, log_format::log_suffix), {.write = true});
    if (!file) return fail(file);
    auto cut_off = (*file)->truncate(size);
    if (cut_off) cut_off = (*file)->sync_data();
    return cut_off;
  };
  auto changed = co_await on_files(std::move(change));
  if (!changed) {
    if (begun) give_up(changed.error());
    co_return fail(changed);
  }
  (*rest)->producers.recall_batches(producers_);
  segments_.resize(index + 1);
  segments_[index] = std::make_unique<Segment>(std::move((*rest)->active));
  epochs_ = std::move(epochs);
  epochs_changed_ = false;
  producers_ = std::move((*rest)->producers);
  synced_offset_ = new_end;
  start_offset_ = std::min(start_offset_, new_end);
  durable_start_ = std::min(durable_start_, new_end);
  begin_tail();
  // Before anything is appended over it: a replay goes through the appends that the journal holds, and then this.
  auto recorded = co_await record(JournalKind::truncate, new_end);
  reshaped_in_ = home_.journal_of(*this).generation();
  co_return recorded;
}

Task<Result<void>> PartitionLog::truncate_fully(Offset start) {
  const auto self = shared_from_this();
  co_await until_complete();
  closed_ = false;
  auto settled = co_await settle();
  if (!settled) co_return settled;
  const Reshaping reshaping(*this);
  synced_offset_ = std::min(synced_offset_, start);
  high_watermark_ = std::min(high_watermark_, start);
  cut_ = Offset(0);
  auto lowered = co_await home_.checkpoint_now(log_dir_);
  if (!lowered) co_return fail(lowered);
  auto recorded = co_await record(JournalKind::empty, start);
  if (!recorded) co_return fail(recorded);
  reshaped_in_ = home_.journal_of(*this).generation();
  epochs_.clear();
  epochs_changed_ = false;
  std::vector<Offset> dropped;
  for (std::size_t i = segments_.size(); i-- > 0;) dropped.push_back(segments_[i]->base);
  auto change = [this, dropped, start, text = epochs_.to_checkpoint()]() -> Result<void> {
    auto removed = remove_snapshots_above(Offset(-1));
    for (std::size_t i = 0; i < dropped.size() && removed; ++i) removed = remove_segment_files(dropped[i], true);
    if (!removed) return removed;
    auto named = home_.disk().sync_directory(directory_);
    if (!named) return named;
    auto written =
        home_.disk().write_atomically(directory_ + "/" + std::string(log_format::leader_epoch_file), as_bytes(text));
    if (!written) return written;
    // Its name is what says where the log begins.
    auto file = home_.disk().open(directory_ + "/" + log_format::segment_name(start, log_format::log_suffix),
                                  {.write = true, .create = true});
    if (!file) return fail(file);
    return home_.disk().sync_directory(directory_);
  };
  auto changed = co_await on_files(std::move(change));
  if (!changed) {
    give_up(changed.error());
    co_return fail(changed);
  }
  segments_.clear();
  segments_.push_back(std::make_unique<Segment>(start));
  active().indexes_known = true;
  start_offset_ = durable_start_ = synced_offset_ = high_watermark_ = start;
  producers_.truncate_fully();
  begin_tail();
  co_return Result<void>();
}

}  // namespace holdfast
