// A transaction as the quorum's log holds it.
#include <algorithm>

#include "coordination/txn.h"
#include "tests/fuzz/fuzz.h"

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto txn = zk::decode_txn({data, size});
  if (!txn) return 0;
  (void)txn->failed();
  (void)zk::changes_of(*txn);
  const Bytes bytes = zk::encode(*txn);
  const auto again = zk::decode_txn(bytes.view());
  HOLDFAST_CHECK(again.has_value());
  const Bytes copy = zk::encode(*again);
  HOLDFAST_CHECK(std::ranges::equal(copy.view(), bytes.view()));
  return 0;
}
