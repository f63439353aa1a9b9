#include "coordination/results.h"

#include <algorithm>

namespace holdfast::zk {
namespace {

constexpr std::size_t ring_size_min = 4;
// What an empty slot's string may keep to itself: paths are mostly shorter, and need no allocation then.
constexpr std::size_t spare_path_bytes = 128;

}  // namespace

void ResultWindow::add(const ResultFields& fields, std::string_view path) {
  if (size_ == records_max) drop_oldest();
  if (size_ == ring_.size()) grow();
  ResultRecord& slot = this->slot(size_++);
  static_cast<ResultFields&>(slot) = fields;
  slot.path.assign(path);  // into the memory of an older one's
  path_bytes_ += path.size();
  while (path_bytes_ > path_bytes_max) drop_oldest();
}

const ResultRecord* ResultWindow::find(std::int32_t cxid) const {
  for (std::size_t i = size_; i-- > 0;) {
    if ((*this)[i].cxid == cxid) return &(*this)[i];
  }
  return nullptr;
}

void ResultWindow::drop_oldest() {
  std::string& path = slot(0).path;
  path_bytes_ -= path.size();
  if (path.capacity() > spare_path_bytes) {
    path = std::string();
  } else {
    path.clear();
  }
  first_ = (first_ + 1) & (static_cast<std::uint32_t>(ring_.size()) - 1);
  --size_;
}

void ResultWindow::grow() {
  std::ranges::rotate(ring_, ring_.begin() + first_);
  first_ = 0;
  ring_.resize(std::max(ring_size_min, 2 * ring_.size()));
}

}  // namespace holdfast::zk
