// ZooKeeperLink: one connection to a ZooKeeper server, in frames: a length of 32 bits and so many bytes. What is sent
// in one burst leaves in one write. A frame that is longer than its bound ends the connection. Lives on one shard;
// whoever waits in next() keeps it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/gate.h"
#include "runtime/network.h"
#include "runtime/result.h"
#include "runtime/shards.h"
#include "runtime/task.h"
#include "wire/writer.h"

namespace holdfast::client {

class ZooKeeperLink : public std::enable_shared_from_this<ZooKeeperLink> {
 public:
  ZooKeeperLink(Shard& shard, std::unique_ptr<Stream> stream, std::size_t frame_bytes_max);
  ZooKeeperLink(const ZooKeeperLink&) = delete;
  ZooKeeperLink& operator=(const ZooKeeperLink&) = delete;

  // The next frame; it is valid until the next call. closed: the peer ended the connection, or close() did;
  // exhausted: a frame is longer than the bound.
  Task<Result<ByteView>> next();
  // A frame of `head`, which begins with four bytes for the length, and of `body`.
  void send(wire::Writer head, const Bytes& body = {});
  void close() { stream_->close(); }
  Endpoint remote() const { return stream_->remote(); }

 private:
  void flush();

  Shard& shard_;
  const std::unique_ptr<Stream> stream_;
  const std::size_t frame_bytes_max_;
  std::vector<std::uint8_t> input_;
  std::size_t begin_ = 0, end_ = 0;  // what was read and not taken
  BufferChain outgoing_;
  bool flush_deferred_ = false;
};

}  // namespace holdfast::client
