#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build/dockerfile.h"
#include "build/ignore.h"
#include "build/stage.h"
#include "build/variables.h"

namespace reigen::build {
namespace {

TEST(Dockerfile, JoinsLinesReadsFlagsFormsAndHeredocs) {
  auto out = parse_dockerfile(
      "# syntax=x\n# escape=\\\n\nFROM --platform=linux/amd64 base AS b\r\nRUN one && \\\n  # a comment\n\n  two\n"
      "copy --chown=1:2 --from=b [\"a b\", \"/c\"]\nCMD [\"x\", \"y\"]\nRUN <<EOF\necho $1\n# kept\nEOF\nENV a=b\n");
  ASSERT_TRUE(out) << out.error().message();
  const auto& list = out->instructions;
  ASSERT_EQ(list.size(), 6u);
  EXPECT_EQ(list[0].flags.at("platform"), std::vector<std::string>{"linux/amd64"});
  EXPECT_EQ(list[1].rest, "one &&   two");
  EXPECT_EQ(list[1].line, 5u);
  EXPECT_EQ(list[2].keyword, "COPY");
  EXPECT_TRUE(list[2].json);
  EXPECT_EQ(list[2].list, (std::vector<std::string>{"a b", "/c"}));
  EXPECT_EQ(list[4].here.at(0).content, "echo $1\n# kept\n");
  EXPECT_EQ(list[5].line, 15u);
}

TEST(Dockerfile, NamesTheLineOfAnError) {
  EXPECT_EQ(parse_dockerfile("FROM a\n\nNOSUCH x").error().message(), "dockerfile parse error line 3: unknown instruction: NOSUCH");
  EXPECT_EQ(parse_dockerfile("FROM a\nRUN <<EOF\nx").error().message(), "dockerfile parse error line 2: unterminated heredoc");
  EXPECT_EQ(parse_dockerfile("# nothing\n").error().message(), "file with no instructions");
  EXPECT_EQ(parse_dockerfile("# escape=`\n# escape=`\nFROM a").error().message(), "only one escape parser directive can be used");
  EXPECT_EQ(parse_dockerfile("# escape=x\nFROM a").error().message(), "invalid escape token 'x' does not match ` or \\");
}

TEST(Dockerfile, WarnsOfEmptyLinesInsideOfAnInstruction) {
  auto file = parse_dockerfile("FROM a\nRUN b \\\n# inner\n\n  c\n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->instructions[1].text, "RUN b   c");
  EXPECT_THAT(file->warnings, ::testing::ElementsAre("[WARNING]: Empty continuation line found in:", "    RUN b   c",
                                                     "[WARNING]: Empty continuation lines will become errors in a future release."));
  EXPECT_TRUE(parse_dockerfile("FROM a\nRUN b \\\n# inner\n  c\n")->warnings.empty());
}

TEST(Variables, ExpandAsDockerDoes) {
  Lookup lookup = [](const std::string& key) -> std::optional<std::string> {
    if (key == "a") return "A";
    if (key == "empty") return "";
    return std::nullopt;
  };
  struct {
    const char *in, *out;
  } cases[] = {
      {"$a", "A"},      {"${a}b", "Ab"},        {"${no:-x}", "x"},  {"${empty:-x}", "x"}, {"${empty-x}", ""},   {"${a:+y}", "y"},
      {"${no:+y}", ""}, {"\\$a", "$a"},         {"'$a'", "$a"},     {"\"$a b\"", "A b"},  {"${no:-${a}}", "A"}, {"a\\ b", "a b"},
      {"$", "$"},       {"\"a\\\"b\"", "a\"b"}, {"${a:?bad}", "A"}, {"$no", ""},
  };
  for (const auto& c : cases) {
    auto out = expand_word(c.in, '\\', lookup);
    ASSERT_TRUE(out) << c.in;
    EXPECT_EQ(*out, c.out) << c.in;
  }
  EXPECT_FALSE(expand_word("${a", '\\', lookup));
  EXPECT_FALSE(expand_word("${}", '\\', lookup));
  EXPECT_EQ(expand_word("${no:?is needed}", '\\', lookup).error().message(), "failed to process \"${no:?is needed}\": no: is needed");
}

TEST(IgnoreList, LastRuleDecides) {
  auto list = IgnoreList::parse("# c\n*.log\n**/tmp\n/build/\n!build/keep\n");
  EXPECT_TRUE(list.ignores("x.log"));
  EXPECT_FALSE(list.ignores("a/x.log"));
  EXPECT_TRUE(list.ignores("a/b/tmp/c"));
  EXPECT_TRUE(list.ignores("tmp"));
  EXPECT_TRUE(list.ignores("build/x"));
  EXPECT_FALSE(list.ignores("build/keep"));
  EXPECT_FALSE(list.ignores("build/keep/y"));
  EXPECT_TRUE(match_path("a[b-d]?/*.c", "acx/y.c"));
  EXPECT_FALSE(match_path("*", "a/b"));
  EXPECT_FALSE(match_path("[a", "a"));
}

TEST(Stage, MetadataBecomesConfiguration) {
  auto file = parse_dockerfile(
      "ARG v=1\nENV A=$v B=\"two words\"\nENV OLD old ${A}\nLABEL \"k 2\"=x l=$B\nEXPOSE 80 53/udp 90-91\nVOLUME /b /a\nVOLUME [\"/c\"]\nUSER 7:$A\n"
      "STOPSIGNAL SIGINT\nHEALTHCHECK --interval=1m30s --retries=2 CMD echo ok\nCMD echo $A\nENTRYPOINT [\"/e\"]\nSHELL [\"/bin/bash\",\"-c\"]\nCMD x\n");
  ASSERT_TRUE(file);
  Stage stage;
  for (const auto& instruction : file->instructions) {
    auto done = apply_metadata(stage, instruction, {{"v", "9"}});
    ASSERT_TRUE(done) << done.error().message();
  }
  const auto& c = stage.config;
  EXPECT_EQ(c.env, (std::vector<std::string>{"A=9", "B=two words", "OLD=old 9"}));
  EXPECT_EQ(c.labels.at("k 2"), "x");
  EXPECT_EQ(c.labels.at("l"), "two words");
  EXPECT_EQ(c.exposed_ports, (std::vector<std::string>{"53/udp", "80/tcp", "90/tcp", "91/tcp"}));
  EXPECT_EQ(c.volumes, (std::vector<std::string>{"/a", "/b", "/c"}));
  EXPECT_EQ(c.user, "7:9");
  EXPECT_EQ(c.health_check->interval_ns, 90'000'000'000);
  EXPECT_EQ(c.health_check->test, (std::vector<std::string>{"CMD-SHELL", "echo ok"}));
  EXPECT_EQ(c.entrypoint, std::vector<std::string>{"/e"});
  EXPECT_EQ(c.cmd, (std::vector<std::string>{"/bin/bash", "-c", "x"}));
  // What is written reads back.
  auto again = image::parse_image_config(image::encode_image_config(c));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->health_check, c.health_check);
  EXPECT_EQ(again->env, c.env);
}

}  // namespace
}  // namespace reigen::build
