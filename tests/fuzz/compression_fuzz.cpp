// The first byte chooses the codec; the rest is taken for compressed, then compressed itself.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "wire/kafka/compression.h"

using namespace holdfast;
using namespace holdfast::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::size_t bytes_max = 1 << 20;
  const ByteView input(data + 1, size - 1);
  if (data[0] % 8 == 7) {
    (void)decompress_magic0_lz4(input, bytes_max);
    return 0;
  }
  const auto codec = static_cast<Codec>(data[0] % 8);
  const auto output = decompress(codec, input, bytes_max);
  if (output) HOLDFAST_CHECK(output->size() <= bytes_max);

  if (codec > Codec::zstd) return 0;
  const auto back = decompress(codec, compress(codec, 1, input), input.size());
  HOLDFAST_CHECK(back.has_value());
  HOLDFAST_CHECK(std::equal(back->begin(), back->end(), input.begin(), input.end()));
  return 0;
}
