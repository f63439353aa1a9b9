// What cons and stat tell of one connection. Plain numbers, kept by ZkConnection.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "wire/zookeeper/errors.h"

namespace holdfast {

struct ZkConnectionStats {
  std::string remote;  // address:port
  std::uint64_t queued = 0, received = 0, sent = 0;
  std::int64_t session = 0;
  std::int32_t timeout_ms = 0;
  std::int64_t established_ms = 0;                            // wall time
  wire::zk::OpCode last_op = wire::zk::OpCode::notification;  // none yet
  std::int32_t last_cxid = 0;
  std::int64_t last_zxid = -1;
  std::int64_t last_response_ms = 0;  // steady time
  std::int64_t last_latency_ms = 0, latency_min_ms = -1, latency_max_ms = 0, latency_total_ms = 0;
  std::uint64_t latency_count = 0;

  void replied(std::int32_t cxid, wire::zk::OpCode op, std::int64_t zxid, std::int64_t now_ms,
               std::int64_t latency_ms) {
    ++sent;
    last_op = op;
    last_cxid = cxid;
    last_zxid = zxid;
    last_response_ms = now_ms;
    last_latency_ms = latency_ms;
    latency_min_ms = latency_min_ms < 0 ? latency_ms : std::min(latency_min_ms, latency_ms);
    latency_max_ms = std::max(latency_max_ms, latency_ms);
    latency_total_ms += latency_ms;
    ++latency_count;
  }
};

}  // namespace holdfast
