#include "runtime/simulated_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "runtime/simulated_content.h"

namespace holdfast {
namespace {

std::unexpected<Error> os_fail(const std::string& path, int error) {
  ErrorKind kind = ErrorKind::io;
  if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
  if (error == ENOENT) kind = ErrorKind::not_found;
  if (error == EEXIST) kind = ErrorKind::already_exists;
  return fail(kind, fmt::format("simulated disk, {}: {}", path, std::generic_category().message(error)), error);
}

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(path).lexically_normal()) {
    if (part != "/" && part != "." && !part.empty()) parts.push_back(part.string());
  }
  return parts;
}

}  // namespace

bool changes_disk(DiskCall call) { return call != DiskCall::open && call != DiskCall::read && call != DiskCall::other; }

// A file or a directory, as an inode is: names are in directories, an open file without a name lives on.
struct SimulatedDisk::Node {
  using Entries = std::map<std::string, std::shared_ptr<Node>>;
  bool directory = false;
  bool linked = true;        // false when the last name is gone: its bytes count no more
  SimulatedContent content;  // of a file
  Entries entries;           // of a directory, as the process sees it
  Entries durable_entries;   // and as it survives
};

// Removal of (from, old name), insertion at (to, new name), or both at once: a rename. A null directory is no part.
struct SimulatedDisk::NameChange {
  std::shared_ptr<Node> from, to;
  std::string old_name, new_name;
  std::shared_ptr<Node> node;

  void apply(Node::Entries Node::* names) const {
    if (from) (*from.*names).erase(old_name);
    if (to) (*to.*names)[new_name] = node;
  }
  bool touches(const Node* directory) const { return from.get() == directory || to.get() == directory; }
};

struct SimulatedDisk::Place {
  std::shared_ptr<Node> parent;  // null: there is no such directory
  std::string name;              // empty: the root
  std::shared_ptr<Node> node;    // null: there is no such name
};

class SimulatedDisk::Handle final : public File {
 public:
  Handle(SimulatedDisk& disk, std::string path, std::shared_ptr<Node> node, bool write, bool direct)
      : disk_(disk),
        path_(std::move(path)),
        node_(std::move(node)),
        generation_(disk.generation_),
        write_(write),
        direct_(direct) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
    std::lock_guard lock(disk_.mutex_);
    if (direct_) HOLDFAST_CHECK(is_disk_aligned(offset) && is_disk_aligned(out.size()) && is_disk_aligned(out.data()));
    auto begun = begin(DiskCall::read);
    if (!begun) return fail(begun);
    const std::uint64_t size = node_->content.size();
    const std::size_t n = offset >= size ? 0 : std::min<std::uint64_t>(out.size(), size - offset);
    if (n > 0) node_->content.read(offset, out.first(n));
    return n;
  }

  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    return write_at(offset, std::span<const ByteView>(&bytes, 1));
  }
  Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override {
    std::lock_guard lock(disk_.mutex_);
    auto begun = begin(DiskCall::write);
    if (!begun) return begun;
    if (!write_) return os_fail(path_, EBADF);
    std::uint64_t end = offset;
    for (const ByteView& piece : pieces) end += piece.size();
    auto room = disk_.take_space(*node_, end, path_);
    if (!room) return room;
    for (const ByteView& piece : pieces) {
      if (direct_)
        HOLDFAST_CHECK(is_disk_aligned(offset) && is_disk_aligned(piece.size()) && is_disk_aligned(piece.data()));
      node_->content.write(offset, piece);
      offset += piece.size();
    }
    return {};
  }

  Result<void> sync_data() override {
    std::lock_guard lock(disk_.mutex_);
    auto begun = begin_sync();
    if (begun) node_->content.sync();
    return begun;
  }

  Result<void> write_durable(std::uint64_t offset, ByteView bytes) override {
    std::lock_guard lock(disk_.mutex_);
    auto written = write_at(offset, bytes);
    if (!written) return written;
    auto begun = begin_sync();
    if (begun) node_->content.sync_last_write();
    return begun;
  }

  Result<void> truncate(std::uint64_t size) override {
    std::lock_guard lock(disk_.mutex_);
    auto begun = begin(DiskCall::truncate);
    if (!begun) return begun;
    if (!write_) return os_fail(path_, EBADF);
    auto room = disk_.take_space(*node_, size, path_);
    if (!room) return room;
    if (node_->linked && size < size_now()) disk_.used_bytes_ -= size_now() - size;
    node_->content.resize(size);
    return {};
  }

  Result<void> allocate(std::uint64_t offset, std::uint64_t length) override {
    std::lock_guard lock(disk_.mutex_);
    auto begun = begin(DiskCall::allocate);
    if (!begun) return begun;
    if (!write_) return os_fail(path_, EBADF);
    auto room = disk_.take_space(*node_, offset + length, path_);
    if (!room) return room;
    if (offset + length > size_now()) node_->content.resize(offset + length);
    return {};
  }

  Result<std::uint64_t> size() const override {
    std::lock_guard lock(disk_.mutex_);
    if (!alive()) return os_fail(path_, EIO);
    return size_now();
  }
  bool direct() const override { return direct_; }

 private:
  bool alive() const { return disk_.powered_ && generation_ == disk_.generation_; }
  std::uint64_t size_now() const { return node_->content.size(); }

  Result<void> begin(DiskCall call) {
    if (!alive()) return os_fail(path_, EIO);
    auto begun = disk_.begin(call, path_);
    if (begun && !alive()) return os_fail(path_, EIO);  // the hook took the power away
    return begun;
  }

  Result<void> begin_sync() {
    auto begun = begin(DiskCall::sync);
    if (!begun && alive()) node_->content.forget_unsynced();
    return begun;
  }

  SimulatedDisk& disk_;
  const std::string path_;
  const std::shared_ptr<Node> node_;
  const std::uint64_t generation_;
  const bool write_;
  const bool direct_;
};

