#include "coordination/zk_connection.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <ranges>

#include "coordination/four_letter.h"
#include "coordination/zk_requests.h"
#include "coordination/zk_server.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

using zk::ZkError;

constexpr std::size_t input_bytes = 16 << 10;
constexpr std::int64_t greeting_ms = 10'000;         // zookeeper.nio.sessionlessCnxnTimeout
constexpr std::size_t unsent_bytes_max = 32u << 20;  // a client that does not read what it asked for
// With what nothing could hold up: watch events, one large reply, reads in front of a write that is under way.
constexpr std::size_t backlog_bytes_max = 256u << 20;
// What one client gets done before the others have their turn.
constexpr std::size_t turn_bytes_max = 1 << 20;
constexpr std::size_t turn_requests_max = 128;

bool is_update(zk::OpCode op) {
  using enum zk::OpCode;
  switch (op) {
    case create:
    case create2:
    case create_container:
    case create_ttl:
    case remove:
    case set_data:
    case set_acl:
    case multi:
    case reconfig:
    case close_session:
      return true;
    default:
      return false;
  }
}

zk::OpCode op_of(ByteView frame) {
  wire::Reader in(frame);
  in.i32();  // xid
  return static_cast<zk::OpCode>(in.i32());
}

}  // namespace

ZkConnection::ZkConnection(ZkServer& server, std::unique_ptr<Stream> stream, zk::ConnectionToken token)
    : server_(server),
      stream_(std::move(stream)),
      token_(token),
      host_(stream_->remote().host),
      greeting_deadline_ms_(server_.ensemble().steady_ms() + greeting_ms) {
  ids_.push_back({"ip", host_});
  const EnsembleOptions& options = server_.ensemble().options();
  rate_ = zk::RateLimit({options.session_request_rate, options.session_byte_rate});
  stats_.remote = to_string(stream_->remote());
  stats_.established_ms = server_.ensemble().shard().clock().wall_ms();
}

ZkConnection::~ZkConnection() = default;

std::string ZkConnection::remote() const { return stats_.remote; }

void ZkConnection::reset_stats() {
  const ZkConnectionStats fresh{};
  ZkConnectionStats kept = stats_;
  stats_ = fresh;
  stats_.remote = kept.remote;
  stats_.session = kept.session;
  stats_.timeout_ms = kept.timeout_ms;
  stats_.established_ms = kept.established_ms;
}

zk::Caller ZkConnection::caller(std::int32_t xid) const {
  zk::Caller out;
  out.session = session_;
  out.cxid = xid;
  out.ids = ids_;
  out.connection = token_;
  if (!server_.ensemble().alone()) out.owner = server_.ensemble().options().server_id;
  return out;
}

void ZkConnection::grow(std::size_t bytes) {
  const std::size_t unread = end_ - begin_;
  // A length alone reserves no memory: the buffer doubles as the bytes really come.
  const std::size_t entitled = std::max(input_bytes, std::min(bytes, unread * 2));
  if (capacity_ < entitled) {
    auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(entitled);
    if (unread > 0) std::memcpy(larger.get(), input_.get() + begin_, unread);
    input_ = std::move(larger);
    capacity_ = entitled;
  } else if (begin_ > 0) {
    std::memmove(input_.get(), input_.get() + begin_, unread);
  }
  begin_ = 0;
  end_ = unread;
}

Task<bool> ZkConnection::fill(std::size_t bytes) {
  while (end_ - begin_ < bytes) {
    if (begin_ == end_) {
      // Idle connections hold no buffer.
      input_.reset();
      capacity_ = begin_ = end_ = 0;
      auto ready = co_await stream_->readable();
      if (!ready) co_return false;
      turn_requests_ = turn_bytes_ = 0;
    }
    grow(bytes);
    const std::span<std::uint8_t> space(input_.get() + end_, capacity_ - end_);
    auto got = co_await stream_->read_some(space);
    if (!got || *got == 0) co_return false;
    end_ += *got;
    server_.stats().bytes_received += *got;
  }
  co_return true;
}

