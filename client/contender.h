// Contender: a place in a queue of ephemeral sequential znodes, and the turn when it comes: what locks and elections
// are made of. Each waits for one other znode only, so that a turn that ends wakes one (no herd), and turns come in the
// order in which places were taken.
//
// A turn is lost when the servers may have ended the session, or when somebody deletes the znode: on_lost() is called
// then, before anybody else can have the turn. It does not come back by itself. While it waits, a contender whose
// session expires takes a new place, behind the others.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/place.h"

namespace holdfast::client {

class Contender {
 public:
  struct Options {
    std::string path;  // where the znodes are
    std::string name;  // of the znode, before its number: "lock-"
    std::string mark;  // what all names of the queue have in common
    std::string data;  // who it is
    // Which of the others has to go first; nothing: it is this one's turn.
    std::function<std::optional<std::size_t>(const std::vector<SequentialChild>&, std::size_t own)> waits_for;
    // A znode whose place in the queue is taken beside it, as long as this says the same; empty: a new one, at the end.
    std::function<std::string()> beside;
  };
  Contender(ZooKeeper& zk, Options options);
  ~Contender();  // stop() must have returned
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  // Takes a place and waits for the turn. OPERATIONTIMEOUT: it did not come in that time, and the place is given up
  // (when the connection is lost, it may take up to the session timeout longer to say so). BADARGUMENTS: it has one
  // already.
  Task<ZkOutcome<>> wait_turn(std::optional<Duration> at_most = {});
  Task<void> leave();  // gives up the turn or the place
  Task<void> stop();   // likewise, for good

  bool has_turn() const { return has_turn_; }
  const std::string& node() const { return place_.node(); }  // empty: none
  // Grows with every turn, whoever has it: a fencing token.
  std::int64_t token() const { return place_.czxid(); }
  void on_lost(std::function<void()> told) { lost_ = std::move(told); }
  // Somebody has asked for the turn to be given up, by the word "__REVOKE__" in the znode.
  void on_revoke(std::function<void()> told) { revoke_ = std::move(told); }
  Task<void> until_lost();  // returns at once when it has no turn

  ZooKeeper& zk() { return zk_; }
  const Options& options() const { return options_; }

 private:
  Task<ZkOutcome<bool>> look(std::optional<SteadyTime> deadline);
  Task<ZkOutcome<bool>> take_place(std::optional<SteadyTime> deadline);
  void on_session(const WatchEvent& event);
  void on_own_node(const WatchEvent& event);
  Task<void> look_at_own_node(std::string node);
  void lose();

  ZooKeeper& zk_;
  const Options options_;
  Gate gate_;
  Signal changed_;
  WaitList over_;
  bool entering_ = false, has_turn_ = false, stopping_ = false;
  bool revocation_asked_ = false;  // of the place that look() found
  Place place_;
  std::function<void()> lost_, revoke_;
  const WatcherRef session_watcher_, own_watcher_, other_watcher_;
};

}  // namespace holdfast::client
