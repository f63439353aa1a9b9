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

struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;  // user and system, since the start
};
ProcessUsage process_usage();

std::uint64_t open_files();      // of this process
std::uint64_t open_files_max();  // its limit

}  // namespace holdfast
