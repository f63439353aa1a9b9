// MainLoop: one shard, turned by the thread that calls run(): for a program that does one thing and ends. No other
// thread, except the one that the resolver needs for names that are not addresses.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "runtime/clock.h"
#include "runtime/shards.h"
#include "runtime/task.h"

namespace holdfast {

class MainLoop {
 public:
  explicit MainLoop(Clock& clock = system_clock());
  ~MainLoop();
  MainLoop(const MainLoop&) = delete;
  MainLoop& operator=(const MainLoop&) = delete;

  Shard& shard();

  // SIGINT, SIGTERM and SIGHUP are `interrupted`'s from now on, on the shard.
  void on_interrupt(Function<void(int signal)> interrupted);

  // Runs a task to its end. Nothing: `limit` passed before; the task is then left where it waits.
  template <class T>
  std::optional<T> run(Task<T> task, std::optional<Duration> limit = std::nullopt) {
    auto value = std::make_shared<std::optional<T>>();
    run_until_ended(keep(std::move(task), value), limit);
    return std::move(*value);
  }

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::shared_ptr<std::optional<T>> value) {
    *value = co_await std::move(task);
  }
  void run_until_ended(Task<void> task, std::optional<Duration> limit);

  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace holdfast
