#include "coordination/ensemble_config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast {
namespace {

std::unexpected<Error> invalid(std::string message) { return fail(ErrorKind::invalid_input, std::move(message)); }
// What upstream does not look for and Java refuses.
std::unexpected<Error> refused_by_java(std::string message) {
  return fail(ErrorKind::out_of_range, std::move(message));
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f' || c == '\r'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Java's String.split: without the empty parts at the end, except that an empty text is one empty part.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = text;;) {
    const std::size_t end = rest.find(separator);
    parts.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (text.empty()) return parts;
  while (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

template <class Int>
std::optional<Int> number(std::string_view text, int base = 10) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  const bool plus = text.starts_with('+') && !text.starts_with("+-");
  const auto port = number<std::int32_t>(plus ? text.substr(1) : text);
  if (!port) return invalid(fmt::format("port {} is not a number", text));
  if (*port < 0 || *port > 65535) return refused_by_java(fmt::format("port {} is not in 0 to 65535", text));
  return static_cast<std::uint16_t>(*port);
}

// Java's text of an IPv6 address: eight groups without leading zeros, none left out.
std::string canonical_host(std::string_view host) {
  std::string copy(host);
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) != 1) return copy;
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin()))
    return fmt::format("{}.{}.{}.{}", bytes[12], bytes[13], bytes[14], bytes[15]);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    out += fmt::format("{}{:x}", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
  return out;
}

// host:port:..., where the host may be an IPv6 address in brackets.
struct HostAndRest {
  std::string host;
  std::vector<std::string_view> rest;
};
Result<HostAndRest> split_host(std::string_view text) {
  HostAndRest out;
  if (!text.starts_with('[')) {
    const auto parts = split(text, ':');
    if (!parts.empty()) out.host = canonical_host(parts.front());
    if (parts.size() > 1) out.rest.assign(parts.begin() + 1, parts.end());
    return out;
  }
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos) return invalid(fmt::format("{} has no closing bracket", text));
  out.host = canonical_host(text.substr(1, end - 1));
  const std::string_view rest = text.substr(end + 1);
  if (rest.empty()) return out;
  if (rest.size() == 1 || rest.front() != ':') return invalid(fmt::format("{} has no port behind the bracket", text));
  out.rest = split(rest.substr(1), ':');
  return out;
}

// Neither a name nor an address holds white space or what separates them here. Upstream fails to reach such a host.
bool is_host(std::string_view host) {
  return !host.empty() && std::ranges::none_of(host, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || std::string_view("[],=\x7f").contains(c);
  });
}

std::string delimited(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host) : fmt::format("[{}]", host);
}

std::unexpected<Error> wrong_form(std::string_view spec) {
  return invalid(
      fmt::format("{} does not have the form host:quorum-port:election-port[:participant|observer]"
                  "[;[address:]client-port], with several of the first part separated by |",
                  spec));
}

bool is_loopback(std::string_view host) {
  std::array<std::uint8_t, 4> v4{};
  const std::string copy(host);
  if (inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) return v4[0] == 127;
  return host == "0:0:0:0:0:0:0:1" || is_same_host(host, "localhost");
}

// host:port of everything that it listens on, but for what is every host's or the host's own.
std::vector<Endpoint> endpoints_of(const EnsembleServer& server) {
  std::vector<Endpoint> out;
  for (const auto& a : server.addresses) {
    out.push_back({a.host, a.quorum_port});
    out.push_back({a.host, a.election_port});
  }
  if (server.client) out.push_back(*server.client);
  std::erase_if(out, [](const Endpoint& e) { return is_wildcard_address(e.host) || is_loopback(e.host); });
  return out;
}

std::vector<Endpoint> quorum_endpoints_of(const EnsembleServer& server) {
  std::vector<Endpoint> out;
  for (const auto& a : server.addresses) {
    if (is_wildcard_address(a.host)) continue;  // its own line, as it sees itself
    out.push_back({a.host, a.quorum_port});
    out.push_back({a.host, a.election_port});
  }
  return out;
}

std::optional<Endpoint> common(const std::vector<Endpoint>& a, const std::vector<Endpoint>& b) {
  for (const Endpoint& mine : a)
    for (const Endpoint& other : b)
      if (mine.port == other.port && is_same_host(mine.host, other.host)) return mine;
  return std::nullopt;
}

