#include "wire/print.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace holdfast::wire {

void print_json(std::string& out, bool v) { out += v ? "true" : "false"; }

void print_json(std::string& out, std::int64_t v) { fmt::format_to(std::back_inserter(out), "{}", v); }

// As Java does: always with a point or an exponent, and what JSON has no number for in quotes.
void print_json(std::string& out, double v) {
  const std::string text = fmt::format("{}", v);
  if (!std::isfinite(v)) return print_json(out, std::string_view(text));
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

void print_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void print_json(std::string& out, const Uuid& v) { print_json(out, std::string_view(to_base64(v))); }

void print_json_base64(std::string& out, ByteView bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16 |
                                (left > 1 ? static_cast<std::uint32_t>(bytes[i + 1]) << 8 : 0) |
                                (left > 2 ? static_cast<std::uint32_t>(bytes[i + 2]) : 0);
    out += digits[group >> 18];
    out += digits[group >> 12 & 63];
    out += left > 1 ? digits[group >> 6 & 63] : '=';
    out += left > 2 ? digits[group & 63] : '=';
  }
  out += '"';
}

}  // namespace holdfast::wire
