#include "client/cli_families.h"

#include <memory>
#include <string>
#include <vector>

#include "client/cli.h"
#include "client/cli_manual.h"

namespace holdfast::client {
namespace {

Task<Exit> print_version(Session& session) {
  session.out().done(std::string("holdfast ") + HOLDFAST_VERSION, {{"version", HOLDFAST_VERSION}});
  co_return Exit::ok;
}

}  // namespace

void add_client_verbs(Cli& cli) {
  add_produce_verb(cli);
  add_consume_verb(cli);
  add_topic_verbs(cli);
  add_group_verbs(cli);
  add_broker_verbs(cli);
  add_partition_verbs(cli);
  add_offsets_verbs(cli);
  add_cluster_verbs(cli);
  add_zk_verbs(cli);
  add_quorum_verbs(cli);
  add_perf_verbs(cli);
  add_top_verb(cli);
  add_config_verbs(cli);
  add_doctor_verbs(cli);
  add_profile_verbs(cli);
  add_completion_verbs(cli);
  auto words = std::make_shared<std::vector<std::string>>();
  cli.verb("help", "what a verb does and takes, as VERB --help says it")
      .optional_argument("VERB", *words, "the verb, its noun before it; none: what there is")
      .example("holdfast help topic create")
      .runs_plainly([words, &cli] {
        std::vector<std::string> asked = *words;
        asked.emplace_back("--help");
        return cli.run(std::move(asked));
      });
  cli.verb("version", "print the version").runs(print_version);
  add_manual_verbs(cli);
}

}  // namespace holdfast::client
