// A Stream over a connected TCP socket. Lives on one shard.
#pragma once

#include <memory>

#include "runtime/network.h"
#include "runtime/socket_address.h"

namespace holdfast {

std::unique_ptr<Stream> make_tcp_stream(Shard& shard, SocketDescriptor connected, Endpoint remote);

}  // namespace holdfast
