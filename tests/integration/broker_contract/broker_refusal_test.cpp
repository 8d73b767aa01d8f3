// Brokers that refuse: credentials, rights, the protocol version, TLS. Each refusal is told for what it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker_client.h"

namespace clawbridge::mqtt {
namespace {

using core::event::BrokerFailure;
using core::event::BrokerMessage;
using core::event::BrokerPublished;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::BrokerClient;
using testing_support::BrokerProcess;

void run(const std::string& command) {
  ASSERT_EQ(std::system(("{ " + command + "; } >/dev/null 2>&1").c_str()), 0) << command;
}

class BrokerCredentials : public testing::TestWithParam<int> {};

TEST_P(BrokerCredentials, ThatAreWrongAreToldWithoutThePassword) {
  BrokerProcess process("mosquitto");
  const auto passwords = process.folder() / "passwords";
  run("PATH=$PATH:/usr/sbin mosquitto_passwd -b -c '" + passwords.string() + "' imac right");
  process.start("password_file " + passwords.string());  // names are checked, having none is allowed
  BrokerClient client(Settings{.url = process.url(), .username = "imac", .password = "wrong-secret"});
  const auto failed = client.refused("a", GetParam());
  EXPECT_TRUE(failed.failure == BrokerFailure::BadCredentials || failed.failure == BrokerFailure::NotAuthorized);
  EXPECT_THAT(failed.reason, AllOf(HasSubstr(process.url()), HasSubstr("\"imac\""), HasSubstr("broker.password"),
                                   Not(HasSubstr("wrong-secret"))));
  BrokerClient good(Settings{.url = process.url(), .username = "imac", .password = "right"});
  good.connected("b", GetParam());
}

INSTANTIATE_TEST_SUITE_P(Mqtt, BrokerCredentials, testing::Values(5, 4),
                         [](const auto& version) { return version.param == 5 ? "5" : "311"; });

TEST(BrokerRights, RefusedPublishesAndSubscriptionsAreTold) {
  BrokerProcess process("mosquitto");
  const auto rules = process.folder() / "acl";
  std::ofstream(rules) << "topic readwrite contract/#\n";
  process.start("acl_file " + rules.string());
  BrokerClient client(process.url());
  client.connected("a");
  client.publish("secret/inbox", "x", 5);
  const auto refused = client.wait<BrokerPublished>();
  EXPECT_EQ(refused.token, 5U);
  EXPECT_FALSE(refused.ok);
  EXPECT_THAT(refused.reason, AllOf(HasSubstr("secret/inbox"), HasSubstr("135"), HasSubstr(process.url())));
  client.publish("contract/a/inbox", "x", 6);
  EXPECT_TRUE(client.wait<BrokerPublished>().ok);
  client.publish("secret/inbox", "without a token");
  client.publish("contract/a/inbox", "x", 7);
  EXPECT_TRUE(client.wait<BrokerPublished>().ok);
  EXPECT_EQ(client.broker.counters().refused, 2U);
}

TEST(BrokerProtocol, ThatKnowsOnly311IsToldAndTaken) {
  BrokerProcess process("nats");
  process.start();
  BrokerClient client(process.url());
  const auto failed = client.refused("a");
  EXPECT_EQ(failed.failure, BrokerFailure::ProtocolRefused);
  EXPECT_THAT(failed.reason, HasSubstr("MQTT 5"));
  EXPECT_EQ(client.connected("a", 4).protocol, 4);
  client.subscribe({{"contract/a/inbox", false}});
  client.publish("contract/a/inbox", "x", 1);
  EXPECT_EQ(client.wait<BrokerMessage>().payload, "x");
}

/// Closes every connection as soon as something was read, as RabbitMQ does with a CONNECT of MQTT 5.
class Closer {
 public:
  Closer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const int peer = ::accept(listener_, nullptr, nullptr);
        if (peer < 0) return;
        char byte = 0;
        if (::read(peer, &byte, 1) < 0) byte = 0;
        ::close(peer);
      }
    });
  }
  ~Closer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

