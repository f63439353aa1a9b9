// A real ZooKeeper server's data directory is read: after each snapshot the tree is what ZooKeeper's own
// SnapshotFormatter printed of it, whichever of snapshots and logs it is made from.
#include "coordination/zookeeper_import.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <sstream>

#include "coordination/machine.h"
#include "coordination/quorum_snapshots.h"
#include "coordination/zookeeper_files.h"
#include "runtime/simulated_disk.h"
#include "wire/kafka/compression.h"

namespace holdfast::zk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string golden_file(const std::string& name) {
  std::ifstream file(std::string(HOLDFAST_TEST_DATA) + "/golden/zookeeper/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string time_text(std::int64_t ms) {
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a %b %d %H:%M:%S UTC %Y", &parts)};
}

std::string base64(ByteView bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8 | (j < left ? bytes[i + j] : 0u);
    for (std::size_t j = 0; j < 4; ++j) out += j <= left ? digits[word >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

// Path by path, as SnapshotFormatter prints it with -d.
std::map<std::string, std::string> nodes_of(Tree& tree) {
  std::map<std::string, std::string> out;
  for (Znode* node = &tree.root(); node; node = Tree::next_in_walk(node, &tree.root()))
    out[node->path()] = fmt::format(
        "  cZxid = 0x{:014x}\n  ctime = {}\n  mZxid = 0x{:014x}\n  mtime = {}\n  pZxid = 0x{:014x}\n  cversion = {}\n"
        "  dataVersion = {}\n  aclVersion = {}\n  ephemeralOwner = 0x{:014x}\n  data = {}\n",
        node->czxid, time_text(node->ctime_ms), node->mzxid, time_text(node->mtime_ms), node->pzxid, node->cversion,
        node->version, node->aversion, static_cast<std::uint64_t>(node->owner),
        base64({node->data.data(), node->data.size()}));
  return out;
}

std::map<std::string, std::string> nodes_in(const std::string& dump) {
  std::map<std::string, std::string> out;
  std::istringstream lines(golden_file("dumps/" + dump));
  std::string line, path;
  while (std::getline(lines, line)) {
    if (line.starts_with("/")) path = line;
    if (line.starts_with("Session Details")) break;
    if (line.starts_with("  ") && !path.empty()) out[path] += line + "\n";
  }
  return out;
}

class ZooKeeperImportTest : public testing::Test {
 protected:
  ZooKeeperImportTest() {
    EXPECT_TRUE(disk_.create_directories("/zk/version-2"));
    for (const char* name : {"snapshot.0", "snapshot.39", "snapshot.3d.gz", "snapshot.3e.snappy"})
      put(name, golden_file("data/version-2/" + std::string(name)));
    for (const char* name : {"log.1", "log.3a"}) {
      const std::string packed = golden_file("data/version-2/" + std::string(name) + ".gz");
      const auto bytes = wire::decompress(wire::Codec::gzip, as_bytes(packed), 1 << 20);
      EXPECT_TRUE(bytes);
      put(name, std::string(as_text(*bytes)));
    }
  }
  static std::string path(const std::string& name) { return "/zk/version-2/" + name; }
  void put(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(disk_.write_atomically(path(name), as_bytes(bytes)));
  }
  std::string get(const std::string& name) { return std::string(as_text(*disk_.read_file(path(name), 1 << 20))); }

  SimulatedDisk disk_;
};

TEST_F(ZooKeeperImportTest, SnapshotsAreReadPlainGzippedAndSnappy) {
  for (const std::string name : {"snapshot.0", "snapshot.39", "snapshot.3d.gz", "snapshot.3e.snappy"}) {
    Tree tree(true);
    ZooKeeperFiles files(disk_, tree);
    const auto read = files.read_snapshot(path(name));
    ASSERT_TRUE(read) << name << ": " << read.error().message;
    EXPECT_EQ(nodes_of(tree), nodes_in(name + ".txt")) << name;
  }
}

TEST_F(ZooKeeperImportTest, LogsLeadFromOneSnapshotToTheNext) {
  Tree tree(true);
  ZooKeeperFiles files(disk_, tree);
  ASSERT_TRUE(files.read_snapshot(path("snapshot.0")));
  const auto read = files.read_log(path("log.1"), false);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(files.zxid(), Zxid(0x39));
  EXPECT_EQ(nodes_of(tree), nodes_in("snapshot.39.txt"));
}

TEST_F(ZooKeeperImportTest, WhicheverSnapshotItStartsFromTheEndIsTheSame) {
  std::vector<std::map<std::string, std::string>> ends;
  for (const std::string name : {"snapshot.0", "snapshot.39", "snapshot.3d.gz", "snapshot.3e.snappy"}) {
    Tree tree(true);
    ZooKeeperFiles files(disk_, tree);
    ASSERT_TRUE(files.read_snapshot(path(name)));
    ASSERT_TRUE(files.read_log(path("log.1"), false));
    ASSERT_TRUE(files.read_log(path("log.3a"), true));
    EXPECT_EQ(files.zxid(), Zxid(0x3f));
    ends.push_back(nodes_of(tree));
  }
  for (const auto& end : ends) EXPECT_EQ(end, ends.front());
}

TEST_F(ZooKeeperImportTest, AnySingleDamagedBitOfASnapshotIsNoticed) {
  const std::string whole = get("snapshot.39");
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 5) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    put("snapshot.39", damaged);
    Tree tree(true);
    ZooKeeperFiles files(disk_, tree);
    // What follows the checksum (a digest, the last zxid) says nothing of the tree.
    if (bit / 8 < 3000) EXPECT_FALSE(files.read_snapshot(path("snapshot.39"))) << bit;
  }
}

TEST_F(ZooKeeperImportTest, ASnapshotThatCannotBeReadGivesWayToTheOneBefore) {
  put("snapshot.3e.snappy", get("snapshot.3e.snappy").substr(0, 700));
  put("snapshot.3d.gz", "nonsense");
  Tree tree(true);
  ZooKeeperFiles files(disk_, tree);
  const auto read = files.read("/zk", "");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(files.snapshot(), path("snapshot.39"));
  EXPECT_EQ(files.zxid(), Zxid(0x3f));
  EXPECT_EQ(files.transactions(), 6u);
  EXPECT_THAT(files.notes(), ElementsAre(HasSubstr("snapshot.3e.snappy"), HasSubstr("snapshot.3d.gz")));
}

TEST_F(ZooKeeperImportTest, ALogThatEndsInTheMiddleOfAnEntryIsReadUpToIt) {
  const std::string whole = get("log.3a");
  std::uint64_t before = 0;
  for (std::size_t size = 16; size < 700; ++size) {
    put("log.3a", whole.substr(0, size));
    Tree tree(true);
    ZooKeeperFiles files(disk_, tree);
    ASSERT_TRUE(files.read_snapshot(path("snapshot.39")));
    const auto read = files.read_log(path("log.3a"), true);
    ASSERT_TRUE(read) << size << ": " << read.error().message;
    EXPECT_GE(files.transactions(), before);
    before = files.transactions();
  }
  EXPECT_EQ(before, 6u);
}

TEST_F(ZooKeeperImportTest, DamageInTheMiddleIsAnError) {
  std::string log = get("log.1");
  log[200] = static_cast<char>(log[200] ^ 1);
  put("log.1", log);
  for (const char* name : {"snapshot.39", "snapshot.3d.gz", "snapshot.3e.snappy"})
    ASSERT_TRUE(disk_.remove(path(name)));
  Tree tree(true);
  ZooKeeperFiles files(disk_, tree);
  const auto read = files.read("/zk", "");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("log.1"));
}

