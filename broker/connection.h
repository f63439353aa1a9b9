// Connection: one Kafka client. It cuts frames, hands each to its row of the API table, and sends replies in request
// order, whatever order they are finished in. All requests of one read are handled before anything is sent, so that a
// burst costs one journal round and one write. Lives on the shard that accepted it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "runtime/buffer.h"
#include "runtime/network.h"

namespace holdfast {

class BrokerShard;
class RequestContext;

struct ConnectionLimits {
  std::size_t request_bytes_max = 104'857'600;  // socket.request.max.bytes
  std::size_t requests_in_flight_max = 1000;    // a client further ahead is not read from
  std::size_t fetches_in_flight_max = 5;        // each may be answered by fetch.max.bytes
  std::size_t unsent_bytes_max = 64u << 20;     // replies a slow client has not taken, or that wait for their turn
};

// Told when the connection closes, or asks that what is parked be answered now; destroying it takes it off. What is
// parked for a client that left need not wait on.
struct CloseWatch : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  Function<void()> closed;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(BrokerShard& broker, std::unique_ptr<Stream> stream, std::string listener, ConnectionLimits limits);
  ~Connection();

  Task<void> run();  // until the client leaves or breaks a rule
  void close();
  void answer_parked();  // with what there is

  BrokerShard& broker() { return broker_; }
  const std::string& listener() const { return listener_; }
  const std::string& client_host() const { return client_host_; }
  std::string client() const;  // host:port, for log lines
  SteadyTime last_active() const { return last_active_; }
  bool closed() const { return closed_; }

 private:
  friend class RequestContext;
  struct Slot {
    BufferChain reply;
    bool done = false;
    bool fetch = false;
  };

  std::size_t handle_frames();  // bytes consumed from the input
  bool handle(ByteView frame, const Bytes& owner);
  void complete(std::uint64_t slot, BufferChain reply);
  void refuse(std::string_view why);
  // How large a buffer the frame that is being put together is entitled to so far: a length alone reserves no memory.
  std::size_t entitled() const;
  void make_room(std::size_t bytes);  // the unread bytes move to the front of a buffer of that size
  void flush();
  // Whether another request may be begun. What is asked for is small, and what it asks for may be large.
  bool has_room(bool fetch) const;

  BrokerShard& broker_;
  std::unique_ptr<Stream> stream_;
  std::string listener_;
  std::string client_host_;
  ConnectionLimits limits_;

  BlockRef input_;
  std::size_t begin_ = 0, end_ = 0;  // unread bytes of input_
  std::size_t frame_bytes_ = 0;      // of the frame they begin, as far as it is known
  std::size_t large_ = 0;            // what the input gate knows of input_
  bool produced_ = false;            // since it was last looked at

  std::deque<Slot> slots_;  // replies owed, in request order
  std::uint64_t first_slot_ = 0;
  BufferChain outgoing_;
  std::size_t held_bytes_ = 0;  // of replies in slots: one before them is not done
  std::size_t fetches_ = 0;     // in slots, not done
  bool flush_deferred_ = false;
  bool closed_ = false;
  bool held_back_ = false;      // the next frame is whole, and waits for room
  bool fetch_waits_ = false;    // it is a fetch
  Function<void()> completed_;  // one of the requests was, or the connection is closed
  SteadyTime last_active_{};
  boost::intrusive::list<CloseWatch, boost::intrusive::constant_time_size<false>> close_watches_;
};

}  // namespace holdfast
