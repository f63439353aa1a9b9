#include "client/zookeeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/zookeeper_path.h"
#include "client/zookeeper_request.h"

namespace holdfast::client {

ZooKeeper::ZooKeeper(Shard& shard, Network& network, Random& random, ZooKeeperOptions options)
    : shard_(shard),
      network_(network),
      random_(random),
      options_(std::move(options)),
      hosts_(options_.servers.servers, random),
      changed_(shard),
      session_(options_.session),
      session_is_writable_(session_.id != 0),
      timeout_(options_.session_timeout) {
  for (const ZkAuth& auth : options_.auth) auth_.push_back({auth, std::nullopt});
  // Whoever had the session before may have left results under xids of its own.
  if (session_.id != 0) next_xid_ = static_cast<std::int32_t>(1 + random_.below(1u << 30));
}

ZooKeeper::~ZooKeeper() { HOLDFAST_CHECK(queued_.empty() && sent_.empty() && lost_.empty()); }

bool ZooKeeper::is_over() const {
  return ending_ || state_ == SessionState::auth_failed || state_ == SessionState::expired ||
         state_ == SessionState::closed;
}

std::string ZooKeeper::last_error() const {
  if (!last_error_.empty()) return last_error_;
  std::string servers;
  for (const Endpoint& server : options_.servers.servers) servers += (servers.empty() ? "" : ",") + to_string(server);
  return "no answer from " + servers;
}

void ZooKeeper::begin() {
  if (begun_ || ending_) return;
  begun_ = shard_.spawn(gate_, run());
}

Task<ZkOutcome<>> ZooKeeper::connect(Duration at_most, std::size_t rounds_max) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "the client was closed");
  begin();
  const SteadyTime deadline = shard_.clock().now() + at_most;
  const std::uint64_t rounds_before = rounds_;
  while (!connected()) {
    const SteadyTime now = shard_.clock().now();
    if (state_ == SessionState::auth_failed) co_return zk_failed(ZkError::auth_failed, "the credentials were refused");
    if (is_over()) co_return zk_failed(ZkError::session_expired);
    if (now >= deadline || rounds_ - rounds_before >= rounds_max) {
      using std::chrono::milliseconds, std::chrono::seconds;
      const auto ms = std::chrono::duration_cast<milliseconds>(at_most);
      const std::string in =
          ms % seconds(1) == milliseconds(0) ? fmt::format("{}s", ms / seconds(1)) : fmt::format("{}ms", ms.count());
      co_return zk_failed(ZkError::connection_loss,
                          last_error_.empty() ? fmt::format("{} in {}", last_error(), in) : last_error_);
    }
    co_await changed_.wait_for(deadline - now);
  }
  co_return ZkOutcome<>();
}

// Tells the servers, if one is there; what was asked before is answered before.
Task<void> ZooKeeper::close() {
  if (ready_ && state_ == SessionState::connected && !ending_) {
    ending_ = true;  // no other connection is wanted after this one
    auto farewell = perform(OpCode::close_session, {}, "the session", {});
    auto answered = co_await std::move(farewell);
    (void)answered;
  }
  co_await stop();
}

Task<void> ZooKeeper::stop() {
  if (state_ == SessionState::closed) co_return;
  auto drained = [this](Function<void()> resume) {
    // Whoever was waiting may ask again at once: it finds the gate closed.
    ending_ = true;
    gate_.close(std::move(resume));
    fail_all(ZkError::session_expired, "the client was closed");
    cut();
    changed_.wake_all();
  };
  co_await shard_.until(std::move(drained));
  change_state(SessionState::closed);
}

void ZooKeeper::cut() {
  if (link_) link_->close();
}

void ZooKeeper::go_on_with(Task<void> task) {
  if (!ending_) shard_.spawn(gate_, std::move(task));
}

void ZooKeeper::on_session(const WatcherRef& watcher) {
  std::erase_if(session_watchers_, [](const auto& w) { return w.expired(); });
  session_watchers_.push_back(watcher);
}

Task<ZkOutcome<ZooKeeper::Arrival>> ZooKeeper::perform(OpCode op, Bytes body, std::string about, WatchWanted watch) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "the client was closed");
  begin();
  if (state_ == SessionState::auth_failed) co_return zk_failed(ZkError::auth_failed, "the credentials were refused");
  if (is_over() && op != OpCode::close_session) co_return zk_failed(ZkError::session_expired);
  Request request{.op = op, .body = std::move(body), .about = std::move(about), .watch = std::move(watch)};
  auto start = [this, &request](Function<void()> resume) {
    request.resume = std::move(resume);
    enqueue(request);
  };
  co_await shard_.until(std::move(start));
  co_return std::move(request.outcome);
}

void ZooKeeper::enqueue(Request& request) {
  queued_.push_back(&request);
  send_queued();
}

void ZooKeeper::send_queued() {
  while (ready_ && !queued_.empty()) {
    Request& request = *queued_.front();
    queued_.pop_front();
    send(request);
  }
}

void ZooKeeper::send(Request& request) {
  request.xid = next_xid_;
  next_xid_ = next_xid_ == INT32_MAX ? 1 : next_xid_ + 1;
  ++request.sends;
  request.sent_at = last_sent_ = shard_.clock().now();
  sent_.push_back(&request);
  link_->send(zookeeper_frame(request.xid, request.op), request.body);
}

void ZooKeeper::finish(Request& request, ZkOutcome<Arrival> outcome) {
  request.outcome = std::move(outcome);
  std::exchange(request.resume, nullptr)();
}

void ZooKeeper::fail_all(ZkError code, std::string_view why) {
  for (auto* requests : {&lost_, &sent_, &queued_}) {
    for (Request* request : std::exchange(*requests, {})) finish(*request, zk_failed(code, why));
  }
}

// ---- Paths

Result<std::string> ZooKeeper::inside(std::string_view path, bool sequential) const {
  if (!zk_path_is_sound(path, sequential))
    return holdfast::fail(ErrorKind::invalid_input, fmt::format("\"{}\" is no path of a znode", path));
  const std::string& chroot = options_.servers.chroot;
  if (chroot.empty()) return std::string(path);
  return path == "/" && !sequential ? chroot : chroot + std::string(path);
}

std::string ZooKeeper::outside(std::string_view path) const {
  const std::string& chroot = options_.servers.chroot;
  if (chroot.empty() || !zk_is_at_or_below(path, chroot)) return std::string(path);
  return path == chroot ? "/" : std::string(path.substr(chroot.size()));
}

// ---- Credentials

Task<ZkOutcome<>> ZooKeeper::add_auth(std::string scheme, std::string credentials) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return zk_failed(ZkError::session_expired, "the client was closed");
  begin();
  std::size_t index = 0;
  while (index < auth_.size() && (auth_[index].auth.scheme != scheme || auth_[index].auth.credentials != credentials))
    ++index;
  if (index == auth_.size()) {
    auth_.push_back({{std::move(scheme), std::move(credentials)}, std::nullopt});
    if (ready_) send_auth(*link_, index);
  }
  const std::uint64_t impatience = impatience_;
  while (!auth_[index].answer) {
    if (state_ == SessionState::auth_failed) break;
    if (is_over()) co_return zk_failed(ZkError::session_expired);
    if (impatience_ != impatience) co_return zk_failed(ZkError::connection_loss, last_error());
    co_await changed_.wait();
  }
  if (state_ == SessionState::auth_failed) co_return zk_failed(ZkError::auth_failed, "the credentials were refused");
  co_return ZkOutcome<>();
}

}  // namespace holdfast::client
