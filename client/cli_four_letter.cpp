// Four-letter words: what servers of ZooKeeper's protocol say of themselves, each asked in a connection of its own.
#include <fmt/format.h>

#include <array>
#include <memory>

#include "client/cli_cluster.h"
#include "client/wait_list.h"
#include "runtime/gate.h"

namespace holdfast::client {
namespace {

constexpr std::size_t page_bytes_max = 64 << 10;

// Whoever has asked may not wait any more when the connection is there, or refused.
struct ShortTalk {
  explicit ShortTalk(Shard& shard) : ended(shard) {}
  std::unique_ptr<Stream> connection;
  Result<std::string> answer = fail(ErrorKind::timed_out, "no answer");
  bool over = false, left = false;
  WaitList ended;
};

Task<Result<std::string>> read_page(Stream& connection) {
  std::string page;
  while (page.size() < page_bytes_max) {
    std::array<std::uint8_t, 4096> buffer;
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await connection.read_some(into);
    if (!got && page.empty()) co_return fail(got);
    if (!got || *got == 0) break;
    page.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
  co_return page;
}

Task<void> talk_to(Shard& shard, Network& network, Endpoint server, std::string word, std::shared_ptr<ShortTalk> talk) {
  auto connected = co_await network.connect(shard, server);
  if (talk->left) co_return;
  if (connected) {
    talk->connection = std::move(*connected);
    talk->connection->send(BufferChain(Bytes::copy(word)));
    talk->answer = co_await read_page(*talk->connection);
  } else {
    talk->answer = fail(connected);
  }
  talk->over = true;
  talk->ended.wake_all();
}

Task<void> put_answer(Task<Result<std::string>> task, Result<std::string>& answer) {
  answer = co_await std::move(task);
}

}  // namespace

Task<Result<std::string>> four_letter_word(Session& session, Endpoint server, std::string word) {
  const auto talk = std::make_shared<ShortTalk>(session.shard());
  session.shard().spawn(session.left_behind(),
                        talk_to(session.shard(), session.network(), std::move(server), std::move(word), talk));
  if (!talk->over) co_await talk->ended.wait_for(session.timeout());
  if (talk->over) co_return std::move(talk->answer);
  talk->left = true;
  if (talk->connection) talk->connection->close();
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(session.timeout());
  co_return fail(ErrorKind::timed_out, fmt::format("no answer in {}", duration_value(waited.count()).text()));
}

Task<std::vector<Result<std::string>>> four_letter_words(Session& session, std::vector<Endpoint> servers,
                                                         std::string word) {
  std::vector<Result<std::string>> answers(servers.size());
  Gate asking;
  for (std::size_t i = 0; i < servers.size(); ++i)
    session.shard().spawn(asking, put_answer(four_letter_word(session, servers[i], word), answers[i]));
  co_await session.shard().drained(asking);
  co_return answers;
}

}  // namespace holdfast::client
