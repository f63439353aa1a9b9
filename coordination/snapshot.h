// Snapshots: the whole replicated state exactly at one zxid, taken while requests go on. A capture walks the tree in
// bounded pieces; a node that is about to change or go before the walk reached it is written out first (copy before
// write), a node born after the capture began is left out; sessions share their results with the capture until they add
// one. So nothing stalls and nothing is fuzzy.
//
// Format, big-endian. A sequence of chunks:
//   chunk   := length u32 | crc32c u32 (of the payload) | payload
//   payload of the first chunk := "HFZS" | version u8 = 2 | flags u8 (1: extended types) | zxid i64 | time i64 (ms)
//   payloads after it          := records, whole ones:
//     'S' session id i64, timeout i32, owner i64,
//         results u32, results x {cxid i32, op i32, error i32, version i32, zxid i64, path text}, the oldest first
//     'A' number u32, count u32, count x {perms i32, scheme text, id text}   before the first node that names it
//     'N' shared u32 (bytes of its path that repeat the path of the node record before it), rest text,
//         data i32 length (-1 null) and bytes, acl u32, owner, czxid, mzxid, pzxid, ctime, mtime i64,
//         version, cversion, aversion i32                                    a parent comes before its children
//     'E' sessions u64, nodes u64, digest u64                                the end: the last record of the last chunk
// text is u32 length and bytes. The reader takes nothing on trust: counts, order, checksums and the digest must agree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordination/sessions.h"
#include "coordination/tree.h"
#include "runtime/buffer.h"
#include "runtime/result.h"
#include "runtime/strong.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::zk {

class SnapshotCapture final : public ChangeObserver {
 public:
  SnapshotCapture(Tree& tree, const SessionTable& sessions, Zxid zxid, std::int64_t time_ms);
  ~SnapshotCapture() override;  // may be dropped half way
  SnapshotCapture(const SnapshotCapture&) = delete;
  SnapshotCapture& operator=(const SnapshotCapture&) = delete;

  Zxid zxid() const { return zxid_; }
  // The next piece of the file, of about `bytes` (a single large node may exceed it): one chunk or several. Nothing
  // more: the snapshot is complete. The pieces must be written in order.
  std::optional<Bytes> next(std::size_t bytes = std::size_t{64} * 1024);
  // Old versions kept in memory because their nodes changed before the walk came by.
  std::size_t pending_bytes() const { return pending_.size(); }

  void before_change(Znode& node) override;
  void before_removal(Znode& node) override;

 private:
  void write_session(SessionId id, const Session& session);
  void write_with_ancestors(Znode& node);
  void write_node(Znode& node);
  void write_acl(AclId id);
  void seal_chunk();

  Tree& tree_;
  const Zxid zxid_;
  const std::uint32_t epoch_;
  std::vector<std::pair<SessionId, Session>> sessions_;  // sorted
  std::size_t sessions_written_ = 0;
  std::uint64_t nodes_ = 0;
  const std::uint64_t digest_;
  Znode* cursor_;  // the next node of the walk, in pre-order; null: the walk is over
  bool finished_ = false;
  std::string previous_path_;
  std::vector<bool> acls_written_;
  wire::Writer pending_;  // records of the chunk being gathered
  wire::Writer sealed_;   // whole chunks
};

// Rebuilds the state from the pieces, however they are cut.
class SnapshotReader {
 public:
  SnapshotReader(Tree& tree, SessionTable& sessions);  // both are emptied

  Result<> feed(ByteView piece);
  // After the last piece: the zxid of the state. An error leaves tree and sessions unusable until the next restore.
  Result<Zxid> finish();
  std::int64_t time_ms() const { return time_ms_; }

 private:
  Result<> read_chunk(ByteView payload);
  Result<> read_header(ByteView payload);
  Result<> read_records(ByteView payload);
  void read_session(wire::Reader& in);
  void read_acl(wire::Reader& in);
  void read_node(wire::Reader& in);
  void read_end(wire::Reader& in);

  Tree& tree_;
  SessionTable& sessions_;
  std::vector<std::uint8_t> buffer_;
  bool header_seen_ = false;
  bool end_seen_ = false;
  Zxid zxid_;
  std::int64_t time_ms_ = 0;
  std::uint64_t node_records_ = 0;
  std::string previous_path_;
  std::unordered_map<std::uint32_t, AclList> acls_;
};

}  // namespace holdfast::zk
