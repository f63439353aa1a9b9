// A session of the ZooKeeper C client with an ensemble, and clients that write as fast as they are answered and
// remember what they were told.
#pragma once

#include <zookeeper/zookeeper.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::test {

// The client does not know whether it was carried out.
inline bool is_unknown(int rc) { return rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT; }

class EnsembleClient {
 public:
  using Event = std::pair<int, std::string>;  // type, path

  // Goes to the first of `hosts` that answers, and when it loses that one, to those after it.
  explicit EnsembleClient(const std::string& hosts, std::chrono::milliseconds timeout = std::chrono::seconds(8));
  ~EnsembleClient();
  EnsembleClient(const EnsembleClient&) = delete;
  EnsembleClient& operator=(const EnsembleClient&) = delete;

  bool wait_connected(std::chrono::seconds at_most = std::chrono::seconds(30));
  bool wait_disconnected(std::chrono::seconds at_most = std::chrono::seconds(30));
  bool wait_event(const Event& event, std::chrono::seconds at_most = std::chrono::seconds(30));
  std::vector<Event> events();
  bool expired();
  std::int64_t session() const { return zoo_client_id(handle_)->client_id; }
  std::uint16_t server_port() const;  // of the server that it is connected to; 0: none
  zhandle_t* handle() const { return handle_; }

  int create(const std::string& path, const std::string& data = {}, int flags = 0);
  int set(const std::string& path, const std::string& data);
  int sync();  // what anybody was told is read after this
  std::optional<std::string> get(const std::string& path, bool watch = false);  // nothing: it cannot be read
  std::optional<std::vector<std::string>> children(const std::string& path);
  std::int64_t owner(const std::string& path);  // the session of an ephemeral; -1: there is no such znode

 private:
  static void watcher(zhandle_t*, int type, int state, const char* path, void* self);
  template <class Condition>
  bool wait(std::chrono::seconds at_most, Condition condition);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  bool connected_ = false, expired_ = false;
  zhandle_t* handle_ = nullptr;
};

// Clients that each create /load/N/1, /load/N/2, ... and set /load/N to the number in the same transaction. Each owns
// the ephemeral /alive/N. A number is tried once.
class Load {
 public:
  Load(const std::vector<std::string>& hosts_of_each);  // the connect strings; writing begins now
  ~Load();

  bool wait_for_more(int acknowledged, std::chrono::seconds at_most = std::chrono::seconds(60));  // of each, from now
  void stop();  // to write; the sessions stay
  // That the server at `host` has all that was acknowledged to anybody, nothing that nobody asked for, and the
  // sessions.
  void check(const std::string& host);
  std::chrono::milliseconds longest_pause() const;  // between two acknowledgements of the same client
  std::size_t acknowledged() const;

 private:
  struct Writer;
  void write(Writer& writer);

  std::vector<std::unique_ptr<Writer>> writers_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace holdfast::test
