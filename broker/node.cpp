#include "broker/node.h"

#include <fmt/format.h>

#include <atomic>

#include "broker/admin/http_server.h"
#include "broker/admin/metrics_page.h"
#include "broker/node_rooms.h"
#include "runtime/blocking_call.h"
#include "runtime/log_line.h"
#include "runtime/signals.h"

namespace holdfast {
namespace {

constexpr std::string_view version = HOLDFAST_VERSION;

}  // namespace

struct Node::Inner {
  World world;
  Metrics metrics;
  std::unique_ptr<Random> random = system_random();
  Gate gate;  // of shard 0; outlives the shards, for a task lets go of it after it has told its value
  std::unique_ptr<Shards> shards;
  NodeRooms rooms;
  std::unique_ptr<HttpServer> http;
  std::string cluster;  // as the directories said at the start
  std::atomic<bool> failed{false};

  Inner(Config config, World w) : world(w), rooms(std::move(config), w, *random, metrics) {
    rooms.on_fatal([this] {
      if (!failed.exchange(true)) request_stop();
    });
  }

  Task<bool> bring_down();
  Task<Result<void>> wait_for_cluster(std::size_t brokers, Duration at_most);
  Task<HttpReply> route(std::string path);
};

Task<HttpReply> Node::Inner::route(std::string path) {
  HttpReply reply;
  if (path == "/livez" || (path == "/readyz" && rooms.is_ready() && rooms.ensemble().serving())) {
    reply.body = "ok\n";
  } else if (path == "/readyz") {
    reply.status = 503;
    reply.body = rooms.is_ready() ? "there is no leader\n" : "starting or stopping\n";
  } else if (path == "/metrics") {
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    // The shards answer only while they all run.
    if (!rooms.is_ready()) {
      reply.body = metrics.prometheus_text();
      co_return reply;
    }
    reply.body = co_await metrics_page(rooms.services(), rooms.ensemble(), metrics);
  } else {
    reply.status = 404;
    reply.body = "there are /livez, /readyz and /metrics\n";
  }
  co_return reply;
}

Task<bool> Node::Inner::bring_down() {
  co_await rooms.bring_down();
  if (http) co_await http->stop();
  co_return true;
}

Task<Result<void>> Node::Inner::wait_for_cluster(std::size_t brokers, Duration at_most) {
  Shard& shard = shards->at(0);
  const SteadyTime deadline = shard.clock().now() + at_most;
  const auto& peers = rooms.services().peers;
  const auto is_there = [&] {
    const auto& image = peers.front()->metadata();
    return rooms.is_ready() && image.brokers().size() == brokers && image.controller() >= 0;
  };
  while (!peers.empty() && !is_there()) {
    if (shard.clock().now() > deadline)
      co_return fail(ErrorKind::timed_out, fmt::format("node {} does not see its cluster in time", rooms.node_id()));
    co_await shard.sleep(std::chrono::milliseconds(1));
  }
  co_return Result<void>();
}

Node::Node(Config config, World world) : inner_(std::make_unique<Inner>(std::move(config), world)) {}
Node::~Node() = default;

Result<void> Node::start() {
  Inner& in = *inner_;
  const Config& config = in.rooms.config();
  in.shards = std::make_unique<Shards>(static_cast<int>(config.integer("num.shards")), in.world.clock);
  auto opened = in.rooms.open(*in.shards);
  if (!opened) return opened;
  Shard& first = in.shards->at(0);
  if (config.boolean("admin.enableServer")) {
    in.http = std::make_unique<HttpServer>(first, in.world.network,
                                           [&in](std::string path) { return in.route(std::move(path)); });
    auto bound = in.http->listen(
        {config.text("admin.serverAddress"), static_cast<std::uint16_t>(config.integer("admin.serverPort"))});
    if (!bound) return fail(bound);
  }
  in.cluster = in.rooms.logs().cluster_id();
  in.shards->start();
  if (in.http) first.post([&in] { in.http->start(); });
  return blocking_call<Result<void>>(first, in.gate, [&in] { return in.rooms.bring_up(); });
}

void Node::stop() {
  Inner& in = *inner_;
  if (!in.shards) return;
  log_line(LogLevel::info, "node", "stopping");
  blocking_call<bool>(in.shards->at(0), in.gate, [&in] { return in.bring_down(); });
  in.rooms.logs().stop();
  in.shards->stop();
  log_line(LogLevel::info, "node", "stopped");
}

bool Node::has_failed() const { return inner_->failed; }

std::vector<Endpoint> Node::kafka_endpoints() const {
  std::vector<Endpoint> out;
  for (const KafkaListener& l : inner_->rooms.listeners()) out.push_back(l.advertised);
  return out;
}

Endpoint Node::zookeeper_endpoint() const { return inner_->rooms.ensemble().local(); }

Result<void> Node::wait_for_cluster(std::size_t brokers, Duration at_most) {
  Inner& in = *inner_;
  return blocking_call<Result<void>>(in.shards->at(0), in.gate,
                                     [&in, brokers, at_most] { return in.wait_for_cluster(brokers, at_most); });
}

std::string Node::greeting() const {
  const Inner& in = *inner_;
  const EnsembleSetup& setup = in.rooms.setup();
  std::string out = fmt::format("Holdfast {} is ready: node {}{}, data in {}\n", version, in.rooms.node_id(),
                                in.cluster.empty() ? "" : ", cluster " + in.cluster, in.rooms.data_dir());
  for (const KafkaListener& l : in.rooms.listeners()) out += fmt::format("  Kafka      {}\n", to_string(l.bind));
  const std::string zookeeper = to_string(in.rooms.ensemble().local());
  out += fmt::format("  ZooKeeper  {}\n", zookeeper);
  if (setup.distributed)
    out += fmt::format("  quorum     {}, one of {} servers\n", to_string(in.rooms.ensemble().quorum_local()),
                       setup.config.servers.size());
  if (in.http) out += fmt::format("  admin      http://{}\n", to_string(in.http->local()));
  if (in.rooms.listeners().empty()) return out;
  const std::string kafka = to_string(in.rooms.listeners().front().advertised);
  out += fmt::format(
      "\nTry it:\n  echo hello | kcat -b {0} -t greetings -P\n  kcat -b {0} -t greetings -C -e\n"
      "  python3 -c \"from kazoo.client import KazooClient as K; z = K('{1}'); z.start(); "
      "print(z.get_children('/brokers/topics'))\"\n",
      kafka, zookeeper);
  return out;
}

}  // namespace holdfast
