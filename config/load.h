// Loading: properties files and --set into a Config. The syntax is java.util.Properties', for server.properties and
// zoo.cfg alike: comments from # or !, key and value parted by =, : or white space, lines continued by a backslash,
// escapes \t \n \r \f \uXXXX. ${...} stays as it is. Bytes are UTF-8. Safe on any bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "runtime/disk.h"
#include "runtime/result.h"

namespace holdfast {

struct Property {
  std::string key;
  std::string value;
  int line = 0;  // where it begins, from 1
};

// The only thing it refuses is a \u without four hexadecimal digits, as Java does.
Result<std::vector<Property>> parse_properties(std::string_view text);

struct ConfigSources {
  std::vector<std::string> files;  // the later file has the last word
  std::vector<std::string> sets;   // key=value, over all files
};

// One line for each key that is known but has no meaning here.
struct Notice {
  std::string text;
  bool warning = false;  // whoever gave it would expect a difference
};

Result<Config> load_config(Disk& disk, const ConfigSources& sources, std::vector<Notice>& notices);
// All that it would refuse, in the order of the sources; empty: nothing. Whether the values go together is looked at
// only where each of them may stand.
std::vector<Error> config_errors(Disk& disk, const ConfigSources& sources, std::vector<Notice>& notices);

}  // namespace holdfast
