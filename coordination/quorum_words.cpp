#include "coordination/quorum_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "coordination/ensemble_config.h"

namespace holdfast {
namespace {

using Mode = QuorumStatus::Mode;

// Of all addresses of a server, each port once.
std::string ports(const EnsembleServer& server, std::uint16_t EnsembleServer::Address::* port) {
  std::vector<std::uint16_t> all;
  for (const EnsembleServer::Address& address : server.addresses)
    if (std::ranges::find(all, address.*port) == all.end()) all.push_back(address.*port);
  return fmt::format("{}", fmt::join(all, "|"));
}

}  // namespace

bool shows_data(const QuorumStatus& status, bool serving) {
  return status.mode == Mode::read_only || (serving && status.mode != Mode::looking);
}

std::string_view isro_text(const QuorumStatus& status, bool serving) {
  if (!shows_data(status, serving)) return "null";
  return status.mode == Mode::read_only ? "ro" : "rw";
}

std::string_view read_only_line(const QuorumStatus& status) {
  return status.mode == Mode::read_only ? "READ-ONLY mode; serving only read-only clients\n" : "";
}

std::string proposal_sizes_line(const QuorumStatus& status) {
  if (status.mode != Mode::leader) return {};
  const QuorumStatus::Sizes& bytes = status.proposal_bytes;
  return fmt::format("Proposal sizes last/min/max: {}/{}/{}\n", bytes.last, bytes.min, bytes.max);
}

std::string ensemble_lines(const QuorumStatus& status, std::string_view config) {
  if (status.mode == Mode::standalone) return {};
  const auto parsed = EnsembleConfig::parse(config, true);
  const EnsembleServer* self = nullptr;  // nobody, while it waits to be taken in
  if (parsed && parsed->servers.contains(status.self)) self = &parsed->servers.at(status.self);
  std::string out = fmt::format("initLimit={}\nsyncLimit={}\nelectionAlg=3\n", status.init_limit, status.sync_limit);
  if (self) {
    out += fmt::format("electionPort={}\nquorumPort={}\n", ports(*self, &EnsembleServer::Address::election_port),
                       ports(*self, &EnsembleServer::Address::quorum_port));
  }
  const bool observer = status.mode == Mode::observer || (self && self->observer);
  out += fmt::format("peerType={}\n", observer ? 1 : 0);
  if (status.mode != Mode::read_only) out += fmt::format("membership: \n{}", config);
  return out;
}

std::string session_text(SessionId id) { return fmt::format("0x{:x}", static_cast<std::uint64_t>(id.value)); }

std::string global_sessions(const zk::SessionTable& sessions) {
  std::map<std::int64_t, std::int32_t> timeouts;
  for (const auto& [id, session] : sessions.all()) timeouts.emplace(id.value, session.timeout_ms);
  std::string out = fmt::format("Global Sessions({}):\n", timeouts.size());
  for (const auto& [id, timeout_ms] : timeouts)
    out += fmt::format("{}\t{}ms\n", session_text(SessionId(id)), timeout_ms);
  return out;
}

}  // namespace holdfast
