// The operations of a ZooKeeper client: each makes its request of what it was given, and what its caller wants of the
// reply. What the server says is checked here: a reply that cannot be read fails with MARSHALLINGERROR.
#include <fmt/format.h>

#include <utility>

#include "client/zookeeper.h"
#include "client/zookeeper_path.h"
#include "client/zookeeper_request.h"
#include "wire/zookeeper/multi.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::client {
namespace {

namespace jute = wire::zk;

constexpr std::string_view config_path = "/zookeeper/config";

jute::Buffer buffer_of(const std::optional<std::string>& data) {
  return data ? jute::Buffer(as_bytes(*data)) : std::nullopt;
}

jute::List<jute::Acl> acl_view(const std::vector<ZkAcl>& acl) {
  jute::List<jute::Acl> out;
  out.emplace();
  for (const ZkAcl& a : acl) out->push_back({a.permissions, {a.scheme, a.id}});
  return out;
}

jute::CreateRequest create_request(std::string_view path, const std::optional<std::string>& data,
                                   const CreateOptions& options) {
  return {path, buffer_of(data), acl_view(options.acl), static_cast<std::int32_t>(options.mode)};
}

jute::CreateTtlRequest create_ttl_request(std::string_view path, const std::optional<std::string>& data,
                                          const CreateOptions& options) {
  return {path, buffer_of(data), acl_view(options.acl), static_cast<std::int32_t>(options.mode), options.ttl.count()};
}

template <class M>
ZkOutcome<M> read(const Bytes& body, std::string_view about) {
  M message;
  wire::Reader in(body.view());
  if (!jute::decode(message, in))
    return zk_failed(ZkError::marshalling_error, fmt::format("{}: the reply is malformed: {}", about, in.error()));
  return message;
}

NodeData node_data(const jute::GetDataResponse& m) {
  return {std::string(as_text(m.data.value_or(ByteView()))), m.stat, !m.data.has_value()};
}

std::vector<std::string> names_of(const jute::List<jute::Text>& list) {
  std::vector<std::string> out;
  if (!list) return out;
  out.reserve(list->size());
  for (const jute::Text& name : *list) out.emplace_back(name.value_or(""));
  return out;
}

OpCode opcode_of(const CreateOptions& options) {
  if (options.mode == CreateMode::container) return OpCode::create_container;
  const bool ttl =
      options.mode == CreateMode::persistent_with_ttl || options.mode == CreateMode::persistent_sequential_with_ttl;
  return ttl ? OpCode::create_ttl : OpCode::create2;
}

}  // namespace

template <class M>
Task<ZkOutcome<ZooKeeper::Arrival>> ZooKeeper::ask(OpCode op, const M& message, std::string about, WatchWanted watch) {
  wire::Writer out;
  jute::encode(message, out);
  const std::vector<std::uint8_t> bytes = out.flatten();
  return perform(op, Bytes::copy(ByteView(bytes)), std::move(about), std::move(watch));
}

// In an operation: the path with its chroot, or the end of it.
#define HOLDFAST_ZK_PATH(full, path, sequential) \
  const auto full = inside(path, sequential);    \
  if (!full) co_return zk_failed(ZkError::bad_arguments, full.error().message)

Task<ZkOutcome<Created>> ZooKeeper::create(std::string path, std::optional<std::string> data, CreateOptions options) {
  HOLDFAST_ZK_PATH(full, path, is_sequential(options.mode));
  const OpCode op = opcode_of(options);
  auto asked = op == OpCode::create_ttl ? ask(op, create_ttl_request(*full, data, options), path)
                                        : ask(op, create_request(*full, data, options), path);
  auto reply = co_await std::move(asked);
  if (!reply) co_return zk_failed(reply);
  Created out;
  if (reply->told) {
    out.path = reply->told->path.empty() ? path : outside(reply->told->path);
    out.stat.czxid = out.stat.mzxid = out.stat.pzxid = reply->told->zxid;
    out.stat.data_length = static_cast<std::int32_t>(data.value_or("").size());
    const bool ephemeral = options.mode == CreateMode::ephemeral || options.mode == CreateMode::ephemeral_sequential;
    if (ephemeral) out.stat.ephemeral_owner = session_.id;
    co_return out;
  }
  auto message = read<jute::Create2Response>(reply->body, path);
  if (!message) co_return zk_failed(message);
  out.path = outside(message->path.value_or(*full));
  out.stat = message->stat;
  co_return out;
}

