#include "coordination/forwarded_request.h"

#include <concepts>
#include <type_traits>

#include "coordination/txn.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {

using wire::Reader;
using wire::Writer;

namespace zk {
namespace {

constexpr std::uint8_t forward_version = 1;
constexpr std::uint8_t privileged_flag = 1;

// How an operation travels: its kind, a number that is never given to another, and its fields. Every field is bound to
// a name, so that an operation that gets another one does not compile before it is sent here too; nor does a request
// or a part of a multi that has no form at all.
template <class Op>
struct Form;

template <>
struct Form<CreateOp> {
  static constexpr std::uint8_t kind = 1;
  static void fields(auto& o, auto& v) {
    auto& [op, path, data, acl, flags, ttl_ms] = o;
    v(op, path, data, acl, flags, ttl_ms);
  }
};
template <>
struct Form<DeleteOp> {
  static constexpr std::uint8_t kind = 2;
  static void fields(auto& o, auto& v) {
    auto& [path, version] = o;
    v(path, version);
  }
};
template <>
struct Form<SetDataOp> {
  static constexpr std::uint8_t kind = 3;
  static void fields(auto& o, auto& v) {
    auto& [path, data, version] = o;
    v(path, data, version);
  }
};
template <>
struct Form<SetAclOp> {
  static constexpr std::uint8_t kind = 4;
  static void fields(auto& o, auto& v) {
    auto& [path, acl, version] = o;
    v(path, acl, version);
  }
};
template <>
struct Form<CheckOp> {
  static constexpr std::uint8_t kind = 5;
  static void fields(auto& o, auto& v) {
    auto& [path, version] = o;
    v(path, version);
  }
};
template <>
struct Form<CheckCzxidOp> {
  static constexpr std::uint8_t kind = 6;
  static void fields(auto& o, auto& v) {
    auto& [path, czxid] = o;
    v(path, czxid);
  }
};
template <>
struct Form<MultiOp> {
  static constexpr std::uint8_t kind = 7;
  static void fields(auto& o, auto& v) {
    auto& [parts] = o;
    v(parts);
  }
};
template <>
struct Form<DeleteExpiredOp> {
  static constexpr std::uint8_t kind = 8;
  static void fields(auto& o, auto& v) {
    auto& [path] = o;
    v(path);
  }
};
template <>
struct Form<CreateSessionOp> {
  static constexpr std::uint8_t kind = 9;
  static void fields(auto& o, auto& v) {
    auto& [timeout_ms] = o;
    v(timeout_ms);
  }
};
template <>
struct Form<CloseSessionOp> {
  static_assert(std::is_empty_v<CloseSessionOp>);
  static constexpr std::uint8_t kind = 10;
  static void fields(auto&, auto&) {}
};
template <>
struct Form<ReconfigOp> {
  static constexpr std::uint8_t kind = 11;
  static void fields(auto& o, auto& v) {
    auto& [joining, leaving, members, from_version] = o;
    v(joining, leaving, members, from_version);
  }
};
template <>
struct Form<InstallConfigOp> {
  static constexpr std::uint8_t kind = 12;
  static void fields(auto& o, auto& v) {
    auto& [config] = o;
    v(config);
  }
};
template <>
struct Form<FailOp> {
  static constexpr std::uint8_t kind = 13;
  static void fields(auto& o, auto& v) {
    auto& [error] = o;
    v(error);
  }
};
template <>
struct Form<AttachSessionOp> {
  static constexpr std::uint8_t kind = 14;
  static void fields(auto& o, auto& v) {
    auto& [timeout_ms] = o;
    v(timeout_ms);
  }
};

// Stands in for a Writer and counts.
struct Measure {
  std::size_t size = 0;
  void u8(std::uint8_t) { size += 1; }
  void u32(std::uint32_t) { size += 4; }
  void i32(std::int32_t) { size += 4; }
  void i64(std::int64_t) { size += 8; }
  void raw(ByteView bytes) { size += bytes.size(); }
  void raw(std::string_view text) { size += text.size(); }
};

template <class Out>
class RequestEncoder {
 public:
  explicit RequestEncoder(Out& out) : out_(out) {}

  void run(const WriteRequest& request, const Caller& caller) {
    const auto& [session, cxid, ids, connection, owner, privileged] = caller;
    out_.u8(forward_version);
    out_.u8(privileged ? privileged_flag : 0);
    (*this)(session, cxid, owner);
    count(ids.size());
    for (const Id& id : ids) put(id);
    put(request);
  }
  void operator()(const auto&... fields) { (put(fields), ...); }

