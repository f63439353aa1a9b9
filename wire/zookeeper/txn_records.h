// Records that ZooKeeper servers store (transaction logs, snapshots) and send each other: for reading their files.
#pragma once

#include "wire/zookeeper/records.h"

namespace holdfast::wire::zk {

struct TxnHeader {
  std::int64_t client_id = 0;
  std::int32_t cxid = 0;
  std::int64_t zxid = 0;
  std::int64_t time = 0;
  std::int32_t type = 0;
  static void fields(auto& m, auto& v) {
    v("clientId", m.client_id);
    v("cxid", m.cxid);
    v("zxid", m.zxid);
    v("time", m.time);
    v("type", m.type);
  }
};

struct TxnDigest {
  std::int32_t version = 0;
  std::int64_t tree_digest = 0;
  static void fields(auto& m, auto& v) {
    v("version", m.version);
    v("treeDigest", m.tree_digest);
  }
};

// Before 3.4.
struct CreateTxnV0 {
  Text path;
  Buffer data;
  List<Acl> acl;
  bool ephemeral = false;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("acl", m.acl);
    v("ephemeral", m.ephemeral);
  }
};

struct CreateTxn {
  Text path;
  Buffer data;
  List<Acl> acl;
  bool ephemeral = false;
  std::int32_t parent_cversion = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("acl", m.acl);
    v("ephemeral", m.ephemeral);
    v("parentCVersion", m.parent_cversion);
  }
};

struct CreateTtlTxn {
  Text path;
  Buffer data;
  List<Acl> acl;
  std::int32_t parent_cversion = 0;
  std::int64_t ttl = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("acl", m.acl);
    v("parentCVersion", m.parent_cversion);
    v("ttl", m.ttl);
  }
};

struct CreateContainerTxn {
  Text path;
  Buffer data;
  List<Acl> acl;
  std::int32_t parent_cversion = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("acl", m.acl);
    v("parentCVersion", m.parent_cversion);
  }
};

struct DeleteTxn {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

struct SetDataTxn {
  Text path;
  Buffer data;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("data", m.data);
    v("version", m.version);
  }
};

struct SetAclTxn {
  Text path;
  List<Acl> acl;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("acl", m.acl);
    v("version", m.version);
  }
};

struct CheckVersionTxn {
  Text path;
  std::int32_t version = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("version", m.version);
  }
};

struct SetMaxChildrenTxn {
  Text path;
  std::int32_t max = 0;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("max", m.max);
  }
};

struct CreateSessionTxn {
  std::int32_t time_out = 0;
  static void fields(auto& m, auto& v) { v("timeOut", m.time_out); }
};

struct CloseSessionTxn {
  List<Text> paths_to_delete;
  static void fields(auto& m, auto& v) { v("paths2Delete", m.paths_to_delete); }
};

struct ErrorTxn {
  std::int32_t err = 0;
  static void fields(auto& m, auto& v) { v("err", m.err); }
};

// One operation of a multi: the record of `type`, encoded.
struct Txn {
  std::int32_t type = 0;
  Buffer data;
  static void fields(auto& m, auto& v) {
    v("type", m.type);
    v("data", m.data);
  }
};

struct MultiTxn {
  List<Txn> txns;
  static void fields(auto& m, auto& v) { v("txns", m.txns); }
};

// At the head of transaction logs ("ZKLG") and snapshots ("ZKSN").
struct FileHeader {
  std::int32_t magic = 0;
  std::int32_t version = 0;
  std::int64_t database_id = 0;
  static void fields(auto& m, auto& v) {
    v("magic", m.magic);
    v("version", m.version);
    v("dbid", m.database_id);
  }
};

// In snapshots.
struct StatPersisted {
  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t ctime = 0;
  std::int64_t mtime = 0;
  std::int32_t version = 0;
  std::int32_t cversion = 0;
  std::int32_t aversion = 0;
  std::int64_t ephemeral_owner = 0;
  std::int64_t pzxid = 0;
  static void fields(auto& m, auto& v) {
    v("czxid", m.czxid);
    v("mzxid", m.mzxid);
    v("ctime", m.ctime);
    v("mtime", m.mtime);
    v("version", m.version);
    v("cversion", m.cversion);
    v("aversion", m.aversion);
    v("ephemeralOwner", m.ephemeral_owner);
    v("pzxid", m.pzxid);
  }
};

struct LearnerInfo {
  std::int64_t server_id = 0;
  std::int32_t protocol_version = 0;
  std::int64_t config_version = 0;
  static void fields(auto& m, auto& v) {
    v("serverid", m.server_id);
    v("protocolVersion", m.protocol_version);
    v("configVersion", m.config_version);
  }
};

// Between servers.
struct QuorumPacket {
  std::int32_t type = 0;
  std::int64_t zxid = 0;
  Buffer data;
  List<Id> auth_info;
  static void fields(auto& m, auto& v) {
    v("type", m.type);
    v("zxid", m.zxid);
    v("data", m.data);
    v("authinfo", m.auth_info);
  }
};

struct QuorumAuthPacket {
  std::int64_t magic = 0;
  std::int32_t status = 0;
  Buffer token;
  static void fields(auto& m, auto& v) {
    v("magic", m.magic);
    v("status", m.status);
    v("token", m.token);
  }
};

}  // namespace holdfast::wire::zk
