// Two brokers that could be the controller, on one ensemble, and others of which only the registrations exist: who
// leads, what it does when brokers go and come, and that one which was replaced does nothing any more.
#include "broker/controller_driver.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <future>
#include <thread>

#include "broker/metadata_watcher.h"
#include "broker/topic_admin.h"

namespace holdfast {
namespace {

using Ops = std::vector<Ensemble::Op>;
using Ids = std::vector<std::int32_t>;
constexpr std::int32_t ephemeral = 1;

class ControllerDriverTest : public ::testing::Test {
 protected:
  // A broker's part in this: its image, its administrator, its controller.
  struct Candidate {
    BrokerServices services;
    std::unique_ptr<TopicAdmin> admin;
    std::unique_ptr<ControllerDriver> driver;
    std::unique_ptr<MetadataWatcher> watcher;
  };

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-controller-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }

  void TearDown() override {
    wait_for<bool>([this] { return stop(); });
    logs_->stop();
    shards_->stop();
    candidates_.clear();
    ensemble_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    shards_ = std::make_unique<Shards>(1);
    LogManagerOptions log_options;
    log_options.log_dirs = {directory_};
    logs_ =
        std::make_unique<LogManager>(log_options, system_disk(), system_workers(), system_clock(), *random_, metrics_);
    ASSERT_TRUE(logs_->start(
        *shards_, [this](const LogId&) -> Shard& { return shards_->at(0); },
        [](const std::string&) { return LogConfig{}; }));
    EnsembleOptions options;
    options.client = {"127.0.0.1", 0};
    options.data_dir = directory_ + "/coordination";
    ensemble_ = std::make_unique<Ensemble>(options, shards_->at(0), *logs_, system_network(), system_disk(),
                                           system_workers(), system_clock(), *random_, metrics_);
    ASSERT_TRUE(ensemble_->listen());
    broker_metrics_ = std::make_unique<BrokerMetrics>(metrics_);
    for (const std::int32_t id : {1, 2}) candidates_[id] = candidate(id);
    shards_->start();
    ASSERT_TRUE(wait_for<Result<void>>([this] { return ensemble_->start(); }));
    session_ = open_session();
    Ops ops;
    for (const std::string& path : znodes::persistent_paths()) ops.push_back(Ensemble::Create{path, {}, true, 0});
    ops.push_back(Ensemble::Create{std::string(znodes::controller_epoch), "0"});
    ASSERT_EQ(submit(std::move(ops)), zk::ZkError::ok);
    on_shard([this] {
      for (auto& [_, c] : candidates_) c->watcher->start();
      return true;
    });
  }

  std::unique_ptr<Candidate> candidate(std::int32_t id) {
    auto out = std::make_unique<Candidate>();
    BrokerServices& services = out->services;
    services.config = &config;
    services.shards = shards_.get();
    services.logs = logs_.get();
    services.ensemble = ensemble_.get();
    services.network = &system_network();
    services.random = random_.get();
    services.metrics = broker_metrics_.get();
    services.registry = &metrics_;
    services.node_id = id;
    services.peers.push_back(std::make_unique<BrokerShard>(shards_->at(0), services));
    BrokerShard& broker = *services.peers.front();
    out->admin = std::make_unique<TopicAdmin>(broker, *ensemble_, *random_);
    services.admin = out->admin.get();
    out->driver = std::make_unique<ControllerDriver>(broker, *ensemble_);
    out->watcher = std::make_unique<MetadataWatcher>(*ensemble_, services);
    out->watcher->on_change([driver = out->driver.get()](const MetadataDelta& delta) { driver->on_image(delta); });
    return out;
  }

  Task<bool> stop() {
    for (auto& [_, c] : candidates_) {
      co_await c->driver->stop();
      co_await c->services.peers.front()->stop();
    }
    co_await ensemble_->stop();
    co_return true;
  }

  // ---- What tests do ----

  Task<bool> hand_over(std::int32_t id) {
    co_await driver(id).hand_over();
    co_return true;
  }

