#include "runtime/shards.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/log_line.h"

namespace asio = boost::asio;

namespace holdfast {
namespace {

thread_local Shard* current_shard = nullptr;

// Resumed tasks may resume others, and deferred work may defer more. After this many rounds the loop looks at its
// sockets again, so that no chain of them can keep it away.
constexpr int rounds_max = 8;

constexpr auto relaxed = std::memory_order_relaxed;

void log_escaped(std::exception_ptr exception) {
  if (!exception) return;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    log_line(LogLevel::error, "runtime", "a task ended with an exception: {}", e.what());
  } catch (...) {
    log_line(LogLevel::error, "runtime", "a task ended with an exception of unknown type");
  }
}

}  // namespace

struct Shard::Inner {
  using Work = std::vector<Function<void()>>;
  static void run(Work& list, Work& spare) {
    spare.swap(list);
    for (Function<void()>& work : spare) {
      work();
      work = nullptr;
    }
    spare.clear();
  }

  std::atomic<bool> queued = false;  // in the loop, since it was polled
  mutable std::mutex mutex;
  Work mailbox;  // under the mutex; all else is the shard's own

  Work batch;     // the messages that run
  Work resumed;   // tasks whose wait has ended
  Work deferred;  // see defer()
  Work spare;
  bool in_turn = false;    // the running handler will look at `resumed` and `deferred` when it ends
  bool scheduled = false;  // a handler that will do so is queued
  bool ending = false;     // the shard is being destroyed: tasks that still wait are dropped, none is resumed

  // Real clock only: wakes the loop for the wheel's next deadline. Where there is none, the loop has no reactor either,
  // whom poll() would ask the kernel for news at every call.
  std::optional<asio::steady_timer> timer;
  std::optional<SteadyTime> armed_at;  // what it waits for
};

Shard::Shard(int index, asio::io_context& io, Clock& clock)
    : index_(index), io_(io), clock_(clock), inner_(std::make_unique<Inner>()), timers_(clock.now()) {
  if (!clock_.real()) return;
  inner_->timer.emplace(io);
  timers_.on_earlier([this](SteadyTime deadline) { wake_at(deadline); });
}

Shard::~Shard() { inner_->ending = true; }

Shard* Shard::current() { return current_shard; }

Shard::Scope::Scope(Shard& shard) : previous_(std::exchange(current_shard, &shard)) {}
Shard::Scope::~Scope() { current_shard = previous_; }

void Shard::post(Function<void()> work) {
  bool was_empty;
  {
    std::lock_guard lock(inner_->mutex);
    was_empty = inner_->mailbox.empty();
    inner_->mailbox.push_back(std::move(work));
  }
  if (was_empty) {
    inner_->queued.store(true, relaxed);
    asio::post(io_, [this] { run_mailbox(); });
  }
}

void Shard::defer(Function<void()> work) {
  inner_->deferred.push_back(std::move(work));
  schedule();
}

bool Shard::spawn(Gate& gate, Task<void> task) {
  auto holder = gate.enter();
  if (!holder) return false;
  auto ended = [held = std::move(holder)](std::exception_ptr exception) mutable {
    log_escaped(exception);
    held.release();
  };
  inner_->queued.store(true, relaxed);
  asio::co_spawn(io_, std::move(task), std::move(ended));
  return true;
}

Task<void> Shard::sleep(Duration how_long) {
  Timer timer;
  auto start = [this, &timer, how_long](Function<void()> resume) { arm(timer, how_long, std::move(resume)); };
  co_await until(std::move(start));
}

Task<void> Shard::until(Function<void(Function<void()> resume)> start) {
  auto initiate = [this](auto handler, Function<void(Function<void()>)> begin) {
    begin([this, handler = std::move(handler)]() mutable {
      if (inner_->ending) return;
      inner_->resumed.emplace_back(std::move(handler));
      schedule();
    });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable,
                                                                     std::move(start));
}

Task<void> Shard::drained(Gate& gate) {
  return until([&gate](Function<void()> resume) { gate.close(std::move(resume)); });
}

