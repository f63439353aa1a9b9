// Task: the one name of a coroutine that waits (and the one header that includes Asio). Rules, checked by
// tests/tidy_test: co_await stands alone on its statement with named arguments; no capturing lambda is a coroutine;
// every spawned task holds its owner's Gate.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace holdfast {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace holdfast
