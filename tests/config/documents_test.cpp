#include "config/documents.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "config/load.h"

namespace holdfast {
namespace {

// With HOLDFAST_UPDATE=1 in the environment the files are written instead of compared.
void expect_committed(const std::string& file, const std::string& made) {
  const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/" + file;
  if (std::getenv("HOLDFAST_UPDATE") != nullptr) std::ofstream(path, std::ios::binary) << made;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream committed;
  committed << in.rdbuf();
  EXPECT_TRUE(committed.str() == made) << file << " is not what the tables say: run config_test with HOLDFAST_UPDATE=1";
}

TEST(Documents, CommittedFilesAreUpToDate) {
  expect_committed("config/samples/server.properties", sample_server_properties());
  expect_committed("config/samples/zoo.cfg", sample_zoo_cfg());
  expect_committed("docs/SETTINGS.md", settings_markdown());
}

// Uncommenting every line of a sample changes nothing: each shows the default.
TEST(Documents, SamplesHoldTheDefaults) {
  for (const std::string& sample : {sample_server_properties(), sample_zoo_cfg()}) {
    EXPECT_TRUE(parse_properties(sample)->empty());
    std::istringstream lines(sample);
    int settings = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.size() < 2 || line[0] != '#' || line[1] == ' ' || line[1] == '#') continue;
      auto property = parse_properties(line.substr(1));
      ASSERT_TRUE(property && property->size() == 1) << line;
      const std::string& key = property->front().key;
      if (key.ends_with(".N")) continue;
      const Setting* setting = find_node_setting(key);
      ASSERT_NE(setting, nullptr) << line;
      EXPECT_EQ(property->front().value, setting->default_value.value_or("")) << line;
      ++settings;
    }
    EXPECT_GT(settings, 15);
  }
}

}  // namespace
}  // namespace holdfast
