#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <map>

namespace holdfast::tidy {
namespace {

void add(Findings& findings, const Source& source, std::size_t line, const std::string& what) {
  findings.push_back(source.path + ":" + std::to_string(line) + ": " + what);
}

bool any_prefix(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view p) { return name.starts_with(p); });
}

// The one place that reads the process's surroundings: signals, arguments.
bool may_touch_the_world(const Source& source) {
  return source.room() == "runtime" || source.room() == "tests" || source.path == "broker/main.cpp";
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// Past the bracket that closes the one at `at`; the end of the code if none does.
std::size_t past_bracket(std::string_view code, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i < code.size(); ++i) {
    if (code[i] == '(' || code[i] == '[' || code[i] == '{') ++depth;
    if (code[i] == ')' || code[i] == ']' || code[i] == '}') --depth;
    if (depth == 0) return i + 1;
  }
  return code.size();
}

// A `[` that begins a lambda: a subscript, an attribute and a structured binding have something else before them.
bool begins_lambda(std::string_view code, std::size_t at) {
  if (at + 1 < code.size() && code[at + 1] == '[') return false;
  const std::string_view before = trimmed(code.substr(0, at));
  if (before.empty()) return true;
  const char last = before.back();
  if (last == ')' || last == ']' || last == '[' || last == '&') return false;
  if (!is_word(last)) return true;
  constexpr std::string_view keywords[] = {"return", "co_return", "co_yield", "co_await"};
  return std::any_of(std::begin(keywords), std::end(keywords), [&](std::string_view k) {
    return before.ends_with(k) && (before.size() == k.size() || !is_word(before[before.size() - k.size() - 1]));
  });
}

// What stands before `at` in its statement.
struct Before {
  std::string_view text;
  bool in_parentheses = false;
};
Before before_in_statement(std::string_view code, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i > 0; --i) {
    const char c = code[i - 1];
    if (c == ')' || c == ']') ++depth;
    if ((c == '(' || c == '[') && --depth < 0) return {code.substr(i, at - i), true};
    if (depth == 0 && (c == ';' || c == '{' || c == '}')) return {trimmed(code.substr(i, at - i)), false};
  }
  return {trimmed(code.substr(0, at)), false};
}

// "if (x) y = " -> "y = ": what controls a statement is not part of it.
std::string_view without_control(std::string_view text) {
  for (;;) {
    std::string_view rest = text;
    for (const std::string_view word : {"if", "else", "for", "while", "case", "default"}) {
      if (!rest.starts_with(word) || (rest.size() > word.size() && is_word(rest[word.size()]))) continue;
      rest = trimmed(rest.substr(word.size()));
      if (word == "case" || word == "default") {
        const std::size_t colon = rest.find(':');
        rest = colon == std::string_view::npos ? rest : trimmed(rest.substr(colon + 1));
      } else if (rest.starts_with('(')) {
        rest = trimmed(rest.substr(past_bracket(rest, 0)));
      }
      break;
    }
    if (rest.size() == text.size()) return text;
    text = rest;
  }
}

void check_await(const Source& source, std::size_t at, Findings& findings) {
  const std::string_view code = source.code;
  const std::size_t line = source.line_of(at);
  const Before before = before_in_statement(code, at);
  if (before.in_parentheses) return add(findings, source, line, "co_await inside parentheses");
  const std::string_view prefix = without_control(before.text);
  const bool assigns = prefix.ends_with('=') && !prefix.ends_with("==");
  if (!prefix.empty() && !assigns) return add(findings, source, line, "co_await does not stand alone");

  for (std::size_t i = at; i < code.size() && code[i] != ';'; ++i) {
    if (code[i] == '{') return add(findings, source, line, "a brace in the statement of a co_await");
    if (code[i] == '[' && begins_lambda(code, i))
      return add(findings, source, line, "a lambda in the statement of a co_await");
    if (i > at && code.substr(i).starts_with("co_await"))
      return add(findings, source, line, "two co_awaits in one statement");
  }
}

struct Lambda {
  std::size_t begin = 0, body = 0, end = 0;  // `[`, `{`, past `}`
  bool captures = false;
};

// All lambdas of a file, outer before inner.
std::vector<Lambda> lambdas_of(std::string_view code) {
  std::vector<Lambda> found;
  for (std::size_t at = code.find('['); at != std::string_view::npos; at = code.find('[', at + 1)) {
    if (!begins_lambda(code, at)) continue;
    Lambda lambda{.begin = at};
    std::size_t i = past_bracket(code, at);
    lambda.captures = !trimmed(code.substr(at + 1, i - at - 2)).empty();
    // Parameters, mutable, noexcept, a return type: anything but what would end the expression.
    while (i < code.size() && code[i] != '{' && code[i] != ';' && code[i] != ',' && code[i] != ')' && code[i] != ']')
      i = code[i] == '(' || code[i] == '[' ? past_bracket(code, i) : i + 1;
    if (i >= code.size() || code[i] != '{') continue;
    lambda.body = i;
    lambda.end = past_bracket(code, i);
    found.push_back(lambda);
  }
  return found;
}

}  // namespace

