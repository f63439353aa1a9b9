// ResultWindow: what became of a session's last writes, by xid, for a client whose connection ended before the reply:
// re-attached, it asks (OpCode::query_result). Replicated: made by applying, equal wherever the same transactions were
// applied, kept in snapshots, gone with the session. Lives on the coordination shard.
//
// A window holds the last 32 results, and no more than 4 KiB of paths: the oldest go first. A result that is not there
// is not known; it may have been pushed out, or the write never came to be. Memory comes with the first result and is 9
// KiB at the most. Copies share it until one of them is added to: a snapshot that is being taken holds some.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "coordination/types.h"
#include "runtime/strong.h"

namespace holdfast::zk {

struct ResultRecord {
  Zxid zxid;
  std::int32_t cxid = 0;
  OpCode op = OpCode::notification;  // as carried out; `error` for a write that failed, but `multi` for every multi
  ZkError error = ZkError::ok;       // of a failed multi: of the part that failed
  std::int32_t version = 0;          // what setData and setACL made of the node's version or aversion
  std::string_view path{};           // of creates, as generated; of one that a window gave: valid until its next add()
};

class ResultWindow {
 public:
  static constexpr std::size_t records_max = 32;
  static constexpr std::size_t path_bytes_max = 4096;

  // A path that is longer than all of them may be leaves the window empty.
  void add(const ResultRecord& record);
  // The newest with this xid.
  std::optional<ResultRecord> find(std::int32_t cxid) const;
  std::size_t size() const { return size_; }
  template <class F>
  void for_each(F&& f) const {  // from the oldest on
    std::size_t path_end = paths_begin_;
    for (std::uint32_t i = 0; i < size_; ++i) {
      path_end += slot(i).path_bytes;
      f(record(slot(i), path_end));
    }
  }
  // An add() is to come, after other work: the memory that it will touch is fetched meanwhile.
  void prefetch() const {
    if (slots_) __builtin_prefetch(&slot(size_), 1);
    if (paths_) __builtin_prefetch(paths_.get() + paths_end_, 1);
  }

 private:
  struct Slot {
    Zxid zxid;
    std::int32_t cxid;
    OpCode op;
    ZkError error;
    std::int32_t version;
    std::uint32_t path_bytes;
  };

  Slot& slot(std::uint32_t i) const { return slots_[(first_ + i) & (slots_room_ - 1)]; }  // 0: the oldest
  ResultRecord record(const Slot& slot, std::size_t path_end) const {
    return {slot.zxid,  slot.cxid,    slot.op,
            slot.error, slot.version, {paths_.get() + path_end - slot.path_bytes, slot.path_bytes}};
  }
  void drop_oldest();
  void unshare();
  void move_slots(std::uint32_t room);
  void move_paths(std::uint32_t room);

  // Set on both sides of a copy: the counts of references lie in memory that an add() need not touch.
  struct Copied {
    mutable bool yes = false;
    Copied() = default;
    Copied(const Copied& from) : yes(from.yes = true) {}
    Copied& operator=(const Copied& from) {
      yes = from.yes = true;
      return *this;
    }
  };

  Copied copied_;
  std::shared_ptr<Slot[]> slots_;  // a ring
  std::shared_ptr<char[]> paths_;  // those of the slots, one behind the other
  std::uint32_t slots_room_ = 0;   // a power of two: a session that writes once must not pay for 32
  std::uint32_t first_ = 0, size_ = 0;
  std::uint32_t paths_room_ = 0, paths_begin_ = 0, paths_end_ = 0;
};

}  // namespace holdfast::zk
