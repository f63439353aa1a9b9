#include "runtime/simulated_loop.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>

namespace holdfast {
namespace {

// So many rounds without time passing mean two parties that wake each other for ever.
constexpr int rounds_at_one_instant_max = 1'000'000;

}  // namespace

// The jobs of one worker. A job is due when the one before has run, its own delay added.
class SimulatedLoop::JobQueue {
 public:
  explicit JobQueue(const SimulatedClock& clock) : clock_(clock) {}

  void push(Function<void()> job, Duration delay) {
    last_due_ = std::max(last_due_, clock_.now()) + delay;
    jobs_.push_back({last_due_, std::move(job)});
  }
  std::optional<SteadyTime> next() const {
    if (jobs_.empty()) return std::nullopt;
    return jobs_.front().due;
  }
  bool run_one(SteadyTime now) {
    if (jobs_.empty() || jobs_.front().due > now) return false;
    Function<void()> job = std::move(jobs_.front().run);
    jobs_.pop_front();
    job();
    return true;
  }

 private:
  struct Job {
    SteadyTime due;
    Function<void()> run;
  };
  const SimulatedClock& clock_;
  SteadyTime last_due_{};
  std::deque<Job> jobs_;
};

class SimulatedLoop::JobQueues final : public Workers {
 public:
  explicit JobQueues(const SimulatedClock& clock) : clock_(clock) {}

  void delay(Random& random, Duration longest) {
    random_ = &random;
    longest_ = longest;
  }

  std::unique_ptr<Worker> create(const std::string&) override {
    queues_.push_back(std::make_shared<JobQueue>(clock_));
    return std::make_unique<Submitter>(*this, queues_.back());
  }

  std::optional<SteadyTime> next() {
    if (!first_is_known_) {
      first_.reset();
      for (const auto& queue : queues_) note(queue->next());
      first_is_known_ = true;
    }
    return first_;
  }

  // One job of each worker that has one due by then.
  bool run_due(SteadyTime by) {
    if (const auto first = next(); !first || *first > by) return false;
    first_is_known_ = false;
    bool ran = false;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      const std::shared_ptr<JobQueue> queue = queues_[i];  // a job may create and destroy workers
      ran = queue->run_one(by) || ran;
    }
    return ran;
  }

 private:
  class Submitter final : public Worker {
   public:
    Submitter(JobQueues& all, std::shared_ptr<JobQueue> queue) : all_(all), queue_(std::move(queue)) {}
    ~Submitter() override {
      all_.first_is_known_ = false;
      while (queue_->run_one(SteadyTime::max())) {
      }
      std::erase(all_.queues_, queue_);
    }
    void submit(Function<void()> job) override {
      queue_->push(std::move(job), all_.draw_delay());
      all_.note(queue_->next());
    }

   private:
    JobQueues& all_;
    std::shared_ptr<JobQueue> queue_;
  };

  Duration draw_delay() {
    if (random_ == nullptr || longest_.count() <= 0) return Duration(0);
    return Duration(static_cast<std::int64_t>(random_->below(static_cast<std::uint64_t>(longest_.count()))));
  }

  void note(std::optional<SteadyTime> due) {
    if (due && (!first_ || *due < *first_)) first_ = due;
  }

  const SimulatedClock& clock_;
  Random* random_ = nullptr;
  Duration longest_{0};
  std::optional<SteadyTime> first_;  // due of all jobs, if it is known
  bool first_is_known_ = false;
  std::vector<std::shared_ptr<JobQueue>> queues_;
};

struct SimulatedLoop::Loop {
  Loop(int index, Clock& clock) : shard(index, io, clock) {}
  boost::asio::io_context io{1};
  Shard shard;
};

SimulatedLoop::SimulatedLoop(SimulatedClock& clock, int shards)
    : clock_(clock), queues_(std::make_unique<JobQueues>(clock)) {
  for (int i = 0; i < shards; ++i) shards_.push_back(&loops_.emplace_back(std::make_unique<Loop>(i, clock))->shard);
}

SimulatedLoop::SimulatedLoop(SimulatedClock& clock, Shards& shards)
    : clock_(clock), queues_(std::make_unique<JobQueues>(clock)) {
  for (int i = 0; i < shards.size(); ++i) shards_.push_back(&shards.at(i));
}

SimulatedLoop::~SimulatedLoop() = default;

Shard& SimulatedLoop::shard(int index) { return *shards_[static_cast<std::size_t>(index)]; }
Workers& SimulatedLoop::workers() { return *queues_; }
void SimulatedLoop::delay_jobs(Random& random, Duration longest) { queues_->delay(random, longest); }

bool SimulatedLoop::run_round() {
  bool ran = false;
  for (TimedEvents* events : events_) ran = events->run_due(clock_.now()) || ran;
  for (Shard* shard : shards_) {
    Shard::Scope scope(*shard);
    const auto deadline = shard->timers().next_deadline();
    if (deadline && *deadline <= clock_.now()) {
      shard->timers().advance(clock_.now());
      ran = true;
    }
    ran = (shard->has_work() && shard->poll() > 0) || ran;
  }
  return queues_->run_due(clock_.now()) || ran;
}

void SimulatedLoop::run_all_jobs() {
  while (queues_->run_due(SteadyTime::max())) {
  }
}

void SimulatedLoop::run_ready() {
  for (int rounds = 0; run_round(); ++rounds) HOLDFAST_CHECK(rounds < rounds_at_one_instant_max);
}

std::optional<SteadyTime> SimulatedLoop::next() const {
  std::optional<SteadyTime> next = queues_->next();
  const auto earlier = [&next](std::optional<SteadyTime> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  for (Shard* shard : shards_) earlier(shard->timers().next_deadline());
  for (const TimedEvents* events : events_) earlier(events->next());
  return next;
}

bool SimulatedLoop::advance(SteadyTime limit) {
  const auto time = next();
  if (!time || *time > limit) return false;
  clock_.advance_to(*time);
  run_ready();
  return true;
}

bool SimulatedLoop::run_until(Function<bool()> done, Duration limit) {
  const SteadyTime end = clock_.now() + limit;
  run_ready();
  while (!done()) {
    if (!advance(end)) return false;
  }
  return true;
}

void SimulatedLoop::run_for(Duration how_long) {
  const SteadyTime end = clock_.now() + how_long;
  run_ready();
  while (advance(end)) {
  }
  clock_.advance_to(end);
  run_ready();
}

void SimulatedLoop::run_to_end(Gate& gate, Task<void> task, int shard_index) {
  {
    Shard::Scope scope(shard(shard_index));
    HOLDFAST_CHECK(shard(shard_index).spawn(gate, std::move(task)));
  }
  const bool ended = run_until([&gate] { return gate.holders() == 0; });
  HOLDFAST_CHECK(ended);  // it waits for something that nobody will do
}

}  // namespace holdfast