TEST(BrokerProtocol, ThatClosesOnConnectIsTakenForOneWithoutMqtt5) {
  Closer closer;
  BrokerClient client(closer.url());
  EXPECT_EQ(client.refused("a", 5).failure, BrokerFailure::ProtocolRefused);
  const auto second = client.refused("a", 4);
  EXPECT_EQ(second.failure, BrokerFailure::Unreachable);
  EXPECT_THAT(second.reason, HasSubstr("closed the connection without an answer"));
}

/// A plain port, and one with TLS. The parameter: whether that one wants a client certificate.
class BrokerTls : public testing::TestWithParam<bool> {
 protected:
  BrokerTls() : process_("mosquitto"), port_(testing_support::free_port()) {
    const auto folder = process_.folder().string();
    const std::string key = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";
    run("cd '" + folder + "' && " + key + "-x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem && " + key +
        "-subj /CN=localhost -keyout server.key -out server.csr && printf 'subjectAltName=DNS:localhost' > san && "
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out "
        "server.pem");
    process_.start("listener " + std::to_string(port_) + " 127.0.0.1\ncertfile " + folder + "/server.pem\nkeyfile " +
                   folder + "/server.key\ncafile " + folder + "/ca.pem\nrequire_certificate " +
                   (GetParam() ? "true" : "false"));
  }
  [[nodiscard]] std::string url(const std::string& host) const {
    return "mqtts://" + host + ":" + std::to_string(port_);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (process_.folder() / name).string(); }

  BrokerProcess process_;
  int port_;
};

TEST_P(BrokerTls, WorksWithTheAuthorityAndTheRightName) {
  BrokerClient client(Settings{.url = url("localhost"), .ca_file = file("ca.pem")});
  client.connected("a");
  client.subscribe({{"contract/a/inbox", false}});
  client.publish("contract/a/inbox", "x", 1);
  EXPECT_EQ(client.wait<BrokerMessage>().payload, "x");
}

TEST_P(BrokerTls, RefusesACertificateOfAnUnknownAuthority) {
  BrokerClient client(Settings{.url = url("localhost")});
  const auto failed = client.refused("a");
  EXPECT_EQ(failed.failure, BrokerFailure::Tls);
  EXPECT_THAT(failed.reason, AllOf(HasSubstr("certificate"), HasSubstr("broker.ca "))) << failed.reason;
}

TEST_P(BrokerTls, RefusesACertificateForAnotherName) {
  BrokerClient client(Settings{.url = url("127.0.0.1"), .ca_file = file("ca.pem")});
  const auto failed = client.refused("a");
  EXPECT_EQ(failed.failure, BrokerFailure::Tls);
  EXPECT_THAT(failed.reason, HasSubstr("host name")) << failed.reason;
}

TEST_P(BrokerTls, TakesAnyCertificateOnlyWhenToldTo) {
  BrokerClient client(Settings{.url = url("127.0.0.1"), .insecure = true});
  client.connected("a");
}

TEST_P(BrokerTls, IsNotSpokenOnAPlainPort) {
  BrokerClient client(Settings{.url = process_.url("mqtts"), .ca_file = file("ca.pem")});
  const auto failed = client.refused("a");
  EXPECT_EQ(failed.failure, BrokerFailure::Tls);
  EXPECT_THAT(failed.reason, HasSubstr("mqtt://")) << failed.reason;
}

using BrokerClientCertificate = BrokerTls;

TEST_P(BrokerClientCertificate, IsTakenAndMissed) {
  BrokerClient without(Settings{.url = url("localhost"), .ca_file = file("ca.pem")});
  const auto failed = without.refused("a");
  EXPECT_EQ(failed.failure, BrokerFailure::Tls);
  EXPECT_THAT(failed.reason, HasSubstr("broker.certificate"));
  BrokerClient with(Settings{.url = url("localhost"),
                             .ca_file = file("ca.pem"),
                             .certificate_file = file("server.pem"),
                             .key_file = file("server.key")});
  with.connected("a");
}

INSTANTIATE_TEST_SUITE_P(Plain, BrokerTls, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Demanding, BrokerClientCertificate, testing::Values(true));

}  // namespace
}  // namespace clawbridge::mqtt
