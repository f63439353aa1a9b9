#include "runtime/log_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast {
namespace {

std::string message_part(std::string_view message) {
  const std::string line = format_log_line(LogLevel::warn, "log", message);
  const std::string mark = " WARN log: ";
  const std::size_t at = line.find(mark);
  EXPECT_NE(at, std::string::npos) << line;
  EXPECT_EQ(line.back(), '\n');
  return line.substr(at + mark.size(), line.size() - at - mark.size() - 1);
}

TEST(LogLine, HasTimeLevelRoomAndMessage) {
  EXPECT_THAT(format_log_line(LogLevel::info, "broker", "started port=9092"),
              testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z INFO broker: "
                                    "started port=9092\n"));
}

TEST(LogLine, EscapesWhatCouldForgeALineOrDriveATerminal) {
  EXPECT_EQ(message_part("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(message_part("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(message_part(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(message_part("\x7f"), "\\x7f");
  EXPECT_EQ(message_part("\xc2\x9b"
                         "31m"),
            "\\xc2\\x9b31m");  // CSI as one Latin-1 character
  EXPECT_EQ(message_part("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(LogLine, BoundsTheMessage) {
  const std::string part = message_part(std::string(1'000'000, 'x'));
  EXPECT_LT(part.size(), 20'000u);
  EXPECT_THAT(part, testing::HasSubstr("bytes more)"));
}

TEST(LogLine, GoesToTheSinkFromTheLevelOn) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel level, std::string_view room, std::string_view message) {
    lines.push_back(fmt::format("{} {} {}", to_string(level), room, message));
  });
  log_line(LogLevel::debug, "test", "not seen {}", 1);
  log_line(LogLevel::warn, "test", "seen {}", 2);
  set_log_level(LogLevel::debug);
  log_line(LogLevel::debug, "test", "seen {}", 3);
  set_log_level(LogLevel::off);
  log_line(LogLevel::error, "test", "not seen {}", 4);
  set_log_level(LogLevel::info);
  set_log_sink({});
  EXPECT_THAT(lines, testing::ElementsAre("warn test seen 2", "debug test seen 3"));
}

TEST(LogLevel, NamesGoBothWays) {
  for (const LogLevel level :
       {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error, LogLevel::off}) {
    LogLevel parsed = LogLevel::info;
    EXPECT_TRUE(parse_log_level(to_string(level), parsed));
    EXPECT_EQ(parsed, level);
  }
  LogLevel parsed = LogLevel::warn;
  EXPECT_TRUE(parse_log_level("INFO", parsed));
  EXPECT_EQ(parsed, LogLevel::info);
  EXPECT_FALSE(parse_log_level("loud", parsed));
}

}  // namespace
}  // namespace holdfast
