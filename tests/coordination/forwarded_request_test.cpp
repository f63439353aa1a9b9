// A request that goes to the leader is the one that the client made, and what is damaged is refused.
#include "coordination/forwarded_request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "coordination/txn.h"
#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

// What a request says, field by field.
std::string say(std::string_view text) { return fmt::format("'{}'", text); }
std::string say(const std::string& text) { return say(std::string_view(text)); }
std::string say(const std::optional<std::string_view>& text) { return text ? say(*text) : "none"; }
std::string say(const DataView& data) { return data.null ? "null" : say(as_text(data.bytes)); }
std::string say(const std::vector<Acl>& acl) {
  std::string out;
  for (const Acl& a : acl) out += fmt::format("[{} {} {}]", a.perms, say(a.id.scheme), say(a.id.id));
  return out;
}
std::string say(const CreateOp& o) {
  return fmt::format("create {} {} {} {} {} {}", static_cast<int>(o.op), say(o.path), say(o.data), say(o.acl), o.flags,
                     o.ttl_ms);
}
std::string say(const DeleteOp& o) { return fmt::format("delete {} {}", say(o.path), o.version); }
std::string say(const SetDataOp& o) { return fmt::format("set {} {} {}", say(o.path), say(o.data), o.version); }
std::string say(const SetAclOp& o) { return fmt::format("acl {} {} {}", say(o.path), say(o.acl), o.version); }
std::string say(const CheckOp& o) { return fmt::format("check {} {}", say(o.path), o.version); }
std::string say(const CheckCzxidOp& o) { return fmt::format("czxid {} {}", say(o.path), o.czxid.value); }
std::string say(const MultiOp& o) {
  std::string out = fmt::format("multi {}", o.parts.size());
  for (const MultiPart& part : o.parts) std::visit([&](const auto& p) { out += "; " + say(p); }, part);
  return out;
}
std::string say(const DeleteExpiredOp& o) { return fmt::format("expired {}", say(o.path)); }
std::string say(const CreateSessionOp& o) { return fmt::format("create session {}", o.timeout_ms); }
std::string say(const CloseSessionOp&) { return "close session"; }
std::string say(const AttachSessionOp& o) { return fmt::format("attach session {}", o.timeout_ms); }
std::string say(const ReconfigOp& o) {
  return fmt::format("reconfig {} {} {} {}", say(o.joining), say(o.leaving), say(o.members), o.from_version);
}
std::string say(const InstallConfigOp& o) {
  std::string out = fmt::format("install {}", o.config.version.value);
  for (const auto& [id, server] : o.config.servers) {
    out += fmt::format("; {} {}", id.value, server.observer);
    for (const auto& a : server.addresses) out += fmt::format(" {}:{}:{}", a.host, a.quorum_port, a.election_port);
    if (server.client) out += fmt::format(" {}:{}", server.client->host, server.client->port);
  }
  return out;
}
std::string say(const FailOp& o) { return fmt::format("fail {}", static_cast<int>(o.error)); }
std::string say(const Caller& c) {
  std::string out = fmt::format("{} {} {} {}", c.session.value, c.cxid, c.owner, c.privileged);
  for (const Id& id : c.ids) out += fmt::format(" {}:{}", say(id.scheme), say(id.id));
  return out;
}
std::string say(const WriteRequest& request, const Caller& caller) {
  return say(caller) + " | " + std::visit([](const auto& op) { return say(op); }, request);
}

EnsembleConfig config() {
  auto parsed = EnsembleConfig::parse(
      "server.1=b.example:1:2|a.example:3:4:participant;2181\n"
      "server.200=[2001:db8::1]:2888:3888:observer;[::]:2182\nversion=7fffffff00000001",
      true);
  EXPECT_TRUE(parsed);
  return parsed ? *parsed : EnsembleConfig();
}

const std::vector<Acl> two_acls{Acl{3, Id{"digest", "u:h"}}, Acl{-1, Id{"", ""}}};
constexpr std::string_view with_nul("/a\0b", 4);

std::vector<MultiPart> one_of_each_part() {
  return {create("/a/b", "data", 3),
          remove("/x", 7),
          SetDataOp{"/y", DataView(), -2},
          CheckOp{"/z", 5},
          CheckCzxidOp{with_nul, Zxid(std::int64_t{1} << 40)},
          SetAclOp{"/w", two_acls, 9}};
}

