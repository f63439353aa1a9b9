// A client's write as one server sends it to another.
#include <algorithm>

#include "coordination/forwarded_request.h"
#include "tests/fuzz/fuzz.h"

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  zk::ReceivedRequest received;
  if (!zk::decode({data, size}, received)) return 0;
  const Bytes bytes = zk::encode(received.request, received.caller);
  zk::ReceivedRequest again;
  HOLDFAST_CHECK(zk::decode(bytes.view(), again).has_value());
  const Bytes copy = zk::encode(again.request, again.caller);
  HOLDFAST_CHECK(std::ranges::equal(copy.view(), bytes.view()));
  return 0;
}
