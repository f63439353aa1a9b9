// ClusterClient: what every simulated client of the brokers has: connections by broker, what it knows of the topics,
// and how a request is asked of a broker. It knows where broker N is: at 10.0.0.N.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/broker_client.h"
#include "log/log.h"
#include "tests/simulation/world.h"

namespace holdfast::sim {

inline constexpr std::uint16_t kafka_port = 9092;
std::string broker_address(std::int32_t broker);

class ClusterClient {
 public:
  struct Partition {
    std::int32_t leader = -1;
    LeaderEpoch epoch{-1};
    std::vector<std::int32_t> replicas, isr;
  };
  struct Topic {
    Uuid id{};
    std::vector<Partition> partitions;
  };
  template <class Response>
  struct Answer {
    Bytes frame;  // what the message's views point into
    Response message;
  };

  // `brokers`: with the ids 1 to that.
  ClusterClient(World& world, Shard& shard, std::string address, int brokers);

  Shard& shard() { return shard_; }
  World& world() { return world_; }
  const std::string& address() const { return address_; }
  int brokers() const { return brokers_; }
  std::int64_t wall_ms() const { return world_.wall_ms(); }
  std::int32_t some_broker() {
    return 1 + static_cast<std::int32_t>(world_.random().below(static_cast<std::uint64_t>(brokers_)));
  }

  // Asks one broker, or some one, what topics there are.
  Task<bool> refresh(std::int32_t broker = 0);
  const std::map<std::string, Topic>& topics() const { return topics_; }
  // The partition as it is known now; null: there is no such topic.
  const Partition* partition(const LogId& id) const;
  const std::string* name_of(const Uuid& id) const;
  bool has_topic(const Uuid& id) const { return name_of(id) != nullptr; }

  // Nothing: no answer came, or one that could not be read.
  template <class Response, class Request>
  Task<std::optional<Answer<Response>>> ask(std::int32_t broker, const Request& request, std::int16_t version,
                                            Duration timeout) {
    auto reply = co_await connection(broker).ask(request, version, timeout);
    if (!reply) co_return std::nullopt;
    Answer<Response> out{reply->frame, {}};
    auto read = reply->read(out.message);
    if (!read) {
      unreadable_ = read.error().message;
      co_return std::nullopt;
    }
    co_return out;
  }
  template <class Request>
  void tell(std::int32_t broker, const Request& request, std::int16_t version) {
    connection(broker).tell(request, version);
  }
  Task<void> nap(Duration most);
  Task<void> stop();
  const std::string& unreadable() const { return unreadable_; }  // empty: every answer could be read

 private:
  BrokerClient& connection(std::int32_t broker);

  World& world_;
  Shard& shard_;
  const std::string address_;
  const int brokers_;
  std::map<std::int32_t, std::unique_ptr<BrokerClient>> connections_;
  std::map<std::string, Topic> topics_;
  std::string unreadable_;
};

}  // namespace holdfast::sim
