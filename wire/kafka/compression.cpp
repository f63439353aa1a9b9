#include "wire/kafka/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::wire {
namespace {

using ByteVector = std::vector<std::uint8_t>;
constexpr std::size_t piece_bytes = 64 << 10;
constexpr std::array<std::uint8_t, 2> gzip_magic{0x1f, 0x8b};
constexpr std::array<std::uint8_t, 8> xerial_magic{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t xerial_header_bytes = 16;
constexpr std::size_t xerial_block_bytes = 32 << 10;

std::unexpected<Error> malformed(const char* codec) {
  return fail(ErrorKind::invalid_input, std::string(codec) + " data is malformed");
}
std::unexpected<Error> too_large() { return fail(ErrorKind::exhausted, "records decompress to more than the bound"); }

// Takes a piece of output; false when the bound would be passed.
bool take(ByteVector& out, const std::uint8_t* from, std::size_t n, std::size_t bytes_max) {
  if (n > bytes_max - out.size()) return false;
  out.insert(out.end(), from, from + n);
  return true;
}

Result<ByteVector> gunzip(ByteView input, std::size_t bytes_max) {
  z_stream z{};
  if (inflateInit2(&z, 15 + 16) != Z_OK) return fail(ErrorKind::internal, "zlib cannot start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  z.next_in = const_cast<Bytef*>(input.data());
  z.avail_in = static_cast<uInt>(input.size());
  ByteVector out;
  std::array<std::uint8_t, piece_bytes> piece;
  for (;;) {
    z.next_out = piece.data();
    z.avail_out = static_cast<uInt>(piece.size());
    const int state = inflate(&z, Z_NO_FLUSH);
    if (!take(out, piece.data(), piece.size() - z.avail_out, bytes_max)) return too_large();
    if (state != Z_OK && state != Z_STREAM_END) return malformed("gzip");
    if (state != Z_STREAM_END) continue;
    // Java's reader goes on where another member follows, and ignores anything else.
    if (z.avail_in < gzip_magic.size() || !std::equal(gzip_magic.begin(), gzip_magic.end(), z.next_in)) return out;
    if (inflateReset(&z) != Z_OK) return malformed("gzip");
  }
}

ByteVector gzip(int level, ByteView input) {
  z_stream z{};
  HOLDFAST_CHECK(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, deflateEnd);
  ByteVector out(deflateBound(&z, input.size()) + 32);
  z.next_in = const_cast<Bytef*>(input.data());
  z.avail_in = static_cast<uInt>(input.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  HOLDFAST_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  return out;
}

Result<void> unsnappy_block(ByteView block, ByteVector& out, std::size_t bytes_max) {
  const auto* data = reinterpret_cast<const char*>(block.data());
  std::size_t length = 0;
  if (!snappy::GetUncompressedLength(data, block.size(), &length)) return malformed("snappy");
  if (length > bytes_max - out.size()) return too_large();
  // A claim is believed only as far as the format allows: at most 64 bytes come of three.
  if (length > block.size() * 24 + 64) return malformed("snappy");
  const std::size_t at = out.size();
  out.resize(at + length);
  if (!snappy::RawUncompress(data, block.size(), reinterpret_cast<char*>(out.data()) + at)) return malformed("snappy");
  return {};
}

bool begins_xerial(ByteView input) {
  return input.size() >= xerial_header_bytes && std::equal(xerial_magic.begin(), xerial_magic.end(), input.begin());
}

Result<ByteVector> unsnappy(ByteView input, std::size_t bytes_max) {
  ByteVector out;
  if (!begins_xerial(input)) {
    auto done = unsnappy_block(input, out, bytes_max);
    if (!done) return fail(done);
    return out;
  }
  Reader in(input);
  while (in.remaining() > 0) {
    // At the start, and where streams were joined.
    if (begins_xerial({in.position(), in.remaining()})) {
      in.raw(xerial_header_bytes);
      continue;
    }
    const std::int32_t length = in.i32();
    if (!in.ok() || length < 0 || static_cast<std::size_t>(length) > in.remaining()) return malformed("snappy");
    auto done = unsnappy_block(in.raw(static_cast<std::size_t>(length)), out, bytes_max);
    if (!done) return fail(done);
  }
  return out;
}

ByteVector xerial_snappy(ByteView input) {
  Writer out(input.size() / 2 + 64);
  out.raw(ByteView(xerial_magic));
  out.i32(1);  // version
  out.i32(1);  // the oldest version that can read it
  std::string block;
  for (std::size_t at = 0; at < input.size(); at += xerial_block_bytes) {
    const ByteView piece = input.subspan(at, std::min(xerial_block_bytes, input.size() - at));
    snappy::Compress(reinterpret_cast<const char*>(piece.data()), piece.size(), &block);
    out.i32(static_cast<std::int32_t>(block.size()));
    out.raw(std::string_view(block));
  }
  return out.flatten();
}

constexpr std::size_t lz4_flags_at = 4;
constexpr std::uint8_t lz4_independent_blocks = 0x20;

Result<ByteVector> unlz4(ByteView input, std::size_t bytes_max) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
    return fail(ErrorKind::internal, "LZ4 cannot start");
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> end(context, LZ4F_freeDecompressionContext);
  ByteVector out;
  ByteVector piece(piece_bytes);
  for (;;) {
    std::size_t produced = piece.size(), consumed = input.size();
    const std::size_t hint = LZ4F_decompress(context, piece.data(), &produced, input.data(), &consumed, nullptr);
    if (LZ4F_isError(hint)) return malformed("LZ4");
    if (!take(out, piece.data(), produced, bytes_max)) return too_large();
    input = input.subspan(consumed);
    if (hint == 0) return out;
    if (consumed == 0 && produced == 0) return malformed("LZ4");
  }
}

// The second byte of XXH32 over the frame's descriptor, which is always shorter than that hash's 16-byte stripes.
std::uint8_t lz4_header_checksum(ByteView descriptor) {
  constexpr std::uint32_t prime1 = 2654435761u, prime2 = 2246822519u, prime3 = 3266489917u, prime4 = 668265263u,
                          prime5 = 374761393u;
  std::uint32_t hash = prime5 + static_cast<std::uint32_t>(descriptor.size());
  for (; descriptor.size() >= 4; descriptor = descriptor.subspan(4)) {
    std::uint32_t word;
    std::memcpy(&word, descriptor.data(), 4);
    hash = std::rotl(hash + word * prime3, 17) * prime4;
  }
  for (const std::uint8_t byte : descriptor) hash = std::rotl(hash + byte * prime5, 11) * prime1;
  hash = (hash ^ (hash >> 15)) * prime2;
  hash = (hash ^ (hash >> 13)) * prime3;
  return static_cast<std::uint8_t>((hash ^ (hash >> 16)) >> 8);
}

ByteVector lz4(int level, ByteView input) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level;
  ByteVector out(LZ4F_compressFrameBound(input.size(), &preferences));
  const std::size_t n = LZ4F_compressFrame(out.data(), out.size(), input.data(), input.size(), &preferences);
  HOLDFAST_CHECK(!LZ4F_isError(n));
  out.resize(n);
  return out;
}

Result<ByteVector> unzstd(ByteView input, std::size_t bytes_max) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ByteVector out;
  ByteVector piece(piece_bytes);
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  for (;;) {
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    const std::size_t before = in.pos;
    const std::size_t hint = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(hint)) return malformed("zstd");
    if (!take(out, piece.data(), to.pos, bytes_max)) return too_large();
    if (hint == 0 && in.pos == in.size) return out;
    if (in.pos == before && to.pos == 0) return malformed("zstd");
  }
}

