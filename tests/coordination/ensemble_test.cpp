// The front door that the broker uses: sessions of its own, conditional multis, subscriptions; and what a restart
// keeps.
#include "coordination/ensemble.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>

#include "runtime/simulated_disk.h"
#include "tests/coordination/zk_client.h"
#include "tests/coordination/zk_world.h"

namespace holdfast::zk {
namespace {

using MultiResult = Ensemble::MultiResult;
using Ops = std::vector<Ensemble::Op>;

class EnsembleTest : public ZkWorld {
 protected:
  SessionId open_session() {
    const auto opened =
        wait_for<Result<SessionId>>([this] { return ensemble().open_session(std::chrono::seconds(1)); });
    EXPECT_TRUE(opened);
    return opened.value_or(SessionId(0));
  }
  MultiResult submit(SessionId session, Ops ops) {
    auto done =
        wait_for<Result<MultiResult>>([this, session, &ops] { return ensemble().submit(session, std::move(ops)); });
    EXPECT_TRUE(done);
    return std::move(*done);
  }
  bool has(std::string_view path) {
    return on_shard([this, path] { return ensemble().tree().find(path) != nullptr; });
  }
  std::uint64_t digest() {
    return on_shard([this] { return ensemble().machine().digest(); });
  }
};

TEST_F(EnsembleTest, AMultiIsAppliedWhenItsAnswerComes) {
  start();
  const SessionId session = open_session();
  const MultiResult made =
      submit(session, {Ensemble::Create{"/a", "1"}, Ensemble::Create{"/a/b", "2"}, Ensemble::Set{"/a", "3", 0}});
  EXPECT_EQ(made.error, ZkError::ok);
  ASSERT_EQ(made.ops.size(), 3u);
  EXPECT_EQ(made.ops[1].path, "/a/b");
  EXPECT_EQ(made.ops[2].stat.version, 1);
  EXPECT_EQ(made.zxid, on_shard([this] { return ensemble().last_applied(); }));
  EXPECT_EQ(ZkClient(port()).get("/a"), "3");
}

TEST_F(EnsembleTest, TheFirstFailureSaysWhyAndNothingChanges) {
  start();
  const SessionId session = open_session();
  const MultiResult failed =
      submit(session, {Ensemble::Create{"/x", ""}, Ensemble::Check{"/missing"}, Ensemble::Create{"/y", ""}});
  EXPECT_EQ(failed.error, ZkError::no_node);
  ASSERT_EQ(failed.ops.size(), 3u);
  EXPECT_EQ(failed.ops[1].error, ZkError::no_node);
  EXPECT_FALSE(has("/x"));
  EXPECT_FALSE(has("/y"));
}

TEST_F(EnsembleTest, ANodeMadeAnewIsToldFromTheOldOne) {
  start();
  const SessionId session = open_session();
  const MultiResult first = submit(session, {Ensemble::Create{"/epoch", ""}});
  const Zxid czxid(first.ops.at(0).stat.czxid);
  EXPECT_EQ(submit(session, {Ensemble::CheckCzxid{"/epoch", czxid}}).error, ZkError::ok);
  submit(session, {Ensemble::Delete{"/epoch"}});
  submit(session, {Ensemble::Create{"/epoch", ""}});
  // Its version is the same; its birth is not.
  EXPECT_EQ(submit(session, {Ensemble::Check{"/epoch", 0}}).error, ZkError::ok);
  EXPECT_NE(submit(session, {Ensemble::CheckCzxid{"/epoch", czxid}, Ensemble::Create{"/late", ""}}).error, ZkError::ok);
  EXPECT_FALSE(has("/late"));
}

TEST_F(EnsembleTest, SubscribersHearEveryTransactionInOrderBeforeItsAnswer) {
  start();
  const SessionId session = open_session();
  std::vector<std::int64_t> heard;
  on_shard([&] {
    ensemble().subscribe([&heard](const Txn&, const Effects& effects) { heard.push_back(effects.zxid.value); });
    return true;
  });
  for (int i = 0; i < 5; ++i) {
    const MultiResult done = submit(session, {Ensemble::Create{"/n", "", false, sequential}});
    EXPECT_EQ(on_shard([&] { return heard.back(); }), done.zxid.value);
  }
  EXPECT_EQ(heard.size(), 5u);
  EXPECT_TRUE(std::ranges::is_sorted(heard));
}

TEST_F(EnsembleTest, ManyMultisOfOneBurstAllCommit) {
  start();
  const SessionId session = open_session();
  std::atomic<int> committed = 0;
  std::promise<void> all;
  auto one = [](Ensemble& e, SessionId s, std::string path, std::atomic<int>& count,
                std::promise<void>& done) -> Task<void> {
    Ops ops{Ensemble::Create{path, ""}};
    auto result = co_await e.submit(s, std::move(ops));
    if (result && result->error == ZkError::ok && ++count == 500) done.set_value();
  };
  Gate gate;
  on_shard([&] {
    for (int i = 0; i < 500; ++i)
      ensemble().shard().spawn(gate, one(ensemble(), session, fmt::format("/burst{}", i), committed, all));
    return true;
  });
  ASSERT_EQ(all.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(has("/burst499"));
}

TEST_F(EnsembleTest, ASessionOfTheBrokerLivesAsLongAsTheRoom) {
  start();
  const SessionId own = open_session();  // a second, clamped to nothing: the room itself keeps it
  submit(own, {Ensemble::Create{"/broker", "", false, ephemeral}});
  // Another session with the same timeout, silent, goes; by then the broker's would have gone too.
  ZkHandshake handshake;
  handshake.timeout_ms = 1000;
  ZkClient silent(port(), handshake);
  EXPECT_TRUE(silent.socket().ended());
  EXPECT_TRUE(has("/broker"));
}

TEST_F(EnsembleTest, WhatTheBrokerMayWriteClientsMayNot) {
  options.protected_prefixes = {"/brokers"};
  start();
  const SessionId session = open_session();
  EXPECT_EQ(submit(session, {Ensemble::Create{"/brokers", ""}, Ensemble::Create{"/brokers/ids", ""}}).error,
            ZkError::ok);
  ZkClient client(port());
  EXPECT_EQ(client.create("/brokers/mine").error, ZkError::no_auth);
  EXPECT_TRUE(client.exists("/brokers/ids"));
}

TEST_F(EnsembleTest, SnapshotsAreTakenWhileRequestsGoOnAndOldOnesGo) {
  options.snapshot_count = 50;
  start();
  ZkClient client(port());
  client.create("/s");
  for (int i = 0; i < 600; ++i) client.create(fmt::format("/s/{}", i), std::string(100, 'x'));
  client.close_session();
  const std::uint64_t before = digest();
  restart();
  EXPECT_EQ(digest(), before);
  std::size_t snapshots = 0;
  for (const auto& entry : std::filesystem::directory_iterator(options.data_dir))
    if (entry.path().filename().string().starts_with("snapshot.") && entry.path().extension() != ".tmp") ++snapshots;
  EXPECT_GE(snapshots, 1u);
  EXPECT_LE(snapshots, 3u);
  EXPECT_TRUE(has("/s/599"));
}

std::vector<std::filesystem::path> snapshots_in(const std::string& directory) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().filename().string().starts_with("snapshot.")) out.push_back(entry.path());
  std::ranges::sort(out, [](const auto& a, const auto& b) {
    return a.filename().string().size() != b.filename().string().size()
               ? a.filename().string().size() < b.filename().string().size()
               : a < b;
  });
  return out;
}

TEST_F(EnsembleTest, ABrokenSnapshotIsPassedOverForTheOneBefore) {
  options.snapshot_count = 20;
  start();
  {
    ZkClient client(port());
    for (int i = 0; i < 200; ++i) client.create(fmt::format("/n{}", i), "data");
  }
  const std::uint64_t before = digest();
  stop();
  auto snapshots = snapshots_in(options.data_dir);
  ASSERT_GE(snapshots.size(), 2u);
  // One byte of the newest, in its middle.
  const auto newest = snapshots.back();
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(newest) / 2);
  std::fstream file(newest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(middle);
  const char byte = static_cast<char>(file.get());
  file.seekp(middle);
  file.put(static_cast<char>(byte ^ 0x55));
  file.close();
  start();
  EXPECT_EQ(digest(), before);
  EXPECT_TRUE(has("/n199"));
}

TEST_F(EnsembleTest, AMissingSnapshotThatTheLogNoLongerCoversIsRefused) {
  options.snapshot_count = 20;
  start();
  {
    ZkClient client(port());
    for (int i = 0; i < 300; ++i) client.create(fmt::format("/n{}", i), "data");
  }
  ASSERT_GT(on_shard([this] { return ensemble().driver().log_start().value; }), 0);
  stop();
  for (const auto& snapshot : snapshots_in(options.data_dir)) std::filesystem::remove(snapshot);
  const auto up = try_start();
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("the coordination log begins at"), std::string::npos) << up.error().message;
}

