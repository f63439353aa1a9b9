#include "runtime/simulated_disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include "runtime/random.h"

namespace holdfast {
namespace {

class SimulatedDiskTest : public testing::Test {
 protected:
  SimulatedDiskTest() {
    EXPECT_TRUE(disk_.create_directories("/data"));
    disk_.sync_all();
  }

  std::unique_ptr<File> make(const std::string& path, OpenOptions options = {.write = true, .create = true}) {
    auto file = disk_.open(path, options);
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return std::move(*file);
  }
  // A file whose name and content are durable.
  std::unique_ptr<File> make_synced(const std::string& path, std::string_view content) {
    auto file = make(path);
    EXPECT_TRUE(file->write_at(0, as_bytes(content)));
    EXPECT_TRUE(file->sync_data());
    EXPECT_TRUE(disk_.sync_directory("/data"));
    return file;
  }
  std::string content(const std::string& path) {
    const auto bytes = disk_.read_file(path, 1 << 20);
    return bytes ? std::string(as_text(*bytes)) : "(" + bytes.error().message + ")";
  }
  bool exists(const std::string& path) { return *disk_.exists(path); }

  SimulatedDisk disk_;
};

TEST_F(SimulatedDiskTest, IsADiskWhileThePowerIsOn) {
  auto file = make("/data/a");
  ASSERT_TRUE(file->write_at(2, as_bytes("cd")));
  EXPECT_EQ(content("/data/a"), std::string("\0\0cd", 4));
  ASSERT_TRUE(file->allocate(0, 10));
  EXPECT_EQ(*file->size(), 10u);
  ASSERT_TRUE(file->truncate(3));
  EXPECT_EQ(content("/data/a"), std::string("\0\0c", 3));
  ASSERT_TRUE(disk_.create_directories("/data/sub/deep"));
  ASSERT_TRUE(disk_.rename("/data/a", "/data/sub/b"));
  ASSERT_TRUE(disk_.rename("/data/sub", "/data/moved"));
  EXPECT_EQ(disk_.list("/data/moved")->size(), 2u);
  EXPECT_EQ(disk_.list("/data/moved")->front().name, "b");
  EXPECT_FALSE(disk_.remove("/data/moved"));
  EXPECT_EQ(disk_.open("/data/none", {}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(disk_.open("/none/a", {.write = true, .create = true}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(disk_.open("/data/moved/b", {.write = true, .create = true, .exclusive = true}).error().kind,
            ErrorKind::already_exists);
  ASSERT_TRUE(disk_.remove_all("/data/moved"));
  EXPECT_EQ(disk_.remove("/data/moved").error().kind, ErrorKind::not_found);
  ASSERT_TRUE(disk_.write_atomically("/data/meta", as_bytes("m")));
  EXPECT_EQ(content("/data/meta"), "m");
}

TEST_F(SimulatedDiskTest, KeepsWhatWasSynced) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    auto random = seeded_random(seed);
    auto file = make_synced("/data/a", "durable");
    disk_.power_loss(*random);
    EXPECT_EQ(content("/data/a"), "durable");
  }
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(content("/data/a"), "durable");
}

TEST_F(SimulatedDiskTest, TheStrictLossTakesEverythingUnsynced) {
  auto file = make_synced("/data/a", "old");
  ASSERT_TRUE(file->write_at(0, as_bytes("new!")));
  make("/data/b");
  ASSERT_TRUE(disk_.rename("/data/a", "/data/c"));
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(content("/data/a"), "old");
  EXPECT_FALSE(exists("/data/b"));
  EXPECT_FALSE(exists("/data/c"));
}

TEST_F(SimulatedDiskTest, SectorsAreKeptOrLostOneByOne) {
  const std::string before(8 * 512, 'o');
  bool later_without_earlier = false, torn = false;
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    auto random = seeded_random(seed);
    auto file = make_synced("/data/a", before);
    ASSERT_TRUE(file->write_at(0, as_bytes(std::string(4 * 512, '1'))));
    ASSERT_TRUE(file->write_at(4 * 512, as_bytes(std::string(4 * 512, '2'))));
    disk_.power_loss(*random);
    const std::string after = content("/data/a");
    ASSERT_EQ(after.size(), before.size());
    std::string sectors;
    for (std::size_t at = 0; at < after.size(); at += 512) {
      const std::string sector = after.substr(at, 512);
      const char is_new = at < 4 * 512 ? '1' : '2';
      const std::size_t kept = std::min(sector.find('o'), sector.size());
      ASSERT_EQ(sector, std::string(kept, is_new) + std::string(512 - kept, 'o')) << "seed " << seed;
      torn = torn || (kept > 0 && kept < 512);
      sectors += kept == 512 ? '+' : '-';
    }
    later_without_earlier = later_without_earlier || (sectors.starts_with("----") && sectors.contains('+'));
    outcomes.insert(sectors);
  }
  EXPECT_TRUE(later_without_earlier);
  EXPECT_TRUE(torn);
  EXPECT_TRUE(outcomes.contains("--------"));
  EXPECT_TRUE(outcomes.contains("++++++++"));
  EXPECT_GT(outcomes.size(), 50u);
}

TEST_F(SimulatedDiskTest, AGrownFileMayBeShorterOrHoldZeros) {
  bool shorter = false, zeros = false, whole = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto random = seeded_random(seed);
    auto file = make_synced("/data/a", "12");
    ASSERT_TRUE(file->truncate(2));
    ASSERT_TRUE(file->sync_data());
    ASSERT_TRUE(file->write_at(2, as_bytes("34")));
    disk_.power_loss(*random);
    const std::string after = content("/data/a");
    ASSERT_TRUE(after.starts_with("12"));
    shorter = shorter || after == "12";
    zeros = zeros || after == std::string("12\0\0", 4);
    whole = whole || after == "1234";
  }
  EXPECT_TRUE(shorter);
  EXPECT_TRUE(zeros);
  EXPECT_TRUE(whole);
}

TEST_F(SimulatedDiskTest, ADurableWriteDoesNotCarryTheOnesBefore) {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    auto random = seeded_random(seed);
    auto file = make_synced("/data/a", "....");
    ASSERT_TRUE(file->write_at(0, as_bytes("11")));
    ASSERT_TRUE(file->write_durable(2, as_bytes("2222")));
    disk_.power_loss(*random);
    const std::string after = content("/data/a");
    ASSERT_EQ(after.substr(2), "2222") << "seed " << seed;
    lost = lost || after.starts_with("..");
  }
  EXPECT_TRUE(lost);
}

TEST_F(SimulatedDiskTest, ADurableWriteWinsOverAnEarlierOneOfTheSamePlace) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    auto random = seeded_random(seed);
    auto file = make_synced("/data/a", "....");
    ASSERT_TRUE(file->write_at(0, as_bytes("1111")));
    ASSERT_TRUE(file->write_durable(0, as_bytes("2222")));
    disk_.power_loss(*random);
    ASSERT_EQ(content("/data/a"), "2222") << "seed " << seed;
  }
}

