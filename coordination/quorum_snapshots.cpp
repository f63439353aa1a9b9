#include "coordination/quorum_snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "coordination/quorum_messages.h"
#include "wire/crc32c.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {
namespace {

constexpr std::string_view header_magic = "HFQS";
constexpr std::uint8_t header_version = 1;
constexpr std::string_view prefix = "snapshot.", installed_suffix = ".installed", temporary_suffix = ".tmp";
constexpr std::size_t read_bytes = 256 << 10, synced_at_once = 1 << 20;
constexpr std::size_t fixed_bytes = 4 + 1 + 4, checksum_bytes = 4;

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(ErrorKind::corrupt, fmt::format("its header {}", what));
}

std::optional<QuorumSnapshots::Name> parse(const DirectoryEntry& entry) {
  QuorumSnapshots::Name out{.file = entry.name, .zxid = {}, .end = {}, .installed = false, .bytes = entry.size};
  std::string_view text = entry.name;
  if (entry.directory || !text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  if (text.ends_with(installed_suffix)) {
    text.remove_suffix(installed_suffix.size());
    out.installed = true;
  }
  const char* end = text.data() + text.size();
  const auto zxid = std::from_chars(text.data(), end, out.zxid.value, 16);
  if (zxid.ec != std::errc() || zxid.ptr == end || *zxid.ptr != '.') return std::nullopt;
  const auto offset = std::from_chars(zxid.ptr + 1, end, out.end.value);
  if (offset.ec != std::errc() || offset.ptr != end || out.end < Offset(0)) return std::nullopt;
  return out;
}

}  // namespace

Bytes QuorumSnapshotHeader::encode() const {
  wire::Writer fields(256);
  fields.i64(end.value);
  fields.i32(last_term.value);
  fields.i64(zxid.value);
  fields.raw(ensemble);
  if (!membership.voters.empty()) fields.raw(holdfast::encode(membership).view());
  wire::Writer out(512);
  out.raw(header_magic);
  out.u8(header_version);
  out.u32(static_cast<std::uint32_t>(fields.size()));
  out.raw(fields.written());
  out.u32(wire::crc32c(out.written()));
  return Bytes::copy(out.written());
}

Result<QuorumSnapshotHeader::Read> QuorumSnapshotHeader::decode(ByteView bytes) {
  wire::Reader in(bytes);
  if (as_text(in.raw(header_magic.size())) != header_magic) return corrupt("is none of this server's");
  if (in.u8() != header_version) return corrupt("is of another version");
  const std::uint32_t length = in.u32();
  if (!in.ok() || length > bytes_max) return corrupt("has a wrong length");
  wire::Reader fields(in.raw(length));
  const std::uint32_t checksum = in.u32();
  if (!in.ok()) return corrupt("ends too early");
  const std::size_t covered = fixed_bytes + length;
  if (wire::crc32c(bytes.first(covered)) != checksum) return corrupt("does not match its checksum");
  Read out;
  out.bytes = covered + checksum_bytes;
  out.header.end = Offset(fields.i64());
  out.header.last_term = Term(fields.i32());
  out.header.zxid = Zxid(fields.i64());
  const ByteView ensemble = fields.raw(sizeof(Uuid));
  if (!fields.ok() || out.header.end < Offset(0) || out.header.last_term < Term(0)) return corrupt("makes no sense");
  std::ranges::copy(ensemble, out.header.ensemble.begin());
  if (fields.remaining() == 0) return out;
  auto membership = decode_membership(fields.raw(fields.remaining()));
  if (!membership) return fail(membership);
  out.header.membership = std::move(*membership);
  return out;
}

Result<void> QuorumSnapshots::prepare() {
  auto made = disk_.create_directories(directory_);
  if (!made) return fail(made);
  auto entries = disk_.list(directory_);
  if (!entries) return fail(entries);
  for (const DirectoryEntry& entry : *entries)
    if (entry.name.starts_with(prefix) && entry.name.ends_with(temporary_suffix))
      if (auto removed = disk_.remove(directory_ + "/" + entry.name); !removed) return fail(removed);
  return {};
}

Result<std::vector<QuorumSnapshots::Name>> QuorumSnapshots::list() const {
  auto entries = disk_.list(directory_);
  if (!entries) return fail(entries);
  std::vector<Name> out;
  for (const DirectoryEntry& entry : *entries)
    if (auto name = parse(entry)) out.push_back(std::move(*name));
  std::ranges::sort(out, {}, [](const Name& name) { return std::pair(name.end, name.zxid); });
  return out;
}

Result<void> QuorumSnapshots::remove(const Name& name) { return disk_.remove(directory_ + "/" + name.file); }

