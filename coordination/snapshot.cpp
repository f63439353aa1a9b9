#include "coordination/snapshot.h"

#include <algorithm>

#include "coordination/path.h"
#include "wire/crc32c.h"
#include "wire/reader.h"

namespace holdfast::zk {
namespace {

constexpr std::string_view snapshot_magic = "HFZS";
constexpr std::uint8_t snapshot_version = 2;
constexpr std::size_t chunk_bytes = std::size_t{64} * 1024;  // a chunk is sealed once it has as many
constexpr std::size_t chunk_bytes_max = std::size_t{1} << 30;
constexpr std::size_t chunk_header_bytes = 8;

void write_text(wire::Writer& out, std::string_view text) {
  out.u32(static_cast<std::uint32_t>(text.size()));
  out.raw(text);
}

Bytes contents(wire::Writer& out) {
  std::vector<Bytes> pieces = out.take().take();
  HOLDFAST_CHECK(pieces.size() == 1);
  return std::move(pieces.front());
}

}  // namespace

SnapshotCapture::SnapshotCapture(Tree& tree, const SessionTable& sessions, Zxid zxid, std::int64_t time_ms)
    : tree_(tree), zxid_(zxid), epoch_(tree.begin_capture_epoch()), digest_(tree.digest()), cursor_(&tree.root()) {
  HOLDFAST_CHECK(!tree.is_observed());
  pending_.raw(snapshot_magic);
  pending_.u8(snapshot_version);
  pending_.u8(tree.extended_types() ? 1 : 0);
  pending_.i64(zxid.value);
  pending_.i64(time_ms);
  seal_chunk();
  std::vector<std::pair<SessionId, const Session*>> sorted;
  sorted.reserve(sessions.size());
  for (const auto& [id, session] : sessions.all()) sorted.emplace_back(id, &session);
  std::ranges::sort(sorted);
  sessions_.reserve(sorted.size());
  for (const auto& [id, session] : sorted) sessions_.emplace_back(id, *session);
  tree_.observe(this);
}

SnapshotCapture::~SnapshotCapture() {
  if (!finished_) tree_.observe(nullptr);
}

std::optional<Bytes> SnapshotCapture::next(std::size_t bytes) {
  if (finished_) return std::nullopt;
  while (sessions_written_ < sessions_.size() && sealed_.size() + pending_.size() < bytes) {
    auto& [id, session] = sessions_[sessions_written_++];
    write_session(id, session);
    session.results = {};  // the live one's memory is its own again
  }
  while (cursor_ && sealed_.size() + pending_.size() < bytes) {
    if (cursor_->captured_epoch != epoch_) write_node(*cursor_);
    cursor_ = Tree::next_in_walk(cursor_, &tree_.root());
  }
  if (!cursor_ && sessions_written_ == sessions_.size()) {
    pending_.u8('E');
    pending_.u64(sessions_written_);
    pending_.u64(nodes_);
    pending_.u64(digest_);
    finished_ = true;
    tree_.observe(nullptr);
  }
  if (pending_.size() > 0) seal_chunk();
  return contents(sealed_);
}

void SnapshotCapture::before_change(Znode& node) {
  if (node.captured_epoch != epoch_) write_with_ancestors(node);
}

void SnapshotCapture::before_removal(Znode& node) {
  before_change(node);
  // It has no children: the walk goes on behind it.
  if (cursor_ == &node) cursor_ = Tree::next_in_walk(&node, &tree_.root());
}

void SnapshotCapture::write_session(SessionId id, const Session& session) {
  pending_.u8('S');
  pending_.i64(id.value);
  pending_.i32(session.timeout_ms);
  pending_.i64(session.owner);
  pending_.u32(static_cast<std::uint32_t>(session.results.size()));
  session.results.for_each([this](const ResultRecord& record) {
    pending_.i32(record.cxid);
    pending_.i32(static_cast<std::int32_t>(record.op));
    pending_.i32(static_cast<std::int32_t>(record.error));
    pending_.i32(record.version);
    pending_.i64(record.zxid.value);
    write_text(pending_, record.path);
  });
  if (pending_.size() >= chunk_bytes) seal_chunk();
}

// The reader needs a parent before its children, whoever changes first.
void SnapshotCapture::write_with_ancestors(Znode& node) {
  std::vector<Znode*> line;
  for (Znode* at = &node; at && at->captured_epoch != epoch_; at = at->parent) line.push_back(at);
  for (auto at = line.rbegin(); at != line.rend(); ++at) write_node(**at);
}

void SnapshotCapture::write_node(Znode& node) {
  node.captured_epoch = epoch_;
  ++nodes_;
  write_acl(node.acl);
  const std::string path = node.path();
  const auto [end, unused] = std::ranges::mismatch(path, previous_path_);
  const auto shared = static_cast<std::size_t>(end - path.begin());
  pending_.u8('N');
  pending_.u32(static_cast<std::uint32_t>(shared));
  write_text(pending_, std::string_view(path).substr(shared));
  pending_.i32(node.null_data ? -1 : static_cast<std::int32_t>(node.data.size()));
  pending_.raw(node.data.view());
  pending_.u32(node.acl.value);
  pending_.i64(node.owner);
  pending_.i64(node.czxid);
  pending_.i64(node.mzxid);
  pending_.i64(node.pzxid);
  pending_.i64(node.ctime_ms);
  pending_.i64(node.mtime_ms);
  pending_.i32(node.version);
  pending_.i32(node.cversion);
  pending_.i32(node.aversion);
  previous_path_ = path;
  if (pending_.size() >= chunk_bytes) seal_chunk();
}

// A number keeps its meaning while the capture lasts: nodes that still carry it are written before they let it go.
void SnapshotCapture::write_acl(AclId id) {
  if (id.value >= acls_written_.size()) acls_written_.resize(id.value + 1);
  if (acls_written_[id.value]) return;
  acls_written_[id.value] = true;
  const AclList& list = tree_.acls().list(id);
  pending_.u8('A');
  pending_.u32(id.value);
  pending_.u32(static_cast<std::uint32_t>(list.size()));
  for (const Acl& entry : list) {
    pending_.i32(entry.perms);
    write_text(pending_, entry.id.scheme);
    write_text(pending_, entry.id.id);
  }
}

void SnapshotCapture::seal_chunk() {
  const Bytes payload = contents(pending_);
  sealed_.u32(static_cast<std::uint32_t>(payload.size()));
  sealed_.u32(wire::crc32c(payload.view()));
  sealed_.raw(payload.view());
}

SnapshotReader::SnapshotReader(Tree& tree, SessionTable& sessions) : tree_(tree), sessions_(sessions) {
  tree_.clear();
  sessions_.clear();
}

Result<> SnapshotReader::feed(ByteView piece) {
  buffer_.insert(buffer_.end(), piece.begin(), piece.end());
  std::size_t at = 0;
  while (buffer_.size() - at >= chunk_header_bytes) {
    wire::Reader header(ByteView(buffer_).subspan(at, chunk_header_bytes));
    const std::size_t size = header.u32();
    const std::uint32_t crc = header.u32();
    if (size > chunk_bytes_max) return fail(ErrorKind::corrupt, "snapshot: a chunk's length is beyond any");
    if (buffer_.size() - at - chunk_header_bytes < size) break;
    const ByteView payload = ByteView(buffer_).subspan(at + chunk_header_bytes, size);
    if (wire::crc32c(payload) != crc) return fail(ErrorKind::corrupt, "snapshot: a chunk fails its checksum");
    if (auto read = read_chunk(payload); !read) return read;
    at += chunk_header_bytes + size;
  }
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

Result<Zxid> SnapshotReader::finish() {
  if (!end_seen_ || !buffer_.empty()) return fail(ErrorKind::corrupt, "snapshot: it is cut short");
  return zxid_;
}

Result<> SnapshotReader::read_chunk(ByteView payload) {
  if (end_seen_) return fail(ErrorKind::corrupt, "snapshot: chunks after its end");
  return header_seen_ ? read_records(payload) : read_header(payload);
}

Result<> SnapshotReader::read_header(ByteView payload) {
  wire::Reader in(payload);
  if (as_text(in.raw(snapshot_magic.size())) != snapshot_magic)
    return fail(ErrorKind::corrupt, "snapshot: not one of ours");
  if (const auto version = in.u8(); version != snapshot_version) {
    return fail(ErrorKind::unsupported, "snapshot: format version " + std::to_string(version));
  }
  const bool extended_types = in.u8() != 0;
  zxid_ = Zxid{in.i64()};
  time_ms_ = in.i64();
  if (!in.ok() || in.remaining() > 0) return fail(ErrorKind::corrupt, "snapshot: malformed header");
  if (extended_types != tree_.extended_types()) {
    return fail(ErrorKind::unsupported, "snapshot: written with the other setting of extendedTypesEnabled");
  }
  header_seen_ = true;
  return {};
}

Result<> SnapshotReader::read_records(ByteView payload) {
  wire::Reader in(payload);
  while (in.ok() && in.remaining() > 0 && !end_seen_) {
    switch (in.u8()) {
      case 'S':
        read_session(in);
        break;
      case 'A':
        read_acl(in);
        break;
      case 'N':
        read_node(in);
        break;
      case 'E':
        read_end(in);
        break;
      default:
        in.fail("unknown kind of record");
    }
  }
  if (in.ok() && in.remaining() > 0) in.fail("records after the end");
  if (!in.ok()) return fail(ErrorKind::corrupt, std::string("snapshot: ") + in.error());
  return {};
}

void SnapshotReader::read_session(wire::Reader& in) {
  const SessionId id{in.i64()};
  Session session;
  session.timeout_ms = in.i32();
  session.owner = in.i64();
  const std::uint32_t results = in.u32();
  if (results > ResultWindow::records_max) return in.fail("a session has more results than are kept");
  for (std::uint32_t i = 0; i < results && in.ok(); ++i) {
    ResultRecord record;
    record.cxid = in.i32();
    record.op = static_cast<OpCode>(in.i32());
    record.error = static_cast<ZkError>(in.i32());
    record.version = in.i32();
    record.zxid = Zxid{in.i64()};
    record.path = as_text(in.raw(in.u32()));
    session.results.add(record);
  }
  if (!in.ok()) return;
  if (session.results.size() != results) return in.fail("a session has longer results than are kept");
  if (sessions_.contains(id)) return in.fail("a session occurs twice");
  sessions_.add(id, std::move(session));
}

void SnapshotReader::read_acl(wire::Reader& in) {
  const auto text = [&] { return std::string(as_text(in.raw(in.u32()))); };
  const std::uint32_t id = in.u32();
  const std::uint32_t count = in.u32();
  if (count > in.remaining() / 12) return in.fail("an ACL's count exceeds the chunk");
  AclList list;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Acl entry;
    entry.perms = in.i32();
    entry.id.scheme = text();
    entry.id.id = text();
    list.push_back(std::move(entry));
  }
  if (in.ok() && !acls_.emplace(id, std::move(list)).second) in.fail("an ACL occurs twice");
}

void SnapshotReader::read_node(wire::Reader& in) {
  const std::uint32_t shared = in.u32();
  if (shared > previous_path_.size()) return in.fail("a path repeats more than there is");
  previous_path_.resize(shared);
  previous_path_ += as_text(in.raw(in.u32()));
  NodeState state;
  const std::int32_t size = in.i32();
  if (size < -1) return in.fail("negative length");
  state.null_data = size == -1;
  if (size > 0) state.data = Bytes::copy(in.raw(static_cast<std::size_t>(size)));
  const auto acl = acls_.find(in.u32());
  state.owner = in.i64();
  state.czxid = in.i64();
  state.mzxid = in.i64();
  state.pzxid = in.i64();
  state.ctime_ms = in.i64();
  state.mtime_ms = in.i64();
  state.version = in.i32();
  state.cversion = in.i32();
  state.aversion = in.i32();
  if (!in.ok()) return;
  if (acl == acls_.end()) return in.fail("a node names an unknown ACL");
  ++node_records_;
  if (node_records_ == 1) {
    if (previous_path_ != "/") return in.fail("the first node is not the root");
    return tree_.reset_root(std::move(state), acl->second);
  }
  if (!path_is_valid(previous_path_)) return in.fail("a node's path is malformed");
  if (!tree_.find(parent_of(previous_path_))) return in.fail("a node comes before its parent");
  if (tree_.find(previous_path_)) return in.fail("a node occurs twice");
  tree_.add(previous_path_, std::move(state), acl->second);
}

void SnapshotReader::read_end(wire::Reader& in) {
  const std::uint64_t sessions = in.u64();
  const std::uint64_t nodes = in.u64();
  const std::uint64_t digest = in.u64();
  if (!in.ok()) return;
  if (sessions != sessions_.size() || nodes != node_records_) return in.fail("its counts disagree with its records");
  if (digest != tree_.digest()) return in.fail("its digest disagrees with its records");
  end_seen_ = true;
}

}  // namespace holdfast::zk
