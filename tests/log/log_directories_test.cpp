// Several log directories: whose they are, and what becomes of those that fail or are full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "tests/log/manager_life.h"

namespace holdfast::test {
namespace {

// ---- Whose the directories are ----

LogManagerOptions two_directories() {
  LogManagerOptions options = some_options();
  options.log_dirs = {"/one", "/two"};
  return options;
}

TEST(LogDirectories, MakesAClusterIdForAllItsDirectories) {
  SimulatedDisk disk;
  Life life(disk, two_directories());
  ASSERT_TRUE(life.started());
  EXPECT_FALSE(life.logs().cluster_id().empty());
  EXPECT_EQ(cluster_of(disk, "/one"), life.logs().cluster_id());
  EXPECT_EQ(cluster_of(disk, "/two"), life.logs().cluster_id());
}

TEST(LogDirectories, ADirectoryThatIsAddedBelongsToTheClusterOfTheOthers) {
  for (const bool first : {false, true}) {
    SimulatedDisk disk;
    ASSERT_TRUE(disk.create_directories("/one"));
    ASSERT_TRUE(write_meta_properties(disk, "/one/meta.properties", {"cluster", 1, "here"}));
    LogManagerOptions options = two_directories();
    if (first) std::swap(options.log_dirs[0], options.log_dirs[1]);
    Life life(disk, options);
    ASSERT_TRUE(life.started()) << life.start().error().message;
    EXPECT_EQ(life.logs().cluster_id(), "cluster");
    EXPECT_EQ(cluster_of(disk, "/two"), "cluster");
  }
}

TEST(LogDirectories, DirectoriesOfTwoClustersAreRefused) {
  SimulatedDisk disk;
  for (const std::string dir : {"/one", "/two"}) {
    ASSERT_TRUE(disk.create_directories(dir));
    ASSERT_TRUE(write_meta_properties(disk, dir + "/meta.properties", {"cluster-of" + dir, 1, "here"}));
  }
  for (const bool deferred : {false, true}) {
    LogManagerOptions options = two_directories();
    options.defer_cluster_id = deferred;
    const Life life(disk, options);
    ASSERT_FALSE(life.started());
    EXPECT_THAT(life.start().error().message,
                testing::AllOf(testing::HasSubstr("cluster-of/one"), testing::HasSubstr("cluster-of/two")));
  }
}

TEST(LogDirectories, DirectoriesHaveIdsThatStay) {
  SimulatedDisk disk;
  std::vector<std::string> before;
  for (int start = 0; start < 2; ++start) {
    LogManagerOptions options = two_directories();
    options.defer_cluster_id = true;
    Life life(disk, options);
    ASSERT_TRUE(life.started());
    const std::vector<std::string> ids = life.logs().directory_ids();
    ASSERT_EQ(ids.size(), 2u);
    EXPECT_NE(ids[0], ids[1]);
    ASSERT_TRUE(life.adopt("ensemble"));
    EXPECT_EQ(life.logs().directory_ids(), ids);
    if (start > 0) {
      EXPECT_EQ(ids, before);
    }
    before = ids;
  }
}

TEST(LogDirectories, ADirectoryThatCannotBeReadIsLeftOut) {
  SimulatedDisk disk;
  {
    Life life(disk, two_directories());
    PartitionLog* log = life.create(some_id(1), "/two");
    ASSERT_TRUE(log && life.create(some_id(2), "/one"));
    for (int i = 0; i < 5; ++i) life.append(*log);
  }
  for (const std::string bad : {"/two", "/one"}) {
    disk.before_call([&disk, bad](DiskCall call, const std::string& path) {
      if (path.starts_with(bad)) disk.fail_call(call, 0, EIO);
    });
    Life life(disk, two_directories());
    ASSERT_EQ(life.started(), bad == "/two") << "without the first one nothing can be done";
    if (!life.started()) continue;
    EXPECT_EQ(life.logs().left_out(), std::vector<std::string>{"/two"});
    EXPECT_EQ(life.logs().directory_ids().size(), 1u);
    EXPECT_FALSE(life.logs().directories()[1].online);
    EXPECT_FALSE(life.find(some_id(1)));
    EXPECT_TRUE(life.find(some_id(2)));
    EXPECT_TRUE(life.create(some_id(3)));
    EXPECT_FALSE(life.try_create(some_id(4), "/two"));
    life.until_the_next_checkpoint();
  }
  disk.before_call(nullptr);
  Life life(disk, two_directories());
  ASSERT_TRUE(life.started());
  ASSERT_TRUE(life.find(some_id(1)));
  EXPECT_EQ(life.find(some_id(1))->end_offset(), Offset(5));
}

TEST(LogDirectories, TheEnsembleSaysOfWhichClusterItIs) {
  SimulatedDisk disk;
  LogManagerOptions options = two_directories();
  options.defer_cluster_id = true;
  {
    Life life(disk, options);
    ASSERT_TRUE(life.started());
    EXPECT_EQ(life.logs().cluster_id(), "");
    EXPECT_EQ(cluster_of(disk, "/one"), std::nullopt);
    ASSERT_TRUE(life.adopt("ensemble"));
    EXPECT_EQ(life.logs().cluster_id(), "ensemble");
    disk.power_loss_of_all_unsynced();
  }
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
  EXPECT_EQ(cluster_of(disk, "/two"), "ensemble");
  Life life(disk, options);
  ASSERT_TRUE(life.started());
  EXPECT_EQ(life.logs().cluster_id(), "ensemble");
  EXPECT_TRUE(life.adopt("ensemble"));
  const auto refused = life.adopt("another");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::AllOf(testing::HasSubstr("ensemble"), testing::HasSubstr("another"),
                                                      testing::HasSubstr("/one")));
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
}

TEST(LogDirectories, AnAdoptionThatFailedMayBeTriedAgain) {
  SimulatedDisk disk;
  LogManagerOptions options = two_directories();
  options.defer_cluster_id = true;
  Life life(disk, options);
  ASSERT_TRUE(life.started());
  disk.fail_call(DiskCall::rename, 1, ENOSPC);
  EXPECT_FALSE(life.adopt("ensemble"));
  EXPECT_EQ(life.logs().cluster_id(), "");
  EXPECT_TRUE(life.adopt("ensemble"));
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
  EXPECT_EQ(cluster_of(disk, "/two"), "ensemble");
}

TEST(LogDirectories, ADirectoryThatCannotTakeAClustersNameIsOutOfService) {
  SimulatedDisk disk;
  LogManagerOptions options = two_directories();
  options.defer_cluster_id = true;
  Life life(disk, options);
  ASSERT_TRUE(life.started());
  disk.fail_call(DiskCall::rename, 0, EIO);
  EXPECT_TRUE(life.adopt("ensemble"));
  EXPECT_EQ(life.logs().cluster_id(), "ensemble");
  const auto directories = life.logs().directories();
  ASSERT_EQ(directories.size(), 2U);
  EXPECT_TRUE(directories[0].online && !directories[1].online);
  EXPECT_EQ(life.logs().directory_ids().size(), 1U) << "or a later start would miss it, and give up what it had";
  EXPECT_EQ(cluster_of(disk, "/one"), "ensemble");
  EXPECT_FALSE(life.try_create(some_id(), "/two"));
  EXPECT_TRUE(life.create(some_id(), "/one"));
}

// ---- Directories that fail ----

struct Failures {
  std::vector<std::pair<std::string, bool>> told;  // which, and whether none is left
  LogManagerOptions watch(LogManagerOptions options) {
    options.on_directory_failed = [this](const std::string& path, bool none_left) {
      EXPECT_EQ(Shard::current()->index(), 0);
      told.emplace_back(path, none_left);
    };
    return options;
  }
};

TEST(LogDirectories, ADirectoryIsFullWhileItIsOnAnyShard) {
  SimulatedDisk disk;
  std::vector<std::pair<std::string, bool>> told;
  LogManagerOptions options = two_directories();
  options.on_directory_full = [&](const std::string& path, bool full) { told.emplace_back(path, full); };
  Life life(disk, std::move(options), 2);
  ASSERT_TRUE(life.started());
  LogId other_shard = some_id(1);
  other_shard.partition = 1;
  PartitionLog* one = life.create(some_id(2), "/one");
  PartitionLog* other = life.create(other_shard, "/one");
  ASSERT_TRUE(one && other);
  disk.fail_every(DiskCall::write, ENOSPC);
  for (PartitionLog* log : {one, other}) life.append(*log);
  EXPECT_EQ(told, (std::vector{std::pair(std::string("/one"), true)}));
  disk.fail_every(DiskCall::write, 0);
  // New logs go where there is room.
  for (const int topic : {3, 4, 5})
    EXPECT_EQ(life.create(some_id(static_cast<std::uint8_t>(topic)))->log_dir(), "/two");
  life.pass(std::chrono::seconds(2));
  EXPECT_EQ(told.back(), std::pair(std::string("/one"), false));
  EXPECT_EQ(told.size(), 2u);
}

TEST(LogDirectories, SaysOnceThatADirectoryFailed) {
  SimulatedDisk disk;
  Failures failures;
  Life life(disk, failures.watch(two_directories()), 2);
  ASSERT_TRUE(life.started());
  LogId a = some_id(1), b = some_id(2), c = some_id(3), d = some_id(4);
  a.partition = c.partition = 1;
  PartitionLog* on_one = life.create(a, "/one");
  PartitionLog* also_on_one = life.create(b, "/one");
  PartitionLog* on_two = life.create(c, "/two");
  ASSERT_TRUE(on_one && also_on_one && on_two);
  disk.fail_call(DiskCall::sync, 0, EIO);
  life.append(*on_one);
  life.loop().run_ready();
  ASSERT_EQ(failures.told.size(), 1u);
  EXPECT_EQ(failures.told[0], std::pair(std::string("/one"), false));
  EXPECT_TRUE(on_one->is_failed());
  EXPECT_TRUE(also_on_one->is_failed()) << "a directory that failed on one shard is used by none";
  EXPECT_FALSE(on_two->is_failed());
  EXPECT_FALSE(life.logs().directories()[0].online);
  EXPECT_TRUE(life.logs().directories()[1].online);
  // New logs go elsewhere.
  for (const std::int32_t partition : {0, 1, 2, 3}) {
    d.partition = partition;
    PartitionLog* made = life.create(d);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->log_dir(), "/two");
  }
  d.partition = 4;
  EXPECT_FALSE(life.try_create(d, "/one"));
  EXPECT_FALSE(life.try_create(d, "/nowhere"));
  // What is written of the healthy one does not depend on the other.
  life.append(*on_two);
  on_two->set_high_watermark(Offset(1));
  life.until_the_next_checkpoint();
  auto read = read_offset_checkpoint(disk, "/two/replication-offset-checkpoint");
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[std::pair(on_two->topic(), 1)], Offset(1));
  disk.fail_call(DiskCall::sync, 0, EIO);
  life.append(*on_two);
  life.loop().run_ready();
  ASSERT_EQ(failures.told.size(), 2u);
  EXPECT_EQ(failures.told[1], std::pair(std::string("/two"), true));
  d.partition = 6;
  EXPECT_FALSE(life.try_create(d));
}

