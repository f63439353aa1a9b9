// QuorumSnapshots: the snapshot files of a server: what the znode machine wrote (snapshot.h), behind a header that ties
// it to the log. They appear whole or not at all. Stateless but for the directory: any thread may use it.
//
//   snapshot.<zxid, hexadecimal>.<offset of the first entry behind it>[.installed]
//     header := "HFQS" | version u8 = 1 | length u32 of the fields | fields | crc32c u32 (of all before it)
//     fields := end i64 | last term i32 | zxid i64 | ensemble 16 bytes | membership (quorum_messages.h; length 0: none)
//     the machine's chunks
//
// "installed": it came from another server, or from an import, and stands for a log that this one never had. A log that
// does not reach it, or contradicts it, is emptied at the next start; with a snapshot of its own that would be damage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordination/consensus_types.h"
#include "runtime/disk.h"
#include "runtime/random.h"
#include "runtime/result.h"

namespace holdfast {

struct QuorumSnapshotHeader {
  Offset end;      // the first entry that is not in it
  Term last_term;  // of the entry before that; 0: there was none
  Zxid zxid;
  Uuid ensemble{};        // zeros: not founded yet
  Membership membership;  // that holds at `end`; no voters: it was never recorded
  friend bool operator==(const QuorumSnapshotHeader&, const QuorumSnapshotHeader&) = default;

  Bytes encode() const;
  struct Read;
  // From the first bytes of a file.
  static Result<Read> decode(ByteView bytes);
  static constexpr std::size_t bytes_max = 64 << 10;
};
struct QuorumSnapshotHeader::Read {
  QuorumSnapshotHeader header;
  std::size_t bytes = 0;  // where the machine's chunks begin
};

class QuorumSnapshots {
 public:
  struct Name {
    std::string file;
    Zxid zxid;
    Offset end;
    bool installed = false;
    std::uint64_t bytes = 0;
  };

  QuorumSnapshots(Disk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {}

  const std::string& directory() const { return directory_; }
  Result<void> prepare();                  // makes the directory; removes what was not finished
  Result<std::vector<Name>> list() const;  // oldest first
  Result<void> remove(const Name& name);
  Result<QuorumSnapshotHeader> header(const Name& name) const;
  // The machine's chunks go to `feed`, piece by piece.
  Result<QuorumSnapshotHeader> read(const Name& name, const std::function<Result<void>(ByteView)>& feed) const;
  Result<std::unique_ptr<File>> open(const Name& name) const { return disk_.open(directory_ + "/" + name.file, {}); }

  // A file that is being written. It gets its name in finish(), which is durable when it returns. What was written goes
  // to the disk on the way: all of it at the end would hold up whoever else syncs there, the journal first.
  class Writer {
   public:
    Writer(Disk& disk, std::string directory, std::string temporary)
        : disk_(disk), directory_(std::move(directory)), temporary_(std::move(temporary)) {}
    Result<void> write(ByteView piece);
    Result<QuorumSnapshotHeader> check() const { return QuorumSnapshots::check(*file_); }
    Result<void> finish(const std::string& name);
    void abandon();  // removes what there is
    std::uint64_t written() const { return written_; }

   private:
    Disk& disk_;
    const std::string directory_, temporary_;
    std::unique_ptr<File> file_;
    std::uint64_t written_ = 0, synced_ = 0;
  };
  std::unique_ptr<Writer> writer(const std::string& purpose) const;
  static std::string name_of(const QuorumSnapshotHeader& header, bool installed);
  // Whether what a file holds is a snapshot: its header, and every chunk's checksum.
  static Result<QuorumSnapshotHeader> check(File& file);
  // Whether the machine's chunks of a file, from a byte on, are whole and match their checksums.
  static Result<void> check_chunks(File& file, std::uint64_t from);

 private:
  Disk& disk_;
  const std::string directory_;
};

}  // namespace holdfast