struct Property {
  std::string_view key, value;
};
// A line of a properties file, as far as one is needed here: no escapes, no continued lines.
std::optional<Property> property(std::string_view line) {
  line = trim(line);
  if (line.empty() || line.front() == '#' || line.front() == '!') return std::nullopt;
  const std::size_t end = std::min(line.find_first_of("=: \t\f"), line.size());
  std::string_view value = trim(line.substr(end));
  if (value.starts_with('=') || value.starts_with(':')) value = trim(value.substr(1));
  return Property{line.substr(0, end), value};
}

}  // namespace

bool is_wildcard_address(std::string_view host) {
  return host == "0.0.0.0" || canonical_host(host) == "0:0:0:0:0:0:0:0";
}

bool is_literal_address(std::string_view host) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string copy(host);
  return inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1;
}

bool is_same_host(std::string_view a, std::string_view b) {
  return std::ranges::equal(canonical_host(a), canonical_host(b), {}, lower, lower);
}

std::optional<Endpoint> shared_endpoint(const EnsembleServer& a, const EnsembleServer& b) {
  return common(endpoints_of(a), endpoints_of(b));
}

Result<ServerId> parse_server_id(std::string_view text) {
  const std::string_view digits = text.substr(text.rfind('.') + 1);
  const auto id = number<std::int64_t>(digits);
  if (!id) return refused_by_java(fmt::format("{} has no number for an id", text));
  if (*id < 1 || *id > server_id_max) return invalid(fmt::format("{}: an id is in 1 to {}", text, server_id_max));
  return ServerId(static_cast<std::int32_t>(*id));
}

Result<EnsembleServer> EnsembleServer::parse(ServerId id, std::string_view spec, bool multi_address) {
  EnsembleServer out;
  out.id = id;
  const auto halves = split(spec, ';');
  if (halves.empty() || halves.size() > 2) return wrong_form(spec);
  if (halves.size() == 2) {
    auto client = split_host(halves[1]);
    if (!client) return fail(client);
    if (client->rest.size() > 1) return wrong_form(spec);
    const bool port_only = client->rest.empty();
    auto port = parse_port(port_only ? halves[1] : client->rest[0]);
    if (!port) return fail(port);
    out.client = Endpoint{port_only ? "0.0.0.0" : client->host, *port};
    if (!is_host(out.client->host)) return wrong_form(spec);
  }

  const auto addresses = split(halves[0], '|');
  if (addresses.size() > 1 && !multi_address)
    return invalid(fmt::format("{} names several addresses, but multiAddress.enabled is false", spec));
  std::optional<bool> observer;
  for (const std::string_view text : addresses) {
    auto parts = split_host(text);
    if (!parts) return fail(parts);
    if (parts->rest.size() < 2 || parts->rest.size() > 3 || !is_host(parts->host)) return wrong_form(spec);
    auto quorum_port = parse_port(parts->rest[0]), election_port = parse_port(parts->rest[1]);
    if (!quorum_port) return fail(quorum_port);
    if (!election_port) return fail(election_port);
    if (*quorum_port == *election_port)
      return invalid(fmt::format("{}: the quorum's port and the election's must be different", text));
    if (parts->rest.size() == 3) {
      const std::string_view role = trim(parts->rest[2]);
      const bool observes = std::ranges::equal(role, std::string_view("observer"), {}, lower);
      if (!observes && !std::ranges::equal(role, std::string_view("participant"), {}, lower))
        return invalid(fmt::format("{}: {} is no role; give participant or observer", spec, role));
      if (observer.value_or(observes) != observes)
        return invalid(fmt::format("{}: all addresses of a server have the same role", spec));
      observer = observes;
    }
    Address address{std::move(parts->host), *quorum_port, *election_port};
    if (std::ranges::find(out.addresses, address) == out.addresses.end()) out.addresses.push_back(std::move(address));
  }
  if (out.addresses.empty()) return wrong_form(spec);
  out.observer = observer.value_or(false);
  std::ranges::sort(out.addresses);
  return out;
}

