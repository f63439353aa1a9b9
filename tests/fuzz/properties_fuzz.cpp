// A server.properties or zoo.cfg, from text to typed settings.
#include "config/load.h"
#include "config/settings.h"
#include "tests/fuzz/fuzz.h"

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto properties = parse_properties(as_text({data, size}));
  if (!properties) return 0;
  Config config;
  for (const Property& property : *properties) {
    HOLDFAST_CHECK(property.line > 0);
    if (!config.set(property.key, property.value, "fuzz")) return 0;
  }
  (void)config.check();
  return 0;
}