TEST_F(EnsembleTest, OnAFullDiskWritesWaitAndReadsGoOn) {
  const auto full = std::make_shared<SimulatedDisk>();
  disk = full;
  start();
  const SessionId session = open_session();
  submit(session, {Ensemble::Create{"/a", "1"}});
  for (const bool freed : {true, false}) {
    full->fail_every(DiskCall::write, ENOSPC);
    const std::string path = freed ? "/b" : "/c";
    std::promise<ZkError> answered;
    on_shard([&] {
      Caller caller;
      caller.privileged = true;
      CreateOp op;
      op.path = path;
      const std::vector<Acl> open{{31, {"world", "anyone"}}};
      op.acl = open;
      ensemble().driver().propose(op, caller,
                                  [&answered](const Effects& effects) { answered.set_value(effects.result.error); });
      return true;
    });
    auto answer = answered.get_future();
    EXPECT_TRUE(has("/a"));
    EXPECT_FALSE(has(path));
    if (freed) {
      full->fail_every(DiskCall::write, 0);
      EXPECT_EQ(answer.get(), ZkError::ok);
      EXPECT_TRUE(has(path));
    } else {
      stop();  // waits no longer, and says that nobody knows
      EXPECT_EQ(answer.get(), ZkError::connection_loss);
      full->fail_every(DiskCall::write, 0);
    }
  }
  start();
  EXPECT_TRUE(has("/b"));
}