std::string EnsembleServer::text() const {
  std::vector<std::string> places;
  places.reserve(addresses.size());
  for (const Address& a : addresses)
    places.push_back(fmt::format("{}:{}:{}", delimited(a.host), a.quorum_port, a.election_port));
  std::string out = fmt::format("{}:{}", fmt::join(places, "|"), observer ? "observer" : "participant");
  if (client) out += fmt::format(";{}:{}", delimited(client->host), client->port);
  return out;
}

Result<EnsembleConfig> EnsembleConfig::parse(std::span<const EnsembleLine> lines, bool multi_address) {
  EnsembleConfig out;
  const auto at = [](const EnsembleLine& line, const Error& error) {
    return fail(error.kind, line.source.empty() ? error.message : fmt::format("{}: {}", line.source, error.message));
  };
  for (const EnsembleLine& line : lines) {
    if (line.key.starts_with("group") || line.key.starts_with("weight"))
      return at(line,
                Error(ErrorKind::invalid_input,
                      fmt::format("{}: weighted groups are not served; a quorum is a majority of the participants",
                                  line.key)));
    if (line.key == "version") {
      const auto version = number<std::uint64_t>(line.value, 16);
      if (!version || *version > INT64_MAX)
        return at(line, Error(ErrorKind::out_of_range, fmt::format("version {} is not a number", line.value)));
      out.version = Zxid(static_cast<std::int64_t>(*version));
      continue;
    }
    if (!line.key.starts_with("server."))
      return at(line, Error(ErrorKind::invalid_input, fmt::format("{} is no part of an ensemble", line.key)));
    auto id = parse_server_id(line.key);
    if (!id) return at(line, id.error());
    auto server = EnsembleServer::parse(*id, line.value, multi_address);
    if (!server) return at(line, Error(server.error().kind, fmt::format("{}: {}", line.key, server.error().message)));
    if (out.servers.contains(*id))
      return at(line,
                Error(ErrorKind::invalid_input, fmt::format("{}: server {} is there twice", line.key, id->value)));
    out.servers.emplace(*id, std::move(*server));
  }
  return out;
}

// A key that stands there twice has its last value, as in any properties file.
Result<EnsembleConfig> EnsembleConfig::parse(std::string_view text, bool multi_address) {
  std::map<std::string_view, std::string_view> values;
  for (const std::string_view line : split(text, '\n'))
    if (const auto p = property(line)) values.insert_or_assign(p->key, p->value);
  std::vector<EnsembleLine> lines;
  lines.reserve(values.size());
  for (const auto& [key, value] : values) lines.push_back({key, value, {}});
  return parse(lines, multi_address);
}

std::string EnsembleConfig::text() const {
  std::string out;
  for (const auto& [id, server] : servers) out += fmt::format("server.{}={}\n", id.value, server.text());
  return out + fmt::format("version={:x}", static_cast<std::uint64_t>(version.value));
}

std::size_t EnsembleConfig::participants() const {
  return static_cast<std::size_t>(std::ranges::count_if(servers, [](const auto& s) { return !s.second.observer; }));
}

bool EnsembleConfig::is_distributed(bool standalone_enabled) const {
  return participants() > (standalone_enabled ? 1 : 0);
}

Result<void> EnsembleConfig::check(bool standalone_enabled) const {
  const std::size_t voting = participants(), observing = servers.size() - voting;
  if (voting == 0 && !standalone_enabled)
    return refused_by_java("standaloneEnabled is false: there must be a participant");
  if (observing > 0 && voting == 0) return refused_by_java("there are observers, but no participants");
  if (observing > 0 && voting == 1 && standalone_enabled)
    return refused_by_java(
        "there are observers, but a single participant makes no quorum while standaloneEnabled is true");
  return {};
}

Result<void> EnsembleConfig::check_addresses() const {
  for (auto a = servers.begin(); a != servers.end(); ++a) {
    for (auto b = std::next(a); b != servers.end(); ++b) {
      auto shared = common(quorum_endpoints_of(a->second), quorum_endpoints_of(b->second));
      if (!shared) shared = shared_endpoint(a->second, b->second);
      if (shared)
        return invalid(
            fmt::format("server.{} and server.{} both have {}", a->first.value, b->first.value, to_string(*shared)));
    }
  }
  return {};
}

Membership EnsembleConfig::membership() const {
  Membership out;
  for (const auto& [id, server] : servers) (server.observer ? out.learners : out.voters).push_back(id);
  return out;
}

}  // namespace holdfast
