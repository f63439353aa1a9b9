// The house rules that a reviewer would forget to look for. Each gives its findings as "file:line: what is wrong".
#pragma once

#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace holdfast::tidy {

using Findings = std::vector<std::string>;

// runtime <- wire, config <- log <- coordination <- broker; client beside the servers. Nothing includes upward.
void check_arrows(const Source& source, Findings& findings);

// Time, threads, files, sockets and chance come only through runtime/; Asio only in its .cpp files and task.h. Tests
// may.
void check_world(const Source& source, Findings& findings);

// co_await stands alone: `co_await f(x);`, `auto y = co_await f(x);` or `y = co_await f(x);`, never in a condition,
// never with a brace or a lambda in its statement. (What GCC 12 miscompiles otherwise, and easier to read.)
void check_awaits(const Source& source, Findings& findings);

// No capturing lambda is a coroutine: its captures may be gone before it resumes (C++ Core Guidelines CP.51).
void check_coroutine_lambdas(const Source& source, Findings& findings);

// #pragma once, a comment on top of each header, no file too long, no leftover marks.
void check_form(const Source& source, Findings& findings);

}  // namespace holdfast::tidy
