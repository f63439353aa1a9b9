// One declaration per message, in the order of the wire:
//
//   struct HeartbeatRequest {
//     static constexpr Api api{.key = 12, .versions = {0, 4}, .flexible = 4};
//     std::string group_id;
//     std::int32_t generation_id = 0;
//     std::optional<std::string> group_instance_id;
//     static void fields(auto& m, auto& v) {
//       v("groupId", m.group_id);
//       v("generationId", m.generation_id);
//       v("groupInstanceId", m.group_instance_id, since(3));
//     }
//   };
//
// Encoding, decoding, printing and the tests' builders are visitors over it (codec.h). This header is all that message
// headers need: it is light, and no visitor is instantiated through it.
//
// Field types: bool, std::int8_t..std::int64_t, std::uint16_t, std::uint32_t, double, std::string, std::vector<uint8_t>
// (bytes), Uuid, Records, a struct with fields(), std::vector of any of these, std::optional of any of these
// (nullable). Names are those of Kafka's JSON form. Defaults are member initialisers: a field absent in a version keeps
// its own. A tagged field is declared in place, in ascending order of tags after the plain fields of its struct,
//   v.tagged(0, "currentLeader", m.current_leader, since(10));
//   v.tagged(1, "replicaId", m.replica_id, since(15), -1);        // the default, where it is not T{}
// and is left out when it equals its default (structs that are tagged therefore have operator==).
//
// Structs used in one message only are nested in it, but not those held as std::optional: whether a nested struct with
// member initialisers can be constructed is not known until its message is complete, and std::optional asks before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/random.h"

namespace holdfast::wire {

inline constexpr std::int16_t version_max = 32767;

// In which versions a field is on the wire, and from which one it may be null.
struct When {
  std::int16_t first = 0;
  std::int16_t last = version_max;
  std::int16_t nullable_first = 0;  // has a meaning for std::optional fields only
  bool compact = true;              // false: keeps the non-compact form in flexible versions (client ids)

  constexpr bool holds(std::int16_t version) const { return version >= first && version <= last; }
  constexpr When nullable(std::int16_t from) const {
    When w = *this;
    return w.nullable_first = from, w;
  }
  constexpr When never_compact() const {
    When w = *this;
    return w.compact = false, w;
  }
};
constexpr When always() { return {}; }
constexpr When since(std::int16_t first) { return {.first = first}; }
constexpr When until(std::int16_t last) { return {.last = last}; }
constexpr When only(std::int16_t first, std::int16_t last) { return {.first = first, .last = last}; }

struct VersionRange {
  std::int16_t first = 0;
  std::int16_t last = -1;  // last < first: none
  constexpr bool holds(std::int16_t v) const { return v >= first && v <= last; }
};

// `flexible`: the first version with compact lengths and tagged fields; version_max: none. The key of a coordinator
// record (__consumer_offsets and its like) is its record type, which stands before the record's key; other data has -1.
struct Api {
  std::int16_t key = -1;
  VersionRange versions;
  std::int16_t flexible = version_max;
};

// A nullable run of record bytes. Decoded: a view into the request's buffer, which must be kept. To encode: either a
// view (copied) or a chain (spliced, not copied).
struct Records {
  bool null = true;
  ByteView view;
  BufferChain chain;

  Records() = default;
  explicit Records(ByteView v) : null(false), view(v) {}
  explicit Records(BufferChain c) : null(false), chain(std::move(c)) {}
  std::size_t size() const { return view.size() + chain.size(); }
};

// What the visitors ask about a field's type.
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_structure =
    !(std::is_arithmetic_v<T> || std::is_same_v<T, std::string> || std::is_same_v<T, Uuid> ||
      std::is_same_v<T, Records> || is_optional<T> || is_vector<T>);
template <class T>
inline constexpr bool is_optional_structure = false;
template <class T>
inline constexpr bool is_optional_structure<std::optional<T>> = is_structure<T>;

}  // namespace holdfast::wire
