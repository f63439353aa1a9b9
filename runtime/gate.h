// Gate and StopToken: how a room ends. Background work holds its owner's gate; stop() closes the gate, requests the
// stop, and waits until the last holder has left. One shard only, like the objects that own them.
#pragma once

#include <cstddef>
#include <utility>

#include "runtime/function.h"
#include "runtime/result.h"

namespace holdfast {

class Gate {
 public:
  class Holder {
   public:
    Holder() = default;
    Holder(Holder&& o) noexcept : gate_(std::exchange(o.gate_, nullptr)) {}
    Holder& operator=(Holder&& o) noexcept {
      if (this != &o) release(), gate_ = std::exchange(o.gate_, nullptr);
      return *this;
    }
    ~Holder() { release(); }
    explicit operator bool() const { return gate_ != nullptr; }
    void release() {
      if (Gate* gate = std::exchange(gate_, nullptr)) gate->leave();
    }

   private:
    friend class Gate;
    explicit Holder(Gate* gate) : gate_(gate) {}
    Gate* gate_ = nullptr;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { HOLDFAST_CHECK(holders_ == 0); }

  // An empty holder when the gate is closed: the caller must not start.
  Holder enter() {
    if (closed_) return {};
    ++holders_;
    return Holder(this);
  }
  bool closed() const { return closed_; }
  std::size_t holders() const { return holders_; }
  // Lets nobody in any more; calls `drained` once (at once if the gate is empty).
  void close(Function<void()> drained) {
    closed_ = true;
    drained_ = std::move(drained);
    if (holders_ == 0 && drained_) std::exchange(drained_, nullptr)();
  }

 private:
  void leave() {
    --holders_;
    if (closed_ && holders_ == 0 && drained_) std::exchange(drained_, nullptr)();
  }
  std::size_t holders_ = 0;
  bool closed_ = false;
  Function<void()> drained_;
};

}  // namespace holdfast
