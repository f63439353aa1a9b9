// THE list of what the broker serves: a row per API key. ApiVersions, the compatibility page and the dispatcher read
// it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "broker/request_context.h"

namespace holdfast {

using Handler = void (*)(RequestContext request);

struct ApiRow {
  std::int16_t key;
  const char* name;
  std::int16_t first, last;       // versions served
  std::int16_t advertised_first;  // Produce is advertised from 0 (KAFKA-18659): librdkafka would not compress otherwise
  std::int16_t flexible;          // first version with request header 2
  Handler handler;
};

std::span<const ApiRow> api_rows();
const ApiRow* api_row(std::int16_t key);  // null: not served
std::string api_table_markdown();         // docs/APIS.md

}  // namespace holdfast