  SessionId open_session() {
    const auto opened =
        wait_for<Result<SessionId>>([this] { return ensemble_->open_session(std::chrono::seconds(30)); });
    EXPECT_TRUE(opened);
    return opened.value_or(SessionId(0));
  }
  SessionId join(std::int32_t id) {
    const SessionId session = open_session();
    on_shard([this, id, session] {
      candidates_[id]->admin->set_session(session);
      candidates_[id]->driver->on_session(session);
      return true;
    });
    return session;
  }
  void lose_session(std::int32_t id) {
    on_shard([this, id] {
      candidates_[id]->driver->on_session_lost();
      return true;
    });
    // With a session its ephemerals go.
    if (holder() == id) EXPECT_EQ(submit({Ensemble::Delete{"/controller"}}), zk::ZkError::ok);
  }
  zk::ZkError submit(Ops ops) {
    auto done =
        wait_for<Result<Ensemble::MultiResult>>([this, &ops] { return ensemble_->submit(session_, std::move(ops)); });
    return done ? done->error : zk::ZkError::connection_loss;
  }
  void broker_comes(std::int32_t id) {
    znodes::Broker broker;
    broker.listeners.push_back({"PLAINTEXT", "localhost", 9092, "PLAINTEXT"});
    EXPECT_EQ(submit({Ensemble::Create{znodes::broker_path(id), znodes::encode(broker), false, ephemeral}}),
              zk::ZkError::ok);
  }
  void broker_goes(std::int32_t id) { EXPECT_EQ(submit({Ensemble::Delete{znodes::broker_path(id)}}), zk::ZkError::ok); }
  void create(const std::string& name, std::map<std::int32_t, Ids> assignments) {
    NewTopic topic;
    topic.name = name;
    topic.assignments = std::move(assignments);
    const auto made = wait_for<CreatedTopic>([this, &topic] { return admin().create(topic, false); });
    EXPECT_EQ(made.answer.error, wire::ErrorCode::none) << made.answer.message;
  }
  TopicAdmin& admin() { return *candidates_[1]->admin; }
  TopicAdmin* candidate_admin(std::int32_t id) { return candidates_[id]->admin.get(); }
  ControllerDriver& driver(std::int32_t id) { return *candidates_[id]->driver; }
  const Metadata& driver_image() { return candidates_[1]->services.peers.front()->metadata(); }

  // ---- What they see ----

  std::string data(const std::string& path) {
    return on_shard([this, &path] {
      const zk::Znode* node = ensemble_->tree().find(path);
      return node ? std::string(as_text(node->data.view())) : std::string("nothing");
    });
  }
  std::int32_t holder() { return znodes::decode_controller(data("/controller")).value_or(-1); }
  znodes::PartitionState state(const std::string& topic, std::int32_t partition) {
    return znodes::decode_partition_state(data(znodes::state_path(topic, partition)))
        .value_or(znodes::PartitionState{.leader = -2, .isr = {}});
  }
  bool leads(std::int32_t id) {
    return on_shard([this, id] { return driver(id).leads(); });
  }
  // False if it does not come to be.
  template <class F>
  bool comes(F condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the shard has other things to do than to answer
    }
    return true;
  }
  std::int64_t last_applied() {
    return on_shard([this] { return ensemble_->last_applied().value; });
  }
  bool leader_is(const std::string& topic, std::int32_t partition, std::int32_t leader) {
    return comes([&] { return state(topic, partition).leader == leader; });
  }

  template <class F>
  std::invoke_result_t<F> on_shard(F work) {
    std::promise<std::invoke_result_t<F>> done;
    shards_->at(0).post([&] { done.set_value(work()); });
    return done.get_future().get();
  }
  template <class T>
  T wait_for(Function<Task<T>()> make) {
    std::promise<T> done;
    shards_->at(0).post([&] { shards_->at(0).spawn(gate_, finish(std::move(make), done)); });
    return done.get_future().get();
  }
  template <class T>
  static Task<void> finish(Function<Task<T>()> make, std::promise<T>& done) {
    auto task = make();
    auto value = co_await std::move(task);
    done.set_value(std::move(value));
  }

