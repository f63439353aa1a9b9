#include "client/queue.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr std::string_view item_mark = "qn-";

}  // namespace

Queue::Queue(ZooKeeper& zk, std::string path) : zk_(zk), path_(std::move(path)) {}
Queue::~Queue() { HOLDFAST_CHECK(gate_.holders() == 0); }

Task<ZkOutcome<>> Queue::put(std::string item) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "it was stopped");
  const SteadyTime deadline = zk_.shard().clock().now() + zk_.session_timeout();
  auto created = co_await create_protected(zk_, gate_, path_, std::string(item_mark), std::move(item),
                                           CreateMode::persistent_sequential, deadline);
  if (!created) co_return zk_failed(created);
  co_return ZkOutcome<>();
}

Task<ZkOutcome<std::string>> Queue::take(std::optional<Duration> at_most) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "it was stopped");
  Signal changed(zk_.shard());
  takers_.push_back(&changed);
  auto taken = co_await wait_for_item(changed, deadline_in(zk_, at_most));
  std::erase(takers_, &changed);
  co_return taken;
}

Task<ZkOutcome<std::string>> Queue::wait_for_item(Signal& changed, std::optional<SteadyTime> deadline) {
  const WatcherRef watcher = make_watcher([&changed](const WatchEvent&) { changed.notify(); });
  zk_.on_session(watcher);
  while (!stopping_) {
    changed.reset();
    bool in_doubt = false;
    auto taken = co_await try_take(watcher, in_doubt);
    if (taken && *taken) co_return std::move(**taken);
    if (stopping_) break;
    if (!taken && (in_doubt || !recipe_goes_on(zk_, taken.error()))) co_return zk_failed(taken);
    if (!taken) {
      if (deadline && zk_.shard().clock().now() >= *deadline) co_return zk_failed(ZkError::operation_timeout, path_);
      co_await zk_.shard().sleep(retry_pause);
      continue;
    }
    auto noticed = co_await changed.wait(deadline);
    if (!noticed) co_return zk_failed(ZkError::operation_timeout, path_);
  }
  co_return zk_failed(ZkError::session_expired, "it was stopped");
}

Task<ZkOutcome<std::optional<std::string>>> Queue::try_take(WatcherRef watcher, bool& in_doubt) {
  auto children = co_await zk_.children(path_, watcher);
  if (!children && children.error().code == ZkError::no_node) {
    auto made = co_await make_path(zk_, path_);
    if (!made) co_return zk_failed(made);
    children = co_await zk_.children(path_, watcher);
  }
  if (!children) co_return zk_failed(children);
  for (const SequentialChild& child : in_order(children->names, item_mark)) {
    const std::string path = zk_join(path_, child.name);
    auto item = co_await zk_.get(path);
    if (!item && item.error().code == ZkError::no_node) continue;  // somebody else was faster
    if (!item) co_return zk_failed(item);
    auto removed = co_await zk_.remove(path);
    in_doubt = !removed;
    for (int attempt = 0; !removed && removed.error().retriable() && attempt < 3; ++attempt) {
      // It is still there: it was not taken. It is gone: nobody knows by whom.
      co_await zk_.shard().sleep(retry_pause);
      auto there = co_await zk_.exists(path);
      if (!there) continue;
      if (!*there) co_return zk_failed(removed);
      removed = co_await zk_.remove(path);
    }
    if (removed) co_return std::optional<std::string>(std::move(item->data));
    if (removed.error().code != ZkError::no_node) co_return zk_failed(removed);
    in_doubt = false;
  }
  co_return std::optional<std::string>();
}

Task<ZkOutcome<std::optional<std::string>>> Queue::peek() {
  auto children = co_await zk_.children(path_);
  if (!children && children.error().code == ZkError::no_node) co_return std::optional<std::string>();
  if (!children) co_return zk_failed(children);
  for (const SequentialChild& child : in_order(children->names, item_mark)) {
    auto item = co_await zk_.get(zk_join(path_, child.name));
    if (item) co_return std::optional<std::string>(std::move(item->data));
    if (item.error().code != ZkError::no_node) co_return zk_failed(item);
  }
  co_return std::optional<std::string>();
}

Task<ZkOutcome<std::size_t>> Queue::size() {
  auto children = co_await zk_.children(path_);
  if (!children && children.error().code == ZkError::no_node) co_return std::size_t{0};
  if (!children) co_return zk_failed(children);
  co_return in_order(children->names, item_mark).size();
}

Task<void> Queue::stop() {
  stopping_ = true;
  for (Signal* taker : takers_) taker->notify();
  co_await zk_.shard().drained(gate_);
}

}  // namespace holdfast::client