 private:
  void put(std::int32_t v) { out_.i32(v); }
  void put(std::int64_t v) { out_.i64(v); }
  void put(Zxid v) { out_.i64(v.value); }
  void put(SessionId v) { out_.i64(v.value); }
  void put(OpCode v) { out_.i32(static_cast<std::int32_t>(v)); }
  void put(ZkError v) { out_.i32(static_cast<std::int32_t>(v)); }
  void put(std::string_view text) {
    count(text.size());
    out_.raw(text);
  }
  void put(const DataView& data) { nullable(!data.null, data.bytes); }
  void put(const std::optional<std::string_view>& text) {
    nullable(text.has_value(), as_bytes(text.value_or(std::string_view())));
  }
  void put(const Id& id) { (*this)(std::string_view(id.scheme), std::string_view(id.id)); }
  void put(const Acl& acl) { (*this)(acl.perms, acl.id); }
  void put(const EnsembleConfig& config) { put(std::string_view(config.text())); }
  template <class T>
  void put(const std::vector<T>& list) {
    count(list.size());
    for (const T& element : list) put(element);
  }
  template <class... Op>
  void put(const std::variant<Op...>& any) {
    std::visit(
        [this](const auto& op) {
          using F = Form<std::remove_cvref_t<decltype(op)>>;
          out_.u8(F::kind);
          F::fields(op, *this);
        },
        any);
  }

  void count(std::size_t n) { out_.u32(static_cast<std::uint32_t>(n)); }
  void nullable(bool there, ByteView bytes) {
    out_.i32(there ? static_cast<std::int32_t>(bytes.size()) : -1);
    if (there) out_.raw(bytes);
  }

  Out& out_;
};

std::size_t measure(const WriteRequest& request, const Caller& caller) {
  Measure out;
  RequestEncoder<Measure>(out).run(request, caller);
  return out.size;
}

void write(Writer& out, const WriteRequest& request, const Caller& caller) {
  RequestEncoder<Writer>(out).run(request, caller);
}

class RequestDecoder {
 public:
  explicit RequestDecoder(ByteView bytes) : in_(bytes) {}

  Result<void> run(ReceivedRequest& out) {
    const std::uint8_t version = in_.u8();
    if (in_.ok() && version != forward_version)
      return fail(ErrorKind::unsupported, "a forwarded request of version " + std::to_string(version));
    const std::uint8_t flags = in_.u8();
    if ((flags & ~privileged_flag) != 0) in_.fail("flags that are not known");
    out.caller.privileged = flags != 0;
    (*this)(out.caller.session, out.caller.cxid, out.caller.owner, out.ids);
    out.caller.ids = out.ids;
    take(out.request);
    if (in_.ok() && in_.remaining() != 0) in_.fail("bytes are left over");
    if (!in_.ok()) return fail(ErrorKind::corrupt, std::string("a forwarded request: ") + in_.error());
    return {};
  }
  void operator()(auto&... fields) { (take(fields), ...); }

 private:
  void take(std::int32_t& v) { v = in_.i32(); }
  void take(std::int64_t& v) { v = in_.i64(); }
  void take(Zxid& v) { v = Zxid(in_.i64()); }
  void take(SessionId& v) { v = SessionId(in_.i64()); }
  void take(OpCode& v) {
    v = static_cast<OpCode>(in_.i32());
    if (v != OpCode::create && v != OpCode::create2 && v != OpCode::create_container && v != OpCode::create_ttl)
      in_.fail("an opcode that creates nothing");
  }
  void take(ZkError& v) {
    v = static_cast<ZkError>(in_.i32());
    if (v == ZkError::ok || wire::zk::error_name(v) == unknown_error) in_.fail("an error that is not known");
  }
  void take(std::string_view& v) { v = as_text(in_.raw(in_.u32())); }
  void take(std::string& v) { v = as_text(in_.raw(in_.u32())); }
  void take(DataView& v) {
    if (const auto bytes = nullable()) v = DataView(*bytes);
  }
  void take(std::optional<std::string_view>& v) {
    if (const auto bytes = nullable()) v = as_text(*bytes);
  }
  void take(Id& v) { (*this)(v.scheme, v.id); }
  void take(Acl& v) { (*this)(v.perms, v.id); }
  void take(EnsembleConfig& v) {
    std::string_view text;
    take(text);
    if (!in_.ok()) return;
    auto config = EnsembleConfig::parse(text, true);
    if (!config) return in_.fail("a configuration that is none");
    v = std::move(*config);
  }
  template <class T>
  void take(std::vector<T>& list) {
    const std::size_t count = in_.u32();
    if (count > in_.remaining() / bytes_min(std::type_identity<T>())) in_.fail("a count that the bytes cannot hold");
    if (std::same_as<T, MultiPart> && count > multi_parts_max) in_.fail("too many parts");
    if (!in_.ok()) return;
    list.reserve(count);
    for (std::size_t left = count; left > 0 && in_.ok(); --left) take(list.emplace_back());
  }
  template <class... Op>
  void take(std::variant<Op...>& any) {
    const std::uint8_t kind = in_.u8();
    const bool known = ((kind == Form<Op>::kind && take_op(any.template emplace<Op>())) || ...);
    if (!known) in_.fail("a kind that is not known");
  }
  template <class Op>
  bool take_op(Op& op) {
    Form<Op>::fields(op, *this);
    return true;
  }

