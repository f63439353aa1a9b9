// Txn: what is replicated. The leader's prepare() turned a request into resulting values (versions, times, generated
// names), so that applying is free of decisions and applying twice changes nothing. Integers are big-endian; the record
// begins with a version byte, and a reader refuses versions and kinds it does not know. Layout in txn.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "coordination/types.h"
#include "runtime/buffer.h"
#include "runtime/result.h"
#include "runtime/strong.h"

namespace holdfast::zk {

inline constexpr std::uint32_t multi_parts_max = 1'000'000;

// Lists of ACLs that are empty here mean world:anyone with all permissions, which nearly all are.
struct CreateTxn {
  OpCode op = OpCode::create;  // as asked
  std::string path;            // with its sequence suffix
  Bytes data;
  bool null_data = false;
  std::vector<Acl> acl;
  std::int64_t owner = 0;            // as stored: session, container mark or TTL
  std::int32_t parent_cversion = 0;  // the parent's, after this
};
struct DeleteTxn {
  std::string path;
};
struct SetDataTxn {
  std::string path;
  Bytes data;
  bool null_data = false;
  std::int32_t version = 0;
};
struct SetAclTxn {
  std::string path;
  std::vector<Acl> acl;
  std::int32_t aversion = 0;
};
struct CheckTxn {  // keeps its place in a multi's results
  std::string path;
};
struct CreateSessionTxn {
  std::int32_t timeout_ms = 0;
  std::int64_t owner = 0;  // the server through which it speaks; 0: whichever
};
struct CloseSessionTxn {
  std::vector<std::string> ephemerals;
};
// A session moved to the server `owner`. No change of the state that clients see: its zxid is that of the transaction
// before it, and it is applied wherever it stands in the log.
struct AttachSessionTxn {
  std::int64_t owner = 0;
  std::int32_t timeout_ms = 0;
};
// The ensemble's new configuration, as /zookeeper/config tells it.
struct ReconfigTxn {
  std::string config;
};
// A write that failed: it changes nothing and consumes its zxid, as upstream's does.
struct ErrorTxn {
  ZkError error = ZkError::ok;
};

using MultiPartTxn = std::variant<CreateTxn, DeleteTxn, SetDataTxn, SetAclTxn, CheckTxn>;
// Either all parts, or the failure of part `failed_at` out of `count`.
struct MultiTxn {
  std::vector<MultiPartTxn> parts;
  ZkError error = ZkError::ok;
  std::uint32_t failed_at = 0;
  std::uint32_t count = 0;
};

struct Txn {
  SessionId session;
  std::int32_t cxid = 0;
  Zxid zxid;
  std::int64_t time_ms = 0;
  std::variant<ErrorTxn, CreateTxn, DeleteTxn, SetDataTxn, SetAclTxn, MultiTxn, CreateSessionTxn, CloseSessionTxn,
               ReconfigTxn, AttachSessionTxn>
      body;

  bool has_own_zxid() const { return !std::holds_alternative<AttachSessionTxn>(body); }
  bool failed() const;  // an error txn or a failed multi: nothing changes
};

Bytes encode(const Txn& txn);
Result<Txn> decode_txn(ByteView record);

// What a transaction does to which znode: for views built from committed transactions (the broker's metadata image).
enum class ChangeKind : std::uint8_t { created, deleted, data_changed };
struct Change {
  ChangeKind kind;
  std::string_view path;  // into the transaction
};
std::vector<Change> changes_of(const Txn& txn);

}  // namespace holdfast::zk
