// holdfast zk: znodes. Reading, writing and following them, one verb each; `zk shell` is in cli_zk_shell.cpp.
#include "client/cli_zk.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/cli.h"
#include "client/cli_cluster.h"
#include "client/cli_common.h"
#include "client/cli_families.h"
#include "client/cli_zk_shell.h"
#include "client/recipes.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr std::size_t input_bytes_max = 64 << 20;  // no znode holds that much

struct PathArguments {
  std::string path = "/";
  std::vector<std::string> auth;
  std::size_t depth = SIZE_MAX;
  bool recursive = false;
};

struct SetArguments {
  std::string path, data, file;
  std::vector<std::string> auth;
  std::int32_t version = -1;
  bool has_data = false;
};

struct NodeArguments {
  std::string path, data, ttl, acl;
  std::vector<std::string> auth;
  bool sequential = false, container = false, parents = false;
};

struct DeleteArguments {
  std::vector<std::string> paths, auth;
  std::int32_t version = -1;
  bool recursive = false;
};

struct AclArguments {
  std::string path, set;
  std::vector<std::string> auth;
  std::int32_t version = -1;
  bool recursive = false;
};

std::string hex(std::int64_t number) { return fmt::format("0x{:x}", static_cast<std::uint64_t>(number)); }

Object stat_fields(const std::string& path, const ZkStat& stat) {
  return {{"path", path},
          {"data_length", stat.data_length},
          {"children", stat.num_children},
          {"version", stat.version},
          {"children_version", stat.cversion},
          {"acl_version", stat.aversion},
          {"created", time_value(stat.ctime)},
          {"modified", time_value(stat.mtime)},
          {"created_zxid", hex(stat.czxid)},
          {"modified_zxid", hex(stat.mzxid)},
          {"children_zxid", hex(stat.pzxid)},
          {"owner", stat.ephemeral_owner == 0 ? Value() : Value(hex(stat.ephemeral_owner))}};
}

std::vector<Value> stat_row(std::string name, const ZkStat& stat) {
  return {std::move(name),        stat.data_length,
          stat.num_children,      stat.version,
          time_value(stat.mtime), stat.ephemeral_owner == 0 ? Value() : Value(hex(stat.ephemeral_owner))};
}
const std::vector<Column> stat_columns{{"name"},          {"data_length", true}, {"children", true},
                                       {"version", true}, {"modified", true},    {"owner", true}};

Task<Exit> list(Session& session, const PathArguments& arguments) {
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  std::vector<std::string> names;
  if (arguments.recursive) {
    auto all = co_await subtree(**zk, arguments.path);
    if (!all) co_return fail(session, all.error());
    names = std::move(*all);
  } else {
    auto children = co_await (*zk)->children(arguments.path);
    if (!children) co_return fail(session, children.error(), arguments.path);
    names = std::move(children->names);
  }
  std::ranges::sort(names);
  // Plain text shows names alone: nothing more is asked for.
  const bool with_stats = session.out().format() != OutputFormat::text;
  Table table{stat_columns, {}};
  for (std::string& name : names) {
    ZkStat stat;
    if (with_stats) {
      auto found = co_await (*zk)->exists(arguments.recursive ? name : zk_join(arguments.path, name));
      if (!found) co_return fail(session, found.error(), name);
      if (!*found) continue;
      stat = **found;
    }
    table.rows.push_back(stat_row(std::move(name), stat));
  }
  session.out().table(table, fmt::format("{} has no children", arguments.path));
  co_return Exit::ok;
}

Task<Exit> tree(Session& session, const PathArguments& arguments) {
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  auto all = co_await subtree(**zk, arguments.path, arguments.depth);
  if (!all) co_return fail(session, all.error());
  // By elements: "/a/b" comes before "/a-b".
  const auto elements = [](std::string path) {
    std::ranges::replace(path, '/', '\x01');
    return path;
  };
  std::ranges::sort(*all, {}, elements);
  Table table{{{"path"}, {"data_length"}, {"children"}, {"owner"}}, {}};
  for (const std::string& path : *all) {
    auto found = co_await (*zk)->exists(path);
    if (!found) co_return fail(session, found.error(), path);
    if (!*found) continue;
    const ZkStat& stat = **found;
    const std::size_t own_depth = static_cast<std::size_t>(std::ranges::count(path, '/')) - (path == "/" ? 1 : 0);
    const std::size_t top =
        static_cast<std::size_t>(std::ranges::count(arguments.path, '/')) - (arguments.path == "/" ? 1 : 0);
    const std::string shown =
        own_depth == top ? path : std::string(2 * (own_depth - top), ' ') + std::string(zk_name(path));
    table.rows.push_back({Value(path).shown_as(printable(shown)), stat.data_length, stat.num_children,
                          stat.ephemeral_owner == 0 ? Value() : Value(hex(stat.ephemeral_owner))});
  }
  session.out().table(table);
  co_return Exit::ok;
}

