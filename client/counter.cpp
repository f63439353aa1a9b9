#include "client/counter.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {

Counter::Counter(ZooKeeper& zk, std::string path) : zk_(zk), path_(std::move(path)) {}

Task<ZkOutcome<Counter::Seen>> Counter::look() {
  auto node = co_await zk_.get(path_);
  if (!node && node.error().code == ZkError::no_node) co_return Seen();
  if (!node) co_return zk_failed(node);
  Seen seen;
  seen.version = node->stat.version;
  const char* end = node->data.data() + node->data.size();
  const auto [stopped, error] = std::from_chars(node->data.data(), end, seen.value);
  if (!node->data.empty() && (error != std::errc() || stopped != end))
    co_return zk_failed(ZkError::bad_arguments, fmt::format("{} holds no number", path_));
  co_return seen;
}

Task<ZkOutcome<bool>> Counter::replace(Seen seen, std::int64_t value) {
  if (seen.version >= 0) {
    auto set = co_await zk_.set(path_, std::to_string(value), seen.version);
    if (set) co_return true;
    if (set.error().code == ZkError::bad_version || set.error().code == ZkError::no_node) co_return false;
    co_return zk_failed(set);
  }
  auto created = co_await zk_.create(path_, std::to_string(value));
  if (!created && created.error().code == ZkError::no_node) {
    std::string parent(zk_parent(path_));
    auto made = co_await make_path(zk_, std::move(parent));
    if (!made) co_return zk_failed(made);
    created = co_await zk_.create(path_, std::to_string(value));
  }
  if (created) co_return true;
  if (created.error().code == ZkError::node_exists) co_return false;
  co_return zk_failed(created);
}

Task<ZkOutcome<std::int64_t>> Counter::get() {
  auto seen = co_await look();
  if (!seen) co_return zk_failed(seen);
  co_return seen->value;
}

Task<ZkOutcome<std::int64_t>> Counter::add(std::int64_t by) {
  for (;;) {
    auto seen = co_await look();
    if (!seen) co_return zk_failed(seen);
    std::int64_t sum = 0;
    if (__builtin_add_overflow(seen->value, by, &sum))
      co_return zk_failed(ZkError::bad_arguments, fmt::format("{} would not fit 64 bits", path_));
    auto done = co_await replace(*seen, sum);
    if (!done) co_return zk_failed(done);
    if (*done) co_return sum;
  }
}

Task<ZkOutcome<>> Counter::set(std::int64_t value) {
  for (;;) {
    auto seen = co_await look();
    if (!seen && seen.error().code != ZkError::bad_arguments) co_return zk_failed(seen);
    // What is no number is overwritten, whatever its version is.
    if (!seen) {
      auto forced = co_await zk_.set(path_, std::to_string(value));
      if (!forced) co_return zk_failed(forced);
      co_return ZkOutcome<>();
    }
    auto done = co_await replace(*seen, value);
    if (!done) co_return zk_failed(done);
    if (*done) co_return ZkOutcome<>();
  }
}

Task<ZkOutcome<bool>> Counter::compare_and_set(std::int64_t expected, std::int64_t value) {
  auto seen = co_await look();
  if (!seen) co_return zk_failed(seen);
  if (seen->value != expected) co_return false;
  auto done = co_await replace(*seen, value);
  co_return done;
}

}  // namespace holdfast::client
