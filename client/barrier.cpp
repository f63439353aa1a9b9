#include "client/barrier.h"

#include <memory>
#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {

Barrier::Barrier(ZooKeeper& zk, std::string path) : zk_(zk), path_(std::move(path)) {}

Task<ZkOutcome<>> Barrier::raise() {
  std::string parent(zk_parent(path_));
  auto made = co_await make_path(zk_, std::move(parent));
  if (!made) co_return zk_failed(made);
  auto created = co_await zk_.create(path_);
  if (!created && created.error().code != ZkError::node_exists) co_return zk_failed(created);
  co_return ZkOutcome<>();
}

Task<ZkOutcome<>> Barrier::lift() {
  auto removed = co_await zk_.remove(path_);
  if (!removed && removed.error().code != ZkError::no_node) co_return zk_failed(removed);
  co_return ZkOutcome<>();
}

Task<ZkOutcome<>> Barrier::wait(std::optional<Duration> at_most) {
  const auto deadline = deadline_in(zk_, at_most);
  Signal changed(zk_.shard());
  const WatcherRef watcher = make_watcher([&changed](const WatchEvent&) { changed.notify(); });
  zk_.on_session(watcher);
  for (;;) {
    changed.reset();
    // A read leaves no watch where there is nothing.
    auto there = co_await zk_.get(path_, watcher);
    if (!there && there.error().code == ZkError::no_node) co_return ZkOutcome<>();
    if (!there && !recipe_goes_on(zk_, there.error())) co_return zk_failed(there);
    if (!there && (!deadline || zk_.shard().clock().now() < *deadline)) {
      co_await zk_.shard().sleep(std::chrono::milliseconds(100));
      continue;
    }
    auto noticed = co_await changed.wait(deadline);
    if (!noticed) co_return zk_failed(ZkError::operation_timeout, path_);
  }
}

}  // namespace holdfast::client
