#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "client/cli_zk.h"
#include "client/zookeeper_path.h"
#include "runtime/random.h"

namespace holdfast::client {
namespace {

constexpr std::size_t reply_bytes_max = 256 << 20;  // a listing of millions
constexpr std::size_t removals_at_once = 100;

struct Connection {
  std::unique_ptr<Random> random = system_random();
  std::optional<ZooKeeper> zk;
};

// "Sun Nov 22 00:16:52 UTC 2026", as Java prints a date.
std::string java_date(std::int64_t ms) {
  constexpr std::int64_t seconds_max = 253'402'300'799;  // the year 9999
  const std::int64_t seconds = std::clamp<std::int64_t>(ms / 1000, 0, seconds_max);
  return fmt::format("{:%a %b %d %H:%M:%S UTC %Y}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

}  // namespace

Task<std::expected<ZooKeeper*, Exit>> open_zookeeper(Session& session, std::vector<std::string> auth) {
  for (const std::string& credentials : auth) {
    // It is not shown: it may be a password.
    const std::size_t colon = credentials.find(':');
    if (colon == std::string::npos || colon == 0)
      co_return std::unexpected(session.usage("--auth is USER:PASSWORD", "as --auth alice:secret"));
  }
  const Target& target = session.zookeeper();
  auto servers = parse_connect_string(target.address);
  if (!servers)
    co_return std::unexpected(
        session.usage(fmt::format("{} ({}): {}", target.address, target.source, servers.error().message),
                      "it is HOST:PORT,HOST:PORT/CHROOT"));
  ZooKeeperOptions options;
  options.servers = std::move(*servers);
  options.read_only = true;
  options.renew_session = false;
  options.reply_bytes_max = reply_bytes_max;
  for (const std::string& credentials : auth) options.auth.push_back({"digest", credentials});
  Connection& connection = session.keep(std::make_unique<Connection>());
  ZooKeeper& zk = connection.zk.emplace(session.shard(), session.network(), *connection.random, std::move(options));
  session.at_end([&zk] { return zk.close(); });
  auto connected = co_await zk.connect(session.timeout(), 1);
  if (!connected)
    co_return std::unexpected(
        session.fail(Exit::unreachable,
                     fmt::format("ZooKeeper at {} ({}): {}", target.address, target.source, connected.error().message),
                     "start a node with `holdfast server`, or name another with --zookeeper HOST:PORT"));
  co_return &zk;
}

std::string reason_of(const ZkFailure& failure, std::string_view doing) {
  const std::string about = fmt::format("{}: ", doing);
  return failure.message.starts_with(about) ? failure.message : about + failure.message;
}

Exit fail(Session& session, const ZkFailure& failure, std::string_view doing) {
  const auto say = [&](Exit exit, std::string_view what, std::string_view fix = {}) {
    return session.fail(exit, fmt::format("{}: {}", doing, what), fix);
  };
  switch (failure.code) {
    case ZkError::no_node:
      return say(Exit::not_found, "there is no such znode", "`holdfast zk ls PATH` shows what there is");
    case ZkError::node_exists:
      return say(Exit::refused, "it exists already");
    case ZkError::not_empty:
      return say(Exit::refused, "it has children", "--recursive deletes them, too");
    case ZkError::bad_version:
      return say(Exit::refused, "it has another version", "`holdfast zk stat PATH` shows it");
    case ZkError::no_auth:
      return say(Exit::refused, "no permission", "--auth USER:PASSWORD says who you are");
    case ZkError::no_children_for_ephemerals:
      return say(Exit::refused, "an ephemeral znode has no children");
    case ZkError::invalid_acl:
      return say(Exit::refused, "the ACL is not valid", "as world:anyone:cdrwa or digest:USER:HASH:rw");
    case ZkError::quota_exceeded:
      return say(Exit::refused, "the quota is used up");
    case ZkError::not_read_only:
      return say(Exit::refused, "the servers have no quorum, and only answer reads", "`holdfast quorum status`");
    case ZkError::unimplemented:
      return say(Exit::refused, "the server does not do that",
                 "znodes with a TTL need extendedTypesEnabled=true; changes of the quorum a quorum, and "
                 "reconfigEnabled=true");
    case ZkError::reconfig_disabled:
      return say(Exit::refused, "the quorum is not changed by requests here",
                 "set reconfigEnabled=true on its servers");
    case ZkError::new_config_no_quorum:
      return say(Exit::refused, "too few of the new voters are there and up to date", "start the new servers first");
    case ZkError::reconfig_in_progress:
      return say(Exit::refused, "another change is being carried out", "try again when it is");
    case ZkError::connection_loss:
    case ZkError::session_expired:
    case ZkError::operation_timeout:
      return session.fail(Exit::unreachable, reason_of(failure, doing), "`holdfast quorum status`");
    case ZkError::auth_failed:
      return say(Exit::refused, "the credentials were refused");
    case ZkError::bad_arguments:
      // What is wrong with a path is known before it is sent. A server does not say what it has against a request.
      if (failure.part < 0 && failure.message != doing) return session.usage(failure.message);
      return say(Exit::refused, "the server refuses that (BadArguments)",
                 doing.starts_with("/zookeeper") ? "/zookeeper and what ZooKeeper keeps there are its own" : "");
    default:
      return say(Exit::failed, to_string(failure));
  }
}

Exit fail(Session& session, const TreeFailure& failure) { return fail(session, failure.why, failure.path); }

// ---- Texts

std::string permissions_text(std::int32_t permissions) {
  constexpr std::pair<std::int32_t, char> letters[] = {{permission::create, 'c'},
                                                       {permission::remove, 'd'},
                                                       {permission::read, 'r'},
                                                       {permission::write, 'w'},
                                                       {permission::admin, 'a'}};
  std::string out;
  for (const auto& [bit, letter] : letters) {
    if (permissions & bit) out += letter;
  }
  return out;
}

std::optional<std::vector<ZkAcl>> parse_acl(std::string_view text) {
  std::vector<ZkAcl> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t first = one.find(':'), last = one.rfind(':');
    if (first == std::string_view::npos || first == last) return std::nullopt;
    ZkAcl acl;
    acl.scheme = one.substr(0, first);
    acl.id = one.substr(first + 1, last - first - 1);
    acl.permissions = 0;
    for (const char letter : one.substr(last + 1)) {
      const std::size_t at = std::string_view("rwcda").find(letter);
      if (at == std::string_view::npos) return std::nullopt;
      acl.permissions |= 1 << at;
    }
    out.push_back(std::move(acl));
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::string stat_text(const ZkStat& s) {
  return fmt::format(
      "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\ndataVersion = {}\n"
      "aclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\nnumChildren = {}\n",
      static_cast<std::uint64_t>(s.czxid), java_date(s.ctime), static_cast<std::uint64_t>(s.mzxid), java_date(s.mtime),
      static_cast<std::uint64_t>(s.pzxid), s.cversion, s.version, s.aversion,
      static_cast<std::uint64_t>(s.ephemeral_owner), s.data_length, s.num_children);
}

std::string acl_text(const std::vector<ZkAcl>& acl) {
  std::string out;
  for (const ZkAcl& a : acl) out += fmt::format("'{},'{}\n: {}\n", a.scheme, a.id, permissions_text(a.permissions));
  return out;
}

std::string base64_text(std::string_view data) {
  std::string out((data.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), as_bytes(data).data(),
                                     static_cast<int>(data.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> base64_data(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), as_bytes(text).data(),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  // The padding was decoded, too.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

// ---- Trees

Task<TreeOutcome<std::vector<std::string>>> subtree(ZooKeeper& zk, std::string path, std::size_t depth_max) {
  // Breadth first, as zkCli lists it.
  std::vector<std::pair<std::string, std::size_t>> found{{path, 0}};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [parent, depth] = found[i];
    if (depth >= depth_max) continue;
    auto children = co_await zk.children(parent);
    if (!children && children.error().code == ZkError::no_node && i > 0) {
      found[i].first.clear();
      continue;
    }
    if (!children) co_return std::unexpected(TreeFailure{parent, std::move(children.error())});
    std::ranges::sort(children->names);
    for (const std::string& name : children->names) found.emplace_back(zk_join(parent, name), depth + 1);
  }
  std::vector<std::string> out;
  for (auto& [at, depth] : found) {
    if (!at.empty()) out.push_back(std::move(at));
  }
  co_return out;
}

Task<TreeOutcome<>> remove_subtree(ZooKeeper& zk, std::string path) {
  auto all = co_await subtree(zk, path);
  if (!all) co_return std::unexpected(std::move(all.error()));
  std::erase(*all, "/");
  while (!all->empty()) {
    const std::size_t count = std::min(removals_at_once, all->size());
    const std::vector<std::string> batch(all->rbegin(), all->rbegin() + static_cast<std::ptrdiff_t>(count));
    all->resize(all->size() - count);
    std::vector<ZkOp> parts;
    for (const std::string& one : batch) parts.push_back(ZkOp::remove(one));
    auto removed = co_await zk.multi(std::move(parts));
    if (removed) continue;
    if (removed.error().code != ZkError::no_node) {
      const auto part = static_cast<std::size_t>(removed.error().part);
      const std::string& refused = part < batch.size() ? batch[part] : path;
      co_return std::unexpected(TreeFailure{refused, std::move(removed.error())});
    }
    // One of them has gone meanwhile, as an ephemeral may: then one by one.
    for (const std::string& one : batch) {
      auto gone = co_await zk.remove(one);
      if (!gone && gone.error().code != ZkError::no_node)
        co_return std::unexpected(TreeFailure{one, std::move(gone.error())});
    }
  }
  co_return TreeOutcome<>();
}

}  // namespace holdfast::client