Task<void> ZkConnection::run() {
  const auto self = shared_from_this();
  auto expire = [this] {
    ++server_.stats().sessionless_expired;
    close();
  };
  server_.ensemble().shard().arm(deadline_, std::chrono::milliseconds(greeting_ms), std::move(expire));
  bool open = co_await greet();
  while (open && !closed_ && !closing_) {
    std::size_t wanted = 4;
    if (end_ - begin_ >= 4) {
      std::uint32_t length;
      std::memcpy(&length, input_.get() + begin_, 4);
      wanted += __builtin_bswap32(length);
    }
    open = co_await fill(wanted);
    if (open) open = handle_frames();
    if (open && throttled_.count() > 0) co_await wait_for_rate();
    if (open && server_.crowded()) {
      auto uncrowded = [this](Function<void()> resume) { server_.when_uncrowded(std::move(resume)); };
      co_await server_.ensemble().shard().until(std::move(uncrowded));
    }
    if (open && must_give_way()) co_await give_way();
    if (open && must_wait_for_replies()) {
      auto moved = [this](Function<void()> resume) { moved_ = std::move(resume); };
      co_await server_.ensemble().shard().until(std::move(moved));
    }
  }
  // A client that asked for the end still gets the answers it is owed.
  if (closing_ && !closed_) {
    auto drained = co_await stream_->drained();
    (void)drained;
  } else if (session_ != SessionId(0)) {
    ++server_.stats().dropped_connections;
  }
  close();
}

Task<zk::ZkError> ZkConnection::admit(const wire::zk::ConnectRequest& request, SessionId& id, std::int32_t timeout_ms) {
  Ensemble& ensemble = server_.ensemble();
  if (id == SessionId(0)) {
    id = ensemble.new_session_id();
    // Without a quorum it is nobody's but this connection's.
    if (read_only_) co_return ZkError::ok;
    zk::CreateSessionOp op;
    op.timeout_ms = timeout_ms;
    const ZkError created = co_await propose(id, op);
    co_return created;
  }
  const zk::SessionPassword password = zk::password_of(id);
  const bool right = request.passwd && std::ranges::equal(*request.passwd, password);
  // Whoever spoke for the session is done, whatever the password says.
  if (ZkConnection* old = server_.connection_of(id)) old->close();
  ++server_.stats().reattached;
  if (!right) co_return ZkError::session_expired;
  if (ensemble.alone() || read_only_)
    co_return ensemble.machine().sessions().find(id) ? ZkError::ok : ZkError::session_expired;
  zk::AttachSessionOp op;
  op.timeout_ms = timeout_ms;
  const ZkError attached = co_await propose(id, op);
  co_return attached;
}

Task<bool> ZkConnection::greet() {
  bool there = co_await fill(4);
  if (!there) co_return false;
  const std::string_view word = as_text(ByteView(input_.get() + begin_, 4));
  ++stats_.received;
  ++server_.stats().received;
  if (auto answer = four_letter_answer(word, server_)) {
    begin_ = end_;
    stream_->send(BufferChain(Bytes::copy(*answer)));
    closing_ = true;
    co_return false;
  }
  std::uint32_t big;
  std::memcpy(&big, input_.get() + begin_, 4);
  const std::uint32_t length = __builtin_bswap32(big);
  if (length > server_.ensemble().options().jute_max_buffer) {
    ++server_.stats().large_requests_rejected;
    refuse("the first frame is neither a four-letter word nor of a length that jute.maxbuffer allows");
    co_return false;
  }
  const std::size_t greeting_bytes = 4 + std::size_t{length};
  there = co_await fill(greeting_bytes);
  if (!there) co_return false;
  wire::Reader in(ByteView(input_.get() + begin_ + 4, length));
  wire::zk::ConnectRequest request;
  if (!wire::zk::decode(request, in)) {
    refuse("the connect request is malformed");
    co_return false;
  }
  Ensemble& ensemble = server_.ensemble();
  ++server_.stats().connection_requests;
  // The client has seen more than we have: it must look for another server (ZooKeeperServer.processConnectRequest).
  if (request.last_zxid_seen > ensemble.last_applied().value) co_return false;
  read_only_ = ensemble.read_only() && request.read_only.value_or(false);
  if (!ensemble.serving() && !read_only_) co_return false;
  const std::int32_t timeout = ensemble.limits().clamp(request.time_out);
  SessionId id(request.session_id);
  ZkError admitted = co_await admit(request, id, timeout);
  // It may have ended, or have moved on, before this connection could be told.
  if (admitted == ZkError::ok && !read_only_) {
    const zk::Session* session = ensemble.machine().sessions().find(id);
    if (!session) {
      // Who never had it does not lose it.
      admitted = request.session_id == 0 ? ZkError::connection_loss : ZkError::session_expired;
    } else if (session->owner != 0 && session->owner != ensemble.options().server_id) {
      admitted = ZkError::connection_loss;
    }
  }
  // Nobody knows: the client is to ask again, here or elsewhere.
  if (admitted == ZkError::connection_loss) co_return false;
  const std::int32_t granted = admitted == ZkError::ok ? timeout : 0;
  const bool accepted = granted > 0 && !closed_;
  begin_ += greeting_bytes;
  wire::zk::ConnectResponse response;
  response.time_out = granted;
  response.session_id = accepted ? id.value : 0;
  const zk::SessionPassword password = accepted ? zk::password_of(id) : zk::SessionPassword{};
  response.passwd = ByteView(password);
  if (request.read_only) response.read_only = read_only_;
  const std::size_t at = out_.position();
  out_.i32(0);
  wire::zk::encode(response, out_);
  out_.patch_i32(at, static_cast<std::int32_t>(out_.position() - at - 4));
  flush();
  if (!accepted) {
    closing_ = true;
    co_return false;
  }
  deadline_.cancel();
  session_ = id;
  stats_.last_op = zk::OpCode::create_session;
  stats_.session = id.value;
  stats_.timeout_ms = granted;
  server_.attach(id, *this);
  if (!read_only_) ensemble.touch(id, granted);
  co_return true;
}

