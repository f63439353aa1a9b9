#include "client/ephemeral_node.h"

#include <utility>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

// A failure: it may still be there.
Task<ZkOutcome<>> try_remove_own(ZooKeeper& zk, std::string path, std::int64_t session) {
  auto stat = co_await zk.exists(path);
  if (!stat && passes(stat.error())) co_return zk_failed(stat);
  if (!stat || !*stat || (*stat)->ephemeral_owner != session) co_return ZkOutcome<>();
  auto removed = co_await zk.remove(path);
  if (!removed && passes(removed.error())) co_return removed;
  co_return ZkOutcome<>();
}

Task<void> remove_own(ZooKeeper& zk, std::string path, std::int64_t session) {
  while (zk.session_id() == session && !zk.closing()) {
    auto removed = co_await try_remove_own(zk, path, session);
    if (removed) co_return;
    co_await zk.shard().sleep(retry_pause);
  }
}

}  // namespace

EphemeralNode::EphemeralNode(ZooKeeper& zk, std::string path, std::string data)
    : zk_(zk),
      path_(std::move(path)),
      data_(std::move(data)),
      changed_(zk.shard()),
      progress_(zk.shard()),
      watcher_(make_watcher([this](const WatchEvent&) { changed_.notify(); })) {
  zk_.on_session(watcher_);
}

EphemeralNode::~EphemeralNode() { HOLDFAST_CHECK(gate_.holders() == 0); }

void EphemeralNode::start() {
  if (!std::exchange(started_, true)) zk_.shard().spawn(gate_, run());
}

void EphemeralNode::set_data(std::string data) {
  data_ = std::move(data);
  changed_.notify();
}

Task<void> EphemeralNode::run() {
  while (!stopping_) {
    changed_.reset();
    auto there = co_await look();
    there_ = there && *there;
    if (!there && !recipe_goes_on(zk_, there.error())) {
      failure_ = there.error();
      break;
    }
    progress_.wake_all();
    std::optional<SteadyTime> until;
    if (!there) until = zk_.shard().clock().now() + retry_pause;
    auto noticed = co_await changed_.wait(until);
    (void)noticed;
  }
  there_ = false;
  progress_.wake_all();
}

// True: it is there, ours, and has its data.
Task<ZkOutcome<bool>> EphemeralNode::look() {
  auto stat = co_await zk_.exists(path_, watcher_);
  if (!stat) co_return zk_failed(stat);
  if (stopping_) co_return false;
  if (!*stat) {
    const std::string data = data_;
    CreateOptions options;
    options.mode = CreateMode::ephemeral;
    auto created = co_await zk_.create(path_, data, std::move(options));
    if (!created && created.error().code == ZkError::no_node) {
      std::string parent(zk_parent(path_));
      auto made = co_await make_path(zk_, std::move(parent));
      if (!made) co_return zk_failed(made);
      changed_.notify();
      co_return false;
    }
    if (!created && created.error().code != ZkError::node_exists) co_return zk_failed(created);
    if (created) written_ = data;
    changed_.notify();  // a look says whether it is there
    co_return false;
  }
  if ((*stat)->ephemeral_owner != zk_.session_id()) co_return false;
  if (written_ != data_) {
    const std::string data = data_;
    auto set = co_await zk_.set(path_, data);
    if (!set && set.error().code == ZkError::no_node) co_return false;
    if (!set) co_return zk_failed(set);
    written_ = data;
  }
  co_return true;
}

Task<ZkOutcome<>> EphemeralNode::until_there(std::optional<Duration> at_most) {
  const Gate::Holder holder = gate_.enter();
  const auto deadline = deadline_in(zk_, at_most);
  while (holder && !there_ && !failure_ && !stopping_) {
    const SteadyTime now = zk_.shard().clock().now();
    if (deadline && now >= *deadline) co_return zk_failed(ZkError::operation_timeout, path_);
    if (deadline) {
      co_await progress_.wait_for(*deadline - now);
    } else {
      co_await progress_.wait();
    }
  }
  if (failure_) co_return std::unexpected(*failure_);
  if (!there_) co_return zk_failed(ZkError::session_expired, "it was stopped");
  co_return ZkOutcome<>();
}

Task<void> EphemeralNode::stop() {
  stopping_ = true;
  changed_.notify();
  progress_.wake_all();
  co_await zk_.shard().drained(gate_);
  const std::int64_t session = zk_.session_id();
  if (!zk_.connected()) {
    zk_.go_on_with(remove_own(zk_, path_, session));
    co_return;
  }
  auto removed = co_await try_remove_own(zk_, path_, session);
  if (!removed) zk_.go_on_with(remove_own(zk_, path_, session));
}

}  // namespace holdfast::client
