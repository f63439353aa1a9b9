#include "runtime/disk_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "runtime/disk.h"
#include "runtime/shards.h"
#include "runtime/worker.h"

namespace holdfast {
namespace {

// One block that direct I/O takes.
BlockRef block_of(char fill) {
  BlockRef block = BlockRef::allocate(disk_block_bytes, disk_block_bytes);
  std::memset(block->data(), fill, disk_block_bytes);
  return block;
}
ByteView view(const BlockRef& block) { return {block->data(), disk_block_bytes}; }

// A file that the ring cannot write to, and a thread can.
class RefusedByTheRing final : public File {
 public:
  RefusedByTheRing() : read_only_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}
  ~RefusedByTheRing() override { ::close(read_only_); }

  int ring_descriptor() const override { return read_only_; }
  Result<std::size_t> read_at(std::uint64_t, std::span<std::uint8_t>) override { return 0; }
  Result<void> write_at(std::uint64_t, ByteView) override { return {}; }
  Result<void> write_at(std::uint64_t, std::span<const ByteView>) override { return {}; }
  Result<void> sync_data() override { return {}; }
  Result<void> write_durable(std::uint64_t, ByteView) override {
    wrote_on = std::this_thread::get_id();
    return {};
  }
  Result<void> truncate(std::uint64_t) override { return {}; }
  Result<void> allocate(std::uint64_t, std::uint64_t) override { return {}; }
  Result<std::uint64_t> size() const override { return 0; }
  bool direct() const override { return true; }

  std::thread::id wrote_on;

 private:
  int read_only_;
};

class DurableWriteTest : public testing::Test {
 protected:
  struct Outcome {
    Result<void> result;
    bool on_shard = false;
  };

  DurableWriteTest() {
    std::string pattern = testing::TempDir() + "holdfast-ring-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    path_ = root_ + "/file";
    shards_.start();
  }
  ~DurableWriteTest() override {
    shards_.stop();
    std::filesystem::remove_all(root_);
  }

  std::unique_ptr<File> open(OpenOptions options) {
    auto file = system_disk().open(path_, options);
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return std::move(*file);
  }
  char byte_at(std::uint64_t offset) {
    std::array<std::uint8_t, 1> byte{};
    EXPECT_EQ(open({})->read_at(offset, byte).value_or(0), 1u);
    return static_cast<char>(byte[0]);
  }
  Outcome write(Worker& worker, File& file, std::uint64_t offset, const BlockRef& block) {
    std::promise<Outcome> outcome;
    Shard& shard = shards_.at(0);
    shard.post([&] {
      worker.write_durable(shard, file, offset, view(block), [&](Result<void> result) {
        outcome.set_value({std::move(result), Shard::current() == &shard});
      });
    });
    return outcome.get_future().get();
  }

  std::string root_, path_;
  Shards shards_{1};
};

TEST_F(DurableWriteTest, IsInTheFileAndToldOnTheShard) {
  for (const bool direct : {true, false}) {
    auto file = open({.write = true, .create = true, .truncate = true, .direct = direct});
    auto worker = system_workers().create("journal");
    for (int i = 0; i < 50; ++i) {
      const BlockRef block = block_of(static_cast<char>('a' + i % 26));
      const auto at = static_cast<std::uint64_t>(i) * disk_block_bytes;
      const Outcome outcome = write(*worker, *file, at, block);
      ASSERT_TRUE(outcome.result) << outcome.result.error().message;
      EXPECT_TRUE(outcome.on_shard);
      EXPECT_EQ(byte_at(at), 'a' + i % 26);
    }
    EXPECT_EQ(*file->size(), 50 * disk_block_bytes);
  }
}

TEST_F(DurableWriteTest, FailsInTheWordsOfTheBlockingCall) {
  open({.write = true, .create = true});
  auto file = open({.direct = true});
  auto worker = system_workers().create("journal");
  const Outcome outcome = write(*worker, *file, 0, block_of('x'));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().kind, ErrorKind::io);
  EXPECT_EQ(outcome.result.error().os_error, EBADF);
  EXPECT_NE(outcome.result.error().message.find(path_), std::string::npos);
  EXPECT_TRUE(outcome.on_shard);
}

