#include "client/cli_session.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "client/admin.h"
#include "client/cluster.h"

namespace holdfast::client {
namespace {

using wire::ErrorCode;

constexpr std::size_t confirmation_bytes_max = 4096;  // what somebody types to confirm

// What would help, where that is known; empty otherwise.
std::string_view fix_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_topic_or_partition:
      return "holdfast topic list";
    case ErrorCode::group_id_not_found:
      return "holdfast group list";
    case ErrorCode::non_empty_group:
      return "stop the group's consumers first; holdfast group describe shows them";
    case ErrorCode::topic_already_exists:
      return "holdfast topic describe shows it, holdfast topic alter changes it";
    case ErrorCode::invalid_config:
      return "holdfast config explain KEY says which values a setting takes";
    case ErrorCode::not_enough_replicas:
      return "holdfast partition status shows who is out of sync";
    case ErrorCode::invalid_replication_factor:
      return "holdfast broker list shows how many brokers there are";
    case ErrorCode::unsupported_version:
      return "the server is too old or too new for this request";
    default:
      return {};
  }
}

// What follows in `message` where it begins with `subject`: "Topic 'orders' already exists" says of "topic orders" what
// it is about by itself. Nothing: it begins otherwise.
std::optional<std::string_view> said_of(std::string_view subject, std::string_view message) {
  const auto skip_quote = [&message] {
    if (message.starts_with('\'') || message.starts_with('"')) message.remove_prefix(1);
  };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  bool first = true;
  for (const char c : subject) {
    skip_quote();
    if (message.empty() || (c != message.front() && !(first && c == lower(message.front())))) return std::nullopt;
    first = false;
    message.remove_prefix(1);
  }
  skip_quote();
  if (!message.starts_with(' ') && !message.starts_with(':')) return std::nullopt;
  return message;
}

}  // namespace

std::string output_complaint(const Error& error) {
  return error.os_error == 0 ? error.message : fmt::format("standard output: {}", std::strerror(error.os_error));
}

Session::Session(World world, Console& console, MainLoop& loop, Setting setting)
    : world_(world),
      console_(console),
      loop_(loop),
      setting_(std::move(setting)),
      out_(console, setting_.format, setting_.colour) {}

Session::~Session() {
  while (!kept_.empty()) kept_.pop_back();
  console_.leave_loop();
}

Cluster& Session::cluster() {
  if (cluster_) return *cluster_;
  ClusterOptions options;
  // Checked by Cli before the verb was started.
  if (auto servers = parse_bootstrap_servers(setting_.kafka.address)) options.bootstrap_servers = std::move(*servers);
  options.client_id = "holdfast-cli";
  options.request_timeout = setting_.timeout;
  cluster_ = std::make_unique<Cluster>(shard(), network(), std::move(options));
  return *cluster_;
}

Admin& Session::admin() {
  if (!admin_) {
    AdminOptions options;
    options.timeout = setting_.timeout;
    admin_ = std::make_unique<Admin>(cluster(), options);
  }
  return *admin_;
}

void Session::at_end(std::function<Task<void>()> close) { closers_.push_back(std::move(close)); }

Task<void> Session::run_closers() {
  while (!closers_.empty()) {
    const auto closer = std::move(closers_.back());
    closers_.pop_back();
    co_await closer();
  }
}

Task<void> Session::end_round() {
  co_await run_closers();
  while (!kept_.empty()) kept_.pop_back();
}

Task<bool> Session::close() {
  co_await run_closers();
  co_await disconnect();
  co_await shard().drained(left_behind_);
  co_return true;
}

Task<void> Session::disconnect() {
  if (cluster_ && !std::exchange(disconnected_, true)) co_await cluster_->stop();
}

