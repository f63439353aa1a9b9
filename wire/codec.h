// Kafka's encoding as visitors over fields(): Encoder and Decoder. Included by the .cpp files of the message families
// only; everybody else needs message.h.
//
// The rules (KIP-482, and what Kafka's generated code does where the KIP is silent):
//   string   i16 length, -1 null                 flexible versions: uvarint length + 1, 0 null
//   bytes, records, arrays   i32, -1 null        flexible versions: likewise
//   nullable struct   i8: -1 null, 1 present; as a tagged field: uvarint 0 null, 1 present
//   after the fields of every struct, flexible versions only: count, then (tag, size, content) ascending by tag
// Unknown tags are skipped. Nothing here recurses deeper than the declarations nest.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "wire/fields.h"
#include "wire/message.h"
#include "wire/print.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::wire {

// Also Kafka's bound: a longer one could not be sent in a version with i16 lengths.
inline constexpr std::int64_t string_bytes_max = 32767;

class Encoder {
 public:
  Encoder(Writer& out, std::int16_t version, bool flexible) : out_(out), version_(version), flexible_(flexible) {}

  template <class M>
  void structure(const M& m) {
    M::fields(m, *this);
    if (!flexible_) return;
    if (tags_ == 0) return out_.u8(0);
    insert_uvarint(tags_at_, tags_);
  }

  template <class T>
  void operator()(std::string_view, const T& value, When when = {}) {
    if (when.holds(version_)) put_field(value, when);
  }

  template <class T>
  void tagged(std::uint32_t tag, std::string_view, const T& value, When when,
              const std::type_identity_t<T>& omitted = T{}) {
    if (!flexible_ || !when.holds(version_) || value == omitted) return;
    if (tags_++ == 0) tags_at_ = out_.position();
    out_.uvarint(tag);
    const std::size_t content = out_.position();
    if constexpr (is_optional_structure<T>) {
      out_.uvarint(value ? 1 : 0);
      if (value) put(*value, true);
    } else {
      put_field(value, when);
    }
    insert_uvarint(content, static_cast<std::uint32_t>(out_.position() - content));
  }

 private:
  template <class T>
  void put_field(const T& value, When when) {
    const bool compact = flexible_ && when.compact;
    if constexpr (is_optional<T>) {
      const bool nullable = version_ >= when.nullable_first;
      if (value) {
        if constexpr (is_optional_structure<T>) {
          if (nullable) out_.i8(1);
        }
        put(*value, compact);
      } else if (nullable) {
        put_null<typename T::value_type>(compact);
      } else {
        out_.fail("null in a field that cannot be null in this version");
      }
    } else if constexpr (std::same_as<T, Records>) {
      if (value.null && version_ < when.nullable_first) return out_.fail("records that cannot be null are null");
      put(value, compact);
    } else {
      put(value, compact);
    }
  }

  void put(bool v, bool) { out_.boolean(v); }
  void put(std::int8_t v, bool) { out_.i8(v); }
  void put(std::int16_t v, bool) { out_.i16(v); }
  void put(std::int32_t v, bool) { out_.i32(v); }
  void put(std::int64_t v, bool) { out_.i64(v); }
  void put(std::uint16_t v, bool) { out_.u16(v); }
  void put(std::uint32_t v, bool) { out_.u32(v); }
  void put(double v, bool) { out_.f64(v); }
  void put(const Uuid& v, bool) { out_.raw(ByteView(v)); }
  void put(const std::string& v, bool compact) {
    if (static_cast<std::int64_t>(v.size()) > string_bytes_max) return out_.fail("string is longer than 32767 bytes");
    if (compact) {
      out_.uvarint(static_cast<std::uint32_t>(v.size() + 1));
    } else {
      out_.i16(static_cast<std::int16_t>(v.size()));
    }
    out_.raw(std::string_view(v));
  }
  void put(const std::vector<std::uint8_t>& v, bool compact) {
    put_length(v.size(), compact);
    out_.raw(ByteView(v));
  }
  void put(const Records& v, bool compact) {
    if (v.null) return put_null<Records>(compact);
    put_length(v.size(), compact);
    out_.raw(v.view);
    out_.splice(v.chain);
  }
  template <class T>
  void put(const std::vector<T>& v, bool compact) {
    put_length(v.size(), compact);
    for (const T& element : v) put(element, compact);
  }
  template <class M>
  void put(const M& m, bool) {
    Encoder(out_, version_, flexible_).structure(m);
  }