Task<zk::ZkError> ZkConnection::propose(SessionId session, zk::WriteRequest request) {
  ZkError out = ZkError::connection_loss;
  zk::Caller by;
  by.session = session;
  Ensemble& ensemble = server_.ensemble();
  if (!ensemble.alone()) by.owner = ensemble.options().server_id;
  auto start = [&ensemble, &by, &request, &out](Function<void()> resume) {
    ensemble.driver().propose(request, by, [&out, resume = std::move(resume)](const zk::Effects& effects) mutable {
      out = effects.result.error;
      resume();
    });
  };
  co_await ensemble.shard().until(std::move(start));
  co_return out;
}

Duration ZkConnection::throttle(ByteView frame) {
  zk::RateLimit* subtree = server_.rates().empty() ? nullptr : server_.rates().covering(zk_path_of(frame));
  if (!subtree && !rate_.rates().any()) return Duration(0);
  const SteadyTime now = server_.ensemble().shard().clock().now();
  const Duration wait = std::max(rate_.wait(now), subtree ? subtree->wait(now) : Duration(0));
  if (wait.count() > 0) {
    ++server_.stats().throttle_waits;
    return wait;
  }
  rate_.charge(frame.size());
  if (subtree) subtree->charge(frame.size());
  return Duration(0);
}

// The client is there, and its session is not to end for having much to say.
Task<void> ZkConnection::wait_for_rate() {
  constexpr Duration slice = std::chrono::milliseconds(250);
  if (!read_only_) server_.ensemble().touch(session_, stats_.timeout_ms);
  const Duration pause = std::min(throttled_, slice);
  co_await server_.ensemble().shard().sleep(pause);
}

bool ZkConnection::must_give_way() const {
  return turn_requests_ >= turn_requests_max || turn_bytes_ >= turn_bytes_max || outgoing_bytes() > unsent_bytes_max;
}

// All of these end in drain().
bool ZkConnection::must_wait_for_replies() const {
  if (closed_ || closing_) return false;
  return paused_ || held_bytes_ > unsent_bytes_max || (write_waits_ && waiting_reads_ >= turn_requests_max);
}

Task<void> ZkConnection::give_way() {
  Shard& shard = server_.ensemble().shard();
  flush();
  auto others = [&shard](Function<void()> resume) { shard.post(std::move(resume)); };
  co_await shard.until(std::move(others));
  turn_requests_ = turn_bytes_ = 0;
  if (closed_ || outgoing_bytes() <= unsent_bytes_max) co_return;
  flush();
  touch_while_taken(stream_->queued_bytes());
  auto drained = co_await stream_->drained();
  sending_.cancel();
  if (!drained) close();
}

// Who takes what it was sent is there: its pings wait behind what it asked for. Who takes nothing is not heard of.
void ZkConnection::touch_while_taken(std::size_t queued) {
  constexpr Duration interval = std::chrono::milliseconds(250);
  auto look = [this, queued] {
    const std::size_t left = stream_->queued_bytes();
    if (left < queued && !closing_ && !read_only_) server_.ensemble().touch(session_, stats_.timeout_ms);
    touch_while_taken(left);
  };
  server_.ensemble().shard().arm(sending_, interval, std::move(look));
}

