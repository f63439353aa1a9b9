#include "coordination/zookeeper_files.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "coordination/path.h"
#include "wire/kafka/compression.h"
#include "wire/zookeeper/txn_records.h"

namespace holdfast::zk {
namespace {

namespace jute = wire::zk;

constexpr std::int32_t upstream_snapshot_magic = 0x5a4b534e, log_magic = 0x5a4b4c47;  // "ZKSN", "ZKLG"
constexpr std::int32_t files_version = 2;
constexpr std::uint64_t file_bytes_max = std::uint64_t{16} << 30;
constexpr std::int64_t open_acl = -1;  // upstream's number of world:anyone with all permissions
constexpr std::uint8_t end_of_entry = 'B';
constexpr std::size_t acl_entry_bytes_min = 12;

// In pieces: zlib counts in 32 bits.
std::uint32_t adler32_of(ByteView bytes) {
  uLong sum = ::adler32(0, nullptr, 0);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 1 << 30)))
    sum = ::adler32(sum, bytes.data(), static_cast<uInt>(std::min<std::size_t>(bytes.size(), 1 << 30)));
  return static_cast<std::uint32_t>(sum);
}

AclList list_of(const jute::List<jute::Acl>& from) {
  AclList out;
  if (from)
    for (const jute::Acl& a : *from)
      out.push_back({a.perms, {std::string(a.id.scheme.value_or("")), std::string(a.id.id.value_or(""))}});
  return out;
}

Bytes bytes_of(const jute::Buffer& from) { return from ? Bytes::copy(*from) : Bytes(); }
std::string_view path_of(const jute::Text& from) { return from.value_or(""); }

}  // namespace

