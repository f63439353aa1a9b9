#include "client/cli_output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

namespace holdfast::client {
namespace {

constexpr std::size_t one_line = std::string::npos;
constexpr std::size_t step = 2;

// How many bytes of valid UTF-8 begin the text; 0: none, or an overlong or surrogate form.
std::size_t utf8_length(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && at(1) < 0xa0) return 0;
  if (first == 0xed && at(1) > 0x9f) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;
  if (first == 0xf4 && at(1) > 0x8f) return 0;
  return length;
}

// Columns on a terminal, near enough: characters.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void pad(std::string& out, std::size_t columns) { out.append(columns, ' '); }

std::string heading(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const char shown = c == '_' ? '-' : c;
    out += shown >= 'a' && shown <= 'z' ? static_cast<char>(shown - 'a' + 'A') : shown;
  }
  return out;
}

void append_number(std::string& out, double number) {
  if (std::isfinite(number)) {
    fmt::format_to(std::back_inserter(out), "{}", number);
  } else {
    out += "null";
  }
}

// Whether YAML takes the word for what it is: text, on one line, without quotes.
bool is_plain_yaml(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '/' || c == '-' || c == ' ';
  };
  if (!std::all_of(text.begin(), text.end(), safe)) return false;
  const char first = text.front();
  if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/' || first == '_')) return false;
  std::string lower;
  for (const char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::array words{"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  return std::find(words.begin(), words.end(), lower) == words.end();
}

void break_line(std::string& out, std::size_t indent) {
  if (indent == one_line) return;
  out += '\n';
  pad(out, indent);
}

std::size_t deeper(std::size_t indent) { return indent == one_line ? one_line : indent + step; }

bool is_section(const Value& value) { return value.object() || value.table(); }

std::string_view colour_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::faint:
      return "\x1b[2m";
    case Tone::plain:
      break;
  }
  return {};
}

}  // namespace

Value::Value(Object value) : is_(std::make_shared<const Object>(std::move(value))) {}
Value::Value(Table value) : is_(std::make_shared<const Table>(std::move(value))) {}

const Object* Value::object() const {
  const auto* held = std::get_if<std::shared_ptr<const Object>>(&is_);
  return held ? held->get() : nullptr;
}

const Table* Value::table() const {
  const auto* held = std::get_if<std::shared_ptr<const Table>>(&is_);
  return held ? held->get() : nullptr;
}

std::string Value::text() const {
  if (!text_.empty()) return text_;
  if (const bool* is = std::get_if<bool>(&is_)) return *is ? "yes" : "no";
  if (const auto* number = std::get_if<std::int64_t>(&is_)) return std::to_string(*number);
  if (const double* number = std::get_if<double>(&is_)) return fmt::format("{}", *number);
  if (const auto* string = std::get_if<std::string>(&is_)) return printable(*string);
  if (const List* all = list(); all && !all->empty()) {
    std::string out;
    for (const Value& value : *all) {
      if (!out.empty()) out += ',';
      out += value.text();
    }
    return out;
  }
  return "-";
}

void Value::json(std::string& out, std::size_t indent) const {
  const std::size_t inner = deeper(indent);
  if (const bool* is = std::get_if<bool>(&is_)) {
    out += *is ? "true" : "false";
  } else if (const auto* number = std::get_if<std::int64_t>(&is_)) {
    out += std::to_string(*number);
  } else if (const double* real = std::get_if<double>(&is_)) {
    append_number(out, *real);
  } else if (const auto* string = std::get_if<std::string>(&is_)) {
    append_json_string(out, *string);
  } else if (const List* all = list()) {
    const bool flat = std::none_of(all->begin(), all->end(), is_section);
    out += '[';
    for (std::size_t i = 0; i < all->size(); ++i) {
      if (i > 0) out += flat && indent != one_line ? ", " : ",";
      if (!flat) break_line(out, inner);
      (*all)[i].json(out, flat ? one_line : inner);
    }
    if (!flat) break_line(out, indent);
    out += ']';
  } else if (const Object* fields = object()) {
    out += '{';
    for (std::size_t i = 0; i < fields->size(); ++i) {
      if (i > 0) out += ',';
      break_line(out, inner);
      append_json_string(out, (*fields)[i].name);
      out += indent == one_line ? ":" : ": ";
      (*fields)[i].value.json(out, inner);
    }
    if (!fields->empty()) break_line(out, indent);
    out += '}';
  } else if (const Table* rows = table()) {
    // A row is a line: that is how people page through them, and how line tools compare them.
    out += '[';
    for (std::size_t i = 0; i < rows->rows.size(); ++i) {
      if (i > 0) out += ',';
      break_line(out, inner);
      out += '{';
      for (std::size_t c = 0; c < rows->columns.size(); ++c) {
        if (c > 0) out += indent == one_line ? "," : ", ";
        append_json_string(out, rows->columns[c].name);
        out += indent == one_line ? ":" : ": ";
        rows->rows[i][c].json(out, one_line);
      }
      out += '}';
    }
    if (!rows->rows.empty()) break_line(out, indent);
    out += ']';
  } else {
    out += "null";
  }
}

