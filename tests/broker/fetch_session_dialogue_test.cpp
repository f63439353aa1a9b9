// Runs tests/dialogue/fetch_session_*.txt: conversations with one shard's cache of fetch sessions (how they are read:
// tests/dialogue/dialogue.h). Partitions are shown in the order they are tried, with the offset asked for and, once
// it was answered, the high watermark that the client knows. Sessions get the ids 1, 2, ... while there is one shard.
//
//   > open TOPIC-P=OFFSET... [ids] [seed=N]     a full fetch that asks for a session; ids: by topic id (Fetch 13)
//   > fetch S epoch=E [TOPIC-P=OFFSET]... [forget=TOPIC-P]... [ids]     an incremental one
//   > answer S TOPIC-P high_watermark=N [data]     what the broker told the client
//   > busy S | idle S | skip S epoch=E | close S | sessions | time +MS | options [slots=N] [shard=N] [shards=N]
// skip: as after all the fetches before that epoch. busy: while a fetch of the session waits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "broker/fetch_sessions.h"
#include "tests/dialogue/dialogue.h"

namespace holdfast {
namespace {

using dialogue::split;
using dialogue::TopicAndPartition;
using dialogue::Words;
using wire::ErrorCode;

class Fetches {
 public:
  std::string say(const std::string& line) {
    out_.clear();
    Words words(line);
    const std::string first = words.next();
    if (first == "options") {
      sessions_ =
          FetchSessions(static_cast<std::size_t>(words.number("slots", 10)), static_cast<int>(words.number("shard", 0)),
                        static_cast<int>(words.number("shards", 1)));
    } else if (first == "time") {
      now_ += std::chrono::milliseconds(std::stoll(words.next()));
    } else if (first == "sessions") {
      out_ += fmt::format("{}\n", sessions_.size());
    } else if (first == "open") {
      open(words);
    } else {
      const auto id = static_cast<std::int32_t>(std::stoll(words.next()));
      if (first == "fetch") {
        fetch(id, words);
      } else if (first == "answer") {
        answer(*known_.at(id), words);
      } else if (first == "close") {
        sessions_.remove(id);
      } else if (first == "busy" || first == "idle") {
        known_.at(id)->busy = first == "busy";
      } else if (first == "skip") {
        known_.at(id)->next_epoch = static_cast<std::int32_t>(words.number("epoch", 0));
      } else {
        ADD_FAILURE() << "no such command: " << first;
      }
    }
    return out_;
  }

 private:
  static Uuid id_of(const std::string& topic) {
    Uuid id{};
    std::copy_n(topic.begin(), std::min(topic.size(), id.size()), id.begin());
    return id;
  }
  static FetchSession::Key key(const FetchSession& session, const std::string& text) {
    const TopicAndPartition at(text);
    if (session.uses_topic_ids) return {{}, id_of(at.topic), at.partition};
    return {at.topic, {}, at.partition};
  }
  static void put(FetchSession& session, const std::string& asked) {
    const std::vector<std::string> parts = split(asked, '=');
    const FetchSession::Key k = key(session, parts.at(0));
    FetchedPartition partition;
    partition.topic = k.topic;
    partition.topic_id = k.topic_id;
    partition.index = k.index;
    partition.fetch_offset = std::stoll(parts.at(1));
    session.put(std::move(partition));
  }

  void open(Words& words) {
    const bool ids = words.flag("ids");
    const auto seed = static_cast<std::uint64_t>(words.number("seed", static_cast<std::int64_t>(known_.size() + 1)));
    const auto session = sessions_.create(words.words.size(), ids, seed, now_);
    if (!session) {
      out_ += "no session\n";
      return;
    }
    while (!words.empty()) put(*session, words.next());
    known_[session->id] = session;
    out_ += fmt::format("session {}\n", session->id);
  }

  void fetch(std::int32_t id, Words& words) {
    const auto epoch = static_cast<std::int32_t>(words.number("epoch", 0));
    const bool ids = words.flag("ids");
    const FetchSessions::Found found = sessions_.find(id, epoch, ids, now_);
    if (found.error != ErrorCode::none) {
      out_ += fmt::format("{}\n", wire::error_name(found.error));
      return;
    }
    FetchSession& session = *found.session;
    while (const auto forgotten = words.value("forget")) session.forget(key(session, *forgotten));
    while (!words.empty()) put(session, words.next());
    for (const FetchedPartition& p : session.partitions()) {
      const std::string topic(p.topic.empty() ? reinterpret_cast<const char*>(p.topic_id.data()) : p.topic.c_str());
      out_ += fmt::format("{}-{} from {}", topic, p.index, p.fetch_offset);
      if (p.told_high_watermark >= 0) out_ += fmt::format(", knows {}", p.told_high_watermark);
      out_ += "\n";
    }
    if (session.size() == 0) out_ += "nothing\n";
  }

  void answer(FetchSession& session, Words& words) {
    const bool data = words.flag("data");
    const std::int64_t high_watermark = words.number("high_watermark", 0);
    const FetchSession::Key k = key(session, words.next());
    FetchedPartition* partition = session.find(k);
    ASSERT_TRUE(partition);
    partition->told_high_watermark = high_watermark;
    if (data) session.move_to_end(k);
  }

  FetchSessions sessions_{10, 0, 1};
  std::map<std::int32_t, std::shared_ptr<FetchSession>> known_;
  SteadyTime now_{};
  std::string out_;
};

class FetchSessionDialogue : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Files, FetchSessionDialogue, testing::ValuesIn(dialogue::files("fetch_session_")),
                         dialogue::name_of);

TEST_P(FetchSessionDialogue, AnswersAsWritten) {
  Fetches fetches;
  dialogue::run(GetParam(), [&](const std::string& line) { return fetches.say(line); });
}

}  // namespace
}  // namespace holdfast
