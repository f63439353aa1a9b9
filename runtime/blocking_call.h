// blocking_call: runs a task on a shard and waits for its value on a thread that is no shard's: the one that builds and
// stops a node.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "runtime/shards.h"

namespace holdfast {

// `gate` belongs to `shard` and is open.
template <class T>
T blocking_call(Shard& shard, Gate& gate, Function<Task<T>()> make) {
  struct Run {
    static Task<void> go(Function<Task<T>()> make, std::shared_ptr<std::promise<T>> done) {
      auto task = make();
      auto value = co_await std::move(task);
      done->set_value(std::move(value));
    }
  };
  auto done = std::make_shared<std::promise<T>>();
  auto future = done->get_future();
  shard.post(
      [&shard, &gate, make = std::move(make), done]() mutable { shard.spawn(gate, Run::go(std::move(make), done)); });
  return future.get();
}

}  // namespace holdfast