Result<std::vector<ZooKeeperFiles::Found>> ZooKeeperFiles::files(const std::string& directory,
                                                                 std::string_view prefix) {
  std::string place = directory + "/version-2";
  auto below = disk_.exists(place);
  if (!below) return fail(below);
  if (!*below) place = directory;
  auto entries = disk_.list(place);
  if (!entries) return fail(entries);
  std::vector<Found> out;
  for (const DirectoryEntry& e : *entries) {
    if (e.directory || !e.name.starts_with(prefix)) continue;
    const char* from = e.name.data() + prefix.size();
    const char* end = e.name.data() + e.name.size();
    std::uint64_t zxid = 0;
    const auto parsed = std::from_chars(from, end, zxid, 16);
    if (parsed.ec != std::errc() || parsed.ptr == from) continue;
    const std::string_view rest(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
    if (rest.empty() || rest == ".gz" || rest == ".snappy")
      out.push_back({Zxid(static_cast<std::int64_t>(zxid)), place + "/" + e.name});
  }
  std::ranges::sort(out, {}, &Found::zxid);
  return out;
}

Result<void> ZooKeeperFiles::read(const std::string& data_dir, const std::string& log_dir) {
  auto snapshots = files(data_dir, "snapshot.");
  if (!snapshots) return fail(snapshots);
  auto logs = files(log_dir.empty() ? data_dir : log_dir, "log.");
  if (!logs) return fail(logs);
  if (snapshots->empty() && logs->empty())
    return fail(ErrorKind::not_found, data_dir + " holds neither snapshots nor transaction logs of ZooKeeper");
  bool restored = snapshots->empty();
  for (auto it = snapshots->rbegin(); it != snapshots->rend() && !restored; ++it) {
    auto done = read_snapshot(it->path);
    restored = done.has_value();
    if (!done) notes_.push_back(fmt::format("{} is passed over: {}", it->path, done.error().message));
  }
  if (!restored)
    return fail(ErrorKind::corrupt, fmt::format("no snapshot in {} can be read: {}", data_dir, notes_.back()));
  for (auto it = logs->begin(); it != logs->end(); ++it) {
    auto done = read_log(it->path, std::next(it) == logs->end());
    if (!done) return done;
  }
  return {};
}

Result<std::vector<std::uint8_t>> ZooKeeperFiles::content(const std::string& path) {
  auto bytes = disk_.read_file(path, file_bytes_max);
  if (!bytes) return bytes;
  if (path.ends_with(".gz")) return wire::decompress(wire::Codec::gzip, *bytes, file_bytes_max);
  if (path.ends_with(".snappy")) return wire::decompress(wire::Codec::snappy, *bytes, file_bytes_max);
  return bytes;
}

// ---- Snapshots ----

Result<void> ZooKeeperFiles::read_snapshot(const std::string& path) {
  const std::size_t name = path.rfind("snapshot.");
  std::uint64_t zxid = 0;
  if (name == path.npos ||
      std::from_chars(path.data() + name + 9, path.data() + path.size(), zxid, 16).ec != std::errc())
    return fail(ErrorKind::invalid_input, path + ": its name does not say its zxid");
  auto bytes = content(path);
  if (!bytes) return fail(bytes);
  tree_.clear();
  sessions_.clear();
  auto restored = restore(*bytes, path);
  if (!restored) return restored;
  snapshot_ = path;
  zxid_ = Zxid(static_cast<std::int64_t>(zxid));
  return {};
}

Result<void> ZooKeeperFiles::restore(ByteView bytes, const std::string& path) {
  wire::Reader in(bytes);
  jute::FileHeader header;
  if (!jute::decode(header, in) || header.magic != upstream_snapshot_magic || header.version != files_version)
    return fail(ErrorKind::corrupt, path + " is no snapshot of ZooKeeper 3");
  for (std::int32_t left = in.bounded_count(in.i32(), 12); left > 0 && in.ok(); --left) {
    const std::int64_t id = in.i64();
    sessions_[id] = in.i32();
  }
  std::map<std::int64_t, AclList> acls{{open_acl, {{31, {"world", "anyone"}}}}};
  for (std::int32_t left = in.bounded_count(in.i32(), 12); left > 0 && in.ok(); --left) {
    const std::int64_t number = in.i64();
    AclList& list = acls[number];
    for (std::int32_t entries = in.bounded_count(in.i32(), acl_entry_bytes_min); entries > 0 && in.ok(); --entries) {
      jute::Acl entry;
      if (!jute::decode(entry, in)) break;
      list.push_back({entry.perms, {std::string(entry.id.scheme.value_or("")), std::string(entry.id.id.value_or(""))}});
    }
  }
  const auto text = [&in] {
    const std::int32_t size = in.i32();
    return as_text(size < 0 ? ByteView() : in.raw(static_cast<std::size_t>(size)));
  };
  // The root has no name here, and "/" is the end.
  for (std::string_view node = text(); in.ok() && node != "/"; node = text()) restore_node(in, node, acls);
  const std::uint32_t sum = adler32_of(bytes.first(bytes.size() - in.remaining()));
  const std::int64_t told = in.i64();
  if (in.ok() && told != static_cast<std::int64_t>(sum)) in.fail("it does not match its checksum");
  if (!in.ok()) return fail(ErrorKind::corrupt, fmt::format("{}: {}", path, in.error()));
  return {};
}

void ZooKeeperFiles::restore_node(wire::Reader& in, std::string_view path,
                                  const std::map<std::int64_t, AclList>& acls) {
  NodeState state;
  const std::int32_t size = in.i32();
  state.null_data = size < 0;
  if (size > 0) state.data = Bytes::copy(in.raw(static_cast<std::size_t>(size)));
  const std::int64_t acl = in.i64();
  jute::StatPersisted stat;
  if (!jute::decode(stat, in)) return;
  state.czxid = stat.czxid;
  state.mzxid = stat.mzxid;
  state.pzxid = stat.pzxid;
  state.ctime_ms = stat.ctime;
  state.mtime_ms = stat.mtime;
  state.owner = stat.ephemeral_owner;
  state.version = stat.version;
  state.cversion = stat.cversion;
  state.aversion = stat.aversion;
  const auto list = acls.find(acl);
  if (list == acls.end()) return in.fail("a node names an ACL that is not in it");
  if (path.empty()) return tree_.reset_root(std::move(state), list->second);
  if (!path_is_valid(path)) return in.fail("a node's path is malformed");
  if (tree_.find(path)) return in.fail("a node occurs twice");
  if (!tree_.find(parent_of(path))) return in.fail("a node comes before its parent");
  tree_.add(path, std::move(state), list->second);
}

// ---- Transaction logs ----

Result<void> ZooKeeperFiles::read_log(const std::string& path, bool last) {
  auto bytes = content(path);
  if (!bytes) return fail(bytes);
  wire::Reader in(*bytes);
  jute::FileHeader header;
  if (!jute::decode(header, in) || header.magic != log_magic || header.version != files_version) {
    // Made, and the power went before its first entry.
    if (last && std::ranges::count(*bytes, 0) == std::ssize(*bytes)) return {};
    return fail(ErrorKind::corrupt, path + " is no transaction log of ZooKeeper 3");
  }
  while (in.remaining() >= 12) {
    const std::int64_t sum = in.i64();
    const std::int32_t size = in.i32();
    if (sum == 0 && size == 0) return {};  // preallocated
    const ByteView entry = size <= 0 ? ByteView() : in.raw(static_cast<std::size_t>(size));
    const bool whole = !entry.empty() && in.u8() == end_of_entry && in.ok();
    if (!whole || sum != static_cast<std::int64_t>(adler32_of(entry))) {
      if (!last) return fail(ErrorKind::corrupt, path + ": an entry is damaged, and later logs follow");
      notes_.push_back(fmt::format("{}: its last entry, after zxid 0x{:x}, was not written whole", path, zxid_.value));
      return {};
    }
    auto replayed = replay(entry, path);
    if (!replayed) return replayed;
  }
  return {};
}

Result<void> ZooKeeperFiles::replay(ByteView entry, const std::string& path) {
  wire::Reader in(entry);
  jute::TxnHeader header;
  if (!jute::decode(header, in)) return fail(ErrorKind::corrupt, path + ": an entry without a header");
  if (Zxid(header.zxid) <= zxid_) return {};
  session_ = header.client_id;
  txn_zxid_ = header.zxid;
  time_ms_ = header.time;
  if (!apply(static_cast<OpCode>(header.type), in))
    return fail(ErrorKind::corrupt,
                fmt::format("{}: transaction 0x{:x} of type {} cannot be read", path, header.zxid, header.type));
  zxid_ = Zxid(header.zxid);
  ++transactions_;
  return {};
}

bool ZooKeeperFiles::apply(OpCode type, wire::Reader& in) {
  switch (type) {
    case OpCode::create:
    case OpCode::create2: {
      jute::CreateTxn t;
      wire::Reader again = in;
      if (jute::decode(t, in)) {
        create(path_of(t.path), bytes_of(t.data), !t.data, list_of(t.acl), t.ephemeral ? session_ : 0,
               t.parent_cversion);
        return true;
      }
      jute::CreateTxnV0 old;
      if (!jute::decode(old, again)) return false;
      create(path_of(old.path), bytes_of(old.data), !old.data, list_of(old.acl), old.ephemeral ? session_ : 0, -1);
      return true;
    }
    case OpCode::create_container: {
      jute::CreateContainerTxn t;
      if (!jute::decode(t, in)) return false;
      create(path_of(t.path), bytes_of(t.data), !t.data, list_of(t.acl), container_owner, t.parent_cversion);
      return true;
    }
    case OpCode::create_ttl: {
      jute::CreateTtlTxn t;
      if (!jute::decode(t, in) || t.ttl <= 0 || t.ttl > ttl_max_ms || !tree_.extended_types()) return false;
      create(path_of(t.path), bytes_of(t.data), !t.data, list_of(t.acl), owner_of_ttl(t.ttl), t.parent_cversion);
      return true;
    }
    case OpCode::remove:
    case OpCode::delete_container: {
      jute::DeleteTxn t;
      if (!jute::decode(t, in)) return false;
      remove(path_of(t.path));
      return true;
    }
    case OpCode::set_data:
    case OpCode::reconfig: {
      jute::SetDataTxn t;
      if (!jute::decode(t, in)) return false;
      if (Znode* node = tree_.find(path_of(t.path)))
        tree_.set_data(*node, bytes_of(t.data), !t.data, t.version, txn_zxid_, time_ms_);
      return true;
    }
    case OpCode::set_acl: {
      jute::SetAclTxn t;
      if (!jute::decode(t, in)) return false;
      if (Znode* node = tree_.find(path_of(t.path))) tree_.set_acl(*node, list_of(t.acl), t.version);
      return true;
    }
    case OpCode::create_session: {
      jute::CreateSessionTxn t;
      if (!jute::decode(t, in)) return false;
      sessions_[session_] = t.time_out;
      return true;
    }
    case OpCode::close_session: {
      // Before 3.6 without the paths.
      jute::CloseSessionTxn t;
      if (in.remaining() > 0 && !jute::decode(t, in)) return false;
      if (t.paths_to_delete)
        for (const jute::Text& path : *t.paths_to_delete) remove(path_of(path));
      for (const std::string& path : tree_.ephemerals_of(SessionId(session_))) remove(path);
      sessions_.erase(session_);
      return true;
    }
    case OpCode::multi: {
      jute::MultiTxn t;
      if (!jute::decode(t, in)) return false;
      if (!t.txns) return true;
      const auto failed = [](const jute::Txn& part) { return static_cast<OpCode>(part.type) == OpCode::error; };
      if (std::ranges::any_of(*t.txns, failed)) return true;
      return std::ranges::all_of(*t.txns, [this](const jute::Txn& part) {
        wire::Reader record(part.data.value_or(ByteView()));
        const auto kind = static_cast<OpCode>(part.type);
        return kind != OpCode::multi && kind != OpCode::create_session && kind != OpCode::close_session &&
               apply(kind, record);
      });
    }
    case OpCode::check:
    case OpCode::error:
      return true;
    default:
      return false;
  }
}

void ZooKeeperFiles::create(std::string_view path, Bytes data, bool null_data, AclList acl, std::int64_t owner,
                            std::int32_t parent_cversion) {
  if (!path_is_valid(path) || path == "/") return;
  Znode* parent = tree_.find(parent_of(path));
  if (!parent) return;  // removed again, before the snapshot came by
  const std::int32_t cversion = parent_cversion >= 0 ? parent_cversion : parent->cversion + 1;
  if (!tree_.find(path)) {
    NodeState state;
    state.data = std::move(data);
    state.null_data = null_data;
    state.czxid = state.mzxid = state.pzxid = txn_zxid_;
    state.ctime_ms = state.mtime_ms = time_ms_;
    state.owner = owner;
    tree_.add(*parent, path, std::move(state), acl);
  }
  // A node that came and went while the snapshot was written must not take its parent back.
  if (cversion > parent->cversion) tree_.set_children_changed(*parent, cversion, txn_zxid_);
}

void ZooKeeperFiles::remove(std::string_view path) {
  Znode* node = tree_.find(path);
  if (!node || !node->parent || node->children > 0) return;
  Znode& parent = *node->parent;
  tree_.remove(*node);
  tree_.set_children_changed(parent, parent.cversion, std::max(parent.pzxid, txn_zxid_));
}

}  // namespace holdfast::zk