TEST_F(SimulatedDiskTest, SyncingAFileDoesNotKeepItsName) {
  auto file = make("/data/new");
  ASSERT_TRUE(file->write_durable(0, as_bytes("x")));
  ASSERT_TRUE(file->sync_data());
  disk_.power_loss_of_all_unsynced();
  EXPECT_FALSE(exists("/data/new"));
}

TEST_F(SimulatedDiskTest, NamesAreKeptInOrderUpToSomePoint) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    auto random = seeded_random(seed);
    ASSERT_TRUE(disk_.remove_all("/data/x"));
    ASSERT_TRUE(disk_.remove_all("/data/y"));
    ASSERT_TRUE(disk_.remove_all("/data/z"));
    disk_.sync_all();
    make("/data/x");
    make("/data/y");
    ASSERT_TRUE(disk_.rename("/data/x", "/data/z"));
    disk_.power_loss(*random);
    std::string names;
    for (const char* name : {"x", "y", "z"}) {
      if (exists(std::string("/data/") + name)) names += name;
    }
    outcomes.insert(names);
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"", "x", "xy", "yz"}));
}

TEST_F(SimulatedDiskTest, SyncingADirectoryKeepsItsNamesOnly) {
  ASSERT_TRUE(disk_.create_directories("/other"));
  disk_.sync_all();
  make("/data/kept");
  make("/other/lost");
  make("/other/moves");
  ASSERT_TRUE(disk_.rename("/other/moves", "/data/moved"));
  ASSERT_TRUE(disk_.sync_directory("/data"));
  disk_.power_loss_of_all_unsynced();
  EXPECT_TRUE(exists("/data/kept"));
  EXPECT_TRUE(exists("/data/moved"));
  EXPECT_FALSE(exists("/other/moves"));
  EXPECT_FALSE(exists("/other/lost"));
}

TEST_F(SimulatedDiskTest, AReplacedFileIsOldOrNewButWhole) {
  for (std::uint64_t n = 0;; ++n) {
    make_synced("/data/meta", "old");
    disk_.cut_power_at(n);
    const auto written = disk_.write_atomically("/data/meta", as_bytes("new"));
    const bool finished = disk_.powered();
    ASSERT_EQ(written.has_value(), finished);
    auto random = seeded_random(n);
    disk_.power_loss(*random);
    const std::string after = content("/data/meta");
    ASSERT_TRUE(after == "new" || (after == "old" && !finished)) << after << " at " << n;
    if (finished) break;
    ASSERT_LT(n, 100u);
  }
}

TEST_F(SimulatedDiskTest, AFailedSyncForgetsWhatItWasToWrite) {
  auto file = make_synced("/data/a", "old.");
  ASSERT_TRUE(file->write_at(0, as_bytes("new.")));
  disk_.fail_call(DiskCall::sync, 0, EIO);
  const auto failed = file->sync_data();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().os_error, EIO);
  EXPECT_EQ(content("/data/a"), "new.") << "reads still show it";
  EXPECT_TRUE(file->sync_data()) << "and the next sync succeeds";
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(content("/data/a"), "old.");
}

