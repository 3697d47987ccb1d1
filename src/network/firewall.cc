#include "network/firewall.h"

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "network/bridge_names.h"
#include "network/names.h"

namespace reigen::network {

using linux::NftBatch;
using linux::NftHook;
using linux::NftRule;
using linux::NftSeenChain;
using linux::NftVerdict;

namespace {

bool guards_host(const NftSeenChain& chain) {
  if (chain.type != "filter" || (chain.hook != NftHook::kForward && chain.hook != NftHook::kInput)) return false;
  if (chain.table.name.starts_with("reigen-")) return false;
  // firewalld's policy is to accept, but its chains end with a rule that rejects.
  return chain.drops || chain.table.name == "firewalld";
}

std::string title(const NftSeenChain& chain) { return "table " + chain.table.name + ", chain " + chain.name; }

std::string whose(const FirewallLinks& links) { return links.to_host ? "pods" : "containers"; }

std::string what_it_drops(const NftSeenChain& chain) { return chain.hook == NftHook::kForward ? "forwarded packets" : "packets to the host"; }

Status mend_chain(linux::NftSocket& nft, const FirewallLinks& links, const NftSeenChain& chain, std::vector<Finding>& findings) {
  TRY_ASSIGN(auto rules, nft.rules(chain.table, chain.name));
  auto marked = std::ranges::count_if(rules, [&](const auto& rule) { return rule.comment == links.rule_mark; });
  bool forward = chain.hook == NftHook::kForward;
  if (marked < (forward ? 2 : 1)) {
    NftBatch batch;
    batch.insert_rule(chain.table, chain.name, std::move(NftRule(links.rule_mark).if_input_link(links.name, links.prefix).verdict(NftVerdict::kAccept)));
    if (forward)
      batch.insert_rule(chain.table, chain.name, std::move(NftRule(links.rule_mark).if_output_link(links.name, links.prefix).verdict(NftVerdict::kAccept)));
    TRY(nft.commit(batch));
  }
  findings.push_back({true,
                      "the host's firewall (" + title(chain) + ") drops " + what_it_drops(chain) + "; those of " + whose(links) +
                          " are accepted by a rule marked " + links.rule_mark,
                      "nothing to do; the rule goes with `reigen clean`"});
  return {};
}

struct LegacyRule {
  const char* chain;
  const char* direction;
};
constexpr LegacyRule kLegacyRules[] = {{"FORWARD", "-i"}, {"FORWARD", "-o"}, {"INPUT", "-i"}};

// The old kernel tables are not visible over nftables.
bool has_legacy_filter() {
  auto names = read_file("/proc/net/ip_tables_names", 4096);
  return names && names->find("filter") != std::string::npos;
}

std::vector<std::string> legacy_command(const char* action, const LegacyRule& rule, const FirewallLinks& links) {
  return {"iptables-legacy", "-w",        action,          rule.chain, rule.direction, links.name + (links.prefix ? "+" : ""), "-m",
          "comment",         "--comment", links.rule_mark, "-j",       "ACCEPT"};
}

bool succeeds(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  command.timeout = std::chrono::seconds(10);
  auto output = run_command(command);
  return output && output->exit_code == 0;
}

bool legacy_drops(const char* chain) {
  Command command;
  command.argv = {"iptables-legacy", "-w", "-S", chain};
  auto output = run_command(command);
  return output && output->out.starts_with(std::string("-P ") + chain + " DROP");
}

void mend_legacy(const FirewallLinks& links, std::vector<Finding>& findings) {
  if (!has_legacy_filter()) return;
  for (const LegacyRule& rule : kLegacyRules) {
    if (!legacy_drops(rule.chain) || (!links.to_host && std::string_view(rule.chain) == "INPUT")) continue;
    bool mended = succeeds(legacy_command("-C", rule, links)) || succeeds(legacy_command("-I", rule, links));
    findings.push_back({mended,
                        std::string("iptables-legacy drops packets of chain ") + rule.chain +
                            (mended ? "; those of " + whose(links) + " are accepted by a rule marked " + links.rule_mark : ""),
                        mended ? "nothing to do" : std::string("run iptables-legacy -P ") + rule.chain + " ACCEPT"});
  }
}

void unmend_legacy(const FirewallLinks& links) {
  if (!has_legacy_filter()) return;
  for (const LegacyRule& rule : kLegacyRules)
    while (succeeds(legacy_command("-D", rule, links))) {
    }
}

template <class IsMarked>
Status remove_rules(linux::NftSocket& nft, IsMarked is_marked) {
  TRY_ASSIGN(auto chains, nft.chains());
  NftBatch batch;
  for (const NftSeenChain& chain : chains) {
    if (chain.type != "filter" || chain.table.name.starts_with("reigen-")) continue;
    TRY_ASSIGN(auto rules, nft.rules(chain.table, chain.name));
    for (const auto& rule : rules)
      if (is_marked(rule.comment)) batch.delete_rule(chain.table, chain.name, rule.handle);
  }
  return nft.commit(batch);
}

}  // namespace

FirewallLinks pod_links(const std::string& instance) { return {link_prefix(instance), true, true, rule_mark(instance)}; }

FirewallLinks bridge_links(const std::string& instance, const std::string& name) {
  std::string link = name.empty() ? bridge_prefix(instance) : name;
  return {link, name.empty(), false, rule_mark(instance) + ":" + link};
}

Result<std::vector<Finding>> mend_firewall(linux::NftSocket& nft, const FirewallLinks& links) {
  std::vector<Finding> findings;
  TRY_ASSIGN(auto chains, nft.chains());
  for (const NftSeenChain& chain : chains) {
    if (!guards_host(chain) || (!links.to_host && chain.hook == NftHook::kInput)) continue;
    if (Status mended = mend_chain(nft, links, chain, findings); !mended)
      findings.push_back(
          {false, "the host's firewall (" + title(chain) + ") drops packets of " + whose(links) + ", and could not be mended: " + mended.error().message(),
           "accept packets from and to links named " + links.name + (links.prefix ? "*" : "")});
  }
  mend_legacy(links, findings);
  return findings;
}

Result<std::vector<std::string>> find_firewalls(linux::NftSocket& nft) {
  std::vector<std::string> found;
  TRY_ASSIGN(auto chains, nft.chains());
  for (const NftSeenChain& chain : chains)
    if (guards_host(chain)) found.push_back(title(chain) + " drops " + what_it_drops(chain));
  if (!has_legacy_filter()) return found;
  for (const char* chain : {"FORWARD", "INPUT"})
    if (legacy_drops(chain)) found.push_back(std::string("iptables-legacy drops packets of chain ") + chain);
  return found;
}

Status unmend_links(linux::NftSocket& nft, const FirewallLinks& links) {
  TRY(remove_rules(nft, [&](const std::string& comment) { return comment == links.rule_mark; }));
  unmend_legacy(links);
  return {};
}

Status unmend_firewall(linux::NftSocket& nft, const std::string& instance, const std::vector<std::string>& bridges) {
  std::string mark = rule_mark(instance);
  TRY(remove_rules(nft, [&](const std::string& comment) { return comment == mark || comment.starts_with(mark + ":"); }));
  unmend_legacy(pod_links(instance));
  unmend_legacy(bridge_links(instance, ""));
  for (const std::string& bridge : bridges) unmend_legacy(bridge_links(instance, bridge));
  return {};
}

}  // namespace reigen::network
