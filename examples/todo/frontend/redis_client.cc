#include "redis_client.h"

#include <hiredis/hiredis.h>

#include <stdexcept>

void RedisClient::Close::operator()(redisContext* context) const { redisFree(context); }

struct RedisClient::Reply {
  std::unique_ptr<redisReply, void (*)(void*)> value{nullptr, freeReplyObject};
};

RedisClient::RedisClient(std::string host, int port) : host_(std::move(host)), port_(port) {}
RedisClient::~RedisClient() = default;

void RedisClient::connect() {
  timeval limit{2, 0};
  context_.reset(redisConnectWithTimeout(host_.c_str(), port_, limit));
  if (context_ && !context_->err) {
    redisSetTimeout(context_.get(), limit);
    return;
  }
  std::string why = context_ ? context_->errstr : "out of memory";
  context_.reset();
  throw std::runtime_error(host_ + ":" + std::to_string(port_) + ": " + why);
}

RedisClient::Reply RedisClient::command(const std::vector<std::string>& words) {
  std::vector<const char*> pointers;
  std::vector<size_t> lengths;
  for (const auto& word : words) {
    pointers.push_back(word.data());
    lengths.push_back(word.size());
  }
  // A server that went away is noticed only at the next command: try once more on a new connection.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!context_) connect();
    Reply reply;
    reply.value.reset(static_cast<redisReply*>(redisCommandArgv(context_.get(), static_cast<int>(words.size()), pointers.data(), lengths.data())));
    if (reply.value) {
      if (reply.value->type == REDIS_REPLY_ERROR) throw std::runtime_error(host_ + ": " + reply.value->str);
      return reply;
    }
    context_.reset();
  }
  throw std::runtime_error(host_ + ":" + std::to_string(port_) + ": the connection broke");
}

std::vector<std::string> RedisClient::list(const std::string& key) {
  auto reply = command({"LRANGE", key, "0", "-1"});
  std::vector<std::string> items;
  for (size_t i = 0; i < reply.value->elements; ++i) {
    items.emplace_back(reply.value->element[i]->str, reply.value->element[i]->len);
  }
  return items;
}

void RedisClient::append(const std::string& key, const std::string& value) { command({"RPUSH", key, value}); }
void RedisClient::remove(const std::string& key, const std::string& value) { command({"LREM", key, "1", value}); }
