// Any message there is, requests, responses and what is stored: two bytes choose the type, two the version.
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/golden.h"
#include "wire/reader.h"

using namespace holdfast;
using namespace holdfast::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in({data, size});
  auto& types = testing::golden_types();
  auto type = std::next(types.begin(), static_cast<std::ptrdiff_t>(in.u16() % types.size()));
  const std::int16_t version = in.i16();
  testing::GoldenMessage& message = *type->second;
  if (!in.ok() || !message.api().versions.holds(version)) return 0;
  if (!message.decode({in.position(), in.remaining()}, version)) return 0;

  const std::vector<std::uint8_t> bytes = message.encode(version);
  const std::string meaning = message.print(version);
  HOLDFAST_CHECK(message.decode(bytes, version));
  HOLDFAST_CHECK(message.encode(version) == bytes);
  HOLDFAST_CHECK(message.print(version) == meaning);
  return 0;
}
