// How long a recipe waits before it tries again what its servers could not do.
#pragma once

#include "runtime/clock.h"

namespace holdfast::client {

inline constexpr Duration retry_pause = std::chrono::milliseconds(200);

}  // namespace holdfast::client
