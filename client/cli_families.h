// The families of verbs, in the order of the manual. Each is a file, client/cli_<family>.cpp.
#pragma once

namespace holdfast::client {

class Cli;

void add_client_verbs(Cli& cli);  // all of them

void add_completion_verbs(Cli& cli);
void add_config_verbs(Cli& cli);
void add_doctor_verbs(Cli& cli);
void add_profile_verbs(Cli& cli);
void add_topic_verbs(Cli& cli);

}  // namespace holdfast::client
