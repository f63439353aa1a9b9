#include "tests/simulation/brokers/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "broker/znodes.h"
#include "tests/simulation/brokers/administrator.h"
#include "tests/simulation/brokers/ambush.h"
#include "tests/simulation/brokers/committer.h"
#include "tests/simulation/brokers/consumer.h"
#include "tests/simulation/brokers/library_consumer.h"
#include "tests/simulation/brokers/library_producer.h"
#include "tests/simulation/brokers/member.h"
#include "tests/simulation/brokers/producer.h"
#include "tests/simulation/brokers/replicas.h"
#include "tests/simulation/brokers/state_law.h"
#include "tests/simulation/cluster.h"
#include "tests/simulation/nemesis.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration end_patience = seconds(120);
constexpr Duration end_interval = milliseconds(20);

std::int64_t ms(Duration d) { return std::chrono::duration_cast<milliseconds>(d).count(); }

std::string server_line(int id) {
  return fmt::format("10.0.0.{}:{}:3888:participant;10.0.0.{}:{}", id, quorum_port, id, client_port);
}

EnsembleOptions ensemble_options(const Plan& plan) {
  std::string lines;
  for (int id = 1; id <= plan.nodes; ++id) lines += fmt::format("server.{}={}\n", id, server_line(id));
  auto config = EnsembleConfig::parse(lines, false);
  HOLDFAST_CHECK(config.has_value());
  EnsembleOptions out;
  out.servers = std::move(*config);
  out.protected_prefixes = znodes::protected_prefixes();
  return out;
}

// Everybody who asks the brokers for something, on one host.
struct Clients {
  World& world;
  RecordHistory& history;
  GroupHistory groups{history};
  Host host;
  Gate gate;
  std::vector<std::string> addresses;
  std::unique_ptr<Administrator> administrator;
  ClusterClient* accomplice = nullptr;        // of the ambushes
  std::unique_ptr<SimulatedConsumer> reader;  // of all that is there in the end
  std::vector<std::unique_ptr<SimulatedProducer>> producers;
  std::vector<std::unique_ptr<SimulatedConsumer>> consumers;
  std::vector<std::unique_ptr<SimulatedCommitter>> committers;
  std::vector<std::unique_ptr<SimulatedMember>> members;
  std::vector<std::unique_ptr<LibraryProducer>> library_producers;
  GroupReading reading;
  std::vector<std::unique_ptr<LibraryConsumer>> library_consumers;

  Clients(World& w, RecordHistory& h) : world(w), history(h), host(w.now(), w.wall_ms()) { world.add(host); }

  std::string next_address() {
    addresses.push_back(fmt::format("10.2.0.{}", addresses.size() + 1));
    return addresses.back();
  }
  void start(const BrokerPlan& plan);
  void start_library(const BrokerPlan& plan);
  void finish();
  bool are_done() const;
  bool no_producer_is_left() const;
  std::string who_waits() const;
  void end();  // however they are
  void rescue() { run_to_end(administrator->rescue(world.now() + std::chrono::seconds(30))); }
  bool settle();
  bool read_everything();
  std::string unread;  // a partition that was not, if it did not

 private:
  Task<void> wait_until_well(SteadyTime until, bool* well);
  Task<void> read_all(SteadyTime until, bool* all);
  void run_to_end(Task<void> task);
};

