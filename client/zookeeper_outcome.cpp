// What became of requests whose replies were lost. Holdfast keeps the results of a session's last 32 writes, with no
// more than 4 KiB of paths, and tells them by xid. A write that it does not know, and would have to, never came to be
// and never will: the session was attached here behind all that it had asked before.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "client/zookeeper.h"
#include "client/zookeeper_request.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::client {
namespace {

namespace jute = wire::zk;

constexpr std::size_t results_kept = 32, path_bytes_kept = 4096;
constexpr std::size_t suffix_bytes_max = 11;  // of a sequential name

}  // namespace

struct ZooKeeper::Verdict {
  enum class Is : std::uint8_t { unknown, known, not_served } is = Is::unknown;
  ZkError error = ZkError::ok;
  Arrival::Told told;
};

Task<Result<ZooKeeper::Verdict>> ZooKeeper::ask_outcome(ZooKeeperLink& link, const Request& request) {
  const std::int32_t xid = next_xid_;
  next_xid_ = next_xid_ == INT32_MAX ? 1 : next_xid_ + 1;
  wire::Writer out = zookeeper_frame(xid, OpCode::query_result);
  const jute::QueryResultRequest question{request.xid};
  jute::encode(question, out);
  link.send(std::move(out));
  for (;;) {
    auto frame = co_await link.next();
    if (!frame) co_return fail(frame);
    hosts_.succeeded();
    heard();
    wire::Reader in(*frame);
    jute::ReplyHeader header;
    if (!jute::decode(header, in) || header.xid != xid)
      co_return fail(ErrorKind::invalid_input, "it answers something else than what was asked");
    const auto error = static_cast<ZkError>(header.err);
    if (error == ZkError::unimplemented) co_return Verdict(Verdict::Is::not_served);
    Verdict verdict;
    jute::QueryResultResponse answer;
    if (error != ZkError::ok) co_return verdict;
    if (!jute::decode(answer, in)) co_return fail(ErrorKind::invalid_input, "an outcome is malformed");
    if (!answer.known) co_return verdict;
    verdict.is = Verdict::Is::known;
    verdict.error = static_cast<ZkError>(answer.err);
    verdict.told = {answer.zxid, std::string(answer.path.value_or("")), answer.version};
    co_return verdict;
  }
}

// Everything of lost_ is decided in here: answered, or queued again in front of what was asked since. A server without
// a quorum, or for which this session is a new one, cannot know: `may_ask` is false.
Task<Result<void>> ZooKeeper::ask_outcomes(ZooKeeperLink& link, bool may_ask) {
  // Those whose results the server must still have, if there are any: the newest.
  std::size_t writes = 0, path_bytes = 0, sure_from = lost_.size();
  while (sure_from > 0) {
    const Request& request = *lost_[sure_from - 1];
    if (request.is_write()) {
      path_bytes += options_.servers.chroot.size() + request.about.size() + suffix_bytes_max;
      if (++writes > results_kept || path_bytes > path_bytes_kept) break;
    }
    --sure_from;
  }
  // What is before those is not asked about, and nobody knows. Behind a write that is known, none can still come to be.
  std::deque<Request*> again;
  const std::size_t count = lost_.size();
  std::vector<Verdict> verdicts(count);
  std::size_t behind_known = 0;
  for (std::size_t i = sure_from; may_ask && i < lost_.size() && tells_outcomes_ != Known::no; ++i) {
    if (!lost_[i]->is_write()) continue;
    auto verdict = co_await ask_outcome(link, *lost_[i]);
    if (!verdict) co_return fail(verdict);
    if (lost_.size() != count) co_return fail(ErrorKind::timed_out, "it took too long to tell what became of requests");
    tells_outcomes_ = verdict->is == Verdict::Is::not_served ? Known::no : Known::yes;
    if (verdict->is == Verdict::Is::known) behind_known = i;
    verdicts[i] = std::move(*verdict);
  }
  for (std::size_t i = 0; i < count; ++i) {
    Request& request = *lost_[i];
    Verdict& verdict = verdicts[i];
    const bool never_was = may_ask && tells_outcomes_ == Known::yes && i >= sure_from && i >= behind_known;
    if (verdict.is == Verdict::Is::known && verdict.error == ZkError::ok) {
      Arrival arrival;
      arrival.told = std::move(verdict.told);
      finish(request, std::move(arrival));
    } else if (verdict.is == Verdict::Is::known) {
      finish(request, zk_failed(verdict.error, request.about));
    } else if (!request.is_write() || never_was) {
      again.push_back(&request);
    } else {
      finish(request, zk_failed(ZkError::connection_loss,
                                fmt::format("{}: whether it was carried out is not known", request.about)));
    }
  }
  lost_.clear();
  queued_.insert(queued_.begin(), again.begin(), again.end());
  // A server that does not know the question ends the connection.
  if (may_ask && tells_outcomes_ == Known::no && writes > 0)
    co_return fail(ErrorKind::closed, "it does not tell what became of requests");
  co_return Result<void>();
}

}  // namespace holdfast::client
