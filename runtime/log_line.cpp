#include "runtime/log_line.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <mutex>

namespace holdfast {
namespace {

constexpr std::size_t message_bytes_max = std::size_t{16} * 1024;  // a client's megabyte does not become a line of ours
constexpr std::array<std::string_view, 6> level_names{"trace", "debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 6> level_marks{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"};

std::atomic<LogLevel> level_now{LogLevel::info};
std::atomic<bool> has_sink{false};

struct Sink {
  std::mutex mutex;
  Function<void(LogLevel, std::string_view, std::string_view)> write;
};
Sink& sink() {
  static Sink it;
  return it;
}

void append_time(fmt::memory_buffer& line) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                 utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1'000'000);
}

// Control characters, also those of Latin-1 as UTF-8 writes them (C2 80 to C2 9F), could end the line or drive the
// operator's terminal.
void append_escaped(fmt::memory_buffer& line, std::string_view text) {
  const auto hex = [&line](unsigned char c) { fmt::format_to(std::back_inserter(line), "\\x{:02x}", c); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      line.append(std::string_view("\\n"));
    } else if (c == '\r') {
      line.append(std::string_view("\\r"));
    } else if (c == '\t') {
      line.append(std::string_view("\\t"));
    } else if (c < 0x20 || c == 0x7f) {
      hex(c);
    } else if (c == 0xc2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xe0) == 0x80) {
      hex(c);
      hex(static_cast<unsigned char>(text[++i]));
    } else {
      line.push_back(text[i]);
    }
  }
}

}  // namespace

bool parse_log_level(std::string_view text, LogLevel& out) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (text != level_names[i] && text != level_marks[i]) continue;
    out = static_cast<LogLevel>(i);
    return true;
  }
  return false;
}

std::string_view to_string(LogLevel level) { return level_names[static_cast<std::size_t>(level)]; }
void set_log_level(LogLevel level) { level_now.store(level, std::memory_order_relaxed); }
bool log_enabled(LogLevel level) {
  return level != LogLevel::off && level >= level_now.load(std::memory_order_relaxed);
}

void set_log_sink(Function<void(LogLevel, std::string_view, std::string_view)> write) {
  std::lock_guard lock(sink().mutex);
  sink().write = std::move(write);
  has_sink.store(static_cast<bool>(sink().write), std::memory_order_release);
}

std::string format_log_line(LogLevel level, std::string_view room, std::string_view message) {
  fmt::memory_buffer line;
  append_time(line);
  fmt::format_to(std::back_inserter(line), " {} {}: ", level_marks[static_cast<std::size_t>(level)], room);
  append_escaped(line, message.substr(0, message_bytes_max));
  if (message.size() > message_bytes_max) {
    fmt::format_to(std::back_inserter(line), "... ({} bytes more)", message.size() - message_bytes_max);
  }
  line.push_back('\n');
  return fmt::to_string(line);
}

void log_write(LogLevel level, std::string_view room, std::string_view message) {
  if (has_sink.load(std::memory_order_acquire)) {
    std::lock_guard lock(sink().mutex);
    if (sink().write) return sink().write(level, room, message);
  }
  const std::string line = format_log_line(level, room, message);
  // One write a line, so that lines of several threads do not mix. What a full pipe or disk refuses is lost.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace holdfast
