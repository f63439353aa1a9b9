// Sessions at a shell, compared with what they said when somebody last read them: tests/client/golden/*.txt. A line
// that begins with "$ " is run by sh against a node of its own; what follows is its output (both streams), and
// "[exit N]" where it failed. HOLDFAST_UPDATE_GOLDEN=1 writes the files anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "broker/embedded_node.h"
#include "tests/client/cli_process.h"

namespace holdfast::test {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// What differs from run to run has a name instead.
std::string normalised(std::string text, const EmbeddedNode& node) {
  text = replaced(std::move(text), node.bootstrap_servers(), "KAFKA");
  text = replaced(std::move(text), node.zookeeper(), "ZOOKEEPER");
  text = replaced(std::move(text), node.directory(), "DIRECTORY");
  const std::string port = std::to_string(node.kafka_endpoint().port);
  text = std::regex_replace(text, std::regex("\\b" + port + "\\b"), "PORT");
  text = std::regex_replace(text, std::regex("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z"), "TIME");
  text = std::regex_replace(text, std::regex("\"timestamp\": ?\\d{13}"), "\"timestamp\":TIME");
  text = std::regex_replace(text, std::regex("\\b0x[0-9a-f]+\\b"), "ZXID");
  text = std::regex_replace(text, std::regex("(id\"?: )\"?[A-Za-z0-9_-]{22}\"?"), "$1ID");
  return text;
}

std::string transcript(const std::string& file, const EmbeddedNode& node) {
  Environment environment = clean_environment();
  environment["HOLDFAST_BOOTSTRAP_SERVER"] = node.bootstrap_servers();
  environment["HOLDFAST_ZOOKEEPER"] = node.zookeeper();
  std::istringstream lines(file);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#") && (out.empty() || out.ends_with("\n\n"))) out += line + "\n";
    if (!line.starts_with("$ ")) continue;
    if (!out.empty() && !out.ends_with("\n\n") && out.back() == '\n' && out.find("$ ") != std::string::npos)
      out += "\n";
    out += line + "\n";
    const CommandOutcome outcome = run_shell(line.substr(2), environment);
    out += normalised(outcome.output, node);
    if (!out.ends_with('\n')) out += '\n';
    if (outcome.code != 0) out += "[exit " + std::to_string(outcome.code) + "]\n";
  }
  return out;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class CliGolden : public testing::TestWithParam<std::string> {};

TEST_P(CliGolden, SaysWhatItSaid) {
  auto node = EmbeddedNode::start();
  ASSERT_TRUE(node) << node.error().message;
  const std::filesystem::path path =
      std::filesystem::path(HOLDFAST_TEST_DATA) / "client" / "golden" / (GetParam() + ".txt");
  const std::string expected = content_of(path);
  ASSERT_NE(expected.find("$ "), std::string::npos) << path;
  const std::string said = transcript(expected, **node);
  if (std::getenv("HOLDFAST_UPDATE_GOLDEN")) {
    std::ofstream(path) << said;
    return;
  }
  EXPECT_EQ(said, expected);
}

INSTANTIATE_TEST_SUITE_P(Files, CliGolden,
                         testing::Values("topics", "records", "groups", "brokers", "cluster", "mistakes", "settings",
                                         "zk"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace holdfast::test
