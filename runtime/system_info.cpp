#include "runtime/system_info.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace holdfast {

SystemInfo system_info() {
  utsname names{};
  if (::uname(&names) != 0) return {"localhost", "unknown", "unknown", "unknown"};
  return {names.nodename, names.sysname, names.release, names.machine};
}

ProcessUsage process_usage() {
  ProcessUsage out;
  const auto close = [](std::FILE* f) { std::fclose(f); };
  if (const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen("/proc/self/statm", "re"), close); file) {
    unsigned long total = 0, resident = 0;
    if (std::fscanf(file.get(), "%lu %lu", &total, &resident) == 2)
      out.resident_bytes = std::uint64_t{resident} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    out.cpu_seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                      static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  return out;
}

std::uint64_t open_files() {
  const auto close = [](DIR* d) { ::closedir(d); };
  const std::unique_ptr<DIR, decltype(close)> directory(::opendir("/proc/self/fd"), close);
  if (!directory) return 0;
  std::uint64_t entries = 0;
  while (const dirent* entry = ::readdir(directory.get())) entries += entry->d_name[0] != '.';
  return entries - (entries > 0);  // the directory itself is open, too
}

std::uint64_t open_files_max() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace holdfast