SimulatedDisk::SimulatedDisk() : SimulatedDisk(Options{}) {}
SimulatedDisk::SimulatedDisk(Options options) : options_(options), root_(std::make_shared<Node>()) {
  root_->directory = true;
}
SimulatedDisk::~SimulatedDisk() = default;

Result<void> SimulatedDisk::begin(DiskCall call, const std::string& path) {
  if (!powered_) return os_fail(path, EIO);
  const std::uint64_t generation = generation_;
  ++calls_[static_cast<std::size_t>(call)];
  if (changes_disk(call) && cut_in_ > 0 && --cut_in_ == 0) powered_ = false;
  if (powered_ && hook_) hook_(call, path);
  if (!powered_ || generation != generation_) return os_fail(path, EIO);
  Fault& fault = faults_[static_cast<std::size_t>(call)];
  if (fault.in > 0 && --fault.in == 0) return os_fail(path, fault.os_error);
  if (fault.every_os_error != 0) return os_fail(path, fault.every_os_error);
  return {};
}

SimulatedDisk::Place SimulatedDisk::find(const std::string& path) const {
  std::vector<std::string> parts = parts_of(path);
  if (parts.empty()) return {root_, "", root_};
  const std::string name = std::move(parts.back());
  parts.pop_back();
  std::shared_ptr<Node> parent = root_;
  for (const std::string& part : parts) {
    const auto found = parent->entries.find(part);
    if (found == parent->entries.end() || !found->second->directory) return {nullptr, name, nullptr};
    parent = found->second;
  }
  const auto found = parent->entries.find(name);
  return {parent, name, found == parent->entries.end() ? nullptr : found->second};
}

void SimulatedDisk::change_name(NameChange change) {
  change.apply(&Node::entries);
  unsynced_names_.push_back(std::move(change));
}

Result<std::unique_ptr<File>> SimulatedDisk::open(const std::string& path, OpenOptions options) {
  std::lock_guard lock(mutex_);
  const bool exists = find(path).node != nullptr;
  auto begun = begin(exists || !options.create ? DiskCall::open : DiskCall::create, path);
  if (!begun) return fail(begun);
  Place place = find(path);
  if (!place.parent) return os_fail(path, ENOENT);
  if (!place.node) {
    if (!options.create) return os_fail(path, ENOENT);
    place.node = std::make_shared<Node>();
    change_name({nullptr, place.parent, "", place.name, place.node});
  } else if (options.create && options.exclusive) {
    return os_fail(path, EEXIST);
  } else if (place.node->directory) {
    return os_fail(path, EISDIR);
  }
  auto file = std::make_unique<Handle>(*this, path, place.node, options.write, options.direct && options_.direct);
  if (options.truncate && place.node->content.size() > 0) {
    auto truncated = file->truncate(0);
    if (!truncated) return fail(truncated);
  }
  return file;
}

Result<std::vector<DirectoryEntry>> SimulatedDisk::list(const std::string& directory) {
  std::lock_guard lock(mutex_);
  auto begun = begin(DiskCall::other, directory);
  if (!begun) return fail(begun);
  const Place place = find(directory);
  if (!place.node) return os_fail(directory, ENOENT);
  if (!place.node->directory) return os_fail(directory, ENOTDIR);
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, node] : place.node->entries) {
    entries.push_back({name, node->directory, node->directory ? 0 : node->content.size()});
  }
  return entries;
}