  void put_length(std::size_t length, bool compact) {
    if (compact) {
      out_.uvarint(static_cast<std::uint32_t>(length + 1));
    } else {
      out_.i32(static_cast<std::int32_t>(length));
    }
  }
  template <class T>
  void put_null(bool compact) {
    if constexpr (is_structure<T>) {
      out_.i8(-1);
    } else if (compact) {
      out_.uvarint(0);
    } else if constexpr (std::same_as<T, std::string>) {
      out_.i16(-1);
    } else {
      out_.i32(-1);
    }
  }

  // Counts and sizes of tagged fields are known only after their content: it moves up to make room. Tagged fields are
  // rare and small, so this is cheaper than measuring everything first. None of them holds records, which are spliced.
  void insert_uvarint(std::size_t position, std::uint32_t v) {
    const std::size_t content = out_.position() - position;
    std::size_t width = 1;
    for (std::uint32_t rest = v >> 7; rest != 0; rest >>= 7) ++width;
    std::uint8_t* at = out_.room(width) - content;
    std::memmove(at + width, at, content);
    for (; width > 1; --width, v >>= 7) *at++ = static_cast<std::uint8_t>(v | 0x80);
    *at = static_cast<std::uint8_t>(v);
  }

  Writer& out_;
  std::int16_t version_;
  bool flexible_;
  std::uint32_t tags_ = 0;
  std::size_t tags_at_ = 0;
};

class Decoder {
 public:
  Decoder(Reader& in, std::int16_t version, bool flexible) : in_(in), version_(version), flexible_(flexible) {}

  template <class M>
  void structure(M& m) {
    M::fields(m, *this);
    if (flexible_) get_tags(m);
  }

  template <class T>
  void operator()(std::string_view, T& value, When when = {}) {
    if (when.holds(version_)) get_field(value, when);
  }

  template <class T>
  void tagged(std::uint32_t, std::string_view, T&, When, const std::type_identity_t<T>& = T{}) {}

 private:
  // Finds the declaration of one tag of the input and reads its content.
  struct TaggedField {
    Decoder& content;
    std::int16_t version;
    std::uint32_t tag;
    bool known = false;

    template <class T>
    void operator()(std::string_view, T&, When = {}) {}
    template <class T>
    void tagged(std::uint32_t declared, std::string_view, T& value, When when, const std::type_identity_t<T>& = T{}) {
      if (declared != tag || !when.holds(version)) return;
      known = true;
      content.get_tagged(value, when);
    }
  };

  template <class M>
  void get_tags(M& m) {
    for (std::uint32_t left = in_.uvarint(); left > 0 && in_.ok(); --left) {
      const std::uint32_t tag = in_.uvarint();
      Reader content(in_.raw(in_.uvarint()));
      if (!in_.ok()) return;
      Decoder decoder(content, version_, true);
      TaggedField field{decoder, version_, tag};
      M::fields(m, field);
      if (!field.known) continue;
      if (!content.ok()) return in_.fail(content.error());
      if (content.remaining() != 0) return in_.fail("tagged field is longer than its content");
    }
  }

  template <class T>
  void get_tagged(T& value, When when) {
    if constexpr (is_optional_structure<T>) {
      value.reset();
      if (in_.uvarint() != 0) get(value.emplace(), true);
    } else {
      get_field(value, when);
    }
  }

  template <class T>
  void get_field(T& value, When when) {
    const bool compact = flexible_ && when.compact;
    if constexpr (is_optional_structure<T>) {
      value.reset();
      if (version_ >= when.nullable_first && in_.i8() < 0) return;
      get(value.emplace(), compact);
    } else if constexpr (is_optional<T>) {
      const std::int64_t length = get_length<typename T::value_type>(compact);
      value.reset();
      if (length >= 0) {
        get_content(value.emplace(), length, compact);
      } else if (version_ < when.nullable_first) {
        refuse_null();
      }
    } else if constexpr (std::same_as<T, Records>) {
      const std::int64_t length = get_length<Records>(compact);
      if (length >= 0) {
        value = Records(in_.raw(static_cast<std::size_t>(length)));
      } else if (version_ < when.nullable_first) {
        refuse_null();
      }
    } else {
      get(value, compact);
    }
  }

