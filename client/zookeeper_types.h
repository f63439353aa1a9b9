// What a coordination client gives to ZooKeeper and gets back: options, nodes, ACLs, watches, the parts of a multi.
// Everything here owns its bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/zk_failure.h"
#include "runtime/clock.h"
#include "runtime/network.h"
#include "runtime/result.h"
#include "wire/zookeeper/records.h"

namespace holdfast::client {

using wire::zk::OpCode;
using ZkStat = wire::zk::Stat;

inline constexpr std::uint16_t zookeeper_port = 2181;

// "host:port,host:port/chroot".
struct ZkServers {
  std::vector<Endpoint> servers;
  std::string chroot;  // empty: none
};
Result<ZkServers> parse_connect_string(std::string_view text);

// Who may speak for a session. Whoever has it can go on with the session from another process.
struct ZkSession {
  std::int64_t id = 0;
  std::string password;
};

struct ZkAuth {
  std::string scheme;  // "digest", with "user:password"
  std::string credentials;
};

struct ZooKeeperOptions {
  ZkServers servers;
  Duration session_timeout = std::chrono::seconds(30);  // as asked for; the servers have bounds of their own
  bool read_only = false;                               // a server without a quorum will do, for reads
  bool renew_session = true;                            // when it has expired, the next one is opened at once
  std::size_t reply_bytes_max = 4 << 20;                // jute.maxbuffer: a longer reply is refused
  ZkSession session;                                    // to go on with; no id: a new one
  std::vector<ZkAuth> auth;
};

enum class SessionState : std::uint8_t {
  connecting,
  connected,
  read_only,  // connected to a server without a quorum, which does not keep the session alive
  doubtful,   // nothing was heard for as long as a session lives: the servers may have ended it
  expired,
  auth_failed,  // the servers refused the credentials: for good
  closed,
};
std::string_view to_string(SessionState state);

enum class WatchType : std::int8_t {
  session = -1,  // of no path: the session's state has changed
  created = 1,
  deleted = 2,
  data_changed = 3,
  children_changed = 4,
  data_watch_removed = 5,
  child_watch_removed = 6,
  persistent_watch_removed = 7,
};
std::string_view to_string(WatchType type);  // "NodeCreated", as ZooKeeper prints it

struct WatchEvent {
  WatchType type = WatchType::session;
  SessionState state = SessionState::connected;
  std::string path;
  std::int64_t zxid = -1;  // of the transaction; -1: the server does not tell
};

// A watcher is called on the client's shard, and as long as somebody but the client holds it.
using Watcher = std::function<void(const WatchEvent&)>;
using WatcherRef = std::shared_ptr<Watcher>;
template <class F>
WatcherRef make_watcher(F f) {
  return std::make_shared<Watcher>(std::move(f));
}

enum class AddWatchMode : std::int32_t { persistent = 0, persistent_recursive = 1 };
enum class WatcherKind : std::int32_t { children = 1, data = 2, any = 3, persistent = 4, persistent_recursive = 5 };

namespace permission {
inline constexpr std::int32_t read = 1, write = 2, create = 4, remove = 8, admin = 16, all = 31;
}
struct ZkAcl {
  std::int32_t permissions = permission::all;
  std::string scheme, id;
  bool operator==(const ZkAcl&) const = default;
};
std::vector<ZkAcl> open_acl();                                            // everybody may do everything
std::vector<ZkAcl> creator_acl();                                         // whoever is authenticated as its creator may
std::string digest_id(std::string_view user, std::string_view password);  // "user:base64", as it stands in ACLs

enum class CreateMode : std::int32_t {
  persistent = 0,
  ephemeral = 1,
  persistent_sequential = 2,
  ephemeral_sequential = 3,
  container = 4,  // goes when its last child has gone
  persistent_with_ttl = 5,
  persistent_sequential_with_ttl = 6,
};
bool is_sequential(CreateMode mode);

struct CreateOptions {
  CreateMode mode = CreateMode::persistent;
  std::vector<ZkAcl> acl = open_acl();
  std::chrono::milliseconds ttl{0};
};

// A result that comes with a Stat, where the reply was lost and the outcome asked for: what the outcome tells is in it
// (zxids, versions, the owner, the length of the data); times and what concerns the children are 0.
struct Created {
  std::string path;
  ZkStat stat;
};
struct NodeData {
  std::string data;
  ZkStat stat;
  bool null = false;  // there is no data at all, which is not the same as empty
};
struct NodeChildren {
  std::vector<std::string> names;  // in no order
  ZkStat stat;
};
struct NodeAcl {
  std::vector<ZkAcl> acl;
  ZkStat stat;
};

// A part of a multi.
struct ZkOp {
  OpCode op = OpCode::check;
  std::string path;
  std::optional<std::string> data;
  std::int32_t version = -1;
  CreateOptions creation;

  static ZkOp create(std::string path, std::optional<std::string> data = {}, CreateOptions options = {});
  static ZkOp set(std::string path, std::optional<std::string> data, std::int32_t version = -1);
  static ZkOp remove(std::string path, std::int32_t version = -1);
  static ZkOp check(std::string path, std::int32_t version);  // it exists, in this version (-1: any)
};
struct ZkOpResult {
  ZkError error = ZkError::ok;
  std::string path;  // of a create
  ZkStat stat;       // of a create and a set
};

// A part of a multi that reads.
struct ZkRead {
  enum class What : std::uint8_t { data, children };
  std::string path;
  What what = What::data;
};
struct ZkReadResult {
  ZkError error = ZkError::ok;
  NodeData data;
  std::vector<std::string> children;
};

}  // namespace holdfast::client
