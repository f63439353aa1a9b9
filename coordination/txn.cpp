#include "coordination/txn.h"

#include <array>

#include "coordination/ensemble_config.h"
#include "wire/reader.h"
#include "wire/writer.h"

// version u8 = 2 | kind u8 | session i64 | cxid i32 | zxid i64 | time i64 (ms) | body of that kind
// text := length u32, bytes. data := length i32 (-1: null), bytes. acl := count u32, {perms i32, scheme text, id text}*
namespace holdfast::zk {
namespace {

constexpr std::uint8_t txn_version = 2;
constexpr std::size_t header_bytes = 30;

// Index of the alternative in Txn::body and in MultiPartTxn: part of the format, so only ever appended to.
enum class Kind : std::uint8_t {
  error,
  create,
  remove,
  set_data,
  set_acl,
  multi,
  create_session,
  close_session,
  reconfig,
  attach_session
};
enum class PartKind : std::uint8_t { create, remove, set_data, set_acl, check };

class TxnEncoder {
 public:
  explicit TxnEncoder(std::size_t reserve) : out_(reserve) {}

  void header(const Txn& txn) {
    out_.u8(txn_version);
    out_.u8(static_cast<std::uint8_t>(txn.body.index()));
    out_.i64(txn.session.value);
    out_.i32(txn.cxid);
    out_.i64(txn.zxid.value);
    out_.i64(txn.time_ms);
  }
  void operator()(const ErrorTxn& t) { out_.i32(static_cast<std::int32_t>(t.error)); }
  void operator()(const CreateTxn& t) {
    out_.i32(static_cast<std::int32_t>(t.op));
    text(t.path);
    data(t.data, t.null_data);
    acl(t.acl);
    out_.i64(t.owner);
    out_.i32(t.parent_cversion);
  }
  void operator()(const DeleteTxn& t) { text(t.path); }
  void operator()(const SetDataTxn& t) {
    text(t.path);
    data(t.data, t.null_data);
    out_.i32(t.version);
  }
  void operator()(const SetAclTxn& t) {
    text(t.path);
    acl(t.acl);
    out_.i32(t.aversion);
  }
  void operator()(const CheckTxn& t) { text(t.path); }
  void operator()(const MultiTxn& t) {
    out_.i32(static_cast<std::int32_t>(t.error));
    out_.u32(t.failed_at);
    out_.u32(t.count);
    out_.u32(static_cast<std::uint32_t>(t.parts.size()));
    for (const MultiPartTxn& part : t.parts) {
      out_.u8(static_cast<std::uint8_t>(part.index()));
      std::visit(*this, part);
    }
  }
  void operator()(const CreateSessionTxn& t) {
    out_.i32(t.timeout_ms);
    out_.i64(t.owner);
  }
  void operator()(const CloseSessionTxn& t) {
    out_.u32(static_cast<std::uint32_t>(t.ephemerals.size()));
    for (const std::string& path : t.ephemerals) text(path);
  }
  void operator()(const ReconfigTxn& t) { text(t.config); }
  void operator()(const AttachSessionTxn& t) {
    out_.i64(t.owner);
    out_.i32(t.timeout_ms);
  }

  Bytes take() { return std::move(out_.take().take().front()); }

 private:
  void text(std::string_view s) {
    out_.u32(static_cast<std::uint32_t>(s.size()));
    out_.raw(s);
  }
  void data(const Bytes& bytes, bool null) {
    out_.i32(null ? -1 : static_cast<std::int32_t>(bytes.size()));
    out_.raw(bytes.view());
  }
  void acl(const std::vector<Acl>& list) {
    out_.u32(static_cast<std::uint32_t>(list.size()));
    for (const Acl& entry : list) {
      out_.i32(entry.perms);
      text(entry.id.scheme);
      text(entry.id.id);
    }
  }

  wire::Writer out_;
};

class TxnDecoder {
 public:
  explicit TxnDecoder(ByteView record) : in_(record) {}

  Result<Txn> run() {
    const std::uint8_t version = in_.u8();
    if (in_.ok() && version != txn_version) {
      return fail(ErrorKind::unsupported, "transaction record has format version " + std::to_string(version));
    }
    Txn txn;
    const auto kind = static_cast<Kind>(in_.u8());
    txn.session = SessionId{in_.i64()};
    txn.cxid = in_.i32();
    txn.zxid = Zxid{in_.i64()};
    txn.time_ms = in_.i64();
    switch (kind) {
      case Kind::error:
        txn.body = ErrorTxn{static_cast<ZkError>(in_.i32())};
        break;
      case Kind::create:
        txn.body = create();
        break;
      case Kind::remove:
        txn.body = DeleteTxn{text()};
        break;
      case Kind::set_data:
        txn.body = set_data();
        break;
      case Kind::set_acl:
        txn.body = set_acl();
        break;
      case Kind::multi:
        txn.body = multi();
        break;
      case Kind::create_session:
        txn.body = create_session();
        break;
      case Kind::close_session:
        txn.body = close_session();
        break;
      case Kind::reconfig:
        txn.body = ReconfigTxn{text()};
        break;
      case Kind::attach_session:
        txn.body = attach_session();
        break;
      default:
        in_.fail("unknown kind of transaction");
    }
    if (in_.ok() && in_.remaining() > 0) in_.fail("bytes after the transaction's end");
    if (!in_.ok()) return fail(ErrorKind::corrupt, std::string("transaction record: ") + in_.error());
    return txn;
  }

