// What a ZooKeeper client keeps of a request until it is answered. Of client/zookeeper*.cpp only.
#pragma once

#include <string>

#include "client/zookeeper.h"

namespace holdfast::client {

struct ZooKeeper::Request {
  OpCode op;
  Bytes body;
  std::string about;  // a path, for messages
  WatchWanted watch;
  std::int32_t xid = 0;
  int sends = 0;
  SteadyTime sent_at{};
  ZkOutcome<Arrival> outcome{};
  Function<void()> resume{};

  bool is_write() const {
    switch (op) {
      case OpCode::create2:
      case OpCode::create_container:
      case OpCode::create_ttl:
      case OpCode::remove:
      case OpCode::set_data:
      case OpCode::set_acl:
      case OpCode::multi:
      case OpCode::reconfig:
        return true;
      default:
        return false;
    }
  }
};

// A request, or a read whose reply was lost, is sent so often: one that ends the connection each time must not go on.
inline constexpr int zookeeper_sends_max = 3;

// A frame's beginning: room for its length, and the header.
inline wire::Writer zookeeper_frame(std::int32_t xid, OpCode op, std::size_t reserve = 64) {
  wire::Writer out(reserve);
  out.i32(0);
  out.i32(xid);
  out.i32(static_cast<std::int32_t>(op));
  return out;
}

}  // namespace holdfast::client
