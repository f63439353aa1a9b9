#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "client/zookeeper.h"
#include "client/zookeeper_request.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::client {
namespace {

namespace jute = wire::zk;
using std::chrono::milliseconds;

constexpr std::size_t password_bytes = 16, password_bytes_max = 1024;
constexpr Duration round_pause_max = std::chrono::seconds(1);
constexpr Duration ping_interval_max = std::chrono::seconds(10);
constexpr Duration seek_pause_min = milliseconds(100), seek_pause_max = std::chrono::minutes(1);
constexpr std::size_t set_watches_bytes = 128 << 10;  // of paths, in one request

std::int32_t in_ms(Duration d) {
  const auto ms = std::chrono::duration_cast<milliseconds>(d).count();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(ms, 1, INT32_MAX));
}

struct Attempt {
  std::optional<Result<std::unique_ptr<Stream>>> result;
};

Task<void> attempt_to(Network& network, Shard& shard, Endpoint to, std::shared_ptr<Attempt> attempt,
                      WaitList& changed) {
  auto stream = co_await network.connect(shard, to);
  attempt->result.emplace(std::move(stream));
  changed.wake_all();
}

}  // namespace

Task<void> ZooKeeper::run() {
  shard_.arm(doubt_, timeout_, [this] { lose_patience(); });
  while (!is_over()) {
    if (hosts_.went_round()) {
      ++rounds_;
      changed_.wake_all();
      const Duration how_long(random_.below(static_cast<std::uint64_t>(round_pause_max.count())));
      co_await pause(how_long);
      if (is_over()) break;
    }
    const Endpoint to = hosts_.next();
    auto stream = co_await dial(to);
    if (is_over()) break;
    if (!stream) {
      last_error_ = fmt::format("{}: {}", to_string(to), stream.error().message);
      continue;
    }
    const auto link = std::make_shared<ZooKeeperLink>(shard_, std::move(*stream), options_.reply_bytes_max);
    link_ = link;
    const Error why = co_await serve(*link);
    link->close();
    link_.reset();
    disconnected(to, why);
  }
  doubt_.cancel();
}

// No longer than a third of the session's timeout: the others want to be tried while it lives.
Task<Result<std::unique_ptr<Stream>>> ZooKeeper::dial(Endpoint to) {
  const auto attempt = std::make_shared<Attempt>();
  const SteadyTime deadline = shard_.clock().now() + timeout_ / 3;
  shard_.spawn(gate_, attempt_to(network_, shard_, to, attempt, changed_));
  for (;;) {
    const SteadyTime now = shard_.clock().now();
    if (attempt->result) co_return std::move(*attempt->result);
    if (is_over()) co_return fail(ErrorKind::closed, "the client was closed");
    if (now >= deadline) co_return fail(ErrorKind::timed_out, "it does not answer");
    co_await changed_.wait_for(deadline - now);
  }
}

Task<void> ZooKeeper::pause(Duration how_long) {
  const SteadyTime until = shard_.clock().now() + how_long;
  while (!is_over() && shard_.clock().now() < until) co_await changed_.wait_for(until - shard_.clock().now());
}

Task<Result<bool>> ZooKeeper::greet(ZooKeeperLink& link) {
  const std::int64_t wanted = session_is_writable_ ? session_.id : 0;
  const std::array<std::uint8_t, password_bytes> no_password{};
  jute::ConnectRequest request;
  request.last_zxid_seen = last_zxid_;
  request.time_out = in_ms(options_.session_timeout);
  request.session_id = wanted;
  request.passwd = wanted != 0 ? as_bytes(session_.password) : ByteView(no_password);
  request.read_only = options_.read_only;
  wire::Writer out;
  out.i32(0);
  jute::encode(request, out);
  const SteadyTime sent = shard_.clock().now();
  link.send(std::move(out));

  auto frame = co_await link.next();
  if (!frame) co_return fail(frame);
  wire::Reader in(*frame);
  jute::ConnectResponse response;
  if (!jute::decode(response, in)) co_return fail(ErrorKind::invalid_input, "its answer to the greeting is malformed");
  if (response.time_out <= 0 || response.session_id == 0) {
    if (wanted == 0) co_return fail(ErrorKind::invalid_input, "it opens no session");
    expire();
    co_return fail(ErrorKind::closed, "the session has expired");
  }
  const bool read_only = response.read_only.value_or(false);
  const ByteView password = response.passwd.value_or(ByteView());
  if (password.size() > password_bytes_max || (read_only && !options_.read_only) ||
      (wanted != 0 && !read_only && response.session_id != wanted))
    co_return fail(ErrorKind::invalid_input, "it answers the greeting for another session");
  if (!read_only || !session_is_writable_) session_ = {response.session_id, std::string(as_text(password))};
  session_is_writable_ |= !read_only;
  timeout_ = milliseconds(response.time_out);
  if (!read_only) proven(sent);
  co_return read_only;
}

