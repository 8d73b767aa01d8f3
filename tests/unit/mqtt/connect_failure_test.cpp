// Paho's answers and the probe's findings, as kinds of failure and sentences.
#include "bridge/mqtt/connect_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::mqtt {
namespace {

using core::event::BrokerFailure;
using testing::AllOf;
using testing::HasSubstr;

const BrokerUrl kPlain = parse_broker_url("mqtt://hub").value();
const BrokerUrl kTls = parse_broker_url("mqtts://hub").value();
const char* const kClosed = "TCP connect completion failure";

core::event::BrokerConnectFailed answer(int code, int protocol = 5) {
  return classify(kPlain, {.protocol = protocol, .code = code, .username = "imac"}, std::nullopt);
}

TEST(ConnectFailure, KnowsTheCodesOfBothVersions) {
  EXPECT_EQ(answer(1).failure, BrokerFailure::ProtocolRefused);
  EXPECT_EQ(answer(132).failure, BrokerFailure::ProtocolRefused);
  EXPECT_EQ(answer(4, 4).failure, BrokerFailure::BadCredentials);
  EXPECT_EQ(answer(134).failure, BrokerFailure::BadCredentials);
  EXPECT_EQ(answer(5, 4).failure, BrokerFailure::NotAuthorized);
  EXPECT_EQ(answer(135).failure, BrokerFailure::NotAuthorized);
  EXPECT_EQ(answer(3, 4).failure, BrokerFailure::Unreachable);
  EXPECT_EQ(answer(136).failure, BrokerFailure::Unreachable);
  EXPECT_EQ(answer(2, 4).failure, BrokerFailure::Other);
  EXPECT_EQ(answer(133).failure, BrokerFailure::Other);
  EXPECT_EQ(answer(151).failure, BrokerFailure::Other);
}

TEST(ConnectFailure, NamesTheBrokerTheUserAndWhatToDo) {
  EXPECT_THAT(answer(134).reason, AllOf(HasSubstr("mqtt://hub"), HasSubstr("\"imac\""), HasSubstr("broker.password")));
  const auto nameless = classify(kPlain, {.code = 135}, std::nullopt);
  EXPECT_THAT(nameless.reason, HasSubstr("without a user name"));
}

TEST(ConnectFailure, TakesAClosedConnectionForARefusalOfMqtt5Once) {
  EXPECT_EQ(classify(kPlain, {.protocol = 5, .message = kClosed}, std::nullopt).failure,
            BrokerFailure::ProtocolRefused);
  const auto again = classify(kPlain, {.protocol = 4, .message = kClosed}, std::nullopt);
  EXPECT_EQ(again.failure, BrokerFailure::Unreachable);
  EXPECT_THAT(again.reason, HasSubstr("MQTT port?"));
}

TEST(ConnectFailure, ProbesOnlyWhatPahoDoesNotExplain) {
  EXPECT_FALSE(needs_probe(kPlain, {.code = 135}));
  EXPECT_FALSE(needs_probe(kPlain, {.message = kClosed}));
  EXPECT_TRUE(needs_probe(kPlain, {.protocol = 4, .message = kClosed}));
  EXPECT_TRUE(needs_probe(kTls, {.message = kClosed}));
  EXPECT_TRUE(needs_probe(kPlain, {.message = "TCP/TLS connect failure"}));
}

TEST(ConnectFailure, TellsTlsFromTheNetwork) {
  const ProbeResult no_way{.reached = false, .tcp_error = "Connection refused", .tls_error = {}};
  EXPECT_EQ(classify(kTls, {}, no_way).failure, BrokerFailure::Unreachable);
  EXPECT_THAT(classify(kTls, {}, no_way).reason, AllOf(HasSubstr("mqtts://hub"), HasSubstr("Connection refused")));
  const ProbeResult expired{
      .reached = true, .tcp_error = {}, .tls_error = "its certificate is refused: certificate has expired"};
  EXPECT_EQ(classify(kTls, {.message = kClosed}, expired).failure, BrokerFailure::Tls);
  EXPECT_THAT(classify(kTls, {}, expired).reason, HasSubstr("certificate has expired"));
  const ProbeResult plain{.reached = true, .tcp_error = {}, .tls_error = "wrong version number"};
  EXPECT_THAT(classify(kTls, {}, plain).reason, HasSubstr("use mqtt://"));
  const ProbeResult greeted{.reached = true, .tcp_error = {}, .tls_error = {}, .speaks_tls = true};
  const auto wants_tls = classify(kPlain, {.protocol = 4, .message = kClosed}, greeted);
  EXPECT_EQ(wants_tls.failure, BrokerFailure::Tls);
  EXPECT_THAT(wants_tls.reason, HasSubstr("use mqtts://"));
  const ProbeResult fine{.reached = true, .tcp_error = {}, .tls_error = {}};
  EXPECT_EQ(classify(kPlain, {.message = "TCP connect timeout"}, fine).failure, BrokerFailure::Unreachable);
  EXPECT_THAT(classify(kPlain, {.message = "TCP connect timeout"}, fine).reason, HasSubstr("TCP connect timeout"));
}

TEST(ConnectFailure, SaysWhatTheBrokerHoldsAgainstOurCertificate) {
  const auto reason = [](const std::string& alert) {
    return classify(kTls, {.message = kClosed}, ProbeResult{.reached = true, .tcp_error = {}, .tls_error = alert})
        .reason;
  };
  EXPECT_THAT(reason("sslv3 alert certificate revoked"), HasSubstr("on the broker's revocation list"));
  EXPECT_THAT(reason("sslv3 alert certificate expired"), HasSubstr("our client certificate has expired"));
  EXPECT_THAT(reason("tlsv13 alert certificate required"), HasSubstr("set broker.certificate and broker.key"));
  EXPECT_THAT(reason("tlsv1 alert unknown ca"), HasSubstr("authority that signed our client certificate"));
  EXPECT_THAT(reason("the connection ended right after the handshake"), HasSubstr("check broker.certificate"));
  EXPECT_THAT(reason("something new"), HasSubstr("TLS failed: something new"));
}

TEST(ConnectFailure, SaysWhyNoWebSocketCameUp) {
  const auto url = parse_broker_url("wss://hub/mqtt").value();
  const auto told = [&](ProbeResult found) {
    found.websocket_error = "it answers HTTP 404 Not Found at the path /mqtt";
    return classify(url, {}, found);
  };
  const auto declined = told({.reached = true, .tcp_error = {}, .tls_error = {}});
  EXPECT_EQ(declined.failure, BrokerFailure::Unreachable);
  EXPECT_THAT(declined.reason, AllOf(HasSubstr("wss://hub/mqtt"), HasSubstr("HTTP 404"), HasSubstr("in broker.url")));
  // What the probe finds lies before it.
  EXPECT_EQ(told({.reached = true, .tcp_error = {}, .tls_error = "its certificate has expired"}).failure,
            BrokerFailure::Tls);
  EXPECT_THAT(told({.reached = false, .tcp_error = "Connection refused", .tls_error = {}}).reason,
              HasSubstr("Connection refused"));
}

TEST(ConnectFailure, BelievesPahoOnceTheWebSocketStands) {
  const auto url = parse_broker_url("wss://hub/mqtt").value();
  EXPECT_FALSE(needs_probe(url, {.message = kClosed}));
  EXPECT_FALSE(needs_probe(url, {.protocol = 4, .message = "TCP connect timeout"}));
  EXPECT_EQ(classify(url, {.message = kClosed}, std::nullopt).failure, BrokerFailure::ProtocolRefused);
  EXPECT_THAT(classify(url, {.protocol = 4, .message = kClosed}, std::nullopt).reason,
              HasSubstr("port and path for WebSockets"));
}

TEST(ConnectFailure, NamesTheSchemeOfTheSameKind) {
  const ProbeResult plain{.reached = true, .tcp_error = {}, .tls_error = "wrong version number"};
  EXPECT_THAT(classify(parse_broker_url("wss://hub").value(), {}, plain).reason, HasSubstr("use ws://"));
  const ProbeResult greeted{.reached = true, .tcp_error = {}, .tls_error = {}, .speaks_tls = true};
  const auto web = parse_broker_url("ws://hub").value();
  EXPECT_THAT(classify(web, {.protocol = 4, .message = kClosed}, greeted).reason, HasSubstr("use wss://"));
}

}  // namespace
}  // namespace clawbridge::mqtt
