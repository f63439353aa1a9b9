// Log lines: one line per event worth an operator's eye: what happened, to which object, what to do. Nothing per
// request at the default level. `2026-01-31T12:00:00.123Z WARN log: message key=value`.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/function.h"

namespace holdfast {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

bool parse_log_level(std::string_view text, LogLevel& out);
std::string_view to_string(LogLevel level);
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
// Writes one line; control characters in `message` are escaped, it may hold what a client sent.
void log_write(LogLevel level, std::string_view room, std::string_view message);
// The line that log_write() writes, with its end.
std::string format_log_line(LogLevel level, std::string_view room, std::string_view message);
// Tests: sends lines to `sink` instead of standard error until it is reset with an empty function.
void set_log_sink(Function<void(LogLevel, std::string_view room, std::string_view message)> sink);

template <class... Args>
void log_line(LogLevel level, std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) log_write(level, room, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace holdfast
