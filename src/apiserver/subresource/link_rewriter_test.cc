#include "apiserver/subresource/link_rewriter.h"

#include <gtest/gtest.h>

namespace reigen::apiserver {
namespace {

const LinkBase kBase{"/p/proxy", "10.1.2.3:80"};

std::string rewritten(std::string_view html, size_t piece = 1000) {
  LinkRewriter rewriter(kBase);
  std::string out;
  for (size_t at = 0; at < html.size(); at += piece) out += rewriter.feed(html.substr(at, piece));
  return out + rewriter.end();
}

TEST(LinkRewriter, AbsolutePathsGetThePrefix) {
  EXPECT_EQ(rewritten("<a href=\"/rewriteme\">test</a>"), "<a href=\"/p/proxy/rewriteme\">test</a>");
  EXPECT_EQ(rewritten("<IMG alt='/x' src='/a.png'/>"), "<IMG alt='/x' src='/p/proxy/a.png'/>");
  EXPECT_EQ(rewritten("<form action=/go method=post>"), "<form action=/p/proxy/go method=post>");
  EXPECT_EQ(rewritten("<a href=\"http://10.1.2.3:80/x?y\">"), "<a href=\"/p/proxy/x?y\">");
}

TEST(LinkRewriter, EverythingElseStays) {
  for (auto html :
       {"<a href=\"other/page\">", "<a href=\"//host/x\">", "<a href=\"http://elsewhere/x\">", "<a href=\"/p/proxy/x\">", "<p title=\"/x\">", "1 < 2 and a > b",
        "<!-- <a href=\"/x\"> -->", "<script>var a = '<a href=\"/x\">';</script>", "<!DOCTYPE html>", "<a href=\"/unfinished", ""}) {
    EXPECT_EQ(rewritten(html), html);
  }
}

TEST(LinkRewriter, PiecesMakeNoDifference) {
  std::string html = "<html><script src=\"/s.js\">if (a</b>) x = \"<a href='/n'>\"</SCRIPT><!-- c --><a title=\">\" href='/y'>y</a></html>";
  for (size_t piece = 1; piece < html.size(); ++piece) EXPECT_EQ(rewritten(html, piece), rewritten(html)) << piece;
  EXPECT_NE(rewritten(html).find("src=\"/p/proxy/s.js\""), std::string::npos);
  EXPECT_NE(rewritten(html).find("href='/p/proxy/y'"), std::string::npos);
  EXPECT_NE(rewritten(html).find("href='/n'"), std::string::npos);
}

TEST(LinkRewriter, AnEndlessTagPassesInBoundedMemory) {
  std::string html = "<a href=\"" + std::string(200000, 'x');
  LinkRewriter rewriter(kBase);
  EXPECT_EQ((rewriter.feed(html) + rewriter.end()).size(), html.size());
}

}  // namespace
}  // namespace reigen::apiserver
