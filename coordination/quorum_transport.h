// QuorumTransport: frames to and from the other servers of the ensemble. It dials every peer, again and again while it
// cannot be reached (each time resolving its name anew, so that a peer may get its address later than we start), and
// accepts those who dial us. What is sent while a connection is down is dropped: consensus sends again.
//
// Checked in every handshake: that the peer means us and is not us, that both are of one cluster, and that no other
// process that is alive uses the same id. A refusal is told to the peer and is one log line on both sides, said once
// until its reason changes. Lives on one shard.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordination/quorum_frame.h"
#include "runtime/gate.h"
#include "runtime/network.h"
#include "runtime/random.h"
#include "runtime/shards.h"

namespace holdfast {

struct QuorumTransportOptions {
  ServerId self;
  Incarnation incarnation{};
  std::string cluster;  // its id; empty: not known yet, any will do
  std::string address;  // told to peers, for their log
  Duration dial_pause_min = std::chrono::milliseconds(50), dial_pause_max = std::chrono::seconds(2);
  Duration handshake_timeout = std::chrono::seconds(5);
  // A connection on which nothing came for so long is dead; its other end says something three times as often.
  Duration silence_max = std::chrono::seconds(6);
  // An entry of the log must fit, or nothing behind it would ever be replicated. Memory is taken as bytes arrive.
  std::size_t frame_bytes_max = std::size_t{1} << 30;
  std::size_t queued_bytes_max = std::size_t{64} << 20;  // to one peer; more is dropped
  int strangers_max = 64;                                // connections that have not said who they are
};

class QuorumTransport {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_frame(ServerId from, const Incarnation& incarnation, FrameKind kind, Bytes payload) = 0;
    virtual void on_connected(ServerId peer, const QuorumWelcome& welcome) = 0;  // what is sent to it may arrive now
    virtual void on_disconnected(ServerId peer) = 0;
    // Nobody listens at its address, and nothing comes from it either: its process has ended.
    virtual void on_gone(ServerId) {}
  };

  QuorumTransport(QuorumTransportOptions options, Shard& shard, Network& network, Random& random, Handler& handler);
  ~QuorumTransport();

  Result<void> listen(const Endpoint& at);  // several times for several addresses, before start()
  Endpoint local(std::size_t index = 0) const;
  void start();
  // Whom to dial, each at any of its addresses. Connections to those who are not named any more are closed.
  void set_peers(std::map<ServerId, std::vector<Endpoint>> peers);
  void set_cluster(std::string cluster) { options_.cluster = std::move(cluster); }
  // False when it was dropped: the peer is not connected, or does not keep up.
  bool send(ServerId to, FrameKind kind, BufferChain payload);
  bool connected(ServerId peer) const;
  // Who has dialled us, and is there still: where it says that it is.
  std::map<ServerId, std::string_view> heard() const;
  void redial(ServerId peer);  // gives up the connection to it, and makes another one
  std::size_t queued_bytes(ServerId peer) const;
  Task<void> stop();

 private:
  struct Dialled;  // to a peer: what we say
  struct Heard;    // from a peer: what it says

  Task<void> accept(Listener* listener);
  Task<void> dial(std::shared_ptr<Dialled> peer);
  Task<Result<QuorumWelcome>> greet(std::shared_ptr<Dialled> peer, Stream& stream);
  Task<void> hear(std::shared_ptr<Heard> heard);
  Result<void> admit(const std::shared_ptr<Heard>& heard, const QuorumHello& hello);
  void keep_alive(Dialled& peer);
  void refuse(Heard& heard, const std::string& reason);

  QuorumTransportOptions options_;
  Shard& shard_;
  Network& network_;
  Random& random_;
  Handler& handler_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::map<ServerId, std::shared_ptr<Dialled>> dialled_;
  std::map<ServerId, std::shared_ptr<Heard>> heard_;    // the latest of each peer
  std::map<std::uint64_t, std::weak_ptr<Heard>> open_;  // all that are accepted
  std::map<std::string, std::string> refusals_;         // told last, by who it was
  std::uint64_t next_heard_ = 0;
  int strangers_ = 0;
  bool stopping_ = false;
  Gate gate_;
};

// Frames as they come from a stream, several with one read; of a large one only as much memory as really arrives.
class FrameReader {
 public:
  explicit FrameReader(Stream& stream) : stream_(stream) {}
  Task<Result<std::pair<FrameKind, Bytes>>> next(std::size_t length_max);

 private:
  Stream& stream_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(std::size_t{16} << 10);
  std::size_t begin_ = 0, end_ = 0;  // what was read ahead
};

}  // namespace holdfast
