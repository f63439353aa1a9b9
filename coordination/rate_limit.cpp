#include "coordination/rate_limit.h"

#include <algorithm>
#include <charconv>

#include "coordination/path.h"
#include "coordination/quota.h"

namespace holdfast::zk {

Rates Rates::parse(std::string_view text) {
  Rates out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t equals = part.find('=');
    if (equals == part.npos) continue;
    std::int64_t value = 0;
    const char* end = part.data() + part.size();
    const auto parsed = std::from_chars(part.data() + equals + 1, end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value < 0) continue;
    if (part.substr(0, equals) == "requests") out.requests = value;
    if (part.substr(0, equals) == "bytes") out.bytes = value;
  }
  return out;
}

Duration RateLimit::until_positive(double level, std::int64_t rate) {
  if (rate <= 0 || level > 0) return Duration(0);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>((1 - level) / static_cast<double>(rate)));
}

Duration RateLimit::wait(SteadyTime now) {
  if (!rates_.any()) return Duration(0);
  const double seconds = at_ == SteadyTime{} ? 1 : std::chrono::duration<double>(now - at_).count();
  at_ = now;
  const auto fill = [&](double& level, std::int64_t rate) {
    level = std::min(static_cast<double>(rate), level + seconds * static_cast<double>(rate));
  };
  fill(requests_, rates_.requests);
  fill(bytes_, rates_.bytes);
  return std::max(until_positive(requests_, rates_.requests), until_positive(bytes_, rates_.bytes));
}

void RateLimit::charge(std::size_t bytes) {
  requests_ -= 1;
  bytes_ -= static_cast<double>(bytes);
}

void SubtreeRates::refresh(const Tree& tree) {
  std::map<std::string, RateLimit, std::less<>> found;
  const Znode* top = tree.find(quota_root);
  for (auto* node = const_cast<Znode*>(top); node; node = Tree::next_in_walk(node, top)) {
    if (node->name() != rates_name) continue;
    const Rates rates = Rates::parse(as_text(node->data.view()));
    const std::string path = node->path();
    if (const std::string_view limited = quota_path_of(path, rates_name); !limited.empty() && rates.any()) {
      const auto known = limits_.find(limited);
      const bool same = known != limits_.end() && known->second.rates() == rates;
      found.emplace(limited, same ? known->second : RateLimit(rates));
    }
  }
  limits_ = std::move(found);
}

RateLimit* SubtreeRates::covering(std::string_view path) {
  while (!path.empty()) {
    if (const auto found = limits_.find(path); found != limits_.end()) return &found->second;
    if (path == "/") break;
    const std::size_t slash = path.rfind('/');
    if (slash == path.npos) break;
    path = slash == 0 ? std::string_view("/") : path.substr(0, slash);
  }
  return nullptr;
}

}  // namespace holdfast::zk
