// The files of golden vectors: one JSON object per line, gzipped.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::wire::testing {

// `path` is relative to tests/golden. Throws if the file cannot be read.
std::vector<boost::json::object> golden_lines(std::string_view path);

std::vector<std::uint8_t> from_hex(std::string_view text);
std::vector<std::uint8_t> hex_of(const boost::json::object& line, std::string_view name = "hex");

}  // namespace holdfast::wire::testing
