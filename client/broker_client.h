// BrokerClient: one connection to a broker, of a client or of another broker. Requests are pipelined; the replies
// come in their order, each with its request's correlation id: any other ends the connection. Whoever asks waits no
// longer than it says; then the connection is given up, for nothing behind an answer that is missing could be trusted.
// Lives on one shard.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "runtime/buffer.h"
#include "runtime/network.h"
#include "runtime/result.h"
#include "runtime/shards.h"
#include "runtime/task.h"
#include "wire/kafka/headers.h"
#include "wire/message.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {

class BrokerClient {
 public:
  struct Reply {
    Bytes frame;    // what the message's views point into: they are valid as long as it is kept
    ByteView body;  // the message
    std::int16_t version = 0;

    // An error: the body is malformed, or longer than the message.
    template <class M>
    Result<void> read(M& message) const {
      wire::Reader in(body);
      if (!wire::decode(message, version, in)) return fail(ErrorKind::invalid_input, in.error());
      if (in.remaining() > 0) return fail(ErrorKind::invalid_input, "the reply goes on after its message");
      return {};
    }
  };

  // A request of whatever type, and what encodes it. Refers to the message.
  class Outgoing {
   public:
    template <class Request>
      requires requires { Request::api; }
    Outgoing(const Request& message)
        : api_(Request::api), message_(&message), encode_([](const void* m, std::int16_t version, wire::Writer& out) {
            wire::encode(*static_cast<const Request*>(m), version, out);
          }) {}
    const wire::Api& api() const { return api_; }
    void encode(std::int16_t version, wire::Writer& out) const { encode_(message_, version, out); }

   private:
    wire::Api api_;
    const void* message_;
    void (*encode_)(const void*, std::int16_t, wire::Writer&);
  };

  // A reply of more than `reply_bytes_max` ends the connection.
  BrokerClient(Shard& shard, Network& network, Endpoint to, std::string client_id, std::size_t reply_bytes_max);
  ~BrokerClient();  // stop() must have returned
  BrokerClient(const BrokerClient&) = delete;
  BrokerClient& operator=(const BrokerClient&) = delete;

  // Dials when there is no connection; how long to wait after an error is the caller's part. The request is encoded at
  // once and takes its place when the task is awaited. Errors: what the network said; timed_out; closed, also when an
  // earlier request was not answered in time; invalid_input, the peer broke the protocol; exhausted, too many wait;
  // unsupported, the version cannot carry the message.
  Task<Result<Reply>> ask(Outgoing request, std::int16_t version, Duration timeout) {
    return exchange(make_frame(request, version), timeout);
  }

  // Of a request that has no reply. Errors, and it is dropped: closed, there is no connection; exhausted, the peer does
  // not read what was sent; unsupported, the version cannot carry the message.
  Result<void> tell(Outgoing request, std::int16_t version) { return send_only(make_frame(request, version)); }
  // Until the peer has taken what was sent, so that tell() drops nothing. An error if the connection has ended.
  Task<Result<void>> drained();

  bool connected() const { return stream_ != nullptr; }
  const Endpoint& endpoint() const { return to_; }
  void close();       // what waits gets an error; may be used again
  Task<void> stop();  // closes for good, until nothing of it runs: a connection attempt is waited for

 private:
  class Replies;
  struct Waiting;
  struct Frame {
    std::int32_t correlation_id = 0;
    std::int16_t version = 0, reply_header = 0;
    BufferChain bytes;            // with its length in front
    const char* fault = nullptr;  // it cannot be encoded
  };

  Frame make_frame(const Outgoing& request, std::int16_t version);
  Task<Result<Reply>> exchange(Frame frame, Duration timeout);
  Result<void> send_only(Frame frame);
  void send_soon(BufferChain bytes);
  void flush();
  Task<void> run();
  Result<void> answer(const Bytes& frame);
  void end(const Error& why);

  Shard& shard_;
  Network& network_;
  const Endpoint to_;
  const std::string client_id_;
  const std::size_t reply_bytes_max_;
  std::shared_ptr<Stream> stream_;  // while there is a connection; its reader shares it
  bool dialling_ = false;
  bool flush_deferred_ = false;
  BufferChain outgoing_;          // of this burst, or until the connection is there
  std::deque<Waiting*> waiting_;  // in the order of their requests; each lives in the task that waits
  std::int32_t next_correlation_id_ = 0;
  Gate gate_;
};

}  // namespace holdfast
