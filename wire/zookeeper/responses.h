// Bodies of replies: what follows the ReplyHeader when its err is 0. delete, setWatches, checkWatches, removeWatches,
// ping, auth and closeSession have none; reconfig answers with GetDataResponse, addWatch with ErrorResponse.
#pragma once

#include "wire/zookeeper/records.h"

namespace holdfast::wire::zk {

struct CreateResponse {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

struct Create2Response {
  Text path;
  Stat stat;
  static void fields(auto& m, auto& v) {
    v("path", m.path);
    v("stat", m.stat);
  }
};

struct ExistsResponse {
  Stat stat;
  static void fields(auto& m, auto& v) { v("stat", m.stat); }
};

struct GetDataResponse {
  Buffer data;
  Stat stat;
  static void fields(auto& m, auto& v) {
    v("data", m.data);
    v("stat", m.stat);
  }
};

struct SetDataResponse {
  Stat stat;
  static void fields(auto& m, auto& v) { v("stat", m.stat); }
};

struct GetAclResponse {
  List<Acl> acl;
  Stat stat;
  static void fields(auto& m, auto& v) {
    v("acl", m.acl);
    v("stat", m.stat);
  }
};

struct SetAclResponse {
  Stat stat;
  static void fields(auto& m, auto& v) { v("stat", m.stat); }
};

struct GetChildrenResponse {
  List<Text> children;
  static void fields(auto& m, auto& v) { v("children", m.children); }
};

struct GetChildren2Response {
  List<Text> children;
  Stat stat;
  static void fields(auto& m, auto& v) {
    v("children", m.children);
    v("stat", m.stat);
  }
};

struct GetAllChildrenNumberResponse {
  std::int32_t total_number = 0;
  static void fields(auto& m, auto& v) { v("totalNumber", m.total_number); }
};

struct GetEphemeralsResponse {
  List<Text> ephemerals;
  static void fields(auto& m, auto& v) { v("ephemerals", m.ephemerals); }
};

struct SyncResponse {
  Text path;
  static void fields(auto& m, auto& v) { v("path", m.path); }
};

struct WhoAmIResponse {
  List<ClientInfo> client_info;
  static void fields(auto& m, auto& v) { v("clientInfo", m.client_info); }
};

// Holdfast's own. Not known: it never came to be, or it is not among the session's last.
struct QueryResultResponse {
  bool known = false;
  std::int32_t type = 0;  // an OpCode; -1: it failed
  std::int32_t err = 0;   // of a multi: of the operation that failed
  std::int64_t zxid = 0;
  Text path;                 // of creates, as generated; null otherwise
  std::int32_t version = 0;  // of setData; of setACL the ACL's
  static void fields(auto& m, auto& v) {
    v("known", m.known);
    v("type", m.type);
    v("err", m.err);
    v("zxid", m.zxid);
    v("path", m.path);
    v("version", m.version);
  }
};

struct SetSaslResponse {
  Buffer token;
  static void fields(auto& m, auto& v) { v("token", m.token); }
};

struct GetMaxChildrenResponse {
  std::int32_t max = 0;
  static void fields(auto& m, auto& v) { v("max", m.max); }
};

}  // namespace holdfast::wire::zk
