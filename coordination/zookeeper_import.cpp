#include "coordination/zookeeper_import.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordination/quorum_snapshots.h"
#include "coordination/snapshot.h"
#include "coordination/zookeeper_files.h"

namespace holdfast::zk {
namespace {

constexpr std::string_view config_path = "/zookeeper/config";

// Nothing may be there: what a node of this directory has promised would be forgotten.
Result<void> must_be_new(Disk& disk, const std::string& data_dir) {
  for (const char* place : {"/coordination", "/__coordination-0"}) {
    auto there = disk.exists(data_dir + place);
    if (!there) return fail(there);
    if (!*there) continue;
    auto entries = disk.list(data_dir + place);
    if (!entries) return fail(entries);
    if (!entries->empty())
      return fail(
          ErrorKind::already_exists,
          fmt::format("{}{} is not empty: an import makes a new node, into a directory of its own", data_dir, place));
  }
  return {};
}

// Read without extended types, a time to live looks like a session of server 255.
bool has_ttl_nodes(const Tree& tree) {
  constexpr std::uint64_t ttl_mark = 0xff;
  return !tree.extended_types() && std::ranges::any_of(tree.ephemerals_by_session(), [](const auto& owned) {
    return static_cast<std::uint64_t>(owned.first) >> 56 == ttl_mark;
  });
}

std::uint64_t drop_ephemerals(Tree& tree, Zxid zxid) {
  std::vector<std::string> paths;
  for (const auto& [session, _] : tree.ephemerals_by_session())
    for (std::string& path : tree.ephemerals_of(SessionId(session))) paths.push_back(std::move(path));
  for (const std::string& path : paths) {
    Znode* node = tree.find(path);
    Znode& parent = *node->parent;
    tree.remove(*node);
    tree.set_children_changed(parent, parent.cversion, zxid.value);
  }
  return paths.size();
}

}  // namespace

Result<ImportReport> import_zookeeper(Disk& disk, const ImportOptions& options) {
  auto free = must_be_new(disk, options.to);
  if (!free) return fail(free);
  Tree tree(options.extended_types);
  ZooKeeperFiles files(disk, tree);
  auto read = files.read(options.from, options.from_logs);
  if (!read) return fail(read);

  if (has_ttl_nodes(tree))
    return fail(ErrorKind::invalid_input,
                "there are nodes with a time to live: import them with --extended-types, and run the node with "
                "extendedTypesEnabled=true");

  ImportReport report;
  report.snapshot = files.snapshot();
  report.transactions = files.transactions();
  report.sessions = files.sessions();
  report.notes = files.notes();
  report.zxid = files.zxid();
  report.ephemerals = drop_ephemerals(tree, files.zxid() + 1);
  if (report.ephemerals > 0) ++report.zxid;
  if (Znode* config = tree.find(config_path); config && !config->data.empty()) tree.set_data_quietly(*config, {});
  report.nodes = tree.nodes();

  QuorumSnapshots snapshots(disk, options.to + "/coordination");
  auto made = snapshots.prepare();
  if (!made) return fail(made);
  // It stands for one entry that this server's log never had: others get it as a snapshot, whatever they have.
  QuorumSnapshotHeader header;
  header.end = Offset(1);
  header.last_term = Term(1);
  header.zxid = report.zxid;
  const auto file = snapshots.writer("import");
  const SessionTable none;
  SnapshotCapture capture(tree, none, report.zxid, options.now_ms);
  auto done = file->write(header.encode().view());
  while (done) {
    const auto piece = capture.next();
    if (!piece) break;
    done = file->write(piece->view());
  }
  const std::string name = QuorumSnapshots::name_of(header, true);
  if (done) done = file->finish(name);
  if (!done) return fail(done);
  report.written = fmt::format("{}/{}", snapshots.directory(), name);
  return report;
}

}  // namespace holdfast::zk
