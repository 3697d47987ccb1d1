#include <gtest/gtest.h>

#include "compose/archive.h"
#include "compose/config_view.h"
#include "compose/engine_client.h"
#include "compose/flags.h"
#include "compose/image_steps.h"
#include "compose/registry_auth.h"
#include "compose/source_file.h"
#include "compose/table.h"

namespace reigen::compose {
namespace {

TEST(Flags, ReadsWhatPflagReads) {
  bool detach = false, other = true;
  std::string text;
  std::vector<std::string> list;
  std::optional<int> number;
  Flags flags("x", "y");
  flags.flag(&detach, "detach", 'd', "")
      .flag(&other, "other", 'o', "")
      .text(&text, "text", 't', "")
      .list(&list, "list", 'l', "")
      .number(&number, "number", 'n', "");
  auto words = flags.parse({"a", "-dt", "v", "--list=1", "-l2", "--list", "3", "--other=false", "-n=5", "b", "--", "-c"});
  ASSERT_TRUE(words && *words) << words.error().message();
  EXPECT_EQ(**words, (std::vector<std::string>{"a", "b", "-c"}));
  EXPECT_TRUE(detach);
  EXPECT_FALSE(other);
  EXPECT_EQ(text, "v");
  EXPECT_EQ(list, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(number, 5);
  EXPECT_EQ(**flags.parse({"-d", "run", "-x", "--y"}, false), (std::vector<std::string>{"run", "-x", "--y"}));
  EXPECT_EQ(flags.parse({"--foo=1"}).error().message(), "unknown flag: --foo");
  EXPECT_EQ(flags.parse({"-dz"}).error().message(), "unknown shorthand flag: 'z' in -dz");
  EXPECT_EQ(flags.parse({"--text"}).error().message(), "flag needs an argument: --text");
  EXPECT_EQ(flags.parse({"-nx"}).error().message(), "invalid argument \"x\" for \"-n, --number\" flag: strconv.ParseInt: parsing \"x\": invalid syntax");
  EXPECT_EQ(flags.parse({"--other=maybe"}).error().message(),
            "invalid argument \"maybe\" for \"-o, --other\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax");
}

TEST(Table, ColumnsTemplatesAndWords) {
  EXPECT_EQ(format_table({{"A", "B"}, {"long name", "x"}}, 10), "A           B\nlong name   x\n");
  api::Value fields = api::Value::object({{"Name", "web"}, {"N", 3}});
  EXPECT_EQ(fill_template("{{.Name}}\\t{{ .N }}!", fields).value(), "web\t3!");
  EXPECT_EQ(fill_template("{{json .}}", fields).value(), R"({"Name":"web","N":3})");
  EXPECT_FALSE(fill_template("{{.Nope}}", fields));
  EXPECT_FALSE(fill_template("{{range .}}", fields));
  EXPECT_EQ(human_duration(std::chrono::seconds(75)), "About a minute");
  EXPECT_EQ(human_duration(std::chrono::hours(50)), "2 days");
  EXPECT_EQ(human_size(1'980'000), "1.98MB");
  EXPECT_EQ(shorten("\"docker-entrypoint.sh\"", 20), "\"docker-entrypoint.…");
}

TEST(ConfigView, QuotesAsGoYamlDoes) {
  auto line = [](std::string_view text) {
    std::string out = write_yaml(api::Value::object({{"k", text}}));
    return out.substr(3, out.size() - 4);
  };
  EXPECT_EQ(line("plain text"), "plain text");
  EXPECT_EQ(line(""), "\"\"");
  for (const char* word : {"1", "0x1f", "1e3", "yes", "null", "~", "22:22", "2001-01-01", "1_000", ".5"})
    EXPECT_EQ(line(word), std::string("\"") + word + "\"");
  EXPECT_EQ(line("tail "), "'tail '");
  EXPECT_EQ(line("a: b"), "'a: b'");
  EXPECT_EQ(line("it's: x"), "'it''s: x'");
  EXPECT_EQ(line("@x"), "'@x'");
  EXPECT_EQ(line("-x"), "-x");
  EXPECT_EQ(line("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(line("a\nb"), "|-\n  a\n  b");
  EXPECT_EQ(line("a\tb"), "\"a\\tb\"");
}

TEST(Frames, AreSplitWhereverTheyAreCut) {
  std::string bytes("\1\0\0\0\0\0\0\3one", 11);
  bytes.append("\2\0\0\0\0\0\0\2er", 10);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameReader reader(false);
    std::string out, err;
    auto sink = [&](int stream, std::string_view piece) { (stream == 2 ? err : out) += piece; };
    reader.feed(bytes.substr(0, cut), sink);
    reader.feed(bytes.substr(cut), sink);
    EXPECT_EQ(out + "|" + err, "one|er");
  }
}

TEST(Images, NamesAndRegistries) {
  EXPECT_EQ(split_image("redis"), std::pair(std::string("redis"), std::string("latest")));
  EXPECT_EQ(split_image("r.example:5000/a"), std::pair(std::string("r.example:5000/a"), std::string("latest")));
  EXPECT_EQ(split_image("r.example:5000/a:1"), std::pair(std::string("r.example:5000/a"), std::string("1")));
  EXPECT_EQ(split_image("a@sha256:12").second, "");
  EXPECT_EQ(registry_of("redis"), "docker.io");
  EXPECT_EQ(registry_of("library/redis"), "docker.io");
  EXPECT_EQ(registry_of("localhost/redis"), "localhost");
  EXPECT_EQ(registry_of("r.example:5000/a/b"), "r.example:5000");
}

TEST(Archives, NamesCannotLeaveTheFolder) {
  auto tar = tar_of_files({{.path = "/../evil", .content = "x"}});
  ASSERT_TRUE(tar);
  bool given = false;
  auto read = [&]() -> Result<std::string> {
    if (given) return std::string();
    given = true;
    return *tar;
  };
  EXPECT_EQ(unpack_tar(read, "/tmp", "").error().code(), Code::kPermissionDenied);
}

TEST(Paths, AreJoinedAsGoDoes) {
  EXPECT_EQ(join_path("/a/b", "../c/./d"), "/a/c/d");
  EXPECT_EQ(join_path("/a", "/b//c/"), "/b/c");
  EXPECT_EQ(join_path("/", ".."), "/");
  EXPECT_EQ(clean_file_path("a/../.."), "..");
}

}  // namespace
}  // namespace reigen::compose
