// WaitList: tasks of one shard that wait for something to happen, all of them for the same.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/shards.h"
#include "runtime/task.h"

namespace holdfast::client {

class WaitList {
 public:
  explicit WaitList(Shard& shard) : shard_(shard) {}
  ~WaitList() { HOLDFAST_CHECK(waiting_.empty()); }
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  Task<void> wait() {
    Waiting waiting;
    auto start = [this, &waiting](Function<void()> resume) { add(waiting, std::move(resume)); };
    co_await shard_.until(std::move(start));
  }
  // False: it has not happened in that time.
  Task<bool> wait_for(Duration at_most) {
    Waiting waiting;
    auto start = [this, &waiting, at_most](Function<void()> resume) {
      add(waiting, std::move(resume));
      shard_.arm(waiting.timer, at_most, [this, &waiting] {
        std::erase(waiting_, &waiting);
        waiting.resume();
      });
    };
    co_await shard_.until(std::move(start));
    co_return waiting.woken;
  }
  // Whoever waits now goes on, in the order in which they came.
  void wake_all() {
    for (Waiting* waiting : std::exchange(waiting_, {})) wake(*waiting);
  }
  void wake_one() {
    if (waiting_.empty()) return;
    Waiting& first = *waiting_.front();
    waiting_.erase(waiting_.begin());
    wake(first);
  }
  bool empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    Function<void()> resume;
    Timer timer;
    bool woken = false;
  };
  void add(Waiting& waiting, Function<void()> resume) {
    waiting.resume = std::move(resume);
    waiting_.push_back(&waiting);
  }
  static void wake(Waiting& waiting) {
    waiting.timer.cancel();
    waiting.woken = true;
    waiting.resume();
  }

  Shard& shard_;
  std::vector<Waiting*> waiting_;  // each lives in the task that waits
};

}  // namespace holdfast::client
