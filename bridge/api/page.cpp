#include "bridge/api/page.h"

#include <algorithm>

namespace clawbridge::api {
namespace {

constexpr std::string_view kFirst = "index.html";
constexpr std::string_view kFolder = "/page/";

// `require-trusted-types-for`: where a browser knows it, not even a mistake of ours makes HTML or script of a text.
constexpr const char* kHeaders =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cache-Control: no-cache\r\n";

std::string_view content_type(std::string_view path) {
  if (path.ends_with(".html")) return "text/html; charset=utf-8";
  if (path.ends_with(".css")) return "text/css; charset=utf-8";
  if (path.ends_with(".svg")) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

}  // namespace

std::optional<Answer> page_answer(std::string_view method, std::string_view target) {
  if (method != "GET") return std::nullopt;
  std::string_view path = target.substr(0, target.find('?'));
  if (path == "/") {
    path = kFirst;
  } else if (path.starts_with(kFolder)) {
    path.remove_prefix(kFolder.size());
  } else {
    return std::nullopt;
  }
  const auto files = page_files();
  const auto found = std::find_if(files.begin(), files.end(), [path](const PageFile& file) { return file.path == path; });
  if (found == files.end()) return std::nullopt;
  return Answer{200, std::string(found->text), kHeaders, content_type(found->path)};
}

}  // namespace clawbridge::api
