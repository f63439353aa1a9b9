// A request as it comes off a Kafka connection, without its length: header, then the body of that key and version.
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/golden.h"
#include "wire/kafka/api.h"
#include "wire/kafka/headers.h"
#include "wire/reader.h"

using namespace holdfast;
using namespace holdfast::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in({data, size});
  Reader peek = in;
  const std::int16_t key = peek.i16();
  const std::int16_t version = peek.i16();
  const ApiDeclaration* declaration = api_declaration(key);
  if (!declaration || !declaration->api.versions.holds(version)) return 0;

  RequestHeader header;
  if (!decode(header, request_header_version(declaration->api, version), in)) return 0;
  const auto type = testing::golden_types().find(std::string(declaration->name) + "Request");
  HOLDFAST_CHECK(type != testing::golden_types().end());
  testing::GoldenMessage& request = *type->second;
  if (!request.decode({in.position(), in.remaining()}, version)) return 0;

  const std::vector<std::uint8_t> bytes = request.encode(version);
  const std::string meaning = request.print(version);
  HOLDFAST_CHECK(request.decode(bytes, version));
  HOLDFAST_CHECK(request.encode(version) == bytes);
  HOLDFAST_CHECK(request.print(version) == meaning);
  return 0;
}
