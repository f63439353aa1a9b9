// EnsembleProcesses: `holdfast server` processes that make an ensemble, each with a zoo.cfg, a myid and a data
// directory, on ports of their own. Servers have the ids 1 to n. When the test has failed, their logs are printed at
// the end.
//
// With `proxied`, each server's zoo.cfg has proxies of its own for the addresses of the others. With `brokers_proxied`
// what they fetch from each other as brokers goes through proxies as well: each has a name, broker-1 and so on, and
// each process its own /etc/hosts, which takes root.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/server_process.h"
#include "tests/cluster/tcp_proxy.h"

namespace holdfast::test {

// Why a process cannot have its own /etc/hosts here; empty: it can.
std::string no_private_mounts();

// Asks again and again until the answer is yes; false: it never was.
bool wait_until(const std::function<bool()>& condition, std::chrono::seconds at_most = std::chrono::seconds(30));

struct EnsembleSettings {
  int voters = 3, observers = 0;
  bool proxied = false;
  bool brokers = false;  // they are a Kafka cluster too
  bool brokers_proxied = false;
  std::vector<std::string> lines{};   // of every zoo.cfg, beside those that make the ensemble
  std::map<int, std::string> data{};  // data directories that are elsewhere
  // Of each server a log directory beside that of its data.
  std::map<int, std::string> second_log_dir{};
};

class EnsembleProcesses {
 public:
  explicit EnsembleProcesses(EnsembleSettings settings = {});
  ~EnsembleProcesses();
  EnsembleProcesses(const EnsembleProcesses&) = delete;
  EnsembleProcesses& operator=(const EnsembleProcesses&) = delete;

  std::set<int> all() const;
  std::set<int> all_but(int id) const;
  void start(int id);  // does not wait
  void start_all();    // until they serve
  void kill(int id);   // SIGKILL, and waits
  int stop(int id);    // SIGTERM, and waits; the exit status
  int wait_for_exit(int id, std::chrono::seconds at_most = std::chrono::seconds(30));  // by itself; -1: it goes on
  void signal(int id, int number);
  void freeze(int id);  // SIGSTOP, and waits: not one of its threads does anything more
  bool running(int id) const { return server(id).pid > 0; }

  // "leader", "follower", "observer", "standalone"; nothing: it takes no clients.
  std::string mode(int id) const;
  // The leader, when all of these serve, under one leader among them; 0: they do not in time.
  int wait_for_leader(const std::set<int>& among, std::chrono::seconds at_most = std::chrono::seconds(30)) const;
  int wait_for_leader() const { return wait_for_leader(all()); }
  bool wait_for_mode(int id, const std::string& wanted) const;

  std::string hosts(const std::vector<int>& ids) const;  // for a client, in this order
  std::string host(int id) const { return hosts({id}); }
  std::uint16_t client_port(int id) const { return server(id).client_port; }
  std::string kafka(const std::vector<int>& ids) const;  // bootstrap servers
  std::string kafka() const;                             // of all
  std::string log(int id) const;
  int lines_with(int id, const std::string& text) const;  // of its log
  std::string data(int id) const { return server(id).data; }
  std::string config_file(int id) const { return server(id).directory + "/zoo.cfg"; }
  std::string server_line(int id, int seen_by) const;  // "server.1=..."
  void write_config(int id, const std::set<int>& members);
  TcpProxy& link(int from, int to) { return *links_.at({from, to}); }  // of the quorum
  // Of all links, the brokers' too where they are proxied.
  void isolate(int id);             // nothing from it or to it arrives
  void separate(int one, int two);  // nor between these
  void mute(int from, int to);      // nothing that one sends arrives at the other
  void heal();

 private:
  struct Server {
    std::string directory, data;
    std::uint16_t client_port = 0, quorum_port = 0, election_port = 0, kafka_port = 0, broker_port = 0;
    bool observer = false;
    pid_t pid = -1;
  };
  Server& server(int id) { return servers_.at(static_cast<std::size_t>(id) - 1); }
  const Server& server(int id) const { return servers_.at(static_cast<std::size_t>(id) - 1); }

  TemporaryDirectory directory_;
  const EnsembleSettings settings_;
  std::vector<Server> servers_;
  using Links = std::map<std::pair<int, int>, std::unique_ptr<TcpProxy>>;  // from, to
  Links links_, broker_links_;
};

}  // namespace holdfast::test
