// LoneBroker: a whole broker, id 1, on simulated time, disk and network, whose cluster has another one, id 2, that is
// the test: it is registered, it asks what followers ask, and it answers what leaders answer.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/node_rooms.h"
#include "client/broker_client.h"
#include "runtime/metrics.h"
#include "runtime/simulated_disk.h"
#include "runtime/simulated_loop.h"
#include "runtime/simulated_network.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/offsets.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/replica_report.h"

namespace holdfast::test {

class LoneBroker {
 public:
  LoneBroker();
  ~LoneBroker();
  LoneBroker(const LoneBroker&) = delete;

  SimulatedLoop& loop() { return loop_; }
  SimulatedDisk& disk() { return disk_; }
  BrokerShard& broker() { return *rooms_->services().peers.front(); }
  Ensemble& ensemble() { return rooms_->ensemble(); }

  // A topic of one partition, with these replicas; the first leads. Its id.
  Uuid create_topic(const std::string& name, std::vector<std::int32_t> replicas);
  Partition* partition(const Uuid& topic) { return broker().partition({topic, 0}); }
  // What the state znode of the partition says anew.
  void change_state(const std::string& topic, Function<void(znodes::PartitionState&)> edit);
  // Broker 1's own registration, as if it had told of these.
  void register_offline(const Uuid& topic);
  SessionId session() const { return session_; }  // of broker 2
  void submit(std::vector<Ensemble::Op> ops);     // on it
  void name_controller(std::int32_t broker);      // whether there is such a broker or not
  std::int64_t epoch_of(std::int32_t broker) { return this->broker().metadata().brokers().at(broker).epoch; }

  template <class Response, class Request>
  Response ask(const Request& request, std::int16_t version) {
    Response out;
    auto reply = loop_.run(client_->ask(request, version, std::chrono::seconds(60)));
    if (!reply || !reply->read(out)) ADD_FAILURE() << "no answer";
    return out;
  }
  std::unique_ptr<Stream> connect();  // a client that speaks for itself
  template <class Message>
  void tell(const Message& message) {
    EXPECT_TRUE(client_->tell(message, 0));
    loop_.run_for(std::chrono::milliseconds(10));
  }
  // One partition's part of a fetch that does not wait.
  wire::FetchResponse::Partition fetch(const Uuid& topic, wire::FetchRequest::Partition asked,
                                       std::int32_t replica = -1);
  static std::vector<std::uint8_t> batch(std::int64_t base, std::int32_t epoch, int records = 1);

  // ---- As leader ----
  std::vector<wire::FetchRequest> fetches;  // of broker 1, so far; the last one waits for answer()
  std::vector<wire::ReplicaReport> reports;
  // The fetch that waits is answered with this part, or with nothing new; with that also when broker 1 asks for an
  // answer now. Until it has fetched again.
  void answer(const Uuid& topic, std::optional<wire::FetchResponse::Partition> with,
              const std::vector<std::uint8_t>& records = {});

 private:
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Stream> stream);
  void take(ByteView frame, Stream& stream);
  void answer_waiting();

  SimulatedClock clock_;
  std::unique_ptr<Random> random_ = seeded_random(7);
  SimulatedNetwork network_{clock_, *random_};
  SimulatedDisk disk_;
  Shards shards_{1, clock_};
  SimulatedLoop loop_{clock_, shards_};
  Metrics metrics_;
  std::unique_ptr<NodeRooms> rooms_;
  std::unique_ptr<BrokerClient> client_;
  SessionId session_{0};
  std::unique_ptr<Listener> listener_;
  std::vector<std::shared_ptr<Stream>> streams_;
  struct Unanswered {
    Stream* stream;
    std::int32_t correlation_id;
    std::int16_t version;
  };
  std::deque<Unanswered> unanswered_;
  std::deque<wire::FetchResponse> answers_;
  Gate gate_;
};

}  // namespace holdfast::test