  // What came of the administrative requests that `requests` begins, all in one go.
  std::vector<AdminAnswer> at_once(Function<void(Function<void(Function<Task<AdminAnswer>()>)>)> requests) {
    std::deque<std::promise<AdminAnswer>> done;
    on_shard([&] {
      requests([&](Function<Task<AdminAnswer>()> make) {
        shards_->at(0).spawn(gate_, finish(std::move(make), done.emplace_back()));
      });
      return true;
    });
    std::vector<AdminAnswer> out;
    for (auto& promise : done) out.push_back(promise.get_future().get());
    return out;
  }

  Config config = Config::defaults();

 private:
  std::string directory_;
  Metrics metrics_;
  std::unique_ptr<BrokerMetrics> broker_metrics_;
  std::unique_ptr<Random> random_ = system_random();
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<LogManager> logs_;
  std::unique_ptr<Ensemble> ensemble_;
  std::map<std::int32_t, std::unique_ptr<Candidate>> candidates_;
  SessionId session_{0};
  Gate gate_;
};

TEST_F(ControllerDriverTest, TheFirstToComeIsTheControllerAndTheNextOneWaits) {
  start();
  join(1);
  ASSERT_TRUE(comes([&] { return leads(1); }));
  EXPECT_EQ(holder(), 1);
  EXPECT_EQ(data("/controller_epoch"), "1");
  join(2);
  lose_session(1);
  ASSERT_TRUE(comes([&] { return leads(2); }));
  EXPECT_FALSE(leads(1));
  EXPECT_EQ(holder(), 2);
  EXPECT_EQ(data("/controller_epoch"), "2");
}

TEST_F(ControllerDriverTest, ANodeTakesOverFromItsOwnFormerSession) {
  start();
  EXPECT_EQ(submit({Ensemble::Create{"/controller", znodes::encode_controller(1, 0), false, ephemeral}}),
            zk::ZkError::ok);
  join(2);
  join(1);
  ASSERT_TRUE(comes([&] { return leads(1); }));
  EXPECT_FALSE(leads(2));
}

TEST_F(ControllerDriverTest, LeadersAreReplacedWhenTheirBrokerGoes) {
  start();
  for (const int id : {11, 12, 13}) broker_comes(id);
  join(1);
  create("t", {{0, {11, 12}}, {1, {12, 11}}});
  create("single", {{0, {11}}});
  broker_goes(11);
  ASSERT_TRUE(leader_is("t", 0, 12));
  ASSERT_TRUE(leader_is("single", 0, -1));
  EXPECT_EQ(state("t", 0).leader_epoch, 1);
  EXPECT_EQ(state("t", 0).controller_epoch, 1);
  EXPECT_EQ(state("t", 0).isr, Ids{12});
  EXPECT_EQ(state("t", 1).leader_epoch, 0);
  EXPECT_EQ(state("single", 0).isr, Ids{});
  EXPECT_EQ(state("single", 0).elr, Ids{11});
  broker_comes(11);
  ASSERT_TRUE(leader_is("single", 0, 11));
  EXPECT_EQ(state("single", 0).leader_epoch, 2);
}

TEST_F(ControllerDriverTest, WhatHappenedWithoutAControllerIsMadeUpFor) {
  start();
  for (const int id : {11, 12}) broker_comes(id);
  join(1);
  create("t", {{0, {11, 12}}});
  ASSERT_TRUE(comes([&] { return leads(1); }));
  lose_session(1);
  broker_goes(11);
  broker_comes(11);  // in a new life, that nobody saw begin
  EXPECT_EQ(state("t", 0).leader, 11);
  join(2);
  ASSERT_TRUE(leader_is("t", 0, 12));
  EXPECT_EQ(state("t", 0).leader_epoch, 1);
  EXPECT_EQ(state("t", 0).controller_epoch, 2);
}

