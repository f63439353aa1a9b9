// Bodies of requests: what follows the RequestHeader. ping, closeSession and whoAmI have none.
#pragma once

#include "wire/zookeeper/records.h"

namespace holdfast::wire::zk {

// create, create2, createContainer.
struct CreateRequest {
  Text path;
  Buffer data;
  List<Acl> acl;
  std::int32_t flags = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("acl", m.acl);
    v("flags", m.flags);
  }
};

struct CreateTtlRequest {
  Text path;
  Buffer data;
  List<Acl> acl;
  std::int32_t flags = 0;
  std::int64_t ttl = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("acl", m.acl);
    v("flags", m.flags);
    v("ttl", m.ttl);
  }
};

struct DeleteRequest {
  Text path;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("version", m.version);
  }
};

struct ExistsRequest {
  Text path;
  bool watch = false;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("watch", m.watch);
  }
};

struct GetDataRequest {
  Text path;
  bool watch = false;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("watch", m.watch);
  }
};

struct SetDataRequest {
  Text path;
  Buffer data;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("version", m.version);
  }
};

struct GetAclRequest {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

// `version` is the expected aversion.
struct SetAclRequest {
  Text path;
  List<Acl> acl;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("acl", m.acl);
    v("version", m.version);
  }
};

struct GetChildrenRequest {
  Text path;
  bool watch = false;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("watch", m.watch);
  }
};

struct GetChildren2Request {
  Text path;
  bool watch = false;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("watch", m.watch);
  }
};

struct GetAllChildrenNumberRequest {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

struct GetEphemeralsRequest {
  Text prefix_path;
  static void fields(auto& m, auto& v) { v("prefixPath", m.prefix_path); }
};

// Inside a multi only.
struct CheckVersionRequest {
  Text path;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("version", m.version);
  }
};

struct SyncRequest {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

struct ReconfigRequest {
  Text joining_servers;
  Text leaving_servers;
  Text new_members;
  std::int64_t cur_config_id = 0;
  static void fields(auto& m, auto& v) {
    v("joiningServers", m.joining_servers);
    v("leavingServers", m.leaving_servers);
    v("newMembers", m.new_members);
    v("curConfigId", m.cur_config_id);
  }
};

// `type` is always 0.
struct AuthPacket {
  std::int32_t type = 0;
  Text scheme;
  Buffer auth;
  static void fields(auto& m, auto& v) {
    v("type", m.type);
    v("scheme", m.scheme);
    v("auth", m.auth);
  }
};

// A client's token; SetSaslResponse answers with the server's.
struct GetSaslRequest {
  Buffer token;
  static void fields(auto& m, auto& v) { v("token", m.token); }
};

struct SetSaslRequest {
  Buffer token;
  static void fields(auto& m, auto& v) { v("token", m.token); }
};

struct SetWatches {
  std::int64_t relative_zxid = 0;
  List<Text> data_watches;
  List<Text> exist_watches;
  List<Text> child_watches;
  static void fields(auto& m, auto& v) {
    v("relativeZxid", m.relative_zxid);
    v("dataWatches", m.data_watches);
    v("existWatches", m.exist_watches);
    v("childWatches", m.child_watches);
  }
};

struct SetWatches2 {
  std::int64_t relative_zxid = 0;
  List<Text> data_watches;
  List<Text> exist_watches;
  List<Text> child_watches;
  List<Text> persistent_watches;
  List<Text> persistent_recursive_watches;
  static void fields(auto& m, auto& v) {
    v("relativeZxid", m.relative_zxid);
    v("dataWatches", m.data_watches);
    v("existWatches", m.exist_watches);
    v("childWatches", m.child_watches);
    v("persistentWatches", m.persistent_watches);
    v("persistentRecursiveWatches", m.persistent_recursive_watches);
  }
};

struct AddWatchRequest {
  Text path;
  std::int32_t mode = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("mode", m.mode);
  }
};

struct CheckWatchesRequest {
  Text path;
  std::int32_t type = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("type", m.type);
  }
};

struct RemoveWatchesRequest {
  Text path;
  std::int32_t type = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("type", m.type);
  }
};

// Holdfast's own: what became of an earlier write of this session, by its xid.
struct QueryResultRequest {
  std::int32_t cxid = 0;
  static void fields(auto& m, auto& v) { v("cxid", m.cxid); }
};

// Declared by the protocol, served by nobody.
struct SetMaxChildrenRequest {
  Text path;
  std::int32_t max = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("max", m.max);
  }
};

struct GetMaxChildrenRequest {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

}  // namespace holdfast::wire::zk
