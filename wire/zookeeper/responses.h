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

struct SetSaslResponse {
  Buffer token;
  static void fields(auto& m, auto& v) { v("token", m.token); }
};

struct GetMaxChildrenResponse {
  std::int32_t max = 0;
  static void fields(auto& m, auto& v) { v("max", m.max); }
};

}  // namespace holdfast::wire::zk
