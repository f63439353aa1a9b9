#include "tests/coordination/zk_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace holdfast::zk {

using wire::zk::OpCode;
using wire::zk::ZkError;

ZkSocket::ZkSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  constexpr int patience_s = 10, on = 1;
  const timeval patience{patience_s, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("cannot connect");
}

ZkSocket::~ZkSocket() { ::close(fd_); }

void ZkSocket::send(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;  // the server has closed: the test sees it when it reads
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void ZkSocket::send_frame(ByteView body) {
  wire::Writer out(body.size() + 4);
  out.i32(static_cast<std::int32_t>(body.size()));
  out.raw(body);
  send(ByteView(out.flatten()));
}

void ZkSocket::half_close() { ::shutdown(fd_, SHUT_WR); }

bool ZkSocket::read(std::uint8_t* into, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t n = ::recv(fd_, into, bytes, 0);
    if (n < 0 && errno == EAGAIN) throw std::runtime_error("no answer");
    if (n <= 0) return false;
    into += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<std::vector<std::uint8_t>> ZkSocket::frame() {
  std::uint8_t length[4];
  if (!read(length, 4)) return std::nullopt;
  wire::Reader in{ByteView(length)};
  std::vector<std::uint8_t> body(in.u32());
  if (!read(body.data(), body.size())) return std::nullopt;
  return body;
}

std::string ZkSocket::until_end() {
  std::string out;
  std::uint8_t byte;
  while (read(&byte, 1)) out.push_back(static_cast<char>(byte));
  return out;
}

ZkClient::ZkClient(std::uint16_t port, const ZkHandshake& handshake) : socket_(port) {
  wire::zk::ConnectRequest request;
  request.time_out = handshake.timeout_ms;
  request.session_id = handshake.session;
  request.passwd = ByteView(handshake.password);
  request.last_zxid_seen = handshake.last_zxid;
  request.read_only = handshake.read_only;
  wire::Writer out(64);
  wire::zk::encode(request, out);
  socket_.send_frame(ByteView(out.flatten()));
  answer_ = socket_.frame();
  if (!answer_) return;
  wire::Reader in{ByteView(*answer_)};
  wire::zk::ConnectResponse response;
  if (!wire::zk::decode(response, in)) throw std::runtime_error("a connect response of another shape");
  session_ = response.session_id;
  timeout_ms_ = response.time_out;
  if (response.passwd) password_.assign(response.passwd->begin(), response.passwd->end());
}

void ZkClient::put_header(wire::Writer& out, std::int32_t xid, OpCode op) {
  out.i32(xid);
  out.i32(static_cast<std::int32_t>(op));
}

std::int32_t ZkClient::send_empty(OpCode op, std::int32_t xid) {
  wire::Writer out(8);
  put_header(out, xid, op);
  socket_.send_frame(ByteView(out.flatten()));
  return xid;
}

std::optional<ZkReply> ZkClient::receive() {
  while (auto frame = socket_.frame()) {
    wire::Reader in{ByteView(*frame)};
    ZkReply reply;
    reply.xid = in.i32();
    reply.zxid = in.i64();
    reply.error = static_cast<ZkError>(in.i32());
    if (reply.xid == wire::zk::xid_watch_event) {
      wire::zk::WatcherEvent event;
      if (!wire::zk::decode(event, in)) throw std::runtime_error("an event of another shape");
      events_.push_back({event.type, std::string(event.path.value_or("")), reply.zxid});
      continue;
    }
    const ByteView body = in.raw(in.remaining());
    reply.body.assign(body.begin(), body.end());
    return reply;
  }
  return std::nullopt;
}

ZkReply ZkClient::expect(std::int32_t xid) {
  auto reply = receive();
  if (!reply) throw std::runtime_error("the connection ended");
  if (reply->xid != xid) throw std::runtime_error("a reply out of order");
  return *std::move(reply);
}

ZkReply ZkClient::create(std::string_view path, std::string_view data, std::int32_t flags,
                         const jute::List<jute::Acl>& acl) {
  return call(OpCode::create, jute::CreateRequest{path, as_bytes(data), acl, flags});
}

ZkError ZkClient::remove(std::string_view path, std::int32_t version) {
  return call(OpCode::remove, jute::DeleteRequest{path, version}).error;
}

ZkError ZkClient::set(std::string_view path, std::string_view data, std::int32_t version) {
  return call(OpCode::set_data, jute::SetDataRequest{path, as_bytes(data), version}).error;
}

std::optional<std::string> ZkClient::get(std::string_view path, bool watch) {
  const ZkReply reply = call(OpCode::get_data, jute::GetDataRequest{path, watch});
  if (reply.error != ZkError::ok) return std::nullopt;
  return std::string(as_text(reply.as<jute::GetDataResponse>().data.value_or(ByteView())));
}

bool ZkClient::exists(std::string_view path, bool watch) {
  return call(OpCode::exists, jute::ExistsRequest{path, watch}).error == ZkError::ok;
}

ZkError ZkClient::authenticate(std::string_view scheme, std::string_view credentials) {
  send(OpCode::auth, jute::AuthPacket{0, scheme, as_bytes(credentials)}, wire::zk::xid_auth);
  return expect(wire::zk::xid_auth).error;
}

void ZkClient::ping() {
  send_empty(OpCode::ping, wire::zk::xid_ping);
  expect(wire::zk::xid_ping);
}

std::vector<ZkEvent> ZkClient::events() {
  call(OpCode::sync, jute::SyncRequest{"/"});
  return std::exchange(events_, {});
}

ZkError ZkClient::close_session() {
  const std::int32_t xid = ++xid_;
  send_empty(OpCode::close_session, xid);
  return expect(xid).error;
}

std::string four_letter_word(std::uint16_t port, std::string_view word, bool half_close) {
  ZkSocket socket(port);
  socket.send(as_bytes(word));
  if (half_close) socket.half_close();
  return socket.until_end();
}

}  // namespace holdfast::zk
