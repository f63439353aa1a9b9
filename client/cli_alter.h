// What `topic alter` and `broker config` share: whether the settings they are to change exist and count for something,
// and what a change would make of the values there are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/admin_types.h"
#include "client/cli_common.h"
#include "client/cli_session.h"
#include "config/setting.h"

namespace holdfast::client {

// What becomes of one setting. Nothing: it has no value, or nobody tells. A default in another unit, as retention.ms
// may have it from log.retention.hours, is not told.
struct Difference {
  std::string key;
  std::optional<std::string> before, after;
  bool removed = false;
};
// `now`: as described, with synonyms. `own`: the source of what the resource has set itself, so that what is removed
// goes back to what comes next.
std::vector<Difference> differences_of(const std::vector<ConfigEntry>& now, ConfigSource own,
                                       const std::vector<ConfigChange>& changes);

// A sentence and, below it, key: old -> new of each.
void report_differences(Session& session, Report& report, std::string sentence, Object fields,
                        const std::vector<Difference>& differences);

// Brokers take settings that nobody knows, for the sake of their plugins, and take back from topics what those cannot
// have; a person has mistyped them. `described`: what the resource itself is said to have. The first that neither knows
// is told: not_found.
Exit check_settings(Session& session, SettingGroup group, const std::vector<ConfigChange>& changes,
                    const std::vector<ConfigEntry>& described);
// Says which of them are accepted and change nothing.
void note_without_effect(Session& session, SettingGroup group, const std::vector<ConfigChange>& changes);

}  // namespace holdfast::client