Exit Session::exit_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::none:
      return Exit::ok;
    case ErrorCode::network_exception:
    case ErrorCode::broker_not_available:
    case ErrorCode::request_timed_out:
    case ErrorCode::leader_not_available:
    case ErrorCode::coordinator_not_available:
      return Exit::unreachable;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::group_id_not_found:
    case ErrorCode::log_dir_not_found:
    case ErrorCode::transactional_id_not_found:
    case ErrorCode::resource_not_found:
    case ErrorCode::unknown_member_id:
      return Exit::not_found;
    case ErrorCode::topic_already_exists:
    case ErrorCode::non_empty_group:
    case ErrorCode::group_subscribed_to_topic:
    case ErrorCode::policy_violation:
    case ErrorCode::invalid_config:
    case ErrorCode::invalid_partitions:
    case ErrorCode::invalid_replication_factor:
    case ErrorCode::invalid_replica_assignment:
    case ErrorCode::invalid_topic_exception:
    case ErrorCode::invalid_group_id:
    case ErrorCode::invalid_request:
    case ErrorCode::offset_out_of_range:
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::reassignment_in_progress:
    case ErrorCode::no_reassignment_in_progress:
    case ErrorCode::eligible_leaders_not_available:
    case ErrorCode::preferred_leader_not_available:
    case ErrorCode::topic_authorization_failed:
    case ErrorCode::group_authorization_failed:
    case ErrorCode::cluster_authorization_failed:
    case ErrorCode::topic_deletion_disabled:
    case ErrorCode::unsupported_version:
      return Exit::refused;
    default:
      return Exit::failed;
  }
}

Exit Session::fail(const Failure& failure, std::string_view doing) {
  const Exit exit = exit_of(failure.code);
  const std::string why = failure.message.empty() ? std::string(wire::error_message(failure.code)) : failure.message;
  std::string message(doing);
  if (const auto rest = said_of(doing, why); rest && !doing.empty()) {
    message += *rest;
  } else {
    message += doing.empty() ? "" : ": ";
    message += why;
  }
  if (exit != Exit::unreachable) return fail(exit, message, fix_of(failure.code));
  return fail(exit, fmt::format("{} (Kafka at {}, {})", message, setting_.kafka.address, setting_.kafka.source),
              "start a node with `holdfast server`, or name another with --bootstrap-server HOST:PORT, "
              "HOLDFAST_BOOTSTRAP_SERVER or a profile");
}

Exit Session::fail(Exit exit, std::string_view message, std::string_view fix) {
  progress({});
  out_.flush();
  const bool colour = setting_.colour && console_.error_is_terminal();
  console_.write_error(
      fmt::format("{}holdfast:{} {}\n", colour ? "\x1b[31m" : "", colour ? "\x1b[0m" : "", printable(message)));
  if (!fix.empty()) console_.write_error(fmt::format("  {}\n", fix));
  return exit;
}

void Session::note(std::string_view message) {
  progress({});
  out_.flush();
  console_.write_error(fmt::format("{}\n", printable(message)));
}

Exit Session::output_failed() {
  const std::optional<Error>& why = out_.failure();
  if (!why || why->kind == ErrorKind::closed) return Exit::reader_gone;
  if (!std::exchange(output_failure_said_, true)) fail(Exit::failed, output_complaint(*why));
  return Exit::failed;
}

Task<bool> Session::confirm(std::string loss, std::string word) {
  if (setting_.yes) co_return true;
  out_.flush();
  if (!console_.input_is_terminal()) {
    fail(Exit::refused, fmt::format("{}: not without being asked to", loss), "say --yes, or --dry-run to see it only");
    co_return false;
  }
  console_.write_error(fmt::format("{}\nType {} to go on: ", printable(loss), printable(word)));
  std::string typed;
  while (typed.size() < confirmation_bytes_max && !typed.ends_with('\n')) {
    std::array<std::uint8_t, 256> buffer;
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await console_.read(shard(), into);
    if (!got || *got == 0) break;
    typed.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
  while (typed.ends_with('\n') || typed.ends_with('\r') || typed.ends_with(' ')) typed.pop_back();
  if (typed == word) co_return true;
  fail(Exit::refused, "that is not it: nothing was done");
  co_return false;
}

void Session::progress(std::string_view line) {
  if (!console_.error_is_terminal() || (line.empty() && !progress_shown_)) return;
  progress_shown_ = !line.empty();
  console_.write_error(fmt::format("\r\x1b[K{}", line));
}

void Session::on_signal() {
  progress({});
  if (interrupt_ && !interrupted_) {
    interrupted_ = true;
    interrupt_();
    return;
  }
  out_.flush();
  console_.exit_now(static_cast<int>(Exit::interrupted));
}

}  // namespace holdfast::client
