// Bytes that Kafka 4.4.0 (and 3.9.2, for what 4.x dropped) wrote, beside what they mean: every API key, every version.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <random>
#include <set>

#include "tests/wire/golden.h"
#include "wire/kafka/headers.h"

namespace holdfast::wire::testing {
namespace {

using boost::json::object;

// A case that names the same bytes twice is left out of the data, so this is all there is.
constexpr std::size_t vectors_expected = 4129;
constexpr std::size_t failures_shown_max = 20;

std::vector<std::string> lines_of(const std::filesystem::path& gz) {
  std::vector<std::string> lines;
  const gzFile file = gzopen(gz.c_str(), "rb");
  if (!file) throw std::runtime_error("cannot open " + gz.string());
  std::string line;
  char buffer[16384];
  while (gzgets(file, buffer, sizeof(buffer))) {
    line += buffer;
    if (!line.ends_with('\n')) continue;
    lines.push_back(std::move(line));
    line.clear();
  }
  gzclose(file);
  return lines;
}

std::vector<std::uint8_t> from_hex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

std::vector<std::uint8_t> hex_field(const object& line, std::string_view name) {
  return from_hex(std::string_view(line.at(name).as_string()));
}

// A line of the data that has the bytes of one message and their meaning.
struct Vector {
  object line;
  std::string file;
  std::string type;
  std::int16_t version = 0;
  std::string name;
  std::vector<std::uint8_t> bytes;

  std::string text() const { return file + ": " + type + " version " + std::to_string(version) + ", " + name; }
};

std::vector<object> read_all(bool (*wanted)(const object&), std::vector<std::string>* files = nullptr) {
  const std::filesystem::path root = std::filesystem::path(HOLDFAST_TEST_DATA) / "golden/kafka";
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".gz") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<object> out;
  for (const auto& path : paths) {
    for (const std::string& line : lines_of(path)) {
      object parsed = boost::json::parse(line).as_object();
      if (!wanted(parsed)) continue;
      out.push_back(std::move(parsed));
      if (files) files->push_back(std::filesystem::relative(path, root));
    }
  }
  return out;
}

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = [] {
    std::vector<std::string> files;
    std::vector<Vector> out;
    for (object& line : read_all([](const object& o) { return o.contains("type") && o.contains("json"); }, &files)) {
      Vector v;
      v.file = files[out.size()];
      v.type = line.at("type").as_string();
      v.version = line.at("version").to_number<std::int16_t>();
      v.name = line.at("case").as_string();
      v.bytes = hex_field(line, "hex");
      v.line = std::move(line);
      out.push_back(std::move(v));
    }
    return out;
  }();
  return all;
}

// Runs a check over every vector; it says what is wrong, or nothing. Stops when the picture is clear.
template <class Check>
void for_each_vector(Check check) {
  std::size_t failures = 0;
  for (const Vector& v : vectors()) {
    const auto found = golden_types().find(v.type);
    std::string wrong = "nobody declares this type";
    try {
      if (found != golden_types().end()) wrong = check(*found->second, v);
    } catch (const std::exception& e) {
      wrong = e.what();
    }
    if (wrong.empty()) continue;
    ADD_FAILURE() << v.text() << ": " << wrong;
    if (++failures == failures_shown_max) FAIL() << "further failures are not shown";
  }
}

TEST(KafkaGolden, CoversEveryVector) {
  std::cout << "Kafka golden vectors: " << vectors().size() << " of " << golden_types().size() << " types\n";
  EXPECT_EQ(vectors().size(), vectors_expected);
  // Nothing is declared that the data does not prove, down to the version.
  std::map<std::string, std::set<std::int16_t>, std::less<>> proven;
  for (const Vector& v : vectors()) proven[v.type].insert(v.version);
  for (const auto& [type, message] : golden_types()) {
    const VersionRange declared = message->api().versions;
    for (std::int16_t version = declared.first; version <= declared.last; ++version) {
      EXPECT_TRUE(proven[type].contains(version)) << type << " version " << version;
    }
  }
}

TEST(KafkaGolden, DeclarationsStateKeyVersionsAndFlexibility) {
  for_each_vector([](GoldenMessage& message, const Vector& v) -> std::string {
    const Api api = message.api();
    if (!api.versions.holds(v.version)) return "version is not declared";
    if ((v.version >= api.flexible) != v.line.at("flexible").as_bool()) return "wrong about being flexible";
    std::int16_t key = -1;
    if (const auto* k = v.line.if_contains("apiKey")) key = k->to_number<std::int16_t>();
    if (const auto* k = v.line.if_contains("recordType")) key = k->to_number<std::int16_t>();
    return api.key == key ? "" : "wrong key";
  });
}

