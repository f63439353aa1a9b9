// Requests and replies of a History in ZooKeeper's wire format.
#pragma once

#include "tests/simulation/history.h"
#include "wire/writer.h"

namespace holdfast::sim {

wire::zk::OpCode opcode_of(const Request& request);
// The body, behind the request header.
void encode(const Request& request, wire::Writer& out);
// The body of a reply without error into `reply`. False: it has another shape.
bool decode(const Request& request, ByteView body, Reply& reply);

}  // namespace holdfast::sim