Task<Exit> get(Session& session, const PathArguments& arguments) {
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  auto node = co_await (*zk)->get(arguments.path);
  if (!node) co_return fail(session, node.error(), arguments.path);
  if (session.out().is_text()) {
    session.out().raw(node->data);
    if (session.console().output_is_terminal() && !node->data.ends_with('\n')) session.out().raw("\n");
    co_return Exit::ok;
  }
  // As `consume` prints values: text where it is text.
  Field data{"data", node->null ? Value() : Value(node->data)};
  if (!is_utf8(node->data)) data = {"data_base64", base64_text(node->data)};
  Object object = stat_fields(arguments.path, node->stat);
  object.insert(object.begin() + 1, std::move(data));
  session.out().object(object);
  co_return Exit::ok;
}

// A server cuts the connection of who sends it more than its jute.maxbuffer, and says nothing.
Exit fail_to_write(Session& session, const ZkFailure& failure, std::string_view path, std::size_t bytes) {
  constexpr std::size_t suspect = 1'000'000;  // below jute.maxbuffer's default of 1 MiB there is room for the path
  if (failure.code != ZkError::connection_loss || bytes < suspect) return fail(session, failure, path);
  return session.fail(Exit::unreachable, reason_of(failure, path),
                      fmt::format("{} of data are probably more than the server takes: jute.maxbuffer, 1 MiB unless "
                                  "told otherwise",
                                  bytes_value(bytes).text()));
}

Task<Exit> set(Session& session, const SetArguments& arguments) {
  std::string data = arguments.data;
  if (data == "-") {
    auto read = co_await read_input(session, input_bytes_max);
    if (!read) co_return session.fail(Exit::failed, read.error().message);
    data = std::move(*read);
  }
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  if (session.dry_run()) {
    session.out().done(fmt::format("would set {} to {} bytes", arguments.path, data.size()),
                       {{"path", arguments.path}, {"data_length", data.size()}, {"dry_run", true}});
    co_return Exit::ok;
  }
  const std::size_t bytes = data.size();
  auto stat = co_await (*zk)->set(arguments.path, std::move(data), arguments.version);
  if (!stat) co_return fail_to_write(session, stat.error(), arguments.path, bytes);
  session.out().done(fmt::format("set {}, version {}", arguments.path, stat->version),
                     stat_fields(arguments.path, *stat));
  co_return Exit::ok;
}

Task<Exit> create(Session& session, const NodeArguments& arguments) {
  CreateOptions options;
  options.mode = arguments.container    ? CreateMode::container
                 : arguments.sequential ? CreateMode::persistent_sequential
                                        : CreateMode::persistent;
  if (!arguments.ttl.empty()) {
    const auto ttl = parse_duration(arguments.ttl);
    if (!ttl || arguments.container) co_return session.usage("--ttl takes a time such as 10s, and no --container");
    options.ttl = std::chrono::duration_cast<std::chrono::milliseconds>(*ttl);
    options.mode = arguments.sequential ? CreateMode::persistent_sequential_with_ttl : CreateMode::persistent_with_ttl;
  }
  if (arguments.container && arguments.sequential) co_return session.usage("a container is not sequential");
  if (!arguments.acl.empty()) {
    auto acl = parse_acl(arguments.acl);
    if (!acl) co_return session.usage("--acl is SCHEME:ID:PERMISSIONS, as world:anyone:r,digest:USER:HASH:cdrwa");
    options.acl = std::move(*acl);
  }
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  if (session.dry_run()) {
    session.out().done(fmt::format("would create {}", arguments.path), {{"path", arguments.path}, {"dry_run", true}});
    co_return Exit::ok;
  }
  if (arguments.parents) {
    for (std::size_t slash = arguments.path.find('/', 1); slash != std::string::npos;
         slash = arguments.path.find('/', slash + 1)) {
      auto made = co_await (*zk)->create(arguments.path.substr(0, slash));
      if (!made && made.error().code != ZkError::node_exists)
        co_return fail(session, made.error(), arguments.path.substr(0, slash));
    }
  }
  auto created = co_await (*zk)->create(arguments.path, arguments.data, std::move(options));
  if (!created && created.error().code == ZkError::no_node)
    co_return session.fail(Exit::not_found, fmt::format("{}: its parent does not exist", arguments.path),
                           "--parents creates it");
  if (!created) co_return fail_to_write(session, created.error(), arguments.path, arguments.data.size());
  session.out().done(fmt::format("created {}", created->path), stat_fields(created->path, created->stat));
  co_return Exit::ok;
}

