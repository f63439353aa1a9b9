// holdfast perf zk: requests to the coordination service, each due at its time.
#include <fmt/format.h>

#include <memory>

#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_consume.h"
#include "client/cli_perf.h"
#include "client/zookeeper.h"

namespace holdfast::client {
namespace {

constexpr Duration zk_tick = std::chrono::milliseconds(1);

class ZkLoad {
 public:
  ZkLoad(Session& session, const PerfArguments& arguments)
      : session_(session), arguments_(arguments), wakeup_(session.shard()) {}

  Task<Exit> run() {
    const Exit sound = check_perf(session_, arguments_);
    if (sound != Exit::ok) co_return sound;
    if (arguments_.rate <= 0) co_return session_.usage("--rate says how many requests a second are due");
    auto servers = parse_connect_string(session_.zookeeper().address);
    if (!servers) co_return session_.usage(servers.error().message);
    ZooKeeperOptions options;
    options.servers = std::move(*servers);
    random_ = system_random();
    zookeeper_ = std::make_unique<ZooKeeper>(session_.shard(), session_.network(), *random_, std::move(options));
    const Exit exit =
        co_await measure(*parse_duration(arguments_.duration), std::string(*parse_bytes(arguments_.size), 'x'));
    co_await zookeeper_->close();
    co_return exit;
  }

 private:
  Task<Exit> measure(Duration duration, std::string data) {
    auto connected = co_await zookeeper_->connect(session_.timeout(), 1);
    if (!connected)
      co_return session_.fail(Exit::unreachable,
                              fmt::format("ZooKeeper at {} ({}): {}", session_.zookeeper().address,
                                          session_.zookeeper().source, connected.error().message),
                              "start a node with `holdfast server`, or name another with --zookeeper HOST:PORT");
    root_ = fmt::format("/holdfast-perf-{:016x}", random_->next());
    auto made = co_await zookeeper_->create(root_, data);
    if (!made) co_return session_.fail(Exit::failed, made.error().message);
    PerfResult result;
    result.cpu_before = co_await server_cpu(session_, arguments_);
    session_.on_interrupt([this] { wakeup_.wake(); });
    const SteadyTime start = session_.clock().now();
    const Pace pace(start, arguments_.rate);
    std::uint64_t n = 0;
    for (;; ++n) {
      SteadyTime now = session_.clock().now();
      const bool over = arguments_.records > 0 ? n >= static_cast<std::uint64_t>(arguments_.records)
                                               : pace.due(n) - start >= duration;
      if (over || session_.interrupted()) break;
      while (pace.due(n) > now) {
        co_await session_.shard().sleep(std::min(zk_tick, pace.due(n) - now));
        now = session_.clock().now();
      }
      // What is due while so many are on their way waits, and its latency counts.
      while (under_way_ >= arguments_.in_flight && !session_.interrupted()) co_await wakeup_.wait();
      ++under_way_;
      session_.shard().spawn(gate_, request(n, pace.due(n), data, result));
    }
    co_await session_.shard().drained(gate_);
    result.took = session_.clock().now() - start;
    result.cpu_after = co_await server_cpu(session_, arguments_);
    co_await clean();
    co_return print_perf(session_, result, true, "requests");
  }

  Task<void> request(std::uint64_t n, SteadyTime due, std::string data, PerfResult& result) {
    const std::string& operation = arguments_.operation;
    bool good = false;
    if (operation == "get" || (operation == "mix" && n % 10 != 0)) {
      auto got = co_await zookeeper_->get(root_);
      good = got.has_value();
    } else if (operation == "create") {
      const std::string path = fmt::format("{}/{}", root_, n);
      auto created = co_await zookeeper_->create(path, std::move(data));
      good = created.has_value();
      if (good) created_.push_back(path);
    } else {
      auto set = co_await zookeeper_->set(root_, std::move(data));
      good = set.has_value();
    }
    --under_way_;
    good ? ++result.done : ++result.failed;
    result.latency.add(session_.clock().now() - due);
    wakeup_.wake();
  }

  // Many at a time, or it would take longer than the measurement.
  Task<void> clean() {
    constexpr std::size_t parts_max = 500;
    for (std::size_t at = 0; at < created_.size(); at += parts_max) {
      std::vector<ZkOp> parts;
      for (std::size_t i = at; i < std::min(created_.size(), at + parts_max); ++i)
        parts.push_back(ZkOp::remove(created_[i]));
      [[maybe_unused]] const auto removed = co_await zookeeper_->multi(std::move(parts));
    }
    [[maybe_unused]] const auto gone = co_await zookeeper_->remove(root_);
  }

  Session& session_;
  const PerfArguments& arguments_;
  Wakeup wakeup_;
  Gate gate_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<ZooKeeper> zookeeper_;
  std::string root_;
  std::vector<std::string> created_;
  int under_way_ = 0;
};

Task<Exit> run_zk(Session& session, const PerfArguments& arguments) {
  ZkLoad load(session, arguments);
  const Exit exit = co_await load.run();
  co_return exit;
}

}  // namespace

void add_perf_zk_verb(Cli& cli) {
  auto arguments = std::make_shared<PerfArguments>();
  arguments->rate = 1000;
  cli.verb("perf zk", "measure the latency of znode requests")
      .choice("--op", arguments->operation, {"mix", "get", "set", "create"}, "mix: nine gets and a set (default)")
      .option("--rate", arguments->rate, "requests a second, evenly (default 1000)", "N")
      .option("--size", arguments->size, "of the data (default 100)", "BYTES")
      .option("--records", arguments->records, "so many requests, instead of for a time", "N")
      .at_least(1)
      .option("--in-flight", arguments->in_flight, "at most so many at a time (default 64)", "N")
      .option("--duration", arguments->duration, "how long (default 10s)", "DURATION")
      .option("--server-pid", arguments->server_pid, "whose CPU is told; default: what the server's metrics say", "PID")
      .option("--metrics", arguments->metrics, "where its metrics are (default: port 9644 of the first broker)",
              "HOST:PORT")
      .more("It works below a znode /holdfast-perf-... of its own and removes it at the end.")
      .runs([arguments](Session& session) { return run_zk(session, *arguments); });
}

}  // namespace holdfast::client
