// ZkClient: a ZooKeeper client as small as a test wants it: a blocking socket, frames as they are, nothing behind the
// test's back (no pings, no reconnects). Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/coordination/create_flags.h"
#include "wire/zookeeper/errors.h"
#include "wire/zookeeper/multi.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::zk {

namespace jute = wire::zk;

inline const jute::List<jute::Acl> open_list{{{31, {"world", "anyone"}}}};
inline const jute::List<jute::Acl> creator_list{{{31, {"auth", ""}}}};

struct ZkReply {
  std::int32_t xid = 0;
  std::int64_t zxid = 0;
  wire::zk::ZkError error{};
  std::vector<std::uint8_t> body;

  template <class M>
  M as() const {
    M message;
    wire::Reader in{ByteView(body)};
    if (!wire::zk::decode(message, in) || in.remaining() != 0) throw std::runtime_error("a reply of another shape");
    return message;
  }
};

struct ZkEvent {
  std::int32_t type = 0;
  std::string path;
  std::int64_t zxid = 0;
  friend bool operator==(const ZkEvent&, const ZkEvent&) = default;
};

class ZkSocket {
 public:
  explicit ZkSocket(std::uint16_t port);
  ~ZkSocket();
  ZkSocket(const ZkSocket&) = delete;
  ZkSocket& operator=(const ZkSocket&) = delete;

  void send(ByteView bytes);
  void send_frame(ByteView body);
  void half_close();
  // Nothing when the server ended the connection, or did not answer in ten seconds (a failure of the test).
  std::optional<std::vector<std::uint8_t>> frame();
  std::string until_end();
  bool ended() { return until_end().empty(); }

 private:
  bool read(std::uint8_t* into, std::size_t bytes);
  int fd_;
};

struct ZkHandshake {
  std::int32_t timeout_ms = 10'000;
  std::int64_t session = 0;
  std::vector<std::uint8_t> password = std::vector<std::uint8_t>(16);
  std::int64_t last_zxid = 0;
  std::optional<bool> read_only = false;  // nothing: as clients before 3.4 do, without the byte
};

class ZkClient {
 public:
  explicit ZkClient(std::uint16_t port, const ZkHandshake& handshake = {});

  bool connected() const { return answer_.has_value(); }  // the server answered the handshake at all
  std::int64_t session() const { return session_; }       // 0: refused
  std::int32_t timeout_ms() const { return timeout_ms_; }
  const std::vector<std::uint8_t>& password() const { return password_; }
  std::size_t answer_bytes() const { return answer_ ? answer_->size() : 0; }
  ZkSocket& socket() { return socket_; }

  template <class M>
  std::int32_t send(wire::zk::OpCode op, const M& body) {
    return send(op, body, ++xid_);
  }
  template <class M>
  std::int32_t send(wire::zk::OpCode op, const M& body, std::int32_t xid) {
    wire::Writer out(256);
    put_header(out, xid, op);
    wire::zk::encode(body, out);
    socket_.send_frame(ByteView(out.flatten()));
    return xid;
  }
  std::int32_t send_empty(wire::zk::OpCode op, std::int32_t xid);
  std::optional<ZkReply> receive();  // the next reply; events on the way are put aside
  template <class M>
  ZkReply call(wire::zk::OpCode op, const M& body) {
    const std::int32_t xid = send(op, body);
    return expect(xid);
  }
  ZkReply expect(std::int32_t xid);

  // The everyday ones.
  ZkReply create(std::string_view path, std::string_view data = {}, std::int32_t flags = 0,
                 const jute::List<jute::Acl>& acl = open_list);
  wire::zk::ZkError remove(std::string_view path, std::int32_t version = -1);
  wire::zk::ZkError set(std::string_view path, std::string_view data, std::int32_t version = -1);
  std::optional<std::string> get(std::string_view path, bool watch = false);
  bool exists(std::string_view path, bool watch = false);
  wire::zk::ZkError authenticate(std::string_view scheme, std::string_view credentials);
  void ping();
  std::vector<ZkEvent> events();  // those that came so far; sync first, so that all before it are there
  wire::zk::ZkError close_session();

 private:
  static void put_header(wire::Writer& out, std::int32_t xid, wire::zk::OpCode op);

  ZkSocket socket_;
  std::optional<std::vector<std::uint8_t>> answer_;
  std::int64_t session_ = 0;
  std::int32_t timeout_ms_ = 0;
  std::vector<std::uint8_t> password_;
  std::int32_t xid_ = 0;
  std::vector<ZkEvent> events_;
};

// The answer to a four-letter word, up to the end of the connection. Half-closed: the client ends its side first.
std::string four_letter_word(std::uint16_t port, std::string_view word, bool half_close = false);

}  // namespace holdfast::zk