void check_arrows(const Source& source, Findings& findings) {
  static const std::map<std::string_view, std::vector<std::string_view>> may_include{
      {"runtime", {"runtime"}},
      {"wire", {"wire", "runtime"}},
      {"config", {"config", "runtime"}},
      {"log", {"log", "wire", "runtime"}},
      {"coordination", {"coordination", "log", "wire", "runtime"}},
      {"client", {"client", "wire", "runtime", "config"}},
      {"broker", {"broker", "client", "coordination", "log", "config", "wire", "runtime"}},
  };
  const auto allowed = may_include.find(source.room());
  if (allowed == may_include.end()) return;  // tests include whatever they test
  for (const Include& include : source.includes) {
    if (!include.quoted) continue;
    const std::string_view room = std::string_view(include.name).substr(0, include.name.find('/'));
    if (std::find(allowed->second.begin(), allowed->second.end(), room) == allowed->second.end())
      add(findings, source, include.line, "includes " + include.name);
  }
}

void check_world(const Source& source, Findings& findings) {
  for (const Include& include : source.includes) {
    const bool asio = include.name.starts_with("boost/asio");
    if (asio && source.room() == "runtime" && source.is_header() && source.path != "runtime/task.h")
      add(findings, source, include.line, "Asio in a header");
    if (may_touch_the_world(source)) continue;
    constexpr std::array standard{"thread",  "mutex",      "shared_mutex", "condition_variable",
                                  "future",  "stop_token", "semaphore",    "latch",
                                  "barrier", "fstream",    "filesystem",   "random"};
    const bool forbidden = asio || std::find(standard.begin(), standard.end(), include.name) != standard.end() ||
                           any_prefix(include.name, {"sys/", "netinet/", "netdb.h", "poll.h", "fcntl.h", "unistd.h",
                                                     "pthread.h", "linux/"});
    if (forbidden) add(findings, source, include.line, "includes <" + include.name + ">: only runtime/ may");
  }
  if (may_touch_the_world(source)) return;
  for (const std::string_view word :
       {"steady_clock", "system_clock", "high_resolution_clock", "clock_gettime", "gettimeofday", "random_device",
        "mt19937", "mt19937_64", "rand", "fopen", "this_thread", "getenv"}) {
    for (const std::size_t at : find_words(source.code, word))
      add(findings, source, source.line_of(at), std::string(word) + ": only through runtime/");
  }
}

void check_awaits(const Source& source, Findings& findings) {
  for (const std::size_t at : find_words(source.code, "co_await")) check_await(source, at, findings);
}

void check_coroutine_lambdas(const Source& source, Findings& findings) {
  const std::vector<Lambda> lambdas = lambdas_of(source.code);
  for (const std::string_view word : {"co_await", "co_return", "co_yield"}) {
    for (const std::size_t at : find_words(source.code, word)) {
      // The innermost one around it: the last that begins before and ends after.
      const Lambda* around = nullptr;
      for (const Lambda& lambda : lambdas) {
        if (lambda.body < at && at < lambda.end) around = &lambda;
      }
      if (around && around->captures)
        add(findings, source, source.line_of(at), std::string(word) + " in a lambda with captures");
    }
  }
}

void check_form(const Source& source, Findings& findings) {
  constexpr std::size_t lines_max = 700;
  if (source.lines() > lines_max)
    add(findings, source, source.lines(), "more than " + std::to_string(lines_max) + " lines: it wants a second noun");
  if (source.is_header()) {
    if (!source.text.starts_with("//")) add(findings, source, 1, "a header opens with what it is");
    if (source.text.find("\n#pragma once\n") == std::string::npos) add(findings, source, 1, "no #pragma once");
    for (const std::size_t at : find_words(source.code, "using")) {
      if (trimmed(std::string_view(source.code).substr(at + 5)).starts_with("namespace "))
        add(findings, source, source.line_of(at), "using namespace in a header");
    }
  }
  // Spelled apart, or this file would find itself.
  for (const std::string_view mark : {"TO"
                                      "DO",
                                      "FIX"
                                      "ME",
                                      "X"
                                      "XX"}) {
    for (const std::size_t at : find_words(source.text, mark))
      add(findings, source, source.line_of(at), "a leftover " + std::string(mark));
  }
}

}  // namespace holdfast::tidy
