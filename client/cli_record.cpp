#include "client/cli_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "client/cli_session.h"

namespace holdfast::client {
namespace {

namespace json = boost::json;

std::string_view text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::string base64_of(ByteView bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::vector<std::uint8_t>> bytes_of_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > INT32_MAX) return std::nullopt;
  std::vector<std::uint8_t> out(text.size() / 4 * 3 + 1);
  const int length =
      ::EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  std::size_t used = static_cast<std::size_t>(length);
  if (text.ends_with("==")) {
    used -= 2;
  } else if (text.ends_with('=')) {
    used -= 1;
  }
  out.resize(used);
  return out;
}

void append_bytes(std::string& out, std::string_view name, const std::optional<ByteView>& bytes) {
  if (!bytes) {
    fmt::format_to(std::back_inserter(out), "\"{}\":null", name);
  } else if (is_utf8(text_of(*bytes))) {
    fmt::format_to(std::back_inserter(out), "\"{}\":", name);
    append_json_string(out, text_of(*bytes));
  } else {
    fmt::format_to(std::back_inserter(out), "\"{}_base64\":\"{}\"", name, base64_of(*bytes));
  }
}

// The member `name`, or `name`_base64.
Result<std::optional<std::vector<std::uint8_t>>> read_bytes(const json::object& object, const std::string& name) {
  if (const json::value* coded = object.if_contains(name + "_base64")) {
    auto bytes = coded->is_string() ? bytes_of_base64(coded->get_string()) : std::nullopt;
    if (!bytes) return fail(ErrorKind::invalid_input, fmt::format("{}_base64 is not base64", name));
    return bytes;
  }
  const json::value* value = object.if_contains(name);
  if (!value || value->is_null()) return std::nullopt;
  if (value->is_string()) return bytes_of(value->get_string());
  return bytes_of(json::serialize(*value));
}

Result<std::optional<std::int64_t>> read_number(const json::object& object, const char* name, std::int64_t max) {
  const json::value* value = object.if_contains(name);
  if (!value || value->is_null()) return std::nullopt;
  if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() > max)
    return fail(ErrorKind::invalid_input, fmt::format("{} is not a number from 0 to {}", name, max));
  return value->get_int64();
}

Result<void> refuse_unknown(const json::object& object, std::span<const std::string> known, std::string_view of) {
  for (const auto& entry : object) {
    const std::string name(entry.key());
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string meant = nearest_word(name, known);
    return fail(ErrorKind::invalid_input,
                meant.empty() ? fmt::format("'{}' is no field of {}: {}", name, of, fmt::join(known, ", "))
                              : fmt::format("'{}' is no field of {}; did you mean {}?", name, of, meant));
  }
  return {};
}

Result<std::vector<wire::RecordHeader>> read_headers(const json::value& from) {
  std::vector<wire::RecordHeader> headers;
  if (from.is_null()) return headers;
  // {"a":"b"}, or, where a key occurs twice or a value is not text, [{"key":"a","value":"b"}].
  if (const json::object* map = from.if_object()) {
    for (const auto& [key, value] : *map) {
      if (!value.is_string() && !value.is_null()) return fail(ErrorKind::invalid_input, "a header is text or null");
      headers.push_back({key, {}});
      if (value.is_string()) headers.back().value = bytes_of(value.get_string());
    }
    return headers;
  }
  const json::array* list = from.if_array();
  if (!list) return fail(ErrorKind::invalid_input, "headers are an object or a list");
  for (const json::value& each : *list) {
    const json::object* header = each.if_object();
    const json::value* key = header ? header->if_contains("key") : nullptr;
    if (!key || !key->is_string()) return fail(ErrorKind::invalid_input, "a header has no key");
    static const std::vector<std::string> known{"key", "value", "value_base64"};
    if (auto named = refuse_unknown(*header, known, "a header"); !named) return fail(named);
    auto value = read_bytes(*header, "value");
    if (!value) return fail(value);
    headers.push_back({std::string(key->get_string()), std::move(*value)});
  }
  return headers;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    if (next == 'n') {
      out += '\n';
    } else if (next == 't') {
      out += '\t';
    } else if (next == 'r') {
      out += '\r';
    } else if (next == '0') {
      out += '\0';
    } else if (next == '\\') {
      out += '\\';
    } else if (next == 'x' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += '\\';
      out += next;
    }
  }
  return out;
}