bool ZkConnection::handle_frames() {
  const std::size_t frame_max = server_.ensemble().options().jute_max_buffer;
  throttled_ = Duration(0);
  write_waits_ = false;
  while (end_ - begin_ >= 4 && !closed_ && !closing_ && !must_give_way() && !must_wait_for_replies()) {
    std::uint32_t length;
    std::memcpy(&length, input_.get() + begin_, 4);
    length = __builtin_bswap32(length);
    if (length > frame_max) {
      ++server_.stats().large_requests_rejected;
      refuse("request is larger than jute.maxbuffer, or its length is negative");
      return false;
    }
    if (end_ - begin_ < 4 + std::size_t{length}) break;
    const ByteView frame(input_.get() + begin_ + 4, length);
    // What stands in front of a write is read before it is applied, in one turn: it must not be more than that.
    write_waits_ = waiting_reads_ >= turn_requests_max && !holds_writes() && is_update(op_of(frame));
    if (write_waits_) break;
    throttled_ = throttle(frame);
    if (throttled_.count() > 0) break;
    begin_ += 4 + std::size_t{length};
    ++turn_requests_;
    ++stats_.received;
    ++server_.stats().received;
    if (!read_only_) server_.ensemble().touch(session_, stats_.timeout_ms);
    if (!zk_handle_request(*this, frame)) return false;
  }
  return !closed_;
}

ZkConnection::Slot ZkConnection::reserve(std::int32_t xid, zk::OpCode op) {
  Waiting& w = waiting_.emplace_back();
  w.xid = xid;
  w.op = op;
  w.started = server_.ensemble().shard().clock().now();
  if (op == zk::OpCode::sync && !server_.ensemble().alone()) hold_writes(w, true);
  stats_.queued = waiting_.size();
  server_.outstanding_changed(1);
  return first_slot_ + waiting_.size() - 1;
}

void ZkConnection::put_header(wire::Writer& out, std::int32_t xid, ZkError error, std::optional<Zxid> zxid) const {
  out.i32(xid);
  out.i64(zxid.value_or(server_.ensemble().last_applied()).value);
  out.i32(static_cast<std::int32_t>(error));
}

void ZkConnection::reply(Slot slot, ZkError error, const std::function<void(wire::Writer&)>& body,
                         std::optional<Zxid> zxid) {
  if (closed_) return;
  try {
    put_reply(slot, error, body, zxid);
  } catch (const std::exception& e) {
    give_up(e.what());  // out of memory: nobody else is to suffer
  }
}

void ZkConnection::put_reply(Slot slot, ZkError error, const std::function<void(wire::Writer&)>& body,
                             std::optional<Zxid> zxid) {
  Waiting& w = waiting_[slot - first_slot_];
  HOLDFAST_CHECK(!w.done);
  w.done = true;
  hold_writes(w, false);
  const bool first = slot == first_slot_;
  wire::Writer held(first ? 0 : 128);
  wire::Writer& out = first ? out_ : held;
  const std::size_t at = out.position(), before = out.size();
  out.i32(0);
  put_header(out, w.xid, error, zxid);
  if (body && error == ZkError::ok) body(out);
  const std::size_t bytes = out.size() - before;
  if (!out.ok()) return give_up(out.error());
  if (unsent_bytes() + (first ? 0 : bytes) > backlog_bytes_max)
    return give_up("a reply, and what it has not read, are more than 256 MiB");
  out.patch_i32(at, static_cast<std::int32_t>(bytes - 4));
  server_.stats().response(bytes);
  turn_bytes_ += bytes;
  if (!first) {
    held_bytes_ += bytes;
    w.frame = held.flatten();
    return;
  }
  flush_soon();
  drain();
}

void ZkConnection::when_caught_up(Slot slot, Function<void()> read) {
  if (slot == first_slot_) return read();
  Waiting& w = waiting_[slot - first_slot_];
  w.read = std::move(read);
  ++waiting_reads_;
  if (is_update(w.op)) hold_writes(w, true);
}

void ZkConnection::hold_writes(Waiting& w, bool hold) {
  if (std::exchange(w.holds_writes, hold) != hold) hold ? ++held_up_ : --held_up_;
}

// One that was sent on, and is not answered.
bool ZkConnection::write_under_way() const {
  return std::ranges::any_of(waiting_ | std::views::reverse,
                             [](const Waiting& w) { return is_update(w.op) && !w.done && !w.read; });
}

void ZkConnection::pause() {
  paused_ = true;
  // What waits for its own client is nobody else's load.
  server_.outstanding_changed(-static_cast<int>(waiting_.size()));
  server_.spawn(resume_in_turn(shared_from_this()));
}

void ZkConnection::resume() {
  if (closed_ || closing_) return;
  paused_ = false;
  server_.outstanding_changed(static_cast<int>(waiting_.size()));
  drain();
}

