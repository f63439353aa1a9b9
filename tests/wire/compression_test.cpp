#include "wire/kafka/compression.h"

#include <gtest/gtest.h>
#include <lz4frame.h>

#include <random>
#include <string>

namespace holdfast::wire {
namespace {

using ByteVector = std::vector<std::uint8_t>;
constexpr Codec codecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

ByteVector text(std::size_t size) {
  ByteVector out;
  for (std::size_t i = 0; out.size() < size; ++i) {
    for (const char c : "line " + std::to_string(i * i) + "\n") out.push_back(static_cast<std::uint8_t>(c));
  }
  out.resize(size);
  return out;
}

ByteVector noise(std::size_t size) {
  std::mt19937 random(7);
  ByteVector out(size);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

ByteVector joined(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class EveryCodec : public ::testing::TestWithParam<Codec> {
 protected:
  static ByteVector packed(ByteView input) { return compress(GetParam(), -1, input); }
  static Result<ByteVector> unpacked(ByteView input, std::size_t bytes_max) {
    return decompress(GetParam(), input, bytes_max);
  }
};

TEST_P(EveryCodec, GivesBackWhatWentIn) {
  for (const ByteVector& input : {ByteVector{}, text(1), text(1000), text(300'000), noise(100'000)}) {
    const auto output = unpacked(packed(input), input.size());
    ASSERT_TRUE(output) << output.error().message;
    EXPECT_EQ(*output, input);
  }
}

TEST_P(EveryCodec, StopsAtTheBound) {
  for (const std::size_t size : {1000u, 200'000u}) {
    const auto output = unpacked(packed(text(size)), size - 1);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind, ErrorKind::exhausted);
  }
}

TEST_P(EveryCodec, RefusesAnyTruncation) {
  if (GetParam() == Codec::none) return;  // has no structure to break
  const ByteVector whole = packed(text(100'000));
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 97) {
    // Snappy's framing has no end mark: cut between two blocks, or after the header, it is a shorter stream.
    const auto output = unpacked(ByteView(whole).first(size), 200'000);
    if (output) {
      EXPECT_EQ(GetParam(), Codec::snappy) << size;
      EXPECT_LT(output->size(), 100'000u);
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Codec>& info) {
  constexpr const char* names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  return names[static_cast<std::size_t>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Codecs, EveryCodec, ::testing::ValuesIn(codecs), name_of);

// A few hundred bytes that would become 100 MB must be refused before they are that.
TEST(Compression, BombsAreRefused) {
  const ByteVector zeros(100 << 20, 0);
  for (const Codec codec : {Codec::gzip, Codec::lz4, Codec::zstd}) {
    const auto output = decompress(codec, compress(codec, 1, zeros), 1 << 20);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind, ErrorKind::exhausted);
  }
}

// A block that claims 4 GB in eight bytes.
TEST(Compression, Lz4BlocksThatDependOnEachOtherAreRefused) {
  // Java's consumers cannot read them, so a broker that stored them would stop its consumers.
  std::vector<std::uint8_t> frame = compress(Codec::lz4, -1, as_bytes("some bytes"));
  ASSERT_TRUE(decompress(Codec::lz4, frame, 1 << 20));
  LZ4F_preferences_t linked{};
  linked.frameInfo.blockMode = LZ4F_blockLinked;
  const std::string text(200'000, 'x');  // several blocks: a single one depends on nothing
  frame.resize(LZ4F_compressFrameBound(text.size(), &linked));
  const std::size_t n = LZ4F_compressFrame(frame.data(), frame.size(), text.data(), text.size(), &linked);
  ASSERT_FALSE(LZ4F_isError(n));
  frame.resize(n);
  EXPECT_FALSE(decompress(Codec::lz4, frame, 1 << 20));
}

TEST(Compression, SnappyClaimsAreNotBelieved) {
  const ByteVector claim{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0};
  const auto output = decompress(Codec::snappy, claim, SIZE_MAX);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().kind, ErrorKind::invalid_input);
}

TEST(Compression, SnappyIsReadWithoutFramingToo) {
  const ByteVector raw{5, 4 << 2, 'h', 'e', 'l', 'l', 'o'};  // length, one literal
  const auto output = decompress(Codec::snappy, raw, 100);
  ASSERT_TRUE(output);
  EXPECT_EQ(as_text(*output), "hello");
}

// As Java's readers do.
TEST(Compression, JoinedStreamsAreReadToTheEnd) {
  const ByteVector one = text(70'000), two = noise(1000);
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::zstd}) {
    const auto output = decompress(codec, joined(compress(codec, -1, one), compress(codec, -1, two)), 1 << 20);
    ASSERT_TRUE(output) << output.error().message;
    EXPECT_EQ(*output, joined(one, two));
  }
}

TEST(Compression, ACodecNobodyKnowsIsRefused) {
  for (const int codec : {5, 6, 7}) {
    const auto output = decompress(static_cast<Codec>(codec), text(10), 100);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind, ErrorKind::unsupported);
  }
}

}  // namespace
}  // namespace holdfast::wire
