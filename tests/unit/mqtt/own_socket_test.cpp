// Whose connection came to a loopback port: told from our own open files.
#include "bridge/mqtt/own_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace clawbridge::mqtt {
namespace {

class OwnSocket : public testing::Test {
 protected:
  OwnSocket() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  ~OwnSocket() override { ::close(listener_); }

  int connect() const {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::connect(client, reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) == 0 ? client : -1;
  }
  int accept() const { return ::accept(listener_, nullptr, nullptr); }

  int listener_;
  sockaddr_in address_{};
};

TEST_F(OwnSocket, KnowsTheOtherEndOfItsOwnConnection) {
  const int client = connect();
  const int accepted = accept();
  EXPECT_TRUE(is_own_socket(accepted));
  EXPECT_TRUE(is_own_socket(client));
  ::close(client);
  EXPECT_FALSE(is_own_socket(accepted));
  ::close(accepted);
}

TEST_F(OwnSocket, IsNotTakenInByAnotherProcess) {
  const pid_t stranger = ::fork();
  if (stranger == 0) {  // until it is told that it is not wanted
    const int client = connect();
    char byte = 0;
    ::_exit(client >= 0 && ::read(client, &byte, 1) == 0 ? 0 : 1);
  }
  const int foreign = accept();
  const int client = connect();  // ours, beside it
  const int accepted = accept();
  EXPECT_FALSE(is_own_socket(foreign));
  EXPECT_TRUE(is_own_socket(accepted));
  for (const int file : {foreign, client, accepted}) ::close(file);
  int status = -1;
  EXPECT_EQ(::waitpid(stranger, &status, 0), stranger);
  EXPECT_EQ(status, 0);
}

TEST_F(OwnSocket, KnowsNothingOfWhatIsNoConnection) {
  EXPECT_FALSE(is_own_socket(listener_));
  EXPECT_FALSE(is_own_socket(-1));
}

TEST_F(OwnSocket, DoesNotGuessWhenItCannotLook) {
  const int client = connect();
  const int accepted = accept();
  EXPECT_THROW(static_cast<void>(is_own_socket(accepted, "/nonexistent/fd")), std::filesystem::filesystem_error);
  ::close(client);
  ::close(accepted);
}

}  // namespace
}  // namespace clawbridge::mqtt
