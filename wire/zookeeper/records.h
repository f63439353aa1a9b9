// ZooKeeper's records (jute): one declaration per record, in the order of the wire, as wire/fields.h does for Kafka,
// but without versions. This header has what requests and replies share; requests.h and responses.h have their bodies,
// txn_records.h what is stored or sent between servers, multi.h the multi, codec.h the visitors.
//
// Text, buffers and lists may each be null, which is not the same as empty, and is kept. A record does not own its
// bytes: decoded, it points into the input, which must be kept; to encode, it points to what the writer copies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/buffer.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::wire::zk {

using Text = std::optional<std::string_view>;  // UTF-8, not checked
using Buffer = std::optional<ByteView>;
template <class T>
using List = std::optional<std::vector<T>>;

template <class M>
void encode(const M& record, Writer& out);

// Fills a freshly constructed record. False: the bytes are malformed, and in.error() says how. Bytes after the record
// are left in the reader.
template <class M>
[[nodiscard]] bool decode(M& record, Reader& in);

struct Id {
  Text scheme;
  Text id;
  static void fields(auto& m, auto& v) {
    v("scheme", m.scheme);
    v("id", m.id);
  }
};

struct Acl {
  std::int32_t perms = 0;
  Id id;
  static void fields(auto& m, auto& v) {
    v("perms", m.perms);
    v("id", m.id);
  }
};

// 68 bytes.
struct Stat {
  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t ctime = 0;
  std::int64_t mtime = 0;
  std::int32_t version = 0;
  std::int32_t cversion = 0;
  std::int32_t aversion = 0;
  std::int64_t ephemeral_owner = 0;
  std::int32_t data_length = 0;
  std::int32_t num_children = 0;
  std::int64_t pzxid = 0;
  static void fields(auto& m, auto& v) {
    v("czxid", m.czxid);
    v("mzxid", m.mzxid);
    v("ctime", m.ctime);
    v("mtime", m.mtime);
    v("version", m.version);
    v("cversion", m.cversion);
    v("aversion", m.aversion);
    v("ephemeralOwner", m.ephemeral_owner);
    v("dataLength", m.data_length);
    v("numChildren", m.num_children);
    v("pzxid", m.pzxid);
  }
};

struct ClientInfo {
  Text auth_scheme;
  Text user;
  static void fields(auto& m, auto& v) {
    v("authScheme", m.auth_scheme);
    v("user", m.user);
  }
};

// The first frame of a connection, without a header. Clients before 3.5 end it before readOnly, and want a response
// without it.
struct ConnectRequest {
  std::int32_t protocol_version = 0;
  std::int64_t last_zxid_seen = 0;
  std::int32_t time_out = 0;
  std::int64_t session_id = 0;
  Buffer passwd;
  std::optional<bool> read_only;
  static void fields(auto& m, auto& v) {
    v("protocolVersion", m.protocol_version);
    v("lastZxidSeen", m.last_zxid_seen);
    v("timeOut", m.time_out);
    v("sessionId", m.session_id);
    v("passwd", m.passwd);
    v.trailing("readOnly", m.read_only);
  }
};

struct ConnectResponse {
  std::int32_t protocol_version = 0;
  std::int32_t time_out = 0;
  std::int64_t session_id = 0;
  Buffer passwd;
  std::optional<bool> read_only;
  static void fields(auto& m, auto& v) {
    v("protocolVersion", m.protocol_version);
    v("timeOut", m.time_out);
    v("sessionId", m.session_id);
    v("passwd", m.passwd);
    v.trailing("readOnly", m.read_only);
  }
};

struct RequestHeader {
  std::int32_t xid = 0;
  std::int32_t type = 0;
  static void fields(auto& m, auto& v) {
    v("xid", m.xid);
    v("type", m.type);
  }
};

struct ReplyHeader {
  std::int32_t xid = 0;
  std::int64_t zxid = 0;
  std::int32_t err = 0;
  static void fields(auto& m, auto& v) {
    v("xid", m.xid);
    v("zxid", m.zxid);
    v("err", m.err);
  }
};

// Before each operation and result of a multi; one with `done` ends the list.
struct MultiHeader {
  std::int32_t type = 0;
  bool done = false;
  std::int32_t err = -1;
  static void fields(auto& m, auto& v) {
    v("type", m.type);
    v("done", m.done);
    v("err", m.err);
  }
};

// Comes with a reply header of xid -1.
struct WatcherEvent {
  std::int32_t type = 0;
  std::int32_t state = 0;
  Text path;
  static void fields(auto& m, auto& v) {
    v("type", m.type);
    v("state", m.state);
    v("path", m.path);
  }
};

// Of addWatch, and of a failed operation inside a multi.
struct ErrorResponse {
  std::int32_t err = 0;
  static void fields(auto& m, auto& v) { v("err", m.err); }
};

}  // namespace holdfast::wire::zk
