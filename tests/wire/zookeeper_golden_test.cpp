// Records, requests and replies that ZooKeeper 3.9.5 wrote, beside what they mean, and a session with a real server.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <type_traits>

#include "tests/wire/golden_files.h"
#include "wire/fields.h"
#include "wire/zookeeper/multi.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"
#include "wire/zookeeper/txn_records.h"

namespace holdfast::wire::zk {
namespace {

using boost::json::object;
using boost::json::value;
using testing::from_hex;
using testing::golden_lines;
using testing::hex_of;
using ByteVector = std::vector<std::uint8_t>;

// A record in the form of the golden data: one more visitor over fields().
class JsonWriter {
 public:
  explicit JsonWriter(object& out) : out_(out) {}
  template <class T>
  void operator()(std::string_view name, const T& field) {
    out_[name] = to_value(field);
  }
  void trailing(std::string_view name, const std::optional<bool>& field) {
    if (field) out_[name] = *field;
  }

  template <class T>
  static value to_value(const T& field) {
    if constexpr (std::is_arithmetic_v<T>) {
      return field;
    } else if constexpr (is_optional<T>) {
      return field ? to_value(*field) : value(nullptr);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      return value(field);
    } else if constexpr (std::is_same_v<T, ByteView>) {
      std::string text;
      for (const std::uint8_t byte : field) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
      }
      return value(text);
    } else if constexpr (is_vector<T>) {
      boost::json::array list;
      for (const auto& element : field) list.push_back(to_value(element));
      return list;
    } else if constexpr (std::is_same_v<T, std::monostate>) {
      return nullptr;
    } else {
      object record;
      JsonWriter writer(record);
      T::fields(field, writer);
      return record;
    }
  }

