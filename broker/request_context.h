// RequestContext: one Kafka request between its frame and its reply. It may outlive the handler that was called with it
// (a parked fetch, a commit that waits); it keeps its connection and the frame's bytes alive. Lives on the connection's
// shard. Exactly one of respond(), respond_nothing() and close() is called; a context dropped without one closes the
// connection, for the replies behind it could never leave.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/buffer.h"
#include "wire/message.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {

class Connection;
class BrokerShard;
struct CloseWatch;

class RequestContext {
 public:
  RequestContext(std::shared_ptr<Connection> connection, std::uint64_t slot, std::int16_t key, std::int16_t version,
                 std::int32_t correlation_id, std::string_view client_id, Bytes frame, ByteView body);
  RequestContext(RequestContext&&) noexcept = default;
  RequestContext& operator=(RequestContext&&) = delete;
  ~RequestContext();

  std::int16_t key() const { return key_; }
  std::int16_t version() const { return version_; }
  const std::string& client_id() const { return client_id_; }
  std::string client_host() const;    // "127.0.0.1"
  std::string_view listener() const;  // the listener's name
  BrokerShard& broker() const;
  // The message's bytes: views into the frame, valid as long as this context lives.
  ByteView body() const { return body_; }
  const Bytes& frame() const { return frame_; }

  // False when the body is malformed: the connection has been closed with a log line, and the handler returns.
  template <class M>
  bool read(M& message) {
    wire::Reader reader(body_);
    if (wire::decode(message, version_, reader)) return true;
    malformed(reader.error());
    return false;
  }

  template <class M>
  void respond(const M& message) {
    respond_at(message, version_);
  }
  // With another version than the request's: ApiVersions answers an unknown version in version 0 (KIP-511).
  template <class M>
  void respond_at(const M& message, std::int16_t version) {
    wire::Writer out;
    begin(out, M::api.flexible, version);
    wire::encode(message, version, out);
    finish(std::move(out));
  }
  void respond_nothing();  // produce with acks=0
  void close(std::string_view why);
  void malformed(std::string_view why);
  bool connected() const;
  void watch_close(CloseWatch& watch) const;
  void answer_parked() const;  // the other requests of this connection that wait for something

 private:
  void begin(wire::Writer& out, std::int16_t flexible_from, std::int16_t version) const;
  void finish(wire::Writer out);

  std::shared_ptr<Connection> connection_;
  std::uint64_t slot_;
  std::int16_t key_;
  std::int16_t version_;
  std::int32_t correlation_id_;
  std::string client_id_;
  Bytes frame_;
  ByteView body_;
  std::uint64_t started_ns_ = 0;
};

}  // namespace holdfast
