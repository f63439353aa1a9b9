// The clients for programs without coroutines: each call blocks until its result is there. The clients live on a thread
// of their own; any number of threads may call them.
//
//   blocking::Kafka kafka(options);
//   blocking::Producer producer(kafka);
//   auto delivered = producer.send(ProducerRecord("orders", "key", "value"));
//   blocking::Admin admin(kafka);
//   auto topics = admin(&client::Admin::list_topics);
//
// Whatever an awaitable client can do is called by the name of its method, or in a function of the client that returns
// a task or a value:
//   auto ids = admin([](client::Admin& a) { return a.describe_topics({"orders"}); });
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/admin.h"
#include "client/client_thread.h"
#include "client/cluster.h"
#include "client/consumer.h"
#include "client/producer.h"
#include "client/zookeeper.h"

namespace holdfast::client::blocking {

// A client that lives on a thread: made there, called there, destroyed there.
template <class Client>
class On {
 public:
  template <class... Args>
  explicit On(ClientThread& thread, Args&&... args) : thread_(&thread) {
    thread_->call([&] { client_ = std::make_unique<Client>(std::forward<Args>(args)...); });
  }
  ~On() {
    thread_->call([&] { client_.reset(); });
  }
  On(const On&) = delete;
  On& operator=(const On&) = delete;

  template <class R, class... Params, class... Args>
  R operator()(Task<R> (Client::*method)(Params...), Args&&... args) {
    return thread_->call([&] { return ((*client_).*method)(std::forward<Args>(args)...); });
  }
  template <class F>
    requires std::is_invocable_v<F&, Client&>
  auto operator()(F work) {
    return thread_->call([&] { return work(*client_); });
  }
  ClientThread& thread() { return *thread_; }
  Client& get() { return *client_; }  // to be touched on the thread only

 private:
  ClientThread* const thread_;
  std::unique_ptr<Client> client_;
};

// The thread, and the connections that its clients share. Outlives them.
class Kafka {
 public:
  explicit Kafka(ClusterOptions options, Network& network = system_network())
      : cluster_(thread_, thread_.shard(), network, std::move(options)) {}
  ~Kafka() { cluster_(&Cluster::stop); }

  ClientThread& thread() { return thread_; }
  On<Cluster>& cluster() { return cluster_; }

 private:
  ClientThread thread_;
  On<Cluster> cluster_;
};

class Admin : public On<client::Admin> {
 public:
  explicit Admin(Kafka& kafka, AdminOptions options = {}) : On(kafka.thread(), kafka.cluster().get(), options) {}
};

// A session with its own thread.
class ZooKeeper {
 public:
  explicit ZooKeeper(ZooKeeperOptions options, Network& network = system_network())
      : random_(system_random()), client_(thread_, thread_.shard(), network, *random_, std::move(options)) {}
  ~ZooKeeper() { client_(&client::ZooKeeper::close); }

  template <class... Args>
  auto operator()(Args&&... args) {
    return client_(std::forward<Args>(args)...);
  }

 private:
  ClientThread thread_;
  const std::unique_ptr<Random> random_;
  On<client::ZooKeeper> client_;
};

// What the callers do with it, as only what asks may overlap, is theirs to agree on: one thread polls.
class Consumer : public On<client::Consumer> {
 public:
  explicit Consumer(Kafka& kafka, ConsumerOptions options = {})
      : On(kafka.thread(), kafka.cluster().get(), std::move(options)) {}
  ~Consumer() { (*this)(&client::Consumer::stop); }

  Outcome<> subscribe(std::vector<std::string> topics) {
    return (*this)([&](client::Consumer& c) { return c.subscribe(std::move(topics)); });
  }
  Outcome<> assign(std::vector<TopicPartition> partitions) {
    return (*this)([&](client::Consumer& c) { return c.assign(std::move(partitions)); });
  }
  Outcome<ConsumedRecords> poll(Duration at_most) { return (*this)(&client::Consumer::poll, at_most); }
  Outcome<> commit() {
    return (*this)([](client::Consumer& c) { return c.commit(); });
  }
};

// on_delivery is called on the client's thread.
class Producer {
 public:
  explicit Producer(Kafka& kafka, ProducerOptions options = {});
  ~Producer();  // delivers what was accepted, as long as that takes no more than 30 seconds
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  Outcome<Delivery> send(const ProducerRecord& record);  // after what was enqueued before
  // Copies the record and returns; blocks when the producer has more than it can send. What becomes of the record,
  // also when it is not accepted (topics that do not exist), is on_delivery's to hear.
  void enqueue(const ProducerRecord& record);
  void flush();

 private:
  struct Stage;
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace holdfast::client::blocking
