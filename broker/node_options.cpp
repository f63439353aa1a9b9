#include "broker/node_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "broker/znodes.h"

namespace holdfast {
namespace {

Result<KafkaListener> parse_listener(const std::string& text) {
  const auto scheme = text.find("://");
  const auto colon = text.rfind(':');
  KafkaListener out;
  if (scheme == text.npos || colon == text.npos || colon < scheme + 3 ||
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.bind.port).ptr !=
          text.data() + text.size())
    return fail(ErrorKind::invalid_input, fmt::format("'{}' is not a listener: NAME://host:port is expected", text));
  out.name = text.substr(0, scheme);
  out.bind.host = text.substr(scheme + 3, colon - scheme - 3);
  std::erase_if(out.bind.host, [](char c) { return c == '[' || c == ']'; });
  return out;
}

}  // namespace

Result<std::vector<KafkaListener>> listeners_of(const Config& config) {
  std::vector<KafkaListener> out;
  for (const std::string& text : config.list("listeners")) {
    auto parsed = parse_listener(text);
    if (!parsed) return fail(parsed);
    parsed->advertised = parsed->bind;
    // Nobody can connect to "every address": this host's name stands for it until advertised.listeners says better.
    if (parsed->bind.host.empty() || parsed->bind.host == "0.0.0.0" || parsed->bind.host == "::")
      parsed->advertised.host = "localhost";
    parsed->advertised.port = 0;  // the port that is bound
    out.push_back(std::move(*parsed));
  }
  for (const std::string& text : config.list("advertised.listeners")) {
    auto parsed = parse_listener(text);
    if (!parsed) return fail(parsed);
    const auto it = std::ranges::find(out, parsed->name, &KafkaListener::name);
    if (it == out.end())
      return fail(ErrorKind::invalid_input,
                  fmt::format("advertised.listeners names {}, which listeners does not", parsed->name));
    it->advertised = parsed->bind;
  }
  if (out.empty()) return fail(ErrorKind::invalid_input, "listeners is empty");
  return out;
}

std::vector<std::string> data_directories(const Config& config) {
  if (config.is_set("log.dirs")) return config.list("log.dirs");
  return {config.text(config.is_set("dataDir") && !config.is_set("log.dir") ? "dataDir" : "log.dir")};
}

EnsembleOptions ensemble_options(const Config& config, const EnsembleSetup& setup, const std::string& data_dir,
                                 std::int32_t node_id) {
  EnsembleOptions o;
  o.server_id = node_id;
  if (setup.distributed) {
    o.server_id = setup.self.value;
    o.servers = setup.config;
    const bool everywhere = config.boolean("quorumListenOnAllIPs");
    for (const EnsembleServer::Address& address : setup.config.servers.at(setup.self).addresses)
      o.quorum.push_back({everywhere ? "" : address.host, address.quorum_port});
    const EnsembleServer::Address& first = setup.config.servers.at(setup.self).addresses.front();
    o.quorum_address = to_string(Endpoint{first.host, first.quorum_port});
  }
  o.reconfig_enabled = config.boolean("reconfigEnabled");
  o.standalone_enabled = config.boolean("standaloneEnabled");
  o.multi_address = config.boolean("multiAddress.enabled");
  o.read_only_clients = config.boolean("readonlymode.enabled");
  o.init_limit = static_cast<std::int32_t>(config.integer("initLimit"));
  o.sync_limit = static_cast<std::int32_t>(config.integer("syncLimit"));
  o.recover_alone = config.boolean("quorum.recover.alone");
  o.election_timeout_ms = config.integer("quorum.election.timeout.ms");
  o.tick_ms = config.integer("tickTime");
  o.session_timeout_min_ms = config.integer("minSessionTimeout");
  o.session_timeout_max_ms = config.integer("maxSessionTimeout");
  o.max_client_connections = static_cast<std::int32_t>(config.integer("maxClientCnxns"));
  o.max_connections = static_cast<std::int32_t>(config.integer("maxCnxns"));
  o.jute_max_buffer = static_cast<std::size_t>(config.integer("jute.maxbuffer"));
  std::string word;
  for (const char c : config.text("4lw.commands.whitelist") + ",") {
    if (c == ' ') continue;
    if (c != ',') {
      word += c;
    } else if (!word.empty()) {
      o.four_letter_words.push_back(std::exchange(word, {}));
    }
  }
  o.extended_types = config.boolean("extendedTypesEnabled");
  o.enforce_quota = config.boolean("enforceQuota");
  o.acl.super_digest = config.text("DigestAuthenticationProvider.superDigest");
  o.acl.digest_enabled = config.boolean("DigestAuthenticationProvider.enabled");
  o.acl.digest_algorithm = config.text("DigestAuthenticationProvider.digestAlg");
  o.acl.skip_acl = config.text("skipACL") == "yes";
  o.snapshot_count = config.integer("snapCount");
  o.container_check_ms = config.integer("znode.container.checkIntervalMs");
  o.session_request_rate = config.integer("session.request.rate");
  o.session_byte_rate = config.integer("session.byte.rate");
  o.global_outstanding_limit = config.integer("globalOutstandingLimit");
  o.client = setup.client;
  o.data_dir = data_dir + "/coordination";
  o.protected_prefixes = znodes::protected_prefixes();
  return o;
}

}  // namespace holdfast