  std::optional<ByteView> nullable() {
    const std::int32_t size = in_.i32();
    if (size < -1) in_.fail("a length below zero");
    if (size < 0) return std::nullopt;
    return in_.raw(static_cast<std::size_t>(size));
  }

  static constexpr std::string_view unknown_error = "Unknown";
  // What an element of a list takes at least.
  static consteval std::size_t bytes_min(std::type_identity<Id>) { return 8; }
  static consteval std::size_t bytes_min(std::type_identity<Acl>) { return 12; }
  static consteval std::size_t bytes_min(std::type_identity<MultiPart>) { return 9; }

  Reader in_;
};

}  // namespace

Bytes encode(const WriteRequest& request, const Caller& caller) {
  Writer out(measure(request, caller));
  write(out, request, caller);
  return std::move(out.take().take().front());
}

Result<void> decode(ByteView bytes, ReceivedRequest& out) {
  out = {};
  return RequestDecoder(bytes).run(out);
}

}  // namespace zk

namespace {

constexpr std::size_t request_header_bytes = 20, session_bytes = 12, digest_bytes = 24;

void write(Writer& out, const RequestFrame& frame) {
  out.i32(frame.term.value);
  out.u64(frame.life);
  out.u64(frame.number);
}

Term read_term(Reader& in) {
  const Term term(in.i32());
  if (term.value <= 0) in.fail("a term that nobody leads");
  return term;
}

template <class T>
Result<T> decoded(const Reader& in, T value, const char* what) {
  if (!in.ok()) return fail(ErrorKind::corrupt, std::string(what) + ": " + in.error());
  if (in.remaining() != 0) return fail(ErrorKind::corrupt, std::string(what) + ": bytes are left over");
  return value;
}

}  // namespace

BufferChain encode(const RequestFrame& frame, Bytes request) {
  Writer out(request_header_bytes);
  write(out, frame);
  BufferChain whole = out.take();
  whole.append(std::move(request));
  return whole;
}

BufferChain encode(const RequestFrame& frame, const zk::WriteRequest& request, const zk::Caller& caller) {
  Writer out(request_header_bytes + zk::measure(request, caller));
  write(out, frame);
  zk::write(out, request, caller);
  return out.take();
}

Result<ReceivedRequestFrame> decode_request_frame(const Bytes& payload) {
  Reader in(payload.view());
  ReceivedRequestFrame received;
  received.frame.term = read_term(in);
  received.frame.life = in.u64();
  received.frame.number = in.u64();
  if (!in.ok()) return fail(ErrorKind::corrupt, std::string("the header of a request: ") + in.error());
  received.request = payload.slice(request_header_bytes, in.remaining());
  return received;
}

Bytes encode(const SessionsFrame& frame) {
  Writer out(8 + session_bytes * frame.touched.size());
  out.i32(frame.term.value);
  out.u32(static_cast<std::uint32_t>(frame.touched.size()));
  for (const auto& [session, timeout_ms] : frame.touched) {
    out.i64(session.value);
    out.i32(timeout_ms);
  }
  return std::move(out.take().take().front());
}

Result<SessionsFrame> decode_sessions_frame(ByteView payload) {
  Reader in(payload);
  SessionsFrame frame;
  frame.term = read_term(in);
  const std::size_t count = in.u32();
  if (count != in.remaining() / session_bytes) in.fail("a count that is not that of the sessions");
  if (in.ok()) frame.touched.reserve(count);
  for (std::size_t left = count; left > 0 && in.ok(); --left) {
    const SessionId session(in.i64());
    const std::int32_t timeout_ms = in.i32();
    if (session == SessionId(0) || timeout_ms < 0) in.fail("a session that is none");
    frame.touched.emplace_back(session, timeout_ms);
  }
  return decoded(in, std::move(frame), "touched sessions");
}

Bytes encode(const DigestFrame& frame) {
  Writer out(digest_bytes);
  out.i64(frame.end.value);
  out.i64(frame.zxid.value);
  out.u64(frame.digest);
  return std::move(out.take().take().front());
}

Result<DigestFrame> decode_digest_frame(ByteView payload) {
  Reader in(payload);
  DigestFrame frame;
  frame.end = Offset(in.i64());
  frame.zxid = Zxid(in.i64());
  frame.digest = in.u64();
  if (frame.end.value < 0 || frame.zxid.value < 0) in.fail("a number below zero");
  return decoded(in, frame, "a digest");
}

}  // namespace holdfast
