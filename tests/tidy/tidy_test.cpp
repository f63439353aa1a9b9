#include <gtest/gtest.h>

#include "tests/tidy/rules.h"

namespace holdfast::tidy {
namespace {

using Rule = void (*)(const Source&, Findings&);

const std::vector<Source>& sources() {
  static const std::vector<Source> all = all_sources(HOLDFAST_SOURCE_DIR);
  return all;
}

void expect_tidy(Rule rule) {
  ASSERT_GT(sources().size(), 100u);
  Findings findings;
  for (const Source& source : sources()) rule(source, findings);
  for (const std::string& finding : findings) ADD_FAILURE() << finding;
}

TEST(Tidy, IncludesFollowTheArrows) { expect_tidy(check_arrows); }
TEST(Tidy, OnlyRuntimeTouchesTheWorld) { expect_tidy(check_world); }
TEST(Tidy, AwaitsStandAlone) { expect_tidy(check_awaits); }
TEST(Tidy, NoCapturingLambdaIsACoroutine) { expect_tidy(check_coroutine_lambdas); }
TEST(Tidy, FilesHaveTheirForm) { expect_tidy(check_form); }

std::size_t findings_in(Rule rule, std::string path, std::string text) {
  Findings findings;
  rule(Source(std::move(path), std::move(text)), findings);
  return findings.size();
}

TEST(TidyRules, ArrowsPointDown) {
  const auto includes = [](std::string path, const std::string& name) {
    return findings_in(check_arrows, std::move(path), "#include \"" + name + "\"\n");
  };
  EXPECT_EQ(includes("log/a.cpp", "wire/reader.h"), 0u);
  EXPECT_EQ(includes("broker/a.cpp", "coordination/tree.h"), 0u);
  EXPECT_EQ(includes("tests/log/a.cpp", "broker/partition.h"), 0u);
  EXPECT_EQ(includes("wire/a.h", "log/log.h"), 1u);
  EXPECT_EQ(includes("client/a.cpp", "broker/partition.h"), 1u);
  EXPECT_EQ(includes("log/a.cpp", "config/settings.h"), 1u);
}

TEST(TidyRules, TheWorldIsRuntimes) {
  const auto count = [](std::string path, std::string text) {
    return findings_in(check_world, std::move(path), std::move(text));
  };
  EXPECT_EQ(count("log/a.cpp", "#include <thread>\n"), 1u);
  EXPECT_EQ(count("wire/a.cpp", "#include <sys/socket.h>\n"), 1u);
  EXPECT_EQ(count("runtime/a.cpp", "#include <thread>\n#include <boost/asio/post.hpp>\n"), 0u);
  EXPECT_EQ(count("runtime/a.h", "#include <boost/asio/post.hpp>\n"), 1u);
  EXPECT_EQ(count("broker/a.cpp", "auto now = std::chrono::steady_clock::now();\n"), 1u);
  EXPECT_EQ(count("broker/a.cpp", "// not steady_clock\nauto s = \"steady_clock\";\n"), 0u);
}

TEST(TidyRules, AwaitsThatStandAlone) {
  for (const char* text : {
           "{ co_await f(a, std::move(b)); }",
           "{ auto x = co_await f(a[0]); }",
           "{ x.y = co_await f(); }",
           "{ auto [a, b] = co_await f(); }",
           "{ for (;;) x = co_await f(); }",
           "{ if (a(b)) co_await f(); else co_await g(); }",
           "{ // if (co_await f())\n }",
       }) {
    EXPECT_EQ(findings_in(check_awaits, "log/a.cpp", text), 0u) << text;
  }
}

TEST(TidyRules, AwaitsThatDoNot) {
  for (const char* text : {
           "{ if (co_await f()) g(); }",
           "{ while (co_await f()) {} }",
           "{ co_return co_await f(); }",
           "{ g(co_await f()); }",
           "{ auto x = !co_await f(); }",
           "{ co_await f(Options{1}); }",
           "{ co_await f([](int a) { return a; }); }",
           "{ auto x = co_await f() + co_await g(); }",
       }) {
    EXPECT_GE(findings_in(check_awaits, "log/a.cpp", text), 1u) << text;
  }
}

TEST(TidyRules, CoroutinesThatAreLambdas) {
  const auto count = [](std::string text) {
    return findings_in(check_coroutine_lambdas, "log/a.cpp", std::move(text));
  };
  EXPECT_EQ(count("auto f = [](int a) -> Task<> { co_await g(a); };"), 0u);
  EXPECT_EQ(count("auto f = [this](int a) -> Task<> { co_await g(a); };"), 1u);
  EXPECT_EQ(count("auto f = [&] { return [](int a) -> Task<> { co_return; }; };"), 0u);
  EXPECT_EQ(count("auto f = [] { return [=]() -> Task<> { co_return; }; };"), 1u);
  EXPECT_EQ(count("Task<> f() { g([&] { h(); }); co_return; }"), 0u);
  EXPECT_EQ(count("[[nodiscard]] Task<> f() { a[i] = 1; co_return; }"), 0u);
}

TEST(TidyRules, Form) {
  const auto count = [](std::string path, std::string text) {
    return findings_in(check_form, std::move(path), std::move(text));
  };
  EXPECT_EQ(count("log/a.h", "// What it is.\n#pragma once\n"), 0u);
  EXPECT_EQ(count("log/a.h", "#pragma once\n"), 2u);
  EXPECT_EQ(count("log/a.h", "// What it is.\n#pragma once\nusing namespace std;\n"), 1u);
  EXPECT_EQ(count("log/a.cpp", std::string(701, '\n')), 1u);
  EXPECT_EQ(count("log/a.cpp", std::string("// TO") + "DO: more\n"), 1u);
}

}  // namespace
}  // namespace holdfast::tidy
