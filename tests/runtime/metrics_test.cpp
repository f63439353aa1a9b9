#include "runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(Histogram, BucketsPartitionTheValues) {
  std::uint64_t previous = 0;
  for (int i = 0; i < Histogram::bucket_count; ++i) {
    const std::uint64_t upper = Histogram::upper_bound(i);
    EXPECT_EQ(Histogram::bucket_of(upper), i);
    if (i > 0) {
      EXPECT_GT(upper, previous);
      EXPECT_EQ(Histogram::bucket_of(previous + 1), i);
    }
    previous = upper;
  }
  EXPECT_EQ(previous, std::numeric_limits<std::uint64_t>::max());
}

TEST(Histogram, BucketsAreAQuarterOfTheirValueWideAtMost) {
  for (int i = 5; i < Histogram::bucket_count - 1; ++i) {
    const std::uint64_t lower = Histogram::upper_bound(i - 1) + 1;
    EXPECT_LE(Histogram::upper_bound(i) - lower + 1, lower / 4) << i;
  }
}

TEST(Histogram, AnswersQuantiles) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0u);
  for (std::uint64_t i = 1; i <= 1000; ++i) histogram.record(i);
  EXPECT_EQ(histogram.count(), 1000u);
  EXPECT_EQ(histogram.sum(), 500'500u);
  EXPECT_EQ(histogram.max(), 1000u);
  EXPECT_GE(histogram.quantile(0.5), 500u);
  EXPECT_LE(histogram.quantile(0.5), 625u);
  EXPECT_EQ(histogram.quantile(1), 1000u);
  EXPECT_EQ(histogram.quantile(0), 1u);
}

TEST(Metrics, WritesFamiliesWithHelpTypeAndSeries) {
  Metrics metrics;
  metrics.counter("requests_total", "Requests served", {{"api", "Fetch"}}).add(3);
  metrics.counter("requests_total", "Requests served", {{"api", "Produce"}}).add();
  metrics.gauge("partitions", "Partitions led").set(-2);
  EXPECT_EQ(metrics.prometheus_text(),
            "# HELP partitions Partitions led\n"
            "# TYPE partitions gauge\n"
            "partitions -2\n"
            "# HELP requests_total Requests served\n"
            "# TYPE requests_total counter\n"
            "requests_total{api=\"Fetch\"} 3\n"
            "requests_total{api=\"Produce\"} 1\n");
}

TEST(Metrics, GivesTheSameSeriesForTheSameLabels) {
  Metrics metrics;
  EXPECT_EQ(&metrics.counter("a", "", {{"x", "1"}}), &metrics.counter("a", "", {{"x", "1"}}));
  EXPECT_NE(&metrics.counter("a", "", {{"x", "1"}}), &metrics.counter("a", "", {{"x", "2"}}));
}

TEST(Metrics, EscapesLabelsAndHelp) {
  Metrics metrics;
  metrics.gauge("g", "line\nand \\", {{"topic", "a\"b\\c\nd"}}).set(1);
  const std::string text = metrics.prometheus_text();
  EXPECT_THAT(text, HasSubstr("# HELP g line\\nand \\\\\n"));
  EXPECT_THAT(text, HasSubstr("g{topic=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Metrics, HistogramsAreCumulativeInSeconds) {
  Metrics metrics;
  Histogram& histogram = metrics.histogram("fsync_seconds", "Time of a sync", {{"dir", "/d"}});
  histogram.record(500);             // below the first bound
  histogram.record(1'500);           // between 1.023 and 2.047 us
  histogram.record(3'000'000'000);   // 3 s
  histogram.record(60'000'000'000);  // past the last bound
  const std::string text = metrics.prometheus_text();
  EXPECT_THAT(text, HasSubstr("# TYPE fsync_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_bucket{dir=\"/d\",le=\"1.023e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_bucket{dir=\"/d\",le=\"2.047e-06\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_bucket{dir=\"/d\",le=\"2.147483647\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_bucket{dir=\"/d\",le=\"4.294967295\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_bucket{dir=\"/d\",le=\"17.179869183\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_bucket{dir=\"/d\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_sum{dir=\"/d\"} 63.000002\n"));
  EXPECT_THAT(text, HasSubstr("fsync_seconds_count{dir=\"/d\"} 4\n"));
}

TEST(Metrics, PlainHistogramsKeepTheirUnit) {
  Metrics metrics;
  Histogram& histogram = metrics.histogram("batch_records", "Records of a batch", {}, Unit::plain);
  histogram.record(0);
  histogram.record(7);
  histogram.record(8);
  const std::string text = metrics.prometheus_text();
  EXPECT_THAT(text, HasSubstr("batch_records_bucket{le=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("batch_records_bucket{le=\"7\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("batch_records_bucket{le=\"15\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("batch_records_sum 15\n"));
}

TEST(Metrics, ReadsGaugesAtExposition) {
  Metrics metrics;
  double value = 1.5;
  metrics.gauge_from("ratio", "A ratio", {{"k", "v"}}, [&value] { return value; });
  EXPECT_THAT(metrics.prometheus_text(), HasSubstr("ratio{k=\"v\"} 1.5\n"));
  value = std::numeric_limits<double>::infinity();
  EXPECT_THAT(metrics.prometheus_text(), HasSubstr("ratio{k=\"v\"} +Inf\n"));
}

}  // namespace
}  // namespace holdfast
