#include "coordination/reconfig.h"

#include <algorithm>
#include <charconv>

namespace holdfast::zk {
namespace {

using Changed = std::expected<EnsembleConfig, ZkError>;

// What upstream's own checks refuse is BadArguments. What only Java refuses (a number that is none, a port beyond
// 65535) ends its request processor's work as something that it could not read.
ZkError code_of(const Error& error) {
  return error.kind == ErrorKind::out_of_range ? ZkError::marshalling_error : ZkError::bad_arguments;
}

// StringUtils.split: the parts that are more than white space, without it.
std::vector<std::string_view> list(std::string_view text, char separator) {
  constexpr std::string_view blanks(" \t\n\v\f\r\0", 7);
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t begin = part.find_first_not_of(blanks);
    if (begin == std::string_view::npos) continue;
    out.push_back(part.substr(begin, part.find_last_not_of(blanks) + 1 - begin));
  }
  return out;
}

Changed replaced(std::string_view members, const ReconfigOptions& options) {
  std::string lines(members);
  std::ranges::replace(lines, ',', '\n');
  auto config = EnsembleConfig::parse(lines, options.multi_address);
  if (!config) return std::unexpected(code_of(config.error()));
  if (auto checked = config->check(options.standalone_enabled); !checked)
    return std::unexpected(code_of(checked.error()));
  return std::move(*config);
}

// A server that is there already is replaced; leaving comes first, so one may leave and join again.
Changed adjusted(const EnsembleConfig& current, const ReconfigOp& op, const ReconfigOptions& options) {
  EnsembleConfig next = current;
  for (const std::string_view leaving : list(op.leaving.value_or(""), ',')) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(leaving.data(), leaving.data() + leaving.size(), id);
    if (error != std::errc() || end != leaving.data() + leaving.size())
      return std::unexpected(ZkError::marshalling_error);
    if (id > 0 && id <= server_id_max) next.servers.erase(ServerId(static_cast<std::int32_t>(id)));
  }
  for (const std::string_view joining : list(op.joining.value_or(""), ',')) {
    const auto halves = list(joining, '=');
    if (halves.size() != 2) return std::unexpected(ZkError::bad_arguments);
    const auto id = parse_server_id(halves[0]);
    if (!id) return std::unexpected(code_of(id.error()));
    auto server = EnsembleServer::parse(*id, halves[1], options.multi_address);
    if (!server) return std::unexpected(code_of(server.error()));
    if (!server->client) return std::unexpected(ZkError::bad_arguments);
    for (const auto& [other, there] : next.servers)
      if (other != *id && shared_endpoint(*server, there)) return std::unexpected(ZkError::bad_arguments);
    next.servers.insert_or_assign(*id, std::move(*server));
  }
  return next;
}

}  // namespace

Changed reconfigured(const EnsembleConfig& current, const ReconfigOp& op, Zxid version,
                     const ReconfigOptions& options) {
  if (op.from_version != -1 && op.from_version != current.version.value) return std::unexpected(ZkError::bad_version);
  Changed next = op.members ? replaced(*op.members, options) : adjusted(current, op, options);
  if (!next) return next;
  next->version = version;
  const std::size_t least = options.standalone_enabled ? 2 : 1;
  if (next->participants() < least) return std::unexpected(ZkError::bad_arguments);
  return next;
}

bool holds_quorum(const EnsembleConfig& config, std::span<const ServerId> synced) {
  const auto present = std::ranges::count_if(config.servers, [&](const auto& entry) {
    return !entry.second.observer && std::ranges::find(synced, entry.first) != synced.end();
  });
  return static_cast<std::size_t>(present) > config.participants() / 2;
}

}  // namespace holdfast::zk
