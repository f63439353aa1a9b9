// KafkaServer: the Kafka listeners of one shard. Every shard listens on every endpoint; the kernel spreads the
// connections. It bounds how many there are and closes those that have been idle too long.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/connection.h"
#include "runtime/network.h"

namespace holdfast {

struct KafkaListener {
  std::string name;  // PLAINTEXT, or a name of listener.security.protocol.map
  Endpoint bind;     // port 0: chosen by the kernel; the first shard's choice holds for all
  Endpoint advertised;
};

class KafkaServer {
 public:
  KafkaServer(BrokerShard& broker, Network& network);

  // Binds; `listeners` is updated with the ports that were chosen.
  Result<void> listen(std::vector<KafkaListener>& listeners);
  void start();  // begins to accept
  Task<void> stop();
  std::size_t connections() const { return connections_.size(); }

 private:
  Task<void> accept(std::shared_ptr<Listener> listener, std::string name);
  Task<void> serve(std::shared_ptr<Connection> connection, std::uint64_t number, std::string host);
  void close_idle();

  BrokerShard& broker_;
  Network& network_;
  Gate gate_;
  std::vector<std::pair<std::shared_ptr<Listener>, std::string>> listeners_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;  // by number
  std::uint64_t next_number_ = 0;
  std::unordered_map<std::string, std::int64_t> per_host_;
  ConnectionLimits limits_;
  std::int64_t connections_max_ = 0, connections_per_host_max_ = 0;
  Duration idle_max_{};
  Timer idle_timer_;
};

}  // namespace holdfast