void Clients::start(const BrokerPlan& plan) {
  Shard& shard = host.shard();
  Shard::Scope scope(shard);
  const int brokers = plan.base.nodes;
  administrator = std::make_unique<Administrator>(world, shard, next_address(), brokers, plan.storms, history);
  shard.spawn(gate, administrator->run());
  reader = std::make_unique<SimulatedConsumer>(world, shard, next_address(), brokers, plan.think_max, history);
  for (int i = 0; i < plan.producers; ++i) {
    ProducerOptions options;
    options.index = i;
    options.idempotent = i % 4 != 3;
    if (!options.idempotent) options.acks = static_cast<std::int16_t>(world.between(std::int64_t{-1}, std::int64_t{1}));
    options.in_flight_max = options.acks == 0 ? 1 : 5;
    options.think_max = plan.think_max;
    if (world.one_in(2)) options.between_batches = 2 * plan.base.network.delay_max + milliseconds(2);
    producers.push_back(std::make_unique<SimulatedProducer>(world, shard, next_address(), brokers, options, history));
    shard.spawn(gate, producers.back()->run());
  }
  for (int i = 0; i < plan.consumers; ++i) {
    consumers.push_back(
        std::make_unique<SimulatedConsumer>(world, shard, next_address(), brokers, plan.think_max, history));
    shard.spawn(gate, consumers.back()->run());
  }
  for (int i = 0; i < plan.committers; ++i) {
    committers.push_back(std::make_unique<SimulatedCommitter>(world, shard, next_address(), brokers, i, stable_topic,
                                                              4 * plan.think_max, history));
    shard.spawn(gate, committers.back()->run());
  }
  for (int g = 0; g < plan.groups; ++g)
    for (int i = 0, count = static_cast<int>(world.between(std::int64_t{2}, std::int64_t{4})); i < count; ++i) {
      MemberOptions options;
      options.group = fmt::format("team-{}", g);
      options.topic = stable_topic;
      options.index = i;
      options.is_static = world.one_in(3);
      options.session_timeout_ms = static_cast<std::int32_t>(world.between(std::int64_t{1500}, std::int64_t{5000}));
      options.think_max = 2 * plan.think_max;
      members.push_back(
          std::make_unique<SimulatedMember>(world, shard, next_address(), brokers, options, history, groups));
      shard.spawn(gate, members.back()->run());
    }
}

void Clients::start_library(const BrokerPlan& plan) {
  Shard& shard = host.shard();
  Shard::Scope scope(shard);
  for (int i = 0; i < plan.library_producers; ++i) {
    library_producers.push_back(std::make_unique<LibraryProducer>(world, shard, next_address(), plan.base.nodes,
                                                                  plan.producers + i, 2 * plan.think_max, history));
    shard.spawn(gate, library_producers.back()->run());
  }
  reading.group = fmt::format("library-{}", world.between(std::int64_t{0}, std::int64_t{1}));
  reading.topic = stable_topic;
  for (int i = 0; i < plan.library_readers + plan.library_members; ++i) {
    GroupReading* const group = i < plan.library_readers ? nullptr : &reading;
    library_consumers.push_back(std::make_unique<LibraryConsumer>(
        world, shard, next_address(), plan.base.nodes, i, group, plan.think_max,
        [this] { return no_producer_is_left(); }, history));
    shard.spawn(gate, library_consumers.back()->run());
  }
}

bool Clients::no_producer_is_left() const {
  const auto done = [](const auto& client) { return client->is_done(); };
  return std::ranges::all_of(producers, done) && std::ranges::all_of(library_producers, done);
}

void Clients::finish() {
  administrator->finish();
  for (const auto& p : producers) p->finish();
  for (const auto& c : consumers) c->finish();
  for (const auto& c : committers) c->finish();
  for (const auto& m : members) m->finish();
  for (const auto& p : library_producers) p->finish();
  for (const auto& c : library_consumers) c->finish();
}

bool Clients::are_done() const {
  const auto done = [](const auto& client) { return client->is_done(); };
  return administrator->is_done() && no_producer_is_left() && std::ranges::all_of(consumers, done) &&
         std::ranges::all_of(committers, done) && std::ranges::all_of(members, done) &&
         std::ranges::all_of(library_consumers, done);
}

