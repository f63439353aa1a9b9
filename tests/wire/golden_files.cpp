#include "tests/wire/golden_files.h"

#include <zlib.h>

#include <stdexcept>

namespace holdfast::wire::testing {

std::vector<boost::json::object> golden_lines(std::string_view path) {
  const std::string name = std::string(HOLDFAST_TEST_DATA) + "/golden/" + std::string(path);
  const gzFile file = gzopen(name.c_str(), "rb");
  if (!file) throw std::runtime_error("cannot open " + name);
  std::vector<boost::json::object> lines;
  std::string line;
  char buffer[65536];
  while (gzgets(file, buffer, sizeof(buffer))) {
    line += buffer;
    if (!line.ends_with('\n')) continue;
    lines.push_back(boost::json::parse(line).as_object());
    line.clear();
  }
  gzclose(file);
  return lines;
}

std::vector<std::uint8_t> from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

std::vector<std::uint8_t> hex_of(const boost::json::object& line, std::string_view name) {
  return from_hex(line.at(name).as_string());
}

}  // namespace holdfast::wire::testing
