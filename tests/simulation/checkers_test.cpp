// The checkers themselves: hand-made histories, bad ones that must be found and good ones that must pass.
#include "tests/simulation/checkers.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t zxid_base = std::int64_t{1} << 32;
constexpr std::int64_t one = 0x101, two = 0x102;  // sessions
constexpr std::int32_t timeout_ms = 1000;

SteadyTime at(std::int64_t ms) { return SteadyTime(milliseconds(ms)); }
std::int64_t zxid(std::int64_t n) { return zxid_base + n; }

// Writes a history as it would go on a correct server: every call is committed at once, by the model, with the next
// zxid, and answered 2 ms later on the session's connection. What a test then spoils is the violation.
class Story {
 public:
  Story() {
    begin(one);
    begin(two);
  }

  // The operation's index.
  std::size_t write(std::int64_t session, Request request) {
    const std::size_t index = ask(session, std::move(request));
    Operation& o = history.operations[index];
    const auto outcome = tree_.carry_out(o.request, {next(), session, now_});
    history.committed.push_back({txn_of(o, outcome), at(now_), at(now_)});
    events();
    o.reply.zxid = outcome.zxid;
    o.reply.error = outcome.error;
    o.reply.path = outcome.path;
    o.reply.stat = outcome.stat;
    o.reply.parts = outcome.parts;
    answer(index);
    return index;
  }

  std::size_t read(std::int64_t session, Request request) {
    const std::size_t index = ask(session, std::move(request));
    Operation& o = history.operations[index];
    o.reply.zxid = last_;
    const std::string* path = nullptr;
    bool watch = false;
    if (const auto* g = std::get_if<Get>(&o.request)) path = &g->path, watch = g->watch;
    if (const auto* e = std::get_if<Exists>(&o.request)) path = &e->path, watch = e->watch;
    if (const auto* c = std::get_if<Children>(&o.request)) path = &c->path, watch = c->watch;
    if (path) {
      const ModelNode* node = tree_.find(*path);
      o.reply.error = node ? ZkError::ok : ZkError::no_node;
      if (node) o.reply.stat = ModelTree::stat(*node);
      if (node && std::holds_alternative<Get>(o.request)) o.reply.data = node->data;
      if (node && std::holds_alternative<Children>(o.request))
        o.reply.children.assign(node->children.begin(), node->children.end());
      if (watch) watched_.push_back({*path, std::holds_alternative<Children>(o.request), session});
    }
    answer(index);
    return index;
  }

  // Without an answer, and not carried out.
  std::size_t lose(std::int64_t session, Request request) { return ask(session, std::move(request)); }

  void expire(std::int64_t session, std::int64_t after_ms) {
    now_ += after_ms;
    close(session, 0);
  }

  ClientConnection& connection(std::int64_t session) {
    return history.connections[history.sessions[session].connections.back()];
  }
  void reconnect(std::int64_t session) {
    history.sessions[session].connections.push_back(history.connections.size());
    history.connections.push_back({session, {}});
    std::erase_if(watched_, [session](const Watched& w) { return w.session == session; });
  }
  void pass(std::int64_t ms) { now_ += ms; }
  std::int64_t last() const { return last_; }

  std::string verdict(bool quiescent = false) {
    CheckOptions options;
    options.quiescent = quiescent;
    CheckCounts counts;
    std::string out;
    for (const std::string& violation : check(history, options, counts)) out += violation + "\n";
    return out;
  }

  History history;

 private:
  struct Watched {
    std::string path;
    bool children;
    std::int64_t session;
  };

  std::int64_t next() { return last_ = zxid(++count_); }

  void begin(std::int64_t session) {
    zk::Txn txn;
    txn.session = SessionId(session);
    txn.zxid = Zxid(next());
    txn.time_ms = now_;
    txn.body = zk::CreateSessionTxn{timeout_ms};
    history.committed.push_back({txn, at(now_), at(now_)});
    history.sessions[session].timeout_ms = timeout_ms;
    history.sessions[session].answered.push_back({at(now_), at(now_)});
    reconnect(session);
  }

