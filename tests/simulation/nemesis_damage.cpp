// Nemesis: disks that change what was written to them. A server whose disk did so counts like one whose disk was
// emptied, until it is: by the operator, who reads why it does not start and does what that says, or who hears of the
// disk's errors some time later. So what the damage is, and whether anybody has noticed, makes no difference to how
// much the ensemble may lose.
#include <algorithm>

#include "log/journal_file.h"
#include "runtime/log_line.h"
#include "tests/simulation/nemesis.h"
#include "wire/reader.h"

namespace holdfast::sim {
namespace {

constexpr Duration heard_of_least = std::chrono::seconds(1), heard_of_most = std::chrono::seconds(40);
constexpr std::uint64_t flips_most = 3;

// Up to where a journal's damage can be told from a torn end: the last frame may not have been durable, and the one
// before it says of those before itself that they were.
std::uint64_t provable_end(ByteView journal) {
  namespace format = journal_format;
  std::vector<std::uint64_t> frames;
  wire::Reader header(journal);
  header.raw(8);
  const std::uint64_t generation = header.u64();
  for (std::uint64_t at = format::file_header_bytes; at + format::frame_header_bytes <= journal.size();) {
    wire::Reader in(journal.subspan(at));
    const bool begins = in.u32() == format::frame_magic;
    in.u32();
    const std::uint32_t length = in.u32();
    if (!begins || in.u64() != generation || in.u64() != frames.size()) break;
    frames.push_back(at);
    at += format::padded(format::frame_lead_bytes + length);
  }
  return frames.size() < 3 ? 0 : frames[frames.size() - 2];
}

// Files of a kind are as likely to be hit as those of another, however many and large they are.
std::string kind_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.starts_with("journal.")) return "journal";
  if (name.starts_with("snapshot.")) return "snapshot";
  if (name.ends_with(".log")) return "segment";
  if (name == "quorum-state") return "state";
  return "other";
}

// What a line says is to be removed; nothing if it says to empty the directory, or nothing so plain.
std::string to_be_removed(const std::string& refusal) {
  constexpr std::string_view word = "remove ";
  const std::size_t at = refusal.find(word);
  if (at == refusal.npos || refusal.contains("empty ")) return "";
  const std::string_view rest = std::string_view(refusal).substr(at + word.size());
  std::string path(rest.substr(0, rest.find_first_of(" ,:;")));
  return path.starts_with(node_directory) ? path : "";
}

}  // namespace

bool Nemesis::flip_bits(SimulatedNode& node) {
  if (damaged_.contains(&node) || !may_lose_disk(node)) return false;
  std::map<std::string, std::vector<std::pair<std::string, std::uint64_t>>> by_kind;
  for (auto& [path, size] : node.disk().files()) {
    const std::string kind = kind_of(path);
    const std::uint64_t end = kind == "journal" && size > 0 ? provable_end(node.disk().content(path)) : size;
    if (end > 0) by_kind[kind].emplace_back(std::move(path), end);
  }
  if (by_kind.empty()) return false;
  const auto& files =
      std::next(by_kind.begin(), static_cast<std::ptrdiff_t>(world_.random().below(by_kind.size())))->second;
  const auto& [path, end] = files[world_.random().below(files.size())];
  for (std::uint64_t n = 1 + world_.random().below(flips_most); n > 0; --n)
    node.flip_bit(path, world_.random().below(end), static_cast<unsigned>(world_.random().below(8)));
  log_line(LogLevel::info, "nemesis", "bits flip on the disk of server {}: {}", node.id(), path);
  damaged_[&node] = world_.now() + world_.between(heard_of_least, heard_of_most);
  return true;
}

void Nemesis::look_after_damage(SimulatedNode& node) {
  const auto found = damaged_.find(&node);
  if (found == damaged_.end()) return;
  const bool refuses = !node.running() && !node.refusal().empty();
  if (!refuses && (stopped_ || found->second > world_.now())) return;
  if (refuses) log_line(LogLevel::info, "nemesis", "server {} does not start: {}", node.id(), node.refusal());
  const std::string remove = refuses ? to_be_removed(node.refusal()) : "";
  if (remove.empty()) return empty_disk(node);
  node.mend_disk();
  node.remedy(remove);
  damaged_.erase(found);
  blank_.insert(&node);
  come_back(node);
}

}  // namespace holdfast::sim
