// PartitionLog's truncations: what a follower does whose log went another way than its leader's. The order of steps is
// what makes them safe to be cut short anywhere: the recovery point is lowered first, or a start would trust what comes
// to stand where something else was synced; files go from the last to the first, so that what is left is a log; and a
// replay must not bring back what the journal still holds.
#include "log/format.h"
#include "log/journal.h"
#include "log/log_shard.h"
#include "log/partition_log.h"
#include "log/recovery.h"

namespace holdfast {

// A cut of files that lack what the journal holds would take that from the journal, too.
Task<Result<void>> PartitionLog::settle() {
  const auto self = shared_from_this();
  co_await home_.flush_one(self);
  if (failed_ || removed_) co_return fail(ErrorKind::closed, directory_ + " is out of service");
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

Result<void> PartitionLog::remove_segment(Offset base) {
  home_.directory(log_dir_).writer->close(directory_, base);
  for (const auto suffix : {log_format::log_suffix, log_format::index_suffix, log_format::timeindex_suffix,
                            log_format::txnindex_suffix, log_format::snapshot_suffix}) {
    auto removed = home_.disk().remove(directory_ + "/" + log_format::segment_name(base, suffix));
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
  }
  return {};
}

// The books of a segment, read from its file as if it ended at `cut`.
Task<Result<std::unique_ptr<Segment>>> PartitionLog::books_up_to(std::size_t index, Offset cut) {
  const Offset base = segments_[index]->base;
  const std::string path = directory_ + "/" + log_format::segment_name(base, log_format::log_suffix);
  std::function<Result<std::shared_ptr<Segment>>(SegmentReader&)> work =
      [path, cut, base, &disk = home_.disk(),
       interval = config_.index_interval_bytes](SegmentReader&) -> Result<std::shared_ptr<Segment>> {
    auto books = std::make_shared<Segment>(base);
    books->indexes_known = true;
    auto scan = scan_segment(disk, path, base, 0, [&](const wire::BatchHeader& h, ByteView, std::uint64_t) {
      if (h.base_offset < cut.value) books->note(h, h.max_timestamp, interval);
    });
    if (!scan) return fail(scan);
    return books;
  };
  auto books = co_await home_.on_reader(log_dir_, std::move(work));
  if (!books) co_return fail(books);
  co_return std::make_unique<Segment>(std::move(**books));
}

// Everything is in the files, nothing in memory. Addresses only rise: the journal goes by them.
void PartitionLog::begin_tail() {
  batches_.clear();
  active().address = (tail_.end() + disk_block_bytes - 1) / disk_block_bytes * disk_block_bytes;
  tail_ = Tail(active().end_address());
  account_tail();
  partial_block_loaded_ = active().size % disk_block_bytes == 0;
  taken_ = flushed_ = synced_ = tail_.end();
  end_offset_ = written_end_ = durable_end_ = synced_offset_;
  high_watermark_ = std::min(high_watermark_, end_offset_);
  home_.journal_of(*this).released(this, synced_);
}

Task<Result<void>> PartitionLog::truncate_to(Offset end) {
  const auto self = shared_from_this();
  if (end >= end_offset_) co_return Result<void>();
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
  const std::size_t index = segment_at(cut);
  auto books = co_await books_up_to(index, cut);
  if (!books) co_return fail(books);

  synced_offset_ = std::min(synced_offset_, cut);
  auto lowered = co_await home_.checkpoint_now();
  if (!lowered) co_return fail(lowered);
  epochs_.truncate_from_end(cut);
  epochs_changed_ = false;
  std::vector<Offset> dropped;
  for (std::size_t i = segments_.size(); i-- > index + 1;) dropped.push_back(segments_[i]->base);
  auto change = [this, dropped,
                 path = directory_ + "/" + log_format::segment_name(segments_[index]->base, log_format::log_suffix),
                 size = (*books)->size, epochs = epochs_.to_checkpoint()]() -> Result<void> {
    for (const Offset base : dropped) {
      auto removed = remove_segment(base);
      if (!removed) return removed;
    }
    auto named = home_.disk().sync_directory(directory_);
    if (!named) return named;
    auto file = home_.disk().open(path, {.write = true});
    if (!file) return fail(file);
    auto cut_off = (*file)->truncate(size);
    if (cut_off) cut_off = (*file)->sync_data();
    if (!cut_off) return cut_off;
    return home_.disk().write_atomically(directory_ + "/" + std::string(log_format::leader_epoch_file),
                                         as_bytes(epochs));
  };
  auto changed = co_await on_files(std::move(change));
  if (!changed) co_return fail(changed);
  segments_.resize(index + 1);
  segments_[index] = std::move(*books);
  synced_offset_ = cut;
  begin_tail();
  producers_.truncate_fully();
  // Before anything is appended over it: a replay goes through the appends that the journal holds, and then this.
  auto recorded = co_await record(JournalKind::truncate, cut);
  co_return recorded;
}

Task<Result<void>> PartitionLog::truncate_fully(Offset start) {
  const auto self = shared_from_this();
  closed_ = false;
  auto settled = co_await settle();
  if (!settled) co_return settled;
  synced_offset_ = std::min(synced_offset_, start);
  auto lowered = co_await home_.checkpoint_now();
  if (!lowered) co_return fail(lowered);
  auto recorded = co_await record(JournalKind::empty, start);
  if (!recorded) co_return fail(recorded);
  epochs_.clear();
  epochs_changed_ = false;
  std::vector<Offset> dropped;
  for (std::size_t i = segments_.size(); i-- > 0;) dropped.push_back(segments_[i]->base);
  auto change = [this, dropped, start, epochs = epochs_.to_checkpoint()]() -> Result<void> {
    for (const Offset base : dropped) {
      auto removed = remove_segment(base);
      if (!removed) return removed;
    }
    auto named = home_.disk().sync_directory(directory_);
    if (!named) return named;
    auto written =
        home_.disk().write_atomically(directory_ + "/" + std::string(log_format::leader_epoch_file), as_bytes(epochs));
    if (!written) return written;
    // Its name is what says where the log begins.
    auto file = home_.disk().open(directory_ + "/" + log_format::segment_name(start, log_format::log_suffix),
                                  {.write = true, .create = true});
    if (!file) return fail(file);
    return home_.disk().sync_directory(directory_);
  };
  auto changed = co_await on_files(std::move(change));
  if (!changed) co_return fail(changed);
  segments_.clear();
  segments_.push_back(std::make_unique<Segment>(start));
  active().indexes_known = true;
  start_offset_ = synced_offset_ = high_watermark_ = start;
  begin_tail();
  producers_.truncate_fully();
  co_return Result<void>();
}

}  // namespace holdfast
