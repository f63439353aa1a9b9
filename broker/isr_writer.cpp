#include "broker/isr_writer.h"

#include "broker/znodes.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr Duration pause_after_refusal = std::chrono::milliseconds(100);

std::string text_of(const std::vector<std::int32_t>& ids) {
  std::string out;
  for (const std::int32_t id : ids) out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

}  // namespace

void IsrWriter::write(IsrChange change, Function<void(bool)> done) {
  ensemble_.shard().spawn(gate_, run(std::move(change), std::move(done)));
}

Task<void> IsrWriter::run(IsrChange change, Function<void(bool)> done) {
  const std::int64_t life = broker_epoch_;
  Outcome outcome = Outcome::refused;
  for (;;) {
    // Without a session nothing is sent, and what was sent before may still come to be.
    if (session_ != SessionId(0) && life >= 0) outcome = co_await try_write(change);
    if (outcome == Outcome::written) co_return done(true);
    if (!stopping_) co_await ensemble_.shard().sleep(pause_after_refusal);
    if (outcome == Outcome::refused) break;
    // Registered anew it leads nothing by that state.
    if (stopping_ || (broker_epoch_ >= 0 && broker_epoch_ != life)) co_return;
  }
  done(false);
}

// The state is the one that was to be replaced, or this was in vain: then the image tells.
Task<IsrWriter::Outcome> IsrWriter::try_write(const IsrChange& change) {
  const zk::Tree& tree = ensemble_.tree();
  const std::string topic_path = znodes::topic_path(change.topic);
  const std::string state_path = znodes::state_path(change.topic, change.id.partition);
  const zk::Znode* state_node = tree.find(state_path);
  if (!state_node) co_return Outcome::refused;
  auto state = znodes::decode_partition_state(as_text(state_node->data.view()));
  if (!state || state->leader != node_id_ || tree.stat(*state_node).version != change.state_version)
    co_return Outcome::refused;
  const std::vector<std::int32_t> before = std::exchange(state->isr, change.isr);
  state->elr = change.elr;
  state->last_known_elr.clear();
  std::vector<Ensemble::Op> ops;
  ops.push_back(Ensemble::CheckCzxid{znodes::broker_path(node_id_), Zxid(broker_epoch_)});
  for (const auto& [id, epoch] : change.others)
    ops.push_back(Ensemble::CheckCzxid{znodes::broker_path(id), Zxid(epoch)});
  ops.push_back(Ensemble::CheckCzxid{topic_path, Zxid(change.topic_czxid)});
  ops.push_back(Ensemble::Set{state_path, znodes::encode(*state), change.state_version});
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  if (!done) co_return Outcome::unknown;
  if (done->error != zk::ZkError::ok) co_return Outcome::refused;
  log_line(LogLevel::info, "broker", "{}-{}: in sync are {} (were {}){}{}", change.topic, change.id.partition,
           text_of(change.isr), text_of(before), change.elr.empty() ? "" : ", eligible ", text_of(change.elr));
  co_return Outcome::written;
}

Task<void> IsrWriter::stop() {
  stopping_ = true;
  co_await ensemble_.shard().drained(gate_);
}

}  // namespace holdfast
