// A Redis connection that is made when first needed and made again when it broke. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct redisContext;

class RedisClient {
 public:
  RedisClient(std::string host, int port);
  ~RedisClient();

  // The elements of a list. Throws std::runtime_error that names the server when it cannot be reached or refuses.
  std::vector<std::string> list(const std::string& key);
  void append(const std::string& key, const std::string& value);
  void remove(const std::string& key, const std::string& value);

 private:
  struct Close {
    void operator()(redisContext* context) const;
  };
  struct Reply;
  Reply command(const std::vector<std::string>& words);
  void connect();

  std::string host_;
  int port_;
  std::unique_ptr<redisContext, Close> context_;
};