 private:
  object& out_;
};

// Reads one record of a type, adds it to the JSON and to the bytes that it encodes to. False: refused.
using Step = std::function<bool(Reader&, value&, Writer&)>;

template <class M>
bool step(Reader& in, value& json, Writer& out) {
  M record;
  if (!decode(record, in)) return false;
  json = JsonWriter::to_value(record);
  encode(record, out);
  return true;
}

bool nothing(Reader&, value& json, Writer&) { return json = nullptr, true; }

value header_of(OpCode op, std::int32_t err) {
  return object{{"type", static_cast<std::int32_t>(op)}, {"done", false}, {"err", err}};
}

template <class Element>
value list_of(const std::vector<Element>& elements, std::int32_t err) {
  boost::json::array list;
  for (const auto& [op, body] : elements) {
    const value json = std::visit([](const auto& record) { return JsonWriter::to_value(record); }, body);
    list.push_back(
        object{{"header", header_of(op, op == OpCode::error ? json.at("err").to_number<int>() : err)}, {"body", json}});
  }
  return list;
}

bool multi_request(Reader& in, value& json, Writer& out) {
  MultiRequest multi;
  if (!decode(multi, in)) return false;
  json = list_of(multi.operations, -1);
  encode(multi, out);
  return true;
}

bool multi_response(Reader& in, value& json, Writer& out) {
  MultiResponse multi;
  if (!decode(multi, in)) return false;
  json = list_of(multi.results, 0);
  encode(multi, out);
  return true;
}

// True when the steps take exactly these bytes.
bool read_all(ByteView bytes, std::span<const Step> steps, std::vector<value>& json, Writer& out) {
  Reader in(bytes);
  for (const Step& one : steps) {
    if (!one(in, json.emplace_back(), out)) return false;
  }
  return in.ok() && in.remaining() == 0;
}

// Decodes, encodes again to the same bytes, and refuses every proper prefix. Gives the JSON of each step.
std::vector<value> round_trip(const ByteVector& bytes, std::span<const Step> steps,
                              std::size_t whole_prefix = SIZE_MAX) {
  std::vector<value> json;
  Writer out;
  EXPECT_TRUE(read_all(bytes, steps, json, out));
  EXPECT_TRUE(out.ok());
  EXPECT_EQ(out.flatten(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (size == whole_prefix) continue;
    std::vector<value> ignored;
    Writer unused;
    EXPECT_FALSE(read_all(ByteView(bytes).first(size), steps, ignored, unused)) << "a prefix of " << size << " bytes";
  }
  return json;
}

const std::map<std::string_view, Step>& record_types() {
  static const std::map<std::string_view, Step> types{
      {"data.ACL", step<Acl>},
      {"data.ClientInfo", step<ClientInfo>},
      {"data.Id", step<Id>},
      {"data.Stat", step<Stat>},
      {"data.StatPersisted", step<StatPersisted>},
      {"proto.AddWatchRequest", step<AddWatchRequest>},
      {"proto.AuthPacket", step<AuthPacket>},
      {"proto.CheckVersionRequest", step<CheckVersionRequest>},
      {"proto.CheckWatchesRequest", step<CheckWatchesRequest>},
      {"proto.ConnectRequest", step<ConnectRequest>},
      {"proto.ConnectResponse", step<ConnectResponse>},
      {"proto.Create2Response", step<Create2Response>},
      {"proto.CreateRequest", step<CreateRequest>},
      {"proto.CreateResponse", step<CreateResponse>},
      {"proto.CreateTTLRequest", step<CreateTtlRequest>},
      {"proto.DeleteRequest", step<DeleteRequest>},
      {"proto.ErrorResponse", step<ErrorResponse>},
      {"proto.ExistsRequest", step<ExistsRequest>},
      {"proto.ExistsResponse", step<ExistsResponse>},
      {"proto.GetACLRequest", step<GetAclRequest>},
      {"proto.GetACLResponse", step<GetAclResponse>},
      {"proto.GetAllChildrenNumberRequest", step<GetAllChildrenNumberRequest>},
      {"proto.GetAllChildrenNumberResponse", step<GetAllChildrenNumberResponse>},
      {"proto.GetChildren2Request", step<GetChildren2Request>},
      {"proto.GetChildren2Response", step<GetChildren2Response>},
      {"proto.GetChildrenRequest", step<GetChildrenRequest>},
      {"proto.GetChildrenResponse", step<GetChildrenResponse>},
      {"proto.GetDataRequest", step<GetDataRequest>},
      {"proto.GetDataResponse", step<GetDataResponse>},
      {"proto.GetEphemeralsRequest", step<GetEphemeralsRequest>},
      {"proto.GetEphemeralsResponse", step<GetEphemeralsResponse>},
      {"proto.GetMaxChildrenRequest", step<GetMaxChildrenRequest>},
      {"proto.GetMaxChildrenResponse", step<GetMaxChildrenResponse>},
      {"proto.GetSASLRequest", step<GetSaslRequest>},
      {"proto.MultiHeader", step<MultiHeader>},
      {"proto.ReconfigRequest", step<ReconfigRequest>},
      {"proto.RemoveWatchesRequest", step<RemoveWatchesRequest>},
      {"proto.ReplyHeader", step<ReplyHeader>},
      {"proto.RequestHeader", step<RequestHeader>},
      {"proto.SetACLRequest", step<SetAclRequest>},
      {"proto.SetACLResponse", step<SetAclResponse>},
      {"proto.SetDataRequest", step<SetDataRequest>},
      {"proto.SetDataResponse", step<SetDataResponse>},
      {"proto.SetMaxChildrenRequest", step<SetMaxChildrenRequest>},
      {"proto.SetSASLRequest", step<SetSaslRequest>},
      {"proto.SetSASLResponse", step<SetSaslResponse>},
      {"proto.SetWatches", step<SetWatches>},
      {"proto.SetWatches2", step<SetWatches2>},
      {"proto.SyncRequest", step<SyncRequest>},
      {"proto.SyncResponse", step<SyncResponse>},
      {"proto.WatcherEvent", step<WatcherEvent>},
      {"proto.WhoAmIResponse", step<WhoAmIResponse>},
      {"server.persistence.FileHeader", step<FileHeader>},
      {"server.quorum.LearnerInfo", step<LearnerInfo>},
      {"server.quorum.QuorumAuthPacket", step<QuorumAuthPacket>},
      {"server.quorum.QuorumPacket", step<QuorumPacket>},
      {"txn.CheckVersionTxn", step<CheckVersionTxn>},
      {"txn.CloseSessionTxn", step<CloseSessionTxn>},
      {"txn.CreateContainerTxn", step<CreateContainerTxn>},
      {"txn.CreateSessionTxn", step<CreateSessionTxn>},
      {"txn.CreateTTLTxn", step<CreateTtlTxn>},
      {"txn.CreateTxn", step<CreateTxn>},
      {"txn.CreateTxnV0", step<CreateTxnV0>},
      {"txn.DeleteTxn", step<DeleteTxn>},
      {"txn.ErrorTxn", step<ErrorTxn>},
      {"txn.MultiTxn", step<MultiTxn>},
      {"txn.SetACLTxn", step<SetAclTxn>},
      {"txn.SetDataTxn", step<SetDataTxn>},
      {"txn.SetMaxChildrenTxn", step<SetMaxChildrenTxn>},
      {"txn.Txn", step<Txn>},
      {"txn.TxnDigest", step<TxnDigest>},
      {"txn.TxnHeader", step<TxnHeader>},
  };
  return types;
}

// An opcode's request and reply bodies.
struct Bodies {
  Step request, reply;
};
const std::map<OpCode, Bodies>& bodies() {
  static const std::map<OpCode, Bodies> all{
      {OpCode::notification, {nothing, step<WatcherEvent>}},
      {OpCode::create, {step<CreateRequest>, step<CreateResponse>}},
      {OpCode::create2, {step<CreateRequest>, step<Create2Response>}},
      {OpCode::create_container, {step<CreateRequest>, step<Create2Response>}},
      {OpCode::create_ttl, {step<CreateTtlRequest>, step<Create2Response>}},
      {OpCode::remove, {step<DeleteRequest>, nothing}},
      {OpCode::exists, {step<ExistsRequest>, step<ExistsResponse>}},
      {OpCode::get_data, {step<GetDataRequest>, step<GetDataResponse>}},
      {OpCode::set_data, {step<SetDataRequest>, step<SetDataResponse>}},
      {OpCode::get_acl, {step<GetAclRequest>, step<GetAclResponse>}},
      {OpCode::set_acl, {step<SetAclRequest>, step<SetAclResponse>}},
      {OpCode::get_children, {step<GetChildrenRequest>, step<GetChildrenResponse>}},
      {OpCode::get_children2, {step<GetChildren2Request>, step<GetChildren2Response>}},
      {OpCode::sync, {step<SyncRequest>, step<SyncResponse>}},
      {OpCode::ping, {nothing, nothing}},
      {OpCode::check, {step<CheckVersionRequest>, nothing}},
      {OpCode::multi, {multi_request, multi_response}},
      {OpCode::multi_read, {multi_request, multi_response}},
      {OpCode::reconfig, {step<ReconfigRequest>, step<GetDataResponse>}},
      {OpCode::check_watches, {step<CheckWatchesRequest>, nothing}},
      {OpCode::remove_watches, {step<RemoveWatchesRequest>, nothing}},
      {OpCode::auth, {step<AuthPacket>, nothing}},
      {OpCode::set_watches, {step<SetWatches>, nothing}},
      {OpCode::set_watches2, {step<SetWatches2>, nothing}},
      {OpCode::sasl, {step<GetSaslRequest>, step<SetSaslResponse>}},
      {OpCode::get_ephemerals, {step<GetEphemeralsRequest>, step<GetEphemeralsResponse>}},
      {OpCode::get_all_children_number, {step<GetAllChildrenNumberRequest>, step<GetAllChildrenNumberResponse>}},
      {OpCode::add_watch, {step<AddWatchRequest>, step<ErrorResponse>}},
      {OpCode::who_am_i, {nothing, step<WhoAmIResponse>}},
      {OpCode::close_session, {nothing, nothing}},
  };
  return all;
}

TEST(ZookeeperGolden, EveryRecord) {
  const auto lines = golden_lines("zookeeper/records.jsonl.gz");
  ASSERT_EQ(lines.size(), 288u);
  std::map<std::string_view, int> seen;
  for (const object& line : lines) {
    const std::string_view type = line.at("record").as_string();
    SCOPED_TRACE(std::string(type) + ", " + std::string(line.at("case").as_string()));
    const auto found = record_types().find(type);
    ASSERT_NE(found, record_types().end());
    const ByteVector bytes = hex_of(line);
    // Without its last byte a connect record is what older clients and servers write.
    const bool older_form = type == "proto.ConnectRequest" || type == "proto.ConnectResponse";
    const auto json = round_trip(bytes, {&found->second, 1}, older_form ? bytes.size() - 1 : SIZE_MAX);
    EXPECT_EQ(json.front(), line.at("json"));
    ++seen[type];
  }
  EXPECT_EQ(seen.size(), record_types().size());
}

void expect_message(const object& line, const Bodies& types, bool request) {
  const bool failed = !request && line.at("json").at("header").at("err").to_number<int>() != 0;
  const bool multi = line.at("json").as_object().contains(request ? "ops" : "results");
  const Step steps[] = {request ? step<RequestHeader> : step<ReplyHeader>,
                        failed ? nothing : (request ? types.request : types.reply)};
  const auto json = round_trip(hex_of(line), steps);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0], line.at("json").at("header"));
  EXPECT_EQ(json[1], line.at("json").at(multi ? (request ? "ops" : "results") : "body"));
}

