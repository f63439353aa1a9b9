// A request as it comes off a ZooKeeper connection, without its length. The first byte chooses how to take the rest: a
// connect request, a request with its header, or a record of the kinds that servers store and send.
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "wire/zookeeper/multi.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"
#include "wire/zookeeper/txn_records.h"

using namespace holdfast;
using namespace holdfast::wire;
using namespace holdfast::wire::zk;

namespace {

template <class M>
std::vector<std::uint8_t> encoded(const M& record) {
  Writer out;
  encode(record, out);
  HOLDFAST_CHECK(out.ok());
  return out.flatten();
}

// Whatever was read is written to bytes that read the same. (Not to the bytes it came from: any byte but 0 is true.)
template <class M>
void try_as(Reader in) {
  M record;
  if (!decode(record, in)) return;
  const std::vector<std::uint8_t> bytes = encoded(record);
  Reader again(bytes);
  M copy;
  HOLDFAST_CHECK(decode(copy, again));
  HOLDFAST_CHECK(again.remaining() == 0);
  HOLDFAST_CHECK(encoded(copy) == bytes);
}

void try_request(Reader in) {
  RequestHeader header;
  if (!decode(header, in)) return;
  switch (static_cast<OpCode>(header.type)) {
    case OpCode::create:
    case OpCode::create2:
    case OpCode::create_container:
      return try_as<CreateRequest>(in);
    case OpCode::create_ttl:
      return try_as<CreateTtlRequest>(in);
    case OpCode::remove:
      return try_as<DeleteRequest>(in);
    case OpCode::exists:
      return try_as<ExistsRequest>(in);
    case OpCode::get_data:
      return try_as<GetDataRequest>(in);
    case OpCode::set_data:
      return try_as<SetDataRequest>(in);
    case OpCode::get_acl:
      return try_as<GetAclRequest>(in);
    case OpCode::set_acl:
      return try_as<SetAclRequest>(in);
    case OpCode::get_children:
      return try_as<GetChildrenRequest>(in);
    case OpCode::get_children2:
      return try_as<GetChildren2Request>(in);
    case OpCode::sync:
      return try_as<SyncRequest>(in);
    case OpCode::multi:
    case OpCode::multi_read:
      return try_as<MultiRequest>(in);
    case OpCode::reconfig:
      return try_as<ReconfigRequest>(in);
    case OpCode::check_watches:
      return try_as<CheckWatchesRequest>(in);
    case OpCode::remove_watches:
      return try_as<RemoveWatchesRequest>(in);
    case OpCode::auth:
      return try_as<AuthPacket>(in);
    case OpCode::set_watches:
      return try_as<SetWatches>(in);
    case OpCode::set_watches2:
      return try_as<SetWatches2>(in);
    case OpCode::sasl:
      return try_as<GetSaslRequest>(in);
    case OpCode::get_ephemerals:
      return try_as<GetEphemeralsRequest>(in);
    case OpCode::get_all_children_number:
      return try_as<GetAllChildrenNumberRequest>(in);
    case OpCode::add_watch:
      return try_as<AddWatchRequest>(in);
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in({data, size});
  switch (in.u8() % 8) {
    case 0:
      try_as<ConnectRequest>(in);
      break;
    case 1:
      try_request(in);
      break;
    case 2:
      try_as<MultiResponse>(in);
      break;
    case 3:
      try_as<MultiTxn>(in);
      break;
    case 4:
      try_as<CreateTtlTxn>(in);
      break;
    case 5:
      try_as<CloseSessionTxn>(in);
      break;
    case 6:
      try_as<QuorumPacket>(in);
      break;
    case 7:
      try_as<GetAclResponse>(in);
      break;
  }
  return 0;
}
