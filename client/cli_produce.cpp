// holdfast produce: records from lines, files and JSON.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"
#include "client/cli_record.h"
#include "client/producer.h"

namespace holdfast::client {
namespace {

constexpr std::size_t record_bytes_max = 32 << 20;
constexpr Duration progress_every = std::chrono::milliseconds(250);
constexpr int failures_shown = 5;

struct ProduceArguments {
  std::string topic;
  std::vector<std::string> files, headers;
  std::string codec = "none", acks = "all";
  std::optional<std::string> delimiter, separator, key, null_word;
  std::optional<std::int32_t> partition;
  bool json = false, whole = false, verbose = false, not_idempotent = false;
};

// One after the other: standard input, or the files, of which - is standard input, too.
class InputBytes {
 public:
  InputBytes(Session& session, std::vector<std::string> files) : session_(session), files_(std::move(files)) {}

  // At least one byte; 0: the end of this file, or of all of them.
  Task<Result<std::size_t>> read(std::span<std::uint8_t> into) {
    if (files_.empty() || files_[at_] == "-") {
      auto got = co_await session_.console().read(session_.shard(), into);
      if (got && *got == 0) ended_ = ++at_ >= files_.size();
      co_return got;
    }
    if (!file_) {
      auto opened = session_.disk().open(files_[at_], {});
      if (!opened) co_return fail(opened);
      file_ = std::move(*opened);
      offset_ = 0;
    }
    auto got = file_->read_at(offset_, into);
    if (!got) co_return fail(got);
    offset_ += *got;
    if (*got == 0) {
      file_.reset();
      ended_ = ++at_ >= files_.size();
    }
    co_return got;
  }
  bool ended() const { return ended_; }

 private:
  Session& session_;
  const std::vector<std::string> files_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::size_t at_ = 0;
  bool ended_ = false;
};

class Production {
 public:
  Production(Session& session, const ProduceArguments& arguments)
      : session_(session),
        arguments_(arguments),
        delimiter_(unescape(arguments.delimiter.value_or("\\n"))),
        separator_(arguments.separator ? unescape(*arguments.separator) : std::string()),
        producer_(session.keep(std::make_unique<Producer>(session.cluster(), options()))) {
    session.at_end([this] { return producer_.stop(Duration(0)); });
    for (const std::string& text : arguments.headers) {
      if (auto header = parse_assignment(text)) {
        headers_.push_back({header->first, std::vector<std::uint8_t>(header->second.begin(), header->second.end())});
      } else {
        headers_.push_back({text, std::nullopt});
      }
    }
  }

  Task<Exit> run() {
    started_ = session_.clock().now();
    session_.on_interrupt([this] { session_.console().end_input(); });
    InputBytes input(session_, arguments_.files);
    const Exit read = co_await read_all(input);
    co_await producer_.flush();
    session_.progress({});
    summarise();
    if (session_.interrupted()) co_return Exit::interrupted;
    if (session_.out().broken()) co_return session_.output_failed();
    co_return read != Exit::ok ? read : failure_;
  }

 private:
  ProducerOptions options() {
    ProducerOptions options;
    options.acks = arguments_.acks == "all" ? -1 : arguments_.acks == "1" ? 1 : 0;
    options.idempotent = !arguments_.not_idempotent && options.acks == -1;
    static constexpr std::array<std::string_view, 5> codecs{"none", "gzip", "snappy", "lz4", "zstd"};
    const auto codec = std::find(codecs.begin(), codecs.end(), arguments_.codec);
    options.codec = static_cast<wire::Codec>(codec - codecs.begin());
    options.request_bytes_max = record_bytes_max;
    options.request_timeout = session_.timeout();
    options.delivery_timeout = session_.timeout() * 2;
    options.max_block = session_.timeout();
    options.on_delivery = [this](const Delivery& delivery, const Failure* failure) { delivered(delivery, failure); };
    return options;
  }

  void delivered(const Delivery& delivery, const Failure* failure) {
    if (failure) {
      const Exit exit = Session::exit_of(failure->code);
      if (failure_ == Exit::ok) failure_ = exit == Exit::ok ? Exit::failed : exit;
      if (++failed_ <= failures_shown)
        session_.fail(*failure, fmt::format("record {} is not known to be stored", delivery.tag));
      return;
    }
    ++delivered_;
    if (!arguments_.verbose) return;
    if (session_.out().is_text()) {
      session_.out().line(fmt::format("{} {} {}", delivery.topic, delivery.partition, delivery.offset));
    } else {
      session_.out().record({{"topic", delivery.topic},
                             {"partition", delivery.partition},
                             {"offset", delivery.offset},
                             {"timestamp", delivery.timestamp}});
    }
    // Somebody may be waiting to see it before typing the next; a burst of them is written at once.
    if (!std::exchange(flush_deferred_, true)) {
      session_.shard().defer([this] {
        flush_deferred_ = false;
        session_.out().flush();
      });
    }
  }