bool is_below(const std::string& path, const std::string& above) {
  return path != above && path.starts_with(above == "/" ? above : above + "/");
}

struct Doomed {
  std::string path;
  std::size_t znodes = 1;
};

// What the paths stand for, before anything is done to one of them; or the exit code, said on standard error.
Task<std::expected<std::vector<Doomed>, Exit>> look_up(Session& session, ZooKeeper& zk,
                                                       const DeleteArguments& arguments) {
  std::vector<Doomed> out;
  for (const std::string& path : arguments.paths) {
    const auto named_before = [&](const Doomed& other) {
      return other.path == path || (arguments.recursive && is_below(path, other.path));
    };
    if (std::ranges::any_of(out, named_before)) continue;
    Doomed doomed{path};
    if (arguments.recursive) {
      auto all = co_await subtree(zk, path);
      if (!all) co_return std::unexpected(fail(session, all.error()));
      doomed.znodes = all->size();
      std::erase_if(out, [&](const Doomed& other) { return is_below(other.path, path); });
    } else {
      auto found = co_await zk.exists(path);
      if (!found) co_return std::unexpected(fail(session, found.error(), path));
      // Its children may be among those that go before it.
      const auto goes_before = [&](const Doomed& other) { return zk_parent(other.path) == path; };
      std::optional<ZkFailure> wrong;
      if (!*found) {
        wrong = ZkFailure{ZkError::no_node, {}};
      } else if ((*found)->num_children > std::ranges::count_if(out, goes_before)) {
        wrong = ZkFailure{ZkError::not_empty, {}};
      } else if (arguments.version != -1 && arguments.version != (*found)->version) {
        wrong = ZkFailure{ZkError::bad_version, {}};
      }
      if (wrong) co_return std::unexpected(fail(session, *wrong, path));
    }
    out.push_back(std::move(doomed));
  }
  co_return out;
}

// Whether a znode may be deleted is said by the ACL of the one above it.
Exit fail_to_remove(Session& session, const TreeFailure& failure) {
  if (failure.why.code != ZkError::no_auth) return fail(session, failure);
  const std::string above(zk_parent(failure.path));
  return session.fail(Exit::refused,
                      fmt::format("{}: no permission to delete it: the ACL of {} says who may", failure.path, above),
                      fmt::format("`holdfast zk acl {}` shows it; --auth USER:PASSWORD says who you are", above));
}

