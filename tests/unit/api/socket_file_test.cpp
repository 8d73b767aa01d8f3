// The socket's file: whose it is, and what stands in its place.
#include "bridge/api/socket_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "temporary_directory.h"

namespace clawbridge::api {
namespace {

using testing::HasSubstr;

class SocketFileTest : public testing::Test {
 protected:
  std::string refusal(const std::string& path) {
    SocketFile file(io_);
    try {
      file.open(path);
    } catch (const std::runtime_error& failure) {
      return failure.what();
    }
    return "opened";
  }
  static unsigned mode(const std::string& path) {
    struct stat found {};
    return stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : 0U;
  }

  TemporaryDirectory directory_;
  asio::io_context io_;
};

TEST_F(SocketFileTest, IsForItsOwnerOnlyAndGoesWithItsServer) {
  const std::string path = directory_.path("a.sock");
  {
    SocketFile file(io_);
    file.open(path);
    EXPECT_EQ(mode(path), 0600U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketFileTest, MakesItsDirectoryPrivate) {
  SocketFile file(io_);
  file.open(directory_.path("deep/er/a.sock"));
  EXPECT_EQ(mode(directory_.path("deep/er")), 0700U);
}

TEST_F(SocketFileTest, RefusesAPathThatIsTooLong) {
  EXPECT_THAT(refusal("/tmp/" + std::string(200, 'x')), HasSubstr("the path is 205 bytes long, a Unix socket takes"));
  EXPECT_THAT(refusal(""), HasSubstr("set api.socket"));
}

TEST_F(SocketFileTest, RefusesToReplaceALiveDaemon) {
  SocketFile first(io_);
  first.open(directory_.path("a.sock"));
  EXPECT_THAT(refusal(directory_.path("a.sock")), HasSubstr("another clawbridge daemon listens there"));
  EXPECT_TRUE(std::filesystem::exists(directory_.path("a.sock")));
}

TEST_F(SocketFileTest, ReplacesTheSocketOfADeadDaemon) {
  const std::string path = directory_.path("a.sock");
  { SocketFile::Acceptor dead(io_, asio::local::stream_protocol::endpoint(path)); }
  ASSERT_TRUE(std::filesystem::exists(path));
  SocketFile file(io_);
  file.open(path);
  EXPECT_TRUE(file.acceptor().is_open());
}

TEST_F(SocketFileTest, WaitsForADaemonThatIsDying) {
  const std::string path = directory_.path("a.sock");
  SocketFile::Acceptor dying(io_, asio::local::stream_protocol::endpoint(path));
  std::thread end([&dying, &path] {
    // Closed as soon as somebody has been let in, that is after the first look.
    asio::io_context own;
    asio::local::stream_protocol::socket caller(own);
    dying.accept(caller);
    dying.close();
  });
  SocketFile file(io_);
  file.open(path);
  end.join();
  EXPECT_TRUE(file.acceptor().is_open());
}

TEST_F(SocketFileTest, LeavesOtherFilesAlone) {
  std::ofstream(directory_.path("a.txt")) << "precious";
  EXPECT_THAT(refusal(directory_.path("a.txt")), HasSubstr("a file that is no socket"));
  EXPECT_THAT(refusal(directory_.path("a.txt/b.sock")), HasSubstr("Not a directory"));
  EXPECT_TRUE(std::filesystem::exists(directory_.path("a.txt")));
}

TEST_F(SocketFileTest, DoesNotRemoveAFileThatTookItsPlace) {
  const std::string path = directory_.path("a.sock");
  SocketFile file(io_);
  file.open(path);
  std::filesystem::remove(path);
  std::ofstream(path) << "somebody else's";
  file.close();
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace clawbridge::api
