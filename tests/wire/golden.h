// The table of every message type the golden vectors may name. A family of messages registers its types once, at
// namespace scope of a golden_types_*.cpp:
//
//   HOLDFAST_GOLDEN_TYPE(FetchRequest);
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/wire/json_reader.h"
#include "wire/fields.h"
#include "wire/message.h"

namespace holdfast::wire::testing {

// One message of some type, kept between the steps of a test.
class GoldenMessage {
 public:
  virtual ~GoldenMessage() = default;
  virtual Api api() const = 0;
  virtual void reset() = 0;
  // Starts afresh. False: the bytes were refused, or some were left over.
  virtual bool decode(ByteView bytes, std::int16_t version) = 0;
  // Starts afresh.
  virtual void read(const boost::json::object& json, std::int16_t version) = 0;
  virtual std::vector<std::uint8_t> encode(std::int16_t version) const = 0;
  virtual std::string print(std::int16_t version) const = 0;
};

using GoldenTypes = std::map<std::string, std::unique_ptr<GoldenMessage>, std::less<>>;
GoldenTypes& golden_types();

template <class M>
class GoldenMessageOf : public GoldenMessage {
 public:
  Api api() const override { return M::api; }
  void reset() override { message_ = M{}; }
  bool decode(ByteView bytes, std::int16_t version) override {
    reset();
    Reader in(bytes);
    return wire::decode(message_, version, in) && in.remaining() == 0;
  }
  void read(const boost::json::object& json, std::int16_t version) override {
    reset();
    JsonReader(json, version).structure(message_);
  }
  std::vector<std::uint8_t> encode(std::int16_t version) const override {
    Writer out;
    wire::encode(message_, version, out);
    return out.ok() ? out.flatten() : std::vector<std::uint8_t>{};
  }
  std::string print(std::int16_t version) const override { return wire::print(message_, version); }

 private:
  M message_;
};

template <class M>
bool register_golden(const char* type) {
  return golden_types().emplace(type, std::make_unique<GoldenMessageOf<M>>()).second;
}

}  // namespace holdfast::wire::testing

#define HOLDFAST_GOLDEN_TYPE(M) \
  [[maybe_unused]] static const bool golden_##M = ::holdfast::wire::testing::register_golden<::holdfast::wire::M>(#M)