Task<Exit> remove(Session& session, const DeleteArguments& arguments) {
  if (arguments.recursive && arguments.version != -1) co_return session.usage("--version is for one znode");
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  auto doomed = co_await look_up(session, **zk, arguments);
  if (!doomed) co_return doomed.error();
  std::size_t znodes = 0;
  std::string paths;
  for (const Doomed& one : *doomed) {
    znodes += one.znodes;
    paths += (paths.empty() ? "" : ", ") + one.path;
    if (session.dry_run())
      session.out().done(
          fmt::format("would delete {} ({})", one.path, counted(static_cast<std::int64_t>(one.znodes), "znode")),
          {{"path", one.path}, {"znodes", one.znodes}, {"dry_run", true}});
  }
  if (session.dry_run()) co_return Exit::ok;
  if (arguments.recursive) {
    const std::string count = counted(static_cast<std::int64_t>(znodes), "znode");
    const bool one = doomed->size() == 1;
    const std::string loss = fmt::format("{} and what is below {} are deleted: {}", paths, one ? "it" : "them", count);
    const bool sure = co_await session.confirm(loss, one ? doomed->front().path : count);
    if (!sure) co_return Exit::refused;
  }
  for (const Doomed& one : *doomed) {
    TreeOutcome<> removed;
    if (arguments.recursive) {
      removed = co_await remove_subtree(**zk, one.path);
    } else {
      auto gone = co_await (*zk)->remove(one.path, arguments.version);
      if (!gone) removed = std::unexpected(TreeFailure{one.path, std::move(gone.error())});
    }
    if (!removed) co_return fail_to_remove(session, removed.error());
    session.out().done(fmt::format("deleted {}", one.path), {{"path", one.path}, {"znodes", one.znodes}});
  }
  co_return Exit::ok;
}

Task<Exit> stat(Session& session, const PathArguments& arguments) {
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  auto found = co_await (*zk)->exists(arguments.path);
  if (!found) co_return fail(session, found.error(), arguments.path);
  if (!*found) {
    const ZkFailure none{ZkError::no_node, {}};
    co_return fail(session, none, arguments.path);
  }
  session.out().object(stat_fields(arguments.path, **found));
  co_return Exit::ok;
}

Task<Exit> acl(Session& session, const AclArguments& arguments) {
  std::optional<std::vector<ZkAcl>> wanted;
  if (!arguments.set.empty()) {
    wanted = parse_acl(arguments.set);
    if (!wanted) co_return session.usage("--set is SCHEME:ID:PERMISSIONS, as world:anyone:r,digest:USER:HASH:cdrwa");
  }
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  if (!wanted) {
    auto known = co_await (*zk)->get_acl(arguments.path);
    if (!known) co_return fail(session, known.error(), arguments.path);
    Table table{{{"scheme"}, {"id"}, {"permissions"}}, {}};
    for (const ZkAcl& a : known->acl) table.rows.push_back({a.scheme, a.id, permissions_text(a.permissions)});
    session.out().table(table);
    co_return Exit::ok;
  }
  std::vector<std::string> paths{arguments.path};
  if (arguments.recursive) {
    auto all = co_await subtree(**zk, arguments.path);
    if (!all) co_return fail(session, all.error());
    paths = std::move(*all);
  }
  for (const std::string& path : paths) {
    if (session.dry_run()) {
      session.out().done(fmt::format("would set the ACL of {}", path), {{"path", path}, {"dry_run", true}});
      continue;
    }
    auto set = co_await (*zk)->set_acl(path, *wanted, arguments.version);
    if (!set) co_return fail(session, set.error(), path);
    session.out().done(fmt::format("set the ACL of {}", path), {{"path", path}, {"acl_version", set->aversion}});
  }
  co_return Exit::ok;
}

Task<Exit> watch(Session& session, const PathArguments& arguments) {
  auto zk = co_await open_zookeeper(session, arguments.auth);
  if (!zk) co_return zk.error();
  Signal changed(session.shard());
  std::vector<WatchEvent> events;
  const WatcherRef watcher = make_watcher([&](const WatchEvent& event) {
    events.push_back(event);
    changed.notify();
  });
  (*zk)->on_session(watcher);
  auto added = co_await (*zk)->add_watch(
      arguments.path, arguments.recursive ? AddWatchMode::persistent_recursive : AddWatchMode::persistent, watcher);
  if (!added) co_return fail(session, added.error(), arguments.path);
  session.on_interrupt([&changed] { changed.notify(); });
  if (session.console().error_is_terminal())
    session.note(fmt::format("watching {}{}; Ctrl-C ends it", arguments.path,
                             arguments.recursive ? " and everything below it" : ""));
  while (!session.interrupted()) {
    changed.reset();
    for (const WatchEvent& event : std::exchange(events, {})) {
      const bool of_session = event.type == WatchType::session;
      session.out().record({{"event", of_session ? "session" : to_string(event.type)},
                            {"path", of_session ? Value() : Value(event.path)},
                            {"zxid", event.zxid < 0 ? Value() : Value(hex(event.zxid))},
                            {"state", to_string(event.state)}});
    }
    if (!session.out().flush()) co_return Exit::reader_gone;
    if ((*zk)->state() == SessionState::expired)
      co_return session.fail(Exit::unreachable, "the session has expired", "`holdfast quorum status`");
    auto noticed = co_await changed.wait();
    (void)noticed;
  }
  co_return Exit::interrupted;
}

