#include "docker/wire_form.h"

#include <gtest/gtest.h>

#include "api/dockerv1.h"

namespace reigen::docker {
namespace {

api::Value json(std::string_view text) { return api::parse_json(text).value(); }

template <class T>
std::string formed(std::string_view text) {
  auto out = wire_form<T>(json(text));
  return out ? api::to_json(*out) : out.error().message();
}

TEST(WireForm, ShowsEveryFieldInOrder) {
  EXPECT_EQ(formed<api::dockerv1::Config>(R"({"image":"a","Cmd":"x","ENV":["B=1"],"nosuch":1,"Labels":{"z":"1","a":"2"}})"),
            R"({"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,)"
            R"("StdinOnce":false,"Env":["B=1"],"Cmd":["x"],"Image":"a","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,)"
            R"("Labels":{"a":"2","z":"1"}})");
}

TEST(WireForm, TellsNullFromEmptyAndFromOmitted) {
  auto host =
      wire_form<api::dockerv1::HostConfig>(json(R"({"Binds":[],"PidsLimit":0,"Memory":5,"ConsoleSize":[4],"Sysctls":{},"Ulimits":[{"name":"a"}]})")).value();
  EXPECT_EQ(api::to_json(*host.find("Binds")), "[]");
  EXPECT_TRUE(host.find("Links")->is_null());
  EXPECT_EQ(host.find("PidsLimit")->int_or(-1), 0);
  EXPECT_TRUE(host.find("OomKillDisable")->is_null());
  EXPECT_EQ(api::to_json(*host.find("ConsoleSize")), "[4,0]");
  EXPECT_FALSE(host.has("Sysctls"));
  EXPECT_FALSE(host.has("Init"));
  EXPECT_EQ(api::to_json(*host.find("RestartPolicy")), R"({"Name":"","MaximumRetryCount":0})");
  EXPECT_EQ(api::to_json(*host.find("Ulimits")), R"([{"Name":"a","Hard":0,"Soft":0}])");
}

TEST(WireForm, TheLastOfTwoSpellingsCounts) {
  auto config = wire_form<api::dockerv1::Config>(json(R"({"Image":"a","image":"b"})")).value();
  EXPECT_EQ(config.find("Image")->text(), "b");
}

TEST(WireForm, RefusesWrongTypesAsGo) {
  EXPECT_EQ(formed<api::dockerv1::CreateRequest>(R"({"Image":5})"),
            "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Image of type string");
  EXPECT_EQ(formed<api::dockerv1::CreateRequest>(R"({"HostConfig":{"Memory":"1g"}})"),
            "invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of type int64");
  EXPECT_EQ(formed<api::dockerv1::CreateRequest>("[]"), "invalid JSON: json: cannot unmarshal array into Go value of type CreateRequest");
  EXPECT_EQ(formed<api::dockerv1::HostConfig>(R"({"BlkioWeight":70000})"),
            "invalid JSON: json: cannot unmarshal number 70000 into Go struct field HostConfig.BlkioWeight of type uint16");
  EXPECT_EQ(formed<api::dockerv1::HostConfig>(R"({"Memory":1.5})"),
            "invalid JSON: json: cannot unmarshal number 1.5 into Go struct field HostConfig.Memory of type int64");
  EXPECT_EQ(formed<api::dockerv1::HostConfig>(R"({"Dns":"1.1.1.1"})"),
            "invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.Dns of type []string");
}

}  // namespace
}  // namespace reigen::docker
