// What tests of clients against a real node share: a node of their own (its files in memory, its ports the system's),
// and a thread with a shard on which the client under test lives.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "broker/embedded_node.h"
#include "client/admin.h"
#include "client/client_thread.h"
#include "client/cluster.h"
#include "wire/kafka/topics.h"

namespace holdfast::test {

using client::ClientThread;

// One node and one client's thread for each test.
class NodeTest : public testing::Test {
 protected:
  explicit NodeTest(std::map<std::string, std::string> settings = {}) {
    EmbeddedOptions options;
    options.settings = std::move(settings);
    auto started = EmbeddedNode::start(std::move(options));
    if (!started) throw std::runtime_error(started.error().message);
    node_ = std::move(*started);
  }
  ~NodeTest() override {
    if (!cluster_) return;
    run(cluster_->stop());
    thread_.call([this] { cluster_.reset(); });
  }

  EmbeddedNode& node() { return *node_; }
  Shard& shard() { return thread_.shard(); }
  template <class T>
  T run(Task<T> task) {
    return thread_.run(std::move(task));
  }
  template <class F>
  auto call(F work) -> std::invoke_result_t<F> {
    return thread_.call(std::move(work));
  }

  client::ClusterOptions cluster_options() {
    client::ClusterOptions options;
    options.bootstrap_servers = {node_->kafka_endpoint()};
    return options;
  }
  // A client's view of the node, for everything that one test does.
  client::Cluster& cluster() {
    if (!cluster_) cluster_ = std::make_unique<client::Cluster>(shard(), system_network(), cluster_options());
    return *cluster_;
  }

  // Until its leaders are known to cluster().
  void create_topic(const std::string& name, std::int32_t partitions = 1,
                    const std::map<std::string, std::string>& configs = {}) {
    client::NewTopic topic;
    topic.name = name;
    topic.partitions = partitions;
    topic.replication_factor = 1;
    topic.configs = configs;
    // A node may serve a moment before it is the controller: that is waited for.
    client::Admin admin(cluster());
    auto created = run(admin.create_topics({topic}));
    ASSERT_TRUE(created.at(name)) << client::to_string(created.at(name).error());
    for (std::int32_t p = 0; p < partitions; ++p) {
      auto leader = run(leader_of(name, p));
      ASSERT_TRUE(leader) << client::to_string(leader.error());
    }
  }

 private:
  Task<client::Outcome<client::PartitionLeader>> leader_of(std::string topic, std::int32_t partition) {
    constexpr int attempts = 100;
    const client::TopicPartition wanted{topic, partition};
    for (int attempt = 0;; ++attempt) {
      auto leader = co_await cluster().leader(wanted);
      if (leader || attempt == attempts) co_return leader;
      co_await cluster().back_off(0);
    }
  }

  std::unique_ptr<EmbeddedNode> node_;
  ClientThread thread_;
  std::unique_ptr<client::Cluster> cluster_;
};

}  // namespace holdfast::test