std::size_t Shard::poll() {
  Scope scope(*this);
  io_.restart();  // a loop without work counts as stopped
  inner_->queued.store(false, relaxed);
  std::size_t events = io_.poll();
  if (!inner_->resumed.empty() || !inner_->deferred.empty()) {
    inner_->queued.store(true, relaxed);  // a task that ends queues what is to be told of that
    run_deferred();
    ++events;
  }
  return events;
}

bool Shard::has_work() const { return inner_->queued.load(relaxed); }

// One turn of the loop's own work. What a burst deferred runs here, after the burst: this handler was queued behind
// the events that were ready when the first of them deferred.
void Shard::run_deferred() {
  inner_->scheduled = false;
  turn(Deferred::run, [] {});
}

// Runs `work`, then the tasks it made ready, then, in the loop's own turn, what all of them deferred. A message batch
// that wakes a hundred waiters thus costs one queue entry, and nothing ever runs inside what woke it.
template <class F>
void Shard::turn(Deferred deferred, F work) {
  Scope scope(*this);
  Inner& inner = *inner_;
  HOLDFAST_CHECK(!inner.in_turn);
  inner.in_turn = true;
  work();
  for (int round = 0; round < rounds_max; ++round) {
    if (!inner.resumed.empty()) {
      Inner::run(inner.resumed, inner.spare);
    } else if (deferred == Deferred::run && !inner.deferred.empty()) {
      Inner::run(inner.deferred, inner.spare);
    } else {
      break;
    }
  }
  inner.in_turn = false;
  if (!inner.resumed.empty() || !inner.deferred.empty()) schedule();
}

void Shard::run_mailbox() {
  turn(Deferred::keep, [this] {
    {
      std::lock_guard lock(inner_->mutex);
      inner_->batch.swap(inner_->mailbox);
    }
    for (Function<void()>& work : inner_->batch) {
      work();
      work = nullptr;
    }
    inner_->batch.clear();
  });
}

void Shard::schedule() {
  if (inner_->in_turn || std::exchange(inner_->scheduled, true)) return;
  inner_->queued.store(true, relaxed);
  asio::post(io_, [this] { run_deferred(); });
}

void Shard::wake_at(SteadyTime deadline) {
  if (inner_->armed_at && *inner_->armed_at <= deadline) return;
  inner_->armed_at = deadline;
  using Clock = asio::steady_timer::clock_type;
  inner_->timer->expires_at(
      Clock::time_point(std::chrono::duration_cast<Clock::duration>(deadline.time_since_epoch())));
  inner_->timer->async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // armed anew, for an earlier moment
    inner_->armed_at.reset();
    turn(Deferred::keep, [this] { timers_.advance(clock_.now()); });
    if (const auto next = timers_.next_deadline()) wake_at(*next);
  });
}

std::size_t Shard::pending_messages() const {
  std::lock_guard lock(inner_->mutex);
  return inner_->mailbox.size();
}

struct Shards::Thread {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> busy{io.get_executor()};
  std::thread thread;
};

Shards::Shards(int count, Clock& clock) {
  if (count <= 0) count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) - 1);
  for (int i = 0; i < count; ++i) {
    threads_.push_back(std::make_unique<Thread>());
    shards_.push_back(std::make_unique<Shard>(i, threads_.back()->io, clock));
  }
}

Shards::~Shards() { stop(); }

void Shards::start() {
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    Thread& own = *threads_[i];
    Shard& shard = *shards_[i];
    HOLDFAST_CHECK(!own.thread.joinable());
    own.thread = std::thread([&own, &shard] {
      Shard::Scope scope(shard);
      own.io.run();
    });
    ::pthread_setname_np(own.thread.native_handle(), ("shard-" + std::to_string(i)).c_str());
  }
}

void Shards::stop() {
  for (auto& own : threads_) own->io.stop();
  for (auto& own : threads_) {
    if (own->thread.joinable()) own->thread.join();
  }
}

}  // namespace holdfast
