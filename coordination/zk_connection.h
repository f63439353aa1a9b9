// ZkConnection: one ZooKeeper client. Frames in, replies out in the order of the requests; watch events and pings go
// between them. A read waits for this session's earlier writes and for nobody else's. Everything a burst produces
// leaves in one write; a long one lets other clients in between, and one that the client does not read waits for it.
// Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordination/machine.h"
#include "coordination/rate_limit.h"
#include "coordination/zk_connection_stats.h"
#include "runtime/network.h"
#include "wire/writer.h"
#include "wire/zookeeper/records.h"

namespace holdfast {

class ZkServer;

class ZkConnection : public std::enable_shared_from_this<ZkConnection> {
 public:
  ZkConnection(ZkServer& server, std::unique_ptr<Stream> stream, zk::ConnectionToken token);
  ~ZkConnection();

  Task<void> run();
  void close();                        // at once
  void give_up(std::string_view why);  // at once, with a line in the log: what is half written never leaves
  void close_after_replies();          // what is queued still leaves
  bool closed() const { return closed_; }
  bool read_only() const { return read_only_; }  // of a server without a quorum: it may not write

  zk::ConnectionToken token() const { return token_; }
  SessionId session() const { return session_; }
  const std::vector<zk::Id>& ids() const { return ids_; }
  std::vector<zk::Id>& ids() { return ids_; }
  const std::string& host() const { return host_; }
  std::string remote() const;
  const ZkConnectionStats& stats() const { return stats_; }
  std::int64_t greeting_deadline_ms() const { return greeting_deadline_ms_; }
  // What it is owed and the kernel has not taken.
  std::size_t unsent_bytes() const { return outgoing_bytes() + held_bytes_; }
  void reset_stats();
  ZkServer& server() { return server_; }
  zk::Caller caller(std::int32_t xid) const;

  // An encoded notification, the same for everybody who gets it.
  void send_event(const Bytes& frame);

  // ---- For zk_requests: the reply of the request being handled, or of one that waits. ----
  using Slot = std::uint64_t;
  Slot reserve(std::int32_t xid, zk::OpCode op);
  // Encodes header and body; `body` may be null. Replies of earlier slots leave first. Where that fails, by an
  // exception or the writer's error, it is the end of the connection. The header's zxid is that of the newest
  // transaction applied, unless the caller knows better.
  void reply(Slot slot, zk::ZkError error, const std::function<void(wire::Writer&)>& body = nullptr,
             std::optional<Zxid> zxid = {});
  // Runs `read` when every earlier write of this connection is applied; it must reply to the slot.
  void when_caught_up(Slot slot, Function<void()> read);
  // A sync is not answered yet, or a write waits behind one: the next write waits, too. Else what is read between the
  // two would show what was asked for later.
  bool holds_writes() const { return held_up_ > 0; }
  bool caught_up(Slot slot) const { return slot == first_slot_; }
  void out_of_band(std::int32_t xid, zk::ZkError error);  // pings

 private:
  struct Waiting {
    std::int32_t xid = 0;
    zk::OpCode op{};
    SteadyTime started;
    bool done = false;
    bool holds_writes = false;
    std::vector<std::uint8_t> frame;  // encoded, when an earlier one is not done
    Function<void()> read;
  };

  Task<zk::ZkError> propose(SessionId session, zk::WriteRequest request);  // of the session itself
  // The session of a connect request, or a new one. ConnectionLoss: this server cannot say.
  Task<zk::ZkError> admit(const wire::zk::ConnectRequest& request, SessionId& id, std::int32_t timeout_ms);
  Task<bool> greet();  // four-letter word or session; false: the connection is over
  bool handle_frames();
  // How long the client must wait, by its session's rate and its subtree's, before this request is taken; else it is
  // charged for it.
  Duration throttle(ByteView frame);
  Task<void> wait_for_rate();
  void put_header(wire::Writer& out, std::int32_t xid, zk::ZkError error, std::optional<Zxid> zxid = {}) const;
  void hold_writes(Waiting& w, bool hold);
  void put_reply(Slot slot, zk::ZkError error, const std::function<void(wire::Writer&)>& body,
                 std::optional<Zxid> zxid);
  void drain();
  // Of drain(), short of a read whose turn has come.
  void pause();
  void resume();
  static Task<void> resume_in_turn(std::shared_ptr<ZkConnection> self);
  std::size_t outgoing_bytes() const { return out_.size() + stream_->queued_bytes(); }
  bool must_give_way() const;          // to other clients, or until this one has taken more of what it was sent
  bool must_wait_for_replies() const;  // before another request is taken
  bool write_under_way() const;
  Task<void> give_way();
  void touch_while_taken(std::size_t queued);
  void end_unless_taken(std::size_t queued);
  void wake() {
    if (moved_) std::exchange(moved_, nullptr)();
  }
  void flush_soon();
  void flush();
  Task<bool> fill(std::size_t bytes);  // until that many unread bytes are in the buffer
  void grow(std::size_t bytes);
  void refuse(std::string_view why);

  ZkServer& server_;
  std::unique_ptr<Stream> stream_;
  zk::ConnectionToken token_;
  std::string host_;
  SessionId session_{0};
  std::vector<zk::Id> ids_;
  ZkConnectionStats stats_;
  std::int64_t greeting_deadline_ms_;
  Timer deadline_;  // a session by then, or what was queued at the end taken
  Timer sending_;   // while it waits for the client to take what it was sent

  std::unique_ptr<std::uint8_t[]> input_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;  // begin_ to end_ is unread
  std::deque<Waiting> waiting_;
  Slot first_slot_ = 0;
  std::size_t held_up_ = 0;        // of them, those that hold writes
  std::size_t waiting_reads_ = 0;  // of them, those whose turn has not come
  std::size_t held_bytes_ = 0;     // their frames
  wire::Writer out_{0};
  zk::RateLimit rate_;
  Duration throttled_{0};                           // what handle_frames() stopped for
  std::size_t turn_requests_ = 0, turn_bytes_ = 0;  // done since others could run
  Function<void()> moved_;                          // the reader waits for drain()
  bool write_waits_ = false;                        // what handle_frames() stopped for: too many reads in front
  bool paused_ = false;
  bool flush_deferred_ = false, closed_ = false, closing_ = false, draining_ = false, read_only_ = false;
};

}  // namespace holdfast
