// The web page's files, as the server gives them.
#include "bridge/api/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace clawbridge::api {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Page, IsGivenByItsAddresses) {
  const auto first = page_answer("GET", "/");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, 200U);
  EXPECT_EQ(first->content_type, "text/html; charset=utf-8");
  EXPECT_THAT(first->body, HasSubstr("<!doctype html>"));
  EXPECT_EQ(page_answer("GET", "/?x=1")->body, first->body);
  EXPECT_EQ(page_answer("GET", "/page/style.css")->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(page_answer("GET", "/page/app.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(page_answer("GET", "/page/icon.svg")->content_type, "image/svg+xml");
}

TEST(Page, IsNothingElse) {
  for (const auto* target : {"", "/page", "/page/", "/page/../app.js", "/page/none.js", "/app.js", "/v1/status", "/index.html", "//", "http://127.0.0.1/"}) {
    EXPECT_FALSE(page_answer("GET", target)) << target;
  }
  EXPECT_FALSE(page_answer("POST", "/"));
  EXPECT_FALSE(page_answer("HEAD", "/"));
}

TEST(Page, KeepsToItself) {
  for (const auto& file : page_files()) {
    const auto answer = page_answer("GET", "/page/" + std::string(file.path));
    ASSERT_TRUE(answer) << file.path;
    EXPECT_THAT(answer->headers, AllOf(HasSubstr("Content-Security-Policy: default-src 'none'; "), HasSubstr("frame-ancestors 'none'"),
                                       HasSubstr("X-Content-Type-Options: nosniff\r\n"), HasSubstr("Referrer-Policy: no-referrer\r\n"), Not(HasSubstr("unsafe"))))
        << file.path;
    for (const auto* forbidden : {"https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", " style=\"", "onclick=\"", "localStorage"}) {
      if (std::string(forbidden) == "innerHTML" && file.path == "dom.js") continue;  // which says that there is none
      EXPECT_THAT(std::string(file.text), Not(HasSubstr(forbidden))) << file.path;
    }
    EXPECT_LT(file.text.size(), 24U * 1024) << file.path << ": small, as all of it is";
  }
}

}  // namespace
}  // namespace clawbridge::api
