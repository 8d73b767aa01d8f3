// What only WebSockets have: the relay between Paho and them, whom it lets in, and what it passes on when one end goes.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <future>

#include "bridge/mqtt/websocket_relay.h"
#include "broker_client.h"
#include "relay.h"

namespace clawbridge::mqtt {
namespace {

using core::event::BrokerFailure;
using core::event::BrokerLost;
using core::event::BrokerMessage;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::BrokerClient;
using testing_support::BrokerProcess;

// nats puts several packets into one frame, which is what Paho's own WebSockets cannot take. It speaks MQTT 3.1.1 only.
constexpr int kProtocol = 4;

class WebSockets : public testing::Test {
 protected:
  WebSockets() : process_("nats"), port_(testing_support::free_port()) {
    process_.start("websocket { listen: \"127.0.0.1:" + std::to_string(port_) + "\", no_tls: true }");
  }
  [[nodiscard]] std::string url(int port) const { return "ws://127.0.0.1:" + std::to_string(port); }
  [[nodiscard]] std::string url() const { return url(port_); }

  BrokerProcess process_;
  int port_;
};

TEST_F(WebSockets, EveryPacketOfAFrameArrivesAtOnce) {
  BrokerClient client(url());
  client.connected("frames", kProtocol);
  client.publish("contract/frames/state", "kept", 1, true);
  client.wait<core::event::BrokerPublished>();
  // The answers to the filters and the retained messages that match them come mixed, in as few frames as the broker
  // likes. A packet left behind would be one that this waits for in vain.
  for (int round = 0; round < 20; ++round) {
    const auto subscribed = client.subscribe({{"contract/+/state", true},
                                              {"contract/frames/#", true},
                                              {"contract/frames/inbox", false},
                                              {"contract/+/+", true}});
    EXPECT_EQ(subscribed.results.size(), 4U);
    EXPECT_EQ(client.wait<BrokerMessage>().payload, "kept");
  }
}

TEST_F(WebSockets, ALostWayIsToldOnceAndPublishesTheWill) {
  BrokerClient watcher(process_.url());
  watcher.connected("watcher", kProtocol);
  watcher.subscribe({{"contract/+/state", true}});
  testing_support::Relay network(port_);
  BrokerClient victim("ws" + network.url().substr(4));
  victim.connected("victim", kProtocol);
  network.cut();
  EXPECT_NE(victim.wait<BrokerLost>().reason, "");
  EXPECT_EQ(watcher.wait<BrokerMessage>().topic, "contract/victim/state");
  victim.connected("victim", kProtocol);
  EXPECT_EQ(victim.count<BrokerLost>(), 0U) << "told once, though both connections were lost";
}

TEST_F(WebSockets, AnOrderedEndReachesTheBrokerAndLeavesNoWill) {
  BrokerClient watcher(process_.url());
  watcher.connected("watcher", kProtocol);
  watcher.subscribe({{"contract/+/state", true}});
  {
    BrokerClient quiet(url());
    quiet.connected("quiet", kProtocol);
    EXPECT_TRUE(quiet.broker.stop(std::chrono::seconds(10)));
  }
  watcher.publish("contract/other/state", "marker", 1);
  EXPECT_EQ(watcher.wait<BrokerMessage>().payload, "marker");
}

TEST_F(WebSockets, AreNotSpokenOnAnMqttPortNorOnNone) {
  BrokerClient mqtt_port(url(process_.port()));
  EXPECT_THAT(mqtt_port.refused("a", kProtocol).reason,
              AllOf(HasSubstr(url(process_.port())), HasSubstr("no WebSocket came up")));
  BrokerClient no_port(url(1));
  const auto failed = no_port.refused("a", kProtocol);
  EXPECT_EQ(failed.failure, BrokerFailure::Unreachable);
  EXPECT_THAT(failed.reason, HasSubstr("refused"));
}

TEST_F(WebSockets, AnAttemptCanBeDroppedAtAnyStep) {
  for (int round = 0; round < 50; ++round) {
    BrokerClient client(url());
    client.connect("dropped", kProtocol);
    // Each round a little further: the attempt is somewhere between its first and its last step. Counted, not waited
    // for: on a busy machine a thread that gives way comes back late.
    std::atomic<int> turns{0};
    while (++turns < round * 50'000) {
    }
  }
  BrokerClient client(url());
  client.connected("dropped", kProtocol);
}

/// Where a relay lets Paho in.
sockaddr_in address_in(const std::string& relay_url) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(relay_url.substr(relay_url.rfind(':') + 1))));
  return address;
}

