#include "linux/nftables.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <cstring>

namespace reigen::linux {
namespace {

constexpr size_t kScratchBytes = 128 << 10;
constexpr size_t kElementsPerMessage = 500;  // far below the 64 KiB that a nested attribute can hold
constexpr size_t kReceiveBuffer = 64 << 10;

uint8_t number(NftFamily family) { return static_cast<uint8_t>(family); }

uint32_t type_of(const std::vector<NftType>& parts) {
  uint32_t type = 0;
  for (NftType part : parts) type = type << 6 | static_cast<uint32_t>(part);
  return type;
}

uint32_t length_of(const std::vector<NftType>& parts) {
  uint32_t length = 0;
  for (NftType part : parts) length += part == NftType::kIpv6 || part == NftType::kLinkName ? 16 : 4;
  return length;
}

void free_table(nftnl_table* table) { nftnl_table_free(table); }

}  // namespace

NftBatch::NftBatch() : scratch_(new char[kScratchBytes]) {}

// What is built may be larger than the message buffer of libmnl's batches, so finished messages are copied behind one another.
char* NftBatch::begin(uint16_t type, uint16_t flags, NftFamily family, std::string description) {
  descriptions_.push_back(std::move(description));
  nftnl_nlmsg_build_hdr(scratch_.get(), type, number(family), flags, static_cast<uint32_t>(descriptions_.size()));
  return scratch_.get();
}

void NftBatch::finish(char* header) { buffer_.append(header, reinterpret_cast<nlmsghdr*>(header)->nlmsg_len); }

void NftBatch::add_table(const NftTable& table) {
  char* header = begin(NFT_MSG_NEWTABLE, NLM_F_CREATE, table.family, "add table " + table.name);
  mnl_attr_put_strz(reinterpret_cast<nlmsghdr*>(header), NFTA_TABLE_NAME, table.name.c_str());
  finish(header);
}

void NftBatch::delete_table(const NftTable& table) {
  char* header = begin(NFT_MSG_DELTABLE, 0, table.family, "delete table " + table.name);
  mnl_attr_put_strz(reinterpret_cast<nlmsghdr*>(header), NFTA_TABLE_NAME, table.name.c_str());
  finish(header);
}

void NftBatch::add_chain(const NftTable& table, const NftChain& chain) {
  char* buffer = begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE, table.family, "add chain " + chain.name);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain.name.c_str());
  if (!chain.type.empty()) {
    nlattr* hook = mnl_attr_nest_start(header, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(header, NFTA_HOOK_HOOKNUM, htonl(static_cast<uint32_t>(chain.hook)));
    mnl_attr_put_u32(header, NFTA_HOOK_PRIORITY, htonl(static_cast<uint32_t>(chain.priority)));
    mnl_attr_nest_end(header, hook);
    mnl_attr_put_strz(header, NFTA_CHAIN_TYPE, chain.type.c_str());
  }
  finish(buffer);
}

void NftBatch::delete_chain(const NftTable& table, const std::string& chain) {
  flush_chain(table, chain);
  char* buffer = begin(NFT_MSG_DELCHAIN, 0, table.family, "delete chain " + chain);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain.c_str());
  finish(buffer);
}

void NftBatch::flush_chain(const NftTable& table, const std::string& chain) {
  char* buffer = begin(NFT_MSG_DELRULE, 0, table.family, "flush chain " + chain);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  mnl_attr_put_strz(header, NFTA_RULE_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_RULE_CHAIN, chain.c_str());
  finish(buffer);
}

