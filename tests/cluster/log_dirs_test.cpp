// Three brokers with two log directories each: one of them fails, is emptied, or replicas move between them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/loop_disk.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

class LogDirs : public testing::Test {
 protected:
  static constexpr int partitions = 12;

  void begin(std::map<int, std::string> first, std::map<int, std::string> second) {
    for (int id = 1; id <= 3; ++id) second.try_emplace(id, directory_.path() + "/second-" + std::to_string(id));
    for (const auto& [_, path] : second) std::filesystem::create_directories(path);
    second_ = second;
    servers_ = std::make_unique<EnsembleProcesses>(EnsembleSettings{
        .brokers = true,
        .lines = {"default.replication.factor=3", "log.segment.delete.delay.ms=0", "replica.lag.time.max.ms=5000"},
        .data = std::move(first),
        .second_log_dir = std::move(second)});
    servers_->start_all();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_TRUE(wait_until([this] { return broker_ids(servers_->kafka()).size() == 3; }));
  }
  void produce(int count, const std::string& topic = "t") {
    Producer producer(servers_->kafka(), {{"acks", "all"}, {"enable.idempotence", "true"}, {"retry.backoff.ms", "50"}});
    for (int i = 0; i < count; ++i, ++sent_) producer.send(topic, sent_ % partitions, std::to_string(sent_));
    EXPECT_EQ(producer.flush(), count) << "not all were acknowledged";
  }
  void expect_all(const std::string& topic = "t") {
    for (int p = 0; p < partitions; ++p) {
      std::vector<std::string> expected;
      for (int i = p; i < sent_; i += partitions) expected.push_back(std::to_string(i));
      EXPECT_EQ(values(consume(servers_->kafka(), topic, p, 0, expected.size())), expected) << "partition " << p;
    }
  }
  // The partitions of the topic whose logs are in that directory.
  static std::vector<int> logs_in(const std::string& path, const std::string& topic = "t") {
    std::vector<int> out;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      const bool plain = name.starts_with(topic + "-") && name.find('.') == name.npos;
      if (plain) out.push_back(std::stoi(name.substr(topic.size() + 1)));
    }
    std::ranges::sort(out);
    return out;
  }
  // What the znodes say.
  std::string state(int partition, const std::string& topic = "t", int asked = 2) {
    EnsembleClient client(servers_->host(asked));
    if (!client.wait_connected()) return {};
    client.sync();
    return client.get("/brokers/topics/" + topic + "/partitions/" + std::to_string(partition) + "/state").value_or("");
  }
  bool healthy() {
    return wait_until(
        [this] {
          for (const int id : servers_->all())
            if (under_replicated(servers_->kafka({id}), "t") != 0) return false;
          return true;
        },
        seconds(60));
  }

  TemporaryDirectory directory_;
  std::map<int, std::string> second_;
  int sent_ = 0;
  std::unique_ptr<EnsembleProcesses> servers_;
};

TEST_F(LogDirs, OneThatFailsTakesOnlyItsOwnPartitionsAlong) {
  LoopDisk disk;
  if (!disk.fault().empty()) GTEST_SKIP() << "a disk that can fail cannot be mounted here: " << disk.fault();
  ASSERT_NO_FATAL_FAILURE(begin({}, {{1, disk.data()}}));
  ASSERT_EQ(create_topic(servers_->kafka(), "t", partitions, {{"min.insync.replicas", "2"}}, 3), "");
  produce(1200);
  ASSERT_TRUE(healthy());
  const std::vector<int> lost = logs_in(disk.data());
  ASSERT_FALSE(lost.empty());
  ASSERT_LT(lost.size(), static_cast<std::size_t>(partitions));
  disk.fail();
  produce(1200);
  EXPECT_TRUE(servers_->running(1));
  EXPECT_GE(servers_->lines_with(1, "is out of service"), 1);
  // Those that were there are led by others, and broker 1 is in the ISR of all the rest.
  EXPECT_TRUE(wait_until([&] { return under_replicated(servers_->kafka({2}), "t") == static_cast<int>(lost.size()); },
                         seconds(30)));
  for (int p = 0; p < partitions; ++p) {
    const bool is_lost = std::ranges::find(lost, p) != lost.end();
    const std::string is = state(p);
    EXPECT_EQ(is.find("\"leader\":1,") != is.npos && is_lost, false) << p << ": " << is;
    const std::string isr = is.substr(is.find("\"isr\":["));
    EXPECT_EQ(isr.find('1') == isr.npos, is_lost) << p << ": " << is;
  }
  produce(600);
  expect_all();
  // With a healthy disk it has them again.
  EXPECT_EQ(servers_->stop(1), 0);
  disk.mend();
  ASSERT_EQ(disk.fault(), "");
  servers_->start(1);
  EXPECT_TRUE(healthy());
  produce(600);
  expect_all();
}

TEST_F(LogDirs, WithoutTheCoordinationLogTheNodeEnds) {
  LoopDisk disk;
  if (!disk.fault().empty()) GTEST_SKIP() << "a disk that can fail cannot be mounted here: " << disk.fault();
  ASSERT_NO_FATAL_FAILURE(begin({{1, disk.data()}}, {}));
  ASSERT_EQ(create_topic(servers_->kafka(), "t", partitions, {{"min.insync.replicas", "2"}}, 3), "");
  produce(600);
  disk.fail();
  produce(600);
  EXPECT_EQ(servers_->wait_for_exit(1), 1);
  EXPECT_EQ(servers_->lines_with(1, "has the coordination log"), 1);
  EXPECT_TRUE(wait_until([this] { return broker_ids(servers_->kafka({2})).size() == 2; }));
  expect_all();
}

