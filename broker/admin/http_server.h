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
  using Route = std::function<Task<HttpReply>(std::string path)>;

  HttpServer(Shard& shard, Network& network, Route route);
  Result<void> listen(const Endpoint& at);
  void start();
  Task<void> stop();
  Endpoint local() const { return listener_ ? listener_->local() : Endpoint{}; }

 private:
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Stream> stream);
  struct Asked {  // what a request's head asks; or the reply to one that cannot be served
    std::string path, refusal;
    bool keep_alive = false, head_only = false;
  };
  static Asked read(std::string_view head);

  Shard& shard_;
  Network& network_;
  Route route_;
  Gate gate_;
  std::unique_ptr<Listener> listener_;
  std::unordered_set<std::shared_ptr<Stream>> streams_;
};

}  // namespace holdfast
