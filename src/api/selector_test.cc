#include <gtest/gtest.h>

#include "api/errors.h"
#include "api/field_selector.h"
#include "api/label_selector.h"
#include "api/validation.h"

namespace reigen::api {
namespace {

std::string parsed(std::string_view text) {
  auto selector = LabelSelector::parse(text);
  return selector ? selector->to_string() : "error: " + selector.error().message();
}

TEST(LabelSelector, ReadsEveryOperatorAndSortsByKey) {
  EXPECT_EQ(parsed("x notin (b,a) , !c,d in(e),a==1,b!=2,f=,g>5,h"), "a==1,b!=2,!c,d in (e),f=,g>5,h,x notin (a,b)");
  EXPECT_EQ(parsed("tier in ()"), "tier in ()");
  EXPECT_EQ(parsed("tier in (,back)"), "tier in (,back)");
  EXPECT_EQ(parsed("in in (in,notin)"), "in in (in,notin)");
  EXPECT_EQ(parsed(""), "");
}

TEST(LabelSelector, WordsErrorsAsKubernetesDoes) {
  const std::pair<const char*, const char*> cases[] = {
      {"app gt 5", "unable to parse requirement: found 'gt', expected: in, notin, =, ==, !=, gt, lt"},
      {"app in web", "unable to parse requirement: found 'web' expected: '('"},
      {"bad key=x", "unable to parse requirement: found 'key', expected: in, notin, =, ==, !=, gt, lt"},
      {"a,", "found '', expected: identifier after ','"},
      {"=a", "found '=', expected: !, identifier, or 'end of string'"},
      {"a=b c", "found 'c', expected: ',' or 'end of string'"},
      {"app=-bad-",
       "unable to parse requirement: values[0][app]: Invalid value: \"-bad-\": a valid label must be an empty string or consist of "
       "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
       "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
      {"a/b/c=x",
       "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or "
       "'.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation "
       "is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"},
  };
  for (auto [text, message] : cases) EXPECT_EQ(parsed(text), std::string("error: ") + message);
}

TEST(LabelSelector, Matches) {
  Map<std::string> labels{{"app", "web"}, {"n", "7"}};
  for (auto text : {"app", "app=web", "app in (x,web)", "!tier", "tier!=x", "tier notin (a)", "n>6", "n<8", ""})
    EXPECT_TRUE(LabelSelector::parse(text)->matches(labels)) << text;
  for (auto text : {"tier", "app=x", "app notin (web)", "!app", "n>7", "app>1", "app=web,tier"})
    EXPECT_FALSE(LabelSelector::parse(text)->matches(labels)) << text;
  EXPECT_FALSE(LabelSelector::nothing().matches(labels));
}

TEST(FieldSelector, ReadsTermsAndEscapes) {
  auto selector = FieldSelector::parse(R"(b!=x\,y\=\\,a==1,,c=)");
  ASSERT_TRUE(selector);
  EXPECT_EQ(selector->to_string(), R"(a=1,b!=x\,y\=\\,c=)");
  EXPECT_EQ(*selector->exact("a"), "1");
  EXPECT_TRUE(selector->matches([](auto field) { return field == "a" ? "1" : ""; }));
  EXPECT_FALSE(selector->matches([](auto) { return "1"; }));
  EXPECT_EQ(FieldSelector::parse("metadata.name").error().message(), "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
  EXPECT_EQ(FieldSelector::parse("a=b=c").error().message(), "invalid field selector: unescaped character in value: 61");
  EXPECT_EQ(FieldSelector::parse("a=\\x").error().message(), "invalid field selector: invalid escape sequence: \\x");
}

TEST(Validation, WordsMessagesAsKubernetesDoes) {
  EXPECT_EQ(is_dns1123_label("a.b"), Messages{"must not contain dots"});
  EXPECT_EQ(is_dns1123_label("A")[0],
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
            "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
  EXPECT_EQ(is_port_name("").size(), 2u);
  EXPECT_TRUE(is_qualified_name("example.com/My_name.1").empty());
  EXPECT_EQ(is_config_map_key("..x"), Messages{"must not start with '..'"});
  EXPECT_EQ(is_path_segment_name("a/b%"), (Messages{"may not contain '/'", "may not contain '%'"}));
}

TEST(Validation, ReadsAddressesAsKubernetesDoes) {
  EXPECT_EQ(parse_ip("010.001.0.255")->to_string(), "10.1.0.255");
  EXPECT_EQ(parse_ip("::ffff:1.2.3.4")->to_string(), "1.2.3.4");
  EXPECT_EQ(parse_ip("2001:DB8:0::1")->to_string(), "2001:db8::1");
  for (auto text : {"", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":1", "fe80::1%eth0", "1.2.3.4 "}) EXPECT_FALSE(parse_ip(text)) << text;
  EXPECT_EQ(parse_cidr("10.9.8.7/22")->to_string(), "10.9.8.0/22");
  EXPECT_TRUE(parse_cidr("10.9.8.0/22")->contains(*parse_ip("10.9.11.255")));
  for (auto text : {"10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+1"}) EXPECT_FALSE(parse_cidr(text)) << text;
}

TEST(Errors, CarryTheStatusKubernetesWouldSend) {
  auto error = not_found({"apps", "deployments"}, "web").context("somewhere");
  EXPECT_TRUE(is_not_found(error));
  EXPECT_EQ(status_json(status_of(error)),
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"deployments.apps \"web\" not found",)"
            R"("reason":"NotFound","details":{"name":"web","group":"apps","kind":"deployments"},"code":404})");
  FieldPath spec("spec");
  FieldErrors errors{FieldError::invalid(spec.child("a", 0), "x", "no"), FieldError::required(spec.child("b"), "say it"),
                     FieldError::not_supported(spec.child("c"), "q", {"A", "B"})};
  EXPECT_EQ(status_of(invalid({"", "Pod"}, "p", errors)).message,
            "Pod \"p\" is invalid: [spec.a[0]: Invalid value: \"x\": no, spec.b: Required value: say it, spec.c: Unsupported value: \"q\": "
            "supported values: \"A\", \"B\"]");
  auto back = parse_status(500, status_json(status_of(invalid({"", "Pod"}, "p", errors))));
  EXPECT_EQ(back.code, 422);
  EXPECT_EQ(back.causes[1].field, "spec.b");
  EXPECT_EQ(status_of(Error(Code::kInternal, "boom")).message, "Internal error occurred: boom");
}

}  // namespace
}  // namespace reigen::api
