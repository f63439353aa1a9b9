// holdfast quorum: who keeps the znodes, who leads them, and changing that.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>

#include "client/cli.h"
#include "client/cli_cluster.h"
#include "client/cli_families.h"
#include "client/cli_zk.h"
#include "runtime/gate.h"
#include "runtime/random.h"

namespace holdfast::client {
namespace {

constexpr const char* no_quorum = "no quorum";

struct ChangeArguments {
  std::vector<std::string> what, auth;
};

// A line of /zookeeper/config, or what the connect string says where there is none.
struct Member {
  std::optional<int> id;
  std::string spec;  // "host:2888:3888:participant;0.0.0.0:2181"
  std::string role;
  std::string host;  // where the others find it
  // Where it takes clients, if that is known: a line may leave it to the server's own clientPort.
  std::optional<Endpoint> client;
};

// What a server says of itself.
struct ServerState {
  std::string mode, zxid, version, error;
  std::optional<std::int64_t> connections, znodes, outstanding;
};

std::optional<Member> parse_member(std::string_view line) {
  constexpr std::string_view prefix = "server.";
  const std::size_t equals = line.find('=');
  if (!line.starts_with(prefix) || equals == std::string_view::npos) return std::nullopt;
  Member out;
  int id = 0;
  const auto [end, error] = std::from_chars(line.data() + prefix.size(), line.data() + equals, id);
  if (error != std::errc() || end != line.data() + equals) return std::nullopt;
  out.id = id;
  out.spec = line.substr(equals + 1);
  const std::string_view servers = std::string_view(out.spec).substr(0, out.spec.find(';'));
  out.role = servers.ends_with(":observer") ? "observer" : "voter";
  const std::size_t bracket = servers.starts_with('[') ? servers.find(']') : std::string_view::npos;
  out.host = bracket == std::string_view::npos ? servers.substr(0, servers.find(':')) : servers.substr(1, bracket - 1);
  if (const std::size_t semicolon = out.spec.find(';'); semicolon != std::string::npos) {
    auto clients = parse_connect_string(out.spec.substr(semicolon + 1));
    const std::string_view port_alone = std::string_view(out.spec).substr(semicolon + 1);
    std::uint16_t port = 0;
    const auto [stop, wrong] = std::from_chars(port_alone.data(), port_alone.data() + port_alone.size(), port);
    if (wrong == std::errc() && stop == port_alone.data() + port_alone.size()) {
      out.client = Endpoint{out.host, port};
    } else if (clients) {
      // The clients' address may be all of them.
      const Endpoint& at = clients->servers.front();
      const bool is_any = at.host == "0.0.0.0" || at.host == "::" || at.host == "0:0:0:0:0:0:0:0";
      out.client = Endpoint{is_any ? out.host : at.host, at.port};
    }
  }
  return out;
}

std::vector<Member> parse_members(std::string_view config) {
  std::vector<Member> out;
  while (!config.empty()) {
    const std::size_t end = std::min(config.find('\n'), config.size());
    if (auto member = parse_member(config.substr(0, end))) out.push_back(std::move(*member));
    config.remove_prefix(std::min(end + 1, config.size()));
  }
  return out;
}

std::string line_of(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + name.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

std::optional<std::int64_t> number_of(std::string_view text, std::string_view name) {
  const std::string word = line_of(text, name);
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() ? std::optional(out) : std::nullopt;
}

ServerState state_of(const Result<std::string>& answer) {
  ServerState out;
  if (!answer) {
    out.error = answer.error().message;
    return out;
  }
  out.mode = line_of(*answer, "Mode: ");
  out.zxid = line_of(*answer, "Zxid: ");
  out.version = line_of(*answer, "Zookeeper version: ");
  out.connections = number_of(*answer, "Connections: ");
  out.znodes = number_of(*answer, "Node count: ");
  out.outstanding = number_of(*answer, "Outstanding: ");
  if (out.mode.empty()) out.mode = no_quorum;
  return out;
}

// By member; of one that nobody knows how to ask, nothing.
Task<std::vector<std::optional<ServerState>>> look_at_members(Session& session, const std::vector<Member>& members) {
  std::vector<Endpoint> known;
  for (const Member& member : members) {
    if (member.client) known.push_back(*member.client);
  }
  const auto answers = co_await four_letter_words(session, std::move(known), "srvr");
  std::vector<std::optional<ServerState>> out;
  std::size_t next = 0;
  for (const Member& member : members)
    out.push_back(member.client ? std::optional(state_of(answers[next++])) : std::nullopt);
  co_return out;
}

// A session that nobody waits for at its end: a connection attempt may hold it up.
struct Visit {
  Visit(Session& session, ZkServers servers)
      : zk(session.shard(), session.network(), *random, options_of(std::move(servers))) {}
  static ZooKeeperOptions options_of(ZkServers servers) {
    ZooKeeperOptions options;
    options.servers = std::move(servers);
    options.read_only = true;
    return options;
  }
  const std::unique_ptr<Random> random = system_random();
  ZooKeeper zk;
};

Task<void> end_of(std::unique_ptr<Visit> visit) { co_await visit->zk.close(); }

// Which server takes clients there: by `conf`, or, as most do not answer that, by the number of a session: its first
// byte is that of the server that has made it (SessionTrackerImpl.initializeNextSessionId).
Task<void> identify(Session& session, Endpoint at, std::optional<int>& id) {
  const auto conf = co_await four_letter_word(session, at, "conf");
  if (!conf) co_return;
  if (const auto told = number_of(*conf, "serverId=")) {
    id = static_cast<int>(*told);
    co_return;
  }
  ZkServers there;
  there.servers.push_back(std::move(at));
  auto visit = std::make_unique<Visit>(session, std::move(there));
  auto connected = co_await visit->zk.connect(session.timeout(), 1);
  if (connected) id = static_cast<int>(static_cast<std::uint64_t>(visit->zk.session_id()) >> 56);
  session.shard().spawn(session.left_behind(), end_of(std::move(visit)));
}

// Who takes clients where, of those whose lines do not say so: the addresses of the connect string are asked, and their
// ports on the hosts of these lines.
Task<void> find_clients(Session& session, std::vector<Member>& members, std::vector<Endpoint> named) {
  const auto is_of = [](const Endpoint& a) {
    return [&a](const Endpoint& b) { return a.port == b.port && a.host == b.host; };
  };
  std::vector<Endpoint> candidates = named;
  for (const Member& member : members) {
    if (member.client) continue;
    for (const Endpoint& at : named) {
      const Endpoint there{member.host, at.port};
      if (std::ranges::none_of(candidates, is_of(there))) candidates.push_back(there);
    }
  }
  for (const Member& member : members) {
    if (member.client) std::erase_if(candidates, is_of(*member.client));
  }
  if (std::ranges::all_of(members, [](const Member& m) { return m.client.has_value(); })) co_return;
  std::vector<std::optional<int>> ids(candidates.size());
  Gate asking;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    session.shard().spawn(asking, identify(session, candidates[i], ids[i]));
  co_await session.shard().drained(asking);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    for (Member& member : members) {
      if (!member.client && ids[i] && member.id == ids[i]) member.client = candidates[i];
    }
  }
}

Task<Exit> quorum_status(Session& session) {
  auto servers = parse_connect_string(session.zookeeper().address);
  if (!servers) co_return session.usage(servers.error().message);
  // The members are those that the znodes name; where nobody can read them, those that the connect string does.
  std::vector<Member> members;
  auto visit = std::make_unique<Visit>(session, *servers);
  auto connected = co_await visit->zk.connect(session.timeout(), 1);
  if (connected) {
    auto config = co_await visit->zk.config();
    if (config) members = parse_members(config->data);
  }
  session.shard().spawn(session.left_behind(), end_of(std::move(visit)));
  if (members.empty()) {
    for (const Endpoint& at : servers->servers) members.push_back({{}, {}, "voter", at.host, at});
  }
  co_await find_clients(session, members, servers->servers);
  const auto states = co_await look_at_members(session, members);
  Table table{{{"server"},
               {"address"},
               {"role"},
               {"state"},
               {"zxid"},
               {"connections"},
               {"znodes", true},
               {"outstanding", true},
               {"version", true},
               {"error", true}},
              {}};
  std::size_t voters = 0, voters_there = 0;
  bool led = false, all_known = true;
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    const Value id = member.id ? Value(*member.id) : Value();
    if (member.role == "voter") ++voters;
    if (!states[i]) {
      all_known = false;
      table.rows.push_back({id, Value().shown_as("unknown"), member.role, Value("unknown").in(Tone::warning), Value(),
                            Value(), Value(), Value(), Value(), Value()});
      problems.push_back(fmt::format("server {}: where it takes clients is not known: name it with --zookeeper, too",
                                     member.id.value_or(0)));
      continue;
    }
    const ServerState& state = *states[i];
    const bool there = state.error.empty();
    if (member.role == "voter") voters_there += there ? 1 : 0;
    led = led || state.mode == "leader" || state.mode == "standalone";
    if (!there) problems.push_back(fmt::format("{}: {}", to_string(*member.client), state.error));
    table.rows.push_back(
        {id, to_string(*member.client), member.role,
         Value(there ? state.mode : "down").in(there && state.mode != no_quorum ? Tone::good : Tone::bad),
         state.zxid.empty() ? Value() : Value(state.zxid), Value(state.connections), Value(state.znodes),
         Value(state.outstanding), state.version.empty() ? Value() : Value(state.version),
         there ? Value() : Value(state.error)});
  }
  session.out().table(table);
  session.out().flush();
  for (const std::string& problem : problems) session.note(problem);
  // What is not known may be there, and lead.
  if (!all_known) co_return Exit::ok;
  if (voters_there == 0)
    co_return session.fail(
        Exit::unreachable,
        fmt::format("no server of {} ({}) answers", session.zookeeper().address, session.zookeeper().source),
        "start a node with `holdfast server`, or name another with --zookeeper HOST:PORT");
  if (!led)
    co_return session.fail(Exit::failed, fmt::format("nobody leads: {} of {} voters are there", voters_there, voters),
                           fmt::format("{} are needed", voters / 2 + 1));
  co_return Exit::ok;
}

void print_members(Session& session, const std::string& sentence, const std::vector<Member>& members, bool is_dry) {
  Table table{{{"server"}, {"role"}, {"spec"}}, {}};
  for (const Member& member : members) table.rows.push_back({*member.id, member.role, member.spec});
  if (session.out().is_text()) {
    session.out().line(sentence);
    session.out().table(table);
    return;
  }
  Object object{{"members", Value(std::move(table))}};
  if (is_dry) object.push_back({"dry_run", true});
  session.out().object(object);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

// What a request for other members came to.
Exit fail_change(Session& session, const ZkFailure& failure) {
  if (failure.code != ZkError::bad_arguments) return fail(session, failure, "quorum");
  return session.fail(Exit::refused, "quorum: the servers do not take such members",
                      "two voters are left at least, and no two servers have an address and port in common");
}

// Whether these identities may write under that ACL. Of a digest the servers tell the user alone: whether the password
// is right, too, is seen when it is tried.
bool may_write(const std::vector<ZkAcl>& acl, const std::vector<ZkAuth>& own) {
  const auto is_super = [](const ZkAuth& id) { return id.scheme == "super" || id.credentials == "super"; };
  if (std::ranges::any_of(own, is_super)) return true;
  return std::ranges::any_of(acl, [&own](const ZkAcl& entry) {
    const std::string_view user = std::string_view(entry.id).substr(0, entry.id.find(':'));
    const auto fits = [&](const ZkAuth& id) {
      return id.scheme == entry.scheme && (entry.scheme != "digest" || id.credentials == user);
    };
    return (entry.permissions & permission::write) != 0 && (entry.scheme == "world" || std::ranges::any_of(own, fits));
  });
}

// What the servers would refuse a change for, as far as they tell before it is tried.
Task<ZkOutcome<>> rehearse(ZooKeeper& zk, std::optional<std::string> joining, std::optional<std::string> leaving) {
  // No configuration ever has this version: whether changes are taken at all is told, and nothing is changed.
  constexpr std::int64_t no_version = INT64_MAX;
  auto asked = co_await zk.reconfig(std::move(joining), std::move(leaving), std::nullopt, no_version);
  if (!asked && asked.error().code != ZkError::bad_version) co_return zk_failed(asked);
  auto known = co_await zk.get_acl("/zookeeper/config");
  auto own = co_await zk.who_am_i();
  // Servers of before 3.7 do not say who somebody is, and where there is a chroot the znode is not seen.
  if (known && own && !may_write(known->acl, *own)) co_return zk_failed(ZkError::no_auth);
  co_return ZkOutcome<>();
}

std::vector<Member> changed_members(std::vector<Member> members, const std::vector<std::string>& joining,
                                    const std::vector<std::string>& leaving) {
  const auto leaves = [&leaving](const Member& m) {
    return std::ranges::find(leaving, std::to_string(*m.id)) != leaving.end();
  };
  std::erase_if(members, leaves);
  for (const std::string& line : joining) {
    auto member = parse_member(line);
    if (!member) continue;
    std::erase_if(members, [&member](const Member& m) { return m.id == member->id; });
    members.push_back(std::move(*member));
  }
  std::ranges::sort(members, {}, &Member::id);
  return members;
}

std::optional<std::string> if_any(const std::vector<std::string>& words) {
  return words.empty() ? std::nullopt : std::optional(joined(words));
}

Task<Exit> change(Session& session, ZooKeeper& zk, std::vector<std::string> joining, std::vector<std::string> leaving,
                  std::string sentence) {
  if (session.dry_run()) {
    auto config = co_await zk.config();
    if (!config) co_return fail(session, config.error(), "/zookeeper/config");
    const std::vector<Member> members = changed_members(parse_members(config->data), joining, leaving);
    auto rehearsed = co_await rehearse(zk, if_any(joining), if_any(leaving));
    if (!rehearsed) co_return fail_change(session, rehearsed.error());
    print_members(session, fmt::format("would have {}; the members would be", sentence), members, true);
    constexpr std::ptrdiff_t voters_min = 2;
    if (std::ranges::count(members, "voter", &Member::role) < voters_min)
      session.note("fewer than two voters are taken only where the servers have standaloneEnabled=false");
    co_return Exit::ok;
  }
  auto changed = co_await zk.reconfig(if_any(joining), if_any(leaving), std::nullopt);
  if (!changed) co_return fail_change(session, changed.error());
  print_members(session, fmt::format("{}; the members are", sentence), parse_members(changed->data), false);
  co_return Exit::ok;
}

Task<Exit> add(Session& session, const ChangeArguments& arguments) {
  std::vector<std::string> lines;
  for (const std::string& one : arguments.what) {
    const std::string line = one.starts_with("server.") ? one : "server." + one;
    if (!parse_member(line))
      co_return session.usage(fmt::format("\"{}\" is no server", one),
                              "as 4=zk4:2888:3888;zk4:2181, or with :observer behind the second port");
    lines.push_back(line);
  }
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  std::string sentence = fmt::format("added {}", joined(arguments.what));
  auto task = change(session, **zk, std::move(lines), {}, std::move(sentence));
  const Exit exit = co_await std::move(task);
  co_return exit;
}

Task<Exit> remove(Session& session, const ChangeArguments& arguments) {
  for (const std::string& id : arguments.what) {
    if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos)
      co_return session.usage(fmt::format("\"{}\" is no server's number", id), "`holdfast quorum status` shows them");
  }
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  auto config = co_await (*zk)->config();
  if (!config) co_return fail(session, config.error(), "/zookeeper/config");
  const std::vector<Member> members = parse_members(config->data);
  for (const std::string& id : arguments.what) {
    const auto is_it = [&id](const Member& member) { return std::to_string(*member.id) == id; };
    if (std::ranges::none_of(members, is_it))
      co_return session.fail(Exit::not_found, fmt::format("server {} is no member of the quorum", id),
                             "`holdfast quorum status` shows them");
  }
  if (!session.dry_run()) {
    const std::string gone = joined(arguments.what);
    const bool sure =
        co_await session.confirm(fmt::format("server {} takes no part in the quorum any more", gone), gone);
    if (!sure) co_return Exit::refused;
  }
  std::string sentence = fmt::format("removed {}", joined(arguments.what));
  auto task = change(session, **zk, {}, arguments.what, std::move(sentence));
  const Exit exit = co_await std::move(task);
  co_return exit;
}

Task<const Member*> leader_of(Session& session, const std::vector<Member>& members) {
  const auto states = co_await look_at_members(session, members);
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (states[i] && states[i]->mode == "leader") co_return &members[i];
  }
  co_return nullptr;
}