  void close(std::int64_t session, std::int32_t cxid) {
    zk::Txn txn;
    txn.session = SessionId(session);
    txn.cxid = cxid;
    txn.zxid = Zxid(next());
    txn.time_ms = now_;
    txn.body = zk::CloseSessionTxn{tree_.ephemerals_of(session)};
    history.committed.push_back({txn, at(now_), at(now_)});
    tree_.remove_all(tree_.ephemerals_of(session), {last_, session, now_});
    events();
  }

  std::size_t ask(std::int64_t session, Request request) {
    now_ += 10;
    Operation o;
    o.session = session;
    o.xid = ++xid_[session];
    o.request = std::move(request);
    o.invoked = at(now_);
    history.operations.push_back(std::move(o));
    ++now_;
    return history.operations.size() - 1;
  }

  void answer(std::size_t index) {
    Operation& o = history.operations[index];
    o.returned = at(++now_);
    history.sessions[o.session].answered.push_back({o.invoked, *o.returned});
    connection(o.session).heard.push_back({index, {}});
  }

  void events() {
    const auto& changes = tree_.changes();
    for (; told_ < changes.size(); ++told_) {
      for (auto w = watched_.begin(); w != watched_.end();) {
        const Change& change = changes[told_];
        const bool concerned = w->path == change.path && (w->children ? change.type == 4 : change.type <= 3);
        if (!concerned) {
          ++w;
          continue;
        }
        connection(w->session).heard.push_back({std::nullopt, {change.type, change.path, change.zxid}});
        w = watched_.erase(w);
      }
    }
  }

  zk::Txn txn_of(const Operation& o, const ModelTree::Outcome& outcome) const {
    zk::Txn txn;
    txn.session = SessionId(o.session);
    txn.cxid = o.xid;
    txn.zxid = Zxid(outcome.zxid);
    txn.time_ms = now_;
    if (outcome.error != ZkError::ok) {
      txn.body = zk::ErrorTxn{outcome.error};
    } else if (std::holds_alternative<Create>(o.request)) {
      zk::CreateTxn create;
      create.path = outcome.path;
      txn.body = create;
    } else if (const auto* set = std::get_if<Set>(&o.request)) {
      zk::SetDataTxn body;
      body.path = set->path;
      txn.body = body;
    } else if (const auto* del = std::get_if<Delete>(&o.request)) {
      txn.body = zk::DeleteTxn{del->path};
    } else if (std::holds_alternative<Multi>(o.request)) {
      zk::MultiTxn multi;
      for (const PartReply& part : outcome.parts)
        if (part.error != ZkError::ok && part.error != ZkError::runtime_inconsistency) multi.error = part.error;
      txn.body = multi;
    }
    return txn;
  }

  ModelTree tree_;
  std::int64_t now_ = 1000, last_ = 0, count_ = 0;
  std::map<std::int64_t, std::int32_t> xid_;
  std::size_t told_ = 0;
  std::vector<Watched> watched_;
};

Create node(std::string path, std::string data = {}, std::int32_t flags = 0) {
  Create c;
  c.path = std::move(path);
  c.data = std::move(data);
  c.flags = flags;
  return c;
}

#define EXPECT_FOUND(story, what) EXPECT_NE((story).verdict().find(what), std::string::npos) << (story).verdict()

// A story with something of everything.
Story good_story() {
  Story s;
  s.write(one, node("/register", "a"));
  s.read(two, Get{"/register", true});
  s.write(one, Set{"/register", "b", 0});
  s.write(two, Set{"/register", "c", 0});
  s.read(two, Get{"/register", false});
  s.write(two, node("/queue"));
  s.read(one, Children{"/queue", true});
  s.write(two, node("/queue/n-", "x", 2));
  s.write(one, node("/lock", "", 1));
  s.read(two, Exists{"/lock", true});
  s.write(two, Multi{{Set{"/register", "d", 1}, node("/other"), Check{"/lock", 0}}});
  s.write(two, Multi{{node("/never"), Delete{"/queue", -1}, Set{"/register", "e", -1}}});
  s.read(one, Sync{"/"});
  s.read(one, Get{"/register", false});
  s.expire(one, 1500);
  s.read(two, Exists{"/lock", false});
  return s;
}

