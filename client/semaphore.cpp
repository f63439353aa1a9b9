#include "client/semaphore.h"

#include <algorithm>
#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr Duration retry_pause = std::chrono::milliseconds(200);

}  // namespace

Semaphore::Semaphore(ZooKeeper& zk, std::string path, std::size_t leases_max)
    : zk_(zk),
      leases_(zk_join(path, "leases")),
      leases_max_(leases_max),
      lock_(zk, zk_join(path, "locks")),
      changed_(zk.shard()),
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
    if (turn && *turn && !session_is_in_danger(zk_.state()) && node_session_ == zk_.session_id()) {
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
  co_await give_up();
  co_return outcome;
}

// The lock may be lost meanwhile, and somebody else take a lease beside: so it goes by the order of the leases, too.
Task<ZkOutcome<bool>> Semaphore::look(std::optional<SteadyTime> deadline) {
  if (node_.empty() || node_session_ != zk_.session_id()) {
    node_.clear();
    auto created = co_await create_protected(zk_, gate_, leases_, "lease-", std::string(),
                                             CreateMode::ephemeral_sequential, deadline);
    if (!created) co_return zk_failed(created);
    node_ = created->path;
    node_session_ = zk_.session_id();
  }
  auto children = co_await zk_.children(leases_, leases_watcher_);
  if (!children) co_return zk_failed(children);
  const auto queue = in_order(children->names, "lease-");
  const auto own = std::ranges::find(queue, zk_name(node_), &SequentialChild::name);
  if (own == queue.end()) {
    node_.clear();
    changed_.notify();
    co_return false;
  }
  if (static_cast<std::size_t>(own - queue.begin()) >= leases_max_) co_return false;
  auto there = co_await zk_.exists(node_, own_watcher_);
  if (!there) co_return zk_failed(there);
  if (*there) co_return true;
  node_.clear();
  changed_.notify();
  co_return false;
}

void Semaphore::on_session(const WatchEvent& event) {
  changed_.notify();
  if (held_ && session_is_in_danger(event.state)) lose();
}

void Semaphore::on_own_node(const WatchEvent& event) {
  if (!held_ || event.path != node_) {
    own_changed_ = true;
    return changed_.notify();
  }
  if (event.type == WatchType::deleted) return lose();
  zk_.shard().spawn(gate_, look_at_own_node(node_));
}

// Its data has changed, and the watch on it is used up.
Task<void> Semaphore::look_at_own_node(std::string node) {
  for (;;) {
    auto found = co_await zk_.exists(node, own_watcher_);
    if (!held_ || node_ != node) co_return;
    if (found && !*found) lose();
    if (found || !passes(found.error())) co_return;
    co_await zk_.shard().sleep(retry_pause);
    if (stopping_) co_return;
  }
}

void Semaphore::lose() {
  held_ = false;
  zk_.shard().spawn(gate_, give_up());
  if (const auto told = lost_) told();
}

// It is no place of this one's from the call on: the next may be taken while it is removed.
Task<void> Semaphore::give_up() { return remove_place(std::exchange(node_, {}), node_session_); }

Task<void> Semaphore::remove_place(std::string node, std::int64_t session) {
  if (node.empty() || session != zk_.session_id()) co_return;
  auto removed = co_await zk_.remove(node);
  if (!removed && passes(removed.error())) zk_.shard().spawn(gate_, remove_surely(zk_, gate_, node, session));
}

Task<void> Semaphore::release() {
  if (!std::exchange(held_, false)) co_return;
  co_await give_up();
}

Task<void> Semaphore::stop() {
  stopping_ = true;
  changed_.notify();
  co_await release();
  co_await lock_.stop();
  co_await zk_.shard().drained(gate_);
}

}  // namespace holdfast::client
