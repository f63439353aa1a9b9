// Runs tests/dialogue/znode_*.txt: conversations with the znode machine (how they are read: tests/dialogue/dialogue.h).
//
//   > open N [timeout] | close N | auth N user:password | time +MS | hold | release | expire | dump | options WORD...
//   > N create PATH [data=TEXT | null] [ephemeral] [sequential] [container] [ttl=MS] [stat] [acl=PERMS:SCHEME:ID]...
//   > N set PATH data=TEXT [version=V]    > N delete PATH [version=V]    > N setacl PATH acl=... [version=V]
//   > N multi OP ; OP ; ...               with check PATH version=V and, for B, check_czxid PATH czxid=Z
//   > N get|exists|ls|getacl|count PATH [watch]          > N watch|watch_recursive PATH     > N unwatch PATH TYPE
// N is a session, B the broker (privileged). Between hold and release requests are prepared and not applied.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/coordination/znode_world.h"
#include "tests/dialogue/dialogue.h"

namespace holdfast::zk {
namespace {

using dialogue::Words;

class Dialogue {
 public:
  std::string say(const std::string& line) {
    out_.clear();
    Words words(line);
    const std::string first = words.next();
    if (first == "options") return options(words), out_;
    if (!world_) world_ = std::make_unique<ZnodeWorld>(options_);
    if (first == "open") {
      const std::int64_t session = std::stoll(words.next());
      const std::string timeout = words.next();
      submit(world_->caller(session), CreateSessionOp{timeout.empty() ? 10'000 : std::stoi(timeout)});
    } else if (first == "close") {
      submit(world_->caller(std::stoll(words.next())), CloseSessionOp{});
    } else if (first == "auth") {
      auto& ids = world_->identities[std::stoll(words.next())];
      add_identities(ids, *authenticate(options_.acl, "digest", words.next(), ""));
    } else if (first == "time") {
      world_->now_ms += std::stoll(words.next());
    } else if (first == "hold") {
      held_ = true;
    } else if (first == "release") {
      held_ = false;
      apply_all();
    } else if (first == "expire") {
      auto paths = world_->machine.expired_nodes(world_->now_ms, 100);
      std::ranges::sort(paths);
      for (const std::string& path : paths) submit(world_->broker(), DeleteExpiredOp{path});
    } else if (first == "dump") {
      out_ += dump(world_->machine);
    } else {
      request(first == "B" ? world_->broker() : world_->caller(std::stoll(first)), words);
    }
    return out_;
  }

 private:
  void options(Words& words) {
    options_.extended_types = words.flag("extended_types");
    options_.enforce_quota = words.flag("enforce_quota");
    if (const auto prefix = words.value("protect")) options_.protected_prefixes.push_back(*prefix);
  }

  // Text that ops point into; kept until the dialogue ends.
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  DataView data(Words& words) {
    if (words.flag("null")) return DataView();
    return text(keep(words.value("data").value_or("")));
  }
  std::vector<Acl> acl(Words& words) {
    std::vector<Acl> list;
    while (const auto entry = words.value("acl")) {
      if (entry->empty()) return {};
      const std::size_t one = entry->find(':'), two = entry->find(':', one + 1);
      list.push_back(Acl{std::stoi(*entry), Id{entry->substr(one + 1, two - one - 1), entry->substr(two + 1)}});
    }
    return list.empty() ? open_acl : list;
  }

  MultiPart part(Words words) {
    const std::string verb = words.next();
    const std::string_view path = keep(words.next());
    const auto version = static_cast<std::int32_t>(words.number("version", -1));
    if (verb == "set") return SetDataOp{path, data(words), version};
    if (verb == "delete") return DeleteOp{path, version};
    if (verb == "setacl") return SetAclOp{path, acl(words), version};
    if (verb == "check") return CheckOp{path, version};
    if (verb == "check_czxid") return CheckCzxidOp{path, Zxid{words.number("czxid", 0)}};
    EXPECT_EQ(verb, "create");
    CreateOp op{.path = path, .data = data(words), .acl = acl(words)};
    if (words.flag("stat")) op.op = OpCode::create2;
    op.flags = (words.flag("ephemeral") ? 1 : 0) + (words.flag("sequential") ? 2 : 0);
    if (words.flag("container")) op.op = OpCode::create_container, op.flags = 4;
    if (const auto ttl = words.value("ttl")) {
      op.op = OpCode::create_ttl, op.flags = op.flags == 2 ? 6 : 5, op.ttl_ms = std::stoll(*ttl);
    }
    return op;
  }

  void request(const Caller& caller, Words& words) {
    const std::string verb = words.words.front();
    if (const std::set<std::string> reads{"get", "exists", "ls", "getacl", "count", "watch", "watch_recursive",
                                          "unwatch"};
        reads.contains(verb)) {
      return read(caller, words);
    }
    if (verb == "multi") {
      words.next();
      MultiOp multi;
      std::string op;
      for (words.words.push_back(";"); !words.words.empty();) {
        const std::string word = words.next();
        if (word != ";") {
          op += word + " ";
        } else if (!op.empty()) {
          multi.parts.push_back(part(Words(std::exchange(op, {}))));
        }
      }
      return submit(caller, multi);
    }
    std::visit(
        [&](auto op) {
          if constexpr (requires { WriteRequest(op); }) submit(caller, op);
        },
        part(words));
  }

  void read(const Caller& caller, Words& words) {
    ZnodeMachine& machine = world_->machine;
    const std::string verb = words.next(), path = words.next();
    const bool watch = words.flag("watch");
    if (verb == "get") {
      const auto result = machine.get_data(path, caller, watch);
      if (!result) return error(result.error());
      out_ += fmt::format("{} v{}\n", result->null ? "null" : fmt::format("\"{}\"", as_text(result->data.view())),
                          result->stat.version);
    } else if (verb == "exists") {
      const auto stat = machine.exists(path, caller, watch);
      if (!stat) return error(stat.error());
      out_ +=
          fmt::format("czxid {} mzxid {} pzxid {} version {} cversion {} aversion {} owner {} length {} children {}\n",
                      stat->czxid, stat->mzxid, stat->pzxid, stat->version, stat->cversion, stat->aversion,
                      stat->ephemeral_owner, stat->data_length, stat->num_children);
    } else if (verb == "ls") {
      const auto result = machine.get_children(path, caller, watch);
      if (!result) return error(result.error());
      for (const std::string& name : world_->children(path)) out_ += name + "\n";
    } else if (verb == "getacl") {
      const auto result = machine.get_acl(path, caller);
      if (!result) return error(result.error());
      for (const Acl& entry : result->acl) out_ += fmt::format("{}:{}:{}\n", entry.perms, entry.id.scheme, entry.id.id);
    } else if (verb == "count") {
      const auto result = machine.all_children_number(path, caller);
      if (!result) return error(result.error());
      out_ += fmt::format("{}\n", *result);
    } else {
      const auto done = verb == "unwatch" ? machine.remove_watches(path, std::stoi(words.next()), caller)
                                          : machine.add_watch(path, verb == "watch" ? 0 : 1, caller);
      done ? void(out_ += "ok\n") : error(done.error());
    }
  }

  void error(ZkError code) { out_ += fmt::format("{}\n", wire::zk::error_name(code)); }

  void submit(const Caller& caller, const WriteRequest& request) {
    world_->prepare(caller, request);
    if (!held_) apply_all();
  }

  void apply_all() {
    while (!world_->waiting.empty()) {
      const Done done = world_->apply_next();
      for (auto& [session, events] : world_->heard) {
        for (const Heard& event : std::exchange(events, {})) {
          static constexpr std::string_view names[] = {"created", "deleted", "data changed", "children changed"};
          out_ += fmt::format("{} hears: {} {}\n", session, names[static_cast<int>(event.type) - 1], event.path);
        }
      }
      for (const QuotaWarning& warning : std::exchange(world_->quota_warnings, {})) {
        out_ += fmt::format("quota: {} uses {} of {} {}\n", warning.path, warning.used, warning.limit,
                            warning.bytes ? "bytes" : "nodes");
      }
      out_ += fmt::format("zxid {}: {}{}{}\n", done.zxid.value, wire::zk::error_name(done.error),
                          done.path.empty() ? "" : " ", done.path);
      for (std::size_t i = 0; i < done.parts.size(); ++i) {
        out_ += fmt::format("  {} {} {}", i, wire::zk::op_name(done.parts[i].first),
                            wire::zk::error_name(done.parts[i].second));
        out_ += done.part_paths[i].empty() ? "\n" : " " + done.part_paths[i] + "\n";
      }
    }
  }

  MachineOptions options_;
  std::unique_ptr<ZnodeWorld> world_;
  std::deque<std::string> texts_;
  bool held_ = false;
  std::string out_;
};

class ZnodeDialogue : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Files, ZnodeDialogue, testing::ValuesIn(dialogue::files("znode_")), dialogue::name_of);

TEST_P(ZnodeDialogue, AnswersAsWritten) {
  Dialogue znodes;
  dialogue::run(GetParam(), [&](const std::string& line) { return znodes.say(line); });
}

}  // namespace
}  // namespace holdfast::zk
