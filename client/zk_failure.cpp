#include "client/zk_failure.h"

#include <fmt/format.h>

namespace holdfast::client {

bool ZkFailure::retriable() const {
  switch (code) {
    case ZkError::connection_loss:
    case ZkError::operation_timeout:
    case ZkError::request_timeout:
    case ZkError::throttled_op:
    case ZkError::reconfig_in_progress:
      return true;
    default:
      return false;
  }
}

std::unexpected<ZkFailure> zk_failed(ZkError code, std::string_view what) {
  return std::unexpected<ZkFailure>(std::in_place, code, std::string(what.empty() ? wire::zk::error_name(code) : what));
}

std::string to_string(const ZkFailure& failure) {
  const std::string_view name = wire::zk::error_name(failure.code);
  return failure.message == name ? failure.message : fmt::format("{}: {}", name, failure.message);
}

}  // namespace holdfast::client