Task<ZkOutcome<>> ZooKeeper::remove(std::string path, std::int32_t version) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::DeleteRequest request{*full, version};
  auto reply = co_await ask(OpCode::remove, request, path);
  if (!reply) co_return zk_failed(reply);
  co_return ZkOutcome<>();
}

Task<ZkOutcome<ZkStat>> ZooKeeper::set(std::string path, std::optional<std::string> data, std::int32_t version) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::SetDataRequest request{*full, buffer_of(data), version};
  auto reply = co_await ask(OpCode::set_data, request, path);
  if (!reply) co_return zk_failed(reply);
  if (reply->told) {
    ZkStat stat;
    stat.mzxid = reply->told->zxid;
    stat.version = reply->told->version;
    stat.data_length = static_cast<std::int32_t>(data.value_or("").size());
    co_return stat;
  }
  auto message = read<jute::SetDataResponse>(reply->body, path);
  if (!message) co_return zk_failed(message);
  co_return message->stat;
}

Task<ZkOutcome<std::optional<ZkStat>>> ZooKeeper::exists(std::string path, WatcherRef watcher) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::ExistsRequest request{*full, watcher != nullptr};
  WatchWanted watch{watcher != nullptr, true, ZooKeeperWatches::Table::data, *full, watcher};
  auto reply = co_await ask(OpCode::exists, request, path, std::move(watch));
  if (!reply && reply.error().code == ZkError::no_node) co_return std::optional<ZkStat>();
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::ExistsResponse>(reply->body, path);
  if (!message) co_return zk_failed(message);
  co_return std::optional<ZkStat>(message->stat);
}

Task<ZkOutcome<NodeData>> ZooKeeper::get(std::string path, WatcherRef watcher) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::GetDataRequest request{*full, watcher != nullptr};
  WatchWanted watch{watcher != nullptr, false, ZooKeeperWatches::Table::data, *full, watcher};
  auto reply = co_await ask(OpCode::get_data, request, path, std::move(watch));
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::GetDataResponse>(reply->body, path);
  if (!message) co_return zk_failed(message);
  co_return node_data(*message);
}

Task<ZkOutcome<NodeChildren>> ZooKeeper::children(std::string path, WatcherRef watcher) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::GetChildren2Request request{*full, watcher != nullptr};
  WatchWanted watch{watcher != nullptr, false, ZooKeeperWatches::Table::child, *full, watcher};
  auto reply = co_await ask(OpCode::get_children2, request, path, std::move(watch));
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::GetChildren2Response>(reply->body, path);
  if (!message) co_return zk_failed(message);
  NodeChildren out;
  out.names = names_of(message->children);
  out.stat = message->stat;
  co_return out;
}

Task<ZkOutcome<NodeAcl>> ZooKeeper::get_acl(std::string path) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::GetAclRequest request{*full};
  auto reply = co_await ask(OpCode::get_acl, request, path);
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::GetAclResponse>(reply->body, path);
  if (!message) co_return zk_failed(message);
  NodeAcl out;
  out.stat = message->stat;
  if (message->acl) {
    for (const jute::Acl& a : *message->acl)
      out.acl.push_back({a.perms, std::string(a.id.scheme.value_or("")), std::string(a.id.id.value_or(""))});
  }
  co_return out;
}

Task<ZkOutcome<ZkStat>> ZooKeeper::set_acl(std::string path, std::vector<ZkAcl> acl, std::int32_t version) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::SetAclRequest request{*full, acl_view(acl), version};
  auto reply = co_await ask(OpCode::set_acl, request, path);
  if (!reply) co_return zk_failed(reply);
  if (reply->told) {
    ZkStat stat;
    stat.aversion = reply->told->version;
    co_return stat;
  }
  auto message = read<jute::SetAclResponse>(reply->body, path);
  if (!message) co_return zk_failed(message);
  co_return message->stat;
}

Task<ZkOutcome<>> ZooKeeper::sync(std::string path) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::SyncRequest request{*full};
  auto reply = co_await ask(OpCode::sync, request, path);
  if (!reply) co_return zk_failed(reply);
  co_return ZkOutcome<>();
}

// ---- Several at once