TEST_F(ControllerDriverTest, ADisplacedControllerStops) {
  start();
  join(1);
  ASSERT_TRUE(comes([&] { return leads(1); }));
  EXPECT_EQ(submit({Ensemble::Delete{"/controller"},
                    Ensemble::Create{"/controller", znodes::encode_controller(7, 0), false, ephemeral},
                    Ensemble::Set{"/controller_epoch", "8"}}),
            zk::ZkError::ok);
  EXPECT_FALSE(leads(1));
  EXPECT_EQ(submit({Ensemble::Delete{"/controller"}}), zk::ZkError::ok);
  ASSERT_TRUE(comes([&] { return leads(1); }));
  EXPECT_EQ(data("/controller_epoch"), "9");
}

TEST_F(ControllerDriverTest, ThreeThousandLeadershipsMoveInAFewWrites) {
  start();
  for (const int id : {11, 12, 13}) broker_comes(id);
  join(1);
  constexpr std::int32_t partitions = 3333;
  std::map<std::int32_t, Ids> assignments;
  for (std::int32_t p = 0; p < partitions; ++p) assignments[p] = {11, p % 2 ? 12 : 13};
  create("wide", std::move(assignments));
  const std::int64_t before = last_applied();
  broker_goes(11);
  ASSERT_TRUE(comes([&] {
    return on_shard([this] {
      const TopicPtr topic = driver_image().topic("wide");
      return std::ranges::all_of(topic->partitions, [](const PartitionImage& p) { return p.leader >= 12; });
    });
  }));
  // Two hundred partitions a write, and the end of the broker's registration.
  EXPECT_LE(last_applied() - before, 17 + 1);
}

TEST_F(ControllerDriverTest, LeadershipReturnsToPreferredReplicas) {
  ASSERT_TRUE(config.set("leader.imbalance.check.interval.seconds", "1", "test"));
  start();
  for (const int id : {11, 12}) broker_comes(id);
  join(1);
  create("t", {{0, {11, 12}}});
  broker_goes(11);
  ASSERT_TRUE(leader_is("t", 0, 12));
  broker_comes(11);
  znodes::PartitionState caught_up = state("t", 0);
  caught_up.isr = {12, 11};
  EXPECT_EQ(submit({Ensemble::Set{znodes::state_path("t", 0), znodes::encode(caught_up)}}), zk::ZkError::ok);
  ASSERT_TRUE(leader_is("t", 0, 11));
  EXPECT_EQ(state("t", 0).leader_epoch, 2);
  EXPECT_EQ(state("t", 0).isr, (Ids{12, 11}));
}

TEST_F(ControllerDriverTest, AReassignmentIsFinishedWhenTheLeaderTookTheNewReplicaIn) {
  start();
  for (const int id : {11, 12, 13}) broker_comes(id);
  join(1);
  create("t", {{0, {11, 12}}});
  const auto answers = wait_for<std::vector<AdminAnswer>>([this] {
    return admin().reassign({Reassignment{{"t", 0}, Ids{13, 12}}, Reassignment{{"t", 5}, Ids{13}}}, true);
  });
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].error, wire::ErrorCode::none);
  EXPECT_EQ(answers[1].error, wire::ErrorCode::unknown_topic_or_partition);
  const auto moving = znodes::decode_topic(data("/brokers/topics/t"));
  ASSERT_TRUE(moving);
  EXPECT_EQ(moving->replicas.at(0), (Ids{13, 12, 11}));
  EXPECT_EQ(moving->adding.at(0), Ids{13});
  EXPECT_EQ(moving->removing.at(0), Ids{11});
  znodes::PartitionState caught_up = state("t", 0);
  caught_up.isr = {11, 12, 13};
  EXPECT_EQ(submit({Ensemble::Set{znodes::state_path("t", 0), znodes::encode(caught_up)}}), zk::ZkError::ok);
  ASSERT_TRUE(leader_is("t", 0, 13));
  EXPECT_EQ(state("t", 0).isr, (Ids{12, 13}));
  const auto done = znodes::decode_topic(data("/brokers/topics/t"));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->replicas.at(0), (Ids{13, 12}));
  EXPECT_TRUE(done->adding.empty() && done->removing.empty());
}

