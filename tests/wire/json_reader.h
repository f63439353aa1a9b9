// JsonReader: fills a message from JSON in the form that print() writes. The third visitor over fields(), for tests
// only.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "wire/fields.h"

namespace holdfast::wire::testing {

std::vector<std::uint8_t> from_base64_text(std::string_view text);

class JsonReader {
 public:
  JsonReader(const boost::json::object& from, std::int16_t version) : from_(from), version_(version) {}

  template <class M>
  void structure(M& m) {
    M::fields(m, *this);
  }

  // Throws if a field of this version is missing: only tagged fields may be absent.
  template <class T>
  void operator()(std::string_view name, T& value, When when = {}) {
    if (when.holds(version_)) get(value, from_.at(name));
  }

  template <class T>
  void tagged(std::uint32_t, std::string_view name, T& value, When when, const std::type_identity_t<T>& = T{}) {
    if (!when.holds(version_)) return;
    if (const boost::json::value* found = from_.if_contains(name)) get(value, *found);
  }

 private:
  template <class T>
  void get(T& value, const boost::json::value& json) {
    if constexpr (std::is_same_v<T, bool>) {
      value = json.as_bool();
    } else if constexpr (std::is_arithmetic_v<T>) {
      value = json.to_number<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = std::string_view(json.as_string());
    } else if constexpr (std::is_same_v<T, Uuid>) {
      if (!from_base64(std::string_view(json.as_string()), value)) throw std::invalid_argument("not a uuid");
    } else if constexpr (std::is_same_v<T, std::vector<std::uint8_t>>) {
      value = from_base64_text(json.as_string());
    } else if constexpr (std::is_same_v<T, Records>) {
      if (json.is_null()) return;
      value = Records(BufferChain(Bytes::copy(from_base64_text(json.as_string()))));
    } else if constexpr (is_optional<T>) {
      value.reset();
      if (!json.is_null()) get(value.emplace(), json);
    } else if constexpr (is_vector<T>) {
      value.clear();
      for (const boost::json::value& element : json.as_array()) get(value.emplace_back(), element);
    } else {
      JsonReader(json.as_object(), version_).structure(value);
    }
  }

  const boost::json::object& from_;
  std::int16_t version_;
};

}  // namespace holdfast::wire::testing
