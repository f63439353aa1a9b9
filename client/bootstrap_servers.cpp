#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "client/cluster.h"

namespace holdfast::client {
namespace {

constexpr std::uint16_t default_port = 9092;

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto malformed = [&] {
    return fail(ErrorKind::invalid_input, fmt::format("'{}' is not of the form host:port", text));
  };
  Endpoint out{"", default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return malformed();
    out.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    // Without brackets, "::1" could be an address or an address and a port.
    if (colon != text.rfind(':')) return malformed();
    out.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
  }
  if (out.host.empty() || out.host.find_first_of(" \t/") != std::string::npos) return malformed();
  if (port.empty()) return out;
  if (!port.starts_with(':')) return malformed();
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.port == 0) return malformed();
  return out;
}

}  // namespace

Result<std::vector<Endpoint>> parse_bootstrap_servers(std::string_view text) {
  std::vector<Endpoint> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.empty()) continue;
    auto endpoint = parse_endpoint(one);
    if (!endpoint) return fail(endpoint);
    out.push_back(std::move(*endpoint));
  }
  if (out.empty()) return fail(ErrorKind::invalid_input, "the list of bootstrap servers is empty");
  return out;
}

}  // namespace holdfast::client