// A line of `cons`: " /127.0.0.1:34578[1](queued=0,recved=1,...,sid=0x1,...,to=30000,...)".
std::string field_of(std::string_view line, std::string_view name) {
  const std::string wanted = fmt::format("{}=", name);
  std::size_t at = line.find(wanted);
  while (at != std::string_view::npos && at > 0 && line[at - 1] != '(' && line[at - 1] != ',')
    at = line.find(wanted, at + 1);
  if (at == std::string_view::npos) return {};
  at += wanted.size();
  return std::string(line.substr(at, line.find_first_of(",)", at) - at));
}

Task<Exit> sessions(Session& session) {
  auto servers = parse_connect_string(session.zookeeper().address);
  if (!servers) co_return session.usage(servers.error().message);
  Table table{{{"session"}, {"client"}, {"server"}, {"timeout"}, {"last_request"}, {"received"}, {"sent"}}, {}};
  bool any = false;
  for (const Endpoint& server : servers->servers) {
    auto answer = co_await four_letter_word(session, server, "cons");
    if (!answer) {
      session.note(fmt::format("{}: {}", to_string(server), answer.error().message));
      continue;
    }
    if (answer->find("not in the whitelist") != std::string::npos)
      co_return session.fail(Exit::refused, fmt::format("{} does not tell its sessions", to_string(server)),
                             "it answers four-letter words as 4lw.commands.whitelist says, which is srvr unless told "
                             "otherwise: put the line 4lw.commands.whitelist=srvr,cons into the file that it has from "
                             "`holdfast server --config FILE` (ZooKeeper: zoo.cfg) and start it again");
    any = true;
    for (std::size_t at = 0; at < answer->size();) {
      const std::size_t end = std::min(answer->find('\n', at), answer->size());
      const std::string_view line = std::string_view(*answer).substr(at, end - at);
      at = end + 1;
      const std::string id = field_of(line, "sid");
      const std::size_t slash = line.find('/'), bracket = line.find("[");
      if (id.empty() || slash == std::string_view::npos || bracket == std::string_view::npos) continue;
      table.rows.push_back({id, std::string(line.substr(slash + 1, bracket - slash - 1)), to_string(server),
                            duration_value(std::strtoll(field_of(line, "to").c_str(), nullptr, 10)),
                            field_of(line, "lop"), std::strtoll(field_of(line, "recved").c_str(), nullptr, 10),
                            std::strtoll(field_of(line, "sent").c_str(), nullptr, 10)});
    }
  }
  if (!any) co_return session.fail(Exit::unreachable, "no server answers", "name one with --zookeeper HOST:PORT");
  session.out().table(table, "no sessions");
  co_return Exit::ok;
}

Task<std::vector<std::string>> znodes_that_begin(Session& session, std::string begin) {
  std::vector<std::string> out;
  if (!begin.starts_with('/')) co_return out;
  auto zk = co_await open_zookeeper(session);
  if (!zk) co_return out;
  const std::string parent(zk_parent(begin));
  auto children = co_await (*zk)->children(parent);
  if (!children) co_return out;
  for (const std::string& name : children->names) {
    std::string path = zk_join(parent, name);
    if (path.starts_with(begin)) out.push_back(std::move(path));
  }
  co_return out;
}

constexpr const char* zk_auth_help = "who you are; may be repeated";

Verb& with_path(Verb& verb, PathArguments& arguments) {
  verb.option("--auth", arguments.auth, zk_auth_help, "USER:PASSWORD");
  verb.app().add_option("path", arguments.path, "the znode")->type_name("ZNODE");
  return verb;
}

}  // namespace

