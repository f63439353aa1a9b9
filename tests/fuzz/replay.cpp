// Runs a fuzz target without libFuzzer: on the files of a folder, on each of their prefixes, and with each of their
// bytes changed. The larger a file, the fewer of its places are tried, so that a test stays short.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using ByteVector = std::vector<std::uint8_t>;

// In a block of exactly its size, so that the address sanitizer sees a read beyond it.
void run(ByteVector bytes) {
  bytes.shrink_to_fit();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void replay(const ByteVector& seed) {
  constexpr std::size_t places_max = 128;
  run(seed);
  const std::size_t stride = 1 + seed.size() / places_max;
  for (std::size_t at = 0; at < seed.size(); at += stride) {
    run(ByteVector(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(at)));
    for (const std::uint8_t change : {std::uint8_t{0x01}, std::uint8_t{0x80}, std::uint8_t{0xff}}) {
      ByteVector changed = seed;
      changed[at] ^= change;
      run(std::move(changed));
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t seeds = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      replay(ByteVector{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
      ++seeds;
    }
  }
  std::printf("%zu seeds\n", seeds);
  return seeds > 0 ? 0 : 1;
}
