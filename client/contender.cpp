#include "client/contender.h"

#include <algorithm>
#include <utility>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr std::string_view revoke_word = "__REVOKE__";

}  // namespace

Contender::Contender(ZooKeeper& zk, Options options)
    : zk_(zk),
      options_(std::move(options)),
      changed_(zk.shard()),
      over_(zk.shard()),
      place_(zk),
      session_watcher_(make_watcher([this](const WatchEvent& event) { on_session(event); })),
      own_watcher_(make_watcher([this](const WatchEvent& event) { on_own_node(event); })),
      other_watcher_(make_watcher([this](const WatchEvent&) { changed_.notify(); })) {
  zk_.on_session(session_watcher_);
}

Contender::~Contender() { HOLDFAST_CHECK(!has_turn_ && !entering_); }

Task<ZkOutcome<>> Contender::wait_turn(std::optional<Duration> at_most) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "it was stopped");
  if (entering_ || has_turn_) co_return zk_failed(ZkError::bad_arguments, "it has a place already");
  entering_ = true;
  const auto deadline = deadline_in(zk_, at_most);
  ZkOutcome<> outcome;
  for (;;) {
    changed_.reset();
    auto turn = co_await look(deadline);
    const bool lives = !session_is_in_danger(zk_.state()) && place_.stands();
    if (stopping_) {
      outcome = zk_failed(ZkError::session_expired, "it was stopped");
      break;
    }
    // What came together with the answer may be about this one's own znode: look again.
    if (turn && *turn && lives && changed_.is_set()) continue;
    if (turn && *turn && lives) {
      entering_ = false;
      has_turn_ = true;
      if (revocation_asked_) zk_.shard().spawn(gate_, look_at_own_node(node()));
      co_return ZkOutcome<>();
    }
    if (!turn && !recipe_goes_on(zk_, turn.error())) {
      outcome = zk_failed(turn);
      break;
    }
    if (deadline && zk_.shard().clock().now() >= *deadline) {
      outcome = zk_failed(ZkError::operation_timeout, options_.path);
      break;
    }
    // Nothing tells when a request will succeed that just failed.
    std::optional<SteadyTime> until = deadline;
    if (!turn || *turn) {
      const SteadyTime soon = zk_.shard().clock().now() + retry_pause;
      until = deadline ? std::min(soon, *deadline) : soon;
    }
    auto noticed = co_await changed_.wait(until);
    (void)noticed;
  }
  co_await place_.give_up();
  entering_ = false;
  co_return outcome;
}

// False: what it was to be beside has gone meanwhile.
Task<ZkOutcome<bool>> Contender::take_place(std::optional<SteadyTime> deadline) {
  const std::string beside = options_.beside ? options_.beside() : std::string();
  const auto number = zk_sequence(zk_name(beside));
  auto taken = co_await place_.take(gate_, options_.path, options_.name, options_.data, deadline, number);
  if (!taken) co_return zk_failed(taken);
  if (!number || options_.beside() == beside) co_return true;
  co_await place_.give_up();
  co_return false;
}

// True: nobody is before this one. False: there will be a notice.
Task<ZkOutcome<bool>> Contender::look(std::optional<SteadyTime> deadline) {
  if (!place_.stands()) {
    auto taken = co_await take_place(deadline);
    if (!taken) co_return zk_failed(taken);
    if (!*taken) changed_.notify();
    if (!*taken) co_return false;
  }
  auto children = co_await zk_.children(options_.path);
  if (!children) co_return zk_failed(children);
  const auto queue = in_order(children->names, options_.mark);
  const auto own = std::ranges::find(queue, zk_name(node()), &SequentialChild::name);
  if (own == queue.end()) {
    place_.forget();  // somebody deleted it, or its session is over
    changed_.notify();
    co_return false;
  }
  const auto other = options_.waits_for(queue, static_cast<std::size_t>(own - queue.begin()));
  if (!other) {
    auto there = co_await zk_.get(node(), own_watcher_);
    if (!there && there.error().code != ZkError::no_node) co_return zk_failed(there);
    revocation_asked_ = there && there->data == revoke_word;
    if (there) co_return true;
    place_.forget();
    changed_.notify();
    co_return false;
  }
  // A read leaves no watch where there is nothing, as exists() would.
  std::string before = zk_join(options_.path, queue[*other].name);
  auto watched = co_await zk_.get(std::move(before), other_watcher_);
  if (!watched && watched.error().code != ZkError::no_node) co_return zk_failed(watched);
  if (!watched) changed_.notify();
  co_return false;
}

void Contender::on_session(const WatchEvent& event) {
  changed_.notify();
  if (has_turn_ && session_is_in_danger(event.state)) lose();
}

void Contender::on_own_node(const WatchEvent& event) {
  if (!has_turn_ || event.path != node()) return changed_.notify();
  if (event.type == WatchType::deleted) return lose();
  zk_.shard().spawn(gate_, look_at_own_node(node()));
}

// Its data has changed, and the watch on it is used up.
Task<void> Contender::look_at_own_node(std::string looked_at) {
  for (;;) {
    auto found = co_await zk_.get(looked_at, own_watcher_);
    if (!has_turn_ || node() != looked_at) co_return;
    if (!found && found.error().code == ZkError::no_node) lose();
    if (found && found->data == revoke_word && revoke_) revoke_();
    if (found || !passes(found.error())) co_return;
    co_await zk_.shard().sleep(retry_pause);
    if (stopping_) co_return;
  }
}

void Contender::lose() {
  has_turn_ = false;
  zk_.shard().spawn(gate_, place_.give_up());
  over_.wake_all();
  if (const auto told = lost_) told();
}

Task<void> Contender::leave() {
  if (!std::exchange(has_turn_, false)) co_return;
  over_.wake_all();
  co_await place_.give_up();
}

Task<void> Contender::until_lost() {
  const Gate::Holder holder = gate_.enter();
  while (holder && has_turn_) co_await over_.wait();
}

Task<void> Contender::stop() {
  stopping_ = true;
  changed_.notify();
  co_await leave();
  co_await zk_.shard().drained(gate_);
}

}  // namespace holdfast::client
