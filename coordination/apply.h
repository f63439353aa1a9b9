// Applier: every replica's half of the machine. It carries out a transaction, which needs no decisions any more, and
// says what came of it: the results for whoever asked, the watch events, the sessions that came and went. Lives on the
// coordination shard.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "coordination/quota.h"
#include "coordination/sessions.h"
#include "coordination/tree.h"
#include "coordination/txn.h"
#include "coordination/watches.h"

namespace holdfast::zk {

// What one operation came to; the reply is made from it.
struct OpResult {
  // Of creates: as asked, but create2 for all with a Stat in a multi. `error` for failures and every part of a failed
  // multi.
  OpCode op = OpCode::notification;
  ZkError error = ZkError::ok;
  std::string_view path{};  // of creates; points into the transaction
  Stat stat{};              // of creates, setData, setACL, reconfig
};

struct Effects {
  Zxid zxid;
  SessionId session;  // who asked, with which xid: the shell finds the waiting request by them
  std::int32_t cxid = 0;
  OpResult result{};                    // a failed multi has error ok here, as on the wire
  std::vector<OpResult> parts{};        // of a multi
  std::vector<WatchEvent> events{};     // to be queued in this order, before the reply
  SessionId session_created{};          // 0: none
  std::int32_t session_timeout_ms = 0;  // of the created or attached one
  SessionId session_attached{};         // 0: none; it moved to the server that sessions() says
  SessionId session_closed{};           // 0: none
  // Not empty: the transaction does not fit the state, which therefore is not the leader's. What does not fit was left
  // undone; this replica may serve nobody any more.
  std::string_view contradiction{};
  std::string_view new_config{};  // of a reconfig: the text of /zookeeper/config; points into the transaction
  std::vector<QuotaWarning> quota_warnings{};
};

class Applier {
 public:
  Applier(Tree& tree, SessionTable& sessions, WatchTable& watches, QuotaPaths& quotas)
      : tree_(tree), sessions_(sessions), watches_(watches), quotas_(quotas) {}

  void apply(const Txn& txn, Effects& effects);
  void rebuild_quotas();  // after a restore

 private:
  OpResult carry_out(const ErrorTxn& t);
  OpResult carry_out(const CreateTxn& t);
  OpResult carry_out(const DeleteTxn& t);
  OpResult carry_out(const SetDataTxn& t);
  OpResult carry_out(const SetAclTxn& t);
  OpResult carry_out(const CheckTxn& t);
  OpResult carry_out(const MultiTxn& t);
  OpResult carry_out(const CreateSessionTxn& t);
  OpResult carry_out(const CloseSessionTxn& t);
  OpResult carry_out(const ReconfigTxn& t);
  OpResult carry_out(const AttachSessionTxn& t);

  OpResult remove(std::string_view path);
  OpResult contradict(std::string_view reason);
  void keep_result();
  void count(std::string_view path, std::int64_t bytes, std::int64_t nodes);
  void quota_node_created(std::string_view path);
  void count_afresh(std::string_view quota_path);

  Tree& tree_;
  SessionTable& sessions_;
  WatchTable& watches_;
  QuotaPaths& quotas_;
  const Txn* txn_ = nullptr;
  Effects* effects_ = nullptr;
  ResultWindow* results_ = nullptr;  // where the transaction's result is kept; null: nowhere
};

}  // namespace holdfast::zk
