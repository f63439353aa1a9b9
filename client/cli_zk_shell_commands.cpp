// The commands of the ZooKeeper shell, each as zkCli 3.9 carries it out and prints it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/cli_zk.h"
#include "client/cli_zk_shell.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr std::string_view quota_root = "/zookeeper/quota";

std::string bracketed(std::vector<std::string> names) {
  std::ranges::sort(names);
  std::string out = "[";
  for (const std::string& name : names) out += (out.size() > 1 ? ", " : "") + name;
  return out + "]\n";
}

template <class T>
std::optional<T> number(std::string_view text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::string in_hex(std::string_view data) {
  std::string out;
  for (const char c : data) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// A quota's limits or stats, as ZooKeeper keeps them: "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1".
struct Quota {
  std::int64_t count = -1, bytes = -1, count_hard = -1, byte_hard = -1;

  static Quota parse(std::string_view text) {
    Quota out;
    const auto value = [text](std::string_view name) -> std::int64_t {
      const std::size_t at = text.find(name);
      if (at == std::string_view::npos) return -1;
      const std::string_view rest = text.substr(at + name.size());
      return number<std::int64_t>(rest.substr(0, rest.find_first_of(",;="))).value_or(-1);
    };
    out.count = value("count=");
    out.bytes = value("bytes=");
    out.byte_hard = value("byteHardLimit=");
    out.count_hard = value("countHardLimit=");
    return out;
  }
  std::string text() const {
    return fmt::format("count={},bytes={}=;byteHardLimit={};countHardLimit={}", count, bytes, byte_hard, count_hard);
  }
};

}  // namespace

const std::vector<ZkShell::Command>& ZkShell::commands() {
  constexpr std::size_t any = 64;
  static const std::vector<Command> all{
      {"addWatch",
       "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is "
       "PERSISTENT_RECURSIVE",
       "m:", 1, 1, &ZkShell::add_watch},
      {"addauth", "scheme auth", "", 1, 2, &ZkShell::add_auth},
      {"close", "", "", 0, any, &ZkShell::close},
      {"config", "[-c] [-w] [-s]", "cws", 0, 0, &ZkShell::config},
      {"connect", "host:port", "", 0, 1, &ZkShell::connect_to},
      {"create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]", "sect:", 1, 3, &ZkShell::create},
      {"delete", "[-v version] path", "v:", 1, 1, &ZkShell::remove},
      {"deleteall", "path [-b batch size]", "b:", 1, 1, &ZkShell::remove_all},
      {"delquota", "[-n|-b|-N|-B] path", "nbNB", 1, 1, &ZkShell::remove_quota},
      {"get", "[-s] [-w] [-b] [-x] path", "swbx", 1, 1, &ZkShell::get},
      {"getAcl", "[-s] path", "s", 1, 1, &ZkShell::get_acl},
      {"getAllChildrenNumber", "path", "", 1, 1, &ZkShell::get_all_children_number},
      {"getEphemerals", "path", "", 0, 1, &ZkShell::get_ephemerals},
      {"history", "", "", 0, any, &ZkShell::history},
      {"listquota", "path", "", 1, 1, &ZkShell::list_quota},
      {"ls", "[-s] [-w] [-R] path", "swR", 1, 1, &ZkShell::ls},
      {"printwatches", "on|off", "", 0, 1, &ZkShell::print_watches},
      {"quit", "", "", 0, any, &ZkShell::quit},
      {"reconfig",
       "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add "
       "serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
       "sv:m:a:r:", 0, 0, &ZkShell::reconfig},
      {"redo", "cmdno", "", 1, 1, &ZkShell::redo},
      {"removewatches", "path [-c|-d|-a] [-l]", "cdal", 1, 1, &ZkShell::remove_watches},
      {"set", "path data [-s] [-v version] [-b]", "sv:b", 2, 2, &ZkShell::set},
      {"setAcl", "[-s] [-v version] [-R] path acl", "sv:R", 2, 2, &ZkShell::set_acl},
      {"setquota", "-n|-b|-N|-B val path", "n:b:N:B:", 1, 1, &ZkShell::set_quota},
      {"stat", "[-w] path", "w", 1, 1, &ZkShell::stat},
      {"sync", "path", "", 1, 1, &ZkShell::sync},
      {"version", "", "", 0, any, &ZkShell::version},
      {"whoami", "", "", 0, any, &ZkShell::who_am_i},
  };
  return all;
}

std::optional<std::int32_t> ZkShell::version_of(const Words& words) {
  if (!words.has('v')) return -1;
  auto version = number<std::int32_t>(words.options.at('v'));
  if (!version) complain(fmt::format("For input string: \"{}\"", words.options.at('v')));
  return version;
}

// ---- Nodes

Task<void> ZkShell::ls(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  if (words.has('R')) {
    auto all = co_await subtree(*zk_, path);
    if (!all) co_return complain(all.error().why, path);
    for (const std::string& one : *all) print(one + "\n");
    co_return;
  }
  auto children = co_await zk_->children(path, watcher_if(words.has('w')));
  if (!children) co_return complain(children.error(), path);
  print(bracketed(std::move(children->names)));
  if (words.has('s')) print(stat_text(children->stat));
}

Task<void> ZkShell::get(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  auto node = co_await zk_->get(path, watcher_if(words.has('w')));
  if (!node) co_return complain(node.error(), path);
  if (node->null) {
    print("null\n");
  } else if (words.has('b')) {
    print(base64_text(node->data) + "\n");
  } else if (words.has('x')) {
    print(in_hex(node->data) + "\n");
  } else {
    print(node->data + "\n");
  }
  if (words.has('s')) print(stat_text(node->stat));
}

Task<void> ZkShell::set(Words words) {
  const std::string& path = words.rest[0];
  const auto version = version_of(words);
  if (!version || !is_sound(path)) co_return;
  std::optional<std::string> data = words.rest[1];
  if (words.has('b')) {
    data = base64_data(words.rest[1]);
    if (!data) co_return complain("Illegal base64 character");
  }
  auto stat = co_await zk_->set(path, std::move(data), *version);
  if (!stat) co_return complain(stat.error(), path);
  if (words.has('s')) print(stat_text(*stat));
}

Task<void> ZkShell::create(Words words) {
  const std::string& path = words.rest[0];
  const bool sequential = words.has('s'), ephemeral = words.has('e'), container = words.has('c'), ttl = words.has('t');
  if (container && (sequential || ephemeral))
    co_return complain("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.");
  if (ttl && ephemeral) co_return complain("TTLs cannot be used with Ephemeral znodes");
  if (ttl && container) co_return complain("TTLs cannot be used with Container znodes");
  if (!(sequential && path.size() > 1 && path.ends_with('/')) && !is_sound(path)) co_return;
  CreateOptions options;
  options.mode = container                 ? CreateMode::container
                 : sequential && ephemeral ? CreateMode::ephemeral_sequential
                 : ephemeral               ? CreateMode::ephemeral
                 : sequential && ttl       ? CreateMode::persistent_sequential_with_ttl
                 : sequential              ? CreateMode::persistent_sequential
                 : ttl                     ? CreateMode::persistent_with_ttl
                                           : CreateMode::persistent;
  if (ttl) {
    const auto time = number<std::int64_t>(words.options.at('t'));
    if (!time) co_return complain("-t argument must be a long value");
    options.ttl = std::chrono::milliseconds(*time);
  }
  std::optional<std::string> data;
  if (words.rest.size() > 1) data = words.rest[1];
  if (words.rest.size() > 2) {
    auto acl = parse_acl(words.rest[2]);
    if (!acl) co_return complain(fmt::format("{} does not have the form scheme:id:perm", words.rest[2]));
    options.acl = std::move(*acl);
  }
  auto created = co_await zk_->create(path, std::move(data), std::move(options));
  // Whatever was wrong about the parent, zkCli names the path that it was asked for.
  if (!created) co_return complain(created.error(), path);
  say("Created " + created->path);
}

Task<void> ZkShell::remove(Words words) {
  const std::string& path = words.rest[0];
  const auto version = version_of(words);
  if (!version || !is_sound(path)) co_return;
  auto removed = co_await zk_->remove(path, *version);
  if (!removed) complain(removed.error(), path);
}

Task<void> ZkShell::remove_all(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  auto removed = co_await remove_subtree(*zk_, path);
  if (removed) co_return;
  complain(removed.error().why, path);
  if (removed.error().why.code != ZkError::no_node) complain("Failed to delete some node(s) in the subtree!");
}

Task<void> ZkShell::stat(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  auto found = co_await zk_->exists(path, watcher_if(words.has('w')));
  if (!found) co_return complain(found.error(), path);
  if (*found) {
    print(stat_text(**found));
  } else {
    const ZkFailure none{ZkError::no_node, {}};
    complain(none, path);
  }
}

Task<void> ZkShell::sync(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  auto synced = co_await zk_->sync(path);
  if (!synced) co_return complain(synced.error(), path);
  print("Sync is OK\n");
}

Task<void> ZkShell::get_ephemerals(Words words) {
  const std::string path = words.rest.empty() ? "/" : words.rest[0];
  if (!is_sound(path)) co_return;
  auto paths = co_await zk_->ephemerals(path);
  if (!paths) co_return complain(paths.error(), path);
  print(bracketed(std::move(*paths)));
}

Task<void> ZkShell::get_all_children_number(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  auto count = co_await zk_->all_children_number(path);
  if (!count) co_return complain(count.error(), path);
  print(fmt::format("{}\n", *count));
}

// ---- Who may do what

Task<void> ZkShell::get_acl(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  auto known = co_await zk_->get_acl(path);
  if (!known) co_return complain(known.error(), path);
  print(acl_text(known->acl));
  if (words.has('s')) print(stat_text(known->stat));
}

Task<void> ZkShell::set_acl(Words words) {
  const std::string& path = words.rest[0];
  const auto version = version_of(words);
  if (!version || !is_sound(path)) co_return;
  const auto acl = parse_acl(words.rest[1]);
  if (!acl) co_return complain(fmt::format("{} does not have the form scheme:id:perm", words.rest[1]));
  std::vector<std::string> paths{path};
  if (words.has('R')) {
    auto all = co_await subtree(*zk_, path);
    if (!all) co_return complain(all.error().why, path);
    paths = std::move(*all);
  }
  for (const std::string& one : paths) {
    auto stat = co_await zk_->set_acl(one, *acl, *version);
    if (!stat) co_return complain(stat.error(), one);
    if (words.has('s')) print(stat_text(*stat));
  }
}

Task<void> ZkShell::add_auth(Words words) {
  auto added = co_await zk_->add_auth(words.rest[0], words.rest.size() > 1 ? words.rest[1] : "");
  if (!added) complain(added.error(), "");
}

Task<void> ZkShell::who_am_i(Words) {
  auto ids = co_await zk_->who_am_i();
  if (!ids) co_return complain(ids.error(), "");
  print("Auth scheme: User\n");
  for (const ZkAuth& id : *ids) print(fmt::format("{}: {}\n", id.scheme, id.credentials));
}

// ---- Quotas: znodes below /zookeeper/quota, which the server reads

Task<void> ZkShell::list_quota(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  const std::string limits = std::string(quota_root) + path + "/zookeeper_limits";
  say("absolute path is " + limits);
  auto node = co_await zk_->get(limits);
  if (!node) co_return complain(fmt::format("quota for {} does not exist.", path));
  print(fmt::format("Output quota for {} {}\n", path, Quota::parse(node->data).text()));
  auto stats = co_await zk_->get(std::string(quota_root) + path + "/zookeeper_stats");
  if (!stats) co_return complain(fmt::format("quota for {} does not exist.", path));
  const Quota known = Quota::parse(stats->data);
  print(fmt::format("Output stat for {} count={},bytes={}\n", path, known.count, known.bytes));
}

Task<void> ZkShell::set_quota(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  if (path == "/zookeeper" || path.starts_with("/zookeeper/"))
    co_return complain("cannot set a quota under the path: /zookeeper");
  if (words.options.size() != 1) co_return complain("setquota -n|-b|-N|-B val path");
  const auto [letter, text] = *words.options.begin();
  const auto limit = number<std::int64_t>(text);
  if (!limit) co_return complain(fmt::format("For input string: \"{}\"", text));
  auto there = co_await zk_->exists(path);
  if (!there) co_return complain(there.error(), path);
  if (!*there) co_return complain(fmt::format("{} does not exist.", path));

  const std::string place = std::string(quota_root) + path;
  for (std::size_t slash = quota_root.size(); slash != std::string::npos; slash = place.find('/', slash + 1)) {
    if (slash == quota_root.size()) continue;
    auto made = co_await zk_->create(place.substr(0, slash));
    if (!made && made.error().code != ZkError::node_exists) co_return complain(made.error(), place.substr(0, slash));
  }
  auto made = co_await zk_->create(place);
  if (!made && made.error().code != ZkError::node_exists) co_return complain(made.error(), place);
  Quota limits;
  const std::string limits_path = place + "/zookeeper_limits", stats_path = place + "/zookeeper_stats";
  auto before = co_await zk_->get(limits_path);
  if (before) limits = Quota::parse(before->data);
  (letter == 'n'   ? limits.count
   : letter == 'b' ? limits.bytes
   : letter == 'N' ? limits.count_hard
                   : limits.byte_hard) = *limit;
  if (before) {
    auto set = co_await zk_->set(limits_path, limits.text());
    if (!set) complain(set.error(), limits_path);
    co_return;
  }
  auto limited = co_await zk_->create(limits_path, limits.text());
  if (!limited) co_return complain(limited.error(), limits_path);
  Quota none;
  none.count = none.bytes = 0;
  auto counted = co_await zk_->create(stats_path, none.text());
  if (!counted) complain(counted.error(), stats_path);
}

Task<void> ZkShell::remove_quota(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  const std::string place = std::string(quota_root) + path, limits_path = place + "/zookeeper_limits";
  auto before = co_await zk_->get(limits_path);
  if (!before) co_return complain(fmt::format("quota for {} does not exist.", path));
  if (!words.options.empty()) {
    Quota limits = Quota::parse(before->data);
    for (const auto& [letter, value] : words.options)
      (letter == 'n'   ? limits.count
       : letter == 'b' ? limits.bytes
       : letter == 'N' ? limits.count_hard
                       : limits.byte_hard) = -1;
    auto set = co_await zk_->set(limits_path, limits.text());
    if (!set) complain(set.error(), limits_path);
    co_return;
  }
  auto removed = co_await remove_subtree(*zk_, place);
  if (!removed) co_return complain(removed.error().why, place);
  // What is left above it and holds nothing more.
  for (std::string_view above = zk_parent(place); above.size() > quota_root.size(); above = zk_parent(above)) {
    auto emptied = co_await zk_->remove(std::string(above));
    if (!emptied) break;
  }
}

// ---- Watches

Task<void> ZkShell::add_watch(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  AddWatchMode mode = AddWatchMode::persistent_recursive;
  if (words.has('m')) {
    if (words.options.at('m') == "PERSISTENT") {
      mode = AddWatchMode::persistent;
    } else if (words.options.at('m') != "PERSISTENT_RECURSIVE") {
      co_return complain(fmt::format("No enum constant org.apache.zookeeper.AddWatchMode.{}", words.options.at('m')));
    }
  }
  auto added = co_await zk_->add_watch(path, mode, watcher_);
  if (!added) complain(added.error(), path);
}

Task<void> ZkShell::remove_watches(Words words) {
  const std::string& path = words.rest[0];
  if (!is_sound(path)) co_return;
  const WatcherKind kind = words.has('c')   ? WatcherKind::children
                           : words.has('d') ? WatcherKind::data
                                            : WatcherKind::any;
  auto removed = co_await zk_->remove_watches(path, kind, nullptr, words.has('l'));
  if (!removed) complain(removed.error(), path);
}

// ---- The ensemble

Task<void> ZkShell::config(Words words) {
  auto known = co_await zk_->config(watcher_if(words.has('w')));
  if (!known) co_return complain(known.error(), "/zookeeper/config");
  if (words.has('c')) {
    // Where clients are taken, and the version.
    std::string addresses, version;
    for (std::size_t at = 0; at < known->data.size();) {
      const std::size_t end = std::min(known->data.find('\n', at), known->data.size());
      const std::string line = known->data.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("version=")) version = line.substr(line.find('=') + 1);
      const std::size_t clients = line.find(';');
      if (line.starts_with("server.") && clients != std::string::npos)
        addresses += (addresses.empty() ? "" : ",") + line.substr(clients + 1);
    }
    print(fmt::format("{} {}\n", version, addresses));
  } else {
    print(known->data + "\n");
  }
  if (words.has('s')) print(stat_text(known->stat));
}

