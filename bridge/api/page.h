// The web page: a few static files (bridge/api/page), which the program carries as texts. They are the same for everybody and hold
// nothing of this daemon; what the page shows it asks the API for, with the token that the person gives it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "bridge/api/answer.h"

namespace clawbridge::api {

struct PageFile {
  std::string_view path;  // below the page's folder
  std::string_view text;
};

/// Made by the build (embed_files.cmake).
[[nodiscard]] std::span<const PageFile> page_files();

/// The answer to a request for a file of the page: `GET /` and `GET /page/<file>`; nothing for any other. Its headers keep the
/// page to itself: it may load and reach this server only, run no script but its own files, and stand in no frame.
[[nodiscard]] std::optional<Answer> page_answer(std::string_view method, std::string_view target);

}  // namespace clawbridge::api
