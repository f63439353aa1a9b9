#include "tests/simulation/client.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
namespace jute = wire::zk;

constexpr std::size_t frame_max = 1 << 20;
constexpr Duration connect_patience = milliseconds(3000);

}  // namespace

SimulatedClient::SimulatedClient(World& world, Shard& shard, ClientOptions options, const ScriptOptions& script,
                                 History& history)
    : world_(world),
      shard_(shard),
      options_(std::move(options)),
      script_(world, script, options_.index),
      history_(history) {
  world_.network().host(options_.address);
}

void SimulatedClient::start(Gate& gate) { shard_.spawn(gate, run()); }

Task<void> SimulatedClient::run() {
  while (!done_) {
    const bool connected = co_await connect();
    if (connected) co_await talk();
    if (stream_) stream_->close();
    stream_.reset();
    if (done_) break;
    const Duration pause = world_.between(milliseconds(1), milliseconds(500));
    co_await shard_.sleep(pause);
  }
}

Task<bool> SimulatedClient::connect() {
  Network& network = world_.network().host(options_.address);
  const std::string& server = options_.servers[world_.random().below(options_.servers.size())];
  Endpoint to(server, client_port);
  auto stream = co_await network.connect(shard_, std::move(to));
  if (!stream) co_return false;
  stream_ = std::move(*stream);
  input_.clear();
  pending_.clear();

  jute::ConnectRequest request;
  request.time_out = options_.timeout_ms;
  request.session_id = session_;
  password_.resize(16);
  request.passwd = ByteView(password_);
  request.last_zxid_seen = last_zxid_;
  request.read_only = false;
  wire::Writer out(64);
  jute::encode(request, out);
  const SteadyTime sent = world_.now();
  send_frame(out);
  Timer timer;
  shard_.arm(timer, connect_patience, [this] { stream_->close(); });
  auto frame = co_await read_frame();
  if (!frame) co_return false;
  wire::Reader in{ByteView(*frame)};
  jute::ConnectResponse response;
  if (!jute::decode(response, in)) {
    complain("a connect response of another shape");
    co_return false;
  }
  if (response.session_id == 0) {
    if (session_ == 0) {
      complain("a new session was refused");
    } else {
      if (!record().refused) record().refused = world_.now();
      forget_session();
    }
    co_return false;
  }
  if (session_ != 0 && response.session_id != session_) complain("another session than the one asked for");
  session_ = response.session_id;
  timeout_ms_ = response.time_out;
  if (response.passwd) password_.assign(response.passwd->begin(), response.passwd->end());
  connection_ = history_.connections.size();
  history_.connections.push_back({session_, {}});
  record().timeout_ms = timeout_ms_;
  answered(sent);
  record().connections.push_back(connection_);
  co_return true;
}

Task<void> SimulatedClient::talk() {
  std::vector<Request> first;
  if (SetWatches watches = armed(); !watches.data.empty() || !watches.exist.empty() || !watches.child.empty())
    first.push_back(std::move(watches));
  if (!std::exchange(laid_groundwork_, true))
    for (Request& r : Script::groundwork(script_.options())) first.push_back(std::move(r));
  bool open = co_await exchange(std::move(first));
  while (open && !done_) {
    const bool silent = !finishing_ && world_.random().below(100) < script_.options().silent_percent;
    Duration rest = silent ? milliseconds(timeout_ms_) * 2 : script_.think();
    // A living client says so often enough.
    while (!silent && rest > patience() / 2) {
      const Duration part = patience() / 2;
      co_await shard_.sleep(part);
      rest -= part;
      std::vector<Request> nothing;
      open = co_await exchange(std::move(nothing));
      if (!open) co_return;
    }
    co_await shard_.sleep(rest);
    if (!finishing_ && script_.abandons()) {
      forget_session();
      co_return;
    }
    std::vector<Request> batch = finishing_ ? std::vector<Request>{CloseSession{}} : script_.next();
    open = co_await exchange(std::move(batch));
    if (session_ == 0) {
      done_ = finishing_;
      co_return;
    }
  }
}

Task<bool> SimulatedClient::exchange(std::vector<Request> batch) {
  if (batch.empty() || world_.one_in(10)) send_ping();
  for (Request& request : batch) send(std::move(request));
  Timer timer;
  shard_.arm(timer, patience(), [this] { stream_->close(); });
  while (!pending_.empty()) {
    auto frame = co_await read_frame();
    if (!frame || !hear(ByteView(*frame))) co_return false;
  }
  co_return true;
}

