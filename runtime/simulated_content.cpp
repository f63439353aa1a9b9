#include "runtime/simulated_content.h"

#include <algorithm>
#include <cstring>

#include "runtime/result.h"

namespace holdfast {

void SparseBytes::resize(std::uint64_t size) {
  if (size < size_) {
    pages_.erase(pages_.lower_bound((size + page_bytes - 1) / page_bytes), pages_.end());
    const auto last = pages_.find(size / page_bytes);
    if (last != pages_.end()) {
      std::fill(last->second.begin() + static_cast<std::ptrdiff_t>(size % page_bytes), last->second.end(), 0);
    }
  }
  size_ = size;
}

void SparseBytes::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  HOLDFAST_CHECK(offset <= size_ && out.size() <= size_ - offset);
  while (!out.empty()) {
    const std::size_t from = offset % page_bytes;
    const std::size_t n = std::min<std::size_t>(out.size(), page_bytes - from);
    const auto page = pages_.find(offset / page_bytes);
    if (page == pages_.end()) {
      std::memset(out.data(), 0, n);
    } else {
      std::memcpy(out.data(), page->second.data() + from, n);
    }
    offset += n;
    out = out.subspan(n);
  }
}

void SparseBytes::write(std::uint64_t offset, ByteView bytes) {
  HOLDFAST_CHECK(offset <= size_ && bytes.size() <= size_ - offset);
  while (!bytes.empty()) {
    const std::size_t from = offset % page_bytes;
    const std::size_t n = std::min<std::size_t>(bytes.size(), page_bytes - from);
    auto& page = pages_[offset / page_bytes];
    if (page.empty()) page.resize(page_bytes);
    std::memcpy(page.data() + from, bytes.data(), n);
    offset += n;
    bytes = bytes.subspan(n);
  }
}

void SimulatedContent::write(std::uint64_t offset, ByteView bytes) {
  last_write_changes_ = 0;
  if (bytes.empty()) return;
  const std::uint64_t end = offset + bytes.size();
  if (end > now_.size()) {
    now_.resize(end);
    unsynced_.push_back({.is_size = true, .at = end, .bytes = {}, .durable = false});
    ++last_write_changes_;
  }
  now_.write(offset, bytes);
  unsynced_.push_back({.is_size = false, .at = offset, .bytes = {bytes.begin(), bytes.end()}, .durable = false});
  ++last_write_changes_;
}

void SimulatedContent::resize(std::uint64_t size) {
  now_.resize(size);
  unsynced_.push_back({.is_size = true, .at = size, .bytes = {}, .durable = false});
  last_write_changes_ = 0;
}

void SimulatedContent::sync() {
  for (const Change& change : unsynced_) apply(change);
  durable_.resize(now_.size());  // where a failed sync had left it shorter
  unsynced_.clear();
  last_write_changes_ = 0;
}

void SimulatedContent::sync_last_write() {
  for (std::size_t i = 0; i < last_write_changes_; ++i) unsynced_[unsynced_.size() - 1 - i].durable = true;
  last_write_changes_ = 0;
  while (!unsynced_.empty() && unsynced_.front().durable) {
    apply(unsynced_.front());
    unsynced_.pop_front();
  }
}

void SimulatedContent::forget_unsynced() {
  std::erase_if(unsynced_, [](const Change& change) { return !change.durable; });
  last_write_changes_ = 0;
}

void SimulatedContent::lose_unsynced() {
  forget_unsynced();
  for (const Change& change : unsynced_) apply(change);
  unsynced_.clear();
  now_ = durable_;
}

void SimulatedContent::lose_some(Random& random, std::uint64_t sector_bytes) {
  // The extremes are as likely as all that lies between: they are what real disks mostly do.
  const std::uint64_t kind = random.below(4);
  if (kind == 0) return lose_unsynced();
  if (kind == 1) {
    sync();
  } else {
    std::uint64_t must = 0, sizes = 0;  // size changes, and those up to the last durable one
    for (const Change& change : unsynced_) {
      if (change.is_size) ++sizes;
      if (change.durable) must = sizes;
    }
    const std::uint64_t kept = must + random.below(sizes - must + 1);
    std::uint64_t seen = 0;
    for (const Change& change : unsynced_) {
      if (change.is_size) {
        if (seen++ < kept) apply(change);
      } else if (change.durable) {
        apply(change);
      } else {
        apply_some(change, random, sector_bytes);
      }
    }
    unsynced_.clear();
  }
  now_ = durable_;
}

void SimulatedContent::flip_bit(std::uint64_t offset, unsigned bit) {
  for (SparseBytes* bytes : {&now_, &durable_}) {
    if (offset >= bytes->size()) continue;
    std::uint8_t byte = 0;
    bytes->read(offset, {&byte, 1});
    byte = static_cast<std::uint8_t>(byte ^ (1u << (bit % 8)));
    bytes->write(offset, {&byte, 1});
  }
}

void SimulatedContent::apply(const Change& change) {
  if (change.is_size) return durable_.resize(change.at);
  // A failed sync may have left the durable file shorter than it was when this was written.
  durable_.resize(std::max(durable_.size(), change.at + change.bytes.size()));
  durable_.write(change.at, change.bytes);
}

void SimulatedContent::apply_some(const Change& write, Random& random, std::uint64_t sector_bytes) {
  std::uint64_t at = write.at;
  ByteView left(write.bytes);
  while (!left.empty()) {
    const std::uint64_t n = std::min<std::uint64_t>(left.size(), sector_bytes - at % sector_bytes);
    std::uint64_t kept = random.below(2) == 0 ? 0 : n;
    if (random.below(16) == 0) kept = random.below(n + 1);  // torn: the sector's beginning is new, its end old
    kept = at >= durable_.size() ? 0 : std::min(kept, durable_.size() - at);
    durable_.write(std::min(at, durable_.size()), left.first(kept));
    at += n;
    left = left.subspan(n);
  }
}

}  // namespace holdfast
