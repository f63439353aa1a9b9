// kill -9 under load: what was acknowledged is there, at its offset, once, in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/cluster/rdkafka_client.h"
#include "tests/cluster/server_process.h"

namespace holdfast::test {
namespace {

TEST(Durability, AcknowledgedRecordsSurviveKillAtAnyMoment) {
  ServerProcess server({"log.segment.bytes=1048576"});
  server.start();
  ASSERT_EQ(create_topic(server.kafka(), "journal", 3, {{"segment.bytes", "1048576"}}), "");
  std::map<std::pair<int, std::int64_t>, std::string> acknowledged;
  int sent = 0;
  for (int life = 0; life < 5; ++life) {
    {
      Producer producer(server.kafka(), {{"acks", "all"}, {"enable.idempotence", "true"}, {"linger.ms", "1"}});
      // Killed while requests are in flight, after another number of acknowledgements in each life.
      const std::size_t until = 300 + 400 * static_cast<std::size_t>(life);
      while (producer.acknowledged().size() < until) {
        for (int i = 0; i < 50; ++i, ++sent)
          producer.send("journal", sent % 3,
                        std::to_string(sent % 3) + ":" + std::to_string(sent) + std::string(200, 'x'));
        producer.poll(1);
      }
      server.kill();
      producer.poll(0);
      for (const auto& [offset, value] : producer.acknowledged()) acknowledged[{value[0] - '0', offset}] = value;
    }
    server.start();
  }
  for (int partition = 0; partition < 3; ++partition) {
    const auto [low, high] = watermarks(server.kafka(), "journal", partition);
    EXPECT_EQ(low, 0);
    std::map<std::int64_t, std::string> found;
    for (const Message& m : consume(server.kafka(), "journal", partition, 0, static_cast<std::size_t>(high)))
      found[m.offset] = m.value;
    ASSERT_EQ(found.size(), static_cast<std::size_t>(high)) << "offsets have gaps";
    std::set<std::string> once;
    for (const auto& [_, value] : found)
      EXPECT_TRUE(once.insert(value).second) << value.substr(0, 20) << " is there twice";
    for (const auto& [where, value] : acknowledged)
      if (where.first == partition)
        EXPECT_EQ(found[where.second], value) << "partition " << partition << " offset " << where.second;
  }
}

TEST(Durability, ACleanStopLeavesKafkasFilesAndNothingElse) {
  ServerProcess server;
  server.start();
  Producer producer(server.kafka(), {});
  for (int i = 0; i < 100; ++i) producer.send("files", 0, std::to_string(i));
  ASSERT_EQ(producer.flush(), 100);
  EXPECT_EQ(server.stop(), 0);
  const auto listed = run_command({"ls", "-A", server.data()});
  EXPECT_THAT(listed.output, testing::HasSubstr(".kafka_cleanshutdown"));
  EXPECT_THAT(listed.output, testing::Not(testing::HasSubstr("journal")));
  server.start();
  EXPECT_EQ(consume(server.kafka(), "files", 0, 0, 100).size(), 100u);
}

TEST(Durability, TheDirectoryBelongsToOneProcess) {
  ServerProcess server;
  server.start();
  const auto second =
      run_command({HOLDFAST_BINARY, "server", "--data", server.data(), "--set", "listeners=PLAINTEXT://127.0.0.1:0",
                   "--set", "clientPort=0", "--set", "admin.serverPort=0"});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.errors, testing::HasSubstr("is in use by another process"));
}

}  // namespace
}  // namespace holdfast::test