 private:
  // No cap but what the input can justify: one session may own millions of ephemerals, and a record that was written
  // must be readable.
  std::size_t count(std::size_t element_bytes_min) {
    const std::size_t count = in_.u32();
    if (count > in_.remaining() / element_bytes_min) in_.fail("count exceeds the record");
    return in_.ok() ? count : 0;
  }
  std::string text() { return std::string(as_text(in_.raw(in_.u32()))); }
  Bytes data(bool& null) {
    const std::int32_t size = in_.i32();
    null = size == -1;
    if (size < -1) in_.fail("negative length");
    return size <= 0 ? Bytes() : Bytes::copy(in_.raw(static_cast<std::size_t>(size)));
  }
  std::vector<Acl> acl() {
    std::vector<Acl> list;
    const std::size_t entries = count(12);
    list.reserve(entries);
    for (std::size_t i = 0; i < entries && in_.ok(); ++i) {
      Acl entry;
      entry.perms = in_.i32();
      entry.id.scheme = text();
      entry.id.id = text();
      list.push_back(std::move(entry));
    }
    return list;
  }
  CreateTxn create() {
    CreateTxn t;
    t.op = static_cast<OpCode>(in_.i32());
    t.path = text();
    t.data = data(t.null_data);
    t.acl = acl();
    t.owner = in_.i64();
    t.parent_cversion = in_.i32();
    return t;
  }
  SetDataTxn set_data() {
    SetDataTxn t;
    t.path = text();
    t.data = data(t.null_data);
    t.version = in_.i32();
    return t;
  }
  SetAclTxn set_acl() {
    SetAclTxn t;
    t.path = text();
    t.acl = acl();
    t.aversion = in_.i32();
    return t;
  }
  MultiTxn multi() {
    MultiTxn t;
    t.error = static_cast<ZkError>(in_.i32());
    t.failed_at = in_.u32();
    t.count = in_.u32();
    const std::size_t parts = count(5);
    t.parts.reserve(parts);
    for (std::size_t i = 0; i < parts && in_.ok(); ++i) t.parts.push_back(part());
    const bool agree = t.error == ZkError::ok ? t.parts.size() == t.count : t.parts.empty() && t.failed_at < t.count;
    if (!agree || t.count > multi_parts_max) in_.fail("a multi's counts disagree");
    return t;
  }
  MultiPartTxn part() {
    switch (static_cast<PartKind>(in_.u8())) {
      case PartKind::create:
        return create();
      case PartKind::remove:
        return DeleteTxn{text()};
      case PartKind::set_data:
        return set_data();
      case PartKind::set_acl:
        return set_acl();
      case PartKind::check:
        return CheckTxn{text()};
    }
    in_.fail("unknown kind of multi part");
    return CheckTxn{};
  }
  CreateSessionTxn create_session() {
    CreateSessionTxn t;
    t.timeout_ms = in_.i32();
    t.owner = in_.i64();
    return t;
  }
  AttachSessionTxn attach_session() {
    AttachSessionTxn t;
    t.owner = in_.i64();
    t.timeout_ms = in_.i32();
    return t;
  }
  CloseSessionTxn close_session() {
    CloseSessionTxn t;
    const std::size_t paths = count(4);
    t.ephemerals.reserve(paths);
    for (std::size_t i = 0; i < paths && in_.ok(); ++i) t.ephemerals.push_back(text());
    return t;
  }

  wire::Reader in_;
};

std::size_t size_hint(const CreateTxn& t) { return t.path.size() + t.data.size() + 64 + 64 * t.acl.size(); }
std::size_t size_hint(const SetDataTxn& t) { return t.path.size() + t.data.size() + 16; }
std::size_t size_hint(const ReconfigTxn& t) { return t.config.size() + 16; }
std::size_t size_hint(const MultiTxn& t) {
  std::size_t bytes = 16;
  for (const MultiPartTxn& part : t.parts) {
    bytes += std::visit(
        [](const auto& p) -> std::size_t {
          if constexpr (requires { size_hint(p); }) return size_hint(p);
          return p.path.size() + 64;
        },
        part);
  }
  return bytes;
}
std::size_t size_hint(const auto&) { return 128; }

void append_changes(const auto& t, std::vector<Change>& out) {
  using T = std::decay_t<decltype(t)>;
  if constexpr (std::is_same_v<T, CreateTxn>) {
    out.push_back({ChangeKind::created, t.path});
  } else if constexpr (std::is_same_v<T, DeleteTxn>) {
    out.push_back({ChangeKind::deleted, t.path});
  } else if constexpr (std::is_same_v<T, SetDataTxn>) {
    out.push_back({ChangeKind::data_changed, t.path});
  } else if constexpr (std::is_same_v<T, CloseSessionTxn>) {
    for (const std::string& path : t.ephemerals) out.push_back({ChangeKind::deleted, path});
  } else if constexpr (std::is_same_v<T, ReconfigTxn>) {
    out.push_back({ChangeKind::data_changed, ensemble_config_path});
  } else if constexpr (std::is_same_v<T, MultiTxn>) {
    for (const MultiPartTxn& part : t.parts) std::visit([&](const auto& p) { append_changes(p, out); }, part);
  }
}

}  // namespace

bool Txn::failed() const {
  if (std::holds_alternative<ErrorTxn>(body)) return true;
  const auto* multi = std::get_if<MultiTxn>(&body);
  return multi && multi->error != ZkError::ok;
}

Bytes encode(const Txn& txn) {
  TxnEncoder encoder(header_bytes + std::visit([](const auto& body) { return size_hint(body); }, txn.body));
  encoder.header(txn);
  std::visit(encoder, txn.body);
  return encoder.take();
}

Result<Txn> decode_txn(ByteView record) { return TxnDecoder(record).run(); }

std::vector<Change> changes_of(const Txn& txn) {
  std::vector<Change> changes;
  std::visit([&](const auto& body) { append_changes(body, changes); }, txn.body);
  return changes;
}

}  // namespace holdfast::zk