TEST_F(ZooKeeperImportTest, ANewNodeHasItAllButSessionsAndEphemerals) {
  ImportOptions options;
  options.from = "/zk";
  options.to = "/new";
  options.extended_types = true;
  const auto report = import_zookeeper(disk_, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->zxid, Zxid(0x40));
  EXPECT_EQ(report->ephemerals, 1u);
  EXPECT_THAT(report->notes, IsEmpty());

  MachineOptions machine_options;
  machine_options.extended_types = true;
  ZnodeMachine machine(machine_options);
  auto restore = machine.begin_restore();
  const auto bytes = disk_.read_file(report->written, 1 << 20);
  ASSERT_TRUE(bytes);
  const auto header = QuorumSnapshotHeader::decode(*bytes);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->header.zxid, Zxid(0x40));
  ASSERT_TRUE(restore->feed(ByteView(*bytes).subspan(header->bytes)));
  const auto zxid = restore->finish();
  ASSERT_TRUE(zxid) << zxid.error().message;
  EXPECT_EQ(*zxid, Zxid(0x40));
  EXPECT_EQ(machine.tree().find("/second/ephemeral"), nullptr);
  EXPECT_EQ(machine.sessions().size(), 0u);
  const Znode* second = machine.tree().find("/second");
  ASSERT_TRUE(second);
  EXPECT_EQ(as_text({second->data.data(), second->data.size()}), "changed");
  EXPECT_EQ(second->pzxid, 0x40);
  ASSERT_EQ(machine.tree().acl(*second).size(), 1u);
  EXPECT_EQ(machine.tree().acl(*second)[0].id.scheme, "digest");
  // The next sequential node below /m goes on from the three that there have been.
  Caller caller;
  caller.privileged = true;
  CreateOp op;
  op.path = "/m/s-";
  op.flags = 2;
  const std::vector<Acl> open{{31, {"world", "anyone"}}};
  op.acl = open;
  const Txn txn = machine.prepare(op, caller, 1);
  EXPECT_EQ(std::get<CreateTxn>(txn.body).path, "/m/s-0000000003");
}

TEST_F(ZooKeeperImportTest, NodesWithATimeToLiveAreNotTakenForEphemerals) {
  ImportOptions options;
  options.from = "/zk";
  options.to = "/new";
  const auto report = import_zookeeper(disk_, options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("--extended-types"));
  EXPECT_FALSE(*disk_.exists("/new/coordination"));
}

TEST_F(ZooKeeperImportTest, ADirectoryThatIsInUseIsLeftAlone) {
  ImportOptions options;
  options.from = "/zk";
  options.to = "/new";
  options.extended_types = true;
  ASSERT_TRUE(import_zookeeper(disk_, options));
  const auto again = import_zookeeper(disk_, options);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::already_exists);
  options.to = "/other";
  options.from = "/new";
  EXPECT_FALSE(import_zookeeper(disk_, options));  // nothing of ZooKeeper's in it
}

}  // namespace
}  // namespace holdfast::zk
