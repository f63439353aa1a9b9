#include "broker/ensemble_setup.h"

#include <fmt/format.h>

#include <charconv>

#include "config/load.h"

namespace holdfast {
namespace {

constexpr std::uint64_t dynamic_file_bytes_max = 1 << 20;
constexpr std::uint64_t my_id_bytes_max = 1 << 10;

std::unexpected<Error> invalid(std::string message) { return fail(ErrorKind::invalid_input, std::move(message)); }

// "zoo.cfg.dynamic.100000003": the zxid of the change that wrote it. Other names are of version 0.
Zxid version_in_name(std::string_view file) {
  const std::string_view suffix = file.substr(std::min(file.rfind('.') + 1, file.size()));
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), version, 16);
  const bool whole = error == std::errc() && end == suffix.data() + suffix.size() && version >= 0;
  return Zxid(whole && suffix.size() < file.size() ? version : 0);
}

Result<EnsembleConfig> from_dynamic_file(const Config& config, const std::string& file, Disk& disk) {
  if (!config.server_lines().empty()) {
    const auto& [key, line] = *config.server_lines().begin();
    return invalid(fmt::format("{}: {} must be in the dynamic configuration file {}", line.source, key, file));
  }
  auto bytes = disk.read_file(file, dynamic_file_bytes_max);
  if (!bytes) return fail(bytes);
  auto properties = parse_properties(as_text(*bytes));
  if (!properties) return fail(properties.error().kind, fmt::format("{}: {}", file, properties.error().message));
  std::map<std::string, const Property*> last;
  for (const Property& p : *properties) last.insert_or_assign(p.key, &p);
  std::vector<std::string> sources;
  sources.reserve(last.size());
  std::vector<EnsembleLine> lines;
  for (const auto& [key, p] : last) {
    sources.push_back(fmt::format("{}:{}", file, p->line));
    if (key == "version") return invalid(fmt::format("{}: the version is in the file's name only", sources.back()));
    lines.push_back({key, p->value, sources.back()});
  }
  auto parsed = EnsembleConfig::parse(lines, config.boolean("multiAddress.enabled"));
  if (parsed) parsed->version = version_in_name(file);
  return parsed;
}

Result<EnsembleConfig> members(const Config& config, Disk& disk) {
  if (const std::string file = config.text("dynamicConfigFile"); !file.empty())
    return from_dynamic_file(config, file, disk);
  std::vector<EnsembleLine> lines;
  for (const auto& [key, line] : config.server_lines()) lines.push_back({key, line.value, line.source});
  return EnsembleConfig::parse(lines, config.boolean("multiAddress.enabled"));
}

// 0: there is no such file.
Result<ServerId> read_my_id(const std::string& file, Disk& disk) {
  auto exists = disk.exists(file);
  if (!exists) return fail(exists);
  if (!*exists) return ServerId(0);
  auto bytes = disk.read_file(file, my_id_bytes_max);
  if (!bytes) return fail(bytes);
  constexpr std::string_view blanks = " \t\r\n";
  std::string_view line = as_text(*bytes);
  if (line.find_first_not_of(blanks) == line.npos)
    return invalid(fmt::format("{} is empty: it says which server.N this is", file));
  line = line.substr(0, line.find_first_of(blanks));
  if (line.empty()) return invalid(fmt::format("{}: the number is to be at its beginning", file));
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), id);
  if (error != std::errc() || end != line.data() + line.size())
    return invalid(fmt::format("{}: {} is not a number", file, line));
  if (id < 1 || id > server_id_max) return invalid(fmt::format("{}: {} is not in 1 to {}", file, id, server_id_max));
  return ServerId(static_cast<std::int32_t>(id));
}

// The server's line and clientPort may both say where clients are taken; then they must say the same. A name may mean
// any address, and is believed.
Result<Endpoint> client_endpoint(const Config& config, const EnsembleServer* self) {
  Endpoint configured{config.text("clientPortAddress"), static_cast<std::uint16_t>(config.integer("clientPort"))};
  if (!self || !self->client) return configured;
  const Endpoint& line = *self->client;
  const bool address = config.is_set("clientPortAddress") && !is_wildcard_address(configured.host);
  const bool contradicts = (config.is_set("clientPort") && configured.port != line.port) ||
                           (address && is_literal_address(configured.host) && is_literal_address(line.host) &&
                            !is_same_host(configured.host, line.host));
  if (contradicts)
    return invalid(fmt::format("{}: clients are taken at {}, but server.{} says {}",
                               config.source(config.is_set("clientPort") ? "clientPort" : "clientPortAddress"),
                               to_string(configured), self->id.value, to_string(line)));
  return line;
}

}  // namespace

Result<EnsembleSetup> ensemble_setup_from(const Config& config, const std::string& data_dir, Disk& disk,
                                          std::vector<std::string>& notices) {
  const bool standalone_enabled = config.boolean("standaloneEnabled");
  EnsembleSetup out;
  auto parsed = members(config, disk);
  if (!parsed) return fail(parsed);
  out.config = std::move(*parsed);
  if (auto checked = out.config.check(standalone_enabled); !checked) return fail(checked);
  if (auto checked = out.config.check_addresses(); !checked) return fail(checked);
  out.distributed = out.config.is_distributed(standalone_enabled);

  const std::string my_id_file = config.raw("dataDir").value_or(data_dir) + "/myid";
  auto self = read_my_id(my_id_file, disk);
  if (!self) return fail(self);
  out.self = *self;
  const auto found = out.config.servers.find(out.self);
  const EnsembleServer* line = found == out.config.servers.end() ? nullptr : &found->second;
  auto client = client_endpoint(config, line);
  if (!client) return fail(client);
  out.client = std::move(*client);

  const std::size_t voting = out.config.participants();
  if (!out.distributed) {
    if (voting > 0) notices.push_back("a single server makes no quorum: the node stands alone");
    return out;
  }
  if (out.self == ServerId(0)) return invalid(fmt::format("{} is missing: it says which server.N this is", my_id_file));
  if (!line) return invalid(fmt::format("{}: there is no server.{}", my_id_file, out.self.value));
  if (voting <= 2) {
    notices.push_back("no failure of a server will be tolerated: that needs at least 3 participants");
  } else if (voting % 2 == 0) {
    notices.push_back(fmt::format("{} participants tolerate no more failures than {}", voting, voting - 1));
  }
  if (config.is_set("peerType") && (config.text("peerType") == "observer") != line->observer)
    notices.push_back(fmt::format("{}: peerType is {}, but server.{} is {}, which holds", config.source("peerType"),
                                  config.text("peerType"), out.self.value,
                                  line->observer ? "an observer" : "a participant"));
  return out;
}

}  // namespace holdfast
