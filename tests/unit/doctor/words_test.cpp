// The sentences of the MQTT adapter must be those that the checks know: each is made here, not quoted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/mqtt/connect_failure.h"
#include "sound.h"

namespace clawbridge::doctor {
namespace {

using mqtt::ConnectAttempt;
using mqtt::ProbeResult;
using testing::ElementsAre;

/// A broker that is not entered, with classify()'s sentence; `failed` says where it stopped.
std::vector<std::string> faults_of(const char* url, Shown BrokerSeen::*failed, const ConnectAttempt& attempt,
                                   const std::optional<ProbeResult>& probed) {
  auto seen = sound();
  seen.broker = BrokerSeen{};
  for (auto step : {&BrokerSeen::resolved, &BrokerSeen::reached, &BrokerSeen::tls_made, &BrokerSeen::speaks_protocol,
                    &BrokerSeen::let_in}) {
    (*seen.broker).*step = step == failed ? Shown::No : Shown::Yes;
    if (step == failed) break;
  }
  seen.broker->error = classify(mqtt::parse_broker_url(url).value(), attempt, probed).reason;
  return faults_in(seen);
}

ProbeResult tls(const char* error) {
  return {.reached = true, .tcp_error = {}, .tls_error = error};
}

TEST(Words, OfTheWayIn) {
  const ProbeResult unknown{
      .tcp_error = "the name \"hub\" is not found (Name or service not known)", .tls_error = {}, .resolved = false};
  EXPECT_THAT(faults_of("mqtt://hub", &BrokerSeen::resolved, {}, unknown), ElementsAre("broker.name.unknown"));
  const ProbeResult closed{.tcp_error = "Connection refused", .tls_error = {}};
  EXPECT_THAT(faults_of("mqtt://hub", &BrokerSeen::reached, {}, closed), ElementsAre("broker.reach.refused"));
  const ProbeResult silent{.tcp_error = "Connection timed out", .tls_error = {}};
  EXPECT_THAT(faults_of("mqtt://hub", &BrokerSeen::reached, {}, silent), ElementsAre("broker.reach.unreachable"));
}

TEST(Words, OfTls) {
  const auto fault = [](const char* error) {
    return faults_of("mqtts://hub", &BrokerSeen::tls_made, {}, tls(error)).front();
  };
  EXPECT_EQ(fault("its certificate has expired (certificate has expired); renew it on the broker, or correct this "
                  "machine's clock"),
            "broker.tls.expired");
  EXPECT_EQ(fault("sslv3 alert certificate revoked"), "broker.tls.client_revoked");
  EXPECT_EQ(fault("sslv3 alert certificate expired"), "broker.tls.client_expired");
  EXPECT_EQ(fault("tlsv13 alert certificate required"), "broker.tls.client_wanted");
  EXPECT_EQ(fault("tlsv1 alert unknown ca"), "broker.tls.client_refused");
  EXPECT_EQ(fault("wrong version number"), "broker.tls.plain_port");
  EXPECT_EQ(fault("something new"), "broker.tls.failed");
  const ProbeResult other{.reached = true, .tcp_error = {}, .tls_error = {}, .speaks_tls = true};
  EXPECT_THAT(faults_of("mqtt://hub", &BrokerSeen::tls_made, {}, other), ElementsAre("broker.tls.tls_port"));
}

TEST(Words, OfTheBrokersAnswer) {
  const auto fault = [](Shown BrokerSeen::*failed, int code, int protocol = 5) {
    return faults_of("mqtt://hub", failed, {.protocol = protocol, .code = code, .username = "imac"}, std::nullopt)
        .front();
  };
  EXPECT_EQ(fault(&BrokerSeen::let_in, 134), "broker.login.credentials");
  EXPECT_EQ(fault(&BrokerSeen::let_in, 4, 4), "broker.login.credentials");
  EXPECT_EQ(fault(&BrokerSeen::let_in, 135), "broker.login.not_authorized");
  EXPECT_EQ(fault(&BrokerSeen::let_in, 133), "broker.login.client_id");
  EXPECT_EQ(fault(&BrokerSeen::let_in, 136), "broker.login.refused");
  EXPECT_EQ(fault(&BrokerSeen::speaks_protocol, 132), "broker.protocol.version");
  EXPECT_THAT(faults_of("mqtt://hub", &BrokerSeen::speaks_protocol,
                        {.protocol = 4, .message = "TCP connect completion failure"}, std::nullopt),
              ElementsAre("broker.protocol.no_mqtt"));
}

}  // namespace
}  // namespace clawbridge::doctor
