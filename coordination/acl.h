// ACLs: who may do what to a znode. The rules are pure functions over the requester's identities; AclTable interns the
// lists that nodes carry (nearly all nodes share a handful of them). Schemes: world, auth, digest, ip, and super, which
// may do anything; x509 and sasl identities match by equality. Lives on the coordination shard.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordination/types.h"
#include "runtime/strong.h"

namespace holdfast::zk {

namespace perms {
inline constexpr std::int32_t read = 1;
inline constexpr std::int32_t write = 2;
inline constexpr std::int32_t create = 4;
inline constexpr std::int32_t remove = 8;
inline constexpr std::int32_t admin = 16;
inline constexpr std::int32_t all = 31;
}  // namespace perms

using AclList = std::vector<Acl>;
// A list that outlives the node it came from (a deleted node's watchers are still filtered by it). Never null.
using AclListRef = std::shared_ptr<const AclList>;
using AclId = Strong<struct AclIdTag, std::uint32_t>;  // 0: world may do anything

struct AclOptions {
  // "super:base64(hash(...))" as zookeeper.DigestAuthenticationProvider.superDigest; empty: none.
  std::string super_digest;
  bool skip_acl = false;                  // zookeeper.skipACL
  bool digest_enabled = true;             // zookeeper.DigestAuthenticationProvider.enabled
  std::string digest_algorithm = "SHA1";  // zookeeper.DigestAuthenticationProvider.digestAlg: SHA1, SHA-256, ...
};

// True when `ids` hold one of the wanted permissions: a list that is empty lets everybody in, as upstream's does.
bool permits(const AclList& acl, std::int32_t wanted, std::span<const Id> ids);
bool is_super(std::span<const Id> ids);

// What a client's list becomes before it is stored: duplicates removed, `auth` expanded to the requester's identities.
// InvalidACL when it is empty, when a scheme is unknown (as digest is where it is not enabled) or an id ill-formed for
// it.
std::expected<AclList, ZkError> fix_up(const AclOptions& options, std::span<const Acl> acl, std::span<const Id> ids);
// For readers without ADMIN: digest hashes become "user:x".
AclList masked(const AclList& acl);

// addAuth. digest: any "user:password" authenticates, as user:base64(hash(user:password)), and as super too when that
// is the super digest. Returns the identities gained; AuthFailed for an unknown scheme or malformed credentials. ip:
// the connection's own address, whatever the credentials say.
std::expected<std::vector<Id>, ZkError> authenticate(const AclOptions& options, std::string_view scheme,
                                                     std::string_view credentials, std::string_view peer_address);
// A connection's identities are a set: authenticating twice adds nothing.
void add_identities(std::vector<Id>& ids, std::vector<Id> gained);
std::uint64_t digest_of_acl(const AclList& acl);
std::string digest_of(std::string_view user_and_password, std::string_view algorithm = "SHA1");

// ip ids: "10.0.0.0/8", "::1". False when the pattern is malformed too.
bool ip_pattern_is_valid(std::string_view pattern);
bool ip_matches(std::string_view address, std::string_view pattern);

class AclTable {
 public:
  static constexpr AclId open{0};  // world:anyone with all permissions

  AclTable();
  AclId retain(const AclList& list);  // interns (an empty list is the open one); each is matched by one release
  void retain(AclId id);
  void release(AclId id);
  const AclList& list(AclId id) const { return *entries_[id.value].list; }
  AclListRef ref(AclId id) const { return entries_[id.value].list; }
  std::size_t size() const { return ids_.size(); }

 private:
  struct Entry {
    AclListRef list;
    std::uint64_t references = 0;
  };
  struct ListHash {
    std::size_t operator()(const AclListRef& list) const;
  };
  struct ListEqual {
    bool operator()(const AclListRef& a, const AclListRef& b) const { return *a == *b; }
  };

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<AclListRef, std::uint32_t, ListHash, ListEqual> ids_;
};

}  // namespace holdfast::zk
