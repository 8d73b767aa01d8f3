// Writes JSON straight into one string: no tree in between, because answers carry texts of up to a megabyte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clawbridge::api {

/// Sets the commas; the caller sees to it that what is begun is ended. REQUIRES: all texts are valid UTF-8.
/// The members have one name per type, because a string literal would silently choose an overload for bool.
class JsonWriter {
 public:
  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  void key(std::string_view name);

  void text(std::string_view value);
  void number(std::uint64_t value);
  void flag(bool value);

  void text(std::string_view name, std::string_view value) { key(name), text(value); }
  void number(std::string_view name, std::uint64_t value) { key(name), number(value); }
  void flag(std::string_view name, bool value) { key(name), flag(value); }
  /// Left out when empty.
  void text_if_any(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }

  /// Room for what is about to be written.
  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void begin(char bracket);
  void end(char bracket);
  void separate();

  std::string out_;
  bool first_ = true;  // nothing stands yet on this level, or a key was just written
};

}  // namespace clawbridge::api
