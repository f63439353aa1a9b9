#include "wire/zookeeper/errors.h"

namespace holdfast::wire::zk {

std::string_view error_name(ZkError error) {
  switch (error) {
    case ZkError::ok:
      return "ok";
    case ZkError::system_error:
      return "SystemError";
    case ZkError::runtime_inconsistency:
      return "RuntimeInconsistency";
    case ZkError::data_inconsistency:
      return "DataInconsistency";
    case ZkError::connection_loss:
      return "ConnectionLoss";
    case ZkError::marshalling_error:
      return "MarshallingError";
    case ZkError::unimplemented:
      return "Unimplemented";
    case ZkError::operation_timeout:
      return "OperationTimeout";
    case ZkError::bad_arguments:
      return "BadArguments";
    case ZkError::unknown_session:
      return "UnknownSession";
    case ZkError::new_config_no_quorum:
      return "NewConfigNoQuorum";
    case ZkError::reconfig_in_progress:
      return "ReconfigInProgress";
    case ZkError::api_error:
      return "APIError";
    case ZkError::no_node:
      return "NoNode";
    case ZkError::no_auth:
      return "NoAuth";
    case ZkError::bad_version:
      return "BadVersion";
    case ZkError::no_children_for_ephemerals:
      return "NoChildrenForEphemerals";
    case ZkError::node_exists:
      return "NodeExists";
    case ZkError::not_empty:
      return "Directory not empty";
    case ZkError::session_expired:
      return "Session expired";
    case ZkError::invalid_callback:
      return "Invalid callback";
    case ZkError::invalid_acl:
      return "InvalidACL";
    case ZkError::auth_failed:
      return "AuthFailed";
    case ZkError::session_moved:
      return "Session moved";
    case ZkError::not_read_only:
      return "Not a read-only call";
    case ZkError::ephemeral_on_local_session:
      return "Ephemeral node on local session";
    case ZkError::no_watcher:
      return "No such watcher";
    case ZkError::request_timeout:
      return "Request timeout";
    case ZkError::reconfig_disabled:
      return "Reconfig is disabled";
    case ZkError::session_closed_require_sasl_auth:
      return "Session closed because client failed to authenticate";
    case ZkError::quota_exceeded:
      return "Quota has exceeded";
    case ZkError::throttled_op:
      return "Op throttled due to high load";
  }
  return "Unknown";
}

std::string_view op_name(OpCode op) {
  switch (op) {
    case OpCode::notification:
      return "notification";
    case OpCode::create:
      return "create";
    case OpCode::remove:
      return "delete";
    case OpCode::exists:
      return "exists";
    case OpCode::get_data:
      return "getData";
    case OpCode::set_data:
      return "setData";
    case OpCode::get_acl:
      return "getACL";
    case OpCode::set_acl:
      return "setACL";
    case OpCode::get_children:
      return "getChildren";
    case OpCode::sync:
      return "sync";
    case OpCode::ping:
      return "ping";
    case OpCode::get_children2:
      return "getChildren2";
    case OpCode::check:
      return "check";
    case OpCode::multi:
      return "multi";
    case OpCode::create2:
      return "create2";
    case OpCode::reconfig:
      return "reconfig";
    case OpCode::check_watches:
      return "checkWatches";
    case OpCode::remove_watches:
      return "removeWatches";
    case OpCode::create_container:
      return "createContainer";
    case OpCode::delete_container:
      return "deleteContainer";
    case OpCode::create_ttl:
      return "createTTL";
    case OpCode::multi_read:
      return "multiRead";
    case OpCode::auth:
      return "auth";
    case OpCode::set_watches:
      return "setWatches";
    case OpCode::sasl:
      return "sasl";
    case OpCode::get_ephemerals:
      return "getEphemerals";
    case OpCode::get_all_children_number:
      return "getAllChildrenNumber";
    case OpCode::set_watches2:
      return "setWatches2";
    case OpCode::add_watch:
      return "addWatch";
    case OpCode::who_am_i:
      return "whoAmI";
    case OpCode::query_result:
      return "queryResult";
    case OpCode::create_session:
      return "createSession";
    case OpCode::close_session:
      return "closeSession";
    case OpCode::error:
      return "error";
  }
  return {};
}

}  // namespace holdfast::wire::zk
