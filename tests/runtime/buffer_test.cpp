#include "runtime/buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

namespace holdfast {
namespace {

std::string text_of(const Bytes& bytes) { return std::string(as_text(bytes.view())); }

TEST(Block, HoldsItsCapacityAtTheAlignmentAsked) {
  for (const std::size_t alignment : {std::size_t{0}, std::size_t{64}, std::size_t{4096}}) {
    for (const std::size_t capacity : {std::size_t{1}, std::size_t{13}, std::size_t{4096}, std::size_t{70'001}}) {
      BlockRef block = BlockRef::allocate(capacity, alignment);
      ASSERT_EQ(block->capacity(), capacity);
      if (alignment != 0) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block->data()) % alignment, 0u);
      std::memset(block->data(), 0xab, capacity);  // the sanitizers watch the edges
      EXPECT_TRUE(block->unique());
    }
  }
}

TEST(Block, IsUniqueOnlyForItsLastHolder) {
  BlockRef one = BlockRef::allocate(10);
  {
    BlockRef two = one;
    EXPECT_FALSE(one->unique());
    EXPECT_EQ(one.get(), two.get());
  }
  EXPECT_TRUE(one->unique());
  BlockRef moved = std::move(one);
  EXPECT_TRUE(moved->unique());
}

TEST(Bytes, CopyOwnsItsBytes) {
  std::string from = "holdfast";
  const Bytes bytes = Bytes::copy(from);
  from = "????????";
  EXPECT_EQ(text_of(bytes), "holdfast");
  EXPECT_TRUE(Bytes::copy(std::string_view()).empty());
}

TEST(Bytes, SlicesKeepTheBlockAlive) {
  Bytes slice;
  {
    const Bytes whole = Bytes::copy("keep this part");
    slice = whole.slice(5, 4);
  }
  EXPECT_EQ(text_of(slice), "this");
}

TEST(Bytes, MayBeDroppedOnAnotherThread) {
  Bytes bytes = Bytes::copy("shared");
  std::thread other([copy = bytes]() mutable {
    EXPECT_EQ(copy.size(), 6u);
    copy = {};
  });
  bytes = {};
  other.join();
}

TEST(BufferChain, KeepsPiecesInOrderAndCountsThem) {
  BufferChain chain(Bytes::literal("a"));
  chain.append(Bytes());
  chain.append(Bytes::literal("bc"));
  BufferChain tail(Bytes::literal("def"));
  chain.append(std::move(tail));
  EXPECT_EQ(chain.size(), 6u);
  EXPECT_EQ(chain.pieces().size(), 3u);
  const auto flat = chain.flatten();
  EXPECT_EQ(as_text(flat), "abcdef");
  const auto pieces = chain.take();
  EXPECT_EQ(pieces.size(), 3u);
  EXPECT_TRUE(chain.empty());
}

}  // namespace
}  // namespace holdfast
