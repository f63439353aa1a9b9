#include "coordination/four_letter.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "coordination/monitor.h"
#include "coordination/zk_server.h"
#include "runtime/system_info.h"

namespace holdfast {
namespace {

std::string ruok(ZkServer&) { return "imok"; }
std::string isro(ZkServer& s) { return s.ensemble().serving() ? "rw" : "null"; }
// The trace mask selects what a debug log of upstream tells; ours has none, and says what upstream's default is.
std::string gtmk(ZkServer&) { return "306"; }

std::string crst(ZkServer& s) {
  for (const auto& [_, connection] : s.connections()) connection->reset_stats();
  return "Connection stats reset.\n";
}

std::string srst(ZkServer& s) {
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
  out += fmt::format(",sid=0x{:x},lop={},est={},to={}", stats.session, short_op_name(stats.last_op),
                     stats.established_ms, stats.timeout_ms);
  if (stats.last_cxid >= 0) out += fmt::format(",lcxid=0x{:x}", stats.last_cxid);
  const std::int64_t average =
      stats.latency_count == 0 ? 0 : stats.latency_total_ms / static_cast<std::int64_t>(stats.latency_count);
  return out + fmt::format(",lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={})\n",
                           static_cast<std::uint64_t>(stats.last_zxid), stats.last_response_ms, stats.last_latency_ms,
                           std::max<std::int64_t>(stats.latency_min_ms, 0), average, stats.latency_max_ms);
}

std::string cons(ZkServer& s) {
  std::string out;
  for (const auto& [_, connection] : s.connections()) out += full(*connection);
  return out + "\n";
}

std::string version_line() { return fmt::format("Zookeeper version: {}\n", zookeeper_version); }

std::string server_lines(ZkServer& s) {
  const ZkServerStats& stats = s.stats();
  return fmt::format(
      "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\nZxid: 0x{:x}\n"
      "Mode: standalone\nNode count: {}\n",
      std::max<std::int64_t>(stats.latency_min_ms, 0), java_double(stats.latency_average_ms()), stats.latency_max_ms,
      stats.received, stats.sent, s.connections().size(), s.outstanding(), s.ensemble().last_applied().value,
      s.ensemble().tree().nodes() + 1);  // upstream counts the root twice
}

std::string srvr(ZkServer& s) { return version_line() + server_lines(s); }

std::string stat(ZkServer& s) {
  std::string out = version_line() + "Clients:\n";
  for (const auto& [_, connection] : s.connections()) out += brief(*connection) + ")\n";
  return out + "\n" + server_lines(s);
}

std::string mntr(ZkServer& s) { return monitor_lines(s); }

std::string conf(ZkServer& s) {
  Ensemble& ensemble = s.ensemble();
  const EnsembleOptions& o = ensemble.options();
  const zk::SessionLimits& limits = ensemble.limits();
  return fmt::format(
      "clientPort={}\nsecureClientPort=-1\ndataDir={}\ndataDirSize={}\ndataLogDir={}\ndataLogSize={}\ntickTime={}\n"
      "maxClientCnxns={}\nminSessionTimeout={}\nmaxSessionTimeout={}\nclientPortListenBacklog=-1\nserverId={}\n",
      s.local().port, o.data_dir, ensemble.driver().snapshot_bytes(), o.data_dir, ensemble.driver().log_bytes(),
      o.tick_ms, o.max_client_connections, limits.clamp(0), limits.clamp(INT32_MAX), o.server_id);
}

std::string dirs(ZkServer& s) {
  QuorumDriver& driver = s.ensemble().driver();
  return fmt::format("datadir_size: {}\nlogdir_size: {}\n", driver.snapshot_bytes(), driver.log_bytes());
}

std::string envi(ZkServer&) {
  const SystemInfo system = system_info();
  return fmt::format("Environment:\nzookeeper.version={}\nhost.name={}\nos.name={}\nos.arch={}\nos.version={}\n",
                     zookeeper_version, system.host_name, system.os_name, system.architecture, system.os_version);
}

std::string hash(ZkServer& s) {
  std::string out;
  for (const auto& [zxid, digest] : s.digests()) out += fmt::format("{:x}: {:x}\n", zxid.value, digest);
  return out;
}

// As Java writes a date: "Sat Nov 21 00:39:10 UTC 2026".
std::string java_date(std::int64_t wall_ms) {
  return fmt::format("{:%a %b %d %H:%M:%S UTC %Y}", fmt::gmtime(static_cast<std::time_t>(wall_ms / 1000)));
}

std::string dump(ZkServer& s) {
  Ensemble& ensemble = s.ensemble();
  const auto& buckets = ensemble.expiry().buckets();
  const std::int64_t wall_of_steady = ensemble.shard().clock().wall_ms() - ensemble.steady_ms();
  std::string out =
      fmt::format("SessionTracker dump:\nSession Sets ({})/({}):\n", buckets.size(), ensemble.expiry().size());
  for (const auto& [deadline, sessions] : buckets) {
    out += fmt::format("{} expire at {}:\n", sessions.size(), java_date(deadline + wall_of_steady));
    for (const SessionId id : sessions) out += fmt::format("\t0x{:x}\n", id.value);
  }
  const auto& owners = ensemble.tree().ephemerals_by_session();
  out += fmt::format("ephemeral nodes dump:\nSessions with Ephemerals ({}):\n", owners.size());
  for (const auto& [owner, _] : owners) {
    out += fmt::format("0x{:x}:\n", owner);
    for (const std::string& path : ensemble.tree().ephemerals_of(SessionId(owner))) out += fmt::format("\t{}\n", path);
  }
  // A connection lives as long as its session; one that has none yet, as long as greetings may take.
  std::map<std::int64_t, std::string> lines;
  std::map<std::int64_t, std::size_t> counts;
  for (const auto& [_, connection] : s.connections()) {
    const std::int64_t until =
        ensemble.expiry().deadline_ms(connection->session()).value_or(connection->greeting_deadline_ms());
    lines[until] += fmt::format("\tip: /{} sessionId: 0x{:x}\n", connection->remote(), connection->session().value);
    ++counts[until];
  }
  out += fmt::format("Connections dump:\nConnections Sets ({})/({}):\n", lines.size(), s.connections().size());
  for (const auto& [until, text] : lines)
    out += fmt::format("{} expire at {}:\n{}", counts[until], java_date(until + wall_of_steady), text);
  return out;
}

std::string wchs(ZkServer& s) {
  const zk::WatchTable::Summary summary = s.ensemble().machine().watches().data_summary();
  return fmt::format("{} connections watching {} paths\nTotal watches:{}\n", summary.connections, summary.paths,
                     summary.watches);
}

std::string by(ZkServer& s, bool sessions_first) {
  std::map<std::string, std::vector<std::string>> groups;
  s.ensemble().machine().watches().for_each_data_watch([&](std::string_view path, zk::ConnectionToken token) {
    const auto connection = s.connections().find(token);
    if (connection == s.connections().end()) return;
    std::string session = fmt::format("0x{:x}", connection->second->session().value);
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

std::string wchc(ZkServer& s) { return by(s, true); }
std::string wchp(ZkServer& s) { return by(s, false); }

struct Word {
  std::string_view name;
  std::string (*answer)(ZkServer&);
  bool needs_service;  // what it tells is of a server that serves
};

constexpr Word words[] = {
    {"ruok", ruok, false}, {"isro", isro, false}, {"srvr", srvr, true}, {"stat", stat, true}, {"mntr", mntr, true},
    {"cons", cons, true},  {"conf", conf, true},  {"dump", dump, true}, {"wchs", wchs, true}, {"wchc", wchc, true},
    {"wchp", wchp, true},  {"dirs", dirs, true},  {"crst", crst, true}, {"srst", srst, true}, {"envi", envi, false},
    {"hash", hash, true},  {"gtmk", gtmk, false},
};

}  // namespace

std::optional<std::string> four_letter_answer(std::string_view word, ZkServer& server) {
  const auto* known = std::ranges::find(words, word, &Word::name);
  if (known == std::end(words)) return std::nullopt;
  const std::vector<std::string>& allowed = server.ensemble().options().four_letter_words;
  const auto allows = [&](const std::string& entry) { return entry == "*" || entry == word; };
  if (std::ranges::none_of(allowed, allows))
    return fmt::format("{} is not executed because it is not in the whitelist.\n", word);
  if (known->needs_service && !server.ensemble().serving())
    return std::string("This ZooKeeper instance is not currently serving requests\n");
  return known->answer(server);
}

}  // namespace holdfast
