#include "runtime/result.h"

#include <cstdlib>

#include "runtime/log_line.h"

namespace holdfast {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return "invalid input";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::io:
      return "io";
    case ErrorKind::no_space:
      return "no space";
    case ErrorKind::not_found:
      return "not found";
    case ErrorKind::already_exists:
      return "already exists";
    case ErrorKind::out_of_range:
      return "out of range";
    case ErrorKind::closed:
      return "closed";
    case ErrorKind::timed_out:
      return "timed out";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::exhausted:
      return "exhausted";
    case ErrorKind::internal:
      return "internal";
  }
  return "unknown";
}

void panic(const char* file, int line, const char* what) {
  log_write(LogLevel::error, "runtime", fmt::format("broken invariant at {}:{}: {}; aborting", file, line, what));
  std::abort();
}

}  // namespace holdfast
