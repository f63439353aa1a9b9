// ZkFailure: why a request to ZooKeeper came to nothing, always with one of ZooKeeper's own codes: the server's where
// it answered, and for what happened on the way to it those that its clients use (ConnectionLoss, SessionExpired).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "wire/zookeeper/errors.h"

namespace holdfast::client {

using wire::zk::ZkError;

struct ZkFailure {
  ZkError code = ZkError::system_error;
  std::string message;  // for people: what failed, on which znode; ends without a period
  int part = -1;        // of a multi: the first one that failed, from 0

  // The same request may succeed later. After ConnectionLoss a write may have been carried out all the same.
  bool retriable() const;
};

template <class T = void>
using ZkOutcome = std::expected<T, ZkFailure>;

// The message is `what`, or the code's name where that is empty.
std::unexpected<ZkFailure> zk_failed(ZkError code, std::string_view what = {});
// Passes on the failure of another outcome.
template <class T>
std::unexpected<ZkFailure> zk_failed(std::expected<T, ZkFailure>& other) {
  return std::unexpected<ZkFailure>(std::move(other.error()));
}
// As "NoNode: /a/b".
std::string to_string(const ZkFailure& failure);

}  // namespace holdfast::client
