// Printer: a message as JSON, the way Kafka's JsonConverter writes it. For logs, `log dump` and tests; not a hot path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "wire/fields.h"

namespace holdfast::wire {

void print_json(std::string& out, bool v);
void print_json(std::string& out, std::int64_t v);
void print_json(std::string& out, double v);
void print_json(std::string& out, std::string_view text);  // quoted and escaped
void print_json(std::string& out, const Uuid& v);          // base64url, 22 characters
void print_json_base64(std::string& out, ByteView bytes);  // quoted

class Printer {
 public:
  Printer(std::string& out, std::int16_t version) : out_(out), version_(version) {}

  template <class M>
  void structure(const M& m) {
    out_ += '{';
    M::fields(m, *this);
    out_ += '}';
  }

  template <class T>
  void operator()(std::string_view name, const T& value, When when = {}) {
    if (when.holds(version_)) field(name, value);
  }

  template <class T>
  void tagged(std::uint32_t, std::string_view name, const T& value, When when,
              const std::type_identity_t<T>& omitted = T{}) {
    if (when.holds(version_) && !(value == omitted)) field(name, value);
  }

 private:
  template <class T>
  void field(std::string_view name, const T& value) {
    if (!first_) out_ += ',';
    first_ = false;
    print_json(out_, name);
    out_ += ':';
    put(value);
  }

  template <class T>
  void put(const T& v) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double> || std::is_same_v<T, Uuid>) {
      print_json(out_, v);
    } else if constexpr (std::is_integral_v<T>) {
      print_json(out_, static_cast<std::int64_t>(v));
    } else if constexpr (std::is_same_v<T, std::string>) {
      print_json(out_, std::string_view(v));
    } else if constexpr (std::is_same_v<T, std::vector<std::uint8_t>>) {
      print_json_base64(out_, v);
    } else if constexpr (std::is_same_v<T, Records>) {
      put_records(v);
    } else if constexpr (is_optional<T>) {
      if (v) {
        put(*v);
      } else {
        out_ += "null";
      }
    } else if constexpr (is_vector<T>) {
      put_array(v);
    } else {
      Printer(out_, version_).structure(v);
    }
  }

  template <class T>
  void put_array(const std::vector<T>& v) {
    out_ += '[';
    for (const T& element : v) {
      if (&element != v.data()) out_ += ',';
      put(element);
    }
    out_ += ']';
  }

  void put_records(const Records& v) {
    if (v.null) {
      out_ += "null";
    } else if (v.chain.empty()) {
      print_json_base64(out_, v.view);
    } else {
      std::vector<std::uint8_t> bytes(v.view.begin(), v.view.end());
      const std::vector<std::uint8_t> rest = v.chain.flatten();
      bytes.insert(bytes.end(), rest.begin(), rest.end());
      print_json_base64(out_, bytes);
    }
  }

  std::string& out_;
  std::int16_t version_;
  bool first_ = true;
};

}  // namespace holdfast::wire
