#include "runtime/disk.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

class SystemDiskTest : public testing::Test {
 protected:
  SystemDiskTest() {
    std::string pattern = testing::TempDir() + "holdfast-disk-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~SystemDiskTest() override { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  std::unique_ptr<File> make(const std::string& name, bool direct = false) {
    auto file = disk_.open(path(name), {.write = true, .create = true, .direct = direct});
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return std::move(*file);
  }
  static std::string read(File& file, std::uint64_t offset, std::size_t size) {
    std::string text(size, '?');
    const auto n = file.read_at(offset, {reinterpret_cast<std::uint8_t*>(text.data()), size});
    EXPECT_TRUE(n.has_value());
    text.resize(n.value_or(0));
    return text;
  }

  Disk& disk_ = system_disk();
  std::string root_;
};

TEST_F(SystemDiskTest, ReadsWhatWasWritten) {
  auto file = make("a");
  ASSERT_TRUE(file->write_at(0, as_bytes("hello world")));
  ASSERT_TRUE(file->write_at(6, as_bytes("there")));
  ASSERT_TRUE(file->sync_data());
  EXPECT_EQ(read(*file, 0, 100), "hello there");
  EXPECT_EQ(read(*file, 6, 3), "the");
  EXPECT_EQ(read(*file, 50, 3), "");
  EXPECT_EQ(*file->size(), 11u);
}

TEST_F(SystemDiskTest, WritesMorePiecesThanOneCallTakes) {
  auto file = make("pieces");
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back(std::string(static_cast<std::size_t>(i % 7), 'a' + char(i % 26)));
  std::vector<ByteView> pieces;
  for (const std::string& text : texts) {
    pieces.push_back(as_bytes(text));
    expected += text;
  }
  ASSERT_TRUE(file->write_at(3, pieces));
  EXPECT_EQ(read(*file, 3, expected.size() + 10), expected);
}

TEST_F(SystemDiskTest, WritesDurably) {
  auto file = make("durable");
  ASSERT_TRUE(file->write_durable(0, as_bytes("abc")));
  EXPECT_EQ(read(*file, 0, 10), "abc");
}

TEST_F(SystemDiskTest, DirectFilesTakeAlignedBlocks) {
  auto file = make("direct", true);
  const BlockRef block = BlockRef::allocate(2 * disk_block_bytes, disk_block_bytes);
  std::fill_n(block->data(), block->capacity(), std::uint8_t{'x'});
  ASSERT_TRUE(file->write_at(0, ByteView(block->data(), block->capacity())));
  ASSERT_TRUE(file->write_durable(block->capacity(), ByteView(block->data(), disk_block_bytes)));
  EXPECT_EQ(*file->size(), 3 * disk_block_bytes);
  const BlockRef into = BlockRef::allocate(8 * disk_block_bytes, disk_block_bytes);
  const auto n = file->read_at(disk_block_bytes, {into->data(), into->capacity()});
  ASSERT_TRUE(n.has_value());
  EXPECT_EQ(*n, 2 * disk_block_bytes);
  EXPECT_EQ(std::count(into->data(), into->data() + *n, 'x'), static_cast<std::ptrdiff_t>(*n));
  // A length that is no multiple: the read ends where the file does.
  ASSERT_TRUE(file->truncate(disk_block_bytes + 100));
  EXPECT_EQ(*file->read_at(0, {into->data(), into->capacity()}), disk_block_bytes + 100);
}

TEST_F(SystemDiskTest, DirectOnAFileSystemWithoutItIsBuffered) {
  // /proc refuses O_DIRECT; whatever is mounted here, the answer must be a file that can be read.
  auto file = disk_.open("/proc/self/status", {.direct = true});
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_FALSE((*file)->direct());
  EXPECT_EQ(read(**file, 0, 5), "Name:");
}