Result<QuorumSnapshotHeader> QuorumSnapshots::header(const Name& name) const {
  auto file = open(name);
  if (!file) return fail(file);
  std::vector<std::uint8_t> bytes(QuorumSnapshotHeader::bytes_max);
  auto got = (*file)->read_at(0, bytes);
  if (!got) return fail(got);
  auto read = QuorumSnapshotHeader::decode(ByteView(bytes).first(*got));
  if (!read) return fail(read);
  if (read->header.end != name.end || read->header.zxid != name.zxid) return corrupt("contradicts the file's name");
  return std::move(read->header);
}

Result<QuorumSnapshotHeader> QuorumSnapshots::read(const Name& name,
                                                   const std::function<Result<void>(ByteView)>& feed) const {
  auto file = open(name);
  if (!file) return fail(file);
  std::vector<std::uint8_t> piece(read_bytes);
  std::optional<QuorumSnapshotHeader> header;
  for (std::uint64_t at = 0;;) {
    auto got = (*file)->read_at(at, piece);
    if (!got) return fail(got);
    if (*got == 0) break;
    at += *got;
    ByteView bytes = ByteView(piece).first(*got);
    if (!header) {
      auto read = QuorumSnapshotHeader::decode(bytes);
      if (!read) return fail(read);
      if (read->header.end != name.end || read->header.zxid != name.zxid) return corrupt("contradicts the file's name");
      header = std::move(read->header);
      bytes = bytes.subspan(read->bytes);
    }
    auto fed = feed(bytes);
    if (!fed) return fail(fed);
  }
  if (!header) return corrupt("is missing");
  return std::move(*header);
}

Result<void> QuorumSnapshots::Writer::write(ByteView piece) {
  if (!file_) {
    auto file = disk_.open(directory_ + "/" + temporary_, {.write = true, .create = true, .truncate = true});
    if (!file) return fail(file);
    file_ = std::move(*file);
  }
  auto done = file_->write_at(written_, piece);
  if (!done) return done;
  written_ += piece.size();
  if (written_ - synced_ < synced_at_once) return {};
  synced_ = written_;
  return file_->sync_data();
}

Result<void> QuorumSnapshots::Writer::finish(const std::string& name) {
  auto done = file_->sync_data();
  if (done) done = disk_.rename(directory_ + "/" + temporary_, directory_ + "/" + name);
  if (done) done = disk_.sync_directory(directory_);
  return done;
}

Result<QuorumSnapshotHeader> QuorumSnapshots::check(File& file) {
  std::vector<std::uint8_t> bytes(QuorumSnapshotHeader::bytes_max);
  auto got = file.read_at(0, bytes);
  if (!got) return fail(got);
  auto read = QuorumSnapshotHeader::decode(ByteView(bytes).first(*got));
  if (!read) return fail(read);
  auto whole = check_chunks(file, read->bytes);
  if (!whole) return fail(whole);
  return std::move(read->header);
}

void QuorumSnapshots::Writer::abandon() {
  if (!std::exchange(file_, nullptr)) return;
  auto removed = disk_.remove(directory_ + "/" + temporary_);
  static_cast<void>(removed);  // what is left over goes at the next start
}

std::unique_ptr<QuorumSnapshots::Writer> QuorumSnapshots::writer(const std::string& purpose) const {
  return std::make_unique<Writer>(disk_, directory_, std::string(prefix) + purpose + std::string(temporary_suffix));
}

std::string QuorumSnapshots::name_of(const QuorumSnapshotHeader& header, bool installed) {
  return fmt::format("{}{:x}.{}{}", prefix, header.zxid.value, header.end.value, installed ? installed_suffix : "");
}

Result<void> QuorumSnapshots::check_chunks(File& file, std::uint64_t from) {
  std::vector<std::uint8_t> piece(read_bytes);
  std::array<std::uint8_t, 8> head;
  for (std::uint64_t at = from;;) {
    auto got = file.read_at(at, head);
    if (!got) return fail(got);
    if (*got == 0 && at > from) return {};
    wire::Reader in(ByteView(head).first(*got));
    std::uint64_t left = in.u32();
    const std::uint32_t checksum = in.u32();
    if (!in.ok()) return fail(ErrorKind::corrupt, "it ends within a chunk");
    at += head.size();
    std::uint32_t sum = 0;
    while (left > 0) {
      const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
      auto read = file.read_at(at, std::span(piece).first(wanted));
      if (!read) return fail(read);
      if (*read == 0) return fail(ErrorKind::corrupt, "it ends within a chunk");
      sum = wire::crc32c(ByteView(piece).first(*read), sum);
      at += *read;
      left -= *read;
    }
    if (sum != checksum) return fail(ErrorKind::corrupt, fmt::format("the chunk before byte {} is damaged", at));
  }
}

}  // namespace holdfast
