// What changes of settings would make of the values there are.
#include "client/cli_alter.h"

#include <gtest/gtest.h>

namespace holdfast::client {
namespace {

ConfigEntry entry(std::string name, std::string value, ConfigSource source, std::vector<ConfigSynonym> synonyms = {}) {
  ConfigEntry out;
  out.name = std::move(name);
  out.value = std::move(value);
  out.source = source;
  out.synonyms = std::move(synonyms);
  return out;
}

Difference difference(const ConfigEntry& now, ConfigOperation operation, std::optional<std::string> value = {}) {
  return differences_of({now}, ConfigSource::topic, {{now.name, operation, std::move(value)}}).at(0);
}

TEST(CliAlter, ValuesAreReplacedAndRemoved) {
  const auto retention = [](std::string synonym) {
    return entry("retention.ms", "3", ConfigSource::topic,
                 {{"retention.ms", "3", ConfigSource::topic}, {std::move(synonym), "5", ConfigSource::static_broker}});
  };
  const ConfigEntry own = retention("log.retention.ms");
  EXPECT_EQ(difference(own, ConfigOperation::set, "4").before, "3");
  EXPECT_EQ(difference(own, ConfigOperation::set, "4").after, "4");
  EXPECT_EQ(difference(own, ConfigOperation::remove).after, "5");
  EXPECT_EQ(difference(retention("log.retention.hours"), ConfigOperation::remove).after, std::nullopt) << "hours";
  const ConfigEntry untold = entry("a", "3", ConfigSource::topic, {{"a", "3", ConfigSource::topic}});
  EXPECT_EQ(difference(untold, ConfigOperation::remove).after, std::nullopt);
  EXPECT_TRUE(difference(untold, ConfigOperation::remove).removed);
  const ConfigEntry inherited = entry("a", "5", ConfigSource::static_broker);
  EXPECT_EQ(difference(inherited, ConfigOperation::remove).after, "5") << "there is nothing to remove";
  const auto unknown = differences_of({}, ConfigSource::topic, {{"b", ConfigOperation::set, "1"}});
  EXPECT_EQ(unknown.at(0).before, std::nullopt);
  EXPECT_EQ(unknown.at(0).after, "1");
}

TEST(CliAlter, ListsGrowAndShrink) {
  const ConfigEntry list = entry("a", "x,y", ConfigSource::topic);
  EXPECT_EQ(difference(list, ConfigOperation::append, "y,z").after, "x,y,z");
  EXPECT_EQ(difference(list, ConfigOperation::subtract, "x,q").after, "y");
}

TEST(CliAlter, SecretsStayHidden) {
  ConfigEntry secret = entry("password", "", ConfigSource::topic);
  secret.value.reset();
  secret.sensitive = true;
  const Difference hidden = difference(secret, ConfigOperation::set, "swordfish");
  EXPECT_EQ(hidden.before, "(hidden)");
  EXPECT_EQ(hidden.after, "(hidden)");
}

}  // namespace
}  // namespace holdfast::client
