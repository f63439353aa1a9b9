#include "coordination/four_letter.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "coordination/ensemble_config.h"
#include "coordination/monitor.h"
#include "coordination/quorum_words.h"
#include "coordination/zk_server.h"
#include "runtime/system_info.h"

namespace holdfast {
namespace {

std::string ruok(ZkServer&, const QuorumStatus&) { return "imok"; }
std::string isro(ZkServer& s, const QuorumStatus& status) {
  return std::string(isro_text(status, s.ensemble().serving()));
}
// The trace mask selects what a debug log of upstream tells; ours has none, and says what upstream's default is.
std::string gtmk(ZkServer&, const QuorumStatus&) { return "306"; }

std::string crst(ZkServer& s, const QuorumStatus&) {
  for (const auto& [_, connection] : s.connections()) connection->reset_stats();
  return "Connection stats reset.\n";
}

std::string srst(ZkServer& s, const QuorumStatus&) {
  s.stats().reset();
  return "Server stats reset.\n";
}

// The four letters (or so) of cons, which are not the operation's name (FinalRequestProcessor).
std::string_view short_op_name(zk::OpCode op) {
  using enum zk::OpCode;
  switch (op) {
    case create_session:
      return "SESS";
    case close_session:
      return "CLOS";
    case create:
    case create2:
    case create_container:
    case create_ttl:
      return "CREA";
    case remove:
      return "DELE";
    case set_data:
      return "SETD";
    case set_acl:
      return "SETA";
    case reconfig:
      return "RECO";
    case multi:
      return "MULT";
    case multi_read:
      return "MLTR";
    case sync:
      return "SYNC";
    case check:
      return "CHEC";
    case exists:
      return "EXIS";
    case get_data:
      return "GETD";
    case set_watches:
      return "SETW";
    case set_watches2:
      return "STW2";
    case add_watch:
      return "ADDW";
    case get_acl:
      return "GETA";
    case get_children:
    case get_children2:
      return "GETC";
    case get_all_children_number:
      return "GETACN";
    case check_watches:
      return "CHKW";
    case remove_watches:
      return "REMW";
    case who_am_i:
      return "HOMI";
    case get_ephemerals:
      return "GETE";
    default:
      return "NA";
  }
}

std::string brief(const ZkConnection& c) {
  const ZkConnectionStats& stats = c.stats();
  // The number in brackets is what upstream's selector waits for: 1, to read; of who is being answered, 0.
  return fmt::format(" /{}[{}](queued={},recved={},sent={}", stats.remote, c.session() == SessionId(0) ? 0 : 1,
                     stats.queued, stats.received, stats.sent);
}

std::string full(const ZkConnection& c) {
  std::string out = brief(c);
  if (c.session() == SessionId(0)) return out + ")\n";
  const ZkConnectionStats& stats = c.stats();
  out += fmt::format(",sid={},lop={},est={},to={}", session_text(SessionId(stats.session)),
                     short_op_name(stats.last_op), stats.established_ms, stats.timeout_ms);
  if (stats.last_cxid >= 0) out += fmt::format(",lcxid=0x{:x}", stats.last_cxid);
  const std::int64_t average =
      stats.latency_count == 0 ? 0 : stats.latency_total_ms / static_cast<std::int64_t>(stats.latency_count);
  return out + fmt::format(",lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={})\n",
                           static_cast<std::uint64_t>(stats.last_zxid), stats.last_response_ms, stats.last_latency_ms,
                           std::max<std::int64_t>(stats.latency_min_ms, 0), average, stats.latency_max_ms);
}

std::string cons(ZkServer& s, const QuorumStatus&) {
  std::string out;
  for (const auto& [_, connection] : s.connections()) out += full(*connection);
  return out + "\n";
}

std::string head_lines(const QuorumStatus& status) {
  return fmt::format("Zookeeper version: {}\n{}", zookeeper_version, read_only_line(status));
}

std::string server_lines(ZkServer& s, const QuorumStatus& status) {
  const ZkServerStats& stats = s.stats();
  return fmt::format(
      "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\nZxid: 0x{:x}\n"
      "Mode: {}\nNode count: {}\n{}",
      std::max<std::int64_t>(stats.latency_min_ms, 0), java_double(stats.latency_average_ms()), stats.latency_max_ms,
      stats.received, stats.sent, s.connections().size(), s.outstanding(), s.ensemble().last_applied().value,
      to_string(status.mode), s.ensemble().tree().nodes() + 1,  // upstream counts the root twice
      proposal_sizes_line(status));
}

std::string srvr(ZkServer& s, const QuorumStatus& status) { return head_lines(status) + server_lines(s, status); }

std::string stat(ZkServer& s, const QuorumStatus& status) {
  std::string out = head_lines(status) + "Clients:\n";
  for (const auto& [_, connection] : s.connections()) out += brief(*connection) + ")\n";
  return out + "\n" + server_lines(s, status);
}

std::string mntr(ZkServer& s, const QuorumStatus& status) { return monitor_lines(s, status); }

std::string conf(ZkServer& s, const QuorumStatus& status) {
  Ensemble& ensemble = s.ensemble();
  const EnsembleOptions& o = ensemble.options();
  const zk::SessionLimits& limits = ensemble.limits();
  const zk::Znode* config = ensemble.tree().find(ensemble_config_path);
  const std::string quorum = ensemble_lines(status, config ? as_text(config->data.view()) : "");
  return fmt::format(
      "clientPort={}\nsecureClientPort=-1\ndataDir={}\ndataDirSize={}\ndataLogDir={}\ndataLogSize={}\ntickTime={}\n"
      "maxClientCnxns={}\nminSessionTimeout={}\nmaxSessionTimeout={}\nclientPortListenBacklog=-1\nserverId={}\n{}",
      s.local().port, o.data_dir, ensemble.driver().snapshot_bytes(), o.data_dir, ensemble.driver().log_bytes(),
      o.tick_ms, o.max_client_connections, limits.clamp(0), limits.clamp(INT32_MAX), o.server_id, quorum);
}

std::string dirs(ZkServer& s, const QuorumStatus&) {
  QuorumDriver& driver = s.ensemble().driver();
  return fmt::format("datadir_size: {}\nlogdir_size: {}\n", driver.snapshot_bytes(), driver.log_bytes());
}

std::string envi(ZkServer&, const QuorumStatus&) {
  const SystemInfo system = system_info();
  return fmt::format("Environment:\nzookeeper.version={}\nhost.name={}\nos.name={}\nos.arch={}\nos.version={}\n",
                     zookeeper_version, system.host_name, system.os_name, system.architecture, system.os_version);
}

std::string hash(ZkServer& s, const QuorumStatus&) {
  std::string out;
  for (const auto& [zxid, digest] : s.digests()) out += fmt::format("{:x}: {:x}\n", zxid.value, digest);
  return out;
}

// As Java writes a date: "Sat Nov 21 00:39:10 UTC 2026".
std::string java_date(std::int64_t wall_ms) {
  return fmt::format("{:%a %b %d %H:%M:%S UTC %Y}", fmt::gmtime(static_cast<std::time_t>(wall_ms / 1000)));
}

// Steady times are told as wall times: `wall_of_steady` is what to add.
std::string session_sets(const zk::SessionExpiry& expiry, std::int64_t wall_of_steady) {
  const auto& buckets = expiry.buckets();
  std::string out = fmt::format("Session Sets ({})/({}):\n", buckets.size(), expiry.size());
  for (const auto& [deadline, sessions] : buckets) {
    out += fmt::format("{} expire at {}:\n", sessions.size(), java_date(deadline + wall_of_steady));
    for (const SessionId id : sessions) out += fmt::format("\t{}\n", session_text(id));
  }
  return out;
}

std::string dump(ZkServer& s, const QuorumStatus& status) {
  Ensemble& ensemble = s.ensemble();
  const std::int64_t wall_of_steady = ensemble.shard().clock().wall_ms() - ensemble.steady_ms();
  std::string out = "SessionTracker dump:\n";
  const bool decides = status.mode == QuorumStatus::Mode::standalone || status.mode == QuorumStatus::Mode::leader;
  out += decides ? session_sets(ensemble.expiry(), wall_of_steady) : global_sessions(ensemble.machine().sessions());
  const auto& owners = ensemble.tree().ephemerals_by_session();
  out += fmt::format("ephemeral nodes dump:\nSessions with Ephemerals ({}):\n", owners.size());
  for (const auto& [owner, _] : owners) {
    out += session_text(SessionId(owner)) + ":\n";
    for (const std::string& path : ensemble.tree().ephemerals_of(SessionId(owner))) out += fmt::format("\t{}\n", path);
  }
  // A connection lives as long as its session; one that has none yet, as long as greetings may take. When a session
  // ends is the leader's to say: others tell when it would if it had just been heard of.
  std::map<std::int64_t, std::string> lines;
  std::map<std::int64_t, std::size_t> counts;
  for (const auto& [_, connection] : s.connections()) {
    const std::int64_t guess = connection->session() == SessionId(0)
                                   ? connection->greeting_deadline_ms()
                                   : ensemble.steady_ms() + connection->stats().timeout_ms;
    const std::int64_t until = ensemble.expiry().deadline_ms(connection->session()).value_or(guess);
    lines[until] += fmt::format("\tip: /{} sessionId: {}\n", connection->remote(), session_text(connection->session()));
    ++counts[until];
  }
  out += fmt::format("Connections dump:\nConnections Sets ({})/({}):\n", lines.size(), s.connections().size());
  for (const auto& [until, text] : lines)
    out += fmt::format("{} expire at {}:\n{}", counts[until], java_date(until + wall_of_steady), text);
  return out;
}

std::string wchs(ZkServer& s, const QuorumStatus&) {
  const zk::WatchTable::Summary summary = s.ensemble().machine().watches().data_summary();
  return fmt::format("{} connections watching {} paths\nTotal watches:{}\n", summary.connections, summary.paths,
                     summary.watches);
}

std::string by(ZkServer& s, bool sessions_first) {
  std::map<std::string, std::vector<std::string>> groups;
  s.ensemble().machine().watches().for_each_data_watch([&](std::string_view path, zk::ConnectionToken token) {
    const auto connection = s.connections().find(token);
    if (connection == s.connections().end()) return;
    std::string session = session_text(connection->second->session());
    if (sessions_first) {
      groups[std::move(session)].emplace_back(path);
    } else {
      groups[std::string(path)].push_back(std::move(session));
    }
  });
  std::string out;
  for (const auto& [key, values] : groups) {
    out += key + "\n";
    for (const std::string& value : values) out += fmt::format("\t{}\n", value);
  }
  return out + "\n";
}

std::string wchc(ZkServer& s, const QuorumStatus&) { return by(s, true); }
std::string wchp(ZkServer& s, const QuorumStatus&) { return by(s, false); }

struct Word {
  std::string_view name;
  std::string (*answer)(ZkServer&, const QuorumStatus&);
  bool needs_service;  // what it tells is of a server that serves
};

constexpr Word words[] = {
    {"ruok", ruok, false}, {"isro", isro, false}, {"srvr", srvr, true}, {"stat", stat, true}, {"mntr", mntr, true},
    {"cons", cons, true},  {"conf", conf, true},  {"dump", dump, true}, {"wchs", wchs, true}, {"wchc", wchc, true},
    {"wchp", wchp, true},  {"dirs", dirs, true},  {"crst", crst, true}, {"srst", srst, true}, {"envi", envi, false},
    {"hash", hash, true},  {"gtmk", gtmk, false},
};

// Null: it is none. Every greeting of a client comes by here, too.
const Word* find(std::string_view name) {
  const auto* found = std::ranges::find(words, name, &Word::name);
  return found == std::end(words) ? nullptr : found;
}

}  // namespace

std::optional<std::string> four_letter_answer(std::string_view word, ZkServer& server) {
  if (!find(word)) return std::nullopt;
  return four_letter_answer(word, server, server.ensemble().quorum_status());
}

std::optional<std::string> four_letter_answer(std::string_view word, ZkServer& server, const QuorumStatus& status) {
  const Word* known = find(word);
  if (!known) return std::nullopt;
  const std::vector<std::string>& allowed = server.ensemble().options().four_letter_words;
  const auto allows = [&](const std::string& entry) { return entry == "*" || entry == word; };
  // zkServer.sh asks with srvr; clients in read-only mode look for a server that takes writes with isro.
  const bool always = word == "srvr" || (word == "isro" && status.read_only_clients);
  if (!always && std::ranges::none_of(allowed, allows))
    return fmt::format("{} is not executed because it is not in the whitelist.\n", word);
  if (known->needs_service && !shows_data(status, server.ensemble().serving())) {
    // Upstream's hash is the one that does not end the line.
    return fmt::format("This ZooKeeper instance is not currently serving requests{}", word == "hash" ? "" : "\n");
  }
  return known->answer(server, status);
}

}  // namespace holdfast