Task<ZkOutcome<std::vector<ZkOpResult>>> ZooKeeper::multi(std::vector<ZkOp> parts) {
  std::vector<std::string> paths;
  paths.reserve(parts.size());  // the request points into them
  jute::MultiRequest request;
  for (const ZkOp& part : parts) {
    const bool creates = part.op != OpCode::remove && part.op != OpCode::set_data && part.op != OpCode::check;
    HOLDFAST_ZK_PATH(full, part.path, creates && is_sequential(part.creation.mode));
    const std::string& path = paths.emplace_back(*full);
    jute::MultiRequest::Operation operation;
    operation.op = creates ? opcode_of(part.creation) : part.op;
    if (part.op == OpCode::remove) {
      operation.body = jute::DeleteRequest{path, part.version};
    } else if (part.op == OpCode::set_data) {
      operation.body = jute::SetDataRequest{path, buffer_of(part.data), part.version};
    } else if (part.op == OpCode::check) {
      operation.body = jute::CheckVersionRequest{path, part.version};
    } else if (operation.op == OpCode::create_ttl) {
      operation.body = create_ttl_request(path, part.data, part.creation);
    } else {
      operation.body = create_request(path, part.data, part.creation);
    }
    request.operations.push_back(std::move(operation));
  }
  auto reply = co_await ask(OpCode::multi, request, "multi");
  if (!reply) co_return zk_failed(reply);
  std::vector<ZkOpResult> out(parts.size());
  if (reply->told) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].op != OpCode::check && !is_sequential(parts[i].creation.mode)) out[i].path = parts[i].path;
      out[i].stat.mzxid = reply->told->zxid;
    }
    co_return out;
  }
  auto message = read<jute::MultiResponse>(reply->body, "multi");
  if (!message) co_return zk_failed(message);
  if (message->results.size() != parts.size())
    co_return zk_failed(ZkError::marshalling_error, "multi: the reply has another number of results");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& body = message->results[i].body;
    if (const auto* failure = std::get_if<jute::ErrorResponse>(&body)) {
      const auto error = static_cast<ZkError>(failure->err);
      if (error != ZkError::ok && error != ZkError::runtime_inconsistency) {
        auto refused =
            zk_failed(error, fmt::format("part {} of the multi, {} {}", i, jute::op_name(parts[i].op), parts[i].path));
        refused.error().part = static_cast<int>(i);
        co_return refused;
      }
      out[i].error = error;
    } else if (const auto* made = std::get_if<jute::Create2Response>(&body)) {
      out[i].path = outside(made->path.value_or(""));
      out[i].stat = made->stat;
    } else if (const auto* created = std::get_if<jute::CreateResponse>(&body)) {
      out[i].path = outside(created->path.value_or(""));
    } else if (const auto* changed = std::get_if<jute::SetDataResponse>(&body)) {
      out[i].stat = changed->stat;
    }
  }
  co_return out;
}

Task<ZkOutcome<std::vector<ZkReadResult>>> ZooKeeper::multi_read(std::vector<ZkRead> parts) {
  std::vector<std::string> paths;
  paths.reserve(parts.size());
  jute::MultiRequest request;
  for (const ZkRead& part : parts) {
    HOLDFAST_ZK_PATH(full, part.path, false);
    const std::string& path = paths.emplace_back(*full);
    jute::MultiRequest::Operation operation;
    operation.op = part.what == ZkRead::What::data ? OpCode::get_data : OpCode::get_children;
    if (part.what == ZkRead::What::data) {
      operation.body = jute::GetDataRequest{path, false};
    } else {
      operation.body = jute::GetChildrenRequest{path, false};
    }
    request.operations.push_back(std::move(operation));
  }
  auto reply = co_await ask(OpCode::multi_read, request, "multi");
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::MultiResponse>(reply->body, "multi");
  if (!message) co_return zk_failed(message);
  if (message->results.size() != parts.size())
    co_return zk_failed(ZkError::marshalling_error, "multi: the reply has another number of results");
  std::vector<ZkReadResult> out(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& body = message->results[i].body;
    if (const auto* failure = std::get_if<jute::ErrorResponse>(&body)) {
      out[i].error = static_cast<ZkError>(failure->err);
    } else if (const auto* data = std::get_if<jute::GetDataResponse>(&body)) {
      out[i].data = node_data(*data);
    } else if (const auto* children = std::get_if<jute::GetChildrenResponse>(&body)) {
      out[i].children = names_of(children->children);
    }
  }
  co_return out;
}

// ---- About the session, and the tree as a whole

