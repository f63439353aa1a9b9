// holdfast doctor: whether this machine is one that a node can live on. Each finding with its remedy.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "client/cli.h"
#include "client/cli_families.h"
#include "config/load.h"
#include "runtime/system_info.h"

namespace holdfast::client {
namespace {

struct DoctorArguments {
  std::vector<std::string> files, sets;
  std::string data;
};

enum class Level : std::uint8_t { good, warning, bad };

struct Finding {
  std::string check;
  Level level = Level::good;
  std::string found, remedy;
};

using Findings = std::vector<Finding>;

std::string_view name_of(Level level) {
  return level == Level::good ? "ok" : level == Level::warning ? "warning" : "bad";
}
Tone tone_of(Level level) {
  return level == Level::good ? Tone::good : level == Level::warning ? Tone::warning : Tone::bad;
}

// A file of /proc or /sys, whose size the kernel does not tell; empty where there is none.
std::string kernel_file(Disk& disk, const std::string& path) {
  auto file = disk.open(path, {});
  if (!file) return {};
  std::array<std::uint8_t, 4096> buffer;
  auto got = (*file)->read_at(0, buffer);
  if (!got) return {};
  std::string text(reinterpret_cast<const char*>(buffer.data()), *got);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

void check_open_files(Findings& findings) {
  constexpr std::uint64_t enough = 65'536;
  const std::uint64_t limit = open_files_max();
  findings.push_back({"open files",
                      limit >= enough ? Level::good
                      : limit >= 4096 ? Level::warning
                                      : Level::bad,
                      fmt::format("at most {}", limit),
                      "each log segment and connection takes one: `ulimit -n 1048576`, or LimitNOFILE=1048576 in the "
                      "unit of systemd"});
}

void check_kernel(Disk& disk, Findings& findings) {
  const std::string pages = kernel_file(disk, "/sys/kernel/mm/transparent_hugepage/enabled");
  if (!pages.empty()) {
    const bool always = pages.contains("[always]");
    findings.push_back({"transparent huge pages", always ? Level::warning : Level::good, pages,
                        "they cost memory and pauses: `echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`"});
  }
  const std::string swappiness = kernel_file(disk, "/proc/sys/vm/swappiness");
  const std::string memory = kernel_file(disk, "/proc/meminfo");
  const bool swaps = memory.contains("SwapTotal:") && !memory.contains("SwapTotal:             0 kB");
  if (!swappiness.empty()) {
    const int value = std::atoi(swappiness.c_str());
    findings.push_back({"swappiness", swaps && value > 10 ? Level::warning : Level::good,
                        fmt::format("{}{}", value, swaps ? "" : ", and there is no swap"),
                        "a node that is swapped out misses its sessions: `sysctl -w vm.swappiness=1`"});
  }
  const std::string backlog = kernel_file(disk, "/proc/sys/net/core/somaxconn");
  if (!backlog.empty()) {
    const int value = std::atoi(backlog.c_str());
    findings.push_back({"listen backlog", value >= 1024 ? Level::good : Level::warning, fmt::format("{}", value),
                        "many clients at once are turned away: `sysctl -w net.core.somaxconn=4096`"});
  }
}

void check_clock(Session& session, Findings& findings) {
  const std::string source =
      kernel_file(session.disk(), "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  constexpr int readings = 2000;
  const SteadyTime begin = session.clock().now();
  for (int i = 0; i < readings; ++i) (void)session.clock().now();
  const double each_ns = static_cast<double>((session.clock().now() - begin).count()) / readings;
  findings.push_back({"clock", each_ns < 500 ? Level::good : Level::warning,
                      fmt::format("{}, {:.0f} ns a reading", source.empty() ? "of unknown source" : source, each_ns),
                      "every request reads it: choose tsc or kvm-clock in "
                      "/sys/devices/system/clocksource/clocksource0/current_clocksource"});
  constexpr std::int64_t year_2024_ms = 1'704'067'200'000;
  if (session.clock().wall_ms() < year_2024_ms)
    findings.push_back({"wall clock", Level::bad, time_value(session.clock().wall_ms()).text(),
                        "records are stamped and retained by it: set it, and run chrony or another NTP client"});
}

// The directory itself, or the nearest one above it that exists.
std::string existing_part(Disk& disk, std::string path) {
  for (;;) {
    if (path.empty()) return ".";
    if (auto there = disk.exists(path); there && *there) return path;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    path.resize(slash == 0 && path.size() > 1 ? 1 : slash);
  }
}

Result<std::vector<double>> measure_syncs(Session& session, const std::string& path) {
  constexpr int syncs = 64;
  auto file = session.disk().open(path, {.write = true, .create = true, .truncate = true});
  if (!file) return fail(file);
  const std::vector<std::uint8_t> block(disk_block_bytes, 0x5a);
  auto prepared = (*file)->allocate(0, disk_block_bytes * syncs);
  if (!prepared) return fail(prepared);
  std::vector<double> took_ms;
  for (std::uint64_t i = 0; i < syncs; ++i) {
    const SteadyTime begin = session.clock().now();
    auto written = (*file)->write_durable(i * disk_block_bytes, block);
    if (!written) return fail(written);
    took_ms.push_back(static_cast<double>((session.clock().now() - begin).count()) / 1e6);
    // A slow disk has been recognised before that many.
    if (took_ms.back() > 500) break;
  }
  std::sort(took_ms.begin(), took_ms.end());
  return took_ms;
}

void check_directory(Session& session, const std::string& directory, Findings& findings) {
  Disk& disk = session.disk();
  const std::string where = existing_part(disk, directory);
  const std::string path = where + "/.holdfast-doctor";
  const auto took_ms = measure_syncs(session, path);
  bool direct = false;
  if (auto file = disk.open(path, {.write = true, .direct = true})) direct = (*file)->direct();
  (void)disk.remove(path);
  if (!took_ms) {
    findings.push_back({"disk", Level::bad, fmt::format("{}: {}", where, took_ms.error().message),
                        "the node must be able to write there: see the owner and mode of the directory, or choose "
                        "another with --data"});
    return;
  }
  const double median = (*took_ms)[took_ms->size() / 2], worst = took_ms->back();
  findings.push_back({"disk sync",
                      median < 5    ? Level::good
                      : median < 25 ? Level::warning
                                    : Level::bad,
                      fmt::format("{}: {:.2f} ms, at worst {:.1f} ms", where, median, worst),
                      "every acknowledged write waits for one: use an SSD that is nobody else's, with power-loss "
                      "protection"});
  findings.push_back({"direct I/O", direct ? Level::good : Level::warning,
                      fmt::format("{}: {}", where, direct ? "works" : "refused by the file system"),
                      "writes then go through the page cache, at several times the CPU: use ext4 or XFS"});
  if (auto space = disk.space(where); space && space->total_bytes > 0) {
    const double free = 100.0 * static_cast<double>(space->available_bytes) / static_cast<double>(space->total_bytes);
    findings.push_back({"disk space",
                        free >= 15  ? Level::good
                        : free >= 5 ? Level::warning
                                    : Level::bad,
                        fmt::format("{}: {} free of {}", where, bytes_value(space->available_bytes).text(),
                                    bytes_value(space->total_bytes).text()),
                        "a full disk refuses appends: lower retention.ms or retention.bytes, or add a log directory"});
  }
}

struct Port {
  std::string key;
  Endpoint at;
};

std::vector<Port> ports_of(const Config& config) {
  std::vector<Port> ports;
  for (const std::string& listener : config.list("listeners")) {
    const std::size_t host = listener.find("://");
    const std::size_t colon = listener.rfind(':');
    if (host == std::string::npos || colon <= host) continue;
    const int port = std::atoi(listener.c_str() + colon + 1);
    if (port > 0 && port < 65536)
      ports.push_back({"listeners", {listener.substr(host + 3, colon - host - 3), static_cast<std::uint16_t>(port)}});
  }
  const auto add = [&](const char* key, const std::string& host, std::int64_t port) {
    if (port > 0 && port < 65536) ports.push_back({key, {host, static_cast<std::uint16_t>(port)}});
  };
  const std::string address = config.text("clientPortAddress");
  add("clientPort", address.empty() ? "127.0.0.1" : address, config.integer("clientPort"));
  add("admin.serverPort", "127.0.0.1", config.integer("admin.serverPort"));
  return ports;
}

void check_ports(Session& session, const Config& config, Findings& findings) {
  for (const Port& port : ports_of(config)) {
    auto listener = session.network().listen(session.shard(), port.at, 1, false);
    if (listener) (*listener)->close();
    findings.push_back({"port " + std::to_string(port.at.port), listener ? Level::good : Level::warning,
                        listener ? fmt::format("{} is free ({})", to_string(port.at), port.key)
                                 : fmt::format("{}: {}", port.key, listener.error().message),
                        fmt::format("if that is not a node that runs already, set {} to another port", port.key)});
  }
}

std::vector<std::string> directories(const Config& config, const DoctorArguments& arguments) {
  if (!arguments.data.empty()) return {arguments.data};
  for (const char* key : {"log.dirs", "log.dir", "dataDir"}) {
    if (config.is_set(key)) return config.list(key).empty() ? std::vector{config.text(key)} : config.list(key);
  }
  return {"./holdfast-data"};
}

Task<Exit> examine(Session& session, const DoctorArguments& arguments) {
  Findings findings;
  std::vector<Notice> notices;
  auto config = load_config(session.disk(), {arguments.files, arguments.sets}, notices);
  findings.push_back({"config",
                      !config           ? Level::bad
                      : notices.empty() ? Level::good
                                        : Level::warning,
                      !config                   ? config.error().message
                      : notices.size() == 1     ? "1 setting has no meaning here"
                      : !notices.empty()        ? fmt::format("{} settings have no meaning here", notices.size())
                      : arguments.files.empty() ? "defaults"
                                                : "a node would start with it",
                      "`holdfast config check FILE` names them, `holdfast config explain KEY` says what they mean"});
  const Config settings = config ? std::move(*config) : Config::defaults();
  check_open_files(findings);
  check_kernel(session.disk(), findings);
  check_clock(session, findings);
  for (const std::string& directory : directories(settings, arguments)) check_directory(session, directory, findings);
  check_ports(session, settings, findings);

  Level worst = Level::good;
  Table table{{{"status"}, {"check"}, {"found"}, {"remedy"}}, {}};
  for (const Finding& finding : findings) {
    worst = std::max(worst, finding.level);
    const bool good = finding.level == Level::good;
    if (session.out().is_text()) {
      session.out().line(fmt::format("{}{:<{}}{:<24}{}",
                                     session.out().toned(name_of(finding.level), tone_of(finding.level)), "",
                                     9 - name_of(finding.level).size(), finding.check, printable(finding.found)));
      if (!good) session.out().line(fmt::format("{:<9}{}", "", finding.remedy));
    }
    table.rows.push_back(
        {name_of(finding.level), finding.check, finding.found, good ? Value() : Value(finding.remedy)});
  }
  if (!session.out().is_text()) session.out().table(table);
  co_return worst == Level::bad ? Exit::failed : Exit::ok;
}

}  // namespace

void add_doctor_verbs(Cli& cli) {
  auto arguments = std::make_shared<DoctorArguments>();
  cli.verb("doctor", "look at this machine: limits, disks, clock, ports, configuration; each finding with its remedy")
      .option("--config", arguments->files, "the node's properties files", "FILE")
      .option("--set", arguments->sets, "key=value, over every file (may be repeated)", "KEY=VALUE")
      .option("--data", arguments->data, "the data directory to measure", "DIRECTORY")
      .more(
          "Nothing is changed; a small file is written to the data directory, synced 64 times and removed. The exit "
          "code is 1 if something is bad.")
      .example("holdfast doctor --config /etc/holdfast/server.properties")
      .runs([arguments](Session& session) { return examine(session, *arguments); });
}

}  // namespace holdfast::client
