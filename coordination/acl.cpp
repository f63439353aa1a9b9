#include "coordination/acl.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "coordination/hash.h"
#include "runtime/result.h"

namespace holdfast::zk {
namespace {

const AclList& open_list() {
  static const AclList list{Acl{perms::all, Id{"world", "anyone"}}};
  return list;
}

bool is_anyone(const Id& id) { return id.scheme == "world" && id.id == "anyone"; }

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  Address address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address.size = 4, address;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address.size = 16, address;
  return std::nullopt;
}

struct Network {
  Address address;
  std::size_t bits = 0;
};

std::optional<Network> parse_network(std::string_view pattern) {
  const std::size_t slash = pattern.find('/');
  const auto address = parse_address(pattern.substr(0, slash));
  if (!address) return std::nullopt;
  Network network{*address, address->size * 8};
  if (slash != std::string_view::npos) {
    const std::string_view text = pattern.substr(slash + 1);
    std::size_t bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size() || bits > network.bits) return std::nullopt;
    network.bits = bits;
  }
  return network;
}

// "user:hash": what Java's split(":") makes two parts of.
bool digest_id_is_valid(std::string_view id) {
  const std::size_t colon = id.find(':');
  return colon != std::string_view::npos && colon + 1 < id.size() && id.find(':', colon + 1) == std::string_view::npos;
}

bool matches(const Id& wanted, const Id& id) {
  if (wanted.scheme != id.scheme) return false;
  return wanted.scheme == "ip" ? ip_matches(id.id, wanted.id) : wanted.id == id.id;
}

// Identities that `auth` expands to: an address is no proof of who somebody is, and super needs no entry.
bool is_authenticated(const Id& id) { return id.scheme == "digest" || id.scheme == "sasl" || id.scheme == "x509"; }

}  // namespace

bool is_super(std::span<const Id> ids) {
  return std::ranges::any_of(ids, [](const Id& id) { return id.scheme == "super"; });
}

bool permits(const AclList& acl, std::int32_t wanted, std::span<const Id> ids) {
  if (acl.empty()) return true;
  for (const Acl& entry : acl) {
    if ((entry.perms & wanted) == 0) continue;
    if (is_anyone(entry.id)) return true;
    if (std::ranges::any_of(ids, [&](const Id& id) { return matches(entry.id, id); })) return true;
  }
  return is_super(ids);
}

std::expected<AclList, ZkError> fix_up(const AclOptions& options, std::span<const Acl> acl, std::span<const Id> ids) {
  AclList fixed;
  for (std::size_t i = 0; i < acl.size(); ++i) {
    const Acl& entry = acl[i];
    if (std::find(acl.begin(), acl.begin() + static_cast<std::ptrdiff_t>(i), entry) !=
        acl.begin() + static_cast<std::ptrdiff_t>(i)) {
      continue;
    }
    if (entry.id.scheme == "auth") {
      const std::size_t before = fixed.size();
      for (const Id& id : ids) {
        if (is_authenticated(id)) fixed.push_back(Acl{entry.perms, id});
      }
      if (fixed.size() == before) return std::unexpected(ZkError::invalid_acl);
      continue;
    }
    const bool valid = is_anyone(entry.id) ||
                       (entry.id.scheme == "digest" && options.digest_enabled && digest_id_is_valid(entry.id.id)) ||
                       (entry.id.scheme == "ip" && ip_pattern_is_valid(entry.id.id));
    if (!valid) return std::unexpected(ZkError::invalid_acl);
    fixed.push_back(entry);
  }
  if (fixed.empty()) return std::unexpected(ZkError::invalid_acl);
  return fixed;
}

AclList masked(const AclList& acl) {
  AclList out = acl;
  for (Acl& entry : out) {
    if (entry.id.scheme != "digest") continue;
    if (const std::size_t colon = entry.id.id.find(':'); colon != std::string::npos) {
      entry.id.id.resize(colon);
      entry.id.id += ":x";
    }
  }
  return out;
}

std::string digest_of(std::string_view user_and_password, std::string_view algorithm) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash;
  unsigned size = 0;
  const EVP_MD* method = EVP_get_digestbyname(std::string(algorithm).c_str());
  HOLDFAST_CHECK(method);
  HOLDFAST_CHECK(EVP_Digest(user_and_password.data(), user_and_password.size(), hash.data(), &size, method, nullptr));
  std::array<std::uint8_t, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> text;
  const int length = EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(size));
  std::string out(user_and_password.substr(0, user_and_password.find(':')));
  out += ':';
  return out.append(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length));
}

std::expected<std::vector<Id>, ZkError> authenticate(const AclOptions& options, std::string_view scheme,
                                                     std::string_view credentials, std::string_view peer_address) {
  std::vector<Id> gained;
  if (scheme == "ip") {
    gained.push_back(Id{"ip", std::string(peer_address)});
  } else if (scheme == "digest" && options.digest_enabled) {
    std::string digest = digest_of(credentials, options.digest_algorithm);
    if (!options.super_digest.empty() && digest == options.super_digest) gained.push_back(Id{"super", ""});
    gained.push_back(Id{"digest", std::move(digest)});
  } else {
    return std::unexpected(ZkError::auth_failed);
  }
  return gained;
}

void add_identities(std::vector<Id>& ids, std::vector<Id> gained) {
  for (Id& id : gained) {
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
  }
}

bool ip_pattern_is_valid(std::string_view pattern) { return parse_network(pattern).has_value(); }

bool ip_matches(std::string_view address, std::string_view pattern) {
  const auto network = parse_network(pattern);
  const auto peer = parse_address(address);
  if (!network || !peer || peer->size != network->address.size) return false;
  for (std::size_t bit = 0; bit < network->bits; bit += 8) {
    const std::size_t bits = std::min<std::size_t>(8, network->bits - bit);
    const unsigned mask = 0xff00u >> bits & 0xffu;
    if (((peer->bytes[bit / 8] ^ network->address.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

std::uint64_t digest_of_acl(const AclList& acl) {
  std::uint64_t digest = acl.size();
  for (const Acl& entry : acl) {
    digest = hash64(as_bytes(entry.id.scheme), digest + static_cast<std::uint32_t>(entry.perms));
    digest = hash64(as_bytes(entry.id.id), digest);
  }
  return digest;
}

std::size_t AclTable::ListHash::operator()(const AclListRef& list) const { return digest_of_acl(*list); }

AclTable::AclTable() {
  const AclId first = retain(open_list());
  HOLDFAST_CHECK(first == open);  // never released: everybody uses it
}

AclId AclTable::retain(const AclList& list) {
  if (!entries_.empty() && (list.empty() || (list.size() == 1 && list == open_list()))) {
    ++entries_[0].references;
    return open;
  }
  auto key = std::make_shared<const AclList>(list);
  if (const auto known = ids_.find(key); known != ids_.end()) {
    ++entries_[known->second].references;
    return AclId{known->second};
  }
  std::uint32_t id;
  if (free_.empty()) {
    id = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = Entry{key, 1};
  ids_.emplace(std::move(key), id);
  return AclId{id};
}

void AclTable::retain(AclId id) { ++entries_[id.value].references; }

void AclTable::release(AclId id) {
  Entry& entry = entries_[id.value];
  HOLDFAST_CHECK(entry.references > 0);
  if (--entry.references > 0) return;
  ids_.erase(entry.list);
  entry.list.reset();
  free_.push_back(id.value);
}

}  // namespace holdfast::zk
