// Texts made from the setting tables. They are committed (config/samples/, docs/SETTINGS.md), and a test compares them.
#pragma once

#include <string>

namespace holdfast {

// Samples: every setting with a meaning here, commented out at its default.
std::string sample_server_properties();
std::string sample_zoo_cfg();
// docs/SETTINGS.md: all settings.
std::string settings_markdown();

}  // namespace holdfast