TEST(Checkers, PassWhatIsRight) {
  EXPECT_EQ(good_story().verdict(), "");
  Story lost = good_story();
  lost.lose(two, Set{"/register", "lost", -1});
  EXPECT_EQ(lost.verdict(), "") << "an unanswered write need not have happened";
  Story happened = good_story();
  const std::size_t index = happened.write(two, Set{"/register", "f", -1});
  happened.history.operations[index].returned.reset();
  happened.connection(two).heard.pop_back();
  happened.read(two, Get{"/register", false});
  EXPECT_EQ(happened.verdict(), "") << "nor need it not have";
}

TEST(Checkers, FindALostWrite) {
  Story s = good_story();
  const std::size_t index = s.write(two, Set{"/register", "acknowledged", -1});
  s.history.committed.pop_back();
  EXPECT_FOUND(s, "I6 acknowledged and not committed");
  EXPECT_TRUE(s.history.operations[index].returned);
}

TEST(Checkers, FindAWriteCarriedOutTwice) {
  Story s = good_story();
  s.write(two, Set{"/register", "again", -1});
  s.history.committed.push_back(s.history.committed.back());
  s.history.committed.back().txn.zxid = Zxid(s.last() + 1);
  EXPECT_FOUND(s, "carried out twice");
}

TEST(Checkers, FindWritesOfASessionInAnotherOrder) {
  Story s = good_story();
  const std::size_t first = s.write(two, Set{"/register", "first", -1});
  const std::size_t second = s.write(two, Set{"/register", "second", -1});
  EXPECT_EQ(s.verdict(), "");
  std::swap(s.history.operations[first].xid, s.history.operations[second].xid);
  const auto last = s.history.committed.end() - 1;
  std::swap(last->txn.cxid, (last - 1)->txn.cxid);
  EXPECT_FOUND(s, "carried out after what its session asked later");
}

TEST(Checkers, FindAWriteThatNobodyAskedFor) {
  Story s = good_story();
  s.write(two, Set{"/register", "whose", -1});
  s.history.operations.pop_back();
  s.connection(two).heard.pop_back();
  EXPECT_FOUND(s, "nobody asked for");
}

TEST(Checkers, FindAWrongZxid) {
  Story s = good_story();
  s.history.operations[s.write(two, Set{"/register", "z", -1})].reply.zxid += 1;
  EXPECT_FOUND(s, "but it was committed as");
}

TEST(Checkers, FindAWrongAnswer) {
  Story s = good_story();
  s.history.operations[s.write(two, Delete{"/nowhere", -1})].reply.error = ZkError::ok;
  EXPECT_FOUND(s, "where NoNode is right");
}

TEST(Checkers, FindAWrongDecision) {
  Story s = good_story();
  s.history.operations[s.write(two, Delete{"/nowhere", -1})].reply.error = ZkError::ok;
  s.history.committed.back().txn.body = zk::DeleteTxn{"/nowhere"};
  EXPECT_FOUND(s, "ok for");
}

TEST(Checkers, FindAWrongVersion) {
  Story s = good_story();
  s.history.operations[s.write(two, Set{"/register", "v", -1})].reply.stat->version += 1;
  EXPECT_FOUND(s, "version 4");
}

TEST(Checkers, FindAWrongSequenceNumber) {
  Story s = good_story();
  Operation& o = s.history.operations[s.write(two, node("/queue/n-", "y", 2))];
  o.reply.path = "/queue/n-0000000000";
  EXPECT_FOUND(s, "says /queue/n-0000000000, not /queue/n-0000000001");
}

TEST(Checkers, FindARepeatedSequenceNumber) {
  Story s = good_story();
  s.write(two, node("/queue/n-", "y", 2));
  std::get<zk::CreateTxn>(s.history.committed.back().txn.body).path = "/queue/n-0000000000";
  EXPECT_FOUND(s, "made /queue/n-0000000000");
}

TEST(Checkers, FindATornMulti) {
  Story s = good_story();
  s.write(two, Multi{{node("/a"), Delete{"/nowhere", -1}}});
  Operation& o = s.history.operations[s.read(two, Exists{"/a", false})];
  o.reply.error = ZkError::ok;
  EXPECT_FOUND(s, "I9");
}

