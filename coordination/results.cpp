#include "coordination/results.h"

#include <algorithm>
#include <bit>

namespace holdfast::zk {
namespace {

constexpr std::uint32_t slots_room_min = 4;
constexpr std::uint32_t paths_room_min = 64;

}  // namespace

void ResultWindow::add(const ResultRecord& record) {
  if (record.path.size() > path_bytes_max) {
    *this = ResultWindow();
    return;
  }
  const auto path_bytes = static_cast<std::uint32_t>(record.path.size());
  if (size_ == records_max) drop_oldest();
  while (paths_end_ - paths_begin_ + path_bytes > path_bytes_max) drop_oldest();
  if (copied_.yes) unshare();
  if (size_ == slots_room_) move_slots(size_ + 1);
  if (path_bytes > 0 && paths_end_ + path_bytes > paths_room_) move_paths(paths_end_ - paths_begin_ + path_bytes);
  slot(size_++) = {record.zxid, record.cxid, record.op, record.error, record.version, path_bytes};
  record.path.copy(paths_.get() + paths_end_, path_bytes);
  paths_end_ += path_bytes;
}

std::optional<ResultRecord> ResultWindow::find(std::int32_t cxid) const {
  std::size_t path_end = paths_end_;
  for (std::uint32_t i = size_; i-- > 0; path_end -= slot(i).path_bytes) {
    if (slot(i).cxid == cxid) return record(slot(i), path_end);
  }
  return std::nullopt;
}

void ResultWindow::drop_oldest() {
  paths_begin_ += slot(0).path_bytes;
  first_ = (first_ + 1) & (slots_room_ - 1);
  --size_;
}

void ResultWindow::unshare() {
  if (slots_.use_count() > 1) move_slots(size_ + 1);
  if (paths_.use_count() > 1) move_paths(paths_end_ - paths_begin_);
  copied_.yes = false;
}

// To memory of its own, with room for so many.
void ResultWindow::move_slots(std::uint32_t room) {
  room = std::max(slots_room_min, std::bit_ceil(room));
  auto moved = std::make_shared_for_overwrite<Slot[]>(room);
  for (std::uint32_t i = 0; i < size_; ++i) moved[i] = slot(i);
  slots_ = std::move(moved);
  slots_room_ = room;
  first_ = 0;
}

// To the beginning of memory of its own, at least half of which is free then: moving is rare.
void ResultWindow::move_paths(std::uint32_t room) {
  room = std::max(paths_room_min, 2 * std::bit_ceil(room));
  const std::uint32_t bytes = paths_end_ - paths_begin_;
  if (room != paths_room_ || paths_.use_count() > 1) {
    auto moved = std::make_shared_for_overwrite<char[]>(room);
    std::copy_n(paths_.get() + paths_begin_, bytes, moved.get());
    paths_ = std::move(moved);
    paths_room_ = room;
  } else {
    std::copy_n(paths_.get() + paths_begin_, bytes, paths_.get());
  }
  paths_begin_ = 0;
  paths_end_ = bytes;
}

}  // namespace holdfast::zk
