#include "compose/short_forms.h"

#include <gtest/gtest.h>

#include "compose/env_file.h"
#include "compose/interpolation.h"

namespace reigen::compose {
namespace {

std::string duration(std::string_view text) {
  auto parsed = parse_duration(text);
  return parsed ? format_duration(*parsed) : parsed.error().message();
}

TEST(ShortForms, DurationsAsGoHasThem) {
  EXPECT_EQ(duration("90s"), "1m30s");
  EXPECT_EQ(duration("1h"), "1h0m0s");
  EXPECT_EQ(duration("1.5s"), "1.5s");
  EXPECT_EQ(duration("250ms"), "250ms");
  EXPECT_EQ(duration("1d"), "24h0m0s");
  EXPECT_EQ(duration("0"), "0s");
  EXPECT_EQ(duration("10"), "invalid duration \"10\"");
  EXPECT_EQ(duration(""), "invalid duration \"\"");
  EXPECT_EQ(duration("5x"), "invalid duration \"5x\"");
}

TEST(ShortForms, SizesArePowersOf1024) {
  EXPECT_EQ(parse_bytes("64m").value(), 64 << 20);
  EXPECT_EQ(parse_bytes("1.5 GB").value(), 3LL << 29);
  EXPECT_EQ(parse_bytes("10kib").value(), 10240);
  EXPECT_EQ(parse_bytes("12").value(), 12);
  EXPECT_EQ(parse_bytes("12b").value(), 12);
  EXPECT_EQ(parse_bytes("-1").value(), -1);
  EXPECT_FALSE(parse_bytes("m"));
  EXPECT_FALSE(parse_bytes("1x"));
  EXPECT_FALSE(parse_bytes("1mx"));
}

std::string ports(std::string_view text) {
  auto parsed = parse_port(text);
  return parsed ? api::to_json(api::Value(*parsed)) : parsed.error().message();
}

TEST(ShortForms, PortsWithAddressesAndRanges) {
  EXPECT_EQ(ports("80"), R"([{"mode":"ingress","target":80,"protocol":"tcp"}])");
  EXPECT_EQ(ports("8080:80/UDP"), R"([{"mode":"ingress","target":80,"published":"8080","protocol":"udp"}])");
  EXPECT_EQ(ports("127.0.0.1::80"), R"([{"mode":"ingress","host_ip":"127.0.0.1","target":80,"protocol":"tcp"}])");
  EXPECT_EQ(ports("[::1]:8000-8010:80"), R"([{"mode":"ingress","host_ip":"::1","target":80,"published":"8000-8010","protocol":"tcp"}])");
  EXPECT_EQ(ports("9000-9001:90-91"),
            R"([{"mode":"ingress","target":90,"published":"9000","protocol":"tcp"},{"mode":"ingress","target":91,"published":"9001","protocol":"tcp"}])");
  EXPECT_EQ(parse_port("1-32768")->size(), 32768u);
  EXPECT_EQ(ports("1-32769"), "invalid containerPort: 1-32769: a range of more than 32768 ports");
  EXPECT_EQ(ports("a:80"), "invalid hostPort: a");
  EXPECT_EQ(ports("80:b"), "invalid containerPort: b");
  EXPECT_EQ(ports("x:1:2"), "invalid IP address: x");
  EXPECT_EQ(ports("80/xyz"), "invalid proto: xyz");
  EXPECT_EQ(ports("9000-9005:90-91"), "invalid ranges specified for container and host Ports: 90-91 and 9000-9005");
  EXPECT_EQ(ports("99999"), "invalid containerPort: 99999");
}

std::string volume(std::string_view text) {
  auto parsed = parse_volume(text);
  return parsed ? api::to_json(*parsed) : parsed.error().message();
}

TEST(ShortForms, Volumes) {
  EXPECT_EQ(volume("/data"), R"({"type":"volume","target":"/data","volume":{}})");
  EXPECT_EQ(volume("data:/d:ro"), R"({"type":"volume","source":"data","target":"/d","volume":{},"read_only":true})");
  EXPECT_EQ(volume("data:/d:nocopy"), R"({"type":"volume","source":"data","target":"/d","volume":{"nocopy":true}})");
  EXPECT_EQ(volume("./a:/b:ro,z"), R"({"type":"bind","source":"./a","target":"/b","bind":{"create_host_path":true,"selinux":"z"},"read_only":true})");
  EXPECT_EQ(volume("~/a:/b"), R"({"type":"bind","source":"~/a","target":"/b","bind":{"create_host_path":true}})");
  EXPECT_EQ(volume("a:/b:ro:x"), "invalid spec: a:/b:ro:x: too many colons");
  EXPECT_EQ(volume("a::ro"), "invalid spec: a::ro: empty section between colons");
  EXPECT_EQ(volume(""), "invalid empty volume spec");
}

TEST(ShortForms, DevicesAndWords) {
  EXPECT_EQ(api::to_json(parse_device("/dev/a").value()), R"({"source":"/dev/a","target":"/dev/a","permissions":"rwm"})");
  EXPECT_EQ(api::to_json(parse_device("/dev/a:/dev/b:r").value()), R"({"source":"/dev/a","target":"/dev/b","permissions":"r"})");
  EXPECT_EQ(split_words("sh -c 'a b' \"c d\" e\\ f ''").value(), (std::vector<std::string>{"sh", "-c", "a b", "c d", "e f", ""}));
  EXPECT_FALSE(split_words("echo 'open"));
}

const Environment kEnvironment = {{"A", "one"}, {"EMPTY", ""}, {"B", "two"}};

std::string filled(std::string_view text) {
  auto done = interpolate(text, kEnvironment);
  return done ? *done : done.error().message();
}

TEST(Interpolation, EveryOperator) {
  EXPECT_EQ(filled("$A ${A} $$A ${A}B"), "one one $A oneB");
  EXPECT_EQ(filled("[$NONE] [${NONE}]"), "[] []");
  EXPECT_EQ(filled("${NONE:-x} ${EMPTY:-x} ${EMPTY-x} ${NONE-x} ${A:-x}"), "x x  x one");
  EXPECT_EQ(filled("${NONE:+x}${EMPTY:+x}${EMPTY+y}${A:+z}${NONE+w}"), "yz");
  EXPECT_EQ(filled("${NONE:-${B}} ${NONE:-a${NONE-$A}b}"), "two aoneb");
  EXPECT_EQ(filled("${NONE:?no ${A}}"), "required variable NONE is missing a value: no one");
  EXPECT_EQ(filled("${EMPTY?x}"), "");
  EXPECT_EQ(filled("${EMPTY:?}"), "required variable EMPTY is missing a value");
  EXPECT_EQ(filled("${A:-{x}}"), "one");
  EXPECT_EQ(filled("${NONE:-{\"a\": {}}} $(date) $1 a$"), "{\"a\": {}} $(date) $1 a$");
  EXPECT_EQ(filled("${"), "invalid interpolation format: \"${\"; you may need to escape any $ with another $");
  EXPECT_FALSE(interpolate("${A!x}", kEnvironment));
}

TEST(Interpolation, NotesWhatIsAskedFor) {
  InterpolationNotes notes;
  ASSERT_TRUE(interpolate("$NONE ${X:-d} ${Y:?e}$A", {{"Y", "1"}}, &notes));
  EXPECT_EQ(notes.unset, (std::set<std::string>{"A", "NONE"}));
  EXPECT_EQ(notes.used.at("X").fallback, "d");
  EXPECT_TRUE(notes.used.at("Y").required);
}

TEST(EnvFile, ReadsWhatComposeReads) {
  auto values = parse_env_file(
      "# comment\n\nA=1\nexport B = two words # c\nC='single $A \\'q\\''\nD=\"double $A\\n\\$x\"\nE=${A:-z}${NONE:-y}\nF: "
      "colon\nINHERITED\nMISSING\nG=\"a\nb\"\nH=a#b\n"
      "I=\nJ=#c\n",
      {{"INHERITED", "yes"}});
  ASSERT_TRUE(values) << values.error().message();
  EXPECT_EQ(*values, (Environment{{"A", "1"},
                                  {"B", "two words"},
                                  {"C", "single $A 'q'"},
                                  {"D", "double 1\n$x"},
                                  {"E", "1y"},
                                  {"F", "colon"},
                                  {"INHERITED", "yes"},
                                  {"G", "a\nb"},
                                  {"H", "a#b"},
                                  {"I", ""},
                                  {"J", ""}}));
  EXPECT_EQ(parse_env_file("A=1\nB='x\n", {}).error().message(), "line 2: unterminated quoted value 'x");
  EXPECT_FALSE(parse_env_file("a b=c\n", {}));
  EXPECT_FALSE(parse_env_file("a&b=c\n", {}));
  EXPECT_EQ(parse_raw_env_file("A='x $y'\nB\n#c\n", {{"B", "1"}}).value(), (Environment{{"A", "'x $y'"}, {"B", "1"}}));
}

}  // namespace
}  // namespace reigen::compose
