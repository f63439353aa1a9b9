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

  // A reply of more than `reply_bytes_max` ends the connection.
  BrokerClient(Shard& shard, Network& network, Endpoint to, std::string client_id, std::size_t reply_bytes_max);
  ~BrokerClient();  // stop() must have returned
  BrokerClient(const BrokerClient&) = delete;
  BrokerClient& operator=(const BrokerClient&) = delete;

  // Dials when there is no connection; how long to wait after an error is the caller's part. The request is encoded at
  // once and takes its place when the task is awaited. Errors: what the network said; timed_out; closed, also when an
  // earlier request was not answered in time; invalid_input, the peer broke the protocol; exhausted, too many wait.
  template <class Request>
  Task<Result<Reply>> ask(const Request& message, std::int16_t version, Duration timeout) {
    return exchange(make_frame(message, version), timeout);
  }

  // Of a request that has no reply. Dropped when there is no connection, or when the peer does not read what was sent.
  template <class Request>
  void tell(const Request& message, std::int16_t version) {
    send_only(make_frame(message, version));
  }

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
    const char* fault = nullptr;  // it cannot be encoded: our own bug
  };

  template <class Request>
  Frame make_frame(const Request& message, std::int16_t version) {
    Frame frame;
    frame.correlation_id = next_correlation_id_++;
    frame.version = version;
    frame.reply_header = wire::response_header_version(Request::api, version);
    wire::RequestHeader header;
    header.request_api_key = Request::api.key;
    header.request_api_version = version;
    header.correlation_id = frame.correlation_id;
    header.client_id = client_id_;
    wire::Writer out;
    out.i32(0);
    wire::encode(header, wire::request_header_version(Request::api, version), out);
    wire::encode(message, version, out);
    finish(frame, std::move(out));
    return frame;
  }
  static void finish(Frame& frame, wire::Writer out);

  Task<Result<Reply>> exchange(Frame frame, Duration timeout);
  void send_only(Frame frame);
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
