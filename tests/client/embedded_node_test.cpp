// Nodes inside of this process.
#include "broker/embedded_node.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "runtime/disk.h"
#include "tests/client/test_node.h"
#include "wire/kafka/errors.h"
#include "wire/kafka/topics.h"

namespace holdfast::test {
namespace {

// What a cluster says of itself.
class View {
 public:
  explicit View(const std::string& bootstrap_servers) {
    client::ClusterOptions options;
    options.bootstrap_servers = client::parse_bootstrap_servers(bootstrap_servers).value();
    cluster_ = std::make_unique<client::Cluster>(thread_.shard(), system_network(), options);
  }
  ~View() {
    thread_.run(cluster_->stop());
    thread_.call([this] { cluster_.reset(); });
  }
  const client::MetadataCache& refresh() {
    auto done = thread_.run(cluster_->refresh_all());
    EXPECT_TRUE(done) << client::to_string(done.error());
    return cluster_->metadata();
  }
  std::int16_t create(const std::string& name, std::int32_t partitions, std::int16_t replicas) {
    refresh();
    wire::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    request.timeout_ms = 30'000;
    constexpr int attempts = 100;
    std::int16_t code = 0;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      auto created = thread_.run(cluster_->ask_controller<wire::CreateTopicsResponse>(request));
      code = created ? created->message.topics.at(0).error_code : wire::to_wire(created.error().code);
      // A controller that has just gone, or not come yet.
      if (!wire::error_is_retriable(static_cast<wire::ErrorCode>(code))) break;
      thread_.run(cluster_->back_off(0));
      refresh();
    }
    return code;
  }

 private:
  ClientThread thread_;
  std::unique_ptr<client::Cluster> cluster_;
};

TEST(EmbeddedNode, ServesWhenItHasStarted) {
  auto node = EmbeddedNode::start();
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_NE((*node)->kafka_endpoint().port, 0);
  EXPECT_NE((*node)->zookeeper_endpoint().port, 0);
  EXPECT_NE((*node)->kafka_endpoint().port, (*node)->zookeeper_endpoint().port);
  View view((*node)->bootstrap_servers());
  EXPECT_EQ(view.refresh().brokers().size(), 1u);
  EXPECT_EQ(view.create("t", 3, 1), 0);
}

TEST(EmbeddedNode, KeepsPortsAndDataOverARestart) {
  auto node = EmbeddedNode::start();
  ASSERT_TRUE(node) << node.error().message;
  const std::string before = (*node)->bootstrap_servers();
  {
    View view(before);
    ASSERT_EQ(view.create("t", 3, 1), 0);
  }
  auto restarted = (*node)->restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  EXPECT_EQ((*node)->bootstrap_servers(), before);
  View view(before);
  const client::KnownTopic* topic = view.refresh().topic("t");
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->partitions.size(), 3u);
}

TEST(EmbeddedNode, TwoOfThemAreStrangers) {
  auto one = EmbeddedNode::start(), other = EmbeddedNode::start();
  ASSERT_TRUE(one);
  ASSERT_TRUE(other);
  View of_one((*one)->bootstrap_servers()), of_other((*other)->bootstrap_servers());
  ASSERT_EQ(of_one.create("t", 1, 1), 0);
  EXPECT_NE(of_one.refresh().cluster_id(), of_other.refresh().cluster_id());
  EXPECT_TRUE(of_one.refresh().topic("t"));
  EXPECT_FALSE(of_other.refresh().topic("t"));
}

TEST(EmbeddedNode, SaysWhyItCannotStart) {
  auto node = EmbeddedNode::start();
  ASSERT_TRUE(node);
  EmbeddedOptions options;
  options.settings["listeners"] = "PLAINTEXT://" + (*node)->bootstrap_servers();
  auto second = EmbeddedNode::start(options);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find((*node)->bootstrap_servers()), std::string::npos) << second.error().message;

  options.settings = {{"num.partitons", "3"}};
  auto third = EmbeddedNode::start(options);
  ASSERT_FALSE(third);
  EXPECT_NE(third.error().message.find("num.partitions"), std::string::npos) << third.error().message;
}

// After a clean stop logs take their files at their word: the coordination log is held against its checksums all the
// same.
TEST(EmbeddedNode, WhatTheDiskHasChangedIsNotBelieved) {
  std::string path = (std::filesystem::temp_directory_path() / "holdfast-changed-XXXXXX").string();
  ASSERT_TRUE(::mkdtemp(path.data()));
  EmbeddedOptions options;
  options.storage = EmbeddedOptions::Storage::directory;
  options.path = path;
  {
    auto node = EmbeddedNode::start(options);
    ASSERT_TRUE(node) << node.error().message;
    View view((*node)->bootstrap_servers());
    ASSERT_EQ(view.create("changed", 1, 1), 0);
    // The end of a log is looked at.
    ASSERT_EQ(view.create("more", 200, 1), 0);
    ASSERT_EQ(view.create("still-more", 200, 1), 0);
  }
  const std::string segment = path + "/__coordination-0/00000000000000000000.log";
  const auto bytes = system_disk().read_file(segment, 100 << 20);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const std::size_t at = as_text(*bytes).find("changed");
  ASSERT_NE(at, std::string_view::npos);
  std::fstream(segment, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(at))
      .put('C');
  auto again = EmbeddedNode::start(options);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("does not match its checksum"), std::string::npos) << again.error().message;
  EXPECT_NE(again.error().message.find("restore it from a copy"), std::string::npos) << again.error().message;
  std::filesystem::remove_all(path);
}

TEST(EmbeddedNode, TemporaryFilesAreGoneAfterwards) {
  EmbeddedOptions options;
  options.storage = EmbeddedOptions::Storage::temporary;
  auto node = EmbeddedNode::start(options);
  ASSERT_TRUE(node) << node.error().message;
  const std::string directory = (*node)->directory();
  EXPECT_TRUE(system_disk().exists(directory).value());
  node->reset();
  EXPECT_FALSE(system_disk().exists(directory).value());
}

TEST(EmbeddedCluster, ThreeNodesAreOneCluster) {
  auto cluster = EmbeddedCluster::start(3);
  ASSERT_TRUE(cluster) << cluster.error().message;
  View view((*cluster)->bootstrap_servers());
  EXPECT_EQ(view.refresh().brokers().size(), 3u);
  EXPECT_EQ(view.create("t", 3, 3), 0);

  ASSERT_TRUE((*cluster)->stop_node(2));
  EXPECT_EQ(view.create("u", 1, 2), 0);
  ASSERT_TRUE((*cluster)->start_node(2));
  EXPECT_EQ(view.refresh().brokers().size(), 3u);
}

}  // namespace
}  // namespace holdfast::test
