// What a server tells of the machine and the process it runs in. Any thread; cheap, but system calls.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast {

struct SystemInfo {
  std::string host_name;
  std::string os_name, os_version, architecture;
};
SystemInfo system_info();

std::uint64_t open_files();      // of this process
std::uint64_t open_files_max();  // its limit

}  // namespace holdfast
