// tests/golden/log_dir, a log directory that Kafka left behind, and what kafka-dump-log prints of it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "runtime/disk.h"

namespace holdfast::test {

// Every file below tests/golden/<folder>, by its path in there.
inline std::map<std::string, std::string> golden_files(const std::string& folder) {
  const std::filesystem::path root = std::filesystem::path(HOLDFAST_TEST_DATA) / "golden" / folder;
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    out[entry.path().lexically_relative(root)].assign(std::istreambuf_iterator<char>(in), {});
  }
  return out;
}

inline void put_file(Disk& disk, const std::string& path, std::string_view content) {
  if (const auto slash = path.rfind('/'); slash != path.npos)
    ASSERT_TRUE(disk.create_directories(path.substr(0, slash)));
  auto file = disk.open(path, {.write = true, .create = true, .truncate = true});
  ASSERT_TRUE(file) << path;
  ASSERT_TRUE((*file)->write_at(0, as_bytes(content)));
}

}  // namespace holdfast::test
