// The opcode table: what each ZooKeeper request asks of the znode machine, and how it is answered. docs/OPCODES.md is
// printed from it. Lives on the coordination shard.
#pragma once

#include <string>
#include <string_view>

#include "coordination/zk_connection.h"

namespace holdfast {

// Handles one frame behind its length. False: the connection is over.
bool zk_handle_request(ZkConnection& connection, ByteView frame);

// The path that a request is about, of a multi its first operation's; empty: there is none.
std::string_view zk_path_of(ByteView frame);

std::string opcode_table_markdown();

}  // namespace holdfast
