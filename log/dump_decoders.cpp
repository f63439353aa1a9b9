#include "log/dump_decoders.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/kafka/consumer_group_records.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/group_records.h"
#include "wire/kafka/share_group_records.h"
#include "wire/kafka/share_records.h"
#include "wire/kafka/streams_group_records.h"
#include "wire/kafka/transaction_records.h"
#include "wire/message.h"
#include "wire/print.h"
#include "wire/reader.h"

namespace holdfast {
namespace {

// A message's own fields, each as JSON, so that they can be put in another order or replaced. Kafka prints them as its
// schemas list them, where wire/ has tagged ones behind all others.
class Fields {
 public:
  template <class M>
  Fields(const M& message, std::int16_t version) : version_(version) {
    M::fields(message, *this);
  }

  template <class T>
  void operator()(std::string_view name, const T& value, wire::When when = {}) {
    std::string text;
    wire::Printer printer(text, version_);
    printer(name, value, when);
    add(name, std::move(text));
  }
  template <class T>
  void tagged(std::uint32_t tag, std::string_view name, const T& value, wire::When when,
              const std::type_identity_t<T>& omitted = T{}) {
    std::string text;
    wire::Printer printer(text, version_);
    printer.tagged(tag, name, value, when, omitted);
    add(name, std::move(text));
  }

  void move_before(std::string_view name, std::string_view other) {
    const auto from = std::ranges::find(fields_, name, &Field::first);
    const auto to = std::ranges::find(fields_, other, &Field::first);
    if (to < from && from != fields_.end()) std::rotate(to, from, from + 1);
  }
  void replace(std::string_view name, const std::string& json) {
    const auto field = std::ranges::find(fields_, name, &Field::first);
    if (field != fields_.end()) field->second = fmt::format("\"{}\":{}", name, json);
  }
  std::string json() const {
    std::string out = "{";
    for (const auto& [_, text] : fields_) {
      if (out.size() > 1) out += ',';
      out += text;
    }
    return out + '}';
  }

 private:
  using Field = std::pair<std::string_view, std::string>;
  void add(std::string_view name, std::string text) {
    if (!text.empty()) fields_.emplace_back(name, std::move(text));
  }

