#include "runtime/system_info.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <memory>

namespace holdfast {

SystemInfo system_info() {
  utsname names{};
  if (::uname(&names) != 0) return {"localhost", "unknown", "unknown", "unknown"};
  return {names.nodename, names.sysname, names.release, names.machine};
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
