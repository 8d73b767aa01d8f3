// One connection of a local caller: HTTP/1.1 requests in, answers out, in order.
//
//   Receiving ──request complete──▶ Waiting (for the answer) ─────▶ Writing ──▶ Receiving …
//       │                              │  └─ the first event ──▶ Streaming ─┘       │
//       └─ unreadable: answer, ────────┼────────────────────────────────────────────┴──▶ Draining ──▶ closed
//          then drain                  └─ caller hangs up: what waits is cancelled, closed
//
// The socket is read all the time, also while a request waits: that is how a hang-up is noticed, and it costs nothing,
// since what comes meanwhile is the next request. It waits in the buffer; a full buffer stops the reading.
#pragma once

#include <array>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/api/access.h"
#include "bridge/api/routes.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::api {

struct ConnectionLimits {
  /// Longest request body. JSON may spell one byte of a text with up to three bytes and more (`\u00fc`), so this is
  /// well above the longest message.
  std::size_t body_bytes_max = 3 * (std::size_t{1} << 20) + 64 * 1024;
  /// A connection on which nothing is asked is closed after this. None while a request waits for its answer.
  std::chrono::milliseconds idle_max{std::chrono::minutes{5}};
  /// Longest pause within one request or one answer; and the time for a whole header, and from connecting to the end of
  /// the first one, however short the pauses are: a caller that is not known yet must not keep a connection.
  std::chrono::milliseconds pause_max{std::chrono::seconds{30}};
  /// An answer that comes as events shows this often that it still comes. Clients and proxies give up on silence.
  std::chrono::milliseconds heartbeat{std::chrono::seconds{15}};
  /// Events that wait for a slow reader. Beyond it those that may be are skipped; for others the reader is cut off.
  std::size_t stream_bytes_max = std::size_t{1} << 20;
};

/// Keeps itself alive while its socket has an operation pending. Everything happens on the io thread. `access` and
/// `routes` must outlive it until close() or `closed`.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = asio::generic::stream_protocol::socket;  // of a Unix socket or of TCP
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `closed` is called once, unless close() was called first.
  Connection(Socket socket, Access& access, Routes& routes, const ConnectionLimits& limits,
             std::function<void(Connection*)> closed);

  /// Begins to read requests.
  void start();
  /// Instead of start(): gives this one answer whatever is asked, then closes.
  void start_refusal(Answer answer);
  /// Takes no further request: closes now if none is under way, else after its answer.
  void finish();
  /// Answers a request that waits with this error, cancels it, and closes as soon as the answer is written.
  void abandon(Answer answer);
  /// Closes at once. A waiting request is cancelled.
  void close();
  /// Closes if the caller has been idle, or has kept us waiting within a message, for too long.
  void check_time(TimePoint now);

 private:
  enum class State { Receiving, Waiting, Writing, Streaming, Draining, Closed };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void read();
  void on_read(boost::system::error_code failure, std::size_t bytes);
  void advance();
  bool parse();
  bool take_header();
  void dispatch();
  void take(Piece piece);
  void answer(Answer answer);
  void stream(const StreamEvent& event);
  void write_events();
  void on_written(boost::system::error_code failure);
  void end_answer();
  void let_go();
  void refuse(boost::system::error_code failure);
  void drain();
  void shut();
  void next_request();
  void make_room();
  [[nodiscard]] bool mid_request() const { return begin_ != end_ || parser_->got_some(); }

  Socket socket_;
  Access& access_;
  Routes& routes_;
  const ConnectionLimits& limits_;
  std::function<void(Connection*)> closed_;

  State state_ = State::Receiving;
  bool reading_ = false;
  bool keep_alive_ = true;
  bool known_ = false;  // a header has passed `access_`
  Caller caller_;       // of the request whose header has come
  std::optional<Parser> parser_;
  std::optional<Pending> pending_;      // the answer that is waited for, or is coming
  std::uint64_t request_ = 0;           // counts requests, so that a late answer cannot reach the next one
  std::vector<char> buffer_;            // received and not parsed: [begin_, end_)
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t body_bytes_ = 0;  // of the request being received, as its header says; 0 before
  std::size_t drained_ = 0;
  std::string head_;  // of the answer being written; while streaming, events on their way out
  std::string body_;  // while streaming, events that wait for them
  bool chunked_ = false;      // the stream is
  bool writing_ = false;      // events are on their way out
  bool stream_ended_ = false; // the last event has come
  TimePoint active_;  // the latest progress
  TimePoint told_;    // the latest that a caller who waits has heard of us
  TimePoint began_;   // of the request that is being received, or of the draining
};

}  // namespace clawbridge::api