void NftBatch::put_rule(const NftTable& table, const std::string& chain, NftRule rule, uint16_t flags) {
  char* buffer = begin(NFT_MSG_NEWRULE, flags, table.family, "add rule to " + table.name + " " + chain);
  nftnl_rule_set_u32(rule.rule_.get(), NFTNL_RULE_FAMILY, number(table.family));
  nftnl_rule_set_str(rule.rule_.get(), NFTNL_RULE_TABLE, table.name.c_str());
  nftnl_rule_set_str(rule.rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
  nftnl_rule_nlmsg_build_payload(reinterpret_cast<nlmsghdr*>(buffer), rule.rule_.get());
  finish(buffer);
}

void NftBatch::add_rule(const NftTable& table, const std::string& chain, NftRule rule) { put_rule(table, chain, std::move(rule), NLM_F_CREATE | NLM_F_APPEND); }

void NftBatch::insert_rule(const NftTable& table, const std::string& chain, NftRule rule) { put_rule(table, chain, std::move(rule), NLM_F_CREATE); }

void NftBatch::delete_rule(const NftTable& table, const std::string& chain, uint64_t handle) {
  char* buffer = begin(NFT_MSG_DELRULE, 0, table.family, "delete a rule of " + table.name + " " + chain);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  mnl_attr_put_strz(header, NFTA_RULE_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_RULE_CHAIN, chain.c_str());
  mnl_attr_put_u64(header, NFTA_RULE_HANDLE, htobe64(handle));
  finish(buffer);
}

void NftBatch::add_set(const NftTable& table, const NftSet& set) {
  char* buffer = begin(NFT_MSG_NEWSET, NLM_F_CREATE, table.family, "add set " + set.name);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  uint32_t flags = 0;
  if (set.verdicts || !set.data.empty()) flags |= NFT_SET_MAP;
  if (set.dynamic) flags |= NFT_SET_EVAL | NFT_SET_TIMEOUT;
  mnl_attr_put_strz(header, NFTA_SET_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_SET_NAME, set.name.c_str());
  mnl_attr_put_u32(header, NFTA_SET_FLAGS, htonl(flags));
  mnl_attr_put_u32(header, NFTA_SET_KEY_TYPE, htonl(type_of(set.key)));
  mnl_attr_put_u32(header, NFTA_SET_KEY_LEN, htonl(length_of(set.key)));
  if (set.verdicts) {
    mnl_attr_put_u32(header, NFTA_SET_DATA_TYPE, htonl(NFT_DATA_VERDICT));
    mnl_attr_put_u32(header, NFTA_SET_DATA_LEN, htonl(16));
  } else if (!set.data.empty()) {
    mnl_attr_put_u32(header, NFTA_SET_DATA_TYPE, htonl(type_of(set.data)));
    mnl_attr_put_u32(header, NFTA_SET_DATA_LEN, htonl(length_of(set.data)));
  }
  mnl_attr_put_u32(header, NFTA_SET_ID, htonl(next_set_id_++));
  finish(buffer);
}

void NftBatch::flush_set(const NftTable& table, const std::string& set) {
  char* buffer = begin(NFT_MSG_DELSETELEM, 0, table.family, "flush set " + set);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set.c_str());
  finish(buffer);
}

namespace {

void put_element(nlmsghdr* header, const NftSet& set, const NftElement& element, bool with_data) {
  nlattr* item = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
  nlattr* key = mnl_attr_nest_start(header, NFTA_SET_ELEM_KEY);
  mnl_attr_put(header, NFTA_DATA_VALUE, element.key.size(), element.key.data());
  mnl_attr_nest_end(header, key);
  if (with_data && set.verdicts) {
    nlattr* data = mnl_attr_nest_start(header, NFTA_SET_ELEM_DATA);
    nlattr* verdict = mnl_attr_nest_start(header, NFTA_DATA_VERDICT);
    mnl_attr_put_u32(header, NFTA_VERDICT_CODE, htonl(static_cast<uint32_t>(element.verdict)));
    if (!element.chain.empty()) mnl_attr_put_strz(header, NFTA_VERDICT_CHAIN, std::string(element.chain).c_str());
    mnl_attr_nest_end(header, verdict);
    mnl_attr_nest_end(header, data);
  } else if (with_data && !set.data.empty()) {
    nlattr* data = mnl_attr_nest_start(header, NFTA_SET_ELEM_DATA);
    mnl_attr_put(header, NFTA_DATA_VALUE, element.data.size(), element.data.data());
    mnl_attr_nest_end(header, data);
  }
  mnl_attr_nest_end(header, item);
}

}  // namespace

void NftBatch::put_elements(const NftTable& table, const NftSet& set, const std::vector<NftElement>& elements, uint16_t type, uint16_t flags) {
  for (size_t from = 0; from < elements.size(); from += kElementsPerMessage) {
    size_t to = std::min(elements.size(), from + kElementsPerMessage);
    char* buffer = begin(type, flags, table.family, (type == NFT_MSG_NEWSETELEM ? "add elements to " : "delete elements of ") + set.name);
    auto* header = reinterpret_cast<nlmsghdr*>(buffer);
    mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table.name.c_str());
    mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set.name.c_str());
    nlattr* list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (size_t i = from; i < to; i++) put_element(header, set, elements[i], type == NFT_MSG_NEWSETELEM);
    mnl_attr_nest_end(header, list);
    finish(buffer);
  }
}

void NftBatch::add_elements(const NftTable& table, const NftSet& set, const std::vector<NftElement>& elements) {
  put_elements(table, set, elements, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
}

void NftBatch::delete_elements(const NftTable& table, const NftSet& set, const std::vector<NftElement>& elements) {
  put_elements(table, set, elements, NFT_MSG_DELSETELEM, 0);
}

Result<NftSocket> NftSocket::open() {
  Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return fail_errno("open an nftables socket");
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) return fail_errno("bind an nftables socket");
  return NftSocket(std::move(fd));
}

Status NftSocket::commit(const NftBatch& batch) {
  if (batch.empty()) return {};
  alignas(8) char first[64];
  alignas(8) char last[64];
  auto* begin = nftnl_batch_begin(first, 0);
  auto* end = nftnl_batch_end(last, static_cast<uint32_t>(batch.descriptions_.size()) + 1);
  iovec parts[3] = {{begin, begin->nlmsg_len}, {const_cast<char*>(batch.buffer_.data()), batch.buffer_.size()}, {end, end->nlmsg_len}};
  int room = static_cast<int>(batch.buffer_.size() * 2 + (256 << 10));
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0) setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  while (sendmsg(fd_.get(), &message, 0) < 0)
    if (errno != EINTR) return fail_errno("send an nftables transaction of " + std::to_string(batch.buffer_.size()) + " bytes");
  return read_errors(batch);
}

