#include "tests/bench/raw_paho.h"

#include <mqtt/async_client.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>

namespace clawbridge::bench {
namespace {

constexpr const char* kRequests = "bench/requests";
constexpr const char* kReplies = "bench/replies";
constexpr std::size_t kWindow = 20;  // mosquitto's receive maximum: more makes Paho wait on a 1 s timer
constexpr std::size_t kSequenceDigits = 16;
constexpr std::chrono::seconds kPatience{30};

/// Hands payloads from Paho's callback thread, which must not work, to the thread that does.
class Mailbox {
 public:
  void put(std::string payload) {
    {
      const std::lock_guard lock(mutex_);
      payloads_.push_back(std::move(payload));
    }
    changed_.notify_one();
  }
  /// Nothing when asked to stop, or when nothing comes within `patience`.
  std::optional<std::string> take(const std::stop_token& stop, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, stop, patience, [this] { return !payloads_.empty(); })) return std::nullopt;
    std::string first = std::move(payloads_.front());
    payloads_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> payloads_;
};

/// One side: a connection that publishes, with our own window, and one that subscribes.
class Side final : private mqtt::iaction_listener {
 public:
  Side(const std::string& broker, const std::string& name, const std::string& filter)
      : publisher_(broker, "bench-" + name + "-pub", mqtt::create_options(MQTTVERSION_5)),
        subscriber_(broker, "bench-" + name + "-sub", mqtt::create_options(MQTTVERSION_5)) {
    subscriber_.set_message_callback(
        [this](const mqtt::const_message_ptr& message) { inbox.put(message->get_payload_str()); });
    const auto options = mqtt::connect_options_builder()
                             .mqtt_version(MQTTVERSION_5)
                             .clean_start()
                             .connect_timeout(std::chrono::seconds(10))
                             .finalize();
    subscriber_.connect(options)->wait();
    publisher_.connect(options)->wait();
    subscriber_.subscribe(filter, 1)->wait();
  }
  ~Side() override {
    publisher_.disconnect()->wait();
    subscriber_.disconnect()->wait();
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  void publish(const char* topic, const std::string& payload) {
    {
      std::unique_lock lock(mutex_);
      acknowledged_.wait(lock, [this] { return unacknowledged_ < kWindow; });
      ++unacknowledged_;
    }
    publisher_.publish(mqtt::make_message(topic, payload, 1, false), nullptr, *this);
  }

  Mailbox inbox;

 private:
  void on_success(const mqtt::token&) override { release(); }
  void on_failure(const mqtt::token&) override { release(); }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      --unacknowledged_;
    }
    acknowledged_.notify_one();
  }

  mqtt::async_client publisher_;
  mqtt::async_client subscriber_;
  std::mutex mutex_;
  std::condition_variable acknowledged_;
  std::size_t unacknowledged_ = 0;
};

std::string payload_of(std::size_t sequence, std::size_t bytes) {
  std::string number = std::to_string(sequence);
  std::string payload = std::string(kSequenceDigits - number.size(), '0') + number;
  payload.resize(std::max(bytes, kSequenceDigits), 'x');
  return payload;
}

}  // namespace

void respond(const std::string& broker) {
  Side side(broker, "responder", kRequests);
  std::jthread worker([&side](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (const auto payload = side.inbox.take(stop, std::chrono::minutes(1))) side.publish(kReplies, *payload);
    }
  });
  std::cout << "ready" << std::endl;
  char ignored = 0;
  while (::read(STDIN_FILENO, &ignored, 1) > 0) {
  }
}

Measurement request(const std::string& broker, const Load& load) {
  Side side(broker, "requester", kReplies);
  std::vector<Clock::time_point> sent(load.count);
  Measurement result;
  result.latencies_us.reserve(load.count);
  std::size_t next = 0;
  const auto send = [&] {
    const std::string payload = payload_of(next, load.bytes);
    sent[next++] = Clock::now();
    side.publish(kRequests, payload);
  };
  const auto begin = Clock::now();
  while (next < std::min(load.in_flight, load.count)) send();
  while (result.latencies_us.size() < load.count) {
    const auto reply = side.inbox.take(std::stop_token{}, kPatience);
    if (!reply || reply->size() != std::max(load.bytes, kSequenceDigits))
      throw std::runtime_error("raw Paho: a reply is missing or not what was sent");
    const auto sequence = std::stoul(reply->substr(0, kSequenceDigits));
    result.latencies_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - sent.at(sequence)).count());
    if (next < load.count) send();
  }
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return result;
}

}  // namespace clawbridge::bench