Task<Error> ZooKeeper::serve(ZooKeeperLink& link) {
  shard_.arm(silence_, timeout_ / 3, [this] { cut(); });
  const bool known_before = session_is_writable_;
  auto greeted = co_await greet(link);
  if (!greeted) co_return greeted.error();
  const bool read_only = *greeted;
  heard();
  auto asked = co_await ask_outcomes(link, known_before && !read_only);
  if (!asked) co_return asked.error();
  for (std::size_t i = 0; i < auth_.size(); ++i) send_auth(link, i);
  send_watches(link);
  ready_ = true;
  last_sent_ = shard_.clock().now();
  ping_when_idle();
  send_queued();
  server_ = link.remote();
  change_state(read_only ? SessionState::read_only : SessionState::connected);
  if (read_only) shard_.spawn(gate_, seek_writable(link_));
  for (;;) {
    auto frame = co_await link.next();
    if (!frame) {
      // The one that is too long to be answered; those behind it are asked again.
      if (frame.error().kind == ErrorKind::exhausted && !sent_.empty()) {
        Request& request = *sent_.front();
        sent_.pop_front();
        finish(request,
               zk_failed(ZkError::connection_loss, fmt::format("{}: {}", request.about, frame.error().message)));
      }
      co_return frame.error();
    }
    hosts_.succeeded();
    heard();
    auto handled = handle(*frame);
    if (!handled) co_return handled.error();
  }
}

// ---- What the server says

Result<void> ZooKeeper::handle(ByteView frame) {
  wire::Reader in(frame);
  const std::int32_t xid = in.i32();
  const std::int64_t zxid = in.i64();
  const auto error = static_cast<ZkError>(in.i32());
  if (!in.ok()) return fail(ErrorKind::invalid_input, "the header of a reply is malformed");
  switch (xid) {
    case jute::xid_watch_event:
      return handle_event(zxid, in);
    case jute::xid_ping:
      if (pings_sent_.empty()) return fail(ErrorKind::invalid_input, "it answers a ping that was not sent");
      proven(pings_sent_.front());
      pings_sent_.pop_front();
      return {};
    case jute::xid_auth:
      return handle_auth(error);
    case jute::xid_set_watches:
      return {};
    default:
      last_zxid_ = std::max(last_zxid_, zxid);
      return handle_reply(xid, error, in);
  }
}

Result<void> ZooKeeper::handle_reply(std::int32_t xid, ZkError error, wire::Reader& in) {
  if (sent_.empty() || sent_.front()->xid != xid)
    return fail(ErrorKind::invalid_input,
                sent_.empty() ? "it answers what nobody asked"
                              : fmt::format("it answers request {} where {} is next", xid, sent_.front()->xid));
  Request& request = *sent_.front();
  sent_.pop_front();
  proven(request.sent_at);
  WatchWanted& watch = request.watch;
  if (watch.wanted && (error == ZkError::ok || (watch.exists && error == ZkError::no_node)))
    watches_.add(error == ZkError::ok ? watch.table : ZooKeeperWatches::Table::exist, watch.path, watch.watcher);
  if (error != ZkError::ok) {
    finish(request, zk_failed(error, request.about));
  } else {
    Arrival arrival;
    arrival.body = Bytes::copy(ByteView(in.position(), in.remaining()));
    finish(request, std::move(arrival));
  }
  return {};
}