TEST_F(ControllerDriverTest, AnyBrokerCarriesOutElections) {
  start();
  for (const int id : {11, 12}) broker_comes(id);
  join(1);
  join(2);
  create("t", {{0, {11, 12}}, {1, {12, 11}}});
  broker_goes(11);
  ASSERT_TRUE(leader_is("t", 0, 12));
  broker_comes(11);
  znodes::PartitionState caught_up = state("t", 0);
  caught_up.isr = {12, 11};
  EXPECT_EQ(submit({Ensemble::Set{znodes::state_path("t", 0), znodes::encode(caught_up)}}), zk::ZkError::ok);
  TopicAdmin& other = *candidate_admin(2);
  const auto answers = wait_for<std::vector<AdminAnswer>>(
      [&other] { return other.elect(ElectionType::preferred, {{"t", 0}, {"t", 1}, {"u", 0}}); });
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].error, wire::ErrorCode::none);
  EXPECT_EQ(answers[1].error, wire::ErrorCode::election_not_needed);
  EXPECT_EQ(answers[2].error, wire::ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(state("t", 0).leader, 11);
}

TEST_F(ControllerDriverTest, ABrokerHandsOverBeforeItStopsThoughAnotherIsTheController) {
  start();
  for (const int id : {1, 11}) broker_comes(id);
  join(2);
  ASSERT_TRUE(comes([&] { return leads(2); }));
  join(1);
  create("t", {{0, {1, 11}}, {1, {11, 1}}});
  create("single", {{0, {1}}});
  EXPECT_TRUE(wait_for<bool>([this] { return hand_over(1); }));
  EXPECT_EQ(state("t", 0).leader, 11);
  EXPECT_EQ(state("t", 0).leader_epoch, 1);
  EXPECT_EQ(state("t", 0).isr, Ids{11});
  EXPECT_EQ(state("t", 1).leader_epoch, 0);
  EXPECT_EQ(state("t", 1).isr, Ids{11});
  EXPECT_EQ(state("single", 0).leader, 1);
}

TEST_F(ControllerDriverTest, ChangesOfOneSetOfConfigsThroughTwoBrokersAreAllKept) {
  start();
  broker_comes(11);
  join(1);
  join(2);
  create("t", {{0, {11}}});
  znodes::Configs wanted;
  for (int i = 0; i < 20; ++i) wanted.emplace("key" + std::to_string(i), std::to_string(i));
  for (const bool topics : {true, false}) {
    // All are begun before the first one is written.
    const auto answers = at_once([&](Function<void(Function<Task<AdminAnswer>()>)> begin) {
      std::int32_t broker = 1;
      for (const auto& [key, value] : wanted) {
        auto change = [key, value](znodes::Configs& configs) {
          configs[key] = value;
          return AdminAnswer{};
        };
        TopicAdmin& through = *candidate_admin(broker);
        begin([&through, topics, change] {
          return topics ? through.change_topic_configs("t", change) : through.change_broker_configs("11", change);
        });
        broker = 3 - broker;
      }
    });
    for (const AdminAnswer& answer : answers) EXPECT_EQ(answer.error, wire::ErrorCode::none) << answer.message;
    const auto kept =
        znodes::decode_configs(data(znodes::config_path(topics ? "topics" : "brokers", topics ? "t" : "11")));
    ASSERT_TRUE(kept);
    EXPECT_EQ(*kept, wanted);
  }
}

TEST_F(ControllerDriverTest, WithoutASessionNothingIsWritten) {
  start();
  broker_comes(11);
  NewTopic topic;
  topic.name = "t";
  const auto refused = wait_for<CreatedTopic>([this, &topic] { return admin().create(topic, false); });
  EXPECT_EQ(refused.answer.error, wire::ErrorCode::broker_not_available);
  EXPECT_EQ(data("/brokers/topics/t"), "nothing");
}

}  // namespace
}  // namespace holdfast
