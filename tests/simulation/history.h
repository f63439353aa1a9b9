// History: what the clients asked and were told, when, and what the servers committed: all that the checkers look at.
// Plain data, so that a test can write one by hand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coordination/txn.h"
#include "runtime/clock.h"
#include "wire/zookeeper/errors.h"
#include "wire/zookeeper/records.h"

namespace holdfast::sim {

using wire::zk::Stat;
using wire::zk::ZkError;

struct Create {
  std::string path{}, data{};
  std::int32_t flags = 0;  // CreateMode
  bool container = false;
  std::int64_t ttl_ms = 0;
  bool with_stat = true;  // create2 rather than create
};
struct Set {
  std::string path, data;
  std::int32_t version = -1;
};
struct Delete {
  std::string path;
  std::int32_t version = -1;
};
struct Check {
  std::string path;
  std::int32_t version = -1;
};
using Part = std::variant<Create, Set, Delete, Check>;
struct Multi {
  std::vector<Part> parts;
};
struct CloseSession {};

struct Get {
  std::string path;
  bool watch = false;
};
struct Exists {
  std::string path;
  bool watch = false;
};
struct Children {
  std::string path;
  bool watch = false;
};
struct Sync {
  std::string path;
};
struct SetWatches {  // what a client had armed when its connection broke
  std::int64_t relative_zxid = 0;
  std::vector<std::string> data, exist, child;
};

using Request = std::variant<Create, Set, Delete, Multi, CloseSession, Get, Exists, Children, Sync, SetWatches>;
inline bool is_write(const Request& r) { return r.index() <= 4; }

struct PartReply {
  ZkError error = ZkError::ok;
  std::string path;
  std::optional<Stat> stat;
};
struct Reply {
  std::int64_t zxid = 0;
  ZkError error = ZkError::ok;
  std::string path;
  std::optional<Stat> stat;
  std::string data;
  std::vector<std::string> children;
  std::vector<PartReply> parts;
};

struct Operation {
  std::int64_t session = 0;
  std::int32_t xid = 0;
  Request request;
  SteadyTime invoked{};
  std::optional<SteadyTime> returned;  // never: nobody knows whether it was carried out
  Reply reply;
};

struct WatchEvent {
  std::int32_t type = 0;  // 1 created, 2 deleted, 3 data changed, 4 children changed
  std::string path;
  std::int64_t zxid = 0;  // -1: what a reconnected client had missed
};
// What a connection received, in its order: the answer to an operation, or an event.
struct Heard {
  std::optional<std::size_t> operation;
  WatchEvent event;
};
struct ClientConnection {
  std::int64_t session = 0;
  std::vector<Heard> heard;
};

struct SessionRecord {
  std::int32_t timeout_ms = 0;
  struct Answered {
    SteadyTime sent, received;
  };
  std::vector<Answered> answered{};        // every message, pings too
  std::optional<SteadyTime> refused;       // when a server first said that it is expired
  std::vector<std::size_t> connections{};  // in their order
};

struct Committed {
  zk::Txn txn;
  SteadyTime at{};                      // when some server was first seen to have applied it
  std::optional<SteadyTime> decided{};  // no earlier than that, if known
};

struct History {
  std::vector<Operation> operations;
  std::vector<ClientConnection> connections;
  std::map<std::int64_t, SessionRecord> sessions;
  std::vector<Committed> committed;  // in zxid order
  // When servers were down, or could not all talk to each other and to their disks.
  std::vector<std::pair<SteadyTime, SteadyTime>> disturbed;
  std::vector<std::string> complaints;  // of clients: answers that no protocol allows
};

// What a checker found wrong, one line each.
using Violations = std::vector<std::string>;

std::string describe(const Request& request);
std::string describe(const Operation& operation);

}  // namespace holdfast::sim