Result<void> ZooKeeper::handle_auth(ZkError error) {
  if (auth_sent_.empty()) return fail(ErrorKind::invalid_input, "it answers credentials that were not sent");
  auth_[auth_sent_.front()].answer = error;
  auth_sent_.pop_front();
  changed_.wake_all();
  if (error == ZkError::ok) return {};
  change_state(SessionState::auth_failed);
  fail_all(ZkError::auth_failed, "the credentials were refused");
  return fail(ErrorKind::closed, "it refuses the credentials");
}

Result<void> ZooKeeper::handle_event(std::int64_t zxid, wire::Reader& in) {
  jute::WatcherEvent event;
  if (!jute::decode(event, in)) return fail(ErrorKind::invalid_input, "an event is malformed");
  if (!event.path || event.type < static_cast<std::int32_t>(WatchType::created) ||
      event.type > static_cast<std::int32_t>(WatchType::children_changed))
    return {};
  WatchEvent out;
  out.type = static_cast<WatchType>(event.type);
  out.state = state_;
  out.path = outside(*event.path);
  out.zxid = zxid;
  for (const std::weak_ptr<Watcher>& known : watches_.take(out.type, *event.path)) {
    if (const WatcherRef watcher = known.lock()) (*watcher)(out);
  }
  return {};
}

// ---- What is sent without being asked

void ZooKeeper::send_auth(ZooKeeperLink& link, std::size_t index) {
  wire::Writer out = zookeeper_frame(jute::xid_auth, OpCode::auth);
  jute::AuthPacket packet;
  packet.scheme = auth_[index].auth.scheme;
  packet.auth = as_bytes(auth_[index].auth.credentials);
  jute::encode(packet, out);
  auth_sent_.push_back(index);
  link.send(std::move(out));
}

void ZooKeeper::send_watches(ZooKeeperLink& link) {
  constexpr std::size_t path_overhead = 4;
  std::array<std::vector<std::string>, ZooKeeperWatches::tables> paths;
  for (std::size_t i = 0; i < paths.size(); ++i) paths[i] = watches_.paths(static_cast<ZooKeeperWatches::Table>(i));
  std::size_t table = 0, at = 0;
  while (table < paths.size()) {
    jute::SetWatches2 part;
    part.relative_zxid = last_zxid_;
    jute::List<jute::Text>* const lists[] = {&part.data_watches, &part.exist_watches, &part.child_watches,
                                             &part.persistent_watches, &part.persistent_recursive_watches};
    for (auto* list : lists) list->emplace();
    std::size_t bytes = 0;
    for (; table < paths.size() && bytes < set_watches_bytes; at < paths[table].size() ? 0 : (at = 0, ++table)) {
      if (at == paths[table].size()) continue;
      const std::string& path = paths[table][at++];
      bytes += path.size() + path_overhead;
      (*lists[table])->push_back(path);
    }
    if (bytes == 0) break;
    // Servers before 3.6 know only the first three lists.
    const bool old_form = part.persistent_watches->empty() && part.persistent_recursive_watches->empty();
    wire::Writer out = zookeeper_frame(jute::xid_set_watches, old_form ? OpCode::set_watches : OpCode::set_watches2);
    if (old_form) {
      jute::encode(jute::SetWatches{part.relative_zxid, std::move(part.data_watches), std::move(part.exist_watches),
                                    std::move(part.child_watches)},
                   out);
    } else {
      jute::encode(part, out);
    }
    link.send(std::move(out));
  }
}

// A third of the timeout without a request; another third for the answer; then there is one left to go elsewhere.
void ZooKeeper::ping_when_idle() {
  const Duration interval = std::min(timeout_ / 3, ping_interval_max);
  const SteadyTime now = shard_.clock().now();
  if (ready_ && now - last_sent_ >= interval) {
    link_->send(zookeeper_frame(jute::xid_ping, OpCode::ping));
    pings_sent_.push_back(now);
    last_sent_ = now;
  }
  shard_.arm(ping_, last_sent_ + interval - now, [this] { ping_when_idle(); });
}

void ZooKeeper::heard() {
  shard_.arm(silence_, timeout_ / 3 * 2, [this] { cut(); });
}