void Value::yaml(std::string& out, std::size_t indent) const {
  // A list's elements and a table's rows are "- " and, for objects, their fields behind it.
  const auto element = [&out, indent](const Value& value) {
    out += '\n';
    pad(out, indent);
    out += '-';
    value.yaml(out, indent + step);
  };
  if (const auto* string = std::get_if<std::string>(&is_)) {
    out += ' ';
    if (is_plain_yaml(*string)) {
      out += *string;
    } else {
      append_json_string(out, *string);
    }
  } else if (const List* all = list(); all && !all->empty()) {
    for (const Value& value : *all) element(value);
  } else if (const Object* fields = object(); fields && !fields->empty()) {
    // Behind a "-" the first field stays on its line.
    const bool behind_dash = !out.empty() && out.back() == '-';
    for (std::size_t i = 0; i < fields->size(); ++i) {
      if (i == 0 && behind_dash) {
        out += ' ';
      } else {
        if (!out.empty()) out += '\n';
        pad(out, indent);
      }
      out += (*fields)[i].name;
      out += ':';
      const Value& value = (*fields)[i].value;
      value.yaml(out, indent + step);
    }
  } else if (const Table* rows = table(); rows && !rows->rows.empty()) {
    for (const std::vector<Value>& row : rows->rows) {
      Object line;
      for (std::size_t c = 0; c < rows->columns.size(); ++c) line.push_back({rows->columns[c].name, row[c]});
      element(Value(std::move(line)));
    }
  } else {
    out += ' ';
    json(out, one_line);
  }
}

Value bytes_value(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double shown = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; shown >= 1024 && unit + 1 < units.size(); ++unit) shown /= 1024;
  const std::string text =
      unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.{}f} {}", shown, shown < 10 ? 1 : 0, units[unit]);
  return Value(bytes).shown_as(text);
}

Value duration_value(std::int64_t milliseconds) {
  struct Unit {
    std::int64_t ms;
    const char* name;
  };
  constexpr std::array<Unit, 4> units{{{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}}};
  std::string text;
  std::int64_t rest = milliseconds;
  int parts = 0;
  for (const Unit& unit : units) {
    if (rest < unit.ms || parts == 2) continue;
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", rest / unit.ms, unit.name);
    rest %= unit.ms;
    ++parts;
  }
  if (text.empty()) text = fmt::format("{}ms", milliseconds);
  return Value(milliseconds).shown_as(text);
}

