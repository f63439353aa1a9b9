// ApiVersions (18). An unknown version is answered in version 0, with error 35 and this API's own range (KIP-511).
// Features are listed only for what exists here: none is finalized.
#include "wire/kafka/api_versions.h"

#include <algorithm>

#include "broker/api_table.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/support.h"

namespace holdfast::handlers {
namespace {

// KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool valid_software_name(std::string_view s) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !s.empty() && alphanumeric(s.front()) && alphanumeric(s.back()) &&
         std::ranges::all_of(s, [&](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

}  // namespace

void api_versions(RequestContext request) {
  wire::ApiVersionsResponse response;
  const ApiRow& own = *api_row(18);
  if (request.version() < own.first || request.version() > own.last) {
    response.error_code = code(wire::ErrorCode::unsupported_version);
    response.api_keys.push_back({.api_key = own.key, .min_version = own.first, .max_version = own.last});
    return request.respond_at(response, 0);
  }
  wire::ApiVersionsRequest message;
  if (!request.read(message)) return;
  if (request.version() >= 3 &&
      (!valid_software_name(message.client_software_name) || !valid_software_name(message.client_software_version))) {
    response.error_code = code(wire::ErrorCode::invalid_request);
    return request.respond(response);
  }
  for (const ApiRow& row : api_rows())
    response.api_keys.push_back({.api_key = row.key, .min_version = row.advertised_first, .max_version = row.last});
  request.respond(response);
}

}  // namespace holdfast::handlers
