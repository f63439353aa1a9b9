// Znode: one node of the tree, in one allocation with its name behind it (paths dominate a large tree's memory, so each
// node stores its last path element only; the rest is its ancestors'). Children are an intrusive list in creation
// order: nothing is allocated per child, and a parent of a million children costs what a million nodes cost. Lives on
// the coordination shard, owned by its Tree.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "coordination/acl.h"
#include "coordination/types.h"
#include "runtime/buffer.h"

namespace holdfast::zk {

// What ephemeralOwner says of a node (server/EphemeralType.java): 0 nothing, the top bit alone a container, a high byte
// of 0xff with 40 bits of milliseconds a TTL, anything else the session that owns an ephemeral.
enum class NodeKind : std::uint8_t { persistent, ephemeral, container, ttl };

inline constexpr std::int64_t container_owner = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t ttl_max_ms = 0x00'ff'ff'ff'ff'ff;
std::int64_t owner_of_ttl(std::int64_t ttl_ms);
std::int64_t ttl_of_owner(std::int64_t owner);
// Without extended types a high byte of 0xff is an ordinary session id.
NodeKind kind_of_owner(std::int64_t owner, bool extended_types);

struct Znode {
  // What a lookup touches comes first.
  Znode* next_in_bucket = nullptr;  // NodeIndex
  std::uint64_t path_hash = 0;
  Znode* parent = nullptr;
  std::uint32_t path_size = 0;  // of the whole path
  // In one word: a million nodes of a name of nine letters take 16 MB less.
  std::uint32_t name_size : 31 = 0;
  bool null_data : 1 = false;
  std::uint32_t children = 0;
  AclId acl = AclId{0};

  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t pzxid = 0;
  std::int64_t ctime_ms = 0;
  std::int64_t mtime_ms = 0;
  std::int64_t owner = 0;  // as stored: see NodeKind
  std::int32_t version = 0;
  std::int32_t cversion = 0;  // creations below it, as stored; clients see 2 * cversion - children
  std::int32_t aversion = 0;
  std::uint32_t captured_epoch = 0;  // the snapshot epoch that has this node's state already
  Bytes data;

  std::uint64_t digest = 0;  // this node's part of the tree's digest
  Znode* first_child = nullptr;
  Znode* last_child = nullptr;
  Znode* next_sibling = nullptr;
  Znode* previous_sibling = nullptr;

  std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_size}; }
  std::string path() const;
  bool path_is(std::string_view path) const;  // compares element by element, upwards
  // What clients see: cversion as deletions and creations, and an owner for ephemerals only.
  Stat stat(bool extended_types) const;
};

// The names below one node, without copies: valid until the tree changes.
class ChildNames {
 public:
  class Iterator {
   public:
    explicit Iterator(const Znode* at) : at_(at) {}
    std::string_view operator*() const { return at_->name(); }
    Iterator& operator++() { return at_ = at_->next_sibling, *this; }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    const Znode* at_;
  };
  explicit ChildNames(const Znode* parent) : parent_(parent) {}
  Iterator begin() const { return Iterator(parent_->first_child); }
  Iterator end() const { return Iterator(nullptr); }
  std::size_t size() const { return parent_->children; }

 private:
  const Znode* parent_;
};

}  // namespace holdfast::zk
