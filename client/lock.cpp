#include "client/lock.h"

#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

Contender::Options mutex(std::string path, std::string who) {
  Contender::Options out;
  out.path = std::move(path);
  out.name = out.mark = "lock-";
  out.data = std::move(who);
  out.waits_for = [](const std::vector<SequentialChild>&, std::size_t own) {
    return own == 0 ? std::nullopt : std::optional<std::size_t>(own - 1);
  };
  return out;
}

}  // namespace

Lock::Lock(ZooKeeper& zk, std::string path, std::string who) : Lock(zk, mutex(std::move(path), std::move(who))) {}

Task<ZkOutcome<std::vector<std::string>>> Lock::participants() {
  const Contender::Options& options = contender_.options();
  auto children = co_await contender_.zk().children(options.path);
  std::vector<std::string> out;
  if (!children && children.error().code == ZkError::no_node) co_return out;
  if (!children) co_return zk_failed(children);
  for (const SequentialChild& child : in_order(children->names, options.mark))
    out.push_back(zk_join(options.path, child.name));
  co_return out;
}

Task<ZkOutcome<>> Lock::request_revocation(ZooKeeper& zk, std::string node) {
  auto set = co_await zk.set(node, "__REVOKE__");
  if (!set) co_return zk_failed(set);
  co_return ZkOutcome<>();
}

}  // namespace holdfast::client
