#include "config/load.h"

#include <fmt/format.h>

#include <set>

namespace holdfast {
namespace {

constexpr std::uint64_t file_bytes_max = 4 << 20;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
bool is_end(char c) { return c == '\n' || c == '\r'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xe0 | (c >> 12));
    } else {
      put(0xf0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3f));
    }
    put(0x80 | ((c >> 6) & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

// The text as logical lines: joined where a line ends in an odd number of backslashes, without what blanks begin the
// continuation with, without comments and blank lines.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : rest_(text) {}

  bool next(std::string& line, int& number) {
    while (!rest_.empty()) {
      line.clear();
      number = number_ + 1;
      std::string_view natural = take();
      if (natural.empty() || natural.front() == '#' || natural.front() == '!') continue;
      while (continues(natural)) {
        line += natural.substr(0, natural.size() - 1);
        natural = rest_.empty() ? std::string_view() : take();
      }
      line += natural;
      return true;
    }
    return false;
  }

 private:
  // One natural line without its end and its leading blanks.
  std::string_view take() {
    ++number_;
    std::size_t end = 0;
    while (end < rest_.size() && !is_end(rest_[end])) ++end;
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (rest_.starts_with("\r\n")) {
      rest_.remove_prefix(2);
    } else if (!rest_.empty()) {
      rest_.remove_prefix(1);
    }
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    return line;
  }

  static bool continues(std::string_view line) {
    std::size_t backslashes = 0;
    while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\') ++backslashes;
    return backslashes % 2 == 1;
  }

  std::string_view rest_;
  int number_ = 0;
};

// Replaces escapes; nothing if a \u is malformed. Two halves of a surrogate pair make one character; a lone half makes
// U+FFFD, since UTF-8 cannot hold it.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  std::uint32_t high = 0;
  const auto flush = [&] {
    if (high != 0) append_utf8(out, 0xfffd);
    high = 0;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      flush();
      if (text[i] != '\\') out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c != 'u') {
      flush();
      out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
      continue;
    }
    if (text.size() - i <= 4) return std::nullopt;
    std::uint32_t code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      const int v = hex_digit(text[++i]);
      if (v < 0) return std::nullopt;
      code = code << 4 | static_cast<std::uint32_t>(v);
    }
    if (code >= 0xdc00 && code < 0xe000 && high != 0) {
      append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00));
      high = 0;
      continue;
    }
    flush();
    if (code >= 0xd800 && code < 0xdc00) {
      high = code;
    } else {
      append_utf8(out, code >= 0xdc00 && code < 0xe000 ? 0xfffd : code);
    }
  }
  flush();
  return out;
}

struct Parts {
  std::string_view key, value;
};

Parts split_property(std::string_view line) {
  std::size_t end = 0;
  for (bool escaped = false; end < line.size(); ++end) {
    const char c = line[end];
    if (!escaped && (c == '=' || c == ':' || is_blank(c))) break;
    escaped = !escaped && c == '\\';
  }
  std::size_t value = end;
  while (value < line.size() && is_blank(line[value])) ++value;
  if (value < line.size() && (line[value] == '=' || line[value] == ':')) ++value;
  while (value < line.size() && is_blank(line[value])) ++value;
  return {line.substr(0, end), line.substr(value)};
}

// Kafka and ZooKeeper keys in one place; the notice is given once per key, however often it stands there.
class Loader {
 public:
  explicit Loader(std::vector<Notice>& notices) : notices_(notices) {}

  // What was refused.
  std::vector<Error> read(Disk& disk, const ConfigSources& sources) {
    std::vector<Error> errors;
    const auto note = [&errors](auto& failed) { errors.push_back(std::move(failed.error())); };
    for (const std::string& file : sources.files) {
      auto bytes = disk.read_file(file, file_bytes_max);
      if (!bytes) {
        note(bytes);
        continue;
      }
      auto properties = parse_properties(as_text(*bytes));
      if (!properties) {
        errors.emplace_back(properties.error().kind, fmt::format("{}: {}", file, properties.error().message));
        continue;
      }
      for (const Property& p : *properties) {
        auto done = set(p.key, p.value, fmt::format("{}:{}", file, p.line));
        if (!done) note(done);
      }
    }
    for (const std::string& given : sources.sets) {
      const std::size_t equals = given.find('=');
      if (equals == std::string::npos || equals == 0) {
        errors.emplace_back(ErrorKind::invalid_input, fmt::format("--set {}: give it as key=value", given));
        continue;
      }
      auto done = set(std::string_view(given).substr(0, equals), std::string_view(given).substr(equals + 1), "--set");
      if (!done) note(done);
    }
    if (!errors.empty()) return errors;
    auto checked = config_.check();
    if (!checked) note(checked);
    return errors;
  }

  Config& config() { return config_; }

 private:
  Result<void> set(std::string_view key, std::string_view value, const std::string& source) {
    auto done = config_.set(key, value, source);
    if (!done) return done;
    const Setting& setting = *find_node_setting(key);
    const bool per_listener = key.starts_with("listener.name.");
    const bool unserved = setting.effect == Effect::unserved && config_.given(setting.name) != setting.default_value;
    if (setting.effect != Effect::ignored && setting.effect != Effect::unserved && !per_listener) return {};
    if (noticed_.emplace(key).second)
      notices_.push_back(
          {fmt::format("{}: {} is known, but has no effect here", source, key), unserved || per_listener});
    return {};
  }

  Config config_ = Config::defaults();
  std::set<std::string, std::less<>> noticed_;
  std::vector<Notice>& notices_;
};

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text) {
  std::vector<Property> out;
  LogicalLines lines(text);
  std::string line;
  int number = 0;
  while (lines.next(line, number)) {
    const Parts parts = split_property(line);
    auto key = unescape(parts.key), value = unescape(parts.value);
    if (!key || !value)
      return fail(ErrorKind::invalid_input, fmt::format("line {}: \\u wants four hexadecimal digits", number));
    out.push_back({.key = std::move(*key), .value = std::move(*value), .line = number});
  }
  return out;
}

Result<Config> load_config(Disk& disk, const ConfigSources& sources, std::vector<Notice>& notices) {
  Loader loader(notices);
  std::vector<Error> errors = loader.read(disk, sources);
  if (!errors.empty()) return std::unexpected(std::move(errors.front()));
  return std::move(loader.config());
}

std::vector<Error> config_errors(Disk& disk, const ConfigSources& sources, std::vector<Notice>& notices) {
  Loader loader(notices);
  return loader.read(disk, sources);
}

}  // namespace holdfast