TEST_F(SimulatedDiskTest, WritesAfterAFailedSyncAreSyncedAgain) {
  auto file = make_synced("/data/a", "");
  ASSERT_TRUE(file->write_at(0, as_bytes("1111")));
  disk_.fail_call(DiskCall::sync, 0, EIO);
  ASSERT_FALSE(file->sync_data());
  ASSERT_TRUE(file->write_at(2, as_bytes("2222")));
  ASSERT_TRUE(file->sync_data());
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(content("/data/a"), std::string("\0\0"
                                            "2222",
                                            6));
}

TEST_F(SimulatedDiskTest, FailsTheCallAsked) {
  auto file = make("/data/a");
  disk_.fail_call(DiskCall::write, 1, ENOSPC);
  EXPECT_TRUE(file->write_at(0, as_bytes("a")));
  const auto full = file->write_at(0, as_bytes("b"));
  EXPECT_EQ(full.error().kind, ErrorKind::no_space);
  EXPECT_EQ(content("/data/a"), "a");
  EXPECT_TRUE(file->write_at(0, as_bytes("c")));
  disk_.fail_every(DiskCall::write, EIO);
  EXPECT_EQ(file->write_at(0, as_bytes("d")).error().kind, ErrorKind::io);
  EXPECT_FALSE(file->write_at(0, as_bytes("d")));
  disk_.fail_every(DiskCall::write, 0);
  EXPECT_TRUE(file->write_at(0, as_bytes("d")));
}

TEST_F(SimulatedDiskTest, IsFullAtItsCapacity) {
  disk_.set_capacity(10);
  auto file = make("/data/a");
  EXPECT_TRUE(file->write_at(0, as_bytes("12345678")));
  EXPECT_EQ(file->write_at(4, as_bytes("1234567")).error().kind, ErrorKind::no_space);
  EXPECT_EQ(file->allocate(0, 11).error().kind, ErrorKind::no_space);
  EXPECT_TRUE(file->write_at(0, as_bytes("overwrite"))) << "one byte more";
  EXPECT_EQ(disk_.space("/data")->available_bytes, 1u);
  ASSERT_TRUE(disk_.remove("/data/a"));
  EXPECT_EQ(disk_.space("/data")->available_bytes, 10u);
  EXPECT_TRUE(make("/data/b")->write_at(0, as_bytes("0123456789")));
}

TEST_F(SimulatedDiskTest, NothingWorksWithoutPower) {
  auto file = make_synced("/data/a", "x");
  int writes = 0;
  disk_.before_call([&](DiskCall call, const std::string& path) {
    if (call != DiskCall::write) return;
    EXPECT_EQ(path, "/data/a");
    if (++writes == 2) disk_.cut_power();
  });
  EXPECT_TRUE(file->write_at(0, as_bytes("1")));
  EXPECT_FALSE(file->write_at(0, as_bytes("2")));
  EXPECT_FALSE(file->sync_data());
  EXPECT_FALSE(disk_.exists("/data/a"));
  EXPECT_FALSE(disk_.open("/data/a", {}));
  EXPECT_FALSE(disk_.create_directories("/data/c"));
  disk_.before_call({});
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(content("/data/a"), "x");
  EXPECT_FALSE(file->write_at(0, as_bytes("3"))) << "a handle from before";
  EXPECT_EQ(content("/data/a"), "x");
}

TEST_F(SimulatedDiskTest, ADeadProcessLosesItsLocksButNoBytes) {
  auto held = disk_.lock("/data/.lock");
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(disk_.lock("/data/.lock").error().kind, ErrorKind::already_exists);
  auto file = make("/data/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("written")));
  disk_.process_death();
  EXPECT_EQ(content("/data/a"), "written");
  EXPECT_FALSE(file->read_at(0, {}));
  auto again = disk_.lock("/data/.lock");
  ASSERT_TRUE(again.has_value());
  held->reset();
  EXPECT_FALSE(disk_.lock("/data/.lock")) << "the dead holder's end must not free the new lock";
}

TEST_F(SimulatedDiskTest, FlipsABit) {
  make_synced("/data/a", "abc");
  disk_.flip_bit("/data/a", 1, 0);
  EXPECT_EQ(content("/data/a"), "acc");
  disk_.power_loss_of_all_unsynced();
  EXPECT_EQ(content("/data/a"), "acc");
}

TEST_F(SimulatedDiskTest, TheSameSeedLeavesTheSameBytes) {
  const auto run = [](std::uint64_t seed) {
    SimulatedDisk disk;
    auto random = seeded_random(seed);
    auto file = disk.open("/f", {.write = true, .create = true});
    disk.sync_all();
    for (int i = 0; i < 50; ++i) {
      const std::string bytes(random->below(3000), static_cast<char>('a' + i % 26));
      EXPECT_TRUE((*file)->write_at(random->below(20'000), as_bytes(bytes)));
      if (i % 7 == 0) EXPECT_TRUE((*file)->sync_data());
    }
    disk.power_loss(*random);
    return *disk.read_file("/f", 1 << 20);
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace holdfast
