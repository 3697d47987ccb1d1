// nftables: transactions on tables of our own, and what can be seen of others'.
//
// An NftBatch collects changes; NftSocket::commit applies all of them or none. A rule is a list of expressions that pass values
// in 16 registers of 4 bytes, named 0 to 15 here (NFT_REG32_00 and up); an address takes 1 or 4 of them, a link's name 4, everything else 1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

struct nftnl_expr;
struct nftnl_rule;

namespace reigen::linux {

enum class NftFamily : uint8_t { kInet = 1, kIpv4 = 2, kIpv6 = 10 };
enum class NftHook : uint8_t { kPrerouting = 0, kInput = 1, kForward = 2, kOutput = 3, kPostrouting = 4 };
enum class NftVerdict : int32_t { kDrop = 0, kAccept = 1, kGoto = -4, kJump = -3, kReturn = -5 };

// Types as `nft list` shows them; six bits each in a concatenation.
enum class NftType : uint8_t { kIpv4 = 7, kIpv6 = 8, kProtocol = 12, kPort = 13, kMark = 19, kLinkName = 41 };

class NftRule {
 public:
  explicit NftRule(std::string_view comment = {});
  NftRule(NftRule&&) noexcept;
  NftRule& operator=(NftRule&&) noexcept;
  ~NftRule();

  // Loads.
  NftRule& source_address(NftFamily family, int reg);
  NftRule& destination_address(NftFamily family, int reg);
  NftRule& destination_port(int reg);
  NftRule& protocol(int reg);
  NftRule& original_destination(NftFamily family, int reg);  // before translation
  NftRule& original_destination_port(int reg);
  NftRule& input_link(int reg);  // its name, 4 registers
  NftRule& output_link(int reg);
  NftRule& random_below(uint32_t bound, int reg);
  NftRule& constant(std::string_view bytes, int reg);

  // Conditions: the rule ends here when one does not hold.
  NftRule& if_equal(int reg, std::string_view bytes, bool negate = false);
  NftRule& if_in_network(int reg, const IpNetwork& network, bool negate = false);
  NftRule& if_source_local(bool negate = false);  // fib; spoils register 15
  NftRule& if_destination_local(bool negate = false);
  NftRule& if_input_link(std::string_view name, bool prefix);  // spoils registers 8 to 11
  NftRule& if_output_link(std::string_view name, bool prefix, bool negate = false);
  NftRule& if_new();          // conntrack state; these spoil register 15
  NftRule& if_established();  // or related
  NftRule& if_destination_translated();
  NftRule& if_in_set(int reg, const std::string& set, bool negate = false);

  // Look-ups in maps; ends the rule when nothing is found. A verdict map acts at once.
  NftRule& look_up(int reg, const std::string& map, int result);
  NftRule& look_up_verdict(int reg, const std::string& map);
  // Adds, refreshes or deletes an element (the data register is ignored where negative).
  enum class Update : uint8_t { kAdd = 0, kRefresh = 1, kDelete = 2 };
  NftRule& update(const std::string& set, int key, int data, Update what, uint64_t timeout_ms);

  // Endings.
  NftRule& translate_destination(NftFamily family, int address, int port);
  NftRule& masquerade();
  NftRule& reject(NftFamily family);  // ICMP port unreachable
  NftRule& verdict(NftVerdict verdict, const std::string& chain = {});

 private:
  friend class NftBatch;
  NftRule& add(nftnl_expr* expression);
  std::unique_ptr<nftnl_rule, void (*)(const nftnl_rule*)> rule_;
};

struct NftTable {
  NftFamily family = NftFamily::kIpv4;
  std::string name;
  bool operator==(const NftTable&) const = default;
};

struct NftChain {
  std::string name;
  std::string type;  // "nat", "filter"; empty: a chain to be jumped to
  NftHook hook = NftHook::kPrerouting;
  int priority = 0;
};

struct NftSet {
  std::string name;
  std::vector<NftType> key;
  std::vector<NftType> data;  // empty: a set
  bool verdicts = false;      // a map to verdicts
  bool dynamic = false;       // rules may update it; elements have timeouts
};

// Key and data are the registers' bytes: every part padded to 4 bytes.
struct NftElement {
  std::string_view key;
  std::string_view data;
  NftVerdict verdict = NftVerdict::kDrop;  // of a verdict map
  std::string_view chain;
};

class NftBatch {
 public:
  NftBatch();
  bool empty() const { return descriptions_.empty(); }
  size_t bytes() const { return buffer_.size(); }

  void add_table(const NftTable& table);     // fine if there
  void delete_table(const NftTable& table);  // must be there
  void add_chain(const NftTable& table, const NftChain& chain);
  void delete_chain(const NftTable& table, const std::string& chain);  // with its rules; after all that refer to it
  void flush_chain(const NftTable& table, const std::string& chain);
  void add_rule(const NftTable& table, const std::string& chain, NftRule rule);
  void insert_rule(const NftTable& table, const std::string& chain, NftRule rule);  // at the head
  void delete_rule(const NftTable& table, const std::string& chain, uint64_t handle);
  void add_set(const NftTable& table, const NftSet& set);
  void flush_set(const NftTable& table, const std::string& set);
  void add_elements(const NftTable& table, const NftSet& set, const std::vector<NftElement>& elements);
  void delete_elements(const NftTable& table, const NftSet& set, const std::vector<NftElement>& elements);  // must be there

 private:
  friend class NftSocket;
  char* begin(uint16_t type, uint16_t flags, NftFamily family, std::string description);
  void finish(char* header);
  void put_rule(const NftTable& table, const std::string& chain, NftRule rule, uint16_t flags);
  void put_elements(const NftTable& table, const NftSet& set, const std::vector<NftElement>& elements, uint16_t type, uint16_t flags);

  std::string buffer_;                     // finished messages
  std::unique_ptr<char[]> scratch_;        // the one being built
  std::vector<std::string> descriptions_;  // by sequence number: for errors
  uint32_t next_set_id_ = 1;
};

struct NftSeenChain {
  NftTable table;
  std::string name;
  std::string type;  // empty: no base chain
  NftHook hook = NftHook::kPrerouting;
  bool drops = false;  // its policy
};

struct NftSeenRule {
  uint64_t handle = 0;
  std::string comment;
};

// Bound for ever to the network namespace it was opened in; one thread at a time; blocks.
class NftSocket {
 public:
  static Result<NftSocket> open();

  // All or nothing. The error names the first change that the kernel refused.
  Status commit(const NftBatch& batch);

  Result<std::vector<NftTable>> tables();
  Result<std::vector<NftSeenChain>> chains();
  Result<std::vector<NftSeenRule>> rules(const NftTable& table, const std::string& chain);

 private:
  explicit NftSocket(Fd fd) : fd_(std::move(fd)) {}
  template <class Each>
  Status dump(char* request, const char* what, Each each);
  Status read_errors(const NftBatch& batch);

  Fd fd_;
};

}  // namespace reigen::linux
