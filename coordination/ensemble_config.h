// EnsembleConfig: who is in an ensemble, where each of them listens and who votes. It reads and prints ZooKeeper 3.9's
// notation, byte for byte: the lines of zoo.cfg, a dynamic configuration file, the text of /zookeeper/config.
//
//   server.1=host:2888:3888[:participant|observer][;[address:]2181]    several addresses: a:2888:3888|b:2888:3888
//   version=100000003                                                  the zxid of its transaction, in hexadecimal
//
// Pure: names are not resolved, and compared as names. Errors are invalid_input where upstream has an error of its own
// (ConfigException) and out_of_range where it meets one of Java's: a client that sends the latter gets another code.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coordination/consensus_types.h"
#include "runtime/network.h"
#include "runtime/result.h"

namespace holdfast {

inline constexpr std::string_view ensemble_config_path = "/zookeeper/config";
inline constexpr std::int64_t server_id_max = 255;  // a server's id is the first byte of the sessions it opens

struct EnsembleServer {
  struct Address {
    std::string host;  // a name, or an address as Java prints it: IPv6 in full, without brackets
    std::uint16_t quorum_port = 0, election_port = 0;
    friend auto operator<=>(const Address&, const Address&) = default;
  };
  ServerId id;
  std::vector<Address> addresses;  // at least one, ordered by host
  bool observer = false;
  std::optional<Endpoint> client;  // where it takes clients, if the line says so

  // `spec`: what stands behind "server.N=".
  static Result<EnsembleServer> parse(ServerId id, std::string_view spec, bool multi_address);
  std::string text() const;
};

// One property, and where it stands ("zoo.cfg:12"), for errors.
struct EnsembleLine {
  std::string_view key, value, source;
};

struct EnsembleConfig {
  std::map<ServerId, EnsembleServer> servers;
  Zxid version;

  // server.N and version; group.N and weight.N are refused, and so is every other key.
  static Result<EnsembleConfig> parse(std::span<const EnsembleLine> lines, bool multi_address);
  static Result<EnsembleConfig> parse(std::string_view text, bool multi_address);
  // The servers in the order of their ids, then the version. Upstream's order is that of a hash table: the same while
  // the ids are 1 to n.
  std::string text() const;

  std::size_t participants() const;
  // Whether this makes a quorum. A single participant stands alone, unless standaloneEnabled is false.
  bool is_distributed(bool standalone_enabled) const;
  // ZooKeeper's rules for a configuration as a whole. `standalone_enabled`: a server without any lines is fine.
  Result<void> check(bool standalone_enabled) const;
  // Beyond ZooKeeper's: no two servers listen for the quorum on the same address and port.
  Result<void> check_addresses() const;
  Membership membership() const;
};

// The id in "server.7", or in "7" alone.
Result<ServerId> parse_server_id(std::string_view text);
// An endpoint of either that the other one has too. Addresses of the host itself and of all interfaces say nothing
// about other hosts and are left aside.
std::optional<Endpoint> shared_endpoint(const EnsembleServer& a, const EnsembleServer& b);
// The same host; "0.0.0.0" and "::" are every host's.
bool is_wildcard_address(std::string_view host);
bool is_literal_address(std::string_view host);
bool is_same_host(std::string_view a, std::string_view b);

}  // namespace holdfast
