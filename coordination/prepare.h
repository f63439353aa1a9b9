// Preparer: the leader's half of the machine. It judges a request against the tree and everything prepared before it,
// and turns it into a transaction of resulting values (server/PrepRequestProcessor.java, whose order of checks clients
// can observe). It changes nothing but its own notes of what is outstanding. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "coordination/options.h"
#include "coordination/outstanding.h"
#include "coordination/quota.h"
#include "coordination/request.h"
#include "coordination/sessions.h"
#include "coordination/tree.h"
#include "coordination/txn.h"

namespace holdfast::zk {

// No stored version is ever -1, which would mean "any" as an expected one (ZOOKEEPER-4743).
std::int32_t next_version(std::int32_t version);
// "/", "/zookeeper" and what every server has below it: never deleted.
bool is_system_path(std::string_view path);
// Whether a container or TTL node without children may go.
bool is_expired(NodeKind kind, const NodeView& node, std::int64_t now_ms, const MachineOptions& options);

class Preparer {
 public:
  Preparer(const MachineOptions& options, const Tree& tree, const SessionTable& sessions, const QuotaPaths& quotas);

  Txn prepare(const WriteRequest& request, const Caller& caller, std::int64_t now_ms);
  // The state now holds everything up to here.
  void applied(const Txn& txn);
  // Forgets what is outstanding; the next transaction follows `last_applied`.
  void restart(Zxid last_applied);

  std::size_t outstanding() const { return outstanding_.size(); }
  bool is_closing(SessionId session) const { return closing_.contains(session); }

 private:
  template <class T>
  using Outcome = std::expected<T, ZkError>;
  struct Context {
    const Caller& caller;
    Zxid zxid;
    std::int64_t now_ms;
  };

  Outcome<CreateTxn> judge(const CreateOp& op, const Context& context);
  Outcome<DeleteTxn> judge(const DeleteOp& op, const Context& context);
  Outcome<DeleteTxn> judge(const DeleteExpiredOp& op, const Context& context);
  Outcome<SetDataTxn> judge(const SetDataOp& op, const Context& context);
  Outcome<SetAclTxn> judge(const SetAclOp& op, const Context& context);
  Outcome<CheckTxn> judge(const CheckOp& op, const Context& context);
  Outcome<CheckTxn> judge(const CheckCzxidOp& op, const Context& context);
  Outcome<MultiTxn> judge(const MultiOp& op, const Context& context);
  Outcome<CreateSessionTxn> judge(const CreateSessionOp& op, const Context& context);
  Outcome<CloseSessionTxn> judge(const CloseSessionOp& op, const Context& context);
  Outcome<AttachSessionTxn> judge(const AttachSessionOp& op, const Context& context);
  Outcome<ReconfigTxn> judge(const ReconfigOp& op, const Context& context);
  Outcome<ReconfigTxn> judge(const InstallConfigOp& op, const Context& context);
  Outcome<ErrorTxn> judge(const FailOp& op, const Context& context);

  ZkError check_session(const Caller& caller) const;
  bool has_moved(const Caller& caller, const Session* session) const;
  ZkError check_permission(const AclListRef& acl, std::int32_t wanted, std::string_view path,
                           const Caller& caller) const;
  Outcome<AclListRef> list_to_store(const std::vector<Acl>& asked, const Caller& caller) const;
  ZkError check_quota(std::string_view path, std::int64_t bytes, std::int64_t count, const Context& context);
  DeleteTxn remove(std::string_view path, NodeView parent, const NodeView& node, const Context& context);
  ReconfigTxn configure(EnsembleConfig config, const Context& context);

  const MachineOptions& options_;
  const Tree& tree_;
  const SessionTable& sessions_;
  const QuotaPaths& quotas_;
  Outstanding outstanding_;
  PendingQuota quota_use_;
  struct Move {
    std::int64_t owner = 0;  // the last one's
    std::size_t prepared = 0;
  };
  std::unordered_map<SessionId, std::int64_t> opening_;  // to its owner: createSession is prepared, not applied
  std::unordered_map<SessionId, Move> moving_;           // attachments are prepared, not applied
  std::unordered_set<SessionId> closing_;                // closeSession is prepared, not applied
  Zxid reconfiguring_;                                   // the reconfig that is prepared, not applied; 0: none
  Zxid last_prepared_;
};

}  // namespace holdfast::zk
