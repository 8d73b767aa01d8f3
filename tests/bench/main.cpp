// clawbridge_bench: makes load and prints what it measured as one line of JSON. run.py puts the lines into a table.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "tests/bench/http_path.h"
#include "tests/bench/raw_paho.h"

namespace bench = clawbridge::bench;

namespace {

void add_load(CLI::App* command, bench::Load& load) {
  command->add_option("--bytes", load.bytes, "of one message")->required();
  command->add_option("--in-flight", load.in_flight, "exchanges at a time")->required();
  command->add_option("--count", load.count, "exchanges in all")->required();
}

int run(int argc, char** argv) {
  CLI::App app{"Load for the benchmark of clawbridge"};
  app.require_subcommand(1);
  std::string broker;
  bench::Load load;
  bench::Target target;

  auto* respond = app.add_subcommand("respond", "raw Paho: answer until standard input ends");
  respond->add_option("--broker", broker)->required();
  auto* request = app.add_subcommand("request", "raw Paho: ask a responder");
  request->add_option("--broker", broker)->required();
  add_load(request, load);
  auto* path = app.add_subcommand("path", "the full path: ask a bridge");
  path->add_option("--socket", target.socket)->required();
  path->add_option("--gateway", target.gateway);
  path->add_option("--agents", target.agents, "how many agents share the load");
  add_load(path, load);

  CLI11_PARSE(app, argc, argv);
  if (*respond) bench::respond(broker);
  if (*request) std::cout << bench::to_json(bench::request(broker, load)) << std::endl;
  if (*path) std::cout << bench::to_json(bench::ask(target, load)) << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << "clawbridge_bench: " << failure.what() << '\n';
    return 1;
  }
}
