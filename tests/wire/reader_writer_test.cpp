#include <gtest/gtest.h>

#include <limits>

#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::wire {
namespace {

using Raw = std::vector<std::uint8_t>;

TEST(Writer, IntegersAreBigEndian) {
  Writer out;
  out.i16(-2);
  out.u32(0x01020304);
  out.i64(0x0102030405060708);
  out.f64(1.0);
  out.boolean(true);
  EXPECT_EQ(out.flatten(), (Raw{0xff, 0xfe, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(Writer, VarintsAreShortest) {
  Writer out;
  out.uvarint(0);
  out.uvarint(127);
  out.uvarint(128);
  out.uvarint(std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(out.flatten(), (Raw{0, 0x7f, 0x80, 1, 0xff, 0xff, 0xff, 0xff, 0x0f}));
}

TEST(ReaderWriter, VarintsRoundTrip) {
  const std::int64_t values[] = {0,
                                 1,
                                 -1,
                                 63,
                                 -64,
                                 64,
                                 8191,
                                 -8193,
                                 std::numeric_limits<std::int32_t>::max(),
                                 std::numeric_limits<std::int32_t>::min()};
  for (const std::int64_t value : values) {
    Writer out;
    out.varint(static_cast<std::int32_t>(value));
    out.varlong(value);
    out.varlong(value * 4'000'000'007);
    const Raw bytes = out.flatten();
    Reader in{ByteView(bytes)};
    EXPECT_EQ(in.varint(), value);
    EXPECT_EQ(in.varlong(), value);
    EXPECT_EQ(in.varlong(), value * 4'000'000'007);
    EXPECT_TRUE(in.ok());
    EXPECT_EQ(in.remaining(), 0u);
  }
}

TEST(Reader, ReadsZerosAfterItsFirstError) {
  const Raw bytes = {1, 2, 3};
  Reader in{ByteView(bytes)};
  EXPECT_EQ(in.u16(), 0x0102);
  EXPECT_EQ(in.i32(), 0);
  EXPECT_FALSE(in.ok());
  const std::string first = in.error();
  EXPECT_EQ(in.u8(), 0);
  in.fail("something else");
  EXPECT_EQ(in.error(), first);
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(Reader, RefusesVarintsThatNeverEnd) {
  const Raw bytes(16, 0x80);
  Reader unsigned_in{ByteView(bytes)};
  unsigned_in.uvarint();
  EXPECT_FALSE(unsigned_in.ok());
  Reader long_in{ByteView(bytes)};
  long_in.varlong();
  EXPECT_FALSE(long_in.ok());
}

TEST(Reader, RawIsAViewOrNothing) {
  const Raw bytes = {1, 2, 3};
  Reader in{ByteView(bytes)};
  EXPECT_EQ(in.raw(2).data(), bytes.data());
  EXPECT_TRUE(in.raw(2).empty());
  EXPECT_FALSE(in.ok());
}

TEST(Reader, CountsAreBoundedByTheBytesLeft) {
  const Raw bytes(8);
  const auto accepted = [&](std::int64_t count, std::size_t element) {
    Reader in{ByteView(bytes)};
    return in.bounded_count(count, element) == count && in.ok();
  };
  EXPECT_TRUE(accepted(0, 1));
  EXPECT_TRUE(accepted(8, 1));
  EXPECT_FALSE(accepted(9, 1));
  EXPECT_TRUE(accepted(2, 4));
  EXPECT_FALSE(accepted(3, 4));
  EXPECT_FALSE(accepted(-1, 1));
  EXPECT_FALSE(accepted(std::numeric_limits<std::int64_t>::max(), 8));
}

TEST(Reader, CountsAreBoundedEvenWhereBytesAreMany) {
  const Raw bytes(static_cast<std::size_t>(array_elements_max) + 1);
  Reader in{ByteView(bytes)};
  EXPECT_EQ(in.bounded_count(array_elements_max), array_elements_max);
  EXPECT_EQ(in.bounded_count(array_elements_max + 1), 0);
  EXPECT_FALSE(in.ok());
}

TEST(Writer, GrowsBeyondItsReserve) {
  Writer out(4);
  Raw expected;
  for (int i = 0; i < 1000; ++i) {
    out.u8(static_cast<std::uint8_t>(i));
    expected.push_back(static_cast<std::uint8_t>(i));
  }
  EXPECT_EQ(out.size(), 1000u);
  EXPECT_EQ(out.flatten(), expected);
}

TEST(Writer, SplicesStandWhereTheyWerePutAndAreNotCopied) {
  const Bytes piece = Bytes::copy(std::string_view("spliced"));
  Writer out(4);
  out.raw(std::string_view("before "));
  BufferChain chain;
  chain.append(piece);
  out.splice(std::move(chain));
  out.raw(std::string_view(" after"));
  EXPECT_EQ(out.size(), std::string_view("before spliced after").size());

  const BufferChain whole = out.take();
  ASSERT_EQ(whole.pieces().size(), 3u);
  EXPECT_EQ(whole.pieces()[1].data(), piece.data());
  const Raw flat = whole.flatten();
  EXPECT_EQ(as_text(flat), "before spliced after");
}

TEST(Writer, PatchesALengthWrittenEarlier) {
  Writer out;
  const std::size_t at = out.position();
  out.i32(0);
  out.raw(std::string_view("abc"));
  out.patch_i32(at, static_cast<std::int32_t>(out.size() - 4));
  EXPECT_EQ(out.flatten(), (Raw{0, 0, 0, 3, 'a', 'b', 'c'}));
}

TEST(Writer, RewindForgets) {
  Writer out;
  out.u8(1);
  const std::size_t at = out.position();
  out.i64(2);
  out.rewind(at);
  out.u8(3);
  EXPECT_EQ(out.flatten(), (Raw{1, 3}));
}

TEST(Writer, IsUsableAfterTake) {
  Writer out;
  out.u8(1);
  EXPECT_EQ(out.take().size(), 1u);
  out.u8(2);
  EXPECT_EQ(out.flatten(), Raw{2});
}

TEST(Writer, KeepsItsFirstError) {
  Writer out;
  EXPECT_TRUE(out.ok());
  out.fail("first");
  out.fail("second");
  EXPECT_FALSE(out.ok());
  EXPECT_STREQ(out.error(), "first");
}

}  // namespace
}  // namespace holdfast::wire