Result<void> SimulatedDisk::create_directories(const std::string& path) {
  std::lock_guard lock(mutex_);
  std::string at = path.starts_with('/') ? "/" : "";
  for (const std::string& part : parts_of(path)) {
    at += part;
    if (!find(at).node) {
      auto begun = begin(DiskCall::create, at);
      if (!begun) return begun;
      const Place place = find(at);
      auto made = std::make_shared<Node>();
      made->directory = true;
      change_name({nullptr, place.parent, "", place.name, std::move(made)});
    } else if (!find(at).node->directory) {
      return os_fail(at, ENOTDIR);
    }
    at += '/';
  }
  return powered_ ? Result<void>{} : os_fail(path, EIO);
}

Result<void> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  auto begun = begin(DiskCall::rename, from);
  if (!begun) return begun;
  const Place source = find(from);
  const Place target = find(to);
  if (!source.node || !target.parent) return os_fail(from, ENOENT);
  if (source.node == target.node) return {};
  if (target.node) {
    if (target.node->directory != source.node->directory) {
      return os_fail(to, target.node->directory ? EISDIR : ENOTDIR);
    }
    if (!target.node->entries.empty()) return os_fail(to, ENOTEMPTY);
    unlink(*target.node);
  }
  change_name({source.parent, target.parent, source.name, target.name, source.node});
  return {};
}

Result<void> SimulatedDisk::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto begun = begin(DiskCall::remove, path);
  if (!begun) return begun;
  const Place place = find(path);
  if (!place.node) return os_fail(path, ENOENT);
  if (place.name.empty() || !place.node->entries.empty()) return os_fail(path, ENOTEMPTY);
  unlink(*place.node);
  change_name({place.parent, nullptr, place.name, "", place.node});
  return {};
}

Result<void> SimulatedDisk::remove_all(const std::string& path) {
  std::lock_guard lock(mutex_);
  const Place place = find(path);
  if (!place.node) return powered_ ? Result<void>{} : os_fail(path, EIO);
  std::vector<std::string> names;
  for (const auto& [name, node] : place.node->entries) names.push_back(name);
  for (const std::string& name : names) {
    auto removed = remove_all(fmt::format("{}/{}", path, name));
    if (!removed) return removed;
  }
  return remove(path);
}

Result<void> SimulatedDisk::sync_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto begun = begin(DiskCall::sync_directory, path);
  const Place place = find(path);
  if (!begun) {
    // As with data: what was to be written is forgotten, though it is still to be seen.
    if (powered_ && place.node) {
      std::erase_if(unsynced_names_, [&](const NameChange& change) { return change.touches(place.node.get()); });
    }
    return begun;
  }
  if (!place.node) return os_fail(path, ENOENT);
  if (!place.node->directory) return os_fail(path, ENOTDIR);
  // The changes in this directory, and the earlier ones of the same names: a file renamed into it was created
  // elsewhere.
  std::vector<std::pair<const Node*, std::string>> names;
  std::vector<bool> chosen(unsynced_names_.size());
  for (std::size_t i = unsynced_names_.size(); i-- > 0;) {
    const NameChange& change = unsynced_names_[i];
    const std::pair<const Node*, std::string> source{change.from.get(), change.old_name};
    const std::pair<const Node*, std::string> target{change.to.get(), change.new_name};
    chosen[i] =
        change.touches(place.node.get()) || std::ranges::count(names, source) || std::ranges::count(names, target);
    if (!chosen[i]) continue;
    if (change.from) names.push_back(source);
    if (change.to) names.push_back(target);
  }
  std::vector<NameChange> left;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) {
      unsynced_names_[i].apply(&Node::durable_entries);
    } else {
      left.push_back(std::move(unsynced_names_[i]));
    }
  }
  unsynced_names_ = std::move(left);
  return {};
}

Result<bool> SimulatedDisk::exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto begun = begin(DiskCall::other, path);
  if (!begun) return fail(begun);
  return find(path).node != nullptr;
}

Result<DiskSpace> SimulatedDisk::space(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto begun = begin(DiskCall::other, path);
  if (!begun) return fail(begun);
  const std::uint64_t total = options_.capacity_bytes;
  return DiskSpace{total, used_bytes_ > total ? 0 : total - used_bytes_};
}

Result<std::shared_ptr<void>> SimulatedDisk::lock(const std::string& path) {
  std::lock_guard guard(mutex_);
  auto file = open(path, {.write = true, .create = true});
  if (!file) return fail(file);
  std::erase_if(locks_, [](const auto& held) { return held.second.expired(); });
  for (const auto& [locked, holder] : locks_) {
    if (parts_of(locked) == parts_of(path)) {
      return fail(ErrorKind::already_exists, fmt::format("{} is locked by another process", path), EWOULDBLOCK);
    }
  }
  std::shared_ptr<void> held = std::make_shared<int>();
  locks_.emplace_back(path, held);
  return held;
}