TEST(Checkers, FindAMultiWithWrongResults) {
  Story s = good_story();
  Operation& o = s.history.operations[s.write(two, Multi{{node("/a"), Delete{"/nowhere", -1}, node("/b")}})];
  o.reply.parts[2].error = ZkError::ok;
  EXPECT_FOUND(s, "part 2");
}

TEST(Checkers, FindAStaleRead) {
  Story s = good_story();
  const std::size_t before = s.read(two, Get{"/register", false});
  s.write(one, Set{"/register", "newer", -1});
  Operation& o = s.history.operations[s.read(two, Get{"/register", false})];
  o.reply.data = s.history.operations[before].reply.data;
  EXPECT_FOUND(s, "I9");
}

TEST(Checkers, FindAReadOfWhatIsNotThere) {
  Story s = good_story();
  Operation& o = s.history.operations[s.read(two, Get{"/nowhere", false})];
  o.reply.error = ZkError::ok;
  EXPECT_FOUND(s, "I9");
}

TEST(Checkers, FindAChildTooMany) {
  Story s = good_story();
  s.history.operations[s.read(two, Children{"/queue", false})].reply.children.push_back("ghost");
  EXPECT_FOUND(s, "I9");
}

TEST(Checkers, FindASyncThatIsOld) {
  Story s = good_story();
  const std::int64_t before = s.last();
  s.write(two, Set{"/register", "s", -1});
  s.history.operations[s.read(one, Sync{"/"})].reply.zxid = before;
  EXPECT_FOUND(s, "had returned before it began");
}

TEST(Checkers, FindWritesOutOfTheirTime) {
  Story s = good_story();
  const std::size_t first = s.write(two, node("/first"));
  const std::size_t second = s.write(two, node("/second"));
  std::swap(s.history.operations[first].invoked, s.history.operations[second].invoked);
  std::swap(s.history.operations[first].returned, s.history.operations[second].returned);
  EXPECT_FOUND(s, "had returned before it began");
}

TEST(Checkers, FindASessionThatGoesBack) {
  Story s = good_story();
  const std::int64_t before = s.last();
  s.write(one, node("/more"));
  s.read(two, Exists{"/more", false});
  s.reconnect(two);
  Operation& o = s.history.operations[s.read(two, Exists{"/more", false})];
  o.reply.zxid = before;
  o.reply.error = ZkError::no_node;
  o.reply.stat.reset();
  EXPECT_FOUND(s, "I3");
}

TEST(Checkers, FindAnEphemeralLeftBehind) {
  Story s = good_story();
  s.write(two, node("/mine", "", 1));
  s.expire(two, 1500);
  std::get<zk::CloseSessionTxn>(s.history.committed.back().txn.body).ephemerals.clear();
  EXPECT_FOUND(s, "takes 0 ephemerals with it, where it has 1");
  EXPECT_NE(s.verdict(true).find("outlives its session"), std::string::npos);
}

TEST(Checkers, FindAnEphemeralOfAnotherSessionTaken) {
  Story s;
  s.write(two, node("/mine", "", 1));
  s.expire(one, 1500);
  std::get<zk::CloseSessionTxn>(s.history.committed.back().txn.body).ephemerals = {"/mine"};
  EXPECT_FOUND(s, "takes 1 ephemerals with it, where it has 0");
}

TEST(Checkers, FindAnEarlyExpiry) {
  Story s = good_story();
  s.read(two, Exists{"/lock", false});
  s.expire(two, 500);
  EXPECT_FOUND(s, "expires 502 ms after it was heard");
}

TEST(Checkers, FindASessionThatNeverExpires) {
  Story s = good_story();
  EXPECT_NE(s.verdict(true).find("never expires"), std::string::npos);
}

TEST(Checkers, FindARefusedSessionThatLives) {
  Story s = good_story();
  s.history.sessions[two].refused = at(5000);
  EXPECT_FOUND(s, "said to be expired and never closed");
}

TEST(Checkers, FindASessionThatBeginsTwice) {
  Story s = good_story();
  s.history.committed.push_back(s.history.committed.front());
  s.history.committed.back().txn.zxid = Zxid(s.last() + 1);
  EXPECT_FOUND(s, "begins a second time");
}

