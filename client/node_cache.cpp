#include "client/node_cache.h"

#include <utility>

#include "client/retry_pause.h"

namespace holdfast::client {
namespace {}  // namespace

NodeCache::NodeCache(ZooKeeper& zk, std::string path, Changed changed)
    : zk_(zk),
      path_(std::move(path)),
      told_(std::move(changed)),
      changed_(zk.shard()),
      progress_(zk.shard()),
      watcher_(make_watcher([this](const WatchEvent&) { changed_.notify(); })) {
  zk_.on_session(watcher_);
}

NodeCache::~NodeCache() { HOLDFAST_CHECK(gate_.holders() == 0); }

Task<ZkOutcome<>> NodeCache::start(std::optional<Duration> at_most) {
  const auto deadline = deadline_in(zk_, at_most);
  if (!std::exchange(started_, true)) zk_.shard().spawn(gate_, run());
  const Gate::Holder holder = gate_.enter();
  while (holder && !read_ && !failure_ && !stopping_) {
    const SteadyTime now = zk_.shard().clock().now();
    if (deadline && now >= *deadline) co_return zk_failed(ZkError::operation_timeout, path_);
    if (deadline) {
      co_await progress_.wait_for(*deadline - now);
    } else {
      co_await progress_.wait();
    }
  }
  if (failure_) co_return std::unexpected(*failure_);
  if (!read_) co_return zk_failed(ZkError::session_expired, "it was stopped");
  co_return ZkOutcome<>();
}

Task<void> NodeCache::run() {
  while (!stopping_) {
    changed_.reset();
    auto looked = co_await look();
    if (!looked && !recipe_goes_on(zk_, looked.error())) {
      failure_ = looked.error();
      break;
    }
    read_ |= looked.has_value();
    progress_.wake_all();
    std::optional<SteadyTime> until;
    if (!looked) until = zk_.shard().clock().now() + retry_pause;
    auto noticed = co_await changed_.wait(until);
    (void)noticed;
  }
  progress_.wake_all();
}

Task<ZkOutcome<>> NodeCache::look() {
  auto node = co_await zk_.get(path_, watcher_);
  if (node) {
    take(std::move(*node));
    co_return ZkOutcome<>();
  }
  if (node.error().code != ZkError::no_node) co_return zk_failed(node);
  // A read leaves no watch where there is nothing: this waits for its creation.
  auto there = co_await zk_.exists(path_, watcher_);
  if (!there) co_return zk_failed(there);
  if (*there) {
    changed_.notify();
  } else {
    take(std::nullopt);
  }
  co_return ZkOutcome<>();
}

void NodeCache::take(std::optional<NodeData> value) {
  const bool same = read_ && value.has_value() == value_.has_value() &&
                    (!value || (value->stat.mzxid == value_->stat.mzxid && value->stat.czxid == value_->stat.czxid));
  value_ = std::move(value);
  if (!same && told_) told_(value_ ? &*value_ : nullptr);
}

Task<void> NodeCache::stop() {
  stopping_ = true;
  changed_.notify();
  progress_.wake_all();
  co_await zk_.shard().drained(gate_);
}

}  // namespace holdfast::client
