// A machine with clients around it, for tests: sessions by number, every committed transaction kept, events per
// connection. The connection token of session N is N.
#pragma once

#include <algorithm>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coordination/machine.h"
#include "tests/coordination/create_flags.h"

namespace holdfast::zk {

inline const std::vector<Acl> open_acl{Acl{perms::all, Id{"world", "anyone"}}};

inline DataView text(std::string_view s) { return DataView(as_bytes(s)); }
inline CreateOp create(std::string_view path, std::string_view data = "", std::int32_t flags = 0) {
  return CreateOp{.op = OpCode::create, .path = path, .data = text(data), .acl = open_acl, .flags = flags};
}
inline CreateOp create_container(std::string_view path) {
  return CreateOp{.op = OpCode::create_container, .path = path, .data = text(""), .acl = open_acl, .flags = 4};
}
inline CreateOp create_ttl(std::string_view path, std::int64_t ttl_ms, std::int32_t flags = 5) {
  return CreateOp{
      .op = OpCode::create_ttl, .path = path, .data = text(""), .acl = open_acl, .flags = flags, .ttl_ms = ttl_ms};
}
inline SetDataOp set(std::string_view path, std::string_view data, std::int32_t version = -1) {
  return SetDataOp{path, text(data), version};
}
inline DeleteOp remove(std::string_view path, std::int32_t version = -1) { return DeleteOp{path, version}; }

// A result that outlives its transaction.
struct Done {
  ZkError error = ZkError::ok;
  std::string path;
  Stat stat;
  Zxid zxid;
  std::vector<std::pair<OpCode, ZkError>> parts;
  std::vector<std::string> part_paths;
};

struct Heard {
  EventType type;
  std::string path;
  friend bool operator==(const Heard&, const Heard&) = default;
};

class ZnodeWorld {
 public:
  explicit ZnodeWorld(MachineOptions options = {}) : machine(options) {}

  Caller caller(std::int64_t session) {
    auto& ids = identities[session];
    if (ids.empty()) ids.push_back(Id{"ip", "127.0.0.1"});
    return Caller{.session = SessionId{session},
                  .cxid = ++cxid_,
                  .ids = ids,
                  .connection = static_cast<ConnectionToken>(session)};
  }
  Caller broker() { return Caller{.cxid = ++cxid_, .privileged = true}; }

  void open(std::int64_t session, std::int32_t timeout_ms = 10'000) { ask(session, CreateSessionOp{timeout_ms}); }
  void close(std::int64_t session) { ask(session, CloseSessionOp{}); }

  Done ask(std::int64_t session, const WriteRequest& request) { return ask(caller(session), request); }
  Done ask(const Caller& who, const WriteRequest& request) {
    prepare(who, request);
    Done last;
    while (!waiting.empty()) last = apply_next();
    return last;
  }
  // Judged but not applied yet: what a pipeline does.
  void prepare(std::int64_t session, const WriteRequest& request) { prepare(caller(session), request); }
  void prepare(const Caller& who, const WriteRequest& request) {
    waiting.push_back(machine.prepare(request, who, now_ms));
  }
  Done apply_next() {
    // Through the record, as a replica gets it.
    auto txn = decode_txn(encode(waiting.front()).view());
    HOLDFAST_CHECK(txn);
    waiting.pop_front();
    committed.push_back(std::move(*txn));
    const Effects& effects = machine.apply(committed.back());
    for (const WatchEvent& event : effects.events) {
      for (const ConnectionToken who : event.targets) {
        if (machine.delivers(event, identities[static_cast<std::int64_t>(who)])) {
          heard[static_cast<std::int64_t>(who)].push_back({event.type, event.path});
        }
      }
    }
    quota_warnings.insert(quota_warnings.end(), effects.quota_warnings.begin(), effects.quota_warnings.end());
    Done done{effects.result.error, std::string(effects.result.path), effects.result.stat, effects.zxid, {}, {}};
    for (const OpResult& part : effects.parts) {
      done.parts.emplace_back(part.op, part.error);
      done.part_paths.emplace_back(part.path);
    }
    return done;
  }
  std::vector<Heard> take_heard(std::int64_t session) { return std::exchange(heard[session], {}); }

  Outcome<Stat> stat(std::string_view path, std::int64_t session = 1) {
    return machine.exists(path, caller(session), false);
  }
  std::string data(std::string_view path) {
    const auto result = machine.get_data(path, broker(), false);
    return result ? std::string(as_text(result->data.view())) : "(none)";
  }
  std::vector<std::string> children(std::string_view path) {
    std::vector<std::string> names;
    if (const auto result = machine.get_children(path, broker(), false)) {
      for (const std::string_view name : result->names) names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

  ZnodeMachine machine;
  std::int64_t now_ms = 1'000'000;
  std::map<std::int64_t, std::vector<Id>> identities;
  std::deque<Txn> waiting;
  std::deque<Txn> committed;  // effects point into them
  std::map<std::int64_t, std::vector<Heard>> heard;
  std::vector<QuotaWarning> quota_warnings;

 private:
  std::int32_t cxid_ = 0;
};

// The state as clients see it, as text.
std::string dump(const ZnodeMachine& machine);
// Everything replicated: equal states have equal dumps.
std::string full_dump(const ZnodeMachine& machine);

}  // namespace holdfast::zk
