// An ensemble of real servers of which one has a disk that fills up.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

// A file system of its own, which this process and its children see, and which ends with them.
class SmallDisk {
 public:
  SmallDisk() : root_(directory_.path() + "/disk") {
    const std::string image = directory_.path() + "/image";
    std::filesystem::create_directory(root_);
    if (unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      fault_ = std::string("a mount namespace: ") + std::strerror(errno);
      return;
    }
    const auto made = run_command({"sh", "-c",
                                   "truncate -s 512M '" + image + "' && mkfs.ext4 -q -m 0 '" + image +
                                       "' && mount -o loop '" + image + "' '" + root_ + "'"});
    if (made.status != 0) fault_ = made.errors;
  }
  ~SmallDisk() {
    if (fault_.empty()) umount2(root_.c_str(), MNT_DETACH);
  }
  const std::string& fault() const { return fault_; }  // why there is none
  std::string data() const { return root_ + "/data"; }

  void fill() const {
    const int fd = open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    const std::string piece(64 << 10, 'x');
    while (write(fd, piece.data(), piece.size()) > 0) {
    }
    EXPECT_EQ(errno, ENOSPC);
    close(fd);
  }
  void free() const { std::filesystem::remove(filler()); }

 private:
  std::string filler() const { return root_ + "/filler"; }

  TemporaryDirectory directory_;
  const std::string root_;
  std::string fault_;
};

class EnsembleDisk : public testing::Test {
 protected:
  static constexpr int small = 1;
  static constexpr int writes = 150;  // of `bytes` each: more than the journal has in reserve

  void SetUp() override {
    if (!disk_.fault().empty()) GTEST_SKIP() << "a small disk cannot be mounted here: " << disk_.fault();
    servers_ = std::make_unique<EnsembleProcesses>(EnsembleSettings{.data = {{small, disk_.data()}}});
    servers_->start_all();
    ASSERT_FALSE(HasFatalFailure());
  }
  // Leads, or does not.
  void make_leader(bool small_one) {
    while (!HasFailure() && (servers_->wait_for_leader() == small) != small_one) {
      const int leader = servers_->wait_for_leader();
      ASSERT_EQ(servers_->stop(leader), 0);
      servers_->wait_for_leader(servers_->all_but(leader));
      servers_->start(leader);
    }
  }
  // Acknowledged, all of them, though at the end the disk of one server is full.
  void write_until_full() {
    EnsembleClient client(servers_->hosts({2, 3}));
    ASSERT_TRUE(client.wait_connected());
    ASSERT_EQ(client.create("/large"), ZOK);
    const std::string data(1000 << 10, 'y');
    for (int i = 0; i < writes; ++i)
      ASSERT_TRUE(wait_until([&] { return client.set("/large", data) == ZOK; })) << "the ensemble stands still";
    EXPECT_TRUE(wait_until([&] { return servers_->lines_with(small, "is full") > 0; }));
    EXPECT_TRUE(wait_until([&] { return servers_->mode(small).empty(); })) << "it shows clients an old state";
  }
  void recover(Load& load) {
    ASSERT_TRUE(load.wait_for_more(20));
    disk_.free();
    ASSERT_NE(servers_->wait_for_leader(), 0);
    ASSERT_TRUE(load.wait_for_more(20));
    load.stop();
    for (const int id : servers_->all()) load.check(servers_->host(id));
    EXPECT_GE(servers_->lines_with(small, "has space again"), 1);
    for (const int id : servers_->all()) EXPECT_EQ(servers_->stop(id), 0);
  }

  SmallDisk disk_;
  std::unique_ptr<EnsembleProcesses> servers_;
};

TEST_F(EnsembleDisk, AFollowersFullDiskHoldsNobodyUp) {
  make_leader(false);
  ASSERT_FALSE(HasFailure());
  Load load({servers_->hosts({2, 3}), servers_->hosts({3, 2})});
  disk_.fill();
  write_until_full();
  recover(load);
}

TEST_F(EnsembleDisk, ALeaderWhoseDiskIsFullLetsAnotherOneLead) {
  make_leader(true);
  ASSERT_FALSE(HasFailure());
  Load load({servers_->hosts({2, 3}), servers_->hosts({1, 3})});
  disk_.fill();
  write_until_full();
  EXPECT_NE(servers_->wait_for_leader({2, 3}), 0);
  recover(load);
}

TEST_F(EnsembleDisk, AServerKilledOnAFullDiskComesBackWhenThereIsSpace) {
  make_leader(false);
  ASSERT_FALSE(HasFailure());
  Load load({servers_->hosts({2, 3}), servers_->hosts({3, 2})});
  disk_.fill();
  write_until_full();
  servers_->kill(small);
  ASSERT_TRUE(load.wait_for_more(20));
  disk_.free();
  servers_->start(small);
  ASSERT_NE(servers_->wait_for_leader(), 0);
  load.stop();
  for (const int id : servers_->all()) load.check(servers_->host(id));
}

}  // namespace
}  // namespace holdfast::test
