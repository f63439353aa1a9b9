#include "client/election.h"

#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

Contender::Options candidate(std::string path, std::string who) {
  Contender::Options out;
  out.path = std::move(path);
  out.name = out.mark = "latch-";
  out.data = std::move(who);
  out.waits_for = [](const std::vector<SequentialChild>&, std::size_t own) {
    return own == 0 ? std::nullopt : std::optional<std::size_t>(own - 1);
  };
  return out;
}

}  // namespace

Election::Election(ZooKeeper& zk, std::string path, std::string who, Callbacks callbacks)
    : contender_(zk, candidate(std::move(path), std::move(who))),
      callbacks_(std::move(callbacks)),
      changed_(zk.shard()) {
  contender_.on_lost([this] { depose(); });
}

void Election::start() {
  if (!std::exchange(started_, true)) contender_.zk().shard().spawn(gate_, run());
}

Task<void> Election::run() {
  while (!stopping_) {
    auto turn = co_await contender_.wait_turn();
    if (!turn) {
      if (!stopping_) failure_ = turn.error();
      break;
    }
    told_ = true;
    changed_.wake_all();
    if (callbacks_.elected) callbacks_.elected();
    co_await contender_.until_lost();
  }
  changed_.wake_all();
}

void Election::depose() {
  if (std::exchange(told_, false) && callbacks_.deposed) callbacks_.deposed();
}

Task<void> Election::resign() {
  if (!leading()) co_return;
  depose();
  co_await contender_.leave();
}

Task<void> Election::stop() {
  stopping_ = true;
  depose();
  co_await contender_.stop();
  co_await contender_.zk().shard().drained(gate_);
}

Task<bool> Election::until_leading(std::optional<Duration> at_most) {
  const auto deadline = deadline_in(contender_.zk(), at_most);
  while (!leading() && !stopping_ && !failure_) {
    const SteadyTime now = contender_.zk().shard().clock().now();
    if (deadline && now >= *deadline) break;
    if (deadline) {
      co_await changed_.wait_for(*deadline - now);
    } else {
      co_await changed_.wait();
    }
  }
  co_return leading();
}

Task<ZkOutcome<std::vector<Election::Participant>>> Election::participants() {
  const Contender::Options& options = contender_.options();
  auto children = co_await contender_.zk().children(options.path);
  std::vector<Participant> out;
  if (!children && children.error().code == ZkError::no_node) co_return out;
  if (!children) co_return zk_failed(children);
  for (const SequentialChild& child : in_order(children->names, options.mark)) {
    auto node = co_await contender_.zk().get(zk_join(options.path, child.name));
    if (!node && node.error().code == ZkError::no_node) continue;  // gone meanwhile
    if (!node) co_return zk_failed(node);
    out.push_back({std::move(node->data), out.empty()});
  }
  co_return out;
}

}  // namespace holdfast::client
