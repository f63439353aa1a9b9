// ZooKeeperFiles: reads the data directory of a ZooKeeper server (3.5 to 3.9: snapshots, plain, gzipped or snappy, and
// transaction logs) into a tree. The newest snapshot that can be read, then every later transaction, by upstream's own
// rules for a snapshot that is fuzzy: what is there already is not made again, what is gone is not missed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordination/tree.h"
#include "runtime/disk.h"
#include "runtime/result.h"
#include "wire/reader.h"

namespace holdfast::zk {

class ZooKeeperFiles {
 public:
  // Of these the tree is made; it must be empty and know extended types (TTL and container nodes) if they are used.
  ZooKeeperFiles(Disk& disk, Tree& tree) : disk_(disk), tree_(tree) {}

  // `data_dir` and `log_dir` (dataDir, dataLogDir) with their version-2 below them, or that itself.
  Result<void> read(const std::string& data_dir, const std::string& log_dir);
  // The two halves of read(), of given files. A snapshot may be followed by logs, in the order of their names' zxids.
  Result<void> read_snapshot(const std::string& path);
  Result<void> read_log(const std::string& path, bool last);

  Zxid zxid() const { return zxid_; }  // of the last transaction that is in the tree
  const std::string& snapshot() const { return snapshot_; }
  std::uint64_t transactions() const { return transactions_; }
  std::size_t sessions() const { return sessions_.size(); }
  const std::vector<std::string>& notes() const { return notes_; }  // what was passed over, a line each

 private:
  struct Found {
    Zxid zxid;
    std::string path;
  };
  Result<std::vector<Found>> files(const std::string& directory, std::string_view prefix);
  Result<std::vector<std::uint8_t>> content(const std::string& path);
  Result<void> restore(ByteView bytes, const std::string& path);
  void restore_node(wire::Reader& in, std::string_view path, const std::map<std::int64_t, AclList>& acls);
  Result<void> replay(ByteView entry, const std::string& path);
  bool apply(OpCode type, wire::Reader& in);
  void create(std::string_view path, Bytes data, bool null_data, AclList acl, std::int64_t owner,
              std::int32_t parent_cversion);
  void remove(std::string_view path);

  Disk& disk_;
  Tree& tree_;
  std::string snapshot_;
  Zxid zxid_{0};
  std::map<std::int64_t, std::int32_t> sessions_;  // and their timeouts
  std::uint64_t transactions_ = 0;
  std::vector<std::string> notes_;
  // Of the transaction being applied.
  std::int64_t session_ = 0, txn_zxid_ = 0, time_ms_ = 0;
};

}  // namespace holdfast::zk