Task<ZkOutcome<std::vector<std::string>>> ZooKeeper::ephemerals(std::string prefix) {
  HOLDFAST_ZK_PATH(full, prefix, false);
  const jute::GetEphemeralsRequest request{*full};
  auto reply = co_await ask(OpCode::get_ephemerals, request, prefix);
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::GetEphemeralsResponse>(reply->body, prefix);
  if (!message) co_return zk_failed(message);
  auto paths = names_of(message->ephemerals);
  for (std::string& path : paths) path = outside(path);
  co_return paths;
}

Task<ZkOutcome<std::int32_t>> ZooKeeper::all_children_number(std::string path) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::GetAllChildrenNumberRequest request{*full};
  auto reply = co_await ask(OpCode::get_all_children_number, request, path);
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::GetAllChildrenNumberResponse>(reply->body, path);
  if (!message) co_return zk_failed(message);
  co_return message->total_number;
}

Task<ZkOutcome<std::vector<ZkAuth>>> ZooKeeper::who_am_i() {
  auto reply = co_await perform(OpCode::who_am_i, Bytes(), "whoami", WatchWanted());
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::WhoAmIResponse>(reply->body, "whoami");
  if (!message) co_return zk_failed(message);
  std::vector<ZkAuth> out;
  if (message->client_info) {
    for (const jute::ClientInfo& info : *message->client_info)
      out.push_back({std::string(info.auth_scheme.value_or("")), std::string(info.user.value_or(""))});
  }
  co_return out;
}

// ---- Watches

Task<ZkOutcome<>> ZooKeeper::add_watch(std::string path, AddWatchMode mode, WatcherRef watcher) {
  HOLDFAST_ZK_PATH(full, path, false);
  const jute::AddWatchRequest request{*full, static_cast<std::int32_t>(mode)};
  WatchWanted watch{
      true, false,
      mode == AddWatchMode::persistent ? ZooKeeperWatches::Table::persistent : ZooKeeperWatches::Table::recursive,
      *full, std::move(watcher)};
  auto reply = co_await ask(OpCode::add_watch, request, path, std::move(watch));
  if (!reply) co_return zk_failed(reply);
  co_return ZkOutcome<>();
}

Task<ZkOutcome<>> ZooKeeper::remove_watches(std::string path, WatcherKind kind, WatcherRef watcher, bool local) {
  HOLDFAST_ZK_PATH(full, path, false);
  std::vector<std::pair<WatchType, std::weak_ptr<Watcher>>> removed;
  if (!watches_.remove(*full, kind, watcher.get(), removed)) co_return zk_failed(ZkError::no_watcher, path);
  // The server has one watch for all that stand behind it here.
  ZkOutcome<> answer;
  if (!watches_.holds(*full, kind)) {
    const jute::RemoveWatchesRequest request{*full, static_cast<std::int32_t>(kind)};
    auto reply = co_await ask(OpCode::remove_watches, request, path);
    const bool gone = !reply && (reply.error().code == ZkError::no_watcher || (local && reply.error().retriable()));
    if (!reply && !gone) answer = zk_failed(reply);
  }
  for (const auto& [type, known] : removed) {
    const WatcherRef told = known.lock();
    WatchEvent event;
    event.type = type;
    event.state = state_;
    event.path = path;
    if (told) (*told)(event);
  }
  co_return answer;
}

// ---- The ensemble

Task<ZkOutcome<NodeData>> ZooKeeper::config(WatcherRef watcher) {
  const jute::GetDataRequest request{config_path, watcher != nullptr};
  WatchWanted watch{watcher != nullptr, false, ZooKeeperWatches::Table::data, std::string(config_path), watcher};
  auto reply = co_await ask(OpCode::get_data, request, std::string(config_path), std::move(watch));
  if (!reply) co_return zk_failed(reply);
  auto message = read<jute::GetDataResponse>(reply->body, config_path);
  if (!message) co_return zk_failed(message);
  co_return node_data(*message);
}

Task<ZkOutcome<NodeData>> ZooKeeper::reconfig(std::optional<std::string> joining, std::optional<std::string> leaving,
                                              std::optional<std::string> members, std::int64_t from_version) {
  const jute::ReconfigRequest request{joining, leaving, members, from_version};
  auto reply = co_await ask(OpCode::reconfig, request, "reconfig");
  if (!reply) co_return zk_failed(reply);
  if (reply->told) {
    auto now = co_await config();
    co_return now;
  }
  auto message = read<jute::GetDataResponse>(reply->body, "reconfig");
  if (!message) co_return zk_failed(message);
  co_return node_data(*message);
}

#undef HOLDFAST_ZK_PATH

}  // namespace holdfast::client
