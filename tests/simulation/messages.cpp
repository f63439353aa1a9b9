#include "tests/simulation/messages.h"

#include <fmt/format.h>

#include "wire/zookeeper/multi.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::sim {
namespace {

namespace jute = wire::zk;
using wire::zk::OpCode;

const jute::List<jute::Acl>& open_acl() {
  static const jute::List<jute::Acl> list{{{31, {"world", "anyone"}}}};
  return list;
}

jute::List<jute::Text> texts(const std::vector<std::string>& paths) {
  return std::vector<jute::Text>(paths.begin(), paths.end());
}

OpCode opcode_of(const Create& c) {
  if (c.ttl_ms > 0) return OpCode::create_ttl;
  if (c.container) return OpCode::create_container;
  return c.with_stat ? OpCode::create2 : OpCode::create;
}

jute::CreateRequest message(const Create& c) { return {c.path, as_bytes(c.data), open_acl(), c.flags}; }
jute::CreateTtlRequest ttl_message(const Create& c) {
  return {c.path, as_bytes(c.data), open_acl(), c.flags, c.ttl_ms};
}
jute::SetDataRequest message(const Set& s) { return {s.path, as_bytes(s.data), s.version}; }
jute::DeleteRequest message(const Delete& d) { return {d.path, d.version}; }
jute::CheckVersionRequest message(const Check& c) { return {c.path, c.version}; }

struct OperationOf {
  jute::MultiRequest::Operation operator()(const Create& c) const {
    if (c.ttl_ms > 0) return {OpCode::create_ttl, ttl_message(c)};
    return {opcode_of(c), message(c)};
  }
  jute::MultiRequest::Operation operator()(const Set& s) const { return {OpCode::set_data, message(s)}; }
  jute::MultiRequest::Operation operator()(const Delete& d) const { return {OpCode::remove, message(d)}; }
  jute::MultiRequest::Operation operator()(const Check& c) const { return {OpCode::check, message(c)}; }
};

struct Encode {
  wire::Writer& out;
  void operator()(const Create& c) const { c.ttl_ms > 0 ? jute::encode(ttl_message(c), out) : put(message(c)); }
  void operator()(const Multi& m) const {
    jute::MultiRequest multi;
    for (const Part& part : m.parts) multi.operations.push_back(std::visit(OperationOf{}, part));
    jute::encode(multi, out);
  }
  void operator()(const Set& s) const { put(message(s)); }
  void operator()(const Delete& d) const { put(message(d)); }
  void operator()(const CloseSession&) const {}
  void operator()(const Get& g) const { put(jute::GetDataRequest{g.path, g.watch}); }
  void operator()(const Exists& e) const { put(jute::ExistsRequest{e.path, e.watch}); }
  void operator()(const Children& c) const { put(jute::GetChildren2Request{c.path, c.watch}); }
  void operator()(const Sync& s) const { put(jute::SyncRequest{s.path}); }
  void operator()(const SetWatches& s) const {
    put(jute::SetWatches{s.relative_zxid, texts(s.data), texts(s.exist), texts(s.child)});
  }
  template <class M>
  void put(const M& m) const {
    jute::encode(m, out);
  }
};

std::string text(const jute::Text& t) { return std::string(t.value_or("")); }

struct Decode {
  wire::Reader& in;
  Reply& reply;
  template <class M>
  bool take(M& m) const {
    return jute::decode(m, in) && in.remaining() == 0;
  }
  bool operator()(const Create& c) const {
    if (opcode_of(c) == OpCode::create) {
      jute::CreateResponse m;
      if (!take(m)) return false;
      reply.path = text(m.path);
      return true;
    }
    jute::Create2Response m;
    if (!take(m)) return false;
    reply.path = text(m.path);
    reply.stat = m.stat;
    return true;
  }
  bool operator()(const Set&) const {
    jute::SetDataResponse m;
    if (!take(m)) return false;
    reply.stat = m.stat;
    return true;
  }
  bool operator()(const Delete&) const { return in.remaining() == 0; }
  bool operator()(const CloseSession&) const { return in.remaining() == 0; }
  bool operator()(const SetWatches&) const { return in.remaining() == 0; }
  bool operator()(const Get&) const {
    jute::GetDataResponse m;
    if (!take(m)) return false;
    reply.data = as_text(m.data.value_or(ByteView()));
    reply.stat = m.stat;
    return true;
  }
  bool operator()(const Exists&) const {
    jute::ExistsResponse m;
    if (!take(m)) return false;
    reply.stat = m.stat;
    return true;
  }
  bool operator()(const Children&) const {
    jute::GetChildren2Response m;
    if (!take(m)) return false;
    if (m.children)
      for (const auto& child : *m.children) reply.children.push_back(text(child));
    reply.stat = m.stat;
    return true;
  }
  bool operator()(const Sync&) const {
    jute::SyncResponse m;
    return take(m);
  }
  bool operator()(const Multi&) const {
    jute::MultiResponse m;
    if (!take(m)) return false;
    for (const auto& result : m.results) {
      PartReply& part = reply.parts.emplace_back();
      if (const auto* error = std::get_if<jute::ErrorResponse>(&result.body))
        part.error = static_cast<ZkError>(error->err);
      if (const auto* made = std::get_if<jute::CreateResponse>(&result.body)) part.path = text(made->path);
      if (const auto* made = std::get_if<jute::Create2Response>(&result.body)) {
        part.path = text(made->path);
        part.stat = made->stat;
      }
      if (const auto* set = std::get_if<jute::SetDataResponse>(&result.body)) part.stat = set->stat;
    }
    return true;
  }
};

struct OpcodeOf {
  OpCode operator()(const Create& c) const { return opcode_of(c); }
  OpCode operator()(const Set&) const { return OpCode::set_data; }
  OpCode operator()(const Delete&) const { return OpCode::remove; }
  OpCode operator()(const Multi&) const { return OpCode::multi; }
  OpCode operator()(const CloseSession&) const { return OpCode::close_session; }
  OpCode operator()(const Get&) const { return OpCode::get_data; }
  OpCode operator()(const Exists&) const { return OpCode::exists; }
  OpCode operator()(const Children&) const { return OpCode::get_children2; }
  OpCode operator()(const Sync&) const { return OpCode::sync; }
  OpCode operator()(const SetWatches&) const { return OpCode::set_watches; }
};

struct Describe {
  std::string operator()(const Create& c) const { return fmt::format("create {} flags {}", c.path, c.flags); }
  std::string operator()(const Set& s) const { return fmt::format("set {} = {} if {}", s.path, s.data, s.version); }
  std::string operator()(const Delete& d) const { return fmt::format("delete {} if {}", d.path, d.version); }
  std::string operator()(const Check& c) const { return fmt::format("check {} is {}", c.path, c.version); }
  std::string operator()(const Multi& m) const {
    std::string out = "multi";
    for (const Part& part : m.parts) out += " [" + std::visit(*this, part) + "]";
    return out;
  }
  std::string operator()(const CloseSession&) const { return "closeSession"; }
  std::string operator()(const Get& g) const { return fmt::format("get {}{}", g.path, g.watch ? " watched" : ""); }
  std::string operator()(const Exists& e) const {
    return fmt::format("exists {}{}", e.path, e.watch ? " watched" : "");
  }
  std::string operator()(const Children& c) const {
    return fmt::format("children {}{}", c.path, c.watch ? " watched" : "");
  }
  std::string operator()(const Sync& s) const { return "sync " + s.path; }
  std::string operator()(const SetWatches& s) const { return fmt::format("setWatches since 0x{:x}", s.relative_zxid); }
};

}  // namespace

OpCode opcode_of(const Request& request) { return std::visit(OpcodeOf{}, request); }
void encode(const Request& request, wire::Writer& out) { std::visit(Encode{out}, request); }
bool decode(const Request& request, ByteView body, Reply& reply) {
  wire::Reader in(body);
  return std::visit(Decode{in, reply}, request);
}

std::string describe(const Request& request) { return std::visit(Describe{}, request); }

std::string describe(const Operation& o) {
  const std::string asked = fmt::format("session 0x{:x} xid {}: {}", o.session, o.xid, describe(o.request));
  if (!o.returned) return asked + " -> unknown";
  return fmt::format("{} -> {} at zxid 0x{:x}", asked, wire::zk::error_name(o.reply.error), o.reply.zxid);
}

}  // namespace holdfast::sim