constexpr char kConnect[] = "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test";
constexpr std::string_view kConnack("\x20\x02\x00\x00", 4);

/// Connects as Paho does and greets. Nothing but system calls, so that a forked child may use it too. -1: it failed.
int greet(const sockaddr_in& address) {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return -1;
  return ::write(file, kConnect, sizeof(kConnect) - 1) == static_cast<ssize_t>(sizeof(kConnect) - 1) ? file : -1;
}

TEST_F(WebSockets, AllThatWasWrittenBeforeTheEndReachesTheBroker) {
  constexpr int kMessages = 300;
  BrokerClient reader(process_.url());
  reader.connected("reader", kProtocol);
  reader.subscribe({{"contract/raw/inbox", false}});
  const auto way = parse_broker_url(url()).value();
  const Settings settings{.url = url()};
  std::promise<std::string> opened;
  {
    WebsocketRelay relay(way, settings, 1,
                         {[&](const std::vector<std::string>& urls) { opened.set_value(urls.at(0)); },
                          [](const std::string& why) { ADD_FAILURE() << why; }});
    const int paho = greet(address_in(opened.get_future().get()));
    ASSERT_GE(paho, 0);
    // QoS 0, 10,000 bytes after the topic: nobody waits for an answer, and the system takes it all before it is sent.
    const std::string topic = "contract/raw/inbox";
    std::string all;
    for (int n = 0; n < kMessages; ++n) {
      const std::size_t rest = 2 + topic.size() + 10'000;
      all += {'\x30', static_cast<char>(rest % 128 | 128), static_cast<char>(rest / 128), '\0',
              static_cast<char>(topic.size())};
      all += topic + std::string(10'000, static_cast<char>('a' + n % 26));
    }
    all += std::string("\xe0\0", 2);  // DISCONNECT
    std::size_t sent = 0;
    while (sent < all.size()) {
      const auto count = ::send(paho, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      sent += static_cast<std::size_t>(count);
    }
    std::string answer(kConnack.size(), '\0');  // read, for an end with bytes unread is no orderly one
    ASSERT_EQ(::recv(paho, answer.data(), answer.size(), MSG_WAITALL), static_cast<ssize_t>(answer.size()));
    ::close(paho);
    EXPECT_TRUE(relay.wait_closed(std::chrono::seconds(30)));
  }
  for (int n = 0; n < kMessages; ++n) {
    ASSERT_EQ(reader.wait<BrokerMessage>().payload, std::string(10'000, static_cast<char>('a' + n % 26))) << n;
  }
}

TEST_F(WebSockets, ALocalStrangerIsNotLetIn) {
  const auto way = parse_broker_url(url()).value();
  const Settings settings{.url = url()};
  std::promise<std::string> opened;
  std::promise<std::string> failed;
  WebsocketRelay relay(way, settings, 1,
                       {[&](const std::vector<std::string>& urls) { opened.set_value(urls.at(0)); },
                        [&](const std::string& why) { failed.set_value(why); }});
  const auto where = address_in(opened.get_future().get());
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    const int file = greet(where);
    char byte = 0;
    ::_exit(file >= 0 && ::read(file, &byte, 1) > 0 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
  EXPECT_EQ(status, 0) << "the broker answered a stranger";

  const int paho = greet(where);
  ASSERT_GE(paho, 0);
  std::string answer(kConnack.size(), '\0');
  ASSERT_EQ(::recv(paho, answer.data(), answer.size(), MSG_WAITALL), static_cast<ssize_t>(answer.size()));
  EXPECT_EQ(answer, kConnack);
  ::close(paho);
  EXPECT_TRUE(relay.wait_closed(std::chrono::seconds(30)));
  EXPECT_EQ(failed.get_future().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

}  // namespace
}  // namespace clawbridge::mqtt
