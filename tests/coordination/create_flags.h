// The flags of a create, as a client sends them.
#pragma once

#include <cstdint>

namespace holdfast::zk {

inline constexpr std::int32_t ephemeral = 1, sequential = 2, ephemeral_sequential = 3;

}  // namespace holdfast::zk
