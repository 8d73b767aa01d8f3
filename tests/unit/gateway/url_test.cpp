// Gateway addresses.
#include "bridge/gateway/url.h"

#include <gtest/gtest.h>

namespace clawbridge::gateway {
namespace {

TEST(Url, ReadsHostPortAndPath) {
  const auto url = parse_url("ws://127.0.0.1:18789/gw?x=1");
  ASSERT_TRUE(url);
  EXPECT_FALSE(url->tls);
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, "18789");
  EXPECT_EQ(url->path, "/gw?x=1");
}

TEST(Url, KnowsTheDefaultPorts) {
  EXPECT_EQ(parse_url("ws://host")->port, "80");
  EXPECT_EQ(parse_url("wss://host")->port, "443");
  EXPECT_TRUE(parse_url("wss://host")->tls);
  EXPECT_EQ(parse_url("wss://host")->path, "/");
}

TEST(Url, ReadsIpv6) {
  const auto url = parse_url("ws://[::1]:18789");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, "18789");
  EXPECT_EQ(parse_url("wss://[fe80::1]/")->port, "443");
}

TEST(Url, RefusesWhatIsNoGatewayAddress) {
  for (const auto* text : {"", "http://host", "ws://", "ws://:1", "ws://host:", "ws://host:0", "ws://host:65536",
                           "ws://host:1x", "ws://[::1", "ws://[::1]x", "ws://user@host", "host:18789"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

}  // namespace
}  // namespace clawbridge::gateway