  // Cuts the input into records. What is not complete stays at the front of `buffer_`.
  Task<Exit> read_all(InputBytes& input) {
    constexpr std::size_t chunk = 256 << 10;
    std::size_t begin = 0, searched = 0;  // of the record that is being looked for
    while (!input.ended() && !session_.interrupted()) {
      const std::size_t before = buffer_.size();
      buffer_.resize(before + chunk);
      const std::span<std::uint8_t> into(reinterpret_cast<std::uint8_t*>(buffer_.data()) + before, chunk);
      auto got = co_await input.read(into);
      buffer_.resize(before + (got ? *got : 0));
      if (!got) {
        const bool absent = got.error().kind == ErrorKind::not_found;
        co_return session_.fail(absent ? Exit::not_found : Exit::failed, got.error().message);
      }
      const bool end_of_file = *got == 0;
      if (!arguments_.whole) {
        for (;;) {
          const std::size_t end = buffer_.find(delimiter_, std::max(begin, searched));
          if (end == std::string::npos) break;
          const std::string_view line(buffer_.data() + begin, end - begin);
          const Exit exit = co_await produce(line);
          if (exit != Exit::ok) co_return exit;
          begin = searched = end + delimiter_.size();
        }
      }
      // An empty file is a record, too, where each is one.
      if (end_of_file && (begin < buffer_.size() || arguments_.whole) && !session_.interrupted()) {
        const std::string_view rest(buffer_.data() + begin, buffer_.size() - begin);
        const Exit exit = co_await produce(rest);
        if (exit != Exit::ok) co_return exit;
        begin = buffer_.size();
      }
      buffer_.erase(0, begin);
      begin = 0;
      searched = buffer_.size() < delimiter_.size() ? 0 : buffer_.size() - delimiter_.size() + 1;
      if (buffer_.size() > record_bytes_max)
        co_return session_.fail(Exit::failed, fmt::format("record {} is longer than {}", records_ + 1,
                                                          bytes_value(record_bytes_max).text()));
      show_progress();
      if (!session_.out().flush()) co_return session_.output_failed();
    }
    co_return Exit::ok;
  }

  std::optional<ByteView> part(std::string_view text) const {
    if (arguments_.null_word && text == *arguments_.null_word) return std::nullopt;
    return as_bytes(text);
  }

  Task<Exit> produce(std::string_view text) {
    ProducerRecord record;
    record.topic = arguments_.topic;
    record.partition = arguments_.partition;
    record.tag = ++records_;
    InputRecord parsed;
    if (arguments_.json) {
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) co_return Exit::ok;
      auto read = parse_record_json(text);
      if (!read)
        co_return session_.fail(Exit::failed, fmt::format("record {}: {}", records_, read.error().message),
                                "one JSON object a line, as `holdfast consume -o json` prints them");
      parsed = std::move(*read);
      if (parsed.key) record.key = ByteView(*parsed.key);
      if (parsed.value) record.value = ByteView(*parsed.value);
      if (!record.partition) record.partition = parsed.partition;
      record.timestamp = parsed.timestamp;
      parsed.headers.insert(parsed.headers.end(), headers_.begin(), headers_.end());
      record.headers = parsed.headers;
    } else {
      const std::size_t cut = separator_.empty() ? std::string_view::npos : text.find(separator_);
      if (cut != std::string_view::npos) {
        record.key = part(text.substr(0, cut));
        text.remove_prefix(cut + separator_.size());
      } else if (arguments_.key) {
        record.key = part(*arguments_.key);
      }
      record.value = part(text);
      record.headers = headers_;
    }
    bytes_ += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    auto accepted = producer_.try_send(record);
    if (accepted && *accepted) co_return Exit::ok;
    if (accepted) {
      auto taken = co_await producer_.enqueue(record);
      if (taken) co_return Exit::ok;
      co_return session_.fail(taken.error(), fmt::format("record {}", records_));
    }
    co_return session_.fail(accepted.error(), fmt::format("record {}", records_));
  }

  void show_progress() {
    const SteadyTime now = session_.clock().now();
    if (now - shown_ < progress_every || arguments_.verbose || session_.console().input_is_terminal()) return;
    shown_ = now;
    session_.progress(
        fmt::format("{}, {}", counted(static_cast<std::int64_t>(records_), "record"), bytes_value(bytes_).text()));
  }