TEST(KafkaGolden, DecodesToTheStatedValuesAndBack) {
  for_each_vector([](GoldenMessage& message, const Vector& v) -> std::string {
    if (!message.decode(v.bytes, v.version)) return "refused";
    const std::string printed = message.print(v.version);
    if (boost::json::parse(printed) != v.line.at("json")) return "reads as " + printed;
    // Unknown tags are skipped, not kept: such bytes cannot come out again.
    if (v.name == "unknown_tags") return "";
    return message.encode(v.version) == v.bytes ? "" : "encodes differently";
  });
}

TEST(KafkaGolden, EncodesFromTheValuesAlone) {
  for_each_vector([](GoldenMessage& message, const Vector& v) -> std::string {
    if (v.name == "unknown_tags") return "";
    message.read(v.line.at("json").as_object(), v.version);
    return message.encode(v.version) == v.bytes ? "" : "encodes differently";
  });
}

TEST(KafkaGolden, FreshMessagesHaveKafkasDefaults) {
  for_each_vector([](GoldenMessage& message, const Vector& v) -> std::string {
    if (v.name != "defaults") return "";
    message.reset();
    return message.encode(v.version) == v.bytes ? "" : "has other defaults: " + message.print(v.version);
  });
}

// Coordinator records: keys stand behind their record type, values behind their version.
TEST(KafkaGolden, RecordKeysAndValuesAreStoredBehindTypeAndVersion) {
  for_each_vector([](GoldenMessage& message, const Vector& v) -> std::string {
    if (!v.line.contains("recordType") || !message.decode(v.bytes, v.version)) return "";
    const std::int16_t prefix = v.type.ends_with("Key") ? message.api().key : v.version;
    std::vector<std::uint8_t> stored = {static_cast<std::uint8_t>(prefix >> 8), static_cast<std::uint8_t>(prefix)};
    const std::vector<std::uint8_t> body = message.encode(v.version);
    stored.insert(stored.end(), body.begin(), body.end());
    return v.name == "unknown_tags" || stored == hex_field(v.line, "stored") ? "" : "is stored differently";
  });
}

TEST(KafkaGolden, EveryProperPrefixIsRefused) {
  for_each_vector([](GoldenMessage& message, const Vector& v) -> std::string {
    // Long vectors repeat themselves: their ends are cut everywhere, their middle here and there.
    constexpr std::size_t dense = 256;
    for (std::size_t size = 0; size < v.bytes.size(); ++size) {
      if (size > dense && size + dense < v.bytes.size() && size % 61 != 0) continue;
      // A copy of exactly that size, so that the sanitizer sees a read beyond it.
      const std::vector<std::uint8_t> prefix(v.bytes.begin(), v.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      if (message.decode(prefix, v.version)) return "accepted with " + std::to_string(size) + " bytes";
    }
    return "";
  });
}

// Damaged bytes may decode to something else, but they never do more than that.
TEST(KafkaGolden, DamagedBytesAreSurvived) {
  std::mt19937 random(20261121);
  for_each_vector([&](GoldenMessage& message, const Vector& v) -> std::string {
    for (int round = 0; round < 8 && !v.bytes.empty(); ++round) {
      std::vector<std::uint8_t> bytes = v.bytes;
      for (int hits = 0; hits < 2; ++hits) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      if (message.decode(bytes, v.version)) (void)message.print(v.version);
    }
    return "";
  });
}

// Size, header, body with default values, as they follow each other on a connection.
TEST(KafkaGolden, FramesCarryTheRightHeaderVersion) {
  const auto frames = read_all([](const object& o) { return o.contains("headerVersion"); });
  EXPECT_EQ(frames.size(), 738u);
  for (const object& line : frames) {
    const std::string type(line.at("type").as_string());
    const auto version = line.at("version").to_number<std::int16_t>();
    SCOPED_TRACE(type + " version " + std::to_string(version));
    ASSERT_TRUE(golden_types().contains(type));
    GoldenMessage& body = *golden_types().find(type)->second;
    const auto header_version = line.at("headerVersion").to_number<std::int16_t>();

    Writer out;
    out.i32(0);
    if (type.ends_with("Request")) {
      RequestHeader header{.request_api_key = body.api().key,
                           .request_api_version = version,
                           .correlation_id = line.at("correlationId").to_number<std::int32_t>(),
                           .client_id = std::nullopt};
      if (!line.at("clientId").is_null()) header.client_id = std::string(line.at("clientId").as_string());
      ASSERT_EQ(request_header_version(body.api(), version), header_version);
      encode(header, header_version, out);
    } else {
      ASSERT_EQ(response_header_version(body.api(), version), header_version);
      encode(ResponseHeader{line.at("correlationId").to_number<std::int32_t>()}, header_version, out);
    }
    EXPECT_EQ(hex_field(line, "headerHex"), std::vector<std::uint8_t>(out.written(4).begin(), out.written(4).end()));
    body.reset();
    out.raw(ByteView(body.encode(version)));
    out.patch_i32(0, static_cast<std::int32_t>(out.size()) - 4);
    EXPECT_EQ(hex_field(line, "hex"), out.flatten());
  }
}

}  // namespace
}  // namespace holdfast::wire::testing
