#include "tests/cluster/load_producer.h"

#include <condition_variable>
#include <mutex>

#include "client/blocking.h"
#include "tests/cluster/rdkafka_client.h"

namespace holdfast::test {
namespace {

class ByLibrdkafka : public LoadProducer {
 public:
  explicit ByLibrdkafka(const std::string& brokers)
      : producer_(brokers, {{"acks", "all"},
                            {"enable.idempotence", "true"},
                            {"linger.ms", "1"},
                            {"message.timeout.ms", "120000"},
                            {"retry.backoff.ms", "50"},
                            {"reconnect.backoff.ms", "20"},
                            {"reconnect.backoff.max.ms", "200"},
                            {"topic.metadata.refresh.interval.ms", "10000"}}) {}

  void send(const std::string& topic, int partition, const std::string& value) override {
    producer_.send(topic, partition, value);
  }
  void poll(int milliseconds) override { producer_.poll(milliseconds); }
  void flush() override { producer_.flush(90); }
  const std::vector<std::pair<std::int64_t, std::string>>& acknowledged() const override {
    return producer_.acknowledged();
  }
  std::string fatal_error() const override { return producer_.fatal_error(); }
  std::string known_fault() const override { return producer_.known_fault(); }
  bool may_double() override { return producer_.may_double(); }

 private:
  Producer producer_;
};

class ByHoldfast : public LoadProducer {
 public:
  explicit ByHoldfast(const std::string& brokers) : kafka_(cluster(brokers)), producer_(kafka_, options()) {}

  void send(const std::string& topic, int partition, const std::string& value) override {
    client::ProducerRecord record(topic, value);
    record.partition = partition;
    record.tag = sent_.size();
    {
      const std::lock_guard lock(mutex_);
      sent_.push_back(value);
    }
    producer_.enqueue(record);
  }
  void poll(int milliseconds) override {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return !delivered_.empty(); });
    for (auto& one : delivered_) acknowledged_.push_back(std::move(one));
    delivered_.clear();
  }
  void flush() override {
    producer_.flush();
    poll(0);
  }
  const std::vector<std::pair<std::int64_t, std::string>>& acknowledged() const override { return acknowledged_; }
  std::string fatal_error() const override {
    const std::lock_guard lock(mutex_);
    return failed_;
  }
  std::string known_fault() const override { return {}; }
  bool may_double() override { return false; }

 private:
  static client::ClusterOptions cluster(const std::string& brokers) {
    client::ClusterOptions out;
    out.bootstrap_servers = client::parse_bootstrap_servers(brokers).value();
    return out;
  }
  client::ProducerOptions options() {
    client::ProducerOptions out;
    out.on_delivery = [this](const client::Delivery& delivery, const client::Failure* failure) {
      const std::lock_guard lock(mutex_);
      if (failure)
        failed_ = client::to_string(*failure);
      else
        delivered_.emplace_back(delivery.offset, sent_[delivery.tag]);
      came_.notify_one();
    };
    return out;
  }

  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> sent_;  // by tag
  std::vector<std::pair<std::int64_t, std::string>> delivered_, acknowledged_;
  std::string failed_;
  client::blocking::Kafka kafka_;
  client::blocking::Producer producer_;
};

}  // namespace

std::unique_ptr<LoadProducer> load_producer(ProducedBy by, const std::string& brokers) {
  if (by == ProducedBy::librdkafka) return std::make_unique<ByLibrdkafka>(brokers);
  return std::make_unique<ByHoldfast>(brokers);
}

}  // namespace holdfast::test
