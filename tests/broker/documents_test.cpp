// The generated pages in docs/ say what the code does. HOLDFAST_UPDATE=1 writes them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "broker/api_table.h"
#include "coordination/zk_requests.h"

namespace holdfast {
namespace {

void expect_current(const std::string& name, const std::string& text) {
  const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/docs/" + name;
  if (std::getenv("HOLDFAST_UPDATE")) std::ofstream(path) << text;
  std::stringstream there;
  there << std::ifstream(path).rdbuf();
  EXPECT_EQ(there.str(), text) << name << " is out of date: run broker_test with HOLDFAST_UPDATE=1";
}

TEST(Documents, ApisAreCurrent) { expect_current("APIS.md", api_table_markdown()); }

}  // namespace
}  // namespace holdfast
