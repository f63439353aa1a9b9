// An ensemble of real servers of which one has a disk that fills up.
#include <gtest/gtest.h>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/loop_disk.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

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

  LoopDisk disk_;
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
