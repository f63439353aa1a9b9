#include "tests/cluster/loop_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace holdfast::test {

LoopDisk::LoopDisk(int megabytes) : root_(directory_.path() + "/disk"), image_(directory_.path() + "/image") {
  std::filesystem::create_directory(root_);
  if (unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    fault_ = std::string("a mount namespace: ") + std::strerror(errno);
    return;
  }
  const auto made = run_command(
      {"sh", "-c",
       "truncate -s " + std::to_string(megabytes) + "M '" + image_ + "' && mkfs.ext4 -q -m 0 '" + image_ + "'"});
  fault_ = made.status == 0 ? std::string() : made.errors;
  if (fault_.empty()) mount();
}

LoopDisk::~LoopDisk() { umount2(root_.c_str(), MNT_DETACH); }

void LoopDisk::mount() {
  const auto mounted = run_command({"mount", "-o", "loop", image_, root_});
  if (mounted.status != 0) fault_ = mounted.errors;
}

void LoopDisk::fail() const {
  constexpr unsigned long shutdown = _IOR('X', 125, std::uint32_t);  // EXT4_IOC_SHUTDOWN
  std::uint32_t without_flush = 2;                                   // EXT4_GOING_FLAGS_NOLOGFLUSH
  const int fd = open(root_.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(ioctl(fd, shutdown, &without_flush), 0) << std::strerror(errno);
  close(fd);
}

void LoopDisk::mend() {
  EXPECT_EQ(umount2(root_.c_str(), MNT_DETACH), 0) << std::strerror(errno);
  mount();
  EXPECT_EQ(fault_, "");
}

void LoopDisk::sync() const {
  const int fd = open(root_.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(syncfs(fd), 0) << std::strerror(errno);
  close(fd);
}

void LoopDisk::fill() const {
  const int fd = open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  // Large pieces first, then what is left between them.
  for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{4} << 10}) {
    const std::string piece(bytes, 'x');
    while (write(fd, piece.data(), piece.size()) > 0) {
    }
    EXPECT_EQ(errno, ENOSPC);
  }
  close(fd);
}

void LoopDisk::free() const { std::filesystem::remove(filler()); }

}  // namespace holdfast::test
