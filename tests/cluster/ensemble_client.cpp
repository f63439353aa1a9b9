#include "tests/cluster/ensemble_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

namespace holdfast::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

}  // namespace

// ---- One client ----

EnsembleClient::EnsembleClient(const std::string& hosts, milliseconds timeout) {
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  zoo_deterministic_conn_order(1);
  handle_ = zookeeper_init(hosts.c_str(), watcher, static_cast<int>(timeout.count()), nullptr, this, 0);
}

EnsembleClient::~EnsembleClient() { zookeeper_close(handle_); }

void EnsembleClient::watcher(zhandle_t*, int type, int state, const char* path, void* self) {
  auto* c = static_cast<EnsembleClient*>(self);
  const std::lock_guard guard(c->mutex_);
  if (type == ZOO_SESSION_EVENT) {
    c->connected_ = state == ZOO_CONNECTED_STATE;
    c->expired_ = c->expired_ || state == ZOO_EXPIRED_SESSION_STATE;
  } else {
    c->events_.emplace_back(type, path);
  }
  c->changed_.notify_all();
}

template <class Condition>
bool EnsembleClient::wait(std::chrono::seconds at_most, Condition condition) {
  std::unique_lock guard(mutex_);
  return changed_.wait_for(guard, at_most, condition);
}

bool EnsembleClient::wait_connected(std::chrono::seconds at_most) {
  return wait(at_most, [this] { return connected_ || expired_; }) && !expired();
}

bool EnsembleClient::wait_disconnected(std::chrono::seconds at_most) {
  return wait(at_most, [this] { return !connected_; });
}

bool EnsembleClient::wait_event(const Event& event, std::chrono::seconds at_most) {
  return wait(at_most, [&] { return std::ranges::count(events_, event) > 0; });
}

std::vector<EnsembleClient::Event> EnsembleClient::events() {
  const std::lock_guard guard(mutex_);
  return events_;
}

bool EnsembleClient::expired() {
  const std::lock_guard guard(mutex_);
  return expired_;
}

std::uint16_t EnsembleClient::server_port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (!zookeeper_get_connected_host(handle_, reinterpret_cast<sockaddr*>(&address), &size)) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

int EnsembleClient::create(const std::string& path, const std::string& data, int flags) {
  return zoo_create(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), &ZOO_OPEN_ACL_UNSAFE, flags,
                    nullptr, 0);
}

int EnsembleClient::set(const std::string& path, const std::string& data) {
  return zoo_set(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), -1);
}

int EnsembleClient::sync() {
  std::promise<int> done;
  const auto told = [](int rc, const char*, const void* promise) {
    const_cast<std::promise<int>*>(static_cast<const std::promise<int>*>(promise))->set_value(rc);
  };
  const int asked = zoo_async(handle_, "/", told, &done);
  return asked != ZOK ? asked : done.get_future().get();
}

std::optional<std::string> EnsembleClient::get(const std::string& path, bool watch) {
  std::string data(1024, '\0');
  int size = static_cast<int>(data.size());
  if (zoo_get(handle_, path.c_str(), watch ? 1 : 0, data.data(), &size, nullptr) != ZOK) return std::nullopt;
  data.resize(static_cast<std::size_t>(std::max(0, size)));
  return data;
}

std::optional<std::vector<std::string>> EnsembleClient::children(const std::string& path) {
  String_vector found{};
  if (zoo_get_children(handle_, path.c_str(), 0, &found) != ZOK) return std::nullopt;
  std::vector<std::string> out(found.data, found.data + found.count);
  deallocate_String_vector(&found);
  return out;
}

std::int64_t EnsembleClient::owner(const std::string& path) {
  Stat stat;
  return zoo_exists(handle_, path.c_str(), 0, &stat) == ZOK ? stat.ephemeralOwner : -1;
}

// ---- Many that write ----

struct Load::Writer {
  std::string path, alive;
  EnsembleClient client;
  std::int64_t session = 0;
  std::mutex mutex;  // of what follows
  std::condition_variable more;
  int tried = 0;
  std::set<int> acknowledged;
  std::string fault;  // what ended it
  Clock::time_point last{};
  milliseconds longest{0};
  std::thread thread;

  Writer(std::size_t number, const std::string& hosts)
      : path("/load/" + std::to_string(number)), alive("/alive/" + std::to_string(number)), client(hosts) {}
};

