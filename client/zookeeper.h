// ZooKeeper: one session with a ZooKeeper ensemble, Apache's or Holdfast's. It keeps the session alive, goes from
// server to server with it, arms its watches again, and answers requests in the order in which they were asked. Lives
// on one shard; any number of tasks may use it.
//
// What a lost connection does to a request:
// - One that was not sent yet waits for the next connection, at most the session timeout; then CONNECTIONLOSS.
// - A read (and sync, addWatch, removeWatches) is asked again.
// - A write may have been carried out. A Holdfast server is asked what became of it, on the next connection, and the
//   request has its true result: where it never came to be, it is sent again, once and in order. Apache ZooKeeper
//   cannot be asked: CONNECTIONLOSS, and nobody knows.
//
// When the session expires, everything that waits fails with SESSIONEXPIRED, the watches and the ephemerals are gone,
// and (renew_session) a new session begins under the same object: session().id tells it apart. Whoever must know, as
// the recipes do, watches the session with on_session(). `doubtful` comes no later than the servers can have expired
// the session, counted from when the last request was sent that one with a quorum answered: who holds something by an
// ephemeral node gives it up then, and when the state is `read_only`.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/wait_list.h"
#include "client/zookeeper_hosts.h"
#include "client/zookeeper_link.h"
#include "client/zookeeper_types.h"
#include "client/zookeeper_watches.h"
#include "runtime/network.h"
#include "runtime/random.h"
#include "runtime/shards.h"
#include "wire/reader.h"

namespace holdfast::client {

class ZooKeeper {
 public:
  // `random` must outlive it.
  ZooKeeper(Shard& shard, Network& network, Random& random, ZooKeeperOptions options);
  ~ZooKeeper();  // close() or stop() must have returned
  ZooKeeper(const ZooKeeper&) = delete;
  ZooKeeper& operator=(const ZooKeeper&) = delete;

  // Begins the session, if it has not begun, and waits until it is connected. CONNECTIONLOSS with what the last server
  // said: not in that time, or (rounds_max) when every server was tried so often in vain; it goes on trying all the
  // same. SESSIONEXPIRED; AUTHFAILED. Requests begin the session too.
  Task<ZkOutcome<>> connect(Duration at_most, std::size_t rounds_max = SIZE_MAX);
  Task<void> close();  // ends the session at the servers, with its ephemerals, if they can be reached; and stops
  Task<void> stop();   // lets go of it: whoever has session() can go on with it until it expires

  Shard& shard() const { return shard_; }
  Random& random() { return random_; }
  const ZooKeeperOptions& options() const { return options_; }
  SessionState state() const { return state_; }
  bool closing() const { return ending_; }  // no request is taken any more
  bool connected() const { return state_ == SessionState::connected || state_ == SessionState::read_only; }
  ZkSession session() const { return {session_.id, session_.password}; }
  std::int64_t session_id() const { return session_.id; }  // 0: there is none yet
  Duration session_timeout() const { return timeout_; }    // as negotiated
  std::int64_t last_zxid() const { return last_zxid_; }
  std::optional<Endpoint> server() const { return server_; }  // that it is connected to
  std::string last_error() const;                             // why the last connection, or attempt, ended
  // Runs by itself, longer than whoever leaves it behind: what is to be tidied up when a server can be reached. Not run
  // once the client is closing, which waits for the end of those that are.
  void go_on_with(Task<void> task);
  // Called with every change of the state, as long as somebody holds the watcher.
  void on_session(const WatcherRef& watcher);

  Task<ZkOutcome<Created>> create(std::string path, std::optional<std::string> data = {}, CreateOptions options = {});
  Task<ZkOutcome<>> remove(std::string path, std::int32_t version = -1);
  Task<ZkOutcome<ZkStat>> set(std::string path, std::optional<std::string> data, std::int32_t version = -1);
  // Nothing: it does not exist; the watcher then waits for its creation.
  Task<ZkOutcome<std::optional<ZkStat>>> exists(std::string path, WatcherRef watcher = {});
  Task<ZkOutcome<NodeData>> get(std::string path, WatcherRef watcher = {});
  Task<ZkOutcome<NodeChildren>> children(std::string path, WatcherRef watcher = {});
  Task<ZkOutcome<NodeAcl>> get_acl(std::string path);
  Task<ZkOutcome<ZkStat>> set_acl(std::string path, std::vector<ZkAcl> acl, std::int32_t version = -1);
  // What was written before by anybody is read after it.
  Task<ZkOutcome<>> sync(std::string path);
  // All or nothing. The failure is that of the first part that failed, and names it. Where the reply was lost and the
  // outcome asked for, the names of sequential parts are not known: their paths are empty.
  Task<ZkOutcome<std::vector<ZkOpResult>>> multi(std::vector<ZkOp> parts);
  Task<ZkOutcome<std::vector<ZkReadResult>>> multi_read(std::vector<ZkRead> parts);
  Task<ZkOutcome<std::vector<std::string>>> ephemerals(std::string prefix);  // of this session
  Task<ZkOutcome<std::int32_t>> all_children_number(std::string path);
  Task<ZkOutcome<std::vector<ZkAuth>>> who_am_i();  // scheme and user

