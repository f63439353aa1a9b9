#include "client/semaphore.h"

#include <algorithm>
#include <utility>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {}  // namespace

Semaphore::Semaphore(ZooKeeper& zk, std::string path, std::size_t leases_max)
    : zk_(zk),
      leases_(zk_join(path, "leases")),
      leases_max_(leases_max),
      lock_(zk, zk_join(path, "locks")),
      changed_(zk.shard()),
      place_(zk),
      session_watcher_(make_watcher([this](const WatchEvent& event) { on_session(event); })),
      own_watcher_(make_watcher([this](const WatchEvent& event) { on_own_node(event); })),
      leases_watcher_(make_watcher([this](const WatchEvent&) { changed_.notify(); })) {
  zk_.on_session(session_watcher_);
}

Semaphore::~Semaphore() { HOLDFAST_CHECK(!held_ && !acquiring_); }

Task<ZkOutcome<>> Semaphore::acquire(std::optional<Duration> at_most) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "it was stopped");
  if (acquiring_ || held_) co_return zk_failed(ZkError::bad_arguments, "it has a lease already");
  acquiring_ = true;
  const auto deadline = deadline_in(zk_, at_most);
  auto locked = co_await lock_.acquire(at_most);
  ZkOutcome<> outcome = locked;
  if (locked) {
    auto taken = co_await take_lease(deadline);
    outcome = std::move(taken);
    co_await lock_.release();
  }
  acquiring_ = false;
  co_return outcome;
}

Task<ZkOutcome<>> Semaphore::take_lease(std::optional<SteadyTime> deadline) {
  ZkOutcome<> outcome;
  for (;;) {
    changed_.reset();
    own_changed_ = false;
    auto turn = co_await look(deadline);
    if (stopping_) {
      outcome = zk_failed(ZkError::session_expired, "it was stopped");
      break;
    }
    // What came together with the answer may be about this one's own znode: look again.
    if (turn && *turn && own_changed_) continue;
    if (turn && *turn && !session_is_in_danger(zk_.state()) && place_.stands()) {
      held_ = true;
      co_return ZkOutcome<>();
    }
    if (!turn && !recipe_goes_on(zk_, turn.error())) {
      outcome = zk_failed(turn);
      break;
    }
    if (deadline && zk_.shard().clock().now() >= *deadline) {
      outcome = zk_failed(ZkError::operation_timeout, leases_);
      break;
    }
    std::optional<SteadyTime> until = deadline;
    if (!turn || *turn) {
      const SteadyTime soon = zk_.shard().clock().now() + retry_pause;
      until = deadline ? std::min(soon, *deadline) : soon;
    }
    auto noticed = co_await changed_.wait(until);
    (void)noticed;
  }
  co_await place_.give_up();
  co_return outcome;
}

// The lock may be lost meanwhile, and somebody else take a lease beside: so it goes by the order of the leases, too.
Task<ZkOutcome<bool>> Semaphore::look(std::optional<SteadyTime> deadline) {
  if (!place_.stands()) {
    auto taken = co_await place_.take(gate_, leases_, "lease-", std::string(), deadline);
    if (!taken) co_return zk_failed(taken);
  }
  auto children = co_await zk_.children(leases_, leases_watcher_);
  if (!children) co_return zk_failed(children);
  const auto queue = in_order(children->names, "lease-");
  const auto own = std::ranges::find(queue, zk_name(node()), &SequentialChild::name);
  if (own == queue.end()) {
    place_.forget();
    changed_.notify();
    co_return false;
  }
  if (static_cast<std::size_t>(own - queue.begin()) >= leases_max_) co_return false;
  auto there = co_await zk_.exists(node(), own_watcher_);
  if (!there) co_return zk_failed(there);
  if (*there) co_return true;
  place_.forget();
  changed_.notify();
  co_return false;
}

void Semaphore::on_session(const WatchEvent& event) {
  changed_.notify();
  if (held_ && session_is_in_danger(event.state)) lose();
}

void Semaphore::on_own_node(const WatchEvent& event) {
  if (!held_ || event.path != node()) {
    own_changed_ = true;
    return changed_.notify();
  }
  if (event.type == WatchType::deleted) return lose();
  zk_.shard().spawn(gate_, look_at_own_node(node()));
}

// Its data has changed, and the watch on it is used up.
Task<void> Semaphore::look_at_own_node(std::string looked_at) {
  for (;;) {
    auto found = co_await zk_.exists(looked_at, own_watcher_);
    if (!held_ || node() != looked_at) co_return;
    if (found && !*found) lose();
    if (found || !passes(found.error())) co_return;
    co_await zk_.shard().sleep(retry_pause);
    if (stopping_) co_return;
  }
}

void Semaphore::lose() {
  held_ = false;
  zk_.shard().spawn(gate_, place_.give_up());
  if (const auto told = lost_) told();
}

Task<void> Semaphore::release() {
  if (!std::exchange(held_, false)) co_return;
  co_await place_.give_up();
}

Task<void> Semaphore::stop() {
  stopping_ = true;
  changed_.notify();
  co_await release();
  co_await lock_.stop();
  co_await zk_.shard().drained(gate_);
}

}  // namespace holdfast::client