Task<void> ZkConnection::resume_in_turn(std::shared_ptr<ZkConnection> self) {
  try {
    while (!self->closed_ && !self->closing_ && self->must_give_way()) co_await self->give_way();
    self->resume();
  } catch (const std::exception& e) {
    self->give_up(e.what());
  }
}

void ZkConnection::drain() {
  if (paused_ || std::exchange(draining_, true)) return;
  while (!closed_ && !waiting_.empty()) {
    Waiting& front = waiting_.front();
    if (!front.done) {
      if (!front.read) break;
      // A write behind it may be applied at any time, and then it would show what was asked for later.
      if (must_give_way() && !write_under_way()) {
        pause();
        break;
      }
      // Its turn has come: it replies to this slot.
      auto read = std::exchange(front.read, nullptr);
      --waiting_reads_;
      ++turn_requests_;
      if (is_update(front.op)) hold_writes(front, false);
      read();
      if (closed_ || !waiting_.front().done) break;
      continue;
    }
    if (!front.frame.empty()) {
      out_.raw(ByteView(front.frame));
      held_bytes_ -= front.frame.size();
      flush_soon();
    }
    const SteadyTime now = server_.ensemble().shard().clock().now();
    const Duration took = now - front.started;
    const std::int64_t took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    server_.stats().latency(took_ms);
    Histogram& latency = is_update(front.op) ? server_.update_latency() : server_.read_latency();
    latency.record(static_cast<std::uint64_t>(took.count()));
    stats_.replied(front.xid, front.op, server_.ensemble().last_applied().value,
                   std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count(), took_ms);
    ++server_.stats().sent;
    waiting_.pop_front();
    ++first_slot_;
    server_.outstanding_changed(-1);
  }
  draining_ = false;
  stats_.queued = waiting_.size();
  server_.check_uncrowded();
  if (!paused_) wake();
}

void ZkConnection::out_of_band(std::int32_t xid, ZkError error) {
  const std::size_t at = out_.position();
  out_.i32(0);
  put_header(out_, xid, error);
  out_.patch_i32(at, static_cast<std::int32_t>(out_.position() - at - 4));
  ++stats_.sent;
  flush_soon();
}

void ZkConnection::send_event(const Bytes& frame) {
  if (closed_ || closing_) return;
  if (unsent_bytes() + frame.size() > backlog_bytes_max)
    return give_up("the watch events and replies that it has not read are more than 256 MiB");
  try {
    out_.raw(frame.view());
  } catch (const std::exception& e) {
    return give_up(e.what());
  }
  server_.stats().watch_bytes += frame.size();
  ++stats_.sent;
  ++server_.stats().sent;
  flush_soon();
}

void ZkConnection::flush_soon() {
  if (std::exchange(flush_deferred_, true)) return;
  server_.ensemble().shard().defer([self = shared_from_this()] { self->flush(); });
}

void ZkConnection::flush() {
  flush_deferred_ = false;
  if (closed_ || out_.size() == 0) return;
  stream_->send(out_.take());
}

void ZkConnection::refuse(std::string_view why) {
  if (server_.may_log_refusal())
    log_line(LogLevel::warn, "coordination", "closing connection of {}: {}", remote(), why);
  flush();
  close();
}

void ZkConnection::give_up(std::string_view why) {
  if (closed_) return;
  close();
  if (server_.may_log_refusal())
    log_line(LogLevel::warn, "coordination", "closing connection of {}: what it is owed cannot be sent: {}", remote(),
             why);
}

void ZkConnection::close_after_replies() {
  if (closed_ || closing_) return;
  flush();
  closing_ = true;
  stream_->shutdown_after_sends();
  // The reader sees the end; what it had pending is over.
  if (stream_->queued_bytes() == 0) return close();
  end_unless_taken(stream_->queued_bytes());
  wake();
}

// A client that is gone for good, or does not read, is not waited for.
void ZkConnection::end_unless_taken(std::size_t queued) {
  auto look = [this, queued] {
    const std::size_t left = stream_->queued_bytes();
    left < queued ? end_unless_taken(left) : close();
  };
  server_.ensemble().shard().arm(deadline_, std::chrono::milliseconds(greeting_ms), std::move(look));
}

void ZkConnection::close() {
  if (closed_) return;
  closed_ = true;
  if (!paused_) server_.outstanding_changed(-static_cast<int>(waiting_.size()));
  waiting_.clear();
  waiting_reads_ = held_bytes_ = 0;
  deadline_.cancel();
  sending_.cancel();
  server_.ensemble().machine().watches().drop(token_);
  server_.detach(session_, *this);
  stream_->close();
  server_.check_uncrowded();
  wake();
}

}  // namespace holdfast
