// A disk that says yes to every sync and does nothing: the mutant that a crash test has to catch.
#pragma once

#include <memory>
#include <utility>

#include "runtime/disk.h"

namespace holdfast::test {

class LyingFile final : public File {
 public:
  explicit LyingFile(std::unique_ptr<File> real) : real_(std::move(real)) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
    return real_->read_at(offset, out);
  }
  Result<void> write_at(std::uint64_t offset, ByteView bytes) override { return real_->write_at(offset, bytes); }
  Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override {
    return real_->write_at(offset, pieces);
  }
  Result<void> sync_data() override { return {}; }
  Result<void> write_durable(std::uint64_t offset, ByteView bytes) override { return real_->write_at(offset, bytes); }
  Result<void> truncate(std::uint64_t size) override { return real_->truncate(size); }
  Result<void> allocate(std::uint64_t offset, std::uint64_t length) override { return real_->allocate(offset, length); }
  Result<std::uint64_t> size() const override { return real_->size(); }
  bool direct() const override { return real_->direct(); }

 private:
  std::unique_ptr<File> real_;
};

class LyingDisk final : public Disk {
 public:
  explicit LyingDisk(Disk& real) : real_(real) {}
  Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) override {
    auto file = real_.open(path, options);
    if (!file) return fail(file);
    return std::make_unique<LyingFile>(std::move(*file));
  }
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override { return real_.list(directory); }
  Result<void> create_directories(const std::string& path) override { return real_.create_directories(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return real_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return real_.remove(path); }
  Result<void> remove_all(const std::string& path) override { return real_.remove_all(path); }
  Result<void> sync_directory(const std::string& path) override { return real_.sync_directory(path); }
  Result<bool> exists(const std::string& path) override { return real_.exists(path); }
  Result<DiskSpace> space(const std::string& path) override { return real_.space(path); }
  Result<std::shared_ptr<void>> lock(const std::string& path) override { return real_.lock(path); }

 private:
  Disk& real_;
};

}  // namespace holdfast::test