  void summarise() {
    const double seconds = std::max(1e-3, static_cast<double>((session_.clock().now() - started_).count()) / 1e9);
    if (failed_ > failures_shown)
      session_.note(fmt::format("and {} more", counted(failed_ - failures_shown, "record")));
    if (!session_.out().is_text() && !arguments_.verbose) {
      session_.out().object({{"topic", arguments_.topic},
                             {"records", delivered_},
                             {"failed", failed_},
                             {"bytes", static_cast<std::int64_t>(bytes_)}});
    } else if (session_.console().error_is_terminal()) {
      session_.note(fmt::format("{} in {:.1f} s, {}/s", counted(delivered_, "record"), seconds,
                                bytes_value(static_cast<std::uint64_t>(static_cast<double>(bytes_) / seconds)).text()));
    }
  }

  Session& session_;
  const ProduceArguments& arguments_;
  const std::string delimiter_, separator_;
  std::vector<wire::RecordHeader> headers_;
  std::string buffer_;
  std::uint64_t records_ = 0, bytes_ = 0;
  std::int64_t delivered_ = 0, failed_ = 0;
  Exit failure_ = Exit::ok;
  bool flush_deferred_ = false;
  SteadyTime started_{}, shown_{};
  Producer& producer_;
};

// What would otherwise go unheard beside something else.
Exit check_produce(Session& session, const ProduceArguments& arguments) {
  if (arguments.delimiter && arguments.delimiter->empty())
    return session.usage("--delimiter is empty; --whole makes one record of a file");
  if (arguments.whole && arguments.delimiter)
    return session.usage("--whole makes one record of a file: --delimiter means nothing beside it");
  if (arguments.whole && arguments.separator)
    return session.usage("--whole makes a value of a file: --key-separator means nothing beside it",
                         "--key gives the record a key");
  if (arguments.json && (arguments.separator || arguments.key || arguments.null_word))
    return session.usage(fmt::format("--json says keys and values itself: --{} means nothing beside it",
                                     arguments.separator ? "key-separator"
                                     : arguments.key     ? "key"
                                                         : "null"));
  return Exit::ok;
}

Task<Exit> produce(Session& session, const ProduceArguments& arguments) {
  if (const Exit sound = check_produce(session, arguments); sound != Exit::ok) co_return sound;
  Production& production = session.keep(std::make_unique<Production>(session, arguments));
  const Exit exit = co_await production.run();
  co_return exit;
}

}  // namespace

void add_produce_verb(Cli& cli) {
  auto arguments = std::make_shared<ProduceArguments>();
  Verb& verb = cli.verb("produce", "write records to a topic: each line of standard input is one");
  verb.argument("TOPIC", arguments->topic, "the topic")
      .optional_argument("FILE", arguments->files, "read these instead of standard input, which is - among them")
      .option("-K,--key-separator", arguments->separator, "what parts key and value on a line, as ':' or '\\t'", "TEXT")
      .option("-k,--key", arguments->key, "the key of records that have none", "KEY")
      .option("-H,--header", arguments->headers, "name=value, of each record (may be repeated); a bare name is null",
              "NAME=VALUE")
      .option("-Z,--null", arguments->null_word, "a key or value that is this word is null; '' for empty ones", "WORD")
      .option("-D,--delimiter", arguments->delimiter, "what ends a record (default \\n)", "TEXT")
      .flag("--whole", arguments->whole, "each file is one record; without files, standard input is")
      .flag("--json", arguments->json, "each line is a JSON object, as `consume -o json` prints them")
      .option("-p,--partition", arguments->partition, "to this partition; default: by key", "N")
      .at_least(0)
      .choice("-z,--compression", arguments->codec, {"none", "gzip", "snappy", "lz4", "zstd"}, "codec of the batches")
      .choice("--acks", arguments->acks, {"all", "1", "0"}, "who must have a record before it counts as written")
      .flag("--no-idempotence", arguments->not_idempotent, "a retry may then write a record twice")
      .flag("-v,--verbose", arguments->verbose, "print topic, partition and offset of each record")
      .more("The exit code is 0 only if the cluster has acknowledged every record.")
      .example("echo hello | holdfast produce greetings")
      .example("holdfast produce orders -K : < orders.txt", "lines such as 42:two apples")
      .example("holdfast consume orders --until end -o json | holdfast produce copy --json", "with keys and headers")
      .runs_on_cluster([arguments](Session& session) { return produce(session, *arguments); });
  refuse_empty(verb, "--key-separator");
}

}  // namespace holdfast::client