TEST(LogDirectories, ADirectoryThatCannotTakeANewLogHasFailed) {
  SimulatedDisk disk;
  Failures failures;
  Life life(disk, failures.watch(two_directories()));
  ASSERT_TRUE(life.started());
  disk.fail_call(DiskCall::sync, 0, EIO);
  EXPECT_FALSE(life.create(some_id(1)));
  life.loop().run_ready();
  ASSERT_EQ(failures.told.size(), 1u);
  EXPECT_EQ(failures.told[0].first, "/one");
  PartitionLog* made = life.create(some_id(1));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->log_dir(), "/two");
}

TEST(LogDirectories, AFullDirectoryHasNotFailed) {
  SimulatedDisk disk;
  Failures failures;
  Life life(disk, failures.watch(some_options()));
  PartitionLog* log = life.create();
  ASSERT_TRUE(log);
  life.append(*log);
  log->set_high_watermark(Offset(1));
  disk.fail_call(DiskCall::rename, 0, ENOSPC);
  life.until_the_next_checkpoint();
  EXPECT_TRUE(failures.told.empty());
  EXPECT_FALSE(log->is_failed());
  life.until_the_next_checkpoint();
  EXPECT_EQ(checkpointed(disk, log_format::high_watermark_file), Offset(1));
}

}  // namespace
}  // namespace holdfast::test
