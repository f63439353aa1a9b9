// Requests as the machine takes them: what a client (or the broker, in process) asks, already decoded. Views point into
// the caller's buffers and are copied by prepare() where the transaction needs them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "coordination/ensemble_config.h"
#include "coordination/types.h"
#include "runtime/buffer.h"
#include "runtime/strong.h"

namespace holdfast::zk {

// Data of a znode on its way in: null (-1 on the wire) is not the same as empty.
struct DataView {
  ByteView bytes;
  bool null = true;

  DataView() = default;
  explicit DataView(ByteView b) : bytes(b), null(false) {}
};

// create, create2, createContainer, createTTL. `op` is the opcode as asked: it decides whether the
// reply carries a Stat, and travels in the transaction so that every replica's result says the same.
struct CreateOp {
  OpCode op = OpCode::create;
  std::string_view path;
  DataView data;
  std::vector<Acl> acl;
  std::int32_t flags = 0;
  std::int64_t ttl_ms = 0;
};
struct DeleteOp {
  std::string_view path;
  std::int32_t version = -1;
};
struct SetDataOp {
  std::string_view path;
  DataView data;
  std::int32_t version = -1;
};
struct SetAclOp {
  std::string_view path;
  std::vector<Acl> acl;
  std::int32_t version = -1;
};
struct CheckOp {  // inside a multi only
  std::string_view path;
  std::int32_t version = -1;
};
// Privileged callers only, inside a multi: the node exists and was created by this zxid (a re-created node starts again
// at version 0, so that a version check alone would take it for the old one). BadVersion otherwise. 0: there is no such
// node.
struct CheckCzxidOp {
  std::string_view path;
  Zxid czxid;
};
// Privileged callers only: an expired container or TTL node, checked again against `now`.
struct DeleteExpiredOp {
  std::string_view path;
};

using MultiPart = std::variant<CreateOp, DeleteOp, SetDataOp, CheckOp, CheckCzxidOp, SetAclOp>;
struct MultiOp {
  std::vector<MultiPart> parts;
};

struct CreateSessionOp {
  std::int32_t timeout_ms = 0;
};
struct CloseSessionOp {};  // of the caller's session; also what expiry injects
// The caller's session speaks through the caller's owner from now on.
struct AttachSessionOp {
  std::int32_t timeout_ms = 0;
};
// A change of the ensemble's members: either lists of what changes or the whole new configuration. Nothing: not given.
struct ReconfigOp {
  std::optional<std::string_view> joining{}, leaving{}, members{};
  std::int64_t from_version = -1;  // of the configuration that is to be changed; -1: any
};
// Privileged callers only: the configuration that an ensemble begins with. Its version becomes the transaction's zxid.
struct InstallConfigOp {
  EnsembleConfig config;
};
// A request that the shell already refused with an error that must consume a zxid as upstream's does.
struct FailOp {
  ZkError error;
};

using WriteRequest = std::variant<CreateOp, DeleteOp, SetDataOp, SetAclOp, MultiOp, DeleteExpiredOp, CreateSessionOp,
                                  CloseSessionOp, AttachSessionOp, ReconfigOp, InstallConfigOp, FailOp>;

struct Caller {
  SessionId session{};
  std::int32_t cxid = 0;
  std::span<const Id> ids{};       // the connection's identities; the first is {ip, address}
  ConnectionToken connection = 0;  // where watches are armed
  // The server through which the session speaks, when it is to be checked against the session's owner; 0: unchecked.
  std::int64_t owner = 0;
  // In-process callers: no ACLs, no session check, no protected subtrees.
  bool privileged = false;
};

}  // namespace holdfast::zk
