// What most sources read first, compiled once for each library (HOLDFAST_PCH). No source may depend on it: builds
// without it, and clang-tidy, see the includes as they are written.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/task.h"
