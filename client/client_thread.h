// ClientThread: a thread with a shard, for programs that have none: clients live there, and are asked from elsewhere by
// calls that block. Any thread may call it, but its own.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/blocking_call.h"
#include "runtime/shards.h"

namespace holdfast::client {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

class ClientThread {
 public:
  ClientThread() { shards_.start(); }
  ~ClientThread() {
    run(drained());
    shards_.stop();
  }
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  Shard& shard() { return shards_.at(0); }
  Gate& gate() { return gate_; }  // what runs in the background for the callers holds it

  // Runs a task to its end.
  template <class T>
  T run(Task<T> task) {
    return wait<T>([&] { return std::move(task); });
  }
  // Calls `work` on the shard. If it returns a task, runs that to its end and returns its value.
  template <class F>
  auto call(F work) {
    using R = std::invoke_result_t<F&>;
    if constexpr (is_task<R>) {
      return wait<typename R::value_type>(work);
    } else {
      return wait<R>([&] { return plain<R>(work); });
    }
  }

 private:
  template <class R, class F>
  static Task<R> plain(F& work) {
    co_return work();
  }
  template <class R>
  static Task<bool> ended(Task<R> task) {
    co_await std::move(task);
    co_return true;
  }
  template <class R>
  static Task<std::optional<R>> kept(Task<R> task) {
    std::optional<R> value = co_await std::move(task);
    co_return value;
  }
  template <class R, class F>
  R wait(F&& make) {
    if constexpr (std::is_void_v<R>) {
      (void)blocking_call<bool>(shard(), gate_, [&] { return ended<R>(make()); });
    } else {
      return *blocking_call<std::optional<R>>(shard(), gate_, [&] { return kept<R>(make()); });
    }
  }
  // Until nothing but the task that asks holds the gate.
  Task<void> drained() {
    while (gate_.holders() > 1) co_await shard().sleep(std::chrono::milliseconds(1));
  }

  Gate gate_;  // outlives the shards, for the last task lets go of it after it has told its value
  Shards shards_{1};
};

}  // namespace holdfast::client
