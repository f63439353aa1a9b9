#include "coordination/zk_requests.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordination/zk_server.h"
#include "runtime/log_line.h"
#include "wire/zookeeper/multi.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast {
namespace {

using wire::Reader;
using wire::Writer;
using zk::OpCode;
using zk::ZkError;
namespace jute = wire::zk;

using Slot = ZkConnection::Slot;

constexpr std::size_t multi_read_bytes_max = 64u << 20;

// Where a request is, on its way to an answer.
struct Request {
  ZkConnection& connection;
  Slot slot;
  std::int32_t xid;
  OpCode op;
  ByteView body;

  zk::ZnodeMachine& machine() const { return connection.server().ensemble().machine(); }
  template <class M>
  bool read(M& message) const {
    Reader in(body);
    if (jute::decode(message, in)) return true;
    connection.reply(slot, ZkError::marshalling_error);
    return false;
  }
  // Of the reads that upstream's server stumbles over when there is no path at all.
  template <class M>
  bool read_with_path(M& message) const {
    if (!read(message)) return false;
    if (message.path) return true;
    connection.reply(slot, ZkError::marshalling_error);
    return false;
  }
  template <class M>
  void answer(const M& message) const {
    connection.reply(slot, ZkError::ok, [&](Writer& out) { jute::encode(message, out); });
  }
  void answer(ZkError error) const { connection.reply(slot, error); }
};

std::string_view text(const jute::Text& t) { return t.value_or(std::string_view()); }
zk::DataView data(const jute::Buffer& b) { return b ? zk::DataView(*b) : zk::DataView(); }

// An id that is null is no more readable to upstream than a malformed request, where it looks at the id.
bool is_readable(const jute::List<jute::Acl>& list) {
  constexpr std::string_view reads_id[] = {"world", "digest", "ip"};
  if (!list) return true;
  return std::ranges::none_of(*list, [&](const jute::Acl& a) {
    return !a.id.id && std::ranges::find(reads_id, text(a.id.scheme)) != std::end(reads_id);
  });
}

std::vector<zk::Acl> acl_of(const jute::List<jute::Acl>& list) {
  std::vector<zk::Acl> out;
  if (!list) return out;
  out.reserve(list->size());
  for (const jute::Acl& a : *list)
    out.push_back({a.perms, {std::string(text(a.id.scheme)), std::string(text(a.id.id))}});
  return out;
}

jute::List<jute::Acl> acl_view(const zk::AclList& list) {
  jute::List<jute::Acl> out;
  out.emplace();
  for (const zk::Acl& a : list) out->push_back({a.perms, {a.id.scheme, a.id.id}});
  return out;
}

jute::List<jute::Text> names_view(const zk::ChildNames& names) {
  jute::List<jute::Text> out;
  out.emplace().reserve(names.size());
  for (const std::string_view name : names) out->push_back(name);
  return out;
}

// ---- Writes ----

void put_result(const zk::OpResult& result, Writer& out) {
  switch (result.op) {
    case OpCode::create:
      return jute::encode(jute::CreateResponse{result.path}, out);
    case OpCode::create2:
    case OpCode::create_container:
    case OpCode::create_ttl:
      return jute::encode(jute::Create2Response{result.path, result.stat}, out);
    case OpCode::set_data:
      return jute::encode(jute::SetDataResponse{result.stat}, out);
    case OpCode::set_acl:
      return jute::encode(jute::SetAclResponse{result.stat}, out);
    default:
      return;
  }
}

void put_multi(const zk::Effects& effects, Writer& out) {
  for (const zk::OpResult& part : effects.parts) {
    const bool failed = part.error != ZkError::ok || part.op == OpCode::error;
    OpCode type = failed ? OpCode::error : part.op;
    // Every form of create that answers with a Stat says create2.
    if (type == OpCode::create_container || type == OpCode::create_ttl) type = OpCode::create2;
    const auto error = static_cast<std::int32_t>(part.error);
    jute::encode(jute::MultiHeader{static_cast<std::int32_t>(type), false, error}, out);
    if (failed || type == OpCode::error) {
      jute::encode(jute::ErrorResponse{error}, out);
    } else {
      put_result(part, out);
    }
  }
  jute::encode(jute::MultiHeader{-1, true, -1}, out);
}

// The client is elsewhere, or soon will be: as upstream, it is told by the end of the connection (ZOOKEEPER-710).
bool has_moved(const zk::Effects& effects) {
  return effects.result.error == ZkError::session_moved ||
         std::ranges::any_of(effects.parts, [](const auto& part) { return part.error == ZkError::session_moved; });
}

void propose(const Request& r, const zk::WriteRequest& request) {
  r.connection.server().ensemble().driver().propose(
      request, r.connection.caller(r.xid),
      [connection = r.connection.shared_from_this(), slot = r.slot, op = r.op](const zk::Effects& effects) {
        if (has_moved(effects)) return connection->close();
        if (op == OpCode::multi) {
          connection->reply(slot, effects.result.error, [&](Writer& out) { put_multi(effects, out); });
        } else if (op == OpCode::reconfig) {
          connection->reply(slot, effects.result.error, [&](Writer& out) {
            jute::encode(jute::GetDataResponse{as_bytes(effects.new_config), effects.result.stat}, out);
          });
        } else {
          connection->reply(slot, effects.result.error, [&](Writer& out) { put_result(effects.result, out); });
        }
      });
}

// What the request is refused with still takes its place in the order of transactions, as upstream's does.
void propose_failure(const Request& r, ZkError error) { propose(r, zk::FailOp{error}); }

template <class M>
bool decode_write(const Request& r, M& message) {
  Reader in(r.body);
  if (jute::decode(message, in)) return true;
  propose_failure(r, ZkError::marshalling_error);
  return false;
}

template <class Message>
zk::CreateOp create_op(OpCode op, const Message& m) {
  zk::CreateOp out;
  out.op = op;
  out.path = text(m.path);
  out.data = data(m.data);
  out.acl = acl_of(m.acl);
  out.flags = m.flags;
  if constexpr (requires { m.ttl; }) out.ttl_ms = m.ttl;
  return out;
}

void create(const Request& r) {
  const auto judge = [&r](auto m) {
    if (!decode_write(r, m)) return;
    if (!m.path || !is_readable(m.acl)) return propose_failure(r, ZkError::marshalling_error);
    propose(r, create_op(r.op, m));
  };
  r.op == OpCode::create_ttl ? judge(jute::CreateTtlRequest()) : judge(jute::CreateRequest());
}

void remove(const Request& r) {
  jute::DeleteRequest m;
  if (!decode_write(r, m)) return;
  if (!m.path) return propose_failure(r, ZkError::marshalling_error);
  propose(r, zk::DeleteOp{text(m.path), m.version});
}

void set_data(const Request& r) {
  jute::SetDataRequest m;
  if (decode_write(r, m)) propose(r, zk::SetDataOp{text(m.path), data(m.data), m.version});
}

void set_acl(const Request& r) {
  jute::SetAclRequest m;
  if (!decode_write(r, m)) return;
  if (!is_readable(m.acl)) return propose_failure(r, ZkError::marshalling_error);
  propose(r, zk::SetAclOp{text(m.path), acl_of(m.acl), m.version});
}

// A part that upstream cannot even read fails the whole multi, and not as one of its results.
template <class Message>
bool part_is_readable(const Message& m) {
  constexpr std::int32_t flags_max = 6;  // CreateMode
  if constexpr (requires { m.flags; }) {
    if (!is_readable(m.acl) || m.flags < 0 || m.flags > flags_max) return false;
  }
  return m.path.has_value();
}

void multi(const Request& r) {
  jute::MultiRequest m;
  if (!decode_write(r, m)) return;
  for (const auto& o : m.operations) {
    const auto* c = std::get_if<jute::CreateRequest>(&o.body);
    if (c && !c->acl) {
      // The one failure that upstream meets before it takes a zxid.
      r.connection.when_caught_up(
          r.slot, [connection = &r.connection, slot = r.slot] { connection->reply(slot, ZkError::marshalling_error); });
      return;
    }
    if (!std::visit([](const auto& part) { return part_is_readable(part); }, o.body))
      return propose_failure(r, ZkError::marshalling_error);
  }
  if (m.operations.size() > zk::multi_parts_max) return propose_failure(r, ZkError::marshalling_error);
  zk::MultiOp out;
  out.parts.reserve(m.operations.size());
  for (const auto& o : m.operations) {
    if (const auto* c = std::get_if<jute::CreateRequest>(&o.body)) {
      out.parts.emplace_back(create_op(o.op, *c));
    } else if (const auto* t = std::get_if<jute::CreateTtlRequest>(&o.body)) {
      out.parts.emplace_back(create_op(o.op, *t));
    } else if (const auto* d = std::get_if<jute::DeleteRequest>(&o.body)) {
      out.parts.emplace_back(zk::DeleteOp{text(d->path), d->version});
    } else if (const auto* s = std::get_if<jute::SetDataRequest>(&o.body)) {
      out.parts.emplace_back(zk::SetDataOp{text(s->path), data(s->data), s->version});
    } else if (const auto* v = std::get_if<jute::CheckVersionRequest>(&o.body)) {
      out.parts.emplace_back(zk::CheckOp{text(v->path), v->version});
    } else {
      return propose_failure(r, ZkError::marshalling_error);
    }
  }
  propose(r, std::move(out));
}

void close_session(const Request& r) { propose(r, zk::CloseSessionOp{}); }

void reconfig(const Request& r) {
  jute::ReconfigRequest m;
  if (decode_write(r, m))
    propose(r, zk::ReconfigOp{m.joining_servers, m.leaving_servers, m.new_members, m.cur_config_id});
}

// ---- Reads: run when this session's earlier writes are applied ----

void exists(const Request& r) {
  jute::ExistsRequest m;
  if (!r.read_with_path(m)) return;
  auto found = r.machine().exists(text(m.path), r.connection.caller(r.xid), m.watch);
  found ? r.answer(jute::ExistsResponse{*found}) : r.answer(found.error());
}

// As a GetDataResponse. Large data leaves from where the znode has it; small replies stay one piece.
void put_data(const zk::DataResult& found, Writer& out) {
  constexpr std::size_t spliced_bytes_min = 16 << 10;
  if (found.data.size() < spliced_bytes_min)
    return jute::encode(jute::GetDataResponse{found.null ? jute::Buffer() : found.data.view(), found.stat}, out);
  out.i32(static_cast<std::int32_t>(found.data.size()));
  out.splice(BufferChain(found.data));
  jute::encode(found.stat, out);
}

void get_data(const Request& r) {
  jute::GetDataRequest m;
  if (!r.read_with_path(m)) return;
  auto found = r.machine().get_data(text(m.path), r.connection.caller(r.xid), m.watch);
  if (!found) return r.answer(found.error());
  r.connection.reply(r.slot, ZkError::ok, [&](Writer& out) { put_data(*found, out); });
}

void get_children(const Request& r) {
  jute::GetChildrenRequest m;
  if (!r.read_with_path(m)) return;
  auto found = r.machine().get_children(text(m.path), r.connection.caller(r.xid), m.watch);
  if (!found) return r.answer(found.error());
  if (r.op == OpCode::get_children) return r.answer(jute::GetChildrenResponse{names_view(found->names)});
  r.answer(jute::GetChildren2Response{names_view(found->names), found->stat});
}

void get_acl(const Request& r) {
  jute::GetAclRequest m;
  if (!r.read_with_path(m)) return;
  auto found = r.machine().get_acl(text(m.path), r.connection.caller(r.xid));
  found ? r.answer(jute::GetAclResponse{acl_view(found->acl), found->stat}) : r.answer(found.error());
}

void get_ephemerals(const Request& r) {
  jute::GetEphemeralsRequest m;
  if (!r.read(m)) return;
  const std::vector<std::string> found = r.machine().ephemerals(text(m.prefix_path), r.connection.caller(r.xid));
  jute::GetEphemeralsResponse out;
  out.ephemerals.emplace(found.begin(), found.end());
  r.answer(out);
}

void get_all_children_number(const Request& r) {
  jute::GetAllChildrenNumberRequest m;
  if (!r.read(m)) return;
  auto found = r.machine().all_children_number(text(m.path), r.connection.caller(r.xid));
  found ? r.answer(jute::GetAllChildrenNumberResponse{*found}) : r.answer(found.error());
}

void multi_read(const Request& r) {
  jute::MultiRequest m;
  Reader in(r.body);
  const auto readable = [](const auto& o) {
    return std::visit([](const auto& part) { return part_is_readable(part); }, o.body);
  };
  if (!jute::decode(m, in) || !std::ranges::all_of(m.operations, readable)) return r.answer(ZkError::marshalling_error);
  const zk::Caller caller = r.connection.caller(r.xid);
  r.connection.reply(r.slot, ZkError::ok, [&](Writer& out) {
    const auto header = [&](OpCode op, ZkError error) {
      const OpCode type = error == ZkError::ok ? op : OpCode::error;
      jute::encode(jute::MultiHeader{static_cast<std::int32_t>(type), false, static_cast<std::int32_t>(error)}, out);
      if (error != ZkError::ok) jute::encode(jute::ErrorResponse{static_cast<std::int32_t>(error)}, out);
    };
    const std::size_t start = out.size();
    for (const auto& o : m.operations) {
      if (out.size() - start > multi_read_bytes_max) return out.fail("a multiRead's results are more than 64 MiB");
      if (const auto* g = std::get_if<jute::GetDataRequest>(&o.body)) {
        auto found = r.machine().get_data(text(g->path), caller, false);
        header(OpCode::get_data, found ? ZkError::ok : found.error());
        if (found) put_data(*found, out);
      } else if (const auto* c = std::get_if<jute::GetChildrenRequest>(&o.body)) {
        auto found = r.machine().get_children(text(c->path), caller, false);
        header(OpCode::get_children, found ? ZkError::ok : found.error());
        if (found) jute::encode(jute::GetChildrenResponse{names_view(found->names)}, out);
      } else {
        header(o.op, ZkError::marshalling_error);
      }
    }
    jute::encode(jute::MultiHeader{-1, true, -1}, out);
  });
}

void sync(const Request& r) {
  jute::SyncRequest m;
  if (!r.read(m)) return;
  // Standing alone, what the server has applied is all there is: it is answered in its turn, at once.
  r.connection.server().ensemble().driver().sync([connection = r.connection.shared_from_this(), slot = r.slot,
                                                  path = std::optional<std::string>(m.path)](bool known) {
    if (!known) return connection->close();
    const jute::SyncResponse synced{path ? jute::Text(*path) : std::nullopt};
    connection->reply(slot, ZkError::ok, [&](Writer& out) { jute::encode(synced, out); });
  });
}

std::vector<std::string_view> paths(const jute::List<jute::Text>& list) {
  std::vector<std::string_view> out;
  if (list)
    for (const jute::Text& t : *list) out.push_back(text(t));
  return out;
}

void set_watches(const Request& r) {
  zk::RearmRequest rearm;
  if (r.op == OpCode::set_watches) {
    jute::SetWatches m;
    if (!r.read(m)) return;
    rearm = {Zxid(m.relative_zxid), paths(m.data_watches), paths(m.exist_watches), paths(m.child_watches), {}, {}};
  } else {
    jute::SetWatches2 m;
    if (!r.read(m)) return;
    rearm = {Zxid(m.relative_zxid),  paths(m.data_watches),       paths(m.exist_watches),
             paths(m.child_watches), paths(m.persistent_watches), paths(m.persistent_recursive_watches)};
  }
  for (const zk::WatchEvent& event : r.machine().rearm(rearm, r.connection.caller(r.xid))) {
    Writer out(64);
    out.i32(0);
    jute::encode(jute::ReplyHeader{jute::xid_watch_event, -1, 0}, out);
    jute::encode(jute::WatcherEvent{static_cast<std::int32_t>(event.type), 3, std::string_view(event.path)}, out);
    out.patch_i32(0, static_cast<std::int32_t>(out.position() - 4));
    r.connection.send_event(Bytes::copy(out.written()));
  }
  r.answer(ZkError::ok);
}

void add_watch(const Request& r) {
  jute::AddWatchRequest m;
  if (!r.read(m)) return;
  auto added = r.machine().add_watch(text(m.path), m.mode, r.connection.caller(r.xid));
  added ? r.answer(jute::ErrorResponse{0}) : r.answer(added.error());
}

void remove_watches(const Request& r) {
  jute::RemoveWatchesRequest m;
  if (!r.read(m)) return;
  const zk::Caller caller = r.connection.caller(r.xid);
  auto done = r.op == OpCode::remove_watches ? r.machine().remove_watches(text(m.path), m.type, caller)
                                             : r.machine().check_watches(text(m.path), m.type, caller);
  r.answer(done ? ZkError::ok : done.error());
}

void who_am_i(const Request& r) {
  jute::WhoAmIResponse out;
  out.client_info.emplace();
  for (const zk::Id& id : r.connection.ids()) {
    // Of a digest the user, never the hash.
    const std::string_view user =
        id.scheme == "digest" ? std::string_view(id.id).substr(0, id.id.find(':')) : std::string_view(id.id);
    out.client_info->push_back({id.scheme, user});
  }
  r.answer(out);
}

// Of the session's writes, not only this connection's: it is for the client that lost the connection before.
void query_result(const Request& r) {
  jute::QueryResultRequest m;
  if (!r.read(m)) return;
  const auto answer = [connection = r.connection.shared_from_this(), slot = r.slot, cxid = m.cxid] {
    jute::QueryResultResponse out;
    if (const auto result = connection->server().ensemble().machine().result_of(connection->session(), cxid)) {
      out.known = true;
      out.type = static_cast<std::int32_t>(result->op);
      out.err = static_cast<std::int32_t>(result->error);
      out.zxid = result->zxid.value;
      if (!result->path.empty()) out.path = result->path;
      out.version = result->version;
    }
    connection->reply(slot, ZkError::ok, [&](Writer& reply) { jute::encode(out, reply); });
  };
  Ensemble& ensemble = r.connection.server().ensemble();
  // In an ensemble the session was attached behind all that it had asked elsewhere.
  if (!ensemble.alone()) return answer();
  // Standing alone it was not: what it asked may still be on its way to the log.
  zk::Caller caller = r.connection.caller(r.xid);
  caller.owner = ensemble.options().server_id;
  ensemble.driver().propose(
      zk::AttachSessionOp{r.connection.stats().timeout_ms}, caller,
      [answer, connection = r.connection.shared_from_this(), slot = r.slot](const zk::Effects& effects) {
        if (effects.result.error == ZkError::ok) return answer();
        connection->reply(slot, effects.result.error);
      });
}

// ---- Not in the order of the others ----

bool authenticate(const Request& r) {
  constexpr Zxid no_zxid{0};
  jute::AuthPacket m;
  Reader in(r.body);
  const bool readable = jute::decode(m, in) && m.auth;
  auto gained = readable
                    ? zk::authenticate(r.machine().options().acl, text(m.scheme), as_text(*m.auth), r.connection.host())
                    : std::expected<std::vector<zk::Id>, ZkError>(std::unexpected(ZkError::auth_failed));
  if (!gained) {
    ++r.connection.server().stats().auth_failures;
    r.connection.reply(r.slot, ZkError::auth_failed, nullptr, no_zxid);
    r.connection.close_after_replies();
    return false;
  }
  zk::add_identities(r.connection.ids(), std::move(*gained));
  r.connection.reply(r.slot, ZkError::ok, nullptr, no_zxid);
  return true;
}

enum class Kind : std::uint8_t { read, write };
struct Row {
  OpCode op;
  Kind kind;
  void (*handle)(const Request&);
};

constexpr Row rows[] = {
    {OpCode::create, Kind::write, create},
    {OpCode::remove, Kind::write, remove},
    {OpCode::exists, Kind::read, exists},
    {OpCode::get_data, Kind::read, get_data},
    {OpCode::set_data, Kind::write, set_data},
    {OpCode::get_acl, Kind::read, get_acl},
    {OpCode::set_acl, Kind::write, set_acl},
    {OpCode::get_children, Kind::read, get_children},
    {OpCode::sync, Kind::read, sync},
    {OpCode::get_children2, Kind::read, get_children},
    {OpCode::multi, Kind::write, multi},
    {OpCode::create2, Kind::write, create},
    {OpCode::reconfig, Kind::write, reconfig},
    {OpCode::check_watches, Kind::read, remove_watches},
    {OpCode::remove_watches, Kind::read, remove_watches},
    {OpCode::create_container, Kind::write, create},
    {OpCode::create_ttl, Kind::write, create},
    {OpCode::multi_read, Kind::read, multi_read},
    {OpCode::set_watches, Kind::read, set_watches},
    {OpCode::get_ephemerals, Kind::read, get_ephemerals},
    {OpCode::get_all_children_number, Kind::read, get_all_children_number},
    {OpCode::set_watches2, Kind::read, set_watches},
    {OpCode::add_watch, Kind::read, add_watch},
    {OpCode::who_am_i, Kind::read, who_am_i},
    {OpCode::query_result, Kind::read, query_result},
    {OpCode::close_session, Kind::write, close_session},
};

const Row* row_of(OpCode op) {
  for (const Row& row : rows)
    if (row.op == op) return &row;
  return nullptr;
}

}  // namespace