TEST_F(SystemDiskTest, TruncatesAndAllocates) {
  auto file = make("sized");
  ASSERT_TRUE(file->write_at(0, as_bytes("0123456789")));
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(read(*file, 0, 100), "0123");
  ASSERT_TRUE(file->allocate(0, 10'000));
  EXPECT_EQ(*file->size(), 10'000u);
  EXPECT_EQ(read(*file, 0, 6), std::string("0123\0\0", 6));
}

TEST_F(SystemDiskTest, NamesTheCauseOfAnError) {
  const auto missing = disk_.open(path("missing"), {});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_EQ(missing.error().os_error, ENOENT);
  EXPECT_NE(missing.error().message.find(path("missing")), std::string::npos);

  make("there");
  const auto exists = disk_.open(path("there"), {.write = true, .create = true, .exclusive = true});
  ASSERT_FALSE(exists.has_value());
  EXPECT_EQ(exists.error().kind, ErrorKind::already_exists);

  const auto full = disk_.open("/dev/full", {.write = true});
  ASSERT_TRUE(full.has_value());
  const auto written = (*full)->write_at(0, as_bytes("x"));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::no_space);

  auto read_only = disk_.open(path("there"), {});
  ASSERT_TRUE(read_only.has_value());
  const auto refused = (*read_only)->write_at(0, as_bytes("x"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::io);
  EXPECT_EQ(refused.error().os_error, EBADF);
}

TEST_F(SystemDiskTest, KeepsDirectories) {
  ASSERT_TRUE(disk_.create_directories(path("b/c/d")));
  ASSERT_TRUE(disk_.create_directories(path("b/c/d")));
  make("b/z")->write_at(0, as_bytes("12345")).value();
  make("b/a");
  ASSERT_TRUE(disk_.sync_directory(path("b")));
  const auto entries = disk_.list(path("b"));
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[1].name, "c");
  EXPECT_TRUE((*entries)[1].directory);
  EXPECT_EQ((*entries)[2].name, "z");
  EXPECT_EQ((*entries)[2].size, 5u);

  ASSERT_TRUE(disk_.rename(path("b/z"), path("b/c/y")));
  EXPECT_FALSE(*disk_.exists(path("b/z")));
  EXPECT_TRUE(*disk_.exists(path("b/c/y")));
  EXPECT_FALSE(disk_.remove(path("b/c")));
  ASSERT_TRUE(disk_.remove(path("b/c/d")));
  EXPECT_EQ(disk_.remove(path("b/c/d")).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(disk_.remove_all(path("b")));
  ASSERT_TRUE(disk_.remove_all(path("b")));
  EXPECT_EQ(disk_.list(path("b")).error().kind, ErrorKind::not_found);
  const auto space = disk_.space(root_);
  ASSERT_TRUE(space.has_value());
  EXPECT_GT(space->total_bytes, 0u);
  EXPECT_LE(space->available_bytes, space->total_bytes);
}

TEST_F(SystemDiskTest, LocksOnce) {
  auto held = disk_.lock(path(".lock"));
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(disk_.lock(path(".lock")).error().kind, ErrorKind::already_exists);
  held->reset();
  EXPECT_TRUE(disk_.lock(path(".lock")).has_value());
}

TEST_F(SystemDiskTest, ReadsAndReplacesSmallFilesWhole) {
  ASSERT_TRUE(disk_.write_atomically(path("meta"), as_bytes("version=1")));
  ASSERT_TRUE(disk_.write_atomically(path("meta"), as_bytes("v2")));
  EXPECT_EQ(as_text(*disk_.read_file(path("meta"), 100)), "v2");
  EXPECT_EQ(disk_.read_file(path("meta"), 1).error().kind, ErrorKind::exhausted);
  EXPECT_EQ(disk_.read_file(path("none"), 1).error().kind, ErrorKind::not_found);
  EXPECT_EQ(disk_.list(root_)->size(), 1u) << "no temporary file stays behind";
}

// What a shell makes of <(...): its size is 0 and it has no offsets.
class Piped {
 public:
  explicit Piped(const std::string& content) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    EXPECT_EQ(::write(ends_[1], content.data(), content.size()), static_cast<ssize_t>(content.size()));
    path_ = "/proc/self/fd/" + std::to_string(ends_[0]);
  }
  ~Piped() {
    end();
    ::close(ends_[0]);
  }
  void end() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  const std::string& path() const { return path_; }

 private:
  std::array<int, 2> ends_{};
  std::string path_;
};

TEST_F(SystemDiskTest, ReadsPipesToTheirEnd) {
  const std::string content(10'000, 'x');
  const auto of_at_most = [this, &content](std::uint64_t size_max) {
    Piped pipe(content);
    pipe.end();
    return disk_.read_file(pipe.path(), size_max);
  };
  const auto read = of_at_most(10'000);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(as_text(*read), content);
  EXPECT_EQ(of_at_most(9'999).error().kind, ErrorKind::exhausted);
  // Nor does a file of /proc have a size.
  EXPECT_TRUE(as_text(*disk_.read_file("/proc/self/status", 1 << 20)).starts_with("Name:"));
  EXPECT_EQ(disk_.read_file("/dev/zero", 1 << 20).error().kind, ErrorKind::exhausted);
  EXPECT_TRUE(disk_.read_file("/dev/null", 1)->empty());
  EXPECT_EQ(disk_.read_file(root_, 1 << 20).error().os_error, EISDIR);
}

TEST_F(SystemDiskTest, ReadsAPipeAsItFills) {
  Piped pipe("hello ");
  const auto file = disk_.open(pipe.path(), {});
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(read(**file, 0, 100), "hello ") << "nobody waits for a hundred bytes";
  std::array<std::uint8_t, 10> again;
  EXPECT_EQ((*file)->read_at(0, again).error().os_error, ESPIPE) << "what was read is gone";
  pipe.end();
  EXPECT_EQ(read(**file, 6, 100), "");
}

}  // namespace
}  // namespace holdfast