std::string Clients::who_waits() const {
  std::string out;
  for (const auto& p : producers)
    if (!p->is_done()) out += "; " + p->waits_for();
  for (const auto& c : committers)
    if (!c->is_done()) out += "; " + c->waits_for();
  for (const auto& m : members)
    if (!m->is_done()) out += "; " + m->waits_for();
  for (const auto& p : library_producers)
    if (!p->is_done()) out += "; " + p->waits_for();
  for (const auto& c : library_consumers)
    if (!c->is_done()) out += "; " + c->waits_for();
  return out;
}

void Clients::end() {
  finish();
  for (const auto& p : producers) p->abandon();
  for (const auto& c : committers) c->abandon();
  for (const auto& m : members) m->abandon();
  for (const auto& p : library_producers) p->abandon();
  for (const auto& c : library_consumers) c->abandon();
  for (const std::string& address : addresses) world.network().kill_process(address);
  {
    Shard::Scope scope(host.shard());
    host.shard().spawn(gate, administrator->client().stop());
    host.shard().spawn(gate, reader->client().stop());
    if (accomplice) host.shard().spawn(gate, accomplice->stop());
  }
  HOLDFAST_CHECK(world.run_until([this] { return gate.holders() == 0; }, end_patience));
  world.remove(host);
}

void Clients::run_to_end(Task<void> task) {
  Gate own;
  {
    Shard::Scope scope(host.shard());
    host.shard().spawn(own, std::move(task));
  }
  HOLDFAST_CHECK(world.run_until([&own] { return own.holders() == 0; }, 3 * end_patience));
}

Task<void> Clients::wait_until_well(SteadyTime until, bool* well) {
  while (!*well && world.now() < until) {
    *well = co_await administrator->all_is_well();
    if (!*well) co_await host.shard().sleep(milliseconds(200));
  }
}

bool Clients::settle() {
  bool well = false;
  run_to_end(wait_until_well(world.now() + end_patience, &well));
  return well;
}

Task<void> Clients::read_all(SteadyTime until, bool* all) {
  std::set<LogId> read;
  while (!*all && world.now() < until) {
    // A topic may have come into being when the administrator had ended already.
    const bool looked = co_await administrator->look();
    const bool refreshed = co_await reader->client().refresh();
    *all = looked && refreshed;
    const std::map<std::string, ClusterClient::Topic> topics = reader->client().topics();
    for (const auto& [name, topic] : topics)
      for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
        const LogId id{topic.id, static_cast<std::int32_t>(p)};
        if (name.starts_with("__") || read.contains(id)) continue;
        const bool done = co_await reader->read_all(id);
        if (done) read.insert(id);
        if (!done) unread = to_string(id);
        *all = *all && done;
      }
    if (!*all) co_await host.shard().sleep(milliseconds(200));
  }
}

bool Clients::read_everything() {
  bool all = false;
  run_to_end(read_all(world.now() + end_patience, &all));
  return all;
}

}  // namespace

