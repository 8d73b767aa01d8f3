// One function for each check: what was seen, in; the verdict, out. Pure.
#pragma once

#include "bridge/doctor/checks.h"

namespace clawbridge::doctor {

Verdict judge_settings_file(const Observations& seen);
Verdict judge_settings_secrets(const Observations& seen);

// REQUIRES, here and below: the part of the observations that the check is about is there.
Verdict judge_state_folder(const Observations& seen);
Verdict judge_state_disk(const Observations& seen);
Verdict judge_state_journal(const Observations& seen);
Verdict judge_state_keys(const Observations& seen);
Verdict judge_daemon_socket(const Observations& seen);
Verdict judge_daemon_running(const Observations& seen);
Verdict judge_daemon_broker(const Observations& seen);
Verdict judge_daemon_gateway(const Observations& seen);

Verdict judge_broker_name(const Observations& seen);
Verdict judge_broker_reach(const Observations& seen);
Verdict judge_broker_tls(const Observations& seen);
Verdict judge_broker_protocol(const Observations& seen);
Verdict judge_broker_login(const Observations& seen);
Verdict judge_broker_qos(const Observations& seen);
Verdict judge_write_own(const Observations& seen);
Verdict judge_write_inbox(const Observations& seen);
Verdict judge_write_reply(const Observations& seen);
Verdict judge_write_hello(const Observations& seen);
Verdict judge_read_inbox(const Observations& seen);
Verdict judge_read_reply(const Observations& seen);
Verdict judge_read_state(const Observations& seen);
Verdict judge_read_hello(const Observations& seen);
Verdict judge_broker_exchange(const Observations& seen);
Verdict judge_broker_retained(const Observations& seen);
Verdict judge_broker_wildcard(const Observations& seen);
Verdict judge_broker_will(const Observations& seen);
Verdict judge_broker_session(const Observations& seen);
Verdict judge_broker_size(const Observations& seen);
Verdict judge_broker_one_owner(const Observations& seen);

Verdict judge_gateway_program(const Observations& seen);
Verdict judge_gateway_reach(const Observations& seen);
Verdict judge_gateway_protocol(const Observations& seen);
Verdict judge_gateway_login(const Observations& seen);
Verdict judge_gateway_scopes(const Observations& seen);
Verdict judge_gateway_agents(const Observations& seen);
Verdict judge_gateway_plugin(const Observations& seen);
Verdict judge_gateway_tools(const Observations& seen);

Verdict judge_peers_trust(const Observations& seen);
Verdict judge_peers_present(const Observations& seen);
Verdict judge_peers_answer(const Observations& seen);
Verdict judge_peers_clock(const Observations& seen);

}  // namespace clawbridge::doctor
