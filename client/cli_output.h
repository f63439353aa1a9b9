// Output: what a verb has to say, described once and printed as text, wide text, JSON or YAML. The names of columns and
// fields are the JSON keys; they and their types are an interface that scripts rely on. Text shows the same names in
// capitals, numbers to the right, and values as people read them.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/console.h"

namespace holdfast::client {

enum class OutputFormat : std::uint8_t { text, wide, json, yaml };
enum class Tone : std::uint8_t { plain, good, warning, bad, faint };  // colours, on terminals only

struct Field;
struct Table;
using Object = std::vector<Field>;

class Value {
 public:
  using List = std::vector<Value>;

  Value() = default;  // null: "-" in text
  Value(bool value) : is_(value) {}
  Value(std::integral auto value) : is_(static_cast<std::int64_t>(value)) {}
  Value(double value) : is_(value) {}
  Value(std::string value) : is_(std::move(value)) {}
  Value(std::string_view value) : is_(std::string(value)) {}
  Value(const char* value) : is_(std::string(value)) {}
  Value(List value) : is_(std::move(value)) {}
  Value(Object value);  // in text: a section of its own
  Value(Table value);   // likewise; in JSON a list of objects
  template <class T>
  Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value()) {}
  // A list of whatever makes a Value.
  template <class T>
  static Value list(const std::vector<T>& values) {
    List out;
    for (const T& value : values) out.emplace_back(value);
    return out;
  }

  // In text, this is shown instead; JSON and YAML have the value.
  Value shown_as(std::string text) && {
    text_ = std::move(text);
    return std::move(*this);
  }
  Value in(Tone tone) && {
    tone_ = tone;
    return std::move(*this);
  }

  Tone tone() const { return tone_; }
  bool is_number() const { return std::holds_alternative<std::int64_t>(is_) || std::holds_alternative<double>(is_); }
  const Object* object() const;
  const Table* table() const;
  const List* list() const { return std::get_if<List>(&is_); }
  std::string text() const;                               // in a cell
  void json(std::string& out, std::size_t indent) const;  // npos: on one line
  void yaml(std::string& out, std::size_t indent) const;  // after "key:" or "-"

 private:
  // Objects and tables are vectors of what is declared later, so they are kept as such.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, std::shared_ptr<const Object>,
               std::shared_ptr<const Table>>
      is_;
  std::string text_;
  Tone tone_ = Tone::plain;
};

struct Field {
  std::string name;
  Value value;
  bool wide = false;  // text shows it with --output wide only; JSON and YAML always have it
};

struct Column {
  std::string name;
  bool wide = false;  // likewise
};
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Value>> rows;  // each with a value per column
};

// Values that people read otherwise than programs do.
Value bytes_value(std::uint64_t bytes);           // 1.5 GiB
Value duration_value(std::int64_t milliseconds);  // 2d 3h, 250 ms
Value time_value(std::int64_t wall_ms);           // 2026-01-31T12:00:00.123Z; null when negative

bool is_utf8(std::string_view text);
// "a", "b\n" and what is not UTF-8 as \xNN: what came from outside, fit for a terminal.
std::string printable(std::string_view text);
void append_json_string(std::string& out, std::string_view text);  // with quotes; invalid UTF-8 becomes U+FFFD

class Output {
 public:
  Output(Console& console, OutputFormat format, bool colour) : console_(console), format_(format), colour_(colour) {}

  OutputFormat format() const { return format_; }
  bool is_text() const { return format_ == OutputFormat::text || format_ == OutputFormat::wide; }

  // One document. The text of an empty table is `empty`, on standard error, so that pipes get nothing.
  void table(const Table& table, std::string_view empty = {});
  void object(const Object& object);
  void objects(const std::vector<Object>& objects);
  // What a verb did, for people: "created topic orders"; and for programs: the object. In JSON only the object counts.
  void done(std::string_view sentence, const Object& object);
  // A stream: one object at a time, each on its own line in JSON.
  void record(const Object& object);
  // As it is, whatever the format.
  void raw(std::string_view text);
  void line(std::string_view text);

  std::string toned(std::string_view text, Tone tone) const;
  // Writes what is there. False: it cannot be written, now or ever.
  bool flush();
  bool broken() const { return failure_.has_value(); }
  const std::optional<Error>& failure() const { return failure_; }  // why not; ErrorKind::closed: nobody reads any more
  std::size_t waiting_bytes() const { return buffer_.size(); }
  // For --watch: what is written from now on replaces what is on the screen.
  void clear_screen();

 private:
  void text(const Table& table, std::size_t indent);
  void text(const Object& object, std::size_t indent);
  void document(const Value& value);

  Console& console_;
  const OutputFormat format_;
  const bool colour_;
  std::string buffer_;
  std::optional<Error> failure_;
  std::size_t documents_ = 0;
};

}  // namespace holdfast::client