Task<void> ZkShell::reconfig(Words words) {
  const auto value = [&words](char letter) {
    return words.has(letter) ? std::optional<std::string>(words.options.at(letter)) : std::nullopt;
  };
  const auto joining = value('a'), leaving = value('r'), members = value('m');
  if (members.has_value() == (joining.has_value() || leaving.has_value()))
    co_return complain(
        "Can't use -file or -members together with -add or -remove (mixing incremental and "
        "non-incremental modes is not allowed)");
  std::int64_t version = -1;
  if (words.has('v')) {
    const std::string& text = words.options.at('v');
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version, 16);
    if (error != std::errc()) co_return complain(fmt::format("For input string: \"{}\"", text));
  }
  const auto lines = [](std::optional<std::string> list) {
    // "7=host:1:2;3" is "server.7=..." for the server.
    if (!list) return list;
    std::string out;
    for (std::size_t at = 0; at <= list->size();) {
      const std::size_t comma = std::min(list->find(',', at), list->size());
      std::string one = list->substr(at, comma - at);
      at = comma + 1;
      if (one.find('=') != std::string::npos && !one.starts_with("server.")) one = "server." + one;
      out += (out.empty() ? "" : ",") + one;
    }
    return std::optional<std::string>(out);
  };
  auto done = co_await zk_->reconfig(lines(joining), leaving, lines(members), version);
  if (!done) co_return complain(done.error(), "");
  print(fmt::format("Committed new configuration:\n{}\n", done->data));
  if (words.has('s')) print(stat_text(done->stat));
}

}  // namespace holdfast::client