Task<std::optional<std::vector<std::uint8_t>>> SimulatedClient::read_frame() {
  std::array<std::uint8_t, 4096> buffer;
  for (;;) {
    if (input_.size() >= 4) {
      wire::Reader in{ByteView(input_)};
      const std::size_t length = in.u32();
      if (length > frame_max) {
        complain("a frame without bounds");
        co_return std::nullopt;
      }
      if (input_.size() >= 4 + length) {
        const auto end = input_.begin() + 4 + static_cast<std::ptrdiff_t>(length);
        std::vector<std::uint8_t> frame(input_.begin() + 4, end);
        input_.erase(input_.begin(), end);
        co_return frame;
      }
    }
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await stream_->read_some(into);
    if (!got || *got == 0) co_return std::nullopt;
    input_.insert(input_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
  }
}

bool SimulatedClient::complain(std::string what) {
  history_.complaints.push_back(fmt::format("session 0x{:x}: {}", session_, what));
  return false;
}

void SimulatedClient::send_frame(wire::Writer& body) {
  const std::vector<std::uint8_t> bytes = body.flatten();
  wire::Writer out(bytes.size() + 4);
  out.i32(static_cast<std::int32_t>(bytes.size()));
  out.raw(ByteView(bytes));
  stream_->send(out.take());
}

void SimulatedClient::send_ping() {
  wire::Writer out(8);
  out.i32(jute::xid_ping);
  out.i32(static_cast<std::int32_t>(jute::OpCode::ping));
  pending_.push_back({jute::xid_ping, std::nullopt, world_.now()});
  send_frame(out);
}

void SimulatedClient::send(Request request) {
  const bool rearming = std::holds_alternative<SetWatches>(request);
  const std::int32_t xid = rearming ? jute::xid_set_watches : ++xid_;
  wire::Writer out(256);
  out.i32(xid);
  out.i32(static_cast<std::int32_t>(opcode_of(request)));
  encode(request, out);
  pending_.push_back({xid, history_.operations.size(), world_.now()});
  Operation operation;
  operation.session = session_;
  operation.xid = xid;
  operation.request = std::move(request);
  operation.invoked = world_.now();
  history_.operations.push_back(std::move(operation));
  send_frame(out);
}

bool SimulatedClient::hear(ByteView frame) {
  wire::Reader in(frame);
  const std::int32_t xid = in.i32();
  const std::int64_t zxid = in.i64();
  const auto error = static_cast<ZkError>(in.i32());
  if (!in.ok()) return complain("a reply without a header");
  ClientConnection& connection = history_.connections[connection_];
  if (xid == jute::xid_watch_event) {
    jute::WatcherEvent event;
    if (!jute::decode(event, in)) return complain("an event of another shape");
    const WatchEvent heard{event.type, std::string(event.path.value_or("")), zxid};
    fired(heard);
    connection.heard.push_back({std::nullopt, heard});
    return true;
  }
  // Pings are answered at once, everything else in its order.
  auto waiting = pending_.begin();
  if (xid == jute::xid_ping) {
    while (waiting != pending_.end() && waiting->xid != xid) ++waiting;
  } else {
    while (waiting != pending_.end() && waiting->xid == jute::xid_ping) ++waiting;
  }
  if (waiting == pending_.end() || waiting->xid != xid) return complain(fmt::format("an answer out of order: {}", xid));
  const Pending own = *waiting;
  pending_.erase(waiting);
  answered(own.sent);
  if (!own.operation) return true;
  Operation& operation = history_.operations[*own.operation];
  operation.returned = world_.now();
  operation.reply.zxid = zxid;
  operation.reply.error = error;
  const ByteView body(in.position(), in.remaining());
  if (error == ZkError::ok && !decode(operation.request, body, operation.reply))
    return complain("a reply of another shape to " + describe(operation));
  connection.heard.push_back({own.operation, {}});
  if (zxid > 0) last_zxid_ = std::max(last_zxid_, zxid);
  arm(operation);
  script_.learn(operation);
  if (std::holds_alternative<CloseSession>(operation.request)) forget_session();
  return session_ != 0;
}

void SimulatedClient::arm(const Operation& o) {
  if (const auto* get = std::get_if<Get>(&o.request); get && get->watch && o.reply.error == ZkError::ok)
    data_watches_.insert(get->path);
  if (const auto* exists = std::get_if<Exists>(&o.request); exists && exists->watch) {
    if (o.reply.error == ZkError::ok) data_watches_.insert(exists->path);
    if (o.reply.error == ZkError::no_node) exist_watches_.insert(exists->path);
  }
  if (const auto* children = std::get_if<Children>(&o.request); children && children->watch)
    if (o.reply.error == ZkError::ok) child_watches_.insert(children->path);
}

void SimulatedClient::fired(const WatchEvent& event) {
  constexpr std::int32_t deleted = 2, children_changed = 4;
  if (event.type != children_changed) {
    data_watches_.erase(event.path);
    exist_watches_.erase(event.path);
  }
  if (event.type == deleted || event.type == children_changed) child_watches_.erase(event.path);
}

SetWatches SimulatedClient::armed() const {
  SetWatches out;
  out.relative_zxid = last_zxid_;
  out.data.assign(data_watches_.begin(), data_watches_.end());
  out.exist.assign(exist_watches_.begin(), exist_watches_.end());
  out.child.assign(child_watches_.begin(), child_watches_.end());
  return out;
}

void SimulatedClient::forget_session() {
  session_ = 0;
  last_zxid_ = 0;
  xid_ = 0;
  password_.clear();
  data_watches_.clear();
  exist_watches_.clear();
  child_watches_.clear();
  script_.session_ended();
  if (finishing_) done_ = true;
}

}  // namespace holdfast::sim