void add_zk_verbs(Cli& cli) {
  cli.family("zk", "znodes");
  cli.complete_znodes(znodes_that_begin);
  auto listed = std::make_shared<PathArguments>();
  with_path(cli.verb("zk ls", "the children of a znode"), *listed)
      .flag("-R,--recursive", listed->recursive, "everything below it")
      .example("holdfast zk ls /brokers/ids --output wide", "with sizes, versions and owners")
      .watchable()
      .runs([listed](Session& session) { return list(session, *listed); });
  auto shown = std::make_shared<PathArguments>();
  with_path(cli.verb("zk tree", "a znode and what is below it, indented"), *shown)
      .option("--depth", shown->depth, "so many levels below it", "N")
      .watchable()
      .runs([shown](Session& session) { return tree(session, *shown); });
  auto read = std::make_shared<PathArguments>();
  with_path(cli.verb("zk get", "the data of a znode, as it is"), *read)
      .example("holdfast zk get /controller --output json", "with its stat")
      .watchable()
      .runs([read](Session& session) { return get(session, *read); });
  auto described = std::make_shared<PathArguments>();
  with_path(cli.verb("zk stat", "versions, times, size and owner of a znode"), *described)
      .watchable()
      .runs([described](Session& session) { return stat(session, *described); });
  auto written = std::make_shared<SetArguments>();
  cli.verb("zk set", "change the data of a znode")
      .argument("ZNODE", written->path, "the znode")
      .argument("DATA", written->data, "its data; -: standard input")
      .option("--version", written->version, "only if it has this version", "N")
      .option("--auth", written->auth, zk_auth_help, "USER:PASSWORD")
      .example("holdfast zk set /config/x - < x.json", "from a file")
      .knows_dry_run()
      .runs([written](Session& session) { return set(session, *written); });
  auto created = std::make_shared<NodeArguments>();
  cli.verb("zk create", "make a znode")
      .argument("ZNODE", created->path, "the znode")
      .optional_argument("DATA", created->data, "its data; none: empty")
      .flag("-s,--sequential", created->sequential, "its name ends with a number of its own")
      .flag("-c,--container", created->container, "it goes when its last child has gone")
      .flag("-p,--parents", created->parents, "and those above it that are missing")
      .option("--ttl", created->ttl, "it goes when it was not changed, and had no children, for so long", "TIME")
      .option("--acl", created->acl, "who may do what; otherwise everybody everything", "ACL")
      .option("--auth", created->auth, zk_auth_help, "USER:PASSWORD")
      .example("holdfast zk create -p /apps/billing/config '{}'", "with its parents")
      .knows_dry_run()
      .runs([created](Session& session) { return create(session, *created); });
  auto removed = std::make_shared<DeleteArguments>();
  cli.verb("zk delete", "delete znodes")
      .argument("ZNODE", removed->paths, "the znodes")
      .flag("-r,--recursive", removed->recursive, "with everything below them")
      .option("--version", removed->version, "only if it has this version", "N")
      .option("--auth", removed->auth, zk_auth_help, "USER:PASSWORD")
      .more(
          "All of them are looked up first: where one does not exist, or has children and --recursive is not said, "
          "none is deleted. Only --recursive asks; znodes without children go without a question, as zkCli's users "
          "expect it.")
      .example("holdfast zk delete -r /apps/old --dry-run", "how many it would be")
      .knows_dry_run()
      .runs([removed](Session& session) { return remove(session, *removed); });
  auto access = std::make_shared<AclArguments>();
  cli.verb("zk acl", "who may do what with a znode; or change that")
      .argument("ZNODE", access->path, "the znode")
      .option("--set", access->set, "the new ACL, as world:anyone:r,digest:USER:HASH:cdrwa", "ACL")
      .option("--version", access->version, "only if its ACL has this version", "N")
      .flag("-R,--recursive", access->recursive, "and of everything below it")
      .option("--auth", access->auth, zk_auth_help, "USER:PASSWORD")
      .knows_dry_run()
      .runs([access](Session& session) { return acl(session, *access); });
  auto followed = std::make_shared<PathArguments>();
  with_path(cli.verb("zk watch", "tell what happens to a znode, until it is interrupted"), *followed)
      .flag("-R,--recursive", followed->recursive, "and to everything below it")
      .runs([followed](Session& session) { return watch(session, *followed); });
  cli.verb("zk sessions", "who is connected to the servers that --zookeeper names").watchable().runs(sessions);
  add_zk_shell_verb(cli);
}

}  // namespace holdfast::client