TEST(ZookeeperGolden, EveryRequestAndReply) {
  const auto lines = golden_lines("zookeeper/requests.jsonl.gz");
  ASSERT_EQ(lines.size(), 111u);
  for (const object& line : lines) {
    const std::string_view kind = line.at("kind").as_string();
    SCOPED_TRACE(std::string(line.at("name").as_string()) + ", " + std::string(kind));
    if (kind == "connect" || kind == "connect_reply") {
      const Step steps[] = {kind == "connect" ? step<ConnectRequest> : step<ConnectResponse>};
      const ByteVector bytes = hex_of(line);
      const bool newer_form = line.at("json").as_object().contains("readOnly");
      EXPECT_EQ(round_trip(bytes, steps, newer_form ? bytes.size() - 1 : SIZE_MAX).front(), line.at("json"));
      continue;
    }
    const auto found = bodies().find(static_cast<OpCode>(line.at("opcode").to_number<std::int32_t>()));
    ASSERT_NE(found, bodies().end());
    EXPECT_FALSE(op_name(found->first).empty());
    expect_message(line, found->second, kind == "request");
  }
}

// What a real server answered, all error codes that a client can provoke included.
TEST(ZookeeperGolden, EveryReplyOfASession) {
  std::size_t replies = 0;
  for (const object& line : golden_lines("zookeeper/session.jsonl.gz")) {
    if (!line.contains("replies")) continue;  // only says that the connection was closed
    const std::string_view name = line.at("name").as_string();
    for (const value& reply : line.at("replies").as_array()) {
      SCOPED_TRACE(name);
      const ByteVector bytes = from_hex(reply.at("hex").as_string());
      if (!line.contains("opcode")) {
        const Step steps[] = {step<ConnectResponse>};
        round_trip(bytes, steps, 36);
        ++replies;
        continue;
      }
      Reader in(bytes);
      ReplyHeader header;
      ASSERT_TRUE(decode(header, in));
      if (header.err != 0) EXPECT_NE(error_name(static_cast<ZkError>(header.err)), "Unknown") << header.err;
      auto op = static_cast<OpCode>(line.at("opcode").to_number<std::int32_t>());
      if (header.xid == xid_watch_event) op = OpCode::notification;
      const auto found = bodies().find(op);
      const Step steps[] = {step<ReplyHeader>, header.err != 0 ? nothing : found->second.reply};
      round_trip(bytes, steps);
      ++replies;
    }
  }
  EXPECT_EQ(replies, 117u);
}

