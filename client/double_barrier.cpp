#include "client/double_barrier.h"

#include <algorithm>
#include <utility>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr std::string_view mark = "member-";

}  // namespace

DoubleBarrier::DoubleBarrier(ZooKeeper& zk, std::string path, std::size_t members)
    : zk_(zk),
      path_(std::move(path)),
      ready_(zk_join(path_, "ready")),
      members_(members),
      changed_(zk.shard()),
      place_(zk),
      watcher_(make_watcher([this](const WatchEvent&) { changed_.notify(); })) {
  zk_.on_session(watcher_);
}

DoubleBarrier::~DoubleBarrier() { HOLDFAST_CHECK(gate_.holders() == 0); }

// Until `look` says true.
template <class Look>
Task<ZkOutcome<>> DoubleBarrier::repeat(Look look, std::optional<SteadyTime> deadline) {
  for (;;) {
    changed_.reset();
    auto step = look();
    auto done = co_await std::move(step);
    if (stopping_) co_return zk_failed(ZkError::session_expired, "it was stopped");
    if (done && *done) co_return ZkOutcome<>();
    if (!done && !recipe_goes_on(zk_, done.error())) co_return zk_failed(done);
    std::optional<SteadyTime> until = deadline;
    if (!done) {
      const SteadyTime soon = zk_.shard().clock().now() + retry_pause;
      until = deadline ? std::min(soon, *deadline) : soon;
    }
    auto noticed = co_await changed_.wait(until);
    (void)noticed;
    if (deadline && zk_.shard().clock().now() >= *deadline) co_return zk_failed(ZkError::operation_timeout, path_);
  }
}

Task<ZkOutcome<>> DoubleBarrier::enter(std::optional<Duration> at_most) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "it was stopped");
  const auto deadline = deadline_in(zk_, at_most);
  const auto look = [this, deadline] { return look_in(deadline); };
  auto entered = co_await repeat(look, deadline);
  if (!entered) co_await place_.give_up();
  co_return entered;
}

Task<ZkOutcome<bool>> DoubleBarrier::look_in(std::optional<SteadyTime> deadline) {
  if (!place_.stands()) {
    auto taken = co_await place_.take(gate_, path_, std::string(mark), std::string(), deadline);
    if (!taken) co_return zk_failed(taken);
  }
  // The watch first: the last one may come between.
  auto ready = co_await zk_.exists(ready_, watcher_);
  if (!ready) co_return zk_failed(ready);
  if (*ready) co_return true;
  auto children = co_await zk_.children(path_);
  if (!children) co_return zk_failed(children);
  if (in_order(children->names, mark).size() < members_) co_return false;
  auto made = co_await zk_.create(ready_);
  if (!made && made.error().code != ZkError::node_exists) co_return zk_failed(made);
  co_return true;
}

Task<ZkOutcome<>> DoubleBarrier::leave(std::optional<Duration> at_most) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "it was stopped");
  const auto look = [this] { return look_out(); };
  auto left = co_await repeat(look, deadline_in(zk_, at_most));
  co_await place_.give_up();
  co_return left;
}

Task<ZkOutcome<bool>> DoubleBarrier::look_out() {
  auto children = co_await zk_.children(path_);
  if (!children && children.error().code == ZkError::no_node) co_return true;
  if (!children) co_return zk_failed(children);
  const auto crowd = in_order(children->names, mark);
  const auto own = std::ranges::find(crowd, zk_name(place_.node()), &SequentialChild::name);
  if (crowd.empty() || (crowd.size() == 1 && own == crowd.begin())) {
    // The last one clears up, for the next time.
    auto cleared = co_await zk_.remove(ready_);
    if (!cleared && cleared.error().code != ZkError::no_node) co_return zk_failed(cleared);
    co_return true;
  }
  std::string other = zk_join(path_, crowd.front().name);
  if (own == crowd.begin()) {
    other = zk_join(path_, crowd.back().name);
  } else if (own != crowd.end()) {
    const std::string node = place_.node();
    auto removed = co_await zk_.remove(node);
    if (!removed && removed.error().code != ZkError::no_node) co_return zk_failed(removed);
    place_.forget();
  }
  auto watched = co_await zk_.get(std::move(other), watcher_);
  if (!watched && watched.error().code != ZkError::no_node) co_return zk_failed(watched);
  if (!watched) changed_.notify();
  co_return false;
}

Task<void> DoubleBarrier::stop() {
  stopping_ = true;
  changed_.notify();
  co_await place_.give_up();
  co_await zk_.shard().drained(gate_);
}

}  // namespace holdfast::client
