// The second door of the socket.
#include "bridge/api/peer_credentials.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace clawbridge::api {
namespace {

TEST(PeerCredentials, NameTheUserAtTheOtherEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  EXPECT_EQ(peer_user(ends[0]), geteuid());
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(peer_user(ends[0]), std::nullopt);
}

TEST(PeerCredentials, LetInTheSameUserAndRootOnly) {
  EXPECT_TRUE(is_welcome(1000, 1000));
  EXPECT_TRUE(is_welcome(0, 1000));
  EXPECT_FALSE(is_welcome(1001, 1000));
  EXPECT_FALSE(is_welcome(1000, 0));
  EXPECT_FALSE(is_welcome(std::nullopt, 1000));
}

}  // namespace
}  // namespace clawbridge::api
