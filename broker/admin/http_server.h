// HttpServer: the admin port: /livez, /readyz, /metrics. Small requests, no bodies; bounded in size, time and number.
// Lives on shard 0.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "runtime/gate.h"
#include "runtime/network.h"

namespace holdfast {

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  using Route = std::function<HttpReply(std::string_view path)>;

  HttpServer(Shard& shard, Network& network, Route route);
  Result<void> listen(Endpoint at);
  void start();
  Task<void> stop();
  Endpoint local() const { return listener_ ? listener_->local() : Endpoint{}; }

 private:
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Stream> stream);
  std::string answer(std::string_view head, bool& keep_alive);

  Shard& shard_;
  Network& network_;
  Route route_;
  Gate gate_;
  std::unique_ptr<Listener> listener_;
  std::unordered_set<std::shared_ptr<Stream>> streams_;
};

}  // namespace holdfast