TEST(Checkers, FindAWriteOfAClosedSession) {
  Story s = good_story();
  s.write(one, Set{"/register", "zombie", -1});
  EXPECT_FOUND(s, "Session expired is right");
}

TEST(Checkers, FindADeletionByTheServerOfWhatIsUsed) {
  Story s = good_story();
  zk::Txn txn;
  txn.zxid = Zxid(s.last() + 1);
  txn.body = zk::DeleteTxn{"/other"};
  s.history.committed.push_back({txn, at(9000), at(9000)});
  EXPECT_FOUND(s, "the server deletes /other");
}

// The heard list of a connection, from the end: 0 is the last.
std::size_t last_event(const ClientConnection& c) {
  for (std::size_t i = c.heard.size(); i-- > 0;)
    if (!c.heard[i].operation) return i;
  ADD_FAILURE() << "no event was heard";
  return 0;
}

Story watched_story() {
  Story s;
  s.write(one, node("/watched"));
  s.read(two, Get{"/watched", true});
  s.write(one, Set{"/watched", "new", -1});
  s.read(two, Get{"/watched", false});
  return s;
}

TEST(Checkers, FindAWatchThatFiresTwice) {
  Story s = watched_story();
  ASSERT_EQ(s.verdict(), "");
  auto& heard = s.connection(two).heard;
  heard.push_back(heard[last_event(s.connection(two))]);
  EXPECT_FOUND(s, "which it did not ask for");
}

TEST(Checkers, FindAMissingEvent) {
  Story s = watched_story();
  auto& heard = s.connection(two).heard;
  heard.erase(heard.begin() + static_cast<std::ptrdiff_t>(last_event(s.connection(two))));
  EXPECT_FOUND(s, "before the event of");
}

TEST(Checkers, FindAnEventBehindItsData) {
  Story s = watched_story();
  auto& heard = s.connection(two).heard;
  std::swap(heard[heard.size() - 1], heard[heard.size() - 2]);
  EXPECT_FOUND(s, "before the event of");
}

TEST(Checkers, FindAnEventThatNobodyWatchedFor) {
  Story s = watched_story();
  s.connection(two).heard.push_back({std::nullopt, {4, "/watched", s.last()}});
  EXPECT_FOUND(s, "which it did not ask for");
}

TEST(Checkers, FindAnEventOfAnotherKind) {
  Story s = watched_story();
  s.connection(two).heard[last_event(s.connection(two))].event.type = 2;
  EXPECT_FOUND(s, "which it did not ask for");
}

TEST(Checkers, FindAnEventOfALaterChange) {
  Story s = watched_story();
  s.write(one, Set{"/watched", "newer", -1});
  s.connection(two).heard[last_event(s.connection(two))].event.zxid = s.last();
  EXPECT_FOUND(s, "which it did not ask for");
}

TEST(Checkers, FindAChangeThatSetWatchesKeepsToItself) {
  Story s = watched_story();
  const std::int64_t seen = s.last();
  s.write(one, Set{"/watched", "while away", -1});
  s.reconnect(two);
  SetWatches watches;
  watches.relative_zxid = seen;
  watches.data = {"/watched"};
  s.read(two, watches);
  EXPECT_FOUND(s, "does not tell of change 3 to /watched");
  s.connection(two).heard.insert(s.connection(two).heard.begin(), {std::nullopt, {3, "/watched", -1}});
  EXPECT_EQ(s.verdict(), "");
}

TEST(Checkers, FindAChangeThatSetWatchesMakesUp) {
  Story s = watched_story();
  s.reconnect(two);
  SetWatches watches;
  watches.relative_zxid = s.last();
  watches.data = {"/watched"};
  s.connection(two).heard.push_back({std::nullopt, {3, "/watched", -1}});
  s.read(two, watches);
  EXPECT_FOUND(s, "which was none");
}

TEST(Checkers, PassOnWhatClientsComplainOf) {
  Story s = good_story();
  s.history.complaints.push_back("an answer out of order: 7");
  EXPECT_FOUND(s, "out of order");
}

}  // namespace
}  // namespace holdfast::sim
