// Failure: why a request of a client came to nothing, always with one of Kafka's error codes: the broker's own where it
// answered, and for what happened on the way to it those that Kafka's clients use (NETWORK_EXCEPTION,
// REQUEST_TIMED_OUT, UNSUPPORTED_VERSION...).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/result.h"
#include "wire/kafka/errors.h"

namespace holdfast::client {

struct Failure {
  wire::ErrorCode code = wire::ErrorCode::unknown_server_error;
  std::string message;  // for people: what failed, on which topic or broker; ends without a period

  Failure(wire::ErrorCode c, std::string m) : code(c), message(std::move(m)) {}

  bool retriable() const;  // the same request may succeed later, or at another broker
};

template <class T = void>
using Outcome = std::expected<T, Failure>;

// The message is `what`, or the code's own text where that is empty.
std::unexpected<Failure> failed(wire::ErrorCode code, std::string_view what = {});
// What the network or a codec said.
std::unexpected<Failure> failed(const Error& error);
// Passes on the failure of another outcome.
template <class T>
std::unexpected<Failure> failed(std::expected<T, Failure>& other) {
  return std::unexpected<Failure>(std::move(other.error()));
}
// As "NOT_CONTROLLER: This is not the correct controller for this cluster".
std::string to_string(const Failure& failure);

}  // namespace holdfast::client
