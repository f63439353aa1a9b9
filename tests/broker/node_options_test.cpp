#include "broker/node_options.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

EnsembleOptions options_with(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  Config config = Config::defaults();
  for (const auto& [key, value] : values) EXPECT_TRUE(config.set(key, value, "zoo.cfg")) << key;
  return ensemble_options(config, EnsembleSetup{}, "/data", 1);
}

TEST(NodeOptions, WhoMayDoWhatIsAsTheFileSays) {
  const EnsembleOptions defaults = options_with({});
  EXPECT_TRUE(defaults.acl.digest_enabled);
  EXPECT_EQ(defaults.acl.digest_algorithm, "SHA1");
  EXPECT_EQ(defaults.acl.super_digest, "");
  EXPECT_FALSE(defaults.acl.skip_acl);
  EXPECT_EQ(defaults.max_connections, 0);

  const EnsembleOptions given = options_with({{"DigestAuthenticationProvider.enabled", "false"},
                                              {"zookeeper.DigestAuthenticationProvider.digestAlg", "sha3-256"},
                                              {"DigestAuthenticationProvider.superDigest", "super:x"},
                                              {"skipACL", "yes"},
                                              {"maxCnxns", "7"}});
  EXPECT_FALSE(given.acl.digest_enabled);
  EXPECT_EQ(given.acl.digest_algorithm, "sha3-256");
  EXPECT_EQ(given.acl.super_digest, "super:x");
  EXPECT_TRUE(given.acl.skip_acl);
  EXPECT_EQ(given.max_connections, 7);
}

// A name that the library does not know would end the server at the first client that authenticates.
TEST(NodeOptions, EveryDigestAlgorithmOfTheTableCanBeUsed) {
  const Setting* setting = find_node_setting("DigestAuthenticationProvider.digestAlg");
  ASSERT_NE(setting, nullptr);
  ASSERT_FALSE(setting->limits.one_of.empty());
  for (const std::string_view algorithm : setting->limits.one_of)
    EXPECT_GT(zk::digest_of("me:secret", algorithm).size(), 3u) << algorithm;
  EXPECT_FALSE(Config::defaults().set("DigestAuthenticationProvider.digestAlg", "ROT13", "zoo.cfg"));
}

}  // namespace
}  // namespace holdfast
