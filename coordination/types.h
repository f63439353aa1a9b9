// The few protocol types that the coordination room's machine and shells have in common, under short names. Ids and
// ACLs own their text here, and it is never null: wire's, which point into a frame, become these when they are decoded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/strong.h"
#include "wire/zookeeper/errors.h"
#include "wire/zookeeper/records.h"

namespace holdfast::zk {

using wire::zk::OpCode;
using wire::zk::Stat;
using wire::zk::ZkError;

struct Id {
  std::string scheme;
  std::string id;
  friend bool operator==(const Id&, const Id&) = default;
};
struct Acl {
  std::int32_t perms = 0;
  Id id;
  friend bool operator==(const Acl&, const Acl&) = default;
};

using ConnectionToken = std::uint64_t;  // a client connection of this server, chosen by the shell; 0: none

}  // namespace holdfast::zk
