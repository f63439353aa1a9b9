// What the golden vectors cannot show: messages of our own making that no version can carry, and hostile bytes.
#include "wire/codec.h"

#include <gtest/gtest.h>

#include "wire/kafka/fetch.h"
#include "wire/kafka/groups.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/produce.h"

namespace holdfast::wire {

struct Point {
  std::int32_t x = -1;
  std::int32_t y = -1;
  bool operator==(const Point&) const = default;
  static void fields(auto& m, auto& v) {
    v("x", m.x);
    v("y", m.y);
  }
};

// One of each kind: 0 and 1 are plain, 2 and 3 flexible.
struct Sample {
  static constexpr Api api{.versions = {0, 3}, .flexible = 2};
  std::string name;
  std::optional<std::string> note;
  std::vector<std::int16_t> numbers;
  std::optional<Point> point;
  std::optional<std::vector<std::uint8_t>> blob;
  Records records;
  std::int64_t size = 7;
  std::string label;
  Point corner;
  static void fields(auto& m, auto& v) {
    v("name", m.name);
    v("note", m.note, always().nullable(1));
    v("numbers", m.numbers);
    v("point", m.point, since(1));
    v("blob", m.blob);
    v("records", m.records, since(3));
    v.tagged(0, "size", m.size, since(2), 7);
    v.tagged(1, "label", m.label, since(2));
    v.tagged(5, "corner", m.corner, since(3));
  }
};
HOLDFAST_KAFKA_MESSAGE(Sample);

namespace {

using Raw = std::vector<std::uint8_t>;

template <class M>
Raw encoded(const M& message, std::int16_t version) {
  Writer out;
  encode(message, version, out);
  EXPECT_TRUE(out.ok()) << out.error();
  return out.flatten();
}

template <class M = Sample>
std::string refusal(const Raw& bytes, std::int16_t version) {
  M message;
  Reader in{ByteView(bytes)};
  return decode(message, version, in) ? "" : in.error();
}

TEST(Codec, PlainVersionsHaveFixedLengths) {
  Sample m;
  m.name = "ab";
  m.note = "c";
  m.numbers = {1, -1};
  EXPECT_EQ(encoded(m, 0), (Raw{0, 2, 'a', 'b', 0, 1, 'c', 0, 0, 0, 2, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
}

TEST(Codec, FlexibleVersionsHaveCompactLengthsAndTags) {
  Sample m;
  m.name = "ab";
  m.numbers = {1};
  m.point = Point{2, 3};
  EXPECT_EQ(encoded(m, 2), (Raw{3, 'a', 'b', 0, 2, 0, 1, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}));
}

TEST(Codec, TaggedFieldsAreLeftOutAtTheirDefault) {
  Sample m;
  const Raw without = encoded(m, 2);
  EXPECT_EQ(without.back(), 0);
  m.size = 8;
  m.label = "x";
  Raw with = without;
  with.pop_back();
  with.insert(with.end(), {2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8, 1, 2, 2, 'x'});
  EXPECT_EQ(encoded(m, 2), with);
}

TEST(Codec, LongTaggedFieldsHaveLongSizes) {
  Sample m;
  m.label = std::string(20'000, 'l');
  m.corner = Point{1, 2};
  const Raw bytes = encoded(m, 3);
  Sample back;
  Reader in{ByteView(bytes)};
  ASSERT_TRUE(decode(back, 3, in)) << in.error();
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_EQ(back.label, m.label);
  EXPECT_EQ(back.corner, m.corner);
}

TEST(Codec, FieldsOfOtherVersionsKeepTheirDefaults) {
  Sample m;
  m.note = "";
  m.size = 9;
  m.point = Point{};
  Sample back;
  const Raw bytes = encoded(m, 0);
  Reader in{ByteView(bytes)};
  ASSERT_TRUE(decode(back, 0, in));
  EXPECT_EQ(back.size, 7);
  EXPECT_FALSE(back.point);
}

TEST(Codec, NullWhereTheVersionHasNoneIsOurError) {
  Writer out;
  encode(Sample{}, 0, out);
  EXPECT_FALSE(out.ok());
}

TEST(Codec, AStringThatNoVersionCanCarryIsOurError) {
  Sample m;
  m.name = std::string(32'768, 'n');
  for (const std::int16_t version : {std::int16_t{1}, std::int16_t{2}}) {
    Writer out;
    encode(m, version, out);
    EXPECT_FALSE(out.ok());
  }
}

TEST(Codec, SplicedRecordsAreCountedAndNotCopied) {
  const Bytes piece = Bytes::copy(std::string_view("record batch"));
  Sample m;
  m.records = Records(BufferChain(piece));
  Writer out;
  encode(m, 3, out);
  const BufferChain chain = out.take();
  const auto spliced = std::ranges::find_if(chain.pieces(), [&](const Bytes& b) { return b.data() == piece.data(); });
  ASSERT_NE(spliced, chain.pieces().end());

  const Raw bytes = chain.flatten();
  Sample back;
  Reader in{ByteView(bytes)};
  ASSERT_TRUE(decode(back, 3, in));
  EXPECT_EQ(as_text(back.records.view), "record batch");
  EXPECT_GE(back.records.view.data(), bytes.data());  // a view into the input
  EXPECT_LT(back.records.view.data(), bytes.data() + bytes.size());
}

TEST(Codec, UnknownTagsAreSkipped) {
  Raw bytes = encoded(Sample{}, 2);
  bytes.pop_back();
  bytes.insert(bytes.end(), {2, 1, 2, 2, 'x', 100, 3, 9, 9, 9});
  Sample back;
  Reader in{ByteView(bytes)};
  ASSERT_TRUE(decode(back, 2, in)) << in.error();
  EXPECT_EQ(back.label, "x");
}

TEST(Codec, ATagOfALaterVersionIsUnknown) {
  Raw bytes = encoded(Sample{}, 2);
  bytes.pop_back();
  bytes.insert(bytes.end(), {1, 5, 1, 0});  // corner, from 3 on, with content that would not do
  EXPECT_EQ(refusal(bytes, 2), "");
}

TEST(Codec, TagsThatLieAboutTheirSizeAreRefused) {
  const Raw plain = encoded(Sample{}, 2);
  const auto with_tags = [&](Raw tags) {
    Raw bytes(plain.begin(), plain.end() - 1);
    bytes.insert(bytes.end(), tags.begin(), tags.end());
    return refusal(bytes, 2);
  };
  EXPECT_EQ(with_tags({1, 1, 2, 2, 'x'}), "");
  EXPECT_NE(with_tags({1, 1, 3, 2, 'x', 0}), "");                    // longer than the content
  EXPECT_NE(with_tags({1, 1, 2, 3, 'x', 'y'}), "");                  // shorter
  EXPECT_NE(with_tags({1, 1, 9, 2, 'x'}), "");                       // beyond the input
  EXPECT_NE(with_tags({1, 100, 0xff, 0xff, 0xff, 0xff, 0x0f}), "");  // an unknown one beyond the input
  EXPECT_NE(with_tags({0xff, 0xff, 0xff, 0xff, 0x0f}), "");          // four billion of them
}

TEST(Codec, NullWhereNothingMayBeNullIsRefused) {
  EXPECT_NE(refusal({0xff, 0xff}, 1), "");                                      // name
  EXPECT_NE(refusal({0}, 2), "");                                               // name, compact
  EXPECT_NE(refusal({0, 0, 0xff, 0xff}, 0), "");                                // note, nullable from 1
  EXPECT_NE(refusal({0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1), "");  // numbers
}

TEST(Codec, LengthsBeyondTheInputAreRefused) {
  EXPECT_NE(refusal({0x7f, 0xff, 'a'}, 0), "");
  EXPECT_NE(refusal({0xff, 0xff, 0xff, 0xff, 0x0f, 'a'}, 2), "");         // four billion characters
  EXPECT_NE(refusal({0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2}, 0), "");  // two billion numbers
  EXPECT_NE(refusal({1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2}, 2), "");  // and compact
}

TEST(Codec, ALongStringIsRefusedThoughItsBytesAreThere) {
  Raw bytes = {0x81, 0x80, 0x02};  // 32768 + 1
  bytes.resize(bytes.size() + 40'000, 'a');
  EXPECT_EQ(refusal(bytes, 2), "string is longer than 32767 bytes");
}

// A claim is not believed before its elements arrive: 400,000 topics would take 22 MB.
TEST(Codec, ArraysGrowAsElementsArrive) {
  Raw bytes(500'000);
  Writer head;
  head.i32(400'000);
  head.i16(-1);  // the first topic's name, which cannot be null
  const Raw start = head.flatten();
  std::ranges::copy(start, bytes.begin());
  MetadataRequest message;
  Reader in{ByteView(bytes)};
  EXPECT_FALSE(decode(message, 1, in));
  ASSERT_TRUE(message.topics);
  EXPECT_LE(message.topics->capacity(), 1024u);
}

TEST(Codec, PrintsAsOneLineOfJson) {
  Sample m;
  m.name = "quo\"te\n";
  m.numbers = {1, -2};
  m.point = Point{2, 3};
  m.blob = Raw{0xfb, 0xff};
  m.size = 8;
  EXPECT_EQ(print(m, 3),
            R"({"name":"quo\"te\n","note":null,"numbers":[1,-2],"point":{"x":2,"y":3},"blob":"+/8=","records":null,)"
            R"("size":8})");
  EXPECT_EQ(print(m, 0), R"({"name":"quo\"te\n","note":null,"numbers":[1,-2],"blob":"+/8="})");
}

}  // namespace
}  // namespace holdfast::wire
