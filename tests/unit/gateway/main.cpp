// The tests' own program is also the supervisor that the command gateway starts, as the bridge's is.
#include <gtest/gtest.h>

#include "bridge/gateway/supervisor.h"

int main(int argc, char** argv) {
  if (const auto code = clawbridge::gateway::run_as_supervisor(argc, argv)) return *code;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