bool zk_handle_request(ZkConnection& connection, ByteView frame) {
  Reader in(frame);
  const std::int32_t xid = in.i32();
  const auto op = static_cast<OpCode>(in.i32());
  if (!in.ok()) {
    connection.close();
    return false;
  }
  if (op == OpCode::ping) {
    // Behind a slow write a ping's answer would come too late, and the client give up a session that lives.
    connection.out_of_band(xid, ZkError::ok);
    return true;
  }
  const ByteView body(in.position(), in.remaining());
  const Slot slot = connection.reserve(xid, op);
  const Request request{connection, slot, xid, op, body};
  if (op == OpCode::auth) return authenticate(request);
  const Row* row = row_of(op);
  if (!row) {
    // As upstream: an answer, and the end of the connection.
    connection.when_caught_up(slot, [connection = &connection, slot] {
      connection->reply(slot, ZkError::unimplemented, nullptr, Zxid(-1));
      connection->close_after_replies();
    });
    return false;
  }
  if (connection.read_only() && (row->kind == Kind::write || op == OpCode::sync)) {
    connection.reply(slot, ZkError::not_read_only);
    if (op == OpCode::close_session) connection.close_after_replies();
    return true;
  }
  if (row->kind == Kind::write ? !connection.holds_writes() : connection.caught_up(slot)) {
    row->handle(request);
    return true;
  }
  // The frame's bytes will not wait with it.
  connection.when_caught_up(slot, [connection = &connection, slot, xid, op, row, kept = Bytes::copy(body)] {
    row->handle(Request{*connection, slot, xid, op, kept.view()});
  });
  return true;
}