void SimulatedDisk::unlink(Node& node) {
  node.linked = false;
  used_bytes_ -= node.content.size();
}

Result<void> SimulatedDisk::take_space(const Node& node, std::uint64_t wanted, const std::string& path) {
  const std::uint64_t now = node.content.size();
  if (wanted <= now || !node.linked) return {};
  if (used_bytes_ + (wanted - now) > options_.capacity_bytes) return os_fail(path, ENOSPC);
  used_bytes_ += wanted - now;
  return {};
}

void SimulatedDisk::power_loss(Random& random) {
  std::lock_guard lock(mutex_);
  const std::uint64_t kept = random.below(unsynced_names_.size() + 1);
  for (std::uint64_t i = 0; i < kept; ++i) unsynced_names_[i].apply(&Node::durable_entries);
  settle(*root_, &random);
  process_death();
}

void SimulatedDisk::power_loss_of_all_unsynced() {
  std::lock_guard lock(mutex_);
  settle(*root_, nullptr);
  process_death();
}

// What the power loss left becomes what the next process sees.
void SimulatedDisk::settle(Node& directory, Random* random) {
  unsynced_names_.clear();
  directory.entries = directory.durable_entries;
  for (auto& [name, node] : directory.entries) {
    node->linked = true;
    if (node->directory) {
      settle(*node, random);
    } else if (random != nullptr) {
      node->content.lose_some(*random, options_.sector_bytes);
    } else {
      node->content.lose_unsynced();
    }
  }
}

void SimulatedDisk::process_death() {
  std::lock_guard lock(mutex_);
  ++generation_;
  locks_.clear();
  powered_ = true;
  cut_in_ = 0;
  used_bytes_ = bytes_under(*root_);
}

std::uint64_t SimulatedDisk::bytes_under(const Node& directory) {
  std::uint64_t bytes = 0;
  for (const auto& [name, node] : directory.entries) {
    bytes += node->directory ? bytes_under(*node) : node->content.size();
  }
  return bytes;
}

void SimulatedDisk::cut_power() {
  std::lock_guard lock(mutex_);
  powered_ = false;
}

void SimulatedDisk::cut_power_at(std::uint64_t n) {
  std::lock_guard lock(mutex_);
  cut_in_ = n + 1;
}

bool SimulatedDisk::powered() const {
  std::lock_guard lock(mutex_);
  return powered_;
}

void SimulatedDisk::sync_all() {
  std::lock_guard lock(mutex_);
  for (const NameChange& change : unsynced_names_) change.apply(&Node::durable_entries);
  unsynced_names_.clear();
  const auto sync = [](const auto& self, Node& directory) -> void {
    for (auto& [name, node] : directory.entries) {
      if (node->directory) {
        self(self, *node);
      } else {
        node->content.sync();
      }
    }
  };
  sync(sync, *root_);
}

void SimulatedDisk::fail_call(DiskCall call, std::uint64_t n, int os_error) {
  std::lock_guard lock(mutex_);
  Fault& fault = faults_[static_cast<std::size_t>(call)];
  fault.in = n + 1;
  fault.os_error = os_error;
}

void SimulatedDisk::fail_every(DiskCall call, int os_error) {
  std::lock_guard lock(mutex_);
  faults_[static_cast<std::size_t>(call)].every_os_error = os_error;
}

void SimulatedDisk::before_call(Function<void(DiskCall, const std::string&)> hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

std::uint64_t SimulatedDisk::calls(DiskCall call) const {
  std::lock_guard lock(mutex_);
  return calls_[static_cast<std::size_t>(call)];
}

void SimulatedDisk::set_capacity(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  options_.capacity_bytes = bytes;
}

void SimulatedDisk::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  std::lock_guard lock(mutex_);
  const Place place = find(path);
  HOLDFAST_CHECK(place.node && !place.node->directory && offset < place.node->content.size());
  place.node->content.flip_bit(offset, bit);
}

std::vector<std::pair<std::string, std::uint64_t>> SimulatedDisk::files() const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::uint64_t>> out;
  const auto visit = [&out](const auto& self, const Node& directory, const std::string& prefix) -> void {
    for (const auto& [name, node] : directory.entries) {
      std::string path = prefix + "/" + name;
      if (node->directory) {
        self(self, *node, path);
      } else {
        out.emplace_back(std::move(path), node->content.size());
      }
    }
  };
  visit(visit, *root_, "");
  return out;
}

std::vector<std::uint8_t> SimulatedDisk::content(const std::string& path) const {
  std::lock_guard lock(mutex_);
  const Place place = find(path);
  HOLDFAST_CHECK(place.node && !place.node->directory);
  std::vector<std::uint8_t> out(place.node->content.size());
  place.node->content.read(0, out);
  return out;
}

}  // namespace holdfast
