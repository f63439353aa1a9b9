// ProducerTest: a producer against scripted brokers, over the simulated network.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/partitioner.h"
#include "client/producer.h"
#include "tests/client/fake_logs.h"

namespace holdfast::test {

class ProducerTest : public testing::Test {
 protected:
  using ErrorCode = wire::ErrorCode;
  using Fault = FakeLogs::Fault;
  struct Told {
    std::int32_t partition;
    std::int64_t offset, timestamp;
    ErrorCode error;
    std::string message;
  };

  ProducerTest() {
    loop_.add(network_);
    fake_.add_topic("t", {{1, 1}});
    cluster_options_.bootstrap_servers = {fake_.at(1).endpoint()};
    cluster_options_.random_seed = 3;
  }
  ~ProducerTest() override { end(); }

  void end() {
    if (producer_) loop_.run(producer_->stop(std::chrono::seconds(1)));
    producer_.reset();
    if (cluster_) loop_.run(cluster_->stop());
    cluster_.reset();
  }
  client::Producer& producer() {
    if (producer_) return *producer_;
    cluster_ = std::make_unique<client::Cluster>(loop_.shard(), network_.host("10.0.1.1"), cluster_options_);
    options_.on_delivery = [this](const client::Delivery& d, const client::Failure* failure) {
      if (d.tag == 0) return;
      const std::uint64_t number = d.tag - 1;
      EXPECT_FALSE(told_.contains(number)) << "record " << number << " is reported again";
      told_.emplace(number, Told{d.partition, d.offset, d.timestamp, failure ? failure->code : ErrorCode::none,
                                 failure ? failure->message : ""});
      order_.push_back(number);
      if (on_told_) on_told_();
    };
    producer_ = std::make_unique<client::Producer>(*cluster_, std::move(options_));
    return *producer_;
  }
  // Accepted, each with its number as its value. Only these are in told_.
  void enqueue(int from, int to, const std::string& topic = "t", std::optional<std::int32_t> partition = 0) {
    for (int i = from; i < to; ++i) {
      const std::string value = std::to_string(i);
      client::ProducerRecord record(topic, value);
      record.partition = partition;
      record.tag = static_cast<std::uint64_t>(i) + 1;
      auto accepted = loop_.run(producer().enqueue(record));
      ASSERT_TRUE(accepted) << to_string(accepted.error());
    }
  }
  client::Outcome<client::Delivery> send(const client::ProducerRecord& record) {
    return loop_.run(producer().send(record));
  }
  void flush() { loop_.run(producer().flush()); }
  std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> out;
    for (int i = from; i < to; ++i) out.push_back(std::to_string(i));
    return out;
  }
  double elapsed(SteadyTime since) const { return static_cast<double>((clock_.now() - since).count()) / 1e9; }
  void fail_request(int number, Fault with) {  // the first is 1
    logs_.fault = [this, number, with](const std::string&, std::int32_t) {
      return logs_.requests == number ? with : Fault::none;
    };
  }

  SimulatedClock clock_;
  SimulatedLoop loop_{clock_};
  std::unique_ptr<Random> random_ = seeded_random(5);
  SimulatedNetwork network_{clock_, *random_};
  FakeCluster fake_{loop_, network_, 3};
  FakeLogs logs_{fake_};
  client::ClusterOptions cluster_options_;
  client::ProducerOptions options_;
  std::unique_ptr<client::Cluster> cluster_;
  std::unique_ptr<client::Producer> producer_;
  std::map<std::uint64_t, Told> told_;
  std::vector<std::uint64_t> order_;
  std::function<void()> on_told_;
};

}  // namespace holdfast::test