TEST(ZookeeperCodec, HostileLengthsAreRefused) {
  for (const std::int32_t length : {-2, INT32_MIN, INT32_MAX, 100}) {
    Writer bytes;
    bytes.i32(length);
    bytes.raw(std::string_view("/path"));
    const ByteVector flat = bytes.flatten();
    GetDataRequest text;
    Reader first(flat);
    EXPECT_FALSE(decode(text, first)) << length;
    GetChildrenResponse list;
    Reader second(flat);
    EXPECT_FALSE(decode(list, second)) << length;
    SetSaslResponse buffer;
    Reader third(flat);
    EXPECT_FALSE(decode(buffer, third)) << length;
  }
}

ByteVector multi_of(std::initializer_list<OpCode> ops) {
  MultiRequest multi;
  for (const OpCode op : ops) {
    auto& operation = multi.operations.emplace_back();
    operation.op = op;
    if (op == OpCode::get_data) operation.body = GetDataRequest{.path = "/a"};
    if (op == OpCode::remove) operation.body = DeleteRequest{.path = "/a", .version = -1};
  }
  Writer out;
  encode(multi, out);
  return out.flatten();
}

TEST(ZookeeperMulti, HoldsReadsOrWritesButNotBoth) {
  for (const auto& [ops, sound] : std::initializer_list<std::pair<std::initializer_list<OpCode>, bool>>{
           {{}, true},
           {{OpCode::remove, OpCode::remove}, true},
           {{OpCode::get_data, OpCode::get_data}, true},
           {{OpCode::get_data, OpCode::remove}, false},
           {{OpCode::remove, OpCode::get_data}, false}}) {
    const ByteVector bytes = multi_of(ops);
    Reader in(bytes);
    MultiRequest multi;
    EXPECT_EQ(decode(multi, in), sound);
  }
}

TEST(ZookeeperMulti, RefusesWhatItCannotHold) {
  for (const OpCode op : {OpCode::sync, OpCode::multi, OpCode::set_acl, OpCode::close_session, OpCode::error}) {
    Writer bytes;
    bytes.i32(static_cast<std::int32_t>(op));
    bytes.boolean(false);
    bytes.i32(-1);
    bytes.raw(ByteVector(64, 0));
    const ByteVector flat = bytes.flatten();
    Reader in(flat);
    MultiRequest multi;
    EXPECT_FALSE(decode(multi, in)) << op_name(op);
  }
}

}  // namespace
}  // namespace holdfast::wire::zk
