// An ensemble of real servers to which one thing after another happens, by chance, under load. HOLDFAST_TEST_SCALE
// times as many; HOLDFAST_TEST_SEED repeats the choices of a run (not its timing).
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "tests/cluster/ensemble_client.h"
#include "tests/cluster/ensemble_processes.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

unsigned number_from(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

class EnsembleFaults : public testing::Test {
 public:
  int any() { return static_cast<int>(random_() % 3) + 1; }
  void kill(const std::set<int>& ids) {
    for (const int id : ids) servers_.signal(id, SIGKILL);
    for (const int id : ids) servers_.kill(id);
  }
  // As long as the others, or those who are left, need to notice.
  void until_others_lead(int id) { ASSERT_NE(servers_.wait_for_leader(servers_.all_but(id)), 0); }

  void one_dies(int id) {
    kill({id});
    if (random_() % 2 == 0) until_others_lead(id);
    servers_.start(id);
  }
  void two_die(int id) {
    const std::set<int> dead = servers_.all_but(id);
    kill(dead);
    for (const int each : dead) servers_.start(each);
  }
  void all_die(int) {
    kill(servers_.all());
    for (const int id : servers_.all()) servers_.start(id);
  }
  void one_stops(int id) {
    EXPECT_EQ(servers_.stop(id), 0);
    servers_.start(id);
  }
  void one_stands_still(int id) {
    servers_.signal(id, SIGSTOP);
    until_others_lead(id);
    servers_.signal(id, SIGCONT);
  }
  void one_is_alone(int id) {
    servers_.isolate(id);
    until_others_lead(id);
    servers_.heal();
  }
  void connections_break(int id) {
    for (const int other : servers_.all_but(id)) servers_.link(id, other).cut();
    if (random_() % 2 == 0) until_others_lead(id);
    servers_.heal();
  }
  // When it has a vote again, another one may fail.
  void one_is_emptied(int id) {
    kill({id});
    for (const auto& entry : std::filesystem::directory_iterator(servers_.data(id)))
      if (entry.path().filename() != "myid") std::filesystem::remove_all(entry.path());
    servers_.start(id);
    ASSERT_NE(servers_.wait_for_leader(), 0);
    ASSERT_TRUE(wait_until([&] { return servers_.mode(id) == "follower" || servers_.mode(id) == "leader"; }));
  }

  const unsigned seed_ = number_from("HOLDFAST_TEST_SEED", std::random_device()());
  std::mt19937 random_{seed_};
  // Snapshots are many, so that who comes back gets one.
  EnsembleProcesses servers_{{.proxied = true, .lines = {"snapCount=1000"}}};
};

TEST_F(EnsembleFaults, NothingThatWasAcknowledgedIsLost) {
  using Fault = void (EnsembleFaults::*)(int);
  const std::pair<const char*, Fault> faults[] = {
      {"one dies", &EnsembleFaults::one_dies},
      {"two die", &EnsembleFaults::two_die},
      {"all die", &EnsembleFaults::all_die},
      {"one stops", &EnsembleFaults::one_stops},
      {"one stands still", &EnsembleFaults::one_stands_still},
      {"one is alone", &EnsembleFaults::one_is_alone},
      {"connections break", &EnsembleFaults::connections_break},
      {"one is emptied", &EnsembleFaults::one_is_emptied},
  };
  servers_.start_all();
  ASSERT_FALSE(HasFatalFailure());
  Load load({servers_.hosts({1, 2, 3}), servers_.hosts({2, 3, 1}), servers_.hosts({3, 1, 2})});
  const unsigned rounds = 8 * number_from("HOLDFAST_TEST_SCALE", 1);
  std::string story;
  for (unsigned round = 0; round < rounds; ++round) {
    const auto& [name, fault] = faults[random_() % std::size(faults)];
    const int id = any();
    story += std::string(name) + " (" + std::to_string(id) + "), ";
    SCOPED_TRACE("seed " + std::to_string(seed_) + ": " + story);
    (this->*fault)(id);
    ASSERT_NE(servers_.wait_for_leader(), 0);
    ASSERT_TRUE(load.wait_for_more(30));
    ASSERT_FALSE(HasFailure());
  }
  load.stop();
  SCOPED_TRACE("seed " + std::to_string(seed_) + ": " + story);
  for (const int id : servers_.all()) load.check(servers_.host(id));
  std::cout << "seed " << seed_ << ": " << load.acknowledged() << " acknowledged, longest pause "
            << load.longest_pause().count() << " ms\n";
}

}  // namespace
}  // namespace holdfast::test
