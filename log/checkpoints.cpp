#include "log/checkpoints.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace holdfast {
namespace {

constexpr std::uint64_t checkpoint_bytes_max = 64 << 20;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

template <class T>
bool parse(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

Result<std::optional<std::string>> read_text(Disk& disk, const std::string& path) {
  auto bytes = disk.read_file(path, checkpoint_bytes_max);
  if (bytes) return std::string(as_text(*bytes));
  if (bytes.error().kind == ErrorKind::not_found) return std::nullopt;
  return fail(bytes);
}

std::map<std::string, std::string> properties_of(std::string_view text, char separator) {
  std::map<std::string, std::string> out;
  for (std::string_view line : lines_of(text)) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t at = line.find(separator);
    if (at == line.npos) continue;
    std::string_view value = line.substr(at + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    out.emplace(line.substr(0, at), value);
  }
  return out;
}

}  // namespace

Result<OffsetCheckpoint> read_offset_checkpoint(Disk& disk, const std::string& path) {
  auto text = read_text(disk, path);
  if (!text) return fail(text);
  OffsetCheckpoint out;
  if (!*text) return out;
  const auto lines = lines_of(**text);
  const auto malformed = [&] {
    return fail(ErrorKind::corrupt, path + " is malformed: remove it to fall back to a full recovery");
  };
  std::size_t count = 0;
  if (!(*text)->ends_with('\n') || lines.size() < 2 || lines[0] != "0" || !parse(lines[1], count) ||
      lines.size() != count + 2)
    return malformed();
  for (std::size_t i = 2; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const std::size_t last = line.rfind(' ');
    const std::size_t middle = last == line.npos || last == 0 ? line.npos : line.rfind(' ', last - 1);
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    if (middle == line.npos || middle == 0 || !parse(line.substr(middle + 1, last - middle - 1), partition) ||
        !parse(line.substr(last + 1), offset) || partition < 0 || offset < 0)
      return malformed();
    const std::string_view topic = line.substr(0, middle);
    if (topic.find(' ') != topic.npos) return malformed();
    out[{std::string(topic), partition}] = Offset(offset);
  }
  return out;
}

Result<void> write_offset_checkpoint(Disk& disk, const std::string& path, const OffsetCheckpoint& checkpoint) {
  std::string text = fmt::format("0\n{}\n", checkpoint.size());
  for (const auto& [partition, offset] : checkpoint)
    text += fmt::format("{} {} {}\n", partition.first, partition.second, offset.value);
  return disk.write_atomically(path, as_bytes(text));
}

Offset identity_of(const Uuid& topic_id) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < sizeof(out); ++i) out = out << 8 | topic_id[i];
  return Offset(static_cast<std::int64_t>(out >> 1));
}

Result<std::optional<MetaProperties>> read_meta_properties(Disk& disk, const std::string& path) {
  auto text = read_text(disk, path);
  if (!text) return fail(text);
  if (!*text) return std::nullopt;
  auto values = properties_of(**text, '=');
  MetaProperties out;
  out.cluster_id = values["cluster.id"];
  out.directory_id = values["directory.id"];
  // Version 1 has node.id, version 0 broker.id.
  const std::string& id = values.contains("node.id") ? values["node.id"] : values["broker.id"];
  if (!parse(id, out.node_id) || out.node_id < 0 || out.cluster_id.empty())
    return fail(ErrorKind::corrupt,
                path + " names no cluster.id and node.id: restore it from a copy, or empty the directory");
  return out;
}

Result<void> write_meta_properties(Disk& disk, const std::string& path, const MetaProperties& meta) {
  const std::string text = fmt::format("#\nversion=1\ncluster.id={}\nnode.id={}\ndirectory.id={}\n", meta.cluster_id,
                                       meta.node_id, meta.directory_id);
  return disk.write_atomically(path, as_bytes(text));
}

Result<std::optional<MoveState>> read_move_state(Disk& disk, const std::string& path) {
  auto text = read_text(disk, path);
  if (!text) return fail(text);
  if (!*text) return std::nullopt;
  auto values = properties_of(**text, ':');
  MoveState out;
  out.complete = values["state"] == "complete";
  if (values["version"] != "0" || !parse(values["moves"], out.moves) || (!out.complete && values["state"] != "copied"))
    return fail(ErrorKind::corrupt, path + " does not say whether the log was moved");
  return out;
}

Result<void> write_move_state(Disk& disk, const std::string& path, const MoveState& state) {
  const std::string text =
      fmt::format("version: 0\nmoves: {}\nstate: {}\n", state.moves, state.complete ? "complete" : "copied");
  return disk.write_atomically(path, as_bytes(text));
}

Result<std::optional<Uuid>> read_partition_metadata(Disk& disk, const std::string& path) {
  auto text = read_text(disk, path);
  if (!text) return fail(text);
  if (!*text) return std::nullopt;
  auto values = properties_of(**text, ':');
  Uuid id{};
  if (values["version"] != "0" || !from_base64(values["topic_id"], id) || id == Uuid{})
    return fail(
        ErrorKind::corrupt,
        path + " names no topic id: restore it from a copy, or remove its directory to give up what that holds");
  return id;
}

Result<void> write_partition_metadata(Disk& disk, const std::string& path, const Uuid& topic_id) {
  const std::string text = fmt::format("version: 0\ntopic_id: {}\n", to_base64(topic_id));
  return disk.put_in_place(path, as_bytes(text));
}

}  // namespace holdfast
