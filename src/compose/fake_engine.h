// An engine for tests: networks, volumes, images and containers as maps, on a unix socket. Every request that changes something is noted.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "api/value.h"
#include "http/server.h"

namespace reigen::compose::test {

class FakeEngine {
 public:
  explicit FakeEngine(const std::string& socket) : server_({.threads = 2}, [this](auto request, auto responder) { serve(*request, *responder); }) {
    (void)server_.listen_unix(socket);
  }

  // "POST /containers/create?name=p-web-1", in the order they came, and forgets them.
  std::vector<std::string> take_changes() {
    std::lock_guard lock(mutex_);
    return std::exchange(changes_, {});
  }
  std::set<std::string> images{"busybox"};
  int start_failures = 0;  // so many starts are answered with 500

 private:
  struct Answer {
    int status = 200;
    api::Value body;
  };

  void serve(const http::Request& request, http::Responder& responder) {
    std::lock_guard lock(mutex_);
    if (request.path == "/_ping") return responder.send(200, {{"Api-Version", "1.41"}}, "OK");
    std::string path = request.path.substr(request.path.find('/', 1));  // without /v1.41
    if (request.method != "GET")
      changes_.push_back(request.method + " " + path + (request.query.has("name") ? " " + std::string(request.query.get("name")) : ""));
    Answer answer = act(request, path);
    responder.send(answer.status, {{"Content-Type", "application/json"}}, answer.body.is_null() ? "" : api::to_json(answer.body));
  }

  static Answer missing(const std::string& what) { return {404, api::Value::object({{"message", "No such " + what}})}; }

  Answer act(const http::Request& request, const std::string& path) {
    if (path.starts_with("/images/")) return act_image(request, path);
    if (path.starts_with("/networks")) return act_named(request, path, "/networks", networks_);
    if (path.starts_with("/volumes")) return act_named(request, path, "/volumes", volumes_);
    return act_container(request, path);
  }

  Answer act_image(const http::Request& request, const std::string& path) {
    if (path == "/images/create") {
      images.insert(std::string(request.query.get("fromImage")));
      return {200, api::Value::object({{"status", "done"}})};
    }
    std::string name = path.substr(8, path.rfind('/') - 8);
    if (!images.contains(name)) return missing("image: " + name);
    return {200, api::Value::object({{"Id", "sha256:" + name}})};
  }

  Answer act_named(const http::Request& request, const std::string& path, const std::string& root, std::map<std::string, api::Value>& known) {
    if (path == root + "/create") {
      auto body = *api::parse_json(request.body);
      known[std::string(body.text_at({"Name"}))] = body;
      return {201, body};
    }
    if (path == root) {
      api::Value list = api::Value::array();
      for (const auto& [name, body] : known) list.push_back(api::Value::object({{"Name", name}, {"Id", name}, {"Labels", *body.find("Labels")}}));
      return {200, list};
    }
    std::string name = path.substr(root.size() + 1);
    if (!known.contains(name)) return missing(root + " " + name);
    if (request.method == "DELETE") known.erase(name);
    return {200, request.method == "DELETE" ? api::Value() : known[name]};
  }

  Answer act_container(const http::Request& request, const std::string& path) {
    if (path == "/containers/create") {
      auto body = *api::parse_json(request.body);
      std::string id = "id" + std::to_string(++last_), name(request.query.get("name"));
      containers_[id] =
          api::Value::object({{"Id", id}, {"Names", api::Value::array({api::Value("/" + name)})}, {"State", "created"}, {"Labels", *body.find("Labels")}});
      return {201, api::Value::object({{"Id", id}})};
    }
    if (path == "/containers/json") {
      api::Value list = api::Value::array();
      for (const auto& [id, container] : containers_) list.push_back(container);
      return {200, list};
    }
    std::string rest = path.substr(12), id = rest.substr(0, rest.find('/')), verb = rest.find('/') == std::string::npos ? "" : rest.substr(rest.find('/') + 1);
    auto found = containers_.find(id);
    if (found == containers_.end()) return missing("container: " + id);
    if (request.method == "DELETE") containers_.erase(found);
    else if (verb == "start" && start_failures-- > 0) return {500, api::Value::object({{"message", "no luck"}})};
    else if (verb == "start") found->second.set("State", "running");
    else if (verb == "stop") found->second.set("State", "exited");
    else if (verb == "rename") found->second.set("Names", api::Value::array({api::Value("/" + std::string(request.query.get("name")))}));
    else if (verb == "json") return {200, api::Value::object({{"State", api::Value::object({{"Status", found->second.text_at({"State"})}, {"ExitCode", 0}})}})};
    return {204, {}};
  }

  std::mutex mutex_;
  std::vector<std::string> changes_;
  std::map<std::string, api::Value> networks_, volumes_, containers_;
  int last_ = 0;
  http::Server server_;
};

}  // namespace reigen::compose::test
