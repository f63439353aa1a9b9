#include "tests/wire/golden.h"

#include <openssl/evp.h>

namespace holdfast::wire::testing {

GoldenTypes& golden_types() {
  static GoldenTypes types;
  return types;
}

std::vector<std::uint8_t> from_base64_text(std::string_view text) {
  std::vector<std::uint8_t> out(text.size() / 4 * 3);
  const int size = EVP_DecodeBlock(out.data(), as_bytes(text).data(), static_cast<int>(text.size()));
  if (size < 0 || text.size() % 4 != 0) throw std::invalid_argument("not base64");
  out.resize(static_cast<std::size_t>(size));
  for (std::size_t i = text.size(); i > 0 && text[i - 1] == '='; --i) out.pop_back();
  return out;
}

}  // namespace holdfast::wire::testing
