#include "bridge/api/events.h"

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>

#include "bridge/api/json_writer.h"
#include "bridge/api/view_json.h"

namespace clawbridge::api {
namespace {

constexpr std::size_t kStreamsMax = 64;
constexpr std::size_t kKnownMax = 1'024;

std::string_view id_of(const core::action::Note& note) {
  const auto found = std::find_if(note.fields.begin(), note.fields.end(), [](const auto& field) { return field.first == "cid"; });
  return found == note.fields.end() ? std::string_view{} : std::string_view(found->second);
}

/// Whose exchanges a reader may see, so that the journal is not asked for every note.
class Filter {
 public:
  Filter(const Exchanges& exchanges, const Caller& caller) : exchanges_(exchanges), caller_(caller) {}

  bool lets_through(std::string_view id) {
    if (caller_.is_person()) return true;
    if (const auto known = known_.find(std::string(id)); known != known_.end()) return known->second;
    if (known_.size() >= kKnownMax) known_.clear();
    return known_[std::string(id)] = exchanges_.may_see(id, caller_);
  }

 private:
  const Exchanges& exchanges_;
  const Caller caller_;
  std::unordered_map<std::string, bool> known_;
};

}  // namespace

StreamEvent event_of(const core::action::Note& note) {
  JsonWriter json;
  json.begin_object();
  json.text_if_any("correlationId", printable(id_of(note)));
  for (const auto& [name, value] : note.fields) {
    if (name != "cid") json.text(name, printable(value));
  }
  json.end_object();
  return {std::string(note.name), json.take()};
}

Outcome Events::watch(const Caller& caller, Respond respond) {
  if (streams_ >= kStreamsMax) {
    return error_answer({ErrorCode::Busy,
                         "there are " + std::to_string(kStreamsMax) + " streams of events already, the limit; close one", true});
  }
  ++streams_;
  const auto watcher = service_.watch(
      [filter = std::make_shared<Filter>(exchanges_, caller), respond = std::move(respond)](const core::action::Note& note) {
        if (filter->lets_through(id_of(note))) respond(event_of(note));
      });
  return Pending{[this, watcher] {
                   --streams_;
                   service_.unwatch(watcher);
                 },
                 [](const Answer&) { return StreamEvent{{}, {}, true}; }, true};
}

}  // namespace clawbridge::api