// The servers knew of the session when this was sent, or later: it lives for its timeout from then. One without a
// quorum knows nothing of it: the others may end it meanwhile.
void ZooKeeper::proven(SteadyTime sent) {
  if (state_ == SessionState::read_only) return;
  if (sent + timeout_ <= valid_until_) return;
  valid_until_ = sent + timeout_;
  shard_.arm(doubt_, valid_until_ - shard_.clock().now(), [this] { lose_patience(); });
}

// ---- Changes

void ZooKeeper::change_state(SessionState state) {
  if (std::exchange(state_, state) == state) return;
  if (!connected()) server_.reset();
  changed_.wake_all();
  WatchEvent event;
  event.state = state;
  const auto watchers = session_watchers_;
  for (const std::weak_ptr<Watcher>& known : watchers) {
    if (const WatcherRef watcher = known.lock()) (*watcher)(event);
  }
}

void ZooKeeper::disconnected(const Endpoint& from, const Error& why) {
  ready_ = false;
  silence_.cancel();
  ping_.cancel();
  pings_sent_.clear();
  auth_sent_.clear();
  last_error_ = fmt::format("{}: {}", to_string(from), why.message);
  for (Request* request : std::exchange(sent_, {})) {
    if (request->op == OpCode::close_session) {
      finish(*request, Arrival());
    } else if (request->sends >= zookeeper_sends_max || (request->is_write() && tells_outcomes_ == Known::no)) {
      finish(*request, zk_failed(ZkError::connection_loss, fmt::format("{}: {}", request->about, last_error())));
    } else {
      lost_.push_back(request);
    }
  }
  // Of one that is being closed, `closed` is told.
  if (!connected() || ending_) return;
  // That of one which read without a quorum may be over by now.
  const bool in_doubt = session_is_writable_ && shard_.clock().now() >= valid_until_;
  change_state(in_doubt ? SessionState::doubtful : SessionState::connecting);
}

void ZooKeeper::expire() {
  // Told first: who holds something must not learn of it later than those who wait for a reply.
  session_ = {};
  session_is_writable_ = false;
  last_zxid_ = 0;
  valid_until_ = {};
  watches_.clear();
  change_state(SessionState::expired);
  fail_all(ZkError::session_expired, {});
  if (!options_.renew_session) return;
  timeout_ = options_.session_timeout;
  shard_.arm(doubt_, timeout_, [this] { lose_patience(); });
  change_state(SessionState::connecting);
}

// The session's time has passed since anything of it was known. Whoever reads without a quorum may go on so.
void ZooKeeper::lose_patience() {
  if (state_ == SessionState::read_only) return shard_.arm(doubt_, timeout_, [this] { lose_patience(); });
  if (connected()) cut();
  ++impatience_;
  if (session_.id != 0) change_state(SessionState::doubtful);
  for (auto* requests : {&lost_, &queued_}) {
    for (Request* request : std::exchange(*requests, {}))
      finish(*request, zk_failed(ZkError::connection_loss, fmt::format("{}: {}", request->about, last_error())));
  }
  changed_.wake_all();
  shard_.arm(doubt_, timeout_, [this] { lose_patience(); });
}

// While it is connected to a server that cannot write, it asks the others whether they can.
Task<void> ZooKeeper::seek_writable(std::shared_ptr<ZooKeeperLink> from) {
  ZooKeeperHosts others(options_.servers.servers, random_);
  for (Duration wait = seek_pause_min; link_ == from && !is_over(); wait = std::min(wait * 2, seek_pause_max)) {
    co_await pause(wait);
    if (link_ != from) co_return;
    const Endpoint to = others.next();
    auto stream = co_await dial(to);
    if (!stream) continue;
    Timer timer;
    shard_.arm(timer, timeout_ / 3, [&stream] { (*stream)->close(); });
    (*stream)->send(BufferChain(Bytes::literal("isro")));
    std::array<std::uint8_t, 2> word{};
    std::size_t got = 0;
    while (got < word.size()) {
      const std::span<std::uint8_t> rest = std::span(word).subspan(got);
      auto more = co_await (*stream)->read_some(rest);
      if (!more || *more == 0) break;
      got += *more;
    }
    if (link_ != from || got < word.size() || as_text(word) != "rw") continue;
    hosts_.prefer(to);
    from->close();
    co_return;
  }
}

}  // namespace holdfast::client
