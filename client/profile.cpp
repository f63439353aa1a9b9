#include "client/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/load.h"

namespace holdfast::client {
namespace {

constexpr std::size_t file_bytes_max = 1 << 20;
constexpr std::size_t name_length_max = 64;

bool is_word(std::string_view name) {
  if (name.empty() || name.size() > name_length_max || name == "current") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// A value as parse_properties() reads it back.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || (out.empty() && c == ' ')) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::span<const std::string_view> profile_settings() {
  static constexpr std::array<std::string_view, 4> settings{"bootstrap-server", "zookeeper", "output", "timeout"};
  return settings;
}

bool is_profile_name(std::string_view name) { return is_word(name) && name != "none"; }

std::string profiles_path(const Console& console) {
  if (auto path = console.environment("HOLDFAST_PROFILES"); path && !path->empty()) return *path;
  if (auto base = console.environment("XDG_CONFIG_HOME"); base && !base->empty()) return *base + "/holdfast/profiles";
  if (auto home = console.environment("HOME"); home && !home->empty()) return *home + "/.config/holdfast/profiles";
  return {};
}

Result<Profiles> load_profiles(Disk& disk, const std::string& path) {
  Profiles profiles;
  if (path.empty()) return profiles;
  auto content = disk.read_file(path, file_bytes_max);
  if (!content) {
    if (content.error().kind == ErrorKind::not_found) return profiles;
    return fail(content);
  }
  auto properties = parse_properties(std::string_view(reinterpret_cast<const char*>(content->data()), content->size()));
  if (!properties) return fail(properties.error().kind, fmt::format("{}: {}", path, properties.error().message));
  for (const Property& property : *properties) {
    if (property.key == "current") {
      profiles.current = property.value;
      profiles.none_chosen = property.value.empty();
      continue;
    }
    const std::size_t dot = property.key.find('.');
    const std::string name = property.key.substr(0, dot);
    const std::string setting = dot == std::string::npos ? "" : property.key.substr(dot + 1);
    const auto known = profile_settings();
    // `none` was once a name: what has it can be read, so that `profile remove` can end it.
    if (!is_word(name) || std::find(known.begin(), known.end(), setting) == known.end())
      return fail(ErrorKind::invalid_input, fmt::format("{}:{}: {} is no setting of a profile: NAME.{}", path,
                                                        property.line, property.key, fmt::join(known, ", NAME.")));
    profiles.all[name][setting] = property.value;
  }
  return profiles;
}

Result<void> save_profiles(Disk& disk, const std::string& path, const Profiles& profiles) {
  if (path.empty()) return fail(ErrorKind::not_found, "neither HOLDFAST_PROFILES nor XDG_CONFIG_HOME nor HOME is set");
  std::string text = "# Clusters that the holdfast command knows by name; see `holdfast profile --help`.\n";
  if (!profiles.current.empty() || profiles.none_chosen) text += fmt::format("current={}\n", profiles.current);
  for (const auto& [name, profile] : profiles.all) {
    for (const auto& [setting, value] : profile) text += fmt::format("{}.{}={}\n", name, setting, escaped(value));
  }
  if (const std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    auto made = disk.create_directories(path.substr(0, slash));
    if (!made) return fail(made);
  }
  return disk.write_atomically(path, ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace holdfast::client
