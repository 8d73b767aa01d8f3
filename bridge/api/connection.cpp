#include "bridge/api/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace clawbridge::api {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kHeaderBytesMax = 8 * 1024;
constexpr std::size_t kBufferBytes = 16 * 1024;        // holds a whole header and what is pipelined behind a request
constexpr std::size_t kBufferBytesLarge = 256 * 1024;  // while a long body comes in
constexpr std::size_t kDrainBytesMax = 64 * 1024 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

Answer unreadable(error_code failure, const ConnectionLimits& limits) {
  if (failure == http::error::body_limit) {
    return error_answer({ErrorCode::TooLarge,
                         "the request body is longer than " + std::to_string(limits.body_bytes_max) +
                             " bytes, some three times limits.message_bytes; send a shorter message or smaller files, or raise that setting",
                         false});
  }
  if (failure == http::error::header_limit) {
    return error_answer(
        431, {ErrorCode::TooLarge, "the request's header is longer than " + std::to_string(kHeaderBytesMax) + " bytes",
              false});
  }
  return error_answer({ErrorCode::BadRequest, "cannot read this as an HTTP/1.1 request: " + failure.message(), false});
}

}  // namespace

Connection::Connection(Socket socket, Access& access, Routes& routes, const ConnectionLimits& limits,
                       std::function<void(Connection*)> closed)
    : socket_(std::move(socket)),
      access_(access),
      routes_(routes),
      limits_(limits),
      closed_(std::move(closed)),
      active_(std::chrono::steady_clock::now()) {
  buffer_.resize(kBufferBytes);
  next_request();
}

void Connection::start() {
  advance();
}

void Connection::start_refusal(Answer refusal) {
  keep_alive_ = false;
  answer(std::move(refusal));
}

void Connection::finish() {
  keep_alive_ = false;
  if (state_ == State::Receiving && !mid_request()) shut();
  if (state_ == State::Streaming && pending_ && pending_->endless) abandon({});
}

void Connection::abandon(Answer refusal) {
  keep_alive_ = false;
  if (state_ == State::Receiving) shut();
  if (state_ != State::Waiting && (state_ != State::Streaming || stream_ended_)) return;
  const auto farewell = pending_->farewell;
  let_go();
  ++request_;
  if (state_ == State::Waiting) return answer(std::move(refusal));
  auto event = farewell(refusal);
  event.last = true;
  stream(event);
}

void Connection::close() {
  closed_ = nullptr;
  shut();
}

void Connection::check_time(TimePoint now) {
  if (state_ == State::Closed) return;
  if (state_ == State::Waiting || (state_ == State::Streaming && !writing_)) {
    if (pending_ && pending_->farewell && now - told_ > limits_.heartbeat) stream({});
    return;
  }
  const bool idle = state_ == State::Receiving && !mid_request() && known_;
  if (now - active_ > (idle ? limits_.idle_max : limits_.pause_max)) return shut();
  const bool in_header = state_ == State::Receiving && !idle && !parser_->is_header_done();
  if ((in_header || state_ == State::Draining) && now - began_ > limits_.pause_max) shut();
}

// ---- reading ----

void Connection::read() {
  make_room();
  if (reading_ || end_ == buffer_.size()) return;
  reading_ = true;
  socket_.async_read_some(
      asio::buffer(buffer_.data() + end_, buffer_.size() - end_),
      [self = shared_from_this()](error_code failure, std::size_t bytes) { self->on_read(failure, bytes); });
}

/// Moves what is not parsed to the front, and fits the buffer to the size of what is coming.
void Connection::make_room() {
  if (reading_) return;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const bool large = state_ == State::Receiving && body_bytes_ > kBufferBytes;
  const std::size_t bytes = large ? kBufferBytesLarge : kBufferBytes;
  if (bytes == buffer_.size() || end_ > bytes) return;
  buffer_.resize(bytes);
  buffer_.shrink_to_fit();
}

void Connection::on_read(error_code failure, std::size_t bytes) {
  reading_ = false;
  if (state_ == State::Closed) return;
  if (failure) {
    // An answer that is being written may still be read by a caller that has only ended its own side.
    keep_alive_ = false;
    if (state_ != State::Writing) shut();
    return;
  }
  active_ = std::chrono::steady_clock::now();
  if (known_ && !mid_request()) began_ = active_;
  end_ += bytes;
  advance();
}

/// Goes on as far as what has been received allows, then reads more.
void Connection::advance() {
  if (state_ == State::Draining) {
    drained_ += end_ - begin_;
    begin_ = end_ = 0;
    if (drained_ > kDrainBytesMax) return shut();
  }
  while (state_ == State::Receiving && begin_ != end_) {
    if (!parse()) break;
  }
  if (state_ != State::Closed) read();
}

/// Feeds the parser once. False when it needs more bytes.
bool Connection::parse() {
  error_code failure;
  const bool had_header = parser_->is_header_done();
  begin_ += parser_->put(asio::const_buffer(buffer_.data() + begin_, end_ - begin_), failure);
  if (failure == http::error::need_more) return false;
  if (failure) {
    refuse(failure);
    return false;
  }
  if (!had_header && parser_->is_header_done() && !take_header()) return false;
  if (parser_->is_done()) dispatch();
  return true;
}

