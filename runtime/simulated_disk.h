// SimulatedDisk: files in memory, and what becomes of them when the power goes.
//
// The faults, and so what a correct server must survive:
// - Unsynced writes. Until sync_data() of the file, each sector of a write is on the disk or not, independently of all
//   others, so that later writes may be there and earlier ones not; now and then a sector is torn: new at its
//   beginning, old at its end. write_durable() makes that write durable and no other.
// - Unsynced sizes. Growth and truncation happen in order, up to some point. Where a file has grown and the data did
//   not arrive, it reads as zeros.
// - Unsynced names. Creations, renames and removals happen in order, up to some point, until sync_directory() of the
//   directory they are in. Syncing a file does not make its name durable. A rename is whole or has not happened.
// - Failed calls: EIO and ENOSPC, on demand. After a failed sync the unsynced writes are lost, though reads show them
//   and the next sync succeeds: what Linux does (the PostgreSQL developers' "fsyncgate", 2018).
// - A full disk, with a capacity. - Silent corruption, by flip_bit().
// What it does not do: lose or alter what was synced, misplace writes, or tear a sector into more than two parts.
//
// The power can be cut before any call, from `before_call` or with cut_power_at(): from then on every call fails, also
// those of threads that do not know yet, until one of the power_loss functions says what survived. Handles and locks
// from before stay dead. Any thread; calls are one after the other.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/disk.h"
#include "runtime/function.h"
#include "runtime/random.h"

namespace holdfast {

// write_durable is a write, then a sync. The file or directory of each is the path that hooks see.
enum class DiskCall : std::uint8_t {
  open,    // of a file that exists
  create,  // of a file or a directory
  read,
  write,
  sync,
  truncate,
  allocate,
  rename,
  remove,
  sync_directory,
  other,  // list, exists, space, lock
};
inline constexpr std::size_t disk_call_count = 11;
bool changes_disk(DiskCall call);

class SimulatedDisk final : public Disk {
 public:
  struct Options {
    std::uint64_t capacity_bytes = std::uint64_t{1} << 40;
    std::uint64_t sector_bytes = 512;  // the unit that is kept or lost
    bool direct = true;                // false: opens of direct files give buffered ones
  };
  SimulatedDisk();
  explicit SimulatedDisk(Options options);
  ~SimulatedDisk() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<void> create_directories(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_all(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<DiskSpace> space(const std::string& path) override;
  Result<std::shared_ptr<void>> lock(const std::string& path) override;

  // The end of everything unsynced, of some of it, and of the process only. All open files and locks end.
  void power_loss(Random& random);
  void power_loss_of_all_unsynced();
  void process_death();
  // The power is off: every call fails, until one of the above.
  void cut_power();
  // Cuts it before the n-th call from now (0: the next) that changes the disk. A test that runs its script with n = 0,
  // 1, 2... until the script finishes has been through all the points where a crash can tell.
  void cut_power_at(std::uint64_t n);
  bool powered() const;
  // Everything is durable as it is: where a scripted run begins.
  void sync_all();

  // The n-th call of the kind from now (0: the next) fails with EIO or ENOSPC.
  void fail_call(DiskCall call, std::uint64_t n, int os_error);
  void fail_every(DiskCall call, int os_error);  // from now on; 0 ends it
  // Sees each call before it is made, and may cut the power.
  void before_call(Function<void(DiskCall, const std::string& path)> hook);
  std::uint64_t calls(DiskCall call) const;
  void set_capacity(std::uint64_t bytes);
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit = 0);
  // What is there now, without a call that hooks, faults or counts would see.
  std::vector<std::pair<std::string, std::uint64_t>> files() const;  // paths and sizes, in the order of paths
  std::vector<std::uint8_t> content(const std::string& path) const;

 private:
  struct Node;
  struct NameChange;
  class Handle;
  struct Place;

  Result<void> begin(DiskCall call, const std::string& path);
  Place find(const std::string& path) const;
  void change_name(NameChange change);
  Result<void> take_space(const Node& node, std::uint64_t wanted, const std::string& path);
  void unlink(Node& node);
  void settle(Node& directory, Random* random);
  static std::uint64_t bytes_under(const Node& directory);

  mutable std::recursive_mutex mutex_;  // recursive: a hook may cut the power
  Options options_;
  std::shared_ptr<Node> root_;
  std::vector<NameChange> unsynced_names_;
  std::uint64_t used_bytes_ = 0;
  std::uint64_t generation_ = 0;  // of handles and locks
  bool powered_ = true;
  std::uint64_t cut_in_ = 0;  // calls that change the disk until the power goes; 0: never
  struct Fault {
    std::uint64_t in = 0;  // calls until it strikes; 0: none is set
    int os_error = 0;
    int every_os_error = 0;
  };
  std::array<Fault, disk_call_count> faults_{};
  std::array<std::uint64_t, disk_call_count> calls_{};
  Function<void(DiskCall, const std::string&)> hook_;
  std::vector<std::pair<std::string, std::weak_ptr<void>>> locks_;
};

}  // namespace holdfast