std::string_view zk_path_of(ByteView frame) {
  Reader in(frame);
  in.i32();  // xid
  const auto op = static_cast<OpCode>(in.i32());
  switch (op) {
    case OpCode::ping:
    case OpCode::auth:
    case OpCode::close_session:
    case OpCode::set_watches:
    case OpCode::set_watches2:
    case OpCode::reconfig:
    case OpCode::who_am_i:
    case OpCode::query_result:
      return {};
    case OpCode::multi:
    case OpCode::multi_read:
      in.raw(sizeof(std::int32_t) + 1 + sizeof(std::int32_t));  // the first part's header
      break;
    default:
      break;
  }
  const std::int32_t length = in.i32();
  return in.ok() && length > 0 ? as_text(in.raw(static_cast<std::size_t>(length))) : std::string_view();
}

std::string opcode_table_markdown() {
  std::string out =
      "# ZooKeeper operations served\n\nGenerated from `coordination/zk_requests.cpp`; a test keeps it current. "
      "`check` is served "
      "inside a multi. Any other type is answered with Unimplemented, and the connection ends, as ZooKeeper does.\n\n"
      "`queryResult` is Holdfast's own, for a client that lost its connection before the reply: re-attached, it asks "
      "with `{int xid}` and is told `{boolean known, int type, int err, long zxid, ustring path, int version}`. Each "
      "session's last 32 writes are known, on every server and across restarts.\n\n"
      "The results of a `multiRead` are at most 64 MiB, and what a client has not read at most 256 MiB: beyond, the "
      "connection ends, and the log says why. To the client it is ConnectionLoss, as a reply larger than its own "
      "`jute.maxbuffer`.\n\n"
      "| type | operation | |\n|--:|--|--|\n| 11 | ping | answered at once |\n| 100 | auth | digest, ip |\n";
  for (const Row& row : rows)
    out += fmt::format("| {} | {} | {} |\n", static_cast<std::int32_t>(row.op), wire::zk::op_name(row.op),
                       row.kind == Kind::write ? "write" : "read");
  return out;
}

}  // namespace holdfast
