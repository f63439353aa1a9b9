// BrokerCluster: three brokers that are one Kafka cluster, with the topic `journal`, of which two replicas must be in
// sync. Tests do to it what happens to clusters, under a ProduceLoad.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "tests/cluster/ensemble_processes.h"
#include "tests/cluster/produce_load.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {

class BrokerCluster : public testing::Test {
 protected:
  static constexpr int partitions = 6;

  static EnsembleSettings with(EnsembleSettings settings, const std::vector<std::string>& more = {}) {
    settings.brokers = true;
    settings.lines = {"default.replication.factor=3", "offsets.topic.num.partitions=5", "replica.lag.time.max.ms=5000",
                      "log.segment.delete.delay.ms=0"};
    settings.lines.insert(settings.lines.end(), more.begin(), more.end());
    return settings;
  }
  explicit BrokerCluster(EnsembleSettings settings = with({})) : servers_(std::move(settings)) {}

  void SetUp() override {
    servers_.start_all();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_TRUE(wait_until([this] { return brokers() == servers_.all().size(); }));
    ASSERT_EQ(create_topic(servers_.kafka(), "journal", partitions, {{"min.insync.replicas", "2"}}, 3), "");
  }
  // That are registered, as any one of those that run tells.
  std::size_t brokers() {
    for (const int id : servers_.all())
      if (servers_.running(id)) return broker_ids(servers_.kafka({id})).size();
    return 0;
  }
  // Every partition has all its replicas in sync again, and every broker knows it.
  bool healthy() {
    const auto all_know = [this] {
      for (const int id : servers_.all())
        if (under_replicated(servers_.kafka({id}), "journal") != 0) return false;
      return true;
    };
    return wait_until(all_know, std::chrono::seconds(60));
  }
  void finish(ProduceLoad& load, std::chrono::seconds pause_max = std::chrono::seconds(30)) {
    load.stop();
    load.check(servers_.kafka());
    std::cout << "acknowledged: " << load.acknowledged() << ", longest pause: " << load.longest_pause().count()
              << " ms\n";
    EXPECT_LT(load.longest_pause(), pause_max);
  }

  EnsembleProcesses servers_;
};

}  // namespace holdfast::test
