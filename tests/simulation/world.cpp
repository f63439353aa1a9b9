#include "tests/simulation/world.h"

#include <algorithm>

namespace holdfast::sim {
namespace {

constexpr int rounds_at_one_instant_max = 1'000'000;
constexpr std::int64_t million = 1'000'000;

std::int64_t gained(std::int64_t nanoseconds, std::int64_t ppm) {
  return nanoseconds / million * ppm + nanoseconds % million * ppm / million;
}

}  // namespace

Host::Host(SteadyTime now, std::int64_t wall_ms, int shards)
    : clock_(wall_ms), shards_(shards, clock_), loop_(clock_, shards_), base_world_(now) {}

SteadyTime Host::local(SteadyTime world) const {
  const std::int64_t passed = (world - base_world_).count();
  return base_local_ + Duration(passed + gained(passed, ppm_));
}

void Host::set_drift(SteadyTime now, std::int64_t ppm) {
  base_local_ = local(now);
  base_world_ = now;
  ppm_ = ppm;
}

bool Host::run_round(SteadyTime now) {
  if (is_paused(now)) return false;
  clock_.advance_to(local(now));
  current_ = this;
  const bool ran = loop_.run_round();
  current_ = nullptr;
  return ran;
}

std::optional<SteadyTime> Host::next() const {
  const auto deadline = loop_.next();
  if (!deadline) return std::nullopt;
  SteadyTime out = base_world_;
  for (Duration missing = *deadline - local(out); missing.count() > 0; missing = *deadline - local(out)) {
    // Never too far: a clock that gains needs less than what is missing.
    const std::int64_t step = missing.count() - std::max<std::int64_t>(0, gained(missing.count(), ppm_));
    out += Duration(std::max<std::int64_t>(1, step));
  }
  return std::max(out, paused_until_);
}

World::World(std::uint64_t seed, SimulatedNetwork::Options network)
    : random_(seeded_random(seed)), network_(clock_, *random_, network) {}

void World::after(Duration how_long, Function<void()> what) {
  events_.emplace(std::pair(clock_.now() + how_long, next_event_++), std::move(what));
}

bool World::run_round() {
  bool ran = network_.run_due(clock_.now());
  for (std::size_t i = 0; i < hosts_.size(); ++i) ran = hosts_[i]->run_round(clock_.now()) || ran;
  if (!events_.empty() && events_.begin()->first.first <= clock_.now()) {
    auto event = events_.extract(events_.begin());
    event.mapped()();
    ran = true;
  }
  return ran;
}

void World::run_ready() {
  for (int rounds = 0; run_round(); ++rounds) HOLDFAST_CHECK(rounds < rounds_at_one_instant_max);
}

bool World::advance(SteadyTime limit) {
  std::optional<SteadyTime> next = network_.next();
  const auto earlier = [&next](std::optional<SteadyTime> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  if (!events_.empty()) earlier(events_.begin()->first.first);
  for (const Host* host : hosts_) earlier(host->next());
  if (!next || *next > limit) return false;
  clock_.advance_to(*next);
  run_ready();
  return true;
}

bool World::run_until(Function<bool()> done, Duration limit) {
  const SteadyTime end = clock_.now() + limit;
  run_ready();
  while (!done()) {
    if (!advance(end)) return false;
  }
  return true;
}

void World::run_for(Duration how_long) {
  const SteadyTime end = clock_.now() + how_long;
  run_ready();
  while (advance(end)) {
  }
  clock_.advance_to(end);
  run_ready();
}

}  // namespace holdfast::sim