// The kernel handles a transaction inside sendmsg: when it returns, all refusals are in the socket, and none means done.
Status NftSocket::read_errors(const NftBatch& batch) {
  alignas(8) char buffer[kReceiveBuffer];
  Status first;
  for (;;) {
    ssize_t length = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return first;
    if (length < 0 && errno == ENOBUFS && first) {
      first = fail(Code::kInternal, "an nftables transaction failed with more errors than fit");
      continue;
    }
    if (length < 0) return fail_errno("read the answer to an nftables transaction");
    int left = static_cast<int>(length);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_type != NLMSG_ERROR || !first) continue;
      int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
      if (error == 0) continue;
      size_t index = answer->nlmsg_seq;
      bool known = index >= 1 && index <= batch.descriptions_.size();
      first = fail_errno("nftables: " + (known ? batch.descriptions_[index - 1] : std::string("transaction")), error);
    }
  }
}

template <class Each>
Status NftSocket::dump(char* request, const char* what, Each each) {
  auto* header = reinterpret_cast<nlmsghdr*>(request);
  if (send(fd_.get(), header, header->nlmsg_len, 0) < 0) return fail_errno(what);
  alignas(8) char buffer[kReceiveBuffer];
  for (;;) {
    ssize_t length = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail_errno(what);
    int left = static_cast<int>(length);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if (answer->nlmsg_type == NLMSG_DONE) return {};
      if (answer->nlmsg_type == NLMSG_ERROR) {
        int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
        return error == 0 ? Status() : fail_errno(what, error);
      }
      each(answer);
    }
  }
}

Result<std::vector<NftTable>> NftSocket::tables() {
  alignas(8) char request[256];
  nftnl_nlmsg_build_hdr(request, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, NLM_F_DUMP, 1);
  std::vector<NftTable> found;
  TRY(dump(request, "list nftables tables", [&](const nlmsghdr* answer) {
    std::unique_ptr<nftnl_table, void (*)(nftnl_table*)> table(nftnl_table_alloc(), free_table);
    if (nftnl_table_nlmsg_parse(answer, table.get()) < 0) return;
    found.push_back({static_cast<NftFamily>(nftnl_table_get_u32(table.get(), NFTNL_TABLE_FAMILY)), nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME)});
  }));
  return found;
}

Result<std::vector<NftSeenChain>> NftSocket::chains() {
  alignas(8) char request[256];
  nftnl_nlmsg_build_hdr(request, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 1);
  std::vector<NftSeenChain> found;
  TRY(dump(request, "list nftables chains", [&](const nlmsghdr* answer) {
    std::unique_ptr<nftnl_chain, void (*)(const nftnl_chain*)> chain(nftnl_chain_alloc(), nftnl_chain_free);
    if (nftnl_chain_nlmsg_parse(answer, chain.get()) < 0) return;
    NftSeenChain seen;
    seen.table = {static_cast<NftFamily>(nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_FAMILY)), nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE)};
    seen.name = nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME);
    if (nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM)) {
      seen.type = nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TYPE);
      seen.hook = static_cast<NftHook>(nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM));
      seen.drops = nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY) == 0;
    }
    found.push_back(std::move(seen));
  }));
  return found;
}

namespace {

int pick_comment(const nftnl_udata* attribute, void* out) {
  if (nftnl_udata_type(attribute) == NFTNL_UDATA_RULE_COMMENT)
    static_cast<std::string*>(out)->assign(static_cast<const char*>(nftnl_udata_get(attribute)),
                                           strnlen(static_cast<const char*>(nftnl_udata_get(attribute)), nftnl_udata_len(attribute)));
  return 0;
}

}  // namespace

Result<std::vector<NftSeenRule>> NftSocket::rules(const NftTable& table, const std::string& chain) {
  alignas(8) char request[1024];
  auto* header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETRULE, number(table.family), NLM_F_DUMP, 1);
  mnl_attr_put_strz(header, NFTA_RULE_TABLE, table.name.c_str());
  mnl_attr_put_strz(header, NFTA_RULE_CHAIN, chain.c_str());
  std::vector<NftSeenRule> found;
  TRY(dump(request, "list nftables rules", [&](const nlmsghdr* answer) {
    std::unique_ptr<nftnl_rule, void (*)(const nftnl_rule*)> rule(nftnl_rule_alloc(), nftnl_rule_free);
    if (nftnl_rule_nlmsg_parse(answer, rule.get()) < 0) return;
    NftSeenRule seen;
    seen.handle = nftnl_rule_get_u64(rule.get(), NFTNL_RULE_HANDLE);
    uint32_t length = 0;
    if (const void* data = nftnl_rule_get_data(rule.get(), NFTNL_RULE_USERDATA, &length)) nftnl_udata_parse(data, length, pick_comment, &seen.comment);
    found.push_back(std::move(seen));
  }));
  return found;
}

}  // namespace reigen::linux
