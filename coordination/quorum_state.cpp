#include "coordination/quorum_state.h"

#include <fmt/format.h>

#include <charconv>

#include "wire/crc32c.h"

namespace holdfast {
namespace {

constexpr std::string_view first_line = "holdfast-quorum-state 1\n";
constexpr std::size_t file_bytes_max = 4096;

// Cuts one line's part off the front of `text`: what stands before `end`, with `name` before it.
std::optional<std::string_view> take(std::string_view& text, std::string_view name, char end) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  const std::size_t at = text.find(end);
  if (at == text.npos) return std::nullopt;
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at + 1);
  return out;
}

template <class T>
bool parse(const std::optional<std::string_view>& text, T& out, int base = 10) {
  if (!text || text->empty()) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out, base);
  return error == std::errc() && end == text->data() + text->size();
}

bool parse(const std::optional<std::string_view>& text, Incarnation& out) { return text && from_base64(*text, out); }

}  // namespace

std::string to_text(const QuorumState& state) {
  std::string out(first_line);
  out += fmt::format("incarnation {}\nensemble {}\nterm {}\nvote {} {}\n", to_base64(state.incarnation),
                     to_base64(state.ensemble), state.hard.term.value, state.hard.vote.value,
                     to_base64(state.hard.vote_life));
  return out + fmt::format("crc32c {:08x}\n", wire::crc32c(as_bytes(out)));
}

Result<QuorumState> parse_quorum_state(std::string_view text) {
  const auto damaged = [](std::string_view what) { return fail(ErrorKind::corrupt, std::string(what)); };
  if (!text.starts_with(first_line)) return damaged("it is no quorum state of a version that is known here");
  const std::size_t sum_at = text.rfind("crc32c ");
  if (sum_at == text.npos) return damaged("it has no checksum");
  std::string_view sum_line = text.substr(sum_at);
  std::uint32_t sum = 0;
  if (!parse(take(sum_line, "crc32c ", '\n'), sum, 16) || !sum_line.empty() ||
      sum != wire::crc32c(as_bytes(text.substr(0, sum_at))))
    return damaged("it does not match its checksum");
  std::string_view rest = text.substr(first_line.size(), sum_at - first_line.size());
  QuorumState state;
  const bool whole = parse(take(rest, "incarnation ", '\n'), state.incarnation) &&
                     parse(take(rest, "ensemble ", '\n'), state.ensemble) &&
                     parse(take(rest, "term ", '\n'), state.hard.term.value) &&
                     parse(take(rest, "vote ", ' '), state.hard.vote.value) &&
                     parse(take(rest, "", '\n'), state.hard.vote_life) && rest.empty();
  if (!whole || state.hard.term.value < 0 || state.hard.vote.value < 0) return damaged("it cannot be understood");
  return state;
}

Result<std::optional<QuorumState>> read_quorum_state(Disk& disk, const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, quorum_state_file);
  auto bytes = disk.read_file(path, file_bytes_max);
  if (!bytes && bytes.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!bytes) return fail(bytes);
  auto state = parse_quorum_state(as_text(*bytes));
  if (!state)
    return fail(ErrorKind::corrupt,
                fmt::format("{}: {}. This server does not know its vote any more: empty its data directory, and it "
                            "is filled again by the others",
                            path, state.error().message));
  return *state;
}

namespace {

constexpr std::string_view reserve_file = "quorum-state.reserve";
constexpr std::uint64_t reserve_bytes = 8192;

// It is only there to be removed: whether it could be made is nobody's trouble.
void keep_reserve(Disk& disk, const std::string& path) {
  const auto there = disk.exists(path);
  if (!there || *there) return;
  auto file = disk.open(path, {.write = true, .create = true});
  if (!file) return;
  if (!(*file)->allocate(0, reserve_bytes)) static_cast<void>(disk.remove(path));
}

}  // namespace

// A server with a full disk has to be able to vote, and to learn of a new term: it could follow nobody otherwise. So
// room for one file is put by.
Result<void> write_quorum_state(Disk& disk, const std::string& directory, const QuorumState& state) {
  const std::string path = fmt::format("{}/{}", directory, quorum_state_file);
  const std::string reserve = fmt::format("{}/{}", directory, reserve_file);
  const std::string text = to_text(state);
  auto written = disk.write_atomically(path, as_bytes(text));
  if (!written && written.error().kind == ErrorKind::no_space && disk.remove(reserve))
    written = disk.write_atomically(path, as_bytes(text));
  if (written) keep_reserve(disk, reserve);
  return written;
}

}  // namespace holdfast