// A leader that may not vote any more hands over to the server that is furthest. Then it votes again.
Task<Exit> transfer(Session& session, const ChangeArguments& arguments) {
  constexpr Duration retry_pause = std::chrono::milliseconds(200);
  constexpr std::size_t voters_min = 3;
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  auto config = co_await (*zk)->config();
  if (!config) co_return fail(session, config.error(), "/zookeeper/config");
  std::vector<Member> members = parse_members(config->data);
  const auto is_voter = [](const Member& m) { return m.role == "voter"; };
  if (static_cast<std::size_t>(std::ranges::count_if(members, is_voter)) < voters_min)
    co_return session.fail(Exit::refused, "with fewer than three voters nobody else can lead meanwhile");
  if (auto servers = parse_connect_string(session.zookeeper().address)) {
    const std::vector<Endpoint> named = servers->servers;
    co_await find_clients(session, members, named);
  }
  const Member* const leader = co_await leader_of(session, members);
  if (!leader) co_return session.fail(Exit::failed, "no member says that it leads", "`holdfast quorum status`");
  std::string as_voter = fmt::format("server.{}={}", *leader->id, leader->spec);
  // A change wants to be told where it takes clients.
  if (!as_voter.contains(';')) as_voter += ";" + to_string(*leader->client);
  std::string as_observer = as_voter;
  const std::size_t clients = std::min(as_observer.find(';'), as_observer.size());
  constexpr std::string_view voting = ":participant";
  if (std::string_view(as_observer).substr(0, clients).ends_with(voting)) {
    as_observer.replace(clients - voting.size(), voting.size(), ":observer");
  } else {
    as_observer.insert(clients, ":observer");
  }
  if (session.dry_run()) {
    auto rehearsed = co_await rehearse(**zk, as_observer, std::nullopt);
    if (!rehearsed) co_return fail_change(session, rehearsed.error());
    session.out().done(fmt::format("would let somebody else lead than server {}", *leader->id),
                       {{"leader", *leader->id}, {"dry_run", true}});
    co_return Exit::ok;
  }
  // Whoever stops it between the two changes would leave the leader an observer.
  session.on_interrupt([&session, id = *leader->id] {
    session.note(fmt::format("server {} is made a voter again first; Ctrl-C once more leaves it as it is", id));
  });
  auto demoted = co_await (*zk)->reconfig(as_observer, std::nullopt, std::nullopt);
  if (!demoted && !demoted.error().retriable()) {
    session.on_interrupt(nullptr);
    co_return fail_change(session, demoted.error());
  }
  const SteadyTime deadline = session.clock().now() + std::max<Duration>(session.timeout(), std::chrono::seconds(30));
  ZkOutcome<NodeData> back = demoted;
  do {
    back = co_await (*zk)->reconfig(as_voter, std::nullopt, std::nullopt);
    if (back) break;
    co_await session.shard().sleep(retry_pause);
  } while (session.clock().now() < deadline);
  session.on_interrupt(nullptr);
  if (!back)
    co_return session.fail(
        Exit::failed, fmt::format("server {} is an observer now: {}", *leader->id, to_string(back.error())),
        fmt::format("holdfast quorum add '{}'", as_voter.substr(std::string_view("server.").size())));
  if (session.interrupted()) co_return Exit::interrupted;
  std::optional<int> now;
  while (!now && session.clock().now() < deadline) {
    const Member* const leads = co_await leader_of(session, members);
    if (leads) now = leads->id;
    if (!now) co_await session.shard().sleep(retry_pause);
  }
  if (!now) co_return session.fail(Exit::failed, "nobody leads yet", "`holdfast quorum status`");
  if (*now == *leader->id)
    co_return session.fail(Exit::failed, fmt::format("server {} leads again: nobody else took over", *now),
                           "`holdfast quorum status` shows who is there");
  session.out().done(fmt::format("server {} leads, after server {}", *now, *leader->id),
                     {{"leader", *now}, {"former_leader", *leader->id}});
  co_return Exit::ok;
}