  std::int16_t version_;
  std::vector<Field> fields_;
};

template <class M>
std::string as_json(const M& message, std::int16_t version) {
  return wire::print(message, version);
}

std::string as_json(const wire::TransactionLogValue& message, std::int16_t version) {
  Fields fields(message, version);
  fields.move_before("previousProducerId", "producerEpoch");
  fields.move_before("nextProducerId", "producerEpoch");
  fields.move_before("nextProducerEpoch", "transactionTimeoutMs");
  return fields.json();
}

std::string as_json(const wire::ShareSnapshotValue& message, std::int16_t version) {
  Fields fields(message, version);
  fields.move_before("deliveryCompleteCount", "createTimestamp");
  return fields.json();
}

std::string as_json(const wire::ShareUpdateValue& message, std::int16_t version) {
  Fields fields(message, version);
  fields.move_before("deliveryCompleteCount", "stateBatches");
  return fields.json();
}

// What a client stored in a field of bytes; nothing if it is not what consumers send.
template <class M>
std::optional<std::string> embedded_json(ByteView bytes) {
  wire::Reader in(bytes);
  const std::int16_t version = std::min(in.i16(), M::api.versions.last);
  M message;
  if (!in.ok() || version < 0 || !wire::decode(message, version, in)) return std::nullopt;
  return wire::print(message, version);
}

std::string as_json(const wire::GroupMetadataValue& message, std::int16_t version) {
  if (message.protocol_type != "consumer") return wire::print(message, version);
  std::string members;
  for (const auto& member : message.members) {
    Fields fields(member, version);
    if (const auto json = embedded_json<wire::ConsumerProtocolSubscription>(member.subscription))
      fields.replace("subscription", *json);
    if (const auto json = embedded_json<wire::ConsumerProtocolAssignment>(member.assignment))
      fields.replace("assignment", *json);
    members += (members.empty() ? "" : ",") + fields.json();
  }
  Fields fields(message, version);
  fields.replace("members", "[" + members + "]");
  return fields.json();
}

template <class M>
Result<std::string> read_json(wire::Reader& in, std::int16_t version) {
  if (!M::api.versions.holds(version)) return fail(ErrorKind::unsupported, "this version is not known");
  M message;
  if (!wire::decode(message, version, in)) return fail(ErrorKind::invalid_input, in.error());
  return as_json(message, version);
}

struct RecordType {
  using Read = Result<std::string> (*)(wire::Reader& in, std::int16_t version);
  std::int16_t type;
  Read key, value;
};

template <class Key, class Value>
constexpr RecordType record_type() {
  static_assert(Key::api.key == Value::api.key);
  return {Key::api.key, read_json<Key>, read_json<Value>};
}

std::span<const RecordType> types_of(RecordDecoder decoder) {
  using namespace wire;
  static constexpr RecordType offsets[] = {
      record_type<LegacyOffsetCommitKey, LegacyOffsetCommitValue>(),
      record_type<OffsetCommitKey, OffsetCommitValue>(),
      record_type<GroupMetadataKey, GroupMetadataValue>(),
      record_type<ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>(),
      record_type<ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue>(),
      record_type<ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue>(),
      record_type<ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue>(),
      record_type<ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue>(),
      record_type<ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue>(),
      record_type<ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue>(),
      record_type<ShareGroupMemberMetadataKey, ShareGroupMemberMetadataValue>(),
      record_type<ShareGroupMetadataKey, ShareGroupMetadataValue>(),
      record_type<ShareGroupTargetAssignmentMetadataKey, ShareGroupTargetAssignmentMetadataValue>(),
      record_type<ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue>(),
      record_type<ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue>(),
      record_type<ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue>(),
      record_type<StreamsGroupMetadataKey, StreamsGroupMetadataValue>(),
      record_type<StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue>(),
      record_type<StreamsGroupTargetAssignmentMetadataKey, StreamsGroupTargetAssignmentMetadataValue>(),
      record_type<StreamsGroupTargetAssignmentMemberKey, StreamsGroupTargetAssignmentMemberValue>(),
      record_type<StreamsGroupCurrentMemberAssignmentKey, StreamsGroupCurrentMemberAssignmentValue>(),
      record_type<StreamsGroupTopologyKey, StreamsGroupTopologyValue>(),
  };
  static constexpr RecordType transactions[] = {record_type<TransactionLogKey, TransactionLogValue>()};
  static constexpr RecordType share_state[] = {
      record_type<ShareSnapshotKey, ShareSnapshotValue>(),
      record_type<ShareUpdateKey, ShareUpdateValue>(),
  };
  switch (decoder) {
    case RecordDecoder::text:
      break;
    case RecordDecoder::offsets:
      return offsets;
    case RecordDecoder::transactions:
      return transactions;
    case RecordDecoder::share_group_state:
      return share_state;
  }
  return {};
}

Result<std::string> read_part(RecordType::Read read, wire::Reader& in, std::int16_t version, std::string_view part) {
  auto json = read(in, version);
  if (json) return json;
  return fail(json.error().kind, fmt::format("Could not read record with version {} from {}'s buffer due to: {}.",
                                             version, part, json.error().message));
}

Result<DecodedContents> read_record(std::span<const RecordType> types, std::int64_t offset, ByteView key,
                                    std::optional<ByteView> value) {
  wire::Reader key_in(key);
  const std::int16_t type_number = key_in.i16();
  if (!key_in.ok()) return fail(ErrorKind::invalid_input, "Could not read version from key's buffer.");
  const auto type = std::ranges::find(types, type_number, &RecordType::type);
  if (type == types.end())
    return DecodedContents{fmt::format("Unknown record type {} at offset {}, skipping.", type_number, offset), {}};
  auto key_json = read_part(type->key, key_in, 0, "key");
  if (!key_json) return fail(key_json);
  DecodedContents out;
  out.key = fmt::format(R"({{"type":"{}","data":{}}})", type_number, *key_json);
  out.value = "<DELETE>";
  if (!value) return out;
  wire::Reader value_in(*value);
  const std::int16_t version = value_in.i16();
  if (!value_in.ok()) return fail(ErrorKind::invalid_input, "Could not read version from value's buffer.");
  auto value_json = read_part(type->value, value_in, version, "value");
  if (!value_json) return fail(value_json);
  out.value = fmt::format(R"({{"version":"{}","data":{}}})", version, *value_json);
  return out;
}

// How many bytes of a well-formed character begin here; 0 if none does, and then `bad` are to be replaced.
std::size_t character(ByteView s, std::size_t& bad) {
  const auto continues = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xbf) {
    return i < s.size() && s[i] >= low && s[i] <= high;
  };
  const std::uint8_t first = s[0];
  bad = 1;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return continues(1) ? 2 : 0;
  if (first < 0xf0) {
    if (!continues(1, first == 0xe0 ? 0xa0 : 0x80)) return 0;
    if (!continues(2)) return bad = 2, 0;
    if (first == 0xed && s[1] > 0x9f) return bad = 3, 0;  // a surrogate
    return 3;
  }
  if (!continues(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf)) return 0;
  if (!continues(2)) return bad = 2, 0;
  return continues(3) ? 4 : (bad = 3, 0);
}

}  // namespace

std::string printable(ByteView utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    std::size_t bad = 0;
    const std::size_t good = character(utf8, bad);
    out += good > 0 ? as_text(utf8.first(good)) : std::string_view("\xef\xbf\xbd");
    utf8 = utf8.subspan(good > 0 ? good : bad);
  }
  return out;
}

Result<DecodedContents> decode_contents(RecordDecoder decoder, std::int64_t offset, std::optional<ByteView> key,
                                        std::optional<ByteView> value) {
  if (decoder == RecordDecoder::text) {
    DecodedContents out;
    if (key) out.key = printable(*key);
    if (value) out.value = printable(*value);
    return out;
  }
  if (!key)
    return fail(
        ErrorKind::invalid_input,
        fmt::format("Failed to decode message at offset {} using the specified decoder (message had a missing key)",
                    offset));
  auto read = read_record(types_of(decoder), offset, *key, value);
  if (!read) return DecodedContents{fmt::format("Error at offset {}, skipping. {}", offset, read.error().message), {}};
  return read;
}

}  // namespace holdfast
