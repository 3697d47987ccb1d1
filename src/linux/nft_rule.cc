#include <cstdio>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "linux/nftables.h"

namespace reigen::linux {
namespace {

constexpr int kScratch = 15;
constexpr int kNameScratch = 8;

uint32_t reg32(int reg) {
  CHECK(reg >= 0 && reg <= 15);
  return static_cast<uint32_t>(NFT_REG32_00 + reg);
}

nftnl_expr* expression(const char* name) {
  nftnl_expr* made = nftnl_expr_alloc(name);
  CHECK(made != nullptr);
  return made;
}

uint32_t nfproto(NftFamily family) { return family == NftFamily::kIpv6 ? NFPROTO_IPV6 : NFPROTO_IPV4; }

nftnl_expr* payload(uint32_t base, uint32_t offset, uint32_t length, int reg) {
  nftnl_expr* made = expression("payload");
  nftnl_expr_set_u32(made, NFTNL_EXPR_PAYLOAD_BASE, base);
  nftnl_expr_set_u32(made, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  nftnl_expr_set_u32(made, NFTNL_EXPR_PAYLOAD_LEN, length);
  nftnl_expr_set_u32(made, NFTNL_EXPR_PAYLOAD_DREG, reg32(reg));
  return made;
}

nftnl_expr* meta(uint32_t key, int reg) {
  nftnl_expr* made = expression("meta");
  nftnl_expr_set_u32(made, NFTNL_EXPR_META_KEY, key);
  nftnl_expr_set_u32(made, NFTNL_EXPR_META_DREG, reg32(reg));
  return made;
}

nftnl_expr* conntrack(uint32_t key, int reg, bool original) {
  nftnl_expr* made = expression("ct");
  nftnl_expr_set_u32(made, NFTNL_EXPR_CT_KEY, key);
  nftnl_expr_set_u32(made, NFTNL_EXPR_CT_DREG, reg32(reg));
  if (original) nftnl_expr_set_u8(made, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
  return made;
}

nftnl_expr* compare(int reg, std::string_view bytes, bool negate) {
  nftnl_expr* made = expression("cmp");
  nftnl_expr_set_u32(made, NFTNL_EXPR_CMP_SREG, reg32(reg));
  nftnl_expr_set_u32(made, NFTNL_EXPR_CMP_OP, negate ? NFT_CMP_NEQ : NFT_CMP_EQ);
  nftnl_expr_set(made, NFTNL_EXPR_CMP_DATA, bytes.data(), static_cast<uint32_t>(bytes.size()));
  return made;
}

nftnl_expr* mask(int reg, std::string_view bits) {
  std::string zeros(bits.size(), '\0');
  nftnl_expr* made = expression("bitwise");
  nftnl_expr_set_u32(made, NFTNL_EXPR_BITWISE_SREG, reg32(reg));
  nftnl_expr_set_u32(made, NFTNL_EXPR_BITWISE_DREG, reg32(reg));
  nftnl_expr_set_u32(made, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  nftnl_expr_set_u32(made, NFTNL_EXPR_BITWISE_LEN, static_cast<uint32_t>(bits.size()));
  nftnl_expr_set(made, NFTNL_EXPR_BITWISE_MASK, bits.data(), static_cast<uint32_t>(bits.size()));
  nftnl_expr_set(made, NFTNL_EXPR_BITWISE_XOR, zeros.data(), static_cast<uint32_t>(zeros.size()));
  return made;
}

std::string native(uint32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}

nftnl_expr* address_type(bool source, int reg) {
  nftnl_expr* made = expression("fib");
  nftnl_expr_set_u32(made, NFTNL_EXPR_FIB_FLAGS, source ? NFTA_FIB_F_SADDR : NFTA_FIB_F_DADDR);
  nftnl_expr_set_u32(made, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
  nftnl_expr_set_u32(made, NFTNL_EXPR_FIB_DREG, reg32(reg));
  return made;
}

nftnl_expr* lookup(int reg, const std::string& set) {
  nftnl_expr* made = expression("lookup");
  nftnl_expr_set_u32(made, NFTNL_EXPR_LOOKUP_SREG, reg32(reg));
  nftnl_expr_set_str(made, NFTNL_EXPR_LOOKUP_SET, set.c_str());
  return made;
}

}  // namespace

NftRule::NftRule(std::string_view comment) : rule_(nftnl_rule_alloc(), nftnl_rule_free) {
  CHECK(rule_ != nullptr);
  if (comment.empty()) return;
  std::unique_ptr<nftnl_udata_buf, void (*)(const nftnl_udata_buf*)> data(nftnl_udata_buf_alloc(256), nftnl_udata_buf_free);
  nftnl_udata_put_strz(data.get(), NFTNL_UDATA_RULE_COMMENT, std::string(comment.substr(0, 127)).c_str());
  nftnl_rule_set_data(rule_.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data.get()), nftnl_udata_buf_len(data.get()));
}

NftRule::NftRule(NftRule&&) noexcept = default;
NftRule& NftRule::operator=(NftRule&&) noexcept = default;
NftRule::~NftRule() = default;

NftRule& NftRule::add(nftnl_expr* made) {
  nftnl_rule_add_expr(rule_.get(), made);
  return *this;
}

NftRule& NftRule::source_address(NftFamily family, int reg) {
  bool v6 = family == NftFamily::kIpv6;
  return add(payload(NFT_PAYLOAD_NETWORK_HEADER, v6 ? 8 : 12, v6 ? 16 : 4, reg));
}

NftRule& NftRule::destination_address(NftFamily family, int reg) {
  bool v6 = family == NftFamily::kIpv6;
  return add(payload(NFT_PAYLOAD_NETWORK_HEADER, v6 ? 24 : 16, v6 ? 16 : 4, reg));
}

NftRule& NftRule::destination_port(int reg) { return add(payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg)); }

NftRule& NftRule::protocol(int reg) { return add(meta(NFT_META_L4PROTO, reg)); }

NftRule& NftRule::original_destination(NftFamily family, int reg) {
  return add(conntrack(family == NftFamily::kIpv6 ? NFT_CT_DST_IP6 : NFT_CT_DST_IP, reg, true));
}

NftRule& NftRule::original_destination_port(int reg) { return add(conntrack(NFT_CT_PROTO_DST, reg, true)); }

NftRule& NftRule::input_link(int reg) { return add(meta(NFT_META_IIFNAME, reg)); }

NftRule& NftRule::output_link(int reg) { return add(meta(NFT_META_OIFNAME, reg)); }

NftRule& NftRule::random_below(uint32_t bound, int reg) {
  nftnl_expr* made = expression("numgen");
  nftnl_expr_set_u32(made, NFTNL_EXPR_NG_DREG, reg32(reg));
  nftnl_expr_set_u32(made, NFTNL_EXPR_NG_MODULUS, bound);
  nftnl_expr_set_u32(made, NFTNL_EXPR_NG_TYPE, NFT_NG_RANDOM);
  nftnl_expr_set_u32(made, NFTNL_EXPR_NG_OFFSET, 0);
  return add(made);
}

NftRule& NftRule::constant(std::string_view bytes, int reg) {
  nftnl_expr* made = expression("immediate");
  nftnl_expr_set_u32(made, NFTNL_EXPR_IMM_DREG, reg32(reg));
  nftnl_expr_set(made, NFTNL_EXPR_IMM_DATA, bytes.data(), static_cast<uint32_t>(bytes.size()));
  return add(made);
}

NftRule& NftRule::if_equal(int reg, std::string_view bytes, bool negate) { return add(compare(reg, bytes, negate)); }

NftRule& NftRule::if_in_network(int reg, const IpNetwork& network, bool negate) {
  std::string bits(network.address.size(), '\0');
  for (size_t i = 0; i < bits.size(); i++) bits[i] = static_cast<char>(0xff00 >> std::clamp(network.prefix - static_cast<int>(i) * 8, 0, 8));
  add(mask(reg, bits));
  return add(compare(reg, network.address.bytes(), negate));
}

NftRule& NftRule::if_source_local(bool negate) {
  add(address_type(true, kScratch));
  return add(compare(kScratch, native(RTN_LOCAL), negate));
}

NftRule& NftRule::if_destination_local(bool negate) {
  add(address_type(false, kScratch));
  return add(compare(kScratch, native(RTN_LOCAL), negate));
}

NftRule& NftRule::if_input_link(std::string_view name, bool prefix) {
  std::string padded(name);
  if (!prefix) padded.resize(16);
  add(meta(NFT_META_IIFNAME, kNameScratch));
  return add(compare(kNameScratch, padded, false));
}

NftRule& NftRule::if_output_link(std::string_view name, bool prefix, bool negate) {
  std::string padded(name);
  if (!prefix) padded.resize(16);
  add(meta(NFT_META_OIFNAME, kNameScratch));
  return add(compare(kNameScratch, padded, negate));
}

NftRule& NftRule::if_new() {
  add(conntrack(NFT_CT_STATE, kScratch, false));
  add(mask(kScratch, native(NF_CT_STATE_BIT(IP_CT_NEW))));
  return add(compare(kScratch, native(0), true));
}

NftRule& NftRule::if_established() {
  add(conntrack(NFT_CT_STATE, kScratch, false));
  add(mask(kScratch, native(NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))));
  return add(compare(kScratch, native(0), true));
}

NftRule& NftRule::if_destination_translated() {
  add(conntrack(NFT_CT_STATUS, kScratch, false));
  add(mask(kScratch, native(IPS_DST_NAT)));
  return add(compare(kScratch, native(0), true));
}

NftRule& NftRule::if_in_set(int reg, const std::string& set, bool negate) {
  nftnl_expr* made = lookup(reg, set);
  if (negate) nftnl_expr_set_u32(made, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  return add(made);
}

NftRule& NftRule::look_up(int reg, const std::string& map, int result) {
  nftnl_expr* made = lookup(reg, map);
  nftnl_expr_set_u32(made, NFTNL_EXPR_LOOKUP_DREG, reg32(result));
  return add(made);
}

NftRule& NftRule::look_up_verdict(int reg, const std::string& map) {
  nftnl_expr* made = lookup(reg, map);
  nftnl_expr_set_u32(made, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
  return add(made);
}

NftRule& NftRule::update(const std::string& set, int key, int data, Update what, uint64_t timeout_ms) {
  nftnl_expr* made = expression("dynset");
  nftnl_expr_set_str(made, NFTNL_EXPR_DYNSET_SET_NAME, set.c_str());
  nftnl_expr_set_u32(made, NFTNL_EXPR_DYNSET_OP, static_cast<uint32_t>(what));
  nftnl_expr_set_u32(made, NFTNL_EXPR_DYNSET_SREG_KEY, reg32(key));
  if (data >= 0) nftnl_expr_set_u32(made, NFTNL_EXPR_DYNSET_SREG_DATA, reg32(data));
  if (timeout_ms > 0) nftnl_expr_set_u64(made, NFTNL_EXPR_DYNSET_TIMEOUT, timeout_ms);
  return add(made);
}

NftRule& NftRule::translate_destination(NftFamily family, int address, int port) {
  nftnl_expr* made = expression("nat");
  nftnl_expr_set_u32(made, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
  nftnl_expr_set_u32(made, NFTNL_EXPR_NAT_FAMILY, nfproto(family));
  nftnl_expr_set_u32(made, NFTNL_EXPR_NAT_REG_ADDR_MIN, reg32(address));
  nftnl_expr_set_u32(made, NFTNL_EXPR_NAT_REG_PROTO_MIN, reg32(port));
  return add(made);
}

NftRule& NftRule::masquerade() { return add(expression("masq")); }

NftRule& NftRule::reject(NftFamily family) {
  nftnl_expr* made = expression("reject");
  nftnl_expr_set_u32(made, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
  constexpr uint8_t kV4PortUnreachable = 3, kV6PortUnreachable = 4;
  nftnl_expr_set_u8(made, NFTNL_EXPR_REJECT_CODE, family == NftFamily::kIpv6 ? kV6PortUnreachable : kV4PortUnreachable);
  return add(made);
}

NftRule& NftRule::verdict(NftVerdict verdict, const std::string& chain) {
  nftnl_expr* made = expression("immediate");
  nftnl_expr_set_u32(made, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(made, NFTNL_EXPR_IMM_VERDICT, static_cast<uint32_t>(verdict));
  if (!chain.empty()) nftnl_expr_set_str(made, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
  return add(made);
}

}  // namespace reigen::linux