Value time_value(std::int64_t wall_ms) {
  constexpr std::int64_t last_ms = 253'402'300'799'999;  // of the year 9999
  if (wall_ms < 0 || wall_ms > last_ms) return wall_ms < 0 ? Value() : Value(wall_ms);
  const std::time_t seconds = wall_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return Value(fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, wall_ms % 1000));
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const unsigned char first = static_cast<unsigned char>(text[0]);
    // U+0080 to U+009F are control characters, too.
    const bool control =
        first < 0x20 || first == 0x7f || (length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
    if (length > 0 && !control) {
      out.append(text.substr(0, length));
    } else if (first == '\n') {
      out += "\\n";
    } else if (first == '\t') {
      out += "\\t";
    } else if (first == '\r') {
      out += "\\r";
    } else {
      out += fmt::format("\\x{:02x}", first);
    }
    text.remove_prefix(control || length == 0 ? 1 : length);
  }
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const unsigned char first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += text[0];
    } else if (first == '\n') {
      out += "\\n";
    } else if (first == '\t') {
      out += "\\t";
    } else if (first == '\r') {
      out += "\\r";
    } else if (first < 0x20 || first == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", first);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

std::string Output::toned(std::string_view text, Tone tone) const {
  if (!colour_ || tone == Tone::plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", colour_of(tone), text);
}

void Output::text(const Table& table, std::size_t indent) {
  std::vector<std::size_t> shown;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (!table.columns[c].wide || format_ == OutputFormat::wide) shown.push_back(c);
  }
  std::vector<std::size_t> widths;
  std::vector<bool> to_the_right;
  std::vector<std::vector<std::string>> cells(table.rows.size());
  for (const std::size_t c : shown) {
    widths.push_back(width_of(heading(table.columns[c].name)));
    bool numbers = true, any_number = false;
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      const Value& value = table.rows[r][c];
      cells[r].push_back(value.text());
      widths.back() = std::max(widths.back(), width_of(cells[r].back()));
      numbers &= value.is_number() || cells[r].back() == "-";
      any_number |= value.is_number();
    }
    to_the_right.push_back(numbers && any_number);
  }
  const auto row = [&](auto text_of, auto tone_of) {
    pad(buffer_, indent);
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const std::string cell = text_of(i);
      const std::size_t space = widths[i] - width_of(cell);
      if (i > 0) buffer_ += "  ";
      if (to_the_right[i]) pad(buffer_, space);
      buffer_ += toned(cell, tone_of(i));
      if (!to_the_right[i] && i + 1 < shown.size()) pad(buffer_, space);
    }
    buffer_ += '\n';
  };
  row([&](std::size_t i) { return heading(table.columns[shown[i]].name); }, [](std::size_t) { return Tone::faint; });
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    row([&](std::size_t i) { return cells[r][i]; }, [&](std::size_t i) { return table.rows[r][shown[i]].tone(); });
}

void Output::text(const Object& object, std::size_t indent) {
  const bool wide = format_ == OutputFormat::wide;
  std::size_t width = 0;
  for (const Field& field : object) {
    if (!is_section(field.value) && (!field.wide || wide)) width = std::max(width, width_of(field.name));
  }
  for (const Field& field : object) {
    if (is_section(field.value) || (field.wide && !wide)) continue;
    pad(buffer_, indent);
    const std::string name = heading(field.name);
    buffer_ += toned(name, Tone::faint);
    pad(buffer_, width - width_of(name) + 2);
    buffer_ += toned(field.value.text(), field.value.tone());
    buffer_ += '\n';
  }
  for (const Field& field : object) {
    if (!is_section(field.value) || (field.wide && !wide)) continue;
    const Table* table = field.value.table();
    if (table && table->rows.empty()) continue;
    if (!buffer_.empty() && !buffer_.ends_with("\n\n")) buffer_ += '\n';
    pad(buffer_, indent);
    buffer_ += toned(heading(field.name), Tone::faint);
    buffer_ += '\n';
    if (table) {
      text(*table, indent + step);
    } else {
      text(*field.value.object(), indent + step);
    }
  }
}

void Output::document(const Value& value) {
  if (format_ == OutputFormat::json) {
    value.json(buffer_, 0);
  } else {
    if (documents_ > 0) buffer_ += "---\n";
    std::string out;
    value.yaml(out, 0);
    buffer_ += std::string_view(out).substr(out.starts_with('\n') || out.starts_with(' ') ? 1 : 0);
  }
  buffer_ += '\n';
  ++documents_;
}

void Output::table(const Table& table, std::string_view empty) {
  if (!is_text()) return document(Value(table));
  if (!table.rows.empty() || empty.empty()) return text(table, 0);
  flush();
  console_.write_error(fmt::format("{}\n", empty));
}

void Output::object(const Object& object) {
  if (!is_text()) return document(Value(object));
  text(object, 0);
}

void Output::objects(const std::vector<Object>& objects) {
  if (!is_text()) return document(Value::list(objects));
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (i > 0) buffer_ += '\n';
    text(objects[i], 0);
  }
}

void Output::done(std::string_view sentence, const Object& object) {
  if (!is_text()) return document(Value(object));
  line(sentence);
}

void Output::record(const Object& object) {
  if (format_ != OutputFormat::json) return this->object(object);
  Value(object).json(buffer_, one_line);
  buffer_ += '\n';
}

void Output::raw(std::string_view text) { buffer_.append(text); }

void Output::line(std::string_view text) {
  buffer_.append(text);
  buffer_ += '\n';
}

bool Output::flush() {
  if (!failure_ && !buffer_.empty()) {
    if (auto written = console_.write(buffer_); !written) failure_ = std::move(written.error());
  }
  buffer_.clear();
  return !failure_;
}

void Output::clear_screen() { buffer_ += "\x1b[H\x1b[2J"; }

}  // namespace holdfast::client