TEST_F(EnsembleTest, ALogThatCannotBeWrittenEndsEverySessionAndEveryWait) {
  const auto broken = std::make_shared<SimulatedDisk>();
  disk = broken;
  start();
  const SessionId session = open_session();
  ZkClient client(port());
  EXPECT_EQ(submit(session, {Ensemble::Create{"/before", ""}}).error, ZkError::ok);
  broken->fail_every(DiskCall::sync, EIO);
  const auto lost =
      wait_for<Result<MultiResult>>([&] { return ensemble().submit(session, Ops{Ensemble::Create{"/never", ""}}); });
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::io);
  EXPECT_FALSE(has("/never"));
  EXPECT_TRUE(client.socket().ended());
  EXPECT_TRUE(ZkClient(port()).socket().ended());  // nobody is served any more
  const auto again = wait_for<Result<SessionId>>([this] { return ensemble().open_session(std::chrono::seconds(1)); });
  EXPECT_FALSE(again);
  stop();  // ends, although writes were waiting
}

TEST_F(EnsembleTest, ARestartReplaysToTheSameState) {
  start();
  ZkHandshake handshake;
  handshake.timeout_ms = 15'000;
  ZkClient client(port(), handshake);
  client.create("/kept", "1");
  client.create("/mine", "2", ephemeral);
  client.set("/kept", "3");
  const std::uint64_t before = digest();
  restart();
  EXPECT_EQ(digest(), before);
  handshake.session = client.session();
  handshake.password = client.password();
  ZkClient again(port(), handshake);
  EXPECT_EQ(again.session(), client.session());
  EXPECT_EQ(again.timeout_ms(), 15'000);
  EXPECT_TRUE(again.exists("/mine"));
}

}  // namespace
}  // namespace holdfast::zk
