#include "client/zookeeper_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace holdfast::client {
namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::size_t input_bytes = 16 << 10;

}  // namespace

ZooKeeperLink::ZooKeeperLink(Shard& shard, std::unique_ptr<Stream> stream, std::size_t frame_bytes_max)
    : shard_(shard), stream_(std::move(stream)), frame_bytes_max_(frame_bytes_max) {}

Task<Result<ByteView>> ZooKeeperLink::next() {
  for (;;) {
    std::size_t wanted = length_bytes;
    if (end_ - begin_ >= length_bytes) {
      std::uint32_t length;
      std::memcpy(&length, input_.data() + begin_, length_bytes);
      length = __builtin_bswap32(length);
      if (length > frame_bytes_max_)
        co_return fail(ErrorKind::exhausted, fmt::format("it answers with {} bytes, of at most {} (jute.maxbuffer)",
                                                         static_cast<std::int32_t>(length), frame_bytes_max_));
      wanted += length;
      if (end_ - begin_ >= wanted) {
        const ByteView frame(input_.data() + begin_ + length_bytes, length);
        begin_ += wanted;
        co_return frame;
      }
    }
    if (begin_ > 0) {
      std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
      end_ -= std::exchange(begin_, 0);
    }
    // A length alone reserves no memory: the buffer doubles as the bytes really come.
    if (end_ == 0 && input_.size() > input_bytes) input_ = {};
    if (end_ == input_.size() || input_.empty())
      input_.resize(std::max(input_bytes, std::min(wanted, input_.size() * 2)));
    const std::span<std::uint8_t> space(input_.data() + end_, input_.size() - end_);
    auto got = co_await stream_->read_some(space);
    if (!got) co_return fail(got);
    if (*got == 0) co_return fail(ErrorKind::closed, "it closed the connection");
    end_ += *got;
  }
}

void ZooKeeperLink::send(wire::Writer head, const Bytes& body) {
  head.patch_i32(0, static_cast<std::int32_t>(head.size() + body.size() - length_bytes));
  outgoing_.append(head.take());
  outgoing_.append(body);
  if (std::exchange(flush_deferred_, true)) return;
  shard_.defer([self = shared_from_this()] { self->flush(); });
}

void ZooKeeperLink::flush() {
  flush_deferred_ = false;
  stream_->send(std::exchange(outgoing_, {}));
}

}  // namespace holdfast::client
