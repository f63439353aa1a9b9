// Jute's encoding as visitors over fields(): Encoder and Decoder. Included by records.cpp and multi.cpp only.
//
// int and long are big-endian; a boolean is one byte; text, buffers and lists begin with an i32 length or count, -1 for
// null; a record is its fields, nothing between them. Nothing here recurses deeper than the declarations nest.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/fields.h"
#include "wire/zookeeper/records.h"

namespace holdfast::wire::zk {

class Encoder {
 public:
  explicit Encoder(Writer& out) : out_(out) {}

  template <class T>
  void operator()(std::string_view, const T& value) {
    put(value);
  }
  // A last field that older peers leave out.
  void trailing(std::string_view, const std::optional<bool>& value) {
    if (value) put(*value);
  }

 private:
  void put(bool v) { out_.boolean(v); }
  void put(std::int32_t v) { out_.i32(v); }
  void put(std::int64_t v) { out_.i64(v); }
  void put(std::string_view v) { put(as_bytes(v)); }
  void put(ByteView v) {
    put_length(v.size());
    out_.raw(v);
  }
  template <class T>
  void put(const std::vector<T>& v) {
    put_length(v.size());
    for (const T& element : v) put(element);
  }
  template <class T>
  void put(const std::optional<T>& v) {
    if (v) {
      put(*v);
    } else {
      out_.i32(-1);
    }
  }
  template <class M>
    requires is_structure<M>
  void put(const M& m) {
    M::fields(m, *this);
  }

  void put_length(std::size_t n) {
    if (n > INT32_MAX) return out_.fail("a length does not fit 32 bits");
    out_.i32(static_cast<std::int32_t>(n));
  }

  Writer& out_;
};

class Decoder {
 public:
  explicit Decoder(Reader& in) : in_(in) {}

  template <class T>
  void operator()(std::string_view, T& value) {
    get(value);
  }
  void trailing(std::string_view, std::optional<bool>& value) {
    if (in_.ok() && in_.remaining() > 0) value = in_.boolean();
  }

 private:
  void get(bool& v) { v = in_.boolean(); }
  void get(std::int32_t& v) { v = in_.i32(); }
  void get(std::int64_t& v) { v = in_.i64(); }
  void get(Text& v) {
    std::int32_t length = 0;
    if (get_length(length)) v = as_text(in_.raw(static_cast<std::size_t>(length)));
  }
  void get(Buffer& v) {
    std::int32_t length = 0;
    if (get_length(length)) v = in_.raw(static_cast<std::size_t>(length));
  }
  // What the sender claims is not reserved beyond a modest block: the list grows as elements really arrive.
  template <class T>
  void get(List<T>& v) {
    constexpr std::int32_t reserve_max = 1024;
    constexpr std::size_t element_bytes_min = 4;
    std::int32_t length = 0;
    if (!get_length(length)) return;
    const std::int32_t count = in_.bounded_count(length, element_bytes_min);
    v.emplace().reserve(static_cast<std::size_t>(std::min(count, reserve_max)));
    for (std::int32_t i = 0; i < count && in_.ok(); ++i) get(v->emplace_back());
  }
  template <class M>
    requires is_structure<M>
  void get(M& m) {
    M::fields(m, *this);
  }

  // False: null, or malformed and latched.
  bool get_length(std::int32_t& length) {
    length = in_.i32();
    if (length < -1) in_.fail("negative length");
    return length >= 0 && in_.ok();
  }

  Reader& in_;
};

template <class M>
void encode(const M& record, Writer& out) {
  Encoder encoder(out);
  M::fields(record, encoder);
}

template <class M>
bool decode(M& record, Reader& in) {
  Decoder decoder(in);
  M::fields(record, decoder);
  return in.ok();
}

}  // namespace holdfast::wire::zk

// Once per record, inside namespace holdfast::wire::zk.
#define HOLDFAST_ZOOKEEPER_RECORD(M)          \
  template void encode<M>(const M&, Writer&); \
  template bool decode<M>(M&, Reader&)
