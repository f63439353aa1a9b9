// ZnodeMachine: the front door of the pure coordination state machine. No coroutine, clock, socket or file in it.
//
//   leader:   txn = machine.prepare(request, caller, now)   judged against the tree and everything outstanding
//             ... replicate encode(txn) ...
//   replica:  effects = machine.apply(txn)                  in zxid order; idempotent
//
// Order that the shell must keep on every connection: an apply's events are queued before its reply, and before any
// read's reply that shows the change. Replicas that applied the same transactions have equal digests.
//
// What is replicated: the tree, and the session table with the results that each session may still ask for. What is
// not: watches (they belong to this server's connections), outstanding changes and session deadlines (the leader's).
// Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coordination/acl.h"
#include "coordination/apply.h"
#include "coordination/options.h"
#include "coordination/prepare.h"
#include "coordination/quota.h"
#include "coordination/request.h"
#include "coordination/sessions.h"
#include "coordination/snapshot.h"
#include "coordination/tree.h"
#include "coordination/txn.h"
#include "coordination/watches.h"
#include "runtime/result.h"

namespace holdfast::zk {

template <class T>
using Outcome = std::expected<T, ZkError>;

struct DataResult {
  Bytes data;
  bool null = false;
  Stat stat;
};
struct ChildrenResult {
  ChildNames names;  // valid until the next apply
  Stat stat;
};
struct AclResult {
  AclList acl;
  Stat stat;
};

// setWatches and setWatches2: what a reconnecting client had armed, and the zxid up to which it had heard.
struct RearmRequest {
  Zxid relative_zxid;
  std::vector<std::string_view> data, exist, child, persistent, persistent_recursive;
};

class ZnodeMachine {
 public:
  explicit ZnodeMachine(MachineOptions options);

  // --- Leader. ---
  // Always a transaction: a request that fails becomes an error (or failed multi) that consumes its zxid as upstream's.
  Txn prepare(const WriteRequest& request, const Caller& caller, std::int64_t now_ms);
  // Leadership lost, or proposing failed: forget what was prepared and not applied.
  void discard_outstanding();
  std::size_t outstanding() const { return preparer_.outstanding(); }
  // Containers and TTL nodes that may go at `now`, at most `count`: each is to become a DeleteExpiredOp.
  std::vector<std::string> expired_nodes(std::int64_t now_ms, std::size_t count) const;

  // --- Every replica. ---
  // A transaction at or below last_applied() changes nothing, unless it is one that has no zxid of its own: that may be
  // applied again too, in the order of the log. Valid until the next apply.
  const Effects& apply(const Txn& txn);
  // The first entry of a new leadership, on its place in the log: zxids go on in the next epoch, and what was prepared
  // and not applied will never be.
  void apply_epoch();
  Zxid last_applied() const { return last_applied_; }

  // --- Reads: committed state, as `caller` may see it. With `watch`, the caller's connection is armed by the rules of
  // each operation (exists also when there is no node). ---
  Outcome<Stat> exists(std::string_view path, const Caller& caller, bool watch);
  Outcome<DataResult> get_data(std::string_view path, const Caller& caller, bool watch);
  Outcome<ChildrenResult> get_children(std::string_view path, const Caller& caller, bool watch);
  Outcome<AclResult> get_acl(std::string_view path, const Caller& caller) const;
  Outcome<std::int32_t> all_children_number(std::string_view path, const Caller& caller) const;
  std::vector<std::string> ephemerals(std::string_view prefix, const Caller& caller) const;
  // addWatch: mode 0 persistent, 1 persistent recursive.
  Outcome<void> add_watch(std::string_view path, std::int32_t mode, const Caller& caller);
  Outcome<void> remove_watches(std::string_view path, std::int32_t type, const Caller& caller);
  Outcome<void> check_watches(std::string_view path, std::int32_t type, const Caller& caller) const;
  // Arms what is unchanged; what changed meanwhile comes back as events for this connection (header zxid -1).
  std::vector<WatchEvent> rearm(const RearmRequest& request, const Caller& caller);
  // Whether a connection with these identities may be told of the event.
  bool delivers(const WatchEvent& event, std::span<const Id> ids) const {
    return options_.acl.skip_acl || permits(*event.acl, perms::read, ids);
  }

  // --- Snapshots. ---
  std::unique_ptr<SnapshotCapture> begin_snapshot(
      std::int64_t now_ms);  // of the state at last_applied(); one at a time
  class Restore;
  // Replaces the state; with that of a new machine, where it does not come to its end. Watches stay; a follower that
  // installs a snapshot closes its connections first.
  std::unique_ptr<Restore> begin_restore();

  const Tree& tree() const { return tree_; }
  const SessionTable& sessions() const { return sessions_; }
  void set_session_owner(SessionId id, std::int64_t owner) { sessions_.set_owner(id, owner); }
  // What became of a write of the session; nothing: not known, see ResultWindow. Valid until the next apply.
  std::optional<ResultRecord> result_of(SessionId session, std::int32_t cxid) const;
  // False as soon as its closing is prepared, on the leader.
  bool session_is_open(SessionId id) const { return sessions_.contains(id) && !preparer_.is_closing(id); }
  WatchTable& watches() { return watches_; }
  const MachineOptions& options() const { return options_; }
  std::uint64_t digest() const;  // of tree and sessions

 private:
  void create_system_nodes();
  void begin_at(Zxid last_applied);
  const Znode* at(std::string_view path) const;
  Outcome<const Znode*> readable(std::string_view path, std::int32_t wanted, const Caller& caller) const;
  bool may(const Znode& node, std::int32_t wanted, const Caller& caller) const;
  bool may(const AclList& acl, std::int32_t wanted, const Caller& caller) const;

  const MachineOptions options_;
  Tree tree_;
  SessionTable sessions_;
  WatchTable watches_;
  QuotaPaths quotas_;
  Preparer preparer_;
  Applier applier_;
  Zxid last_applied_;
  Effects effects_;
};

class ZnodeMachine::Restore {
 public:
  explicit Restore(ZnodeMachine& machine);
  ~Restore();
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;
  Result<> feed(ByteView piece) { return reader_.feed(piece); }
  Result<Zxid> finish();

 private:
  ZnodeMachine& machine_;
  SnapshotReader reader_;
  bool whole_ = false;
};

}  // namespace holdfast::zk
