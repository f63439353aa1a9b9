#include "runtime/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace holdfast {
namespace {

std::unexpected<Error> os_fail(std::string_view what, const std::string& path, int error) {
  ErrorKind kind = ErrorKind::io;
  if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
  if (error == ENOENT) kind = ErrorKind::not_found;
  if (error == EEXIST) kind = ErrorKind::already_exists;
  return fail(kind, fmt::format("{} {}: {}", what, path, std::generic_category().message(error)), error);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

FileDescriptor open_descriptor(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return FileDescriptor(fd);
}

bool has_bytes(std::span<const ByteView> pieces, std::size_t skip) {
  return pieces.front().size() > skip || std::ranges::any_of(pieces.subspan(1), [](ByteView p) { return !p.empty(); });
}

// Any thread: the kernel orders calls on one descriptor, and only the fallback flags are ours. A pipe or a terminal has
// no offsets: it is one reader's at a time.
class SystemFile final : public File {
 public:
  SystemFile(std::string path, FileDescriptor fd, bool direct)
      : path_(std::move(path)), fd_(std::move(fd)), direct_(direct) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0) {
        if (errno == EINTR || dropped_direct(errno)) continue;
        if (errno == ESPIPE && done == 0) return read_in_order(offset, out);
        return os_fail("read of", path_, errno);
      }
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
      if (direct() && !is_disk_aligned(static_cast<std::uint64_t>(n)))
        break;  // the end: no direct read can go on from here
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    return write_at(offset, std::span<const ByteView>(&bytes, 1));
  }
  Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override {
    return write_pieces(offset, pieces, 0);
  }

  Result<void> sync_data() override {
    while (::fdatasync(fd_.get()) != 0) {
      if (errno != EINTR) return os_fail("fdatasync of", path_, errno);
    }
    return {};
  }

  Result<void> write_durable(std::uint64_t offset, ByteView bytes) override {
    const std::span<const ByteView> pieces(&bytes, 1);
    if (has_dsync_.load(std::memory_order_relaxed)) {
      auto written = write_pieces(offset, pieces, RWF_DSYNC);
      if (written || (written.error().os_error != EOPNOTSUPP && written.error().os_error != ENOSYS)) return written;
      has_dsync_.store(false, std::memory_order_relaxed);
    }
    auto written = write_pieces(offset, pieces, 0);
    if (!written) return written;
    return sync_data();
  }

  // What is not direct would wait for the page cache, in a thread of the kernel's making.
  int ring_descriptor() const override {
    return direct() && has_dsync_.load(std::memory_order_relaxed) ? fd_.get() : -1;
  }

  Result<void> judge(int written, std::size_t wanted) const override {
    if (written >= 0 && static_cast<std::size_t>(written) == wanted) return {};
    if (written == -EIO || written == -ENOSPC || written == -EDQUOT) return os_fail("write to", path_, -written);
    // Short, or refused for the way in which it was asked: the blocking call does it, or says what is wrong.
    return File::judge(written, wanted);
  }

  Result<void> truncate(std::uint64_t size) override {
    while (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return os_fail("truncation of", path_, errno);
    }
    return {};
  }

