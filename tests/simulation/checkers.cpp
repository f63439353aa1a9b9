#include "tests/simulation/checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace holdfast::sim {
namespace {

using Key = std::pair<std::int64_t, std::int32_t>;  // session and xid

bool same(const std::optional<Stat>& told, const std::optional<Stat>& right, bool owner_too) {
  if (told.has_value() != right.has_value()) return false;
  if (!told) return true;
  return told->czxid == right->czxid && told->mzxid == right->mzxid && told->pzxid == right->pzxid &&
         told->version == right->version && told->cversion == right->cversion &&
         told->data_length == right->data_length && told->num_children == right->num_children &&
         (!owner_too || told->ephemeral_owner == right->ephemeral_owner);
}

// The owner of containers and TTL nodes is a code of ZooKeeper's, which the model does not know.
bool shows_owner(const Request& request) {
  const auto* create = std::get_if<Create>(&request);
  return create && !create->container && create->ttl_ms == 0;
}

std::string show(const std::optional<Stat>& s) {
  if (!s) return "no stat";
  return fmt::format("czxid 0x{:x} mzxid 0x{:x} pzxid 0x{:x} version {} cversion {} length {} children {}", s->czxid,
                     s->mzxid, s->pzxid, s->version, s->cversion, s->data_length, s->num_children);
}

class CommitChecker {
 public:
  CommitChecker(const History& history, const CheckOptions& options, Violations& violations)
      : history_(history), options_(options), violations_(violations) {
    for (std::size_t i = 0; i < history.operations.size(); ++i) {
      const Operation& o = history.operations[i];
      if (is_write(o.request)) {
        writes_.emplace(Key(o.session, o.xid), i);
      } else if (o.returned) {
        reads_.emplace_back(o.reply.zxid, i);
      }
    }
    std::ranges::sort(reads_);
  }

  Replay run() {
    auto read = reads_.begin();
    for (std::size_t i = 0; i < history_.committed.size(); ++i) {
      const std::int64_t next =
          i + 1 < history_.committed.size() ? history_.committed[i + 1].txn.zxid.value : INT64_MAX;
      commit(history_.committed[i]);
      for (; read != reads_.end() && read->first < next; ++read) check_read(read->second);
    }
    for (const auto& [key, index] : writes_)
      if (history_.operations[index].returned) check_reply(index);
    check_refusals();
    if (options_.quiescent) check_quiescent();
    return std::move(replay_);
  }