  void get(bool& v, bool) { v = in_.boolean(); }
  void get(std::int8_t& v, bool) { v = in_.i8(); }
  void get(std::int16_t& v, bool) { v = in_.i16(); }
  void get(std::int32_t& v, bool) { v = in_.i32(); }
  void get(std::int64_t& v, bool) { v = in_.i64(); }
  void get(std::uint16_t& v, bool) { v = in_.u16(); }
  void get(std::uint32_t& v, bool) { v = in_.u32(); }
  void get(double& v, bool) { v = in_.f64(); }
  void get(Uuid& v, bool) {
    const ByteView bytes = in_.raw(v.size());
    if (!bytes.empty()) std::copy(bytes.begin(), bytes.end(), v.begin());
  }
  void get(std::string& v, bool compact) { get_present(v, compact); }
  template <class T>
  void get(std::vector<T>& v, bool compact) {
    get_present(v, compact);
  }
  template <class M>
    requires is_structure<M>
  void get(M& m, bool) {
    Decoder(in_, version_, flexible_).structure(m);
  }

  template <class T>
  void get_present(T& v, bool compact) {
    const std::int64_t length = get_length<T>(compact);
    if (length < 0) return refuse_null();
    get_content(v, length, compact);
  }

  // Bytes or elements; negative: null.
  template <class T>
  std::int64_t get_length(bool compact) {
    // A length beyond an int32 is a negative one to Kafka: null, as any other negative length.
    if (compact) return std::int64_t{static_cast<std::int32_t>(in_.uvarint())} - 1;
    if constexpr (std::same_as<T, std::string>) {
      return in_.i16();
    } else {
      return in_.i32();
    }
  }

  void get_content(std::string& v, std::int64_t length, bool) {
    if (length > string_bytes_max) return in_.fail("string is longer than 32767 bytes");
    v.assign(as_text(in_.raw(static_cast<std::size_t>(length))));
  }
  void get_content(std::vector<std::uint8_t>& v, std::int64_t length, bool) {
    const ByteView bytes = in_.raw(static_cast<std::size_t>(length));
    v.assign(bytes.begin(), bytes.end());
  }
  // What the sender claims is not reserved beyond a modest block: the vector grows as elements really arrive.
  template <class T>
  void get_content(std::vector<T>& v, std::int64_t length, bool compact) {
    constexpr std::int32_t reserve_max = 1024;
    const std::int32_t count = in_.bounded_count(length, std::is_arithmetic_v<T> ? sizeof(T) : 1);
    v.clear();
    v.reserve(static_cast<std::size_t>(std::min(count, reserve_max)));
    for (std::int32_t i = 0; i < count && in_.ok(); ++i) get(v.emplace_back(), compact);
  }

  void refuse_null() { in_.fail("null in a field that cannot be null in this version"); }

  Reader& in_;
  std::int16_t version_;
  bool flexible_;
};

template <class M>
void encode(const M& message, std::int16_t version, Writer& out) {
  Encoder(out, version, version >= M::api.flexible).structure(message);
}

template <class M>
bool decode(M& message, std::int16_t version, Reader& in) {
  Decoder(in, version, version >= M::api.flexible).structure(message);
  return in.ok();
}

template <class M>
std::string print(const M& message, std::int16_t version) {
  std::string out;
  Printer(out, version).structure(message);
  return out;
}

}  // namespace holdfast::wire

// Once per message, inside namespace holdfast::wire, in the .cpp of its family.
#define HOLDFAST_KAFKA_MESSAGE(M)                           \
  template void encode<M>(const M&, std::int16_t, Writer&); \
  template bool decode<M>(M&, std::int16_t, Reader&);       \
  template std::string print<M>(const M&, std::int16_t)