TEST_F(LogDirs, WhoeverWasTheLastInSyncDoesNotLeadWithAnEmptyDisk) {
  ASSERT_NO_FATAL_FAILURE(begin({}, {}));
  ASSERT_EQ(create_topic(servers_->kafka(), "t", partitions, {{"min.insync.replicas", "1"}}, 3), "");
  produce(600);
  ASSERT_TRUE(healthy());
  servers_->kill(2);
  ASSERT_TRUE(wait_until([this] { return broker_ids(servers_->kafka({1})).size() == 2; }));
  const std::vector<int> emptied = logs_in(second_[1]);
  ASSERT_FALSE(emptied.empty());
  // Only broker 1 is in sync, but it cannot tell the quorum of what it leads alone: broker 3 goes with it.
  Producer producer(servers_->kafka({1, 3}), {{"acks", "all"}});
  for (int p = 0; p < partitions; ++p) producer.send("t", p, "newer");
  ASSERT_EQ(producer.flush(), partitions);
  servers_->kill(3);
  servers_->kill(1);
  std::filesystem::remove_all(second_[1]);
  servers_->start(1);
  servers_->start(2);
  // What broker 3 alone has now waits for it; what broker 1 still has is served.
  ASSERT_TRUE(wait_until([this] { return servers_->lines_with(1, "are gone with a log directory") == 1; }));
  for (const int p : emptied)
    EXPECT_TRUE(wait_until([&] {
      const std::string is = state(p);
      return (is.find("\"isr\":[3]") != is.npos || is.find("lr\":[3]") != is.npos) &&
             is.find("\"leader\":-1,") != is.npos;
    })) << p
        << ": " << state(p);
  servers_->start(3);
  ASSERT_TRUE(healthy());
  for (int p = 0; p < partitions; ++p)
    EXPECT_EQ(consume(servers_->kafka(), "t", p, 600 / partitions, 1).at(0).value, "newer") << p;
}

// ---- AlterReplicaLogDirs ----

class Bytes {
 public:
  Bytes& i16(int n) { return put(n, 2); }
  Bytes& i32(int n) { return put(n, 4); }
  Bytes& text(const std::string& s) {
    i16(static_cast<int>(s.size()));
    bytes_ += s;
    return *this;
  }
  const std::string& get() const { return bytes_; }

 private:
  Bytes& put(int n, int size) {
    for (int i = size; i-- > 0;) bytes_ += static_cast<char>(n >> (8 * i));
    return *this;
  }
  std::string bytes_;
};

std::vector<int> all_of(int partitions) {
  std::vector<int> out(static_cast<std::size_t>(partitions));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// The errors of the partitions' moves; nothing: there was no answer.
std::vector<int> alter_log_dirs(const std::string& broker, const std::string& topic, const std::vector<int>& partitions,
                                const std::string& dir) {
  Bytes body;
  body.i16(34).i16(1).i32(7).text("test").i32(1).text(dir).i32(1).text(topic);
  body.i32(static_cast<int>(partitions.size()));
  for (const int p : partitions) body.i32(p);
  Bytes frame;
  frame.i32(static_cast<int>(body.get().size()));
  const auto port = static_cast<std::uint16_t>(std::stoi(broker.substr(broker.rfind(':') + 1)));
  const std::string reply = exchange(port, frame.get() + body.get(), 2);
  // Size, correlation id, throttle time, one topic: its name and its partitions, each a number and an error.
  const std::size_t first = 4 + 4 + 4 + 4 + 2 + topic.size() + 4;
  std::vector<int> out;
  for (std::size_t at = first + 4; at + 1 < reply.size(); at += 6)
    out.push_back(static_cast<unsigned char>(reply[at]) << 8 | static_cast<unsigned char>(reply[at + 1]));
  return out;
}

TEST_F(LogDirs, AReplicaMovesWhileItIsWrittenTo) {
  ASSERT_NO_FATAL_FAILURE(begin({}, {}));
  ASSERT_EQ(create_topic(servers_->kafka(), "t", partitions, {{"segment.bytes", "1048576"}}, 3), "");
  produce(6000);
  EXPECT_EQ(alter_log_dirs(servers_->kafka({1}), "t", {0}, "/nowhere"), std::vector<int>{57});
  EXPECT_EQ(alter_log_dirs(servers_->kafka({1}), "t", {0, 99}, second_[1]), (std::vector<int>{0, 3}));
  for (const int id : servers_->all()) {
    EXPECT_EQ(alter_log_dirs(servers_->kafka({id}), "t", all_of(partitions), second_[id]), std::vector<int>(partitions))
        << id;
    produce(120);
  }
  for (const int id : servers_->all())
    EXPECT_TRUE(wait_until([&] {
      produce(12);
      return logs_in(second_[id]).size() == partitions && logs_in(servers_->data(id)).empty();
    })) << id;
  for (const int id : servers_->all()) {
    servers_->kill(id);
    produce(600);
    servers_->start(id);
    ASSERT_TRUE(healthy());
  }
  expect_all();
  for (const int id : servers_->all()) EXPECT_EQ(logs_in(second_[id]).size(), static_cast<std::size_t>(partitions));
}

TEST_F(LogDirs, ALogIsMadeWhereItWasAskedFor) {
  ASSERT_NO_FATAL_FAILURE(begin({}, {}));
  EXPECT_EQ(alter_log_dirs(servers_->kafka({1}), "t", all_of(partitions), second_[1]), std::vector<int>(partitions, 3));
  ASSERT_EQ(create_topic(servers_->kafka(), "t", partitions, {}, 3), "");
  // Another broker may have answered.
  EXPECT_TRUE(wait_until([&] { return logs_in(second_[1]).size() == static_cast<std::size_t>(partitions); }));
}

}  // namespace
}  // namespace holdfast::test
