// hop: runs a task on another shard and brings its value back: on() of shards.h for work that itself waits.
#pragma once

#include <memory>
#include <optional>

#include "runtime/shards.h"

namespace holdfast {

// `work` makes the task on `target`; it is kept alive until the task has ended. `gate` belongs to `target`; when it is
// closed the value is empty.
template <class F>
auto hop(Shard& target, Gate& gate, F work) -> Task<std::optional<typename std::invoke_result_t<F>::value_type>> {
  using T = typename std::invoke_result_t<F>::value_type;
  struct State {
    F work;
    std::optional<T> value;
    Shard* home;
    Function<void()> resume;
  };
  struct Run {
    static Task<void> go(std::shared_ptr<State> state) {
      auto value = co_await state->work();
      state->value.emplace(std::move(value));
      finish(state);
    }
    static void finish(const std::shared_ptr<State>& state) {
      state->home->post([state] { std::exchange(state->resume, nullptr)(); });
    }
  };
  auto state = std::make_shared<State>(State{std::move(work), std::nullopt, Shard::current(), nullptr});
  auto start = [&target, &gate, state](Function<void()> resume) {
    state->resume = std::move(resume);
    target.post([&target, &gate, state] {
      if (!target.spawn(gate, Run::go(state))) Run::finish(state);
    });
  };
  co_await state->home->until(std::move(start));
  co_return std::move(state->value);
}

}  // namespace holdfast