std::vector<WriteRequest> one_of_each() {
  return {CreateOp{OpCode::create_ttl, "/a", text("d"), two_acls, 5, 123'456'789'012},
          CreateOp{OpCode::create2, "", DataView(), {}, -1, -1},
          create_container("/c"),
          remove("/a/b", -1),
          set("/a", "", 3),
          SetDataOp{"/a", DataView(), 3},
          SetAclOp{"/a", two_acls, 2},
          MultiOp{one_of_each_part()},
          MultiOp{},
          DeleteExpiredOp{"/ttl"},
          CreateSessionOp{4000},
          CloseSessionOp{},
          AttachSessionOp{30'000},
          ReconfigOp{.joining = "server.4=d:1:2;3", .leaving = "1,2", .from_version = 0x100000003},
          ReconfigOp{.members = ""},
          ReconfigOp{},
          InstallConfigOp{config()},
          InstallConfigOp{},
          FailOp{ZkError::marshalling_error}};
}

const std::vector<Id> two_ids{Id{"ip", "10.0.0.1"}, Id{"digest", "u:h"}};

Caller caller() {
  return {.session = SessionId(-0x123456789),
          .cxid = -4,
          .ids = two_ids,
          .connection = 77,
          .owner = 0x0fedcba987654321,
          .privileged = false};
}

std::vector<std::uint8_t> bytes_of(const WriteRequest& request, const Caller& by = caller()) {
  return BufferChain(encode(request, by)).flatten();
}

std::string heard(ByteView bytes) {
  ReceivedRequest received;
  const auto decoded = decode(bytes, received);
  return decoded ? say(received.request, received.caller) : "refused: " + decoded.error().message;
}

bool is_refused(ByteView bytes) {
  ReceivedRequest received;
  return !decode(bytes, received);
}

// Requests that no client would make: every field is anything at all.
class RandomRequests {
 public:
  explicit RandomRequests(std::uint32_t seed) : random_(seed) {}

  WriteRequest request() {
    switch (pick(12)) {
      case 0:
        return create();
      case 1:
        return DeleteOp{text(), number()};
      case 2:
        return SetDataOp{text(), data(), number()};
      case 3:
        return SetAclOp{text(), acl(), number()};
      case 4: {
        MultiOp multi;
        for (auto left = pick(20); left > 0; --left) multi.parts.push_back(part());
        return multi;
      }
      case 5:
        return DeleteExpiredOp{text()};
      case 6:
        return CreateSessionOp{number()};
      case 7:
        return CloseSessionOp{};
      case 8:
        return AttachSessionOp{number()};
      case 9:
        return ReconfigOp{given(), given(), given(), number64()};
      case 10:
        return InstallConfigOp{configuration()};
      default:
        return FailOp{static_cast<ZkError>(-101 - static_cast<int>(pick(3)))};
    }
  }
  Caller caller() {
    std::vector<Id>& ids = ids_.emplace_back();
    for (auto left = pick(4); left > 0; --left) ids.push_back(id());
    return {.session = SessionId(number64()),
            .cxid = number(),
            .ids = ids,
            .connection = random_(),
            .owner = number64(),
            .privileged = pick(2) == 0};
  }

 private:
  std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random_()) % n; }
  std::int32_t number() { return static_cast<std::int32_t>(random_() >> pick(32)); }
  std::int64_t number64() {
    return static_cast<std::int64_t>((std::uint64_t{random_()} << 32 | random_()) >> pick(64));
  }
  std::string_view text() {
    std::string& out = texts_.emplace_back();
    for (auto left = pick(40); left > 0; --left) out.push_back(static_cast<char>(pick(256)));
    return out;
  }
  std::optional<std::string_view> given() { return pick(2) == 0 ? std::optional(text()) : std::nullopt; }
  DataView data() { return pick(3) == 0 ? DataView() : DataView(as_bytes(text())); }
  Id id() { return Id{std::string(text()), std::string(text())}; }
  std::vector<Acl> acl() {
    std::vector<Acl> out;
    for (auto left = pick(4); left > 0; --left) out.push_back(Acl{number(), id()});
    return out;
  }
  CreateOp create() {
    constexpr OpCode ops[] = {OpCode::create, OpCode::create2, OpCode::create_container, OpCode::create_ttl};
    return CreateOp{ops[pick(4)], text(), data(), acl(), number(), number64()};
  }
  MultiPart part() {
    switch (pick(6)) {
      case 0:
        return create();
      case 1:
        return DeleteOp{text(), number()};
      case 2:
        return SetDataOp{text(), data(), number()};
      case 3:
        return CheckOp{text(), number()};
      case 4:
        return CheckCzxidOp{text(), Zxid(number64())};
      default:
        return SetAclOp{text(), acl(), number()};
    }
  }
  EnsembleConfig configuration() {
    EnsembleConfig out;
    out.version = Zxid(number64() & INT64_MAX);
    for (auto left = pick(6); left > 0; --left) {
      EnsembleServer server;
      server.id = ServerId(static_cast<std::int32_t>(1 + pick(255)));
      server.addresses.push_back({fmt::format("h{}", pick(99)), static_cast<std::uint16_t>(1 + pick(999)), 2000});
      server.observer = pick(2) == 0;
      if (pick(2) == 0) server.client = Endpoint{"0.0.0.0", static_cast<std::uint16_t>(1 + pick(65'535))};
      out.servers.insert_or_assign(server.id, server);
    }
    return out;
  }

  std::mt19937 random_;
  std::deque<std::string> texts_;
  std::deque<std::vector<Id>> ids_;
};

TEST(ForwardedRequest, WhatIsAskedIsWhatArrives) {
  for (const WriteRequest& request : one_of_each())
    EXPECT_EQ(heard(bytes_of(request)), say(request, caller())) << request.index();
  Caller broker;
  broker.privileged = true;
  EXPECT_EQ(heard(bytes_of(CloseSessionOp{}, broker)), say(CloseSessionOp{}, broker));
  EXPECT_FALSE(is_refused(bytes_of(CloseSessionOp{}, Caller())));
}

TEST(ForwardedRequest, AnythingThatMayBeAskedArrives) {
  RandomRequests random(20'240'607);
  std::vector<int> seen(std::variant_size_v<WriteRequest>);
  for (int i = 0; i < 5000; ++i) {
    const WriteRequest request = random.request();
    const Caller by = random.caller();
    ASSERT_EQ(heard(bytes_of(request, by)), say(request, by)) << i;
    ++seen[request.index()];
  }
  for (const int n : seen) EXPECT_GT(n, 0);
}

TEST(ForwardedRequest, TheConnectionStaysBehind) {
  ReceivedRequest received;
  const auto bytes = bytes_of(remove("/a"));
  ASSERT_TRUE(decode(bytes, received));
  EXPECT_EQ(received.caller.connection, 0u);
}

TEST(ForwardedRequest, ItsIdsMoveWithIt) {
  const auto bytes = bytes_of(remove("/a"));
  ReceivedRequest first;
  ASSERT_TRUE(decode(bytes, first));
  ReceivedRequest second = std::move(first);
  EXPECT_EQ(second.caller.ids.data(), second.ids.data());
  EXPECT_EQ(say(second.request, second.caller), say(remove("/a"), caller()));
  // And a decoded one may be decoded into again.
  const auto none = bytes_of(CloseSessionOp{}, Caller());
  ASSERT_TRUE(decode(none, second));
  EXPECT_EQ(say(second.request, second.caller), say(CloseSessionOp{}, Caller()));
}

TEST(ForwardedRequest, TheLeaderJudgesItAsItsOwnClients) {
  ZnodeWorld here, there;
  for (ZnodeWorld* world : {&here, &there}) {
    world->open(1);
    world->ask(1, create("/a"));
  }
  for (const WriteRequest& request : one_of_each()) {
    for (const bool privileged : {false, true}) {
      Caller by = caller();
      by.session = SessionId(1);
      by.privileged = privileged;
      const auto bytes = bytes_of(request, by);
      ReceivedRequest received;
      ASSERT_TRUE(decode(bytes, received));
      const Txn own = here.machine.prepare(request, by, 5);
      const Txn other = there.machine.prepare(received.request, received.caller, 5);
      EXPECT_EQ(BufferChain(encode(own)).flatten(), BufferChain(encode(other)).flatten()) << request.index();
    }
  }
}

TEST(ForwardedRequest, WhatIsCutShortOrTooLongIsRefused) {
  for (const WriteRequest& request : one_of_each()) {
    auto bytes = bytes_of(request);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      // In a block of its own, so that a read beyond it is seen.
      const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      EXPECT_TRUE(is_refused(cut)) << request.index() << " cut at " << n;
    }
    bytes.push_back(0);
    EXPECT_TRUE(is_refused(bytes)) << request.index();
  }
}

// Whatever it says after a bit was flipped can be said again.
TEST(ForwardedRequest, DamageIsRefusedOrIsAnotherRequestAndNeverMore) {
  std::size_t refused = 0;
  for (const WriteRequest& request : one_of_each()) {
    const auto whole = bytes_of(request);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      auto damaged = whole;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      ReceivedRequest received;
      if (!decode(damaged, received)) {
        ++refused;
        continue;
      }
      EXPECT_EQ(heard(bytes_of(received.request, received.caller)), say(received.request, received.caller));
      // A configuration has more than one spelling.
      if (!std::holds_alternative<InstallConfigOp>(request)) {
        EXPECT_EQ(bytes_of(received.request, received.caller), damaged);
      }
    }
  }
  EXPECT_GT(refused, 1000u);
}

// Where the parts of an encoded request are, when the caller has no ids.
constexpr std::size_t ids_at = 22, kind_at = 26, fields_at = 27;

std::vector<std::uint8_t> bytes_with(const WriteRequest& request, std::size_t at, std::uint32_t value) {
  auto bytes = bytes_of(request, Caller());
  for (std::size_t i = 0; i < 4; ++i) bytes.at(at + i) = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  return bytes;
}

TEST(ForwardedRequest, VersionsKindsAndFlagsThatAreNotKnownAreRefused) {
  auto bytes = bytes_of(CloseSessionOp{}, Caller());
  ASSERT_EQ(bytes.size(), fields_at);
  ReceivedRequest received;
  bytes[kind_at] = 200;
  EXPECT_EQ(decode(bytes, received).error().kind, ErrorKind::corrupt);
  bytes[kind_at] = 0;
  EXPECT_TRUE(is_refused(bytes));
  bytes = bytes_of(CloseSessionOp{}, Caller());
  bytes[1] = 2;
  EXPECT_TRUE(is_refused(bytes));
  bytes[0] = 2;
  EXPECT_EQ(decode(bytes, received).error().kind, ErrorKind::unsupported);

  EXPECT_TRUE(is_refused(bytes_with(FailOp{ZkError::no_node}, fields_at, 0)));  // a failure that is none
  EXPECT_TRUE(is_refused(bytes_with(FailOp{ZkError::no_node}, fields_at, 1)));
  EXPECT_TRUE(is_refused(bytes_with(create("/a"), fields_at, 5)));  // set_data creates nothing
}

TEST(ForwardedRequest, APartOfAMultiIsNoMultiAndARequestIsNoCheck) {
  MultiOp multi;
  multi.parts.emplace_back(CheckOp{"", 0});
  const auto check_kind = bytes_of(multi, Caller()).at(fields_at + 4);
  const auto multi_kind = bytes_of(multi, Caller()).at(kind_at);
  auto bytes = bytes_of(remove("", 0), Caller());
  ASSERT_FALSE(is_refused(bytes));
  bytes[kind_at] = check_kind;  // which has the fields of a remove
  EXPECT_TRUE(is_refused(bytes));
  bytes = bytes_of(multi, Caller());
  bytes[fields_at + 4] = multi_kind;
  EXPECT_TRUE(is_refused(bytes));
}

TEST(ForwardedRequest, CountsAndLengthsThatTheBytesCannotHoldAreRefused) {
  const WriteRequest multi = MultiOp{{CheckOp{"/a", 1}, CheckOp{"/b", 1}}};
  for (const std::uint32_t n : {3u, 1'000u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    EXPECT_TRUE(is_refused(bytes_with(CloseSessionOp{}, ids_at, n))) << n;
    EXPECT_TRUE(is_refused(bytes_with(multi, fields_at, n))) << n;
    EXPECT_TRUE(is_refused(bytes_with(DeleteExpiredOp{"/a"}, fields_at, n))) << n;
    EXPECT_TRUE(is_refused(bytes_with(SetAclOp{"", {}, 1}, fields_at + 4, n))) << n;
    if (n != 0xffffffffu) {
      EXPECT_TRUE(is_refused(bytes_with(SetDataOp{"", text(""), 1}, fields_at + 4, n))) << n;
      EXPECT_TRUE(is_refused(bytes_with(ReconfigOp{.joining = "a"}, fields_at, n))) << n;
    }
  }
  EXPECT_FALSE(is_refused(bytes_with(multi, fields_at, 2)));
}

TEST(ForwardedRequest, AMultiHasNoMorePartsThanATransactionMayHave) {
  MultiOp multi;
  multi.parts.assign(multi_parts_max, CheckOp{});
  EXPECT_FALSE(is_refused(bytes_of(multi)));
  multi.parts.emplace_back(CheckOp{});
  EXPECT_TRUE(is_refused(bytes_of(multi)));
}

TEST(ForwardedRequest, AConfigurationThatCannotBeReadIsRefused) {
  auto bytes = bytes_of(InstallConfigOp{config()}, Caller());
  ASSERT_EQ(as_text(ByteView(bytes).subspan(fields_at + 4, 9)), "server.1=");
  bytes[fields_at + 4] = 'S';
  EXPECT_TRUE(is_refused(bytes));
}

TEST(RequestFrame, ItIsOneWhetherTheRequestWasKeptOrNot) {
  const RequestFrame frame{Term(9), 0xfedcba9876543210, 11};
  const WriteRequest request = set("/a", "data");
  const BufferChain at_once = encode(frame, request, caller());
  EXPECT_EQ(at_once.pieces().size(), 1u);
  const Bytes kept = encode(request, caller());
  const BufferChain later = encode(frame, kept);
  EXPECT_EQ(later.pieces().back().data(), kept.data());  // not a copy
  EXPECT_EQ(at_once.flatten(), later.flatten());

  const auto received = decode_request_frame(Bytes::copy(ByteView(later.flatten())));
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(received->frame, frame);
  EXPECT_EQ(heard(received->request.view()), say(request, caller()));
}

TEST(RequestFrame, AHeaderThatIsNoneIsRefused) {
  const Bytes whole = Bytes::copy(ByteView(encode(RequestFrame{Term(1), 2, 3}, Bytes()).flatten()));
  EXPECT_TRUE(decode_request_frame(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(decode_request_frame(whole.slice(0, n))) << n;
  for (const int term : {0, -1})
    EXPECT_FALSE(decode_request_frame(encode(RequestFrame{Term(term), 2, 3}, Bytes()).take().front())) << term;
}

TEST(SessionsFrame, ItArrivesOrIsRefused) {
  const SessionsFrame frame{Term(3), {{SessionId(-5), 4000}, {SessionId(0x100000000000001), 0}}};
  const Bytes whole = encode(frame);
  const auto received = decode_sessions_frame(whole.view());
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(*received, frame);
  EXPECT_EQ(decode_sessions_frame(encode(SessionsFrame{Term(3), {}}).view()), (SessionsFrame{Term(3), {}}));

  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(decode_sessions_frame(whole.view().first(n))) << n;
  auto bytes = BufferChain(whole).flatten();
  bytes.push_back(0);
  EXPECT_FALSE(decode_sessions_frame(bytes));
  for (const std::size_t count_byte : {4u, 5u, 6u, 7u}) {
    bytes = BufferChain(whole).flatten();
    bytes[count_byte] ^= 0x81;
    EXPECT_FALSE(decode_sessions_frame(bytes)) << count_byte;
  }
  EXPECT_FALSE(decode_sessions_frame(encode(SessionsFrame{Term(0), {}}).view()));
  EXPECT_FALSE(decode_sessions_frame(encode(SessionsFrame{Term(1), {{SessionId(0), 1}}}).view()));
  EXPECT_FALSE(decode_sessions_frame(encode(SessionsFrame{Term(1), {{SessionId(1), -1}}}).view()));
}

TEST(DigestFrame, ItArrivesOrIsRefused) {
  const DigestFrame frame{Offset(1'000'000'000'000), Zxid(0x500000001), 0xfedcba9876543210};
  const Bytes whole = encode(frame);
  EXPECT_EQ(decode_digest_frame(whole.view()), frame);
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(decode_digest_frame(whole.view().first(n))) << n;
  auto bytes = BufferChain(whole).flatten();
  bytes.push_back(0);
  EXPECT_FALSE(decode_digest_frame(bytes));
  EXPECT_FALSE(decode_digest_frame(encode(DigestFrame{Offset(-1), Zxid(0), 0}).view()));
  EXPECT_FALSE(decode_digest_frame(encode(DigestFrame{Offset(0), Zxid(-1), 0}).view()));
}

}  // namespace
}  // namespace holdfast::zk