TEST_F(DurableWriteTest, WhatTheRingRefusesIsLeftToTheThread) {
  RefusedByTheRing file;
  auto worker = system_workers().create("journal");
  const Outcome outcome = write(*worker, file, 0, block_of('x'));
  EXPECT_TRUE(outcome.result);
  EXPECT_TRUE(outcome.on_shard);
  EXPECT_NE(file.wrote_on, std::thread::id());
}

// A worker that dies has ended what it was given.
TEST_F(DurableWriteTest, OutlivesNothingItWritesTo) {
  for (int i = 0; i < 20; ++i) {
    const char fill = static_cast<char>('a' + i);
    std::promise<void> ended;
    Shard& shard = shards_.at(0);
    shard.post([&] {
      auto file = open({.write = true, .create = true, .direct = true});
      const BlockRef block = block_of(fill);
      auto worker = system_workers().create("journal");
      worker->write_durable(shard, *file, 0, view(block), [](Result<void>) {});
      worker.reset();
      ended.set_value();
    });
    ended.get_future().get();
    EXPECT_EQ(byte_at(0), fill);
  }
}

TEST_F(DurableWriteTest, TheRingTakesOneAtATime) {
  auto file = open({.write = true, .create = true, .direct = true});
  if (file->ring_descriptor() < 0) GTEST_SKIP() << "no direct I/O here";
  const BlockRef block = block_of('x');
  std::unique_ptr<DiskRing> ring;
  std::promise<int> first, second;
  Shard& shard = shards_.at(0);
  shard.post([&] {
    ring = DiskRing::open(shard);
    if (!ring) {
      first.set_value(disk_block_bytes);
      return second.set_value(-EBUSY);
    }
    ring->write_durable(file->ring_descriptor(), 0, view(block), [&](int result) { first.set_value(result); });
    ring->write_durable(file->ring_descriptor(), 0, view(block), [&](int result) { second.set_value(result); });
  });
  EXPECT_EQ(first.get_future().get(), disk_block_bytes);
  EXPECT_EQ(second.get_future().get(), -EBUSY);
  std::promise<void> ended;
  shard.post([&] {
    ring.reset();
    ended.set_value();
  });
  ended.get_future().get();
}

// As containers do: the call is not permitted.
bool forbid_io_uring() {
  std::array<sock_filter, 4> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(DurableWriteTest, GoesThroughTheThreadWhereTheKernelKeepsTheRingFromUs) {
  bool forbidden = false, without_ring = false;
  Outcome outcome{fail(ErrorKind::io, "not tried"), false};
  // The filter stays with the threads that are made behind it, and ends with them.
  std::thread([&] {
    forbidden = forbid_io_uring();
    Shards shards(1);
    shards.start();
    auto file = open({.write = true, .create = true, .direct = true});
    auto worker = system_workers().create("journal");
    const BlockRef block = block_of('x');
    std::promise<void> done;
    Shard& shard = shards.at(0);
    shard.post([&] {
      without_ring = DiskRing::open(shard) == nullptr;
      worker->write_durable(shard, *file, 0, view(block), [&](Result<void> result) {
        outcome = {std::move(result), Shard::current() == &shard};
        done.set_value();
      });
    });
    done.get_future().get();
    shards.stop();
  }).join();
  ASSERT_TRUE(forbidden);
  EXPECT_TRUE(without_ring);
  EXPECT_TRUE(outcome.result);
  EXPECT_TRUE(outcome.on_shard);
  EXPECT_EQ(byte_at(0), 'x');
}

}  // namespace
}  // namespace holdfast
