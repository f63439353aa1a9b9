// ResultWindow: what became of a session's last writes, by xid, for a client whose connection ended before the reply:
// re-attached, it asks (OpCode::query_result). Replicated: made by applying, equal wherever the same transactions were
// applied, kept in snapshots, gone with the session. Lives on the coordination shard.
//
// A window holds the last 32 results, and no more than 4 KiB of paths: the oldest go first. A result that is not there
// is not known; it may have been pushed out, or the write never came to be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coordination/types.h"
#include "runtime/strong.h"

namespace holdfast::zk {

struct ResultFields {
  std::int32_t cxid = 0;
  OpCode op = OpCode::notification;  // as carried out; `error` for a write that failed, but `multi` for every multi
  ZkError error = ZkError::ok;       // of a failed multi: of the part that failed
  std::int32_t version = 0;          // what setData and setACL made of the node's version or aversion
  Zxid zxid;
};
struct ResultRecord : ResultFields {
  std::string path;  // of creates, as generated
};

class ResultWindow {
 public:
  static constexpr std::size_t records_max = 32;
  static constexpr std::size_t path_bytes_max = 4096;

  // A path that is longer than all of them may be leaves the window empty.
  void add(const ResultFields& fields, std::string_view path);
  // The newest with this xid.
  const ResultRecord* find(std::int32_t cxid) const;
  std::size_t size() const { return size_; }
  const ResultRecord& operator[](std::size_t i) const { return ring_[(first_ + i) & (ring_.size() - 1)]; }  // 0: oldest

 private:
  ResultRecord& slot(std::size_t i) { return ring_[(first_ + i) & (ring_.size() - 1)]; }
  void drop_oldest();
  void grow();

  std::vector<ResultRecord> ring_;  // a power of two: a session that writes once must not pay for 32
  std::uint32_t first_ = 0;
  std::uint32_t size_ = 0;
  std::size_t path_bytes_ = 0;
};

}  // namespace holdfast::zk