  Task<ZkOutcome<>> add_watch(std::string path, AddWatchMode mode, WatcherRef watcher);
  // No watcher: all of that path and kind. NOWATCHER: there is none. `local`: when no server can be asked, too.
  Task<ZkOutcome<>> remove_watches(std::string path, WatcherKind kind, WatcherRef watcher = {}, bool local = false);

  // Given on every connection from now on. AUTHFAILED ends the session.
  Task<ZkOutcome<>> add_auth(std::string scheme, std::string credentials);

  Task<ZkOutcome<NodeData>> config(WatcherRef watcher = {});  // of the ensemble
  Task<ZkOutcome<NodeData>> reconfig(std::optional<std::string> joining, std::optional<std::string> leaving,
                                     std::optional<std::string> members, std::int64_t from_version = -1);

 private:
  struct Request;  // zookeeper_request.h, as the next
  struct Arrival {
    ZkError error = ZkError::ok;
    Bytes body;
    // The reply was lost, and this is what the server knows of the request.
    struct Told {
      std::int64_t zxid = 0;
      std::string path;
      std::int32_t version = 0;
    };
    std::optional<Told> told;
  };
  struct WatchWanted {
    bool wanted = false;
    bool exists = false;  // of a node that is not there, it is one for its creation
    ZooKeeperWatches::Table table = ZooKeeperWatches::Table::data;
    std::string path;
    WatcherRef watcher;
  };

  // --- zookeeper.cpp: asking
  template <class M>
  Task<ZkOutcome<Arrival>> ask(OpCode op, const M& message, std::string about, WatchWanted watch);
  template <class M>
  Task<ZkOutcome<Arrival>> ask(OpCode op, const M& message, std::string about) {
    return ask(op, message, std::move(about), WatchWanted());
  }
  Task<ZkOutcome<Arrival>> perform(OpCode op, Bytes body, std::string about, WatchWanted watch);
  Result<std::string> inside(std::string_view path, bool sequential = false) const;  // with the chroot
  std::string outside(std::string_view path) const;
  void begin();
  void enqueue(Request& request);
  void send_queued();
  void send(Request& request);
  void finish(Request& request, ZkOutcome<Arrival> outcome);
  void fail_all(ZkError code, std::string_view why);

  // --- zookeeper_session.cpp: the connection
  Task<void> run();
  Task<Result<std::unique_ptr<Stream>>> dial(Endpoint to);
  Task<Result<bool>> greet(ZooKeeperLink& link);  // true: the server is read-only
  Task<Error> serve(ZooKeeperLink& link);
  Result<void> handle(ByteView frame);
  Result<void> handle_reply(std::int32_t xid, ZkError error, wire::Reader& in);
  Result<void> handle_auth(ZkError error);
  Result<void> handle_event(std::int64_t zxid, wire::Reader& in);
  void send_auth(ZooKeeperLink& link, std::size_t index);
  void send_watches(ZooKeeperLink& link);
  void heard();
  void proven(SteadyTime sent);
  void ping_when_idle();
  void disconnected(const Endpoint& from, const Error& why);
  void expire();
  void change_state(SessionState state);
  void lose_patience();
  Task<void> pause(Duration how_long);
  Task<void> seek_writable(std::shared_ptr<ZooKeeperLink> from);
  bool is_over() const;  // no connection will be tried again
  void cut();

  // --- zookeeper_outcome.cpp: what became of requests whose replies were lost
  Task<Result<void>> ask_outcomes(ZooKeeperLink& link, bool may_ask);
  struct Verdict;
  Task<Result<Verdict>> ask_outcome(ZooKeeperLink& link, const Request& request);

  Shard& shard_;
  Network& network_;
  Random& random_;
  const ZooKeeperOptions options_;
  ZooKeeperHosts hosts_;
  Gate gate_;
  bool begun_ = false, ending_ = false;
  WaitList changed_;  // the state, an attempt's end, an answer to credentials

  SessionState state_ = SessionState::connecting;
  ZkSession session_;
  bool session_is_writable_ = false;  // a server with a quorum knows it
  Duration timeout_;
  std::int64_t last_zxid_ = 0;
  std::optional<Endpoint> server_;
  std::string last_error_;  // empty: none has ended yet
  std::vector<std::weak_ptr<Watcher>> session_watchers_;
  ZooKeeperWatches watches_;

  std::shared_ptr<ZooKeeperLink> link_;  // from the attempt on
  bool ready_ = false;                   // requests may be sent
  std::int32_t next_xid_ = 1;
  std::deque<Request*> queued_, sent_, lost_;  // each lives in the task that waits
  struct AuthEntry {
    ZkAuth auth;
    std::optional<ZkError> answer;
  };
  std::deque<AuthEntry> auth_;
  std::deque<std::size_t> auth_sent_;  // waiting for their replies
  enum class Known : std::uint8_t { unknown, yes, no } tells_outcomes_ = Known::unknown;

  Timer silence_, ping_, doubt_;
  SteadyTime last_sent_{}, valid_until_{};
  std::deque<SteadyTime> pings_sent_;
  std::uint64_t rounds_ = 0;      // over all servers, in vain
  std::uint64_t impatience_ = 0;  // how often no connection came in time
};

}  // namespace holdfast::client
