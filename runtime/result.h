// Result: how expected failures travel. An Error says what happened by cause, so that whoever knows the protocol can
// turn it into that protocol's own code; exceptions are for broken invariants only.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

enum class ErrorKind : std::uint8_t {
  invalid_input,  // bytes or arguments that break a rule of their format
  corrupt,        // data at rest that fails its checksum or contradicts itself
  io,             // the disk or the network failed; the object must be taken out of service
  no_space,       // ENOSPC or EDQUOT: reads go on, appends are refused
  not_found,
  already_exists,
  out_of_range,
  closed,  // the object is stopping or was closed by its peer
  timed_out,
  unsupported,
  exhausted,  // a configured bound was reached
  internal,   // our own bug, reported instead of continued
};

std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;  // what happened, to which object; ends without a period
  int os_error = 0;     // errno, when the operating system said it

  Error(ErrorKind k, std::string m, int e = 0) : kind(k), message(std::move(m)), os_error(e) {}
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, int os_error = 0) {
  return std::unexpected<Error>(std::in_place, kind, std::move(message), os_error);
}
// Passes on the error of another result: `if (!r) return fail(r);`
template <class T>
std::unexpected<Error> fail(std::expected<T, Error>& failed) {
  return std::unexpected<Error>(std::move(failed.error()));
}

// A broken invariant of ours: logs and aborts, in every build. `check` is for what must hold whatever the input is.
[[noreturn]] void panic(const char* file, int line, const char* what);
#define HOLDFAST_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::holdfast::panic(__FILE__, __LINE__, #condition))

}  // namespace holdfast