Result<InputRecord> parse_record_json(std::string_view line) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code error;
  const json::value parsed = json::parse(json::string_view(line.data(), line.size()), error, {}, options);
  const json::object* object = error ? nullptr : parsed.if_object();
  if (!object)
    return fail(ErrorKind::invalid_input, error ? fmt::format("not JSON: {}", error.message()) : "not a JSON object");
  static const std::vector<std::string> known{"topic", "partition",  "offset",  "timestamp",   "key",
                                              "value", "key_base64", "headers", "value_base64"};
  if (auto named = refuse_unknown(*object, known, "a record"); !named) return fail(named);
  if (!object->contains("value") && !object->contains("value_base64"))
    return fail(ErrorKind::invalid_input, "it has neither value nor value_base64; a null one is \"value\":null");
  InputRecord record;
  auto key = read_bytes(*object, "key");
  if (!key) return fail(key);
  auto value = read_bytes(*object, "value");
  if (!value) return fail(value);
  auto partition = read_number(*object, "partition", INT32_MAX);
  if (!partition) return fail(partition);
  auto timestamp = read_number(*object, "timestamp", INT64_MAX);
  if (!timestamp) return fail(timestamp);
  if (const json::value* headers = object->if_contains("headers")) {
    auto read = read_headers(*headers);
    if (!read) return fail(read);
    record.headers = std::move(*read);
  }
  record.key = std::move(*key);
  record.value = std::move(*value);
  if (*partition) record.partition = static_cast<std::int32_t>(**partition);
  record.timestamp = *timestamp;
  return record;
}

void append_record_json(std::string& out, const TopicPartition& partition, const RecordView& record) {
  out += "{\"topic\":";
  append_json_string(out, partition.topic);
  fmt::format_to(std::back_inserter(out), ",\"partition\":{},\"offset\":{},\"timestamp\":{},", partition.partition,
                 record.offset, record.timestamp);
  append_bytes(out, "key", record.key);
  out += ',';
  append_bytes(out, "value", record.value);
  out += ",\"headers\":[";
  if (const auto headers = record.headers()) {
    bool first = true;
    for (const HeaderView& header : *headers) {
      if (!std::exchange(first, false)) out += ',';
      out += "{\"key\":";
      append_json_string(out, header.key);
      out += ',';
      append_bytes(out, "value", header.value);
      out += '}';
    }
  }
  out += "]}\n";
}

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
  constexpr std::string_view tokens = "tpoksKSRThn";
  RecordFormat format;
  std::string plain;
  const auto close = [&] {
    if (!plain.empty()) format.pieces_.push_back({0, unescape(plain)});
    plain.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '%') {
      plain += '%';
      ++i;
    } else if (i + 1 < text.size() && tokens.contains(text[i + 1])) {
      close();
      format.pieces_.push_back({text[++i], {}});
    } else {
      return fail(ErrorKind::invalid_input,
                  fmt::format("'%{}' is no token: %t topic, %p partition, %o offset, %k key, %s value, %K and %S their "
                              "sizes, %R the value's as 4 bytes, %T timestamp, %h headers, %n count, %%",
                              i + 1 < text.size() ? text.substr(i + 1, 1) : ""));
    }
  }
  close();
  return format;
}

void RecordFormat::append(std::string& out, const TopicPartition& partition, const RecordView& record,
                          std::int64_t count, std::string_view null_text) const {
  const auto bytes = [&](const std::optional<ByteView>& part) { out += part ? text_of(*part) : null_text; };
  const auto size = [&](const std::optional<ByteView>& part) { out += part ? std::to_string(part->size()) : "-1"; };
  for (const Piece& piece : pieces_) {
    switch (piece.token) {
      case 't':
        out += partition.topic;
        break;
      case 'p':
        out += std::to_string(partition.partition);
        break;
      case 'o':
        out += std::to_string(record.offset);
        break;
      case 'k':
        bytes(record.key);
        break;
      case 's':
        bytes(record.value);
        break;
      case 'K':
        size(record.key);
        break;
      case 'S':
        size(record.value);
        break;
      case 'R': {
        // Null is -1, as %S has it.
        const std::uint32_t bytes_of_value =
            record.value ? static_cast<std::uint32_t>(record.value->size()) : UINT32_MAX;
        for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(bytes_of_value >> shift & 0xff);
        break;
      }
      case 'T':
        out += std::to_string(record.timestamp);
        break;
      case 'n':
        out += std::to_string(count);
        break;
      case 'h':
        if (const auto headers = record.headers()) {
          bool first = true;
          for (const HeaderView& header : *headers) {
            if (!std::exchange(first, false)) out += ',';
            out += header.key;
            out += '=';
            out += header.value ? text_of(*header.value) : "NULL";
          }
        }
        break;
      default:
        out += piece.text;
    }
  }
}

}  // namespace holdfast::client