  Result<void> allocate(std::uint64_t offset, std::uint64_t length) override {
    if (length == 0) return {};
    while (::fallocate(fd_.get(), 0, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
      if (errno == EINTR) continue;
      if (errno == EOPNOTSUPP || errno == ENOSYS) return grow_to(offset + length);
      return os_fail("allocation for", path_, errno);
    }
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return os_fail("status of", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  bool direct() const override { return direct_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t pieces_max = 64;  // of one call; the kernel takes 1024

  // What has no offsets: each read goes on where the one before it has ended, and gives what is there.
  Result<std::size_t> read_in_order(std::uint64_t offset, std::span<std::uint8_t> out) {
    if (offset != read_so_far_.load(std::memory_order_relaxed)) return os_fail("read of", path_, ESPIPE);
    for (;;) {
      const ssize_t n = ::read(fd_.get(), out.data(), out.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_fail("read of", path_, errno);
      read_so_far_.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
      return static_cast<std::size_t>(n);
    }
  }

  // As many calls as it takes; `flags` are pwritev2's.
  Result<void> write_pieces(std::uint64_t offset, std::span<const ByteView> pieces, int flags) {
    if (direct()) {
      HOLDFAST_CHECK(is_disk_aligned(offset));
      for (const ByteView& piece : pieces)
        HOLDFAST_CHECK(is_disk_aligned(piece.size()) && is_disk_aligned(piece.data()));
    }
    std::size_t skip = 0;  // bytes of pieces.front() already written
    while (!pieces.empty()) {
      std::array<iovec, pieces_max> vectors;
      std::size_t count = 0;
      for (; count < std::min(pieces.size(), pieces_max); ++count) {
        const std::size_t from = count == 0 ? skip : 0;
        vectors[count] = {const_cast<std::uint8_t*>(pieces[count].data()) + from, pieces[count].size() - from};
      }
      const ssize_t n =
          ::pwritev2(fd_.get(), vectors.data(), static_cast<int>(count), static_cast<off_t>(offset), flags);
      if (n < 0) {
        if (errno == EINTR || dropped_direct(errno)) continue;
        return os_fail("write to", path_, errno);
      }
      auto written = static_cast<std::size_t>(n);
      if (written == 0 && has_bytes(pieces.first(count), skip)) return os_fail("write of nothing to", path_, EIO);
      offset += written;
      while (!pieces.empty() && written >= pieces.front().size() - skip) {
        written -= pieces.front().size() - skip;
        skip = 0;
        pieces = pieces.subspan(1);
      }
      skip += written;
      // A short write is how a full disk begins: the next call says so. A direct write must not go on unaligned.
      if (direct() && !is_disk_aligned(offset)) return os_fail("short direct write to", path_, EIO);
    }
    return {};
  }

  // Some file systems open with O_DIRECT and refuse the transfer. True when it is worth trying again, buffered.
  bool dropped_direct(int error) {
    if (error != EINVAL || !direct_.exchange(false)) return false;
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    return flags >= 0 && ::fcntl(fd_.get(), F_SETFL, flags & ~O_DIRECT) == 0;
  }

  Result<void> grow_to(std::uint64_t wanted) {
    auto now = size();
    if (!now) return fail(now);
    return *now >= wanted ? Result<void>{} : truncate(wanted);
  }

  const std::string path_;
  const FileDescriptor fd_;
  std::atomic<bool> direct_;
  std::atomic<bool> has_dsync_{true};
  std::atomic<std::uint64_t> read_so_far_{0};  // of what has no offsets
};

class SystemDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) override {
    int flags = options.write ? O_RDWR : O_RDONLY;
    if (options.create) flags |= O_CREAT;
    if (options.exclusive) flags |= O_EXCL;
    if (options.truncate) flags |= O_TRUNC;
    if (options.direct) {
      FileDescriptor fd = open_descriptor(path, flags | O_DIRECT);
      if (fd) return std::make_unique<SystemFile>(path, std::move(fd), true);
      if (errno != EINVAL) return os_fail("open of", path, errno);
      // A file system that refuses O_DIRECT may have made the file before it refused.
      if (options.create) flags &= ~O_EXCL;
    }
    FileDescriptor fd = open_descriptor(path, flags);
    if (!fd) return os_fail("open of", path, errno);
    return std::make_unique<SystemFile>(path, std::move(fd), false);
  }

  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override {
    std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
    if (!open) return os_fail("listing of", directory, errno);
    std::vector<DirectoryEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* const found = ::readdir(open.get());
      if (found == nullptr) break;
      const std::string name = found->d_name;
      if (name == "." || name == "..") continue;
      struct stat status{};
      if (::fstatat(::dirfd(open.get()), found->d_name, &status, 0) != 0) {
        if (errno == ENOENT) continue;  // removed meanwhile, or a dangling link
        return os_fail("status of", fmt::format("{}/{}", directory, name), errno);
      }
      const bool is_directory = S_ISDIR(status.st_mode);
      entries.push_back({name, is_directory, is_directory ? 0 : static_cast<std::uint64_t>(status.st_size)});
    }
    if (errno != 0) return os_fail("listing of", directory, errno);
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  Result<void> create_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return os_fail("creation of directory", path, error.value());
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_fail("rename of", from + " to " + to, errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return os_fail("removal of", path, errno);
    return {};
  }

  Result<void> remove_all(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return os_fail("removal of", path, error.value());
    return {};
  }

  Result<void> sync_directory(const std::string& path) override {
    const FileDescriptor fd = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    if (!fd) return os_fail("open of directory", path, errno);
    while (::fsync(fd.get()) != 0) {
      if (errno != EINTR) return os_fail("fsync of directory", path, errno);
    }
    return {};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return os_fail("status of", path, errno);
  }

  Result<DiskSpace> space(const std::string& path) override {
    struct statvfs status{};
    if (::statvfs(path.c_str(), &status) != 0) return os_fail("free space of", path, errno);
    return DiskSpace{status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize};
  }

  Result<std::shared_ptr<void>> lock(const std::string& path) override {
    auto fd = std::make_shared<FileDescriptor>(open_descriptor(path, O_RDWR | O_CREAT));
    if (!*fd) return os_fail("open of", path, errno);
    while (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) {
        return fail(ErrorKind::already_exists, fmt::format("{} is locked by another process", path), EWOULDBLOCK);
      }
      return os_fail("lock of", path, errno);
    }
    return std::shared_ptr<void>(std::move(fd));
  }
};

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::unexpected<Error> too_long(const std::string& path, std::uint64_t size_max) {
  return fail(ErrorKind::exhausted, fmt::format("{} has more than {} bytes", path, size_max));
}

// Of a pipe, or of what the kernel makes up as it is read, no size is known before its end.
Result<std::vector<std::uint8_t>> read_to_end(File& file, const std::string& path, std::uint64_t size_max) {
  constexpr std::size_t step = 64 << 10;
  std::vector<std::uint8_t> content;
  for (std::size_t size = 0;;) {
    content.resize(size + step);
    auto read = file.read_at(size, std::span(content).subspan(size));
    if (!read) return fail(read);
    size += *read;
    if (size > size_max) return too_long(path, size_max);
    content.resize(size);
    if (*read == 0) return content;
  }
}

}  // namespace

Result<void> File::judge(int written, std::size_t) const {
  return fail(ErrorKind::unsupported, "a write that the ring did not do", written < 0 ? -written : 0);
}

Result<std::vector<std::uint8_t>> Disk::read_file(const std::string& path, std::uint64_t size_max) {
  auto file = open(path, {});
  if (!file) return fail(file);
  auto size = (*file)->size();
  if (!size) return fail(size);
  if (*size > size_max) return too_long(path, size_max);
  if (*size == 0) return read_to_end(**file, path, size_max);
  std::vector<std::uint8_t> content(*size);
  auto read = (*file)->read_at(0, content);
  if (!read) return fail(read);
  content.resize(*read);
  return content;
}

Result<void> Disk::put_in_place(const std::string& path, ByteView content) {
  const std::string temporary = path + ".tmp";
  {
    auto file = open(temporary, {.write = true, .create = true, .truncate = true});
    if (!file) return fail(file);
    auto written = (*file)->write_at(0, content);
    if (written) written = (*file)->sync_data();
    if (!written) {
      file->reset();
      (void)remove(temporary);
      return written;
    }
  }
  return rename(temporary, path);
}

Result<void> Disk::write_atomically(const std::string& path, ByteView content) {
  auto put = put_in_place(path, content);
  if (!put) return put;
  return sync_directory(parent_of(path));
}

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace holdfast