 private:
  template <class... Args>
  void violation(fmt::format_string<Args...> format, Args&&... args) {
    violations_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void commit(const Committed& c) {
    const zk::Txn& txn = c.txn;
    const ModelTree::At at{txn.zxid.value, txn.session.value, txn.time_ms};
    if (std::holds_alternative<zk::CreateSessionTxn>(txn.body)) {
      if (!open_.insert(at.session).second || closed_.contains(at.session))
        violation("I7 session 0x{:x} begins a second time", at.session);
      return;
    }
    if (std::holds_alternative<zk::AttachSessionTxn>(txn.body)) {
      attached_.insert(at.session);
      return;
    }
    const auto asked = writes_.find(Key(txn.session.value, txn.cxid));
    const Operation* operation = asked == writes_.end() ? nullptr : &history_.operations[asked->second];
    if (const auto* close = std::get_if<zk::CloseSessionTxn>(&txn.body)) {
      close_session(c, *close, operation);
      if (operation) replay_.outcomes[asked->second].zxid = at.zxid;
      return;
    }
    if (at.session == 0) return delete_expired(c, at);
    if (!operation) return violation("I6 0x{:x}: a transaction that nobody asked for", at.zxid);
    if (replay_.outcomes.contains(asked->second))
      return violation("I6 0x{:x}: carried out twice: {}", at.zxid, describe(*operation));
    ModelTree::Outcome outcome;
    outcome.zxid = at.zxid;
    if (error_of(txn) == ZkError::session_moved) {
      refuse_moved(*operation, at);
      outcome.error = ZkError::session_moved;
    } else if (open_.contains(at.session)) {
      check_turn(*operation, at);
      outcome = replay_.tree.carry_out(operation->request, at);
    } else if (const auto* multi = std::get_if<Multi>(&operation->request)) {
      outcome.parts.assign(multi->parts.size(), {ZkError::runtime_inconsistency, {}, {}});
      outcome.parts.front().error = ZkError::session_expired;
    } else {
      outcome.error = ZkError::session_expired;
    }
    if (outcome.error != ZkError::session_moved) compare(txn, *operation, outcome);
    replay_.outcomes.emplace(asked->second, std::move(outcome));
  }

  // Of a failed multi: that of the part that failed.
  static ZkError error_of(const zk::Txn& txn) {
    if (const auto* failed = std::get_if<zk::ErrorTxn>(&txn.body)) return failed->error;
    const auto* multi = std::get_if<zk::MultiTxn>(&txn.body);
    return multi ? multi->error : ZkError::ok;
  }

  // What a client asks takes effect in the order in which it was asked, whichever servers it went through.
  void check_turn(const Operation& operation, const ModelTree::At& at) {
    std::int32_t& latest = latest_xid_[at.session];
    if (operation.xid < latest)
      violation("I6 0x{:x}: carried out after what its session asked later: {}", at.zxid, describe(operation));
    latest = std::max(latest, operation.xid);
  }

  // It came through a server that its session had left: whoever asked is not there any more.
  void refuse_moved(const Operation& operation, const ModelTree::At& at) {
    if (!attached_.contains(at.session) || operation.returned)
      violation("I6 0x{:x}: the session has not moved: {}", at.zxid, describe(operation));
  }

  // What was replicated, whether or not its answer arrived.
  void compare(const zk::Txn& txn, const Operation& operation, const ModelTree::Outcome& outcome) {
    const ZkError error = error_of(txn);
    ZkError right = outcome.error;
    if (std::holds_alternative<zk::MultiTxn>(txn.body)) {
      for (const PartReply& part : outcome.parts)
        if (part.error != ZkError::ok && part.error != ZkError::runtime_inconsistency) right = part.error;
    }
    if (error != right)
      return violation("I6 0x{:x}: {} for {}, where {} is right", txn.zxid.value, wire::zk::error_name(error),
                       describe(operation), wire::zk::error_name(right));
    if (const auto* create = std::get_if<zk::CreateTxn>(&txn.body); create && create->path != outcome.path)
      violation("I6 0x{:x}: made {} for {}, where {} is right", txn.zxid.value, create->path, describe(operation),
                outcome.path);
  }

  void close_session(const Committed& c, const zk::CloseSessionTxn& close, const Operation* asked) {
    const std::int64_t session = c.txn.session.value;
    const ModelTree::At at{c.txn.zxid.value, session, c.txn.time_ms};
    if (!open_.erase(session)) {
      // Decided by both client and clock, it may be written twice; the second one has nothing left to do.
      if (!close.ephemerals.empty()) violation("I7 session 0x{:x} closes twice, with ephemerals", session);
      return;
    }
    closed_[session] = c.at;
    const std::vector<std::string> right = replay_.tree.ephemerals_of(session);
    std::vector<std::string> gone = close.ephemerals;
    std::ranges::sort(gone);
    if (gone != right)
      violation("I7 session 0x{:x} closes and takes {} ephemerals with it, where it has {}", session, gone.size(),
                right.size());
    if (!asked && c.decided) check_expiry(session, *c.decided, c.at);
    // In the order that the transaction says: watchers of a common parent hear of the first only.
    replay_.tree.remove_all(close.ephemerals, at);
  }

  // Whether the server that judges must have known of it by then.
  bool was_known(const SessionRecord::Answered& answered, SteadyTime decided) const {
    if (!options_.report) return answered.received <= decided;
    constexpr Duration recovery = std::chrono::seconds(5);  // connections are made anew
    const SteadyTime known = answered.received + *options_.report;
    return known <= decided && std::ranges::none_of(history_.disturbed, [&](const auto& interval) {
             return interval.first <= known && interval.second + recovery >= answered.sent;
           });
  }

  void check_expiry(std::int64_t session, SteadyTime decided, SteadyTime at) {
    const auto record = history_.sessions.find(session);
    if (record == history_.sessions.end()) return;  // its client never heard of it
    SteadyTime heard{};
    for (const auto& answered : record->second.answered)
      if (was_known(answered, decided)) heard = std::max(heard, answered.sent);
    const Duration timeout = std::chrono::milliseconds(record->second.timeout_ms);
    const Duration least = timeout - timeout / 1'000'000 * options_.drift_ppm;
    if (at - heard < least)
      violation("I7 session 0x{:x} expires {} ms after it was heard, with a timeout of {} ms", session,
                std::chrono::duration_cast<std::chrono::milliseconds>(at - heard).count(), record->second.timeout_ms);
  }

  void delete_expired(const Committed& c, const ModelTree::At& at) {
    // The ensemble's configuration is none of the model's.
    if (c.txn.failed() || std::holds_alternative<zk::ReconfigTxn>(c.txn.body)) return;
    const auto* del = std::get_if<zk::DeleteTxn>(&c.txn.body);
    if (!del) return violation("I6 0x{:x}: a transaction of no session", at.zxid);
    if (auto wrong = replay_.tree.delete_expired(del->path, at))
      violation("I6 0x{:x}: the server deletes {}, but {}", at.zxid, del->path, *wrong);
  }

  void check_reply(std::size_t index) {
    const Operation& o = history_.operations[index];
    const auto found = replay_.outcomes.find(index);
    if (found == replay_.outcomes.end()) return violation("I6 acknowledged and not committed: {}", describe(o));
    const ModelTree::Outcome& right = found->second;
    if (o.reply.zxid != right.zxid) return violation("I6 {}, but it was committed as 0x{:x}", describe(o), right.zxid);
    if (o.reply.error != right.error)
      return violation("I6 {}, where {} is right", describe(o), wire::zk::error_name(right.error));
    if (o.reply.error != ZkError::ok) return;
    if (o.reply.path != right.path) violation("I6 {} says {}, not {}", describe(o), o.reply.path, right.path);
    if (!same(o.reply.stat, right.stat, shows_owner(o.request)))
      violation("I6 {}: {}, not {}", describe(o), show(o.reply.stat), show(right.stat));
    if (o.reply.parts.size() != right.parts.size())
      return violation("I6 {}: {} results, not {}", describe(o), o.reply.parts.size(), right.parts.size());
    for (std::size_t i = 0; i < right.parts.size(); ++i) {
      const PartReply& part = o.reply.parts[i];
      if (part.error != right.parts[i].error || part.path != right.parts[i].path ||
          !same(part.stat, right.parts[i].stat, false))
        violation("I6 {}: part {} is {} '{}' {}, not {} '{}' {}", describe(o), i, wire::zk::error_name(part.error),
                  part.path, show(part.stat), wire::zk::error_name(right.parts[i].error), right.parts[i].path,
                  show(right.parts[i].stat));
    }
  }

  void check_read(std::size_t index) {
    const Operation& o = history_.operations[index];
    const auto expect_node = [&](const std::string& path) -> const ModelNode* {
      const ModelNode* node = replay_.tree.find(path);
      const ZkError right = node ? ZkError::ok : ZkError::no_node;
      if (o.reply.error != right) {
        violation("I9 {}, where {} is right", describe(o), wire::zk::error_name(right));
        return nullptr;
      }
      if (!node) return nullptr;
      const bool owner_too = !node->container && node->ttl_ms == 0;
      if (!same(o.reply.stat, ModelTree::stat(*node), owner_too))
        violation("I9 {}: {}, not {}", describe(o), show(o.reply.stat), show(ModelTree::stat(*node)));
      return node;
    };
    if (const auto* get = std::get_if<Get>(&o.request)) {
      const ModelNode* node = expect_node(get->path);
      if (node && node->data != o.reply.data)
        violation("I9 {} shows '{}', not '{}'", describe(o), o.reply.data, node->data);
    } else if (const auto* exists = std::get_if<Exists>(&o.request)) {
      expect_node(exists->path);
    } else if (const auto* children = std::get_if<Children>(&o.request)) {
      const ModelNode* node = expect_node(children->path);
      if (node && std::set(o.reply.children.begin(), o.reply.children.end()) != node->children)
        violation("I9 {} shows {} children, not the {} that are right", describe(o), o.reply.children.size(),
                  node->children.size());
    } else if (const auto* watches = std::get_if<SetWatches>(&o.request)) {
      note_missed_changes(index, *watches);
    }
  }

  // What setWatches says at once: changes that the client slept through.
  void note_missed_changes(std::size_t index, const SetWatches& w) {
    std::vector<Change>& out = replay_.missed_changes[index];
    constexpr std::int64_t missed = -1;
    for (const std::string& path : w.data) {
      const ModelNode* node = replay_.tree.find(path);
      if (!node) out.push_back({missed, 2, path});
      if (node && node->mzxid > w.relative_zxid) out.push_back({missed, 3, path});
    }
    for (const std::string& path : w.exist)
      if (replay_.tree.find(path)) out.push_back({missed, 1, path});
    for (const std::string& path : w.child) {
      const ModelNode* node = replay_.tree.find(path);
      if (!node) out.push_back({missed, 2, path});
      if (node && node->pzxid > w.relative_zxid) out.push_back({missed, 4, path});
    }
  }

  void check_refusals() {
    for (const auto& [session, record] : history_.sessions) {
      if (!record.refused) continue;
      const auto closed = closed_.find(session);
      if (closed == closed_.end()) {
        violation("I7 session 0x{:x} was said to be expired and never closed", session);
      } else if (closed->second > *record.refused) {
        violation("I7 session 0x{:x} was said to be expired before it was closed", session);
      }
    }
  }

  void check_quiescent() {
    for (const std::int64_t session : open_) violation("I7 session 0x{:x} never expires", session);
    for (const auto& [session, _] : closed_)
      for (const std::string& path : replay_.tree.ephemerals_of(session))
        violation("I7 {} outlives its session 0x{:x}", path, session);
  }

  const History& history_;
  const CheckOptions& options_;
  Violations& violations_;
  std::map<Key, std::size_t> writes_;
  std::vector<std::pair<std::int64_t, std::size_t>> reads_;  // by zxid
  std::set<std::int64_t> open_, attached_;
  std::map<std::int64_t, SteadyTime> closed_;
  std::map<std::int64_t, std::int32_t> latest_xid_;  // carried out, by session
  Replay replay_;
};

}  // namespace

Replay check_commits(const History& history, const CheckOptions& options, Violations& violations) {
  return CommitChecker(history, options, violations).run();
}

void check_order(const History& history, Violations& violations) {
  struct Edge {
    SteadyTime at;
    bool returns;
    std::size_t operation;
  };
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& o = history.operations[i];
    if (!o.returned) continue;
    edges.push_back({o.invoked, false, i});
    if (is_write(o.request)) edges.push_back({*o.returned, true, i});
  }
  // What returns at the instant in which another begins is concurrent with it.
  std::ranges::sort(edges, {}, [](const Edge& e) { return std::tuple(e.at, e.returns, e.operation); });
  std::int64_t newest = 0;
  std::map<std::size_t, std::int64_t> newest_at_call;
  for (const Edge& e : edges) {
    const Operation& o = history.operations[e.operation];
    if (e.returns) {
      newest = std::max(newest, o.reply.zxid);
    } else if (is_write(o.request) ? o.reply.zxid <= newest
                                   : std::holds_alternative<Sync>(o.request) && o.reply.zxid < newest) {
      violations.push_back(fmt::format("I9 {}, but 0x{:x} had returned before it began", describe(o), newest));
    }
  }
  for (const auto& [session, record] : history.sessions) {
    std::int64_t seen = 0;
    for (const std::size_t c : record.connections) {
      for (const Heard& heard : history.connections[c].heard) {
        if (!heard.operation) continue;
        const Operation& o = history.operations[*heard.operation];
        if (o.reply.zxid < seen)
          violations.push_back(fmt::format("I3 {}, after the session had seen 0x{:x}", describe(o), seen));
        seen = std::max(seen, o.reply.zxid);
      }
    }
  }
}

Violations check(const History& history, const CheckOptions& options, CheckCounts& counts) {
  Violations out;
  for (const std::string& complaint : history.complaints) out.push_back("protocol: " + complaint);
  const Replay replay = check_commits(history, options, out);
  check_order(history, out);
  check_watches(history, replay, out);
  std::set<std::string> registers;
  for (const Operation& o : history.operations) {
    if (!o.returned) {
      ++counts.unknown;
    } else {
      ++(is_write(o.request) ? counts.writes : counts.reads);
    }
    if (const auto* set = std::get_if<Set>(&o.request); set && set->path.starts_with("/register"))
      registers.insert(set->path);
  }
  for (const ClientConnection& c : history.connections)
    counts.events += static_cast<std::uint64_t>(
        std::ranges::count_if(c.heard, [](const Heard& h) { return !h.operation.has_value(); }));
  for (const std::string& path : registers) {
    switch (check_register(history, path)) {
      case Linearizable::yes:
        ++counts.linearized;
        break;
      case Linearizable::undecided:
        ++counts.undecided;
        break;
      case Linearizable::no:
        out.push_back(fmt::format("I9 {} is not linearizable", path));
    }
  }
  return out;
}

}  // namespace holdfast::sim
