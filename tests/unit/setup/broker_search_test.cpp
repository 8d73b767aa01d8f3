#include "bridge/setup/broker_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::setup {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(BrokerSearch, ReadsWhatAvahiBrowsePrints) {
  EXPECT_THAT(
      brokers_announced("+;eth0;IPv4;Mosquitto\\032on\\032hub;_mqtt._tcp;local\n"
                        "=;eth0;IPv4;Mosquitto\\032on\\032hub;_mqtt._tcp;local;hub.local;192.168.1.5;1883;\n"
                        "=;eth0;IPv6;Mosquitto\\032on\\032hub;_mqtt._tcp;local;hub.local;2001:db8::5;1883;\"a=b\"\n"
                        "=;eth0;IPv6;Mosquitto\\032on\\032hub;_mqtt._tcp;local;hub.local;fe80::1;1883;\n"
                        "=;eth0;IPv4;printer;_ipp._tcp;local;printer.local;192.168.1.9;631;\n"),
      ElementsAre("mqtt://hub.local:1883", "mqtt://192.168.1.5:1883", "mqtt://[2001:db8::5]:1883"));
}

TEST(BrokerSearch, IsNotMisledByNonsense) {
  EXPECT_THAT(brokers_announced(""), IsEmpty());
  EXPECT_THAT(brokers_announced("=;;;;_mqtt._tcp\n=;eth0;IPv4;n;_mqtt._tcp;local;a b;x@y;99999;\n;;;;;;;;;;;;\n"),
              IsEmpty());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "=;e;IPv4;n;_mqtt._tcp;local;h" + std::to_string(i) + ";10.0.0.1;1883;\n";
  EXPECT_LE(brokers_announced(many).size(), 34U);
}

}  // namespace
}  // namespace clawbridge::setup
