// Function: a move-only callable, for work that crosses threads or waits for an event.
#pragma once

#include <functional>

namespace holdfast {

template <class Signature>
using Function = std::move_only_function<Signature>;

}  // namespace holdfast
