// Names of files that somebody else has chosen.
#include "bridge/cli/attached_files.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bridge/cli/failure.h"

namespace clawbridge::cli {
namespace {

TEST(Files, AreWrittenNowhereElse) {
  EXPECT_EQ(safe_name("a.txt", 1), "a.txt");
  EXPECT_EQ(safe_name("/etc/passwd", 1), "passwd");
  EXPECT_EQ(safe_name("..\\..\\evil.exe", 1), "evil.exe");
  EXPECT_EQ(safe_name("..", 1), "_.");
  EXPECT_EQ(safe_name(".bashrc", 1), "_bashrc");
  EXPECT_EQ(safe_name("C:evil", 1), "C_evil");
  EXPECT_EQ(safe_name("a/", 3), "attachment-3");
  EXPECT_EQ(safe_name("", 2), "attachment-2");
  EXPECT_EQ(safe_name("a\x1b[2J\n", 1), "a?[2J?");
  EXPECT_EQ(safe_name(std::string("a\0b", 3), 1), "a?b");
  EXPECT_LE(safe_name(std::string(500, 'x'), 1).size(), 200U);
  std::string long_name;
  for (int i = 0; i < 150; ++i) long_name += "\xc3\xbc";
  EXPECT_EQ(safe_name(long_name, 1).size(), 200U) << "no letter is cut in two";
}

TEST(Files, HaveTheirNumberLimited) {
  EXPECT_THROW((void)read_attachments(std::vector<std::string>(17, "/dev/null")), Failure);
  EXPECT_EQ(read_attachments({"/dev/null"})[0]["content"], "");
}

TEST(Files, AreOfTheTypeTheirNameSays) {
  EXPECT_EQ(mime_type_of("a.png"), "image/png");
  EXPECT_EQ(mime_type_of("png"), "application/octet-stream");
}

}  // namespace
}  // namespace clawbridge::cli
