// ZooKeeper's error codes as they stand in reply headers and multi results (KeeperException.Code), and its opcodes.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::wire::zk {

enum class ZkError : std::int32_t {
  ok = 0,
  system_error = -1,
  runtime_inconsistency = -2,  // in a failed multi: the operations after the one that failed
  data_inconsistency = -3,
  connection_loss = -4,
  marshalling_error = -5,
  unimplemented = -6,
  operation_timeout = -7,
  bad_arguments = -8,
  unknown_session = -12,
  new_config_no_quorum = -13,
  reconfig_in_progress = -14,
  api_error = -100,
  no_node = -101,
  no_auth = -102,
  bad_version = -103,
  no_children_for_ephemerals = -108,
  node_exists = -110,
  not_empty = -111,
  session_expired = -112,
  invalid_callback = -113,
  invalid_acl = -114,
  auth_failed = -115,
  session_moved = -118,
  not_read_only = -119,
  ephemeral_on_local_session = -120,
  no_watcher = -121,
  request_timeout = -122,
  reconfig_disabled = -123,
  session_closed_require_sasl_auth = -124,
  quota_exceeded = -125,
  throttled_op = -127,
};

// As KeeperException prints it: "NoNode", "Session expired"; "Unknown" for a code nobody knows.
std::string_view error_name(ZkError error);

// The `type` of a request header, of a multi header and of a transaction header.
enum class OpCode : std::int32_t {
  notification = 0,
  create = 1,
  remove = 2,  // delete
  exists = 3,
  get_data = 4,
  set_data = 5,
  get_acl = 6,
  set_acl = 7,
  get_children = 8,
  sync = 9,
  ping = 11,
  get_children2 = 12,
  check = 13,  // inside a multi only
  multi = 14,
  create2 = 15,
  reconfig = 16,
  check_watches = 17,
  remove_watches = 18,
  create_container = 19,
  delete_container = 20,  // a server's own; from a client it would delete without a check of ACLs
  create_ttl = 21,
  multi_read = 22,
  auth = 100,
  set_watches = 101,
  sasl = 102,
  get_ephemerals = 103,
  get_all_children_number = 104,
  set_watches2 = 105,
  add_watch = 106,
  who_am_i = 107,
  query_result = 1001,  // Holdfast's own: no ZooKeeper knows it
  create_session = -10,
  close_session = -11,
  error = -1,
};

// "getData", as ZooKeeper spells it; empty for a type nobody knows.
std::string_view op_name(OpCode op);

// Transaction ids of requests and replies that are not a client's own numbering.
inline constexpr std::int32_t xid_watch_event = -1;
inline constexpr std::int32_t xid_ping = -2;
inline constexpr std::int32_t xid_auth = -4;
inline constexpr std::int32_t xid_set_watches = -8;

}  // namespace holdfast::wire::zk
