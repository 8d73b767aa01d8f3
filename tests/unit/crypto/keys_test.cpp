// The key file: made once, private, and refused with a plain sentence when it is not what it must be.
#include "bridge/crypto/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace clawbridge::crypto {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class KeysFile : public testing::Test {
 protected:
  KeysFile() {
    std::string pattern = (fs::temp_directory_path() / "clawbridge-keys.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~KeysFile() override { fs::remove_all(folder_); }

  void write(const std::string& text, fs::perms mode = fs::perms::owner_read | fs::perms::owner_write) {
    std::ofstream(path()) << text;
    fs::permissions(path(), mode);
  }
  [[nodiscard]] std::string content() const {
    std::stringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }
  [[nodiscard]] fs::path path() const { return folder_ / "keys.json"; }
  [[nodiscard]] std::string refusal() const {
    const auto keys = load_or_create_keys(path(), "imac");
    return keys ? "accepted" : keys.error().message;
  }
  /// Makes good keys, then lets `change` spoil the file.
  template <class Change>
  void spoil(Change change) {
    ASSERT_TRUE(load_or_create_keys(path(), "imac"));
    json object = json::parse(content());
    change(object);
    write(object.dump());
  }

  fs::path folder_;
};

TEST_F(KeysFile, IsMadePrivateAndReadBackTheSame) {
  const auto made = load_or_create_keys(path(), "imac");
  ASSERT_TRUE(made);
  struct stat about {};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  const auto read = load_or_create_keys(path(), "imac");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->sign.secret, made->sign.secret);
  EXPECT_EQ(read->sign.public_key, made->sign.public_key);
  EXPECT_EQ(read->box.secret, made->box.secret);
  EXPECT_EQ(read->box.public_key, made->box.public_key);
  EXPECT_NE(made->sign.secret, made->box.secret);
}

TEST_F(KeysFile, HasTheContractsMembers) {
  ASSERT_TRUE(load_or_create_keys(path(), "imac"));
  const auto object = json::parse(content());
  EXPECT_EQ(object["gateway"], "imac");
  for (const char* pair : {"sign", "box"}) {
    EXPECT_TRUE(base64url_decode32(object[pair]["secret"].get<std::string>())) << pair;
    EXPECT_TRUE(base64url_decode32(object[pair]["public"].get<std::string>())) << pair;
  }
}

TEST_F(KeysFile, LeavesNoTemporaryFileAndMakesPrivateFolders) {
  const fs::path deep = folder_ / "a" / "b" / "keys.json";
  ASSERT_TRUE(load_or_create_keys(deep, "imac"));
  EXPECT_EQ(std::distance(fs::directory_iterator(deep.parent_path()), fs::directory_iterator()), 1);
  EXPECT_EQ(fs::status(folder_ / "a").permissions(), fs::perms::owner_all);
}

TEST_F(KeysFile, AcceptsTheGoldenKeys) {
  const auto all = json::parse(std::ifstream(CLAWBRIDGE_SOURCE_DIR "/tests/golden/wire-vectors.json"));
  for (const char* name : {"macbook", "imac", "studio"}) {
    const auto& gateway = all["gateways"][name];
    write(json{{"gateway", name}, {"sign", gateway["sign"]}, {"box", gateway["box"]}}.dump());
    EXPECT_TRUE(load_or_create_keys(path(), name)) << name;
  }
}

TEST_F(KeysFile, ThatOthersMayReadIsRefused) {
  ASSERT_TRUE(load_or_create_keys(path(), "imac"));
  for (const auto extra : {fs::perms::group_read, fs::perms::others_read, fs::perms::group_write}) {
    fs::permissions(path(), fs::perms::owner_read | fs::perms::owner_write | extra);
    EXPECT_THAT(refusal(), testing::HasSubstr("chmod 600"));
  }
}

TEST_F(KeysFile, OfAnotherGatewayIsRefused) {
  ASSERT_TRUE(load_or_create_keys(path(), "macbook"));
  EXPECT_THAT(refusal(), testing::AllOf(testing::HasSubstr("\"macbook\""), testing::HasSubstr("\"imac\"")));
}

TEST_F(KeysFile, WhosePublicKeysAreForeignIsRefused) {
  for (const char* pair : {"sign", "box"}) {
    fs::remove(path());
    spoil(
        [&](json& object) { object[pair]["public"] = object[pair == std::string("sign") ? "box" : "sign"]["public"]; });
    EXPECT_THAT(refusal(), testing::HasSubstr(std::string("\"") + pair + "\" is not the one of its secret"));
  }
}

TEST_F(KeysFile, ThatIsIncompleteOrNoJsonIsRefusedAndKept) {
  const std::string half = R"({"gateway":"imac","sign":{"secret":"AA","public":"AA"},"box":{}})";
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), std::string("{\"gateway\":7}"),
                                  half, std::string(20'000, ' ')}) {
    write(text);
    EXPECT_THAT(refusal(), testing::HasSubstr(path().string()));
    EXPECT_EQ(content(), text);
  }
}

TEST_F(KeysFile, InAFolderThatIsAFileIsAnError) {
  write("x");
  const auto keys = load_or_create_keys(path() / "keys.json", "imac");
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message, testing::HasSubstr("keys.json"));
}

}  // namespace
}  // namespace clawbridge::crypto
