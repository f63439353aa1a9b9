#include "client/failure.h"

#include <fmt/format.h>

namespace holdfast::client {

using wire::ErrorCode;

bool Failure::retriable() const { return wire::error_is_retriable(code); }

std::unexpected<Failure> failed(ErrorCode code, std::string_view what) {
  std::string_view text = what.empty() ? wire::error_message(code) : what;
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::unexpected<Failure>(std::in_place, code, std::string(text));
}

std::unexpected<Failure> failed(const Error& error) {
  const auto code = [&] {
    switch (error.kind) {
      case ErrorKind::timed_out:
        return ErrorCode::request_timed_out;
      case ErrorKind::unsupported:
        return ErrorCode::unsupported_version;
      case ErrorKind::invalid_input:
      case ErrorKind::corrupt:
      case ErrorKind::internal:
        return ErrorCode::unknown_server_error;
      default:
        return ErrorCode::network_exception;
    }
  }();
  return failed(code, error.message);
}

std::string to_string(const Failure& failure) {
  return fmt::format("{}: {}", wire::error_name(failure.code), failure.message);
}

}  // namespace holdfast::client
