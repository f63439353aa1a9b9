// Profiles: named clusters, in ~/.config/holdfast/profiles. The file is Java properties: `current=prod`, where
// nothing behind it is none on purpose, `prod.bootstrap-server=host:9092`. Written whole, atomically.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "runtime/console.h"
#include "runtime/disk.h"
#include "runtime/result.h"

namespace holdfast::client {

using Profile = std::map<std::string, std::string, std::less<>>;  // by the name of a profile_settings()

struct Profiles {
  std::string current;       // empty: none
  bool none_chosen = false;  // none on purpose: no other takes its place by itself
  std::map<std::string, Profile, std::less<>> all;
};

// What a profile may say: "bootstrap-server", "zookeeper", "output", "timeout".
std::span<const std::string_view> profile_settings();
// Letters, digits, - and _, at most 64; neither `current` nor `none`, which have a meaning of their own.
bool is_profile_name(std::string_view name);

// $HOLDFAST_PROFILES, or below $XDG_CONFIG_HOME or $HOME; empty when none of them is there.
std::string profiles_path(const Console& console);
// A file that is not there holds no profiles.
Result<Profiles> load_profiles(Disk& disk, const std::string& path);
Result<void> save_profiles(Disk& disk, const std::string& path, const Profiles& profiles);

}  // namespace holdfast::client