ByteVector zstd(int level, ByteView input) {
  ByteVector out(ZSTD_compressBound(input.size()));
  const std::size_t n = ZSTD_compress(out.data(), out.size(), input.data(), input.size(), level);
  HOLDFAST_CHECK(!ZSTD_isError(n));
  out.resize(n);
  return out;
}

}  // namespace

Result<ByteVector> decompress_magic0_lz4(ByteView input, std::size_t bytes_max) {
  constexpr std::size_t flags_at = 4, plain_header_bytes = 7;
  if (input.size() < plain_header_bytes) return malformed("LZ4");
  constexpr std::uint8_t has_content_size = 8, has_dictionary = 1;
  const std::uint8_t flags = input[flags_at];
  const std::size_t checksum_at =
      plain_header_bytes - 1 + ((flags & has_content_size) ? 8u : 0u) + ((flags & has_dictionary) ? 4u : 0u);
  if (input.size() <= checksum_at) return malformed("LZ4");
  ByteVector mended(input.begin(), input.end());
  mended[checksum_at] = lz4_header_checksum(input.subspan(flags_at, checksum_at - flags_at));
  return unlz4(mended, bytes_max);
}

Result<ByteVector> decompress(Codec codec, ByteView input, std::size_t bytes_max) {
  switch (codec) {
    case Codec::none:
      if (input.size() > bytes_max) return too_large();
      return ByteVector(input.begin(), input.end());
    case Codec::gzip:
      return gunzip(input, bytes_max);
    case Codec::snappy:
      return unsnappy(input, bytes_max);
    case Codec::lz4:
      // As Kafka's own reader: such a batch would be stored and then stop every Java consumer.
      if (input.size() > lz4_flags_at && (input[lz4_flags_at] & lz4_independent_blocks) == 0)
        return fail(ErrorKind::invalid_input, "LZ4 frame with blocks that depend on each other");
      return unlz4(input, bytes_max);
    case Codec::zstd:
      return unzstd(input, bytes_max);
  }
  return fail(ErrorKind::unsupported, "unknown compression codec");
}

ByteVector compress(Codec codec, int level, ByteView input) {
  switch (codec) {
    case Codec::none:
      break;
    case Codec::gzip:
      return gzip(level < 0 ? Z_DEFAULT_COMPRESSION : level, input);
    case Codec::snappy:
      return xerial_snappy(input);
    case Codec::lz4:
      return lz4(level < 0 ? 9 : level, input);
    case Codec::zstd:
      return zstd(level == -1 ? 3 : level, input);
  }
  return ByteVector(input.begin(), input.end());
}

}  // namespace holdfast::wire