/// The header is complete and the body is not read yet. False when reading has to wait.
bool Connection::take_header() {
  auto verdict = access_.check(parser_->get());
  if (auto* refusal = std::get_if<Answer>(&verdict)) {
    keep_alive_ = false;
    answer(std::move(*refusal));
    return false;
  }
  known_ = true;
  caller_ = std::move(std::get<Caller>(verdict));
  parser_->eager(true);
  if (const auto length = parser_->content_length()) {
    body_bytes_ = static_cast<std::size_t>(*length);  // at most limits_.body_bytes_max: the parser has checked
    parser_->get().body().reserve(body_bytes_ + ArgumentParser::kPadding);
  }
  const bool expects = boost::beast::iequals(parser_->get()[http::field::expect], "100-continue");
  if (!expects || parser_->is_done()) return true;
  state_ = State::Writing;
  asio::async_write(socket_, asio::const_buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this()](error_code failure, std::size_t) {
                      if (self->state_ == State::Closed) return;
                      if (failure) return self->shut();
                      self->state_ = State::Receiving;
                      self->advance();
                    });
  return false;
}

// ---- answering ----

void Connection::dispatch() {
  auto& message = parser_->get();
  keep_alive_ = keep_alive_ && message.keep_alive();
  chunked_ = message.version() >= 11;
  state_ = State::Waiting;
  told_ = std::chrono::steady_clock::now();
  const Request request{view(message.method_string()), view(message.target()), caller_, message.body(), message.base()};
  auto outcome = routes_.handle(request, [self = shared_from_this(), number = request_](Piece piece) {
    if (number == self->request_) self->take(std::move(piece));
  });
  if (auto* now = std::get_if<Answer>(&outcome)) return answer(std::move(*now));
  pending_ = std::move(std::get<Pending>(outcome));
  if (pending_->endless) stream({});
}

/// What the request is answered, or the next event of it.
void Connection::take(Piece piece) {
  if (state_ != State::Waiting && state_ != State::Streaming) return;
  if (const auto* event = std::get_if<StreamEvent>(&piece)) return stream(*event);
  pending_.reset();
  answer(std::move(std::get<Answer>(piece)));
}

void Connection::answer(Answer answer) {
  state_ = State::Writing;
  active_ = std::chrono::steady_clock::now();
  head_ = http_head(answer, keep_alive_);
  body_ = std::move(answer.body);
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head_), asio::buffer(body_)};
  asio::async_write(socket_, parts,
                    [self = shared_from_this()](error_code failure, std::size_t) { self->on_written(failure); });
}

void Connection::stream(const StreamEvent& event) {
  if (stream_ended_) return;
  if (state_ == State::Waiting) {
    state_ = State::Streaming;
    keep_alive_ = keep_alive_ && chunked_;
    body_ = stream_head(chunked_, keep_alive_);
  }
  if (body_.size() > limits_.stream_bytes_max && !event.last) {
    if (!event.may_be_skipped) shut();
    return;
  }
  body_ += stream_bytes(event, chunked_);
  if (event.last) {
    stream_ended_ = true;
    pending_.reset();
  }
  write_events();
}

void Connection::write_events() {
  if (writing_) return;
  if (body_.empty()) {
    if (stream_ended_) end_answer();
    return;
  }
  writing_ = true;
  active_ = told_ = std::chrono::steady_clock::now();
  head_.swap(body_);
  body_.clear();
  asio::async_write(socket_, asio::buffer(head_),
                    [self = shared_from_this()](error_code failure, std::size_t) { self->on_written(failure); });
}

void Connection::on_written(error_code failure) {
  if (state_ == State::Closed) return;
  if (failure) return shut();
  active_ = std::chrono::steady_clock::now();
  if (state_ != State::Streaming) return end_answer();
  writing_ = false;
  write_events();
}

void Connection::end_answer() {
  if (!keep_alive_) return drain();
  next_request();
  advance();
}

void Connection::next_request() {
  ++request_;
  state_ = State::Receiving;
  began_ = active_;
  body_ = {};
  stream_ended_ = false;
  body_bytes_ = 0;
  parser_.emplace();
  parser_->eager(false);
  parser_->header_limit(static_cast<std::uint32_t>(kHeaderBytesMax));
  parser_->body_limit(limits_.body_bytes_max);
}

/// The request cannot be read, and so neither can what follows it: answer, and end the connection.
void Connection::refuse(error_code failure) {
  keep_alive_ = false;
  answer(unreadable(failure, limits_));
}

// ---- ending ----

/// Ends our side and throws away what still comes: a caller that is busy sending would otherwise meet a broken pipe
/// before it reads the answer.
void Connection::drain() {
  state_ = State::Draining;
  began_ = active_;
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  advance();
}

/// Nobody waits for the answer any more.
void Connection::let_go() {
  if (const auto pending = std::exchange(pending_, std::nullopt)) pending->cancel();
}

void Connection::shut() {
  if (state_ == State::Closed) return;
  state_ = State::Closed;
  let_go();
  error_code ignored;
  socket_.close(ignored);
  if (closed_) std::exchange(closed_, nullptr)(this);
}

}  // namespace clawbridge::api