Load::Load(const std::vector<std::string>& hosts_of_each) {
  for (const std::string& hosts : hosts_of_each) {
    writers_.push_back(std::make_unique<Writer>(writers_.size(), hosts));
    Writer& w = *writers_.back();
    EXPECT_TRUE(w.client.wait_connected());
    w.session = w.client.session();
    for (const char* parent : {"/load", "/alive"}) w.client.create(parent);
    EXPECT_EQ(w.client.create(w.path), ZOK);
    EXPECT_EQ(w.client.create(w.alive, {}, ZOO_EPHEMERAL), ZOK);
  }
  for (const auto& w : writers_) w->thread = std::thread([this, writer = w.get()] { write(*writer); });
}

Load::~Load() { stop(); }

void Load::write(Writer& w) {
  w.last = Clock::now();
  while (!stopping_) {
    const std::string number = std::to_string(w.tried + 1);
    const std::string node = w.path + "/" + number;
    {
      const std::lock_guard guard(w.mutex);
      ++w.tried;
    }
    zoo_op_t ops[2];
    zoo_create_op_init(&ops[0], node.c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    zoo_set_op_init(&ops[1], w.path.c_str(), number.data(), static_cast<int>(number.size()), -1, nullptr);
    zoo_op_result_t results[2];
    const int rc = zoo_multi(w.client.handle(), 2, ops, results);
    if (rc == ZOK) {
      const std::lock_guard guard(w.mutex);
      w.acknowledged.insert(w.tried);
      const auto now = Clock::now();
      w.longest = std::max(w.longest, std::chrono::duration_cast<milliseconds>(now - w.last));
      w.last = now;
      w.more.notify_all();
    } else if (is_unknown(rc)) {
      while (!stopping_ && !w.client.expired() && !w.client.wait_connected(std::chrono::seconds(1))) {
      }
    }
    if ((rc != ZOK && !is_unknown(rc)) || w.client.expired()) {
      const std::lock_guard guard(w.mutex);
      w.fault = node + ": " + zerror(rc) + (w.client.expired() ? ", and the session has expired" : "");
      w.more.notify_all();
      return;
    }
  }
}

bool Load::wait_for_more(int acknowledged, std::chrono::seconds at_most) {
  const auto deadline = Clock::now() + at_most;
  const auto wanted = static_cast<std::size_t>(acknowledged);
  std::vector<std::size_t> before;
  for (const auto& w : writers_) {
    const std::lock_guard guard(w->mutex);
    before.push_back(w->acknowledged.size());
  }
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    Writer& w = *writers_[i];
    std::unique_lock guard(w.mutex);
    const auto enough = [&] { return w.acknowledged.size() >= before[i] + wanted || !w.fault.empty(); };
    if (!w.more.wait_until(guard, deadline, enough) || !w.fault.empty()) {
      ADD_FAILURE() << w.path << " got " << w.acknowledged.size() - before[i] << " of " << acknowledged
                    << " acknowledgements. " << w.fault;
      return false;
    }
  }
  return true;
}

void Load::stop() {
  stopping_ = true;
  for (const auto& w : writers_) {
    if (w->thread.joinable()) w->thread.join();
    EXPECT_EQ(w->fault, "");
  }
}

void Load::check(const std::string& host) {
  SCOPED_TRACE("at " + host);
  EnsembleClient reader(host);
  ASSERT_TRUE(reader.wait_connected());
  ASSERT_EQ(reader.sync(), ZOK);
  for (const auto& w : writers_) {
    const auto names = reader.children(w->path);
    ASSERT_TRUE(names) << w->path;
    std::set<int> there;
    for (const std::string& name : *names) there.insert(std::stoi(name));
    std::vector<int> lost;
    std::ranges::set_difference(w->acknowledged, there, std::back_inserter(lost));
    EXPECT_TRUE(lost.empty()) << w->path << ": " << lost.size() << " acknowledged writes are lost, first "
                              << lost.front() << ", last " << lost.back() << " of " << w->tried;
    if (there.empty()) continue;
    EXPECT_LE(*there.rbegin(), w->tried);
    EXPECT_EQ(reader.get(w->path), std::to_string(*there.rbegin())) << "both of a transaction's operations, or none";
    EXPECT_EQ(reader.owner(w->alive), w->session) << w->alive;
    EXPECT_EQ(w->client.session(), w->session);
  }
}

milliseconds Load::longest_pause() const {
  milliseconds out{0};
  for (const auto& w : writers_) {
    const std::lock_guard guard(w->mutex);
    out = std::max(out, w->longest);
  }
  return out;
}

std::size_t Load::acknowledged() const {
  std::size_t out = 0;
  for (const auto& w : writers_) {
    const std::lock_guard guard(w->mutex);
    out += w->acknowledged.size();
  }
  return out;
}

}  // namespace holdfast::test
