#include "tests/cluster/ensemble_processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace holdfast::test {
namespace {

using Clock = std::chrono::steady_clock;

// All different: none is given back before all are chosen.
std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<int> bound;
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bound.push_back(fd);
    sockaddr_in at{};
    at.sin_family = AF_INET;  // every address: the proxies' are others than the servers'
    socklen_t size = sizeof at;
    if (bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0)
      ADD_FAILURE() << "no free port";
    out.push_back(ntohs(at.sin_port));
  }
  for (const int fd : bound) close(fd);
  return out;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (!file.flush()) ADD_FAILURE() << path << " cannot be written";
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string proxy_address(int from, int to) { return fmt::format("127.1.{}.{}", from, to); }

int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// What this process, and what it becomes, has at `path` from now on.
bool mount_privately(const std::string& what, const char* path) {
  return unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount(what.c_str(), path, nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

std::string no_private_mounts() {
  const pid_t child = fork();
  if (child == 0) _exit(mount_privately("/etc/hosts", "/etc/hosts") ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  const int error = exit_status(status);
  return error == 0 ? std::string() : std::string("a mount namespace: ") + std::strerror(error);
}

bool wait_until(const std::function<bool()>& condition, std::chrono::seconds at_most) {
  const auto deadline = Clock::now() + at_most;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

EnsembleProcesses::EnsembleProcesses(EnsembleSettings settings) : settings_(std::move(settings)) {
  const int count = settings_.voters + settings_.observers;
  const auto ports = free_ports(static_cast<std::size_t>(count) * 5);
  servers_.resize(static_cast<std::size_t>(count));
  for (int id = 1; id <= count; ++id) {
    Server& s = server(id);
    const std::uint16_t* chosen = &ports[(static_cast<std::size_t>(id) - 1) * 5];
    s.client_port = chosen[0];
    s.quorum_port = chosen[1];
    s.election_port = chosen[2];
    s.kafka_port = chosen[3];
    s.broker_port = chosen[4];
    s.observer = id > settings_.voters;
    s.directory = fmt::format("{}/{}", directory_.path(), id);
    const auto elsewhere = settings_.data.find(id);
    s.data = elsewhere == settings_.data.end() ? s.directory + "/data" : elsewhere->second;
    std::filesystem::create_directories(s.directory);
    std::filesystem::create_directories(s.data);
    write_file(s.data + "/myid", fmt::format("{}\n", id));
  }
  for (const int id : all()) write_config(id, all());
  const auto make = [this](Links& links, std::uint16_t Server::* port) {
    for (const int from : all())
      for (const int to : all_but(from)) {
        const std::uint16_t target = server(to).*port;
        links.emplace(std::pair(from, to), std::make_unique<TcpProxy>(proxy_address(from, to), target, target));
      }
  };
  if (settings_.proxied) make(links_, &Server::quorum_port);
  if (!settings_.brokers_proxied) return;
  make(broker_links_, &Server::broker_port);
  for (const int from : all()) {
    std::string hosts = "127.0.0.1 localhost\n";
    for (const int to : all())
      hosts += fmt::format("{} broker-{}\n", from == to ? "127.0.0.1" : proxy_address(from, to), to);
    write_file(server(from).directory + "/hosts", hosts);
  }
}

EnsembleProcesses::~EnsembleProcesses() {
  for (const int id : all()) kill(id);
  if (!testing::Test::HasFailure()) return;
  for (const int id : all()) fmt::print(stderr, "---- the log of server {}\n{}", id, log(id));
}

std::string EnsembleProcesses::server_line(int id, int seen_by) const {
  const Server& s = server(id);
  const std::string host = settings_.proxied && id != seen_by ? proxy_address(seen_by, id) : "127.0.0.1";
  return fmt::format("server.{}={}:{}:{}:{};127.0.0.1:{}", id, host, s.quorum_port, s.election_port,
                     s.observer ? "observer" : "participant", s.client_port);
}

void EnsembleProcesses::write_config(int id, const std::set<int>& members) {
  std::string text = fmt::format(
      "tickTime=1000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nadmin.enableServer=false\n4lw.commands.whitelist=*\n",
      server(id).data);
  const std::string clients = fmt::format("PLAINTEXT://127.0.0.1:{}", server(id).kafka_port);
  if (settings_.brokers_proxied) {
    const std::uint16_t port = server(id).broker_port;
    text += fmt::format("listeners={},BROKERS://127.0.0.1:{}\n", clients, port);
    text += fmt::format("advertised.listeners={},BROKERS://broker-{}:{}\n", clients, id, port);
    text += "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,BROKERS:PLAINTEXT\n";
    text += "inter.broker.listener.name=BROKERS\n";
  } else if (settings_.brokers) {
    text += fmt::format("listeners={}\n", clients);
  }
  for (const std::string& line : settings_.lines) text += line + "\n";
  if (const auto second = settings_.second_log_dir.find(id); second != settings_.second_log_dir.end())
    text += fmt::format("log.dirs={},{}\n", server(id).data, second->second);
  for (const int member : members) text += server_line(member, id) + "\n";
  write_file(config_file(id), text);
}

std::set<int> EnsembleProcesses::all() const {
  std::set<int> out;
  for (std::size_t i = 1; i <= servers_.size(); ++i) out.insert(static_cast<int>(i));
  return out;
}

std::set<int> EnsembleProcesses::all_but(int id) const {
  std::set<int> out = all();
  out.erase(id);
  return out;
}

// ---- Processes ----

void EnsembleProcesses::start(int id) {
  Server& s = server(id);
  ASSERT_FALSE(running(id));
  const std::string file = config_file(id);
  const int log = open((s.directory + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  ASSERT_GE(log, 0);
  s.pid = fork();
  if (s.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // no server outlives its test
    dup2(log, 1);
    dup2(log, 2);
    if (settings_.brokers_proxied && !mount_privately(s.directory + "/hosts", "/etc/hosts")) _exit(126);
    execl(HOLDFAST_BINARY, HOLDFAST_BINARY, "server", "--config", file.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(log);
}

void EnsembleProcesses::start_all() {
  for (const int id : all()) start(id);
  ASSERT_NE(wait_for_leader(), 0) << "no leader";
}

void EnsembleProcesses::signal(int id, int number) {
  if (running(id)) ::kill(server(id).pid, number);
}

void EnsembleProcesses::freeze(int id) {
  if (!running(id)) return;
  signal(id, SIGSTOP);
  waitpid(server(id).pid, nullptr, WUNTRACED);
}

void EnsembleProcesses::kill(int id) {
  if (!running(id)) return;
  signal(id, SIGKILL);
  waitpid(server(id).pid, nullptr, 0);
  server(id).pid = -1;
}

int EnsembleProcesses::stop(int id) {
  signal(id, SIGTERM);
  return wait_for_exit(id);
}

int EnsembleProcesses::wait_for_exit(int id, std::chrono::seconds at_most) {
  if (!running(id)) return -1;
  int status = 0;
  const bool ended = wait_until([&] { return waitpid(server(id).pid, &status, WNOHANG) > 0; }, at_most);
  if (!ended) return -1;
  server(id).pid = -1;
  return exit_status(status);
}

// ---- What they say ----

std::string EnsembleProcesses::mode(int id) const {
  if (!running(id)) return {};
  const std::string label = "Mode: ", said = exchange(client_port(id), "srvr", 2);
  const auto at = said.find(label);
  if (at == said.npos) return {};
  const auto begin = at + label.size();
  return said.substr(begin, said.find('\n', begin) - begin);
}

int EnsembleProcesses::wait_for_leader(const std::set<int>& among, std::chrono::seconds at_most) const {
  int found = 0;
  const auto one_leads = [&] {
    found = 0;
    int leaders = 0;
    for (const int id : among) {
      const std::string said = mode(id);
      if (said.empty()) return false;
      if (said == "leader") found = id, ++leaders;
    }
    return leaders == 1;
  };
  if (wait_until(one_leads, at_most)) return found;
  ADD_FAILURE() << fmt::format("no leader of servers {}", among);
  return 0;
}

bool EnsembleProcesses::wait_for_mode(int id, const std::string& wanted) const {
  return wait_until([&] { return mode(id) == wanted; });
}

std::string EnsembleProcesses::hosts(const std::vector<int>& ids) const {
  std::string out;
  for (const int id : ids) out += fmt::format("{}127.0.0.1:{}", out.empty() ? "" : ",", client_port(id));
  return out;
}

std::string EnsembleProcesses::kafka(const std::vector<int>& ids) const {
  std::string out;
  for (const int id : ids) out += fmt::format("{}127.0.0.1:{}", out.empty() ? "" : ",", server(id).kafka_port);
  return out;
}

std::string EnsembleProcesses::kafka() const {
  const std::set<int> ids = all();
  return kafka({ids.begin(), ids.end()});
}

std::string EnsembleProcesses::log(int id) const { return read_file(server(id).directory + "/log"); }

int EnsembleProcesses::lines_with(int id, const std::string& text) const {
  std::stringstream lines(log(id));
  int out = 0;
  for (std::string line; std::getline(lines, line);) out += line.find(text) != line.npos;
  return out;
}

// ---- Between them ----

void EnsembleProcesses::isolate(int id) {
  for (const int other : all_but(id)) separate(id, other);
}

void EnsembleProcesses::separate(int one, int two) {
  for (const Links* links : {&links_, &broker_links_})
    for (const auto& [pair, proxy] : *links)
      if (pair == std::pair(one, two) || pair == std::pair(two, one)) proxy->hold();
}

void EnsembleProcesses::mute(int from, int to) {
  for (const Links* links : {&links_, &broker_links_})
    for (const auto& [pair, proxy] : *links) {
      if (pair == std::pair(from, to)) proxy->hold_there();
      if (pair == std::pair(to, from)) proxy->hold_back();
    }
}

void EnsembleProcesses::heal() {
  for (const Links* links : {&links_, &broker_links_})
    for (const auto& [_, proxy] : *links) proxy->pass();
}

}  // namespace holdfast::test