BrokerPlan BrokerPlan::draw(std::uint64_t seed) {
  BrokerPlan plan;
  plan.base = Plan::draw_replicated(seed);
  const auto random = seeded_random(seed ^ 0x62726f6b657273);
  const auto between = [&random](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(most - least + 1)));
  };
  const auto one_in = [&random](std::uint64_t n) { return random->below(n) == 0; };
  plan.base.observers = 0;
  plan.base.nodes = one_in(4) ? 5 : one_in(4) ? 4 : 3;
  plan.base.length = seconds(between(20, 60));
  plan.base.reconfig_enabled = false;
  plan.base.network.window_bytes = std::max<std::size_t>(plan.base.network.window_bytes, 16 << 10);
  plan.base.faults.erase("reconfig");
  plan.base.faults.erase(Nemesis::bit_flips);
  plan.base.faults.erase(Nemesis::forgotten_vote);
  plan.shards = one_in(3) ? 2 : 1;
  plan.session_timeout_ms = between(3, 9) * 1000;
  plan.lag_max_ms = between(1, 6) * 1000;
  plan.producers = static_cast<int>(between(2, 6));
  plan.consumers = static_cast<int>(between(1, 4));
  plan.committers = static_cast<int>(between(0, 3));
  plan.think_max = milliseconds(one_in(3) ? 20 : between(50, 500));
  plan.storms["topic created"] = milliseconds(between(1000, 5000));
  for (const std::string& kind : Administrator::kinds())
    if (one_in(2)) plan.storms[kind] = milliseconds(between(1000, 10'000));
  plan.groups = static_cast<int>(between(0, 2));
  plan.directories = one_in(3) ? 2 : 1;
  for (const std::string& kind : Ambush::kinds())
    if (one_in(3)) plan.ambushes[kind] = milliseconds(between(1000, 8000));
  // They take half of the time of a run: every other seed has them.
  const bool with_library = seed % 2 == 0;
  plan.library_producers = with_library ? static_cast<int>(between(0, 2)) : 0;
  plan.library_readers = with_library && one_in(3) ? 1 : 0;
  plan.library_members = with_library ? static_cast<int>(between(0, 3)) : 0;
  return plan;
}

std::string BrokerPlan::describe() const {
  std::string out = fmt::format(
      "{}; brokers of {} shards and {} directories, sessions of {} ms, {} ms to lag, {} producers, {} consumers, {} "
      "committers, {} groups, {} + {} + {} of the library, {} ms to think",
      base.describe(), shards, directories, session_timeout_ms, lag_max_ms, producers, consumers, committers, groups,
      library_producers, library_readers, library_members, ms(think_max));
  for (const auto* kinds : {&storms, &ambushes})
    for (const auto& [kind, mean] : *kinds) out += fmt::format(", {} each {} ms", kind, ms(mean));
  return out;
}

Settings BrokerPlan::settings() const {
  Settings out;
  for (int id = 1; id <= base.nodes; ++id) out.emplace_back(fmt::format("server.{}", id), server_line(id));
  const auto add = [&out](std::string key, auto value) { out.emplace_back(std::move(key), fmt::format("{}", value)); };
  if (directories > 1) add("log.dirs", fmt::format("{},{}", node_directory, second_directory));
  add("quorum.election.timeout.ms", base.election_timeout_ms);
  add("tickTime", base.tick_ms);
  add("minSessionTimeout", base.timeout_min_ms);
  add("maxSessionTimeout", 60'000);
  add("snapCount", std::max<std::int64_t>(base.snapshot_count, 2));
  add("broker.session.timeout.ms", session_timeout_ms);
  add("replica.lag.time.max.ms", lag_max_ms);
  add("auto.create.topics.enable", "false");
  add("default.replication.factor", 3);
  add("offsets.topic.num.partitions", 3);
  add("offsets.topic.replication.factor", 3);
  add("min.insync.replicas", 2);
  add("group.min.session.timeout.ms", 1000);
  add("group.initial.rebalance.delay.ms", 200);
  add("log.retention.check.interval.ms", 2000);
  add("log.segment.delete.delay.ms", 500);
  add("leader.imbalance.check.interval.seconds", 5);
  add("replica.high.watermark.checkpoint.interval.ms", 1000);
  add("log.flush.offset.checkpoint.interval.ms", 2000);
  return out;
}

std::unique_ptr<SimulatedCluster> make_cluster(World& world, const BrokerPlan& plan, const Settings& settings) {
  auto out = std::make_unique<SimulatedCluster>(world, 1, plan.base.nodes,
                                                [&plan](int) { return ensemble_options(plan.base); });
  for (const auto& node : out->nodes()) {
    node->options().job_delay = plan.base.job_delay;
    node->options().shards = plan.shards;
    node->options().make_body = [id = node->id(), &settings](const LifeParts& parts) -> std::unique_ptr<NodeBody> {
      return std::make_unique<BrokerBody>(id, settings, parts);
    };
  }
  return out;
}

BrokerOutcome run(const BrokerPlan& plan) {
  BrokerOutcome out;
  World world(plan.base.seed, plan.base.network);
  RecordHistory history;
  history.set_time([&world] { return world.now(); });
  Leaderships leaderships(out.violations);
  DiskRule disk_rule;
  Violations unfinished;
  const Settings settings = plan.settings();
  const auto made = make_cluster(world, plan, settings);
  SimulatedCluster& cluster = *made;
  std::vector<SimulatedNode*> nodes;
  for (const auto& node : cluster.nodes()) nodes.push_back(node.get());
  Successors successors(nodes, history, [&cluster] { return cluster.last_committed(); });
  history.on_known([&successors](const LogId& id) { successors.look(id); });
  history.on_trimmed([&successors](const LogId& id, Offset to) { successors.look_at_start(id, to); });
  Function<void()> look = [&] {
    for (SimulatedNode* node : nodes) leaderships.look(*node);
    successors.look();
    world.after(end_interval, [&look] { look(); });
  };
  cluster.start();
  look();
  {
    Clients clients(world, history);
    clients.start(plan);
    clients.start_library(plan);
    Nemesis nemesis(world, plan.base, nodes, clients.addresses);
    nemesis.set_disk_rule(
        [&rule = disk_rule](SimulatedNode& node, SimulatedNode& leader) { return rule.may_empty(node, leader); });
    std::string accomplice = clients.next_address();
    Ambush ambush(world, plan.ambushes, milliseconds(plan.lag_max_ms), nodes, nemesis, clients.host.shard(),
                  clients.gate, std::move(accomplice));
    clients.accomplice = &ambush.client();
    nemesis.start();
    ambush.start();
    world.run_for(plan.base.length);
    nemesis.stop();
    clients.finish();
    if (nemesis.has_emptied_disks()) clients.rescue();
    if (!world.run_until([&clients] { return clients.are_done(); }, end_patience))
      unfinished.push_back("R14: not all clients come to their end after the last fault" + clients.who_waits());
    const auto judge = [&](std::string_view when) {
      if (!clients.settle()) {
        unfinished.push_back(
            fmt::format("R14: {} {}{}", when, clients.administrator->missing(), describe_laggards(nodes)));
      } else if (!clients.read_everything()) {
        unfinished.push_back(fmt::format("R14: {} {} cannot be read to where it was", when, clients.unread));
      } else {
        compare_replicas(world, nodes, out.violations, out.batches_compared);
      }
    };
    judge("after the last fault");
    for (SimulatedNode* node : nodes)
      if (node->running()) node->crash(Crash::power_and_cache);
    if (!world.run_until([&] { return std::ranges::all_of(nodes, [](const auto* n) { return n->serving(); }); },
                         end_patience))
      unfinished.push_back("I11: not all nodes serve after the last restart");
    judge("after the last restart");
    cluster.compare_states();
    clients.end();
    out.faults = nemesis.injected();
    out.faults.insert(ambush.injected().begin(), ambush.injected().end());
    out.generations = clients.groups.generations();
    out.commits = clients.groups.commit_count();
    out.storms = clients.administrator->done_so_far();
    for (const auto& committer : clients.committers) out.commits += committer->commits();
  }
  StateLaw law(out.violations);
  for (const Committed& committed : cluster.history().committed) law.apply(committed.txn);
  std::ranges::copy(history.violations(), std::back_inserter(out.violations));
  std::ranges::move(cluster.violations(), std::back_inserter(out.violations));
  std::ranges::move(unfinished, std::back_inserter(out.violations));
  out.acknowledged = history.acknowledged_count();
  out.seen = history.seen_count();
  out.found = history.found_count();
  out.states = law.states();
  out.successors = successors.looked();
  out.simulated = world.now().time_since_epoch();
  out.trace_hash = world.trace_hash();
  return out;
}

}  // namespace holdfast::sim
