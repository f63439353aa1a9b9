// InputGate: whether the connections of a shard may take more in. While a journal is behind its disk nobody is read
// from, so that acks=0 and acks=1 floods wait in the clients and not in our memory; frames that are larger than a
// connection's usual buffer are put together within a bound of the shard (queued.max.request.bytes). Lives on the
// shard.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "runtime/function.h"

namespace holdfast {

class InputGate {
 public:
  explicit InputGate(std::size_t large_bytes_max) : max_(large_bytes_max) {}

  // A journal of this node got behind, or caught up.
  void journal_behind(bool behind) {
    behind_ += behind ? 1 : -1;
    if (behind_ == 0) wake();
  }
  bool closed() const { return behind_ > 0; }

  // A connection that holds `held` bytes of a large frame wants `wanted`. When there is no room one connection at a
  // time may go beyond the bound: what has begun must be able to end.
  bool try_change(std::size_t& held, std::size_t wanted) {
    if (wanted > held && used_ - held + wanted > max_ && over_ && over_ != &held) return false;
    if (wanted > held && used_ - held + wanted > max_) over_ = &held;
    used_ += wanted - held;
    held = wanted;
    return true;
  }
  void release(std::size_t& held) {
    if (held == 0 && over_ != &held) return;
    used_ -= std::exchange(held, 0);
    if (over_ == &held) over_ = nullptr;
    wake();
  }
  std::size_t used() const { return used_; }

  // Called once, when it is worth asking again.
  void wait(Function<void()> resume) { waiting_.push_back(std::move(resume)); }
  void wake() {
    for (auto& resume : std::exchange(waiting_, {})) resume();
  }

 private:
  std::size_t max_;
  std::size_t used_ = 0;
  int behind_ = 0;
  const std::size_t* over_ = nullptr;  // the one that was let beyond
  std::vector<Function<void()>> waiting_;
};

}  // namespace holdfast