constexpr const char* quorum_auth_help = "who may change the quorum; may be repeated";

}  // namespace

void add_quorum_verbs(Cli& cli) {
  cli.family("quorum", "the servers that keep the znodes");
  cli.verb("quorum status", "who is a member, who leads, and who is there").watchable().runs(quorum_status);
  auto added = std::make_shared<ChangeArguments>();
  cli.verb("quorum add", "take servers into the quorum, or change what they are")
      .argument("ID=HOST:PORT:PORT;HOST:PORT", added->what, "as after \"server.\" in zoo.cfg")
      .option("--auth", added->auth, quorum_auth_help, "USER:PASSWORD")
      .more("Start them first: they must be there and up to date. It needs reconfigEnabled=true on the servers.")
      .example("holdfast quorum add '4=zk4:2888:3888;zk4:2181' --auth super:secret", "a fourth voter")
      .knows_dry_run()
      .runs([added](Session& session) { return add(session, *added); });
  auto removed = std::make_shared<ChangeArguments>();
  cli.verb("quorum remove", "let servers go")
      .argument("ID", removed->what, "their numbers")
      .option("--auth", removed->auth, quorum_auth_help, "USER:PASSWORD")
      .knows_dry_run()
      .runs([removed](Session& session) { return remove(session, *removed); });
  auto transferred = std::make_shared<ChangeArguments>();
  cli.verb("quorum transfer", "let another server lead")
      .option("--auth", transferred->auth, quorum_auth_help, "USER:PASSWORD")
      .more(
          "The leader is made an observer, so that another one is elected, and then a voter again. It needs "
          "reconfigEnabled=true, and three voters.")
      .knows_dry_run()
      .runs([transferred](Session& session) { return transfer(session, *transferred); });
}

}  // namespace holdfast::client
