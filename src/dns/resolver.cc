#include "dns/resolver.h"

#include <algorithm>
#include <charconv>

namespace reigen::dns {
namespace {

constexpr int kMaxAliases = 8;
constexpr std::string_view kSpecificationVersion = "1.1.0";

void put16(std::string& out, uint32_t value) { out.append({static_cast<char>(value >> 8), static_cast<char>(value)}); }
void put32(std::string& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

Record soa(const std::string& domain) {
  Record record{domain, Type::kSoa, kTtlSeconds, encode_name("ns.dns." + domain) + encode_name("hostmaster." + domain)};
  for (uint32_t value : {1u, 7200u, 1800u, 86400u, kTtlSeconds}) put32(record.data, value);  // the last: how long "no" holds
  return record;
}

std::string_view type_name(uint16_t type) {
  switch (static_cast<Type>(type)) {
    case Type::kA: return "A";
    case Type::kAaaa: return "AAAA";
    case Type::kCname: return "CNAME";
    case Type::kPtr: return "PTR";
    case Type::kSrv: return "SRV";
    case Type::kTxt: return "TXT";
    case Type::kNs: return "NS";
    default: return "";
  }
}

std::optional<Type> type_of(std::string_view name) {
  for (Type type : {Type::kA, Type::kAaaa, Type::kCname, Type::kPtr, Type::kSrv, Type::kTxt, Type::kNs})
    if (type_name(static_cast<uint16_t>(type)) == name) return type;
  return std::nullopt;
}

// SRV data: "<weight> <port> <target>".
std::string srv_data(std::string_view text, std::string& target) {
  uint32_t numbers[2] = {};
  for (uint32_t& number : numbers) {
    auto space = std::min(text.find(' '), text.size());
    std::from_chars(text.data(), text.data() + space, number);
    text.remove_prefix(std::min(text.size(), space + 1));
  }
  target = text;
  std::string data;
  put16(data, 0);
  put16(data, numbers[0]);
  put16(data, numbers[1]);
  return data + encode_name(target);
}

class Resolve {
 public:
  Resolve(const RecordTable& table, const Query& query, uint32_t shuffle) : table_(table), query_(query), shuffle_(shuffle) {}

  Resolution run() {
    std::string name = query_.name;
    for (int hop = 0; hop < kMaxAliases; hop++) {
      if (!table_.owns(name)) {
        out_.continue_with = name;
        break;
      }
      std::string alias = answer_name(name);
      if (alias.empty()) break;
      name = alias;
    }
    if (out_.answer.answers.empty() && out_.continue_with.empty()) out_.answer.authority.push_back(soa(table_.domain()));
    return std::move(out_);
  }

 private:
  void add(const std::string& name, Type type, std::string data) { out_.answer.answers.push_back({name, type, kTtlSeconds, std::move(data)}); }

  bool wants(Type type) const { return query_.type == static_cast<uint16_t>(type) || query_.type == static_cast<uint16_t>(Type::kAny); }

  // Adds what there is; returns where an alias leads to.
  std::string answer_name(const std::string& name) {
    auto lines = table_.find(name);
    std::string alias;
    for (const Line& line : lines) {
      auto type = type_of(line.type);
      if (!type) continue;
      if (*type == Type::kCname && !wants(Type::kCname)) alias = line.data;
      if (wants(*type) || *type == Type::kCname) add_line(name, *type, line.data);
    }
    if (!alias.empty()) return alias;
    turn();
    if (lines.empty() && !well_known(name) && !pod_address(name) && !table_.has_below(name)) out_.answer.rcode = Rcode::kNoSuchName;
    return {};
  }

  void add_line(const std::string& name, Type type, std::string_view text) {
    switch (type) {
      case Type::kA:
      case Type::kAaaa:
        if (auto address = IpAddress::parse(text)) add(name, type, std::string(address->bytes()));
        return;
      case Type::kSrv: {
        std::string target;
        add(name, type, srv_data(text, target));
        for (const Line& line : table_.find(target))
          if (auto address = IpAddress::parse(line.data); address && (line.type == "A" || line.type == "AAAA"))
            out_.answer.additional.push_back({target, line.type == "A" ? Type::kA : Type::kAaaa, kTtlSeconds, std::string(address->bytes())});
        return;
      }
      case Type::kTxt: add(name, type, static_cast<char>(std::min<size_t>(text.size(), 255)) + std::string(text.substr(0, 255))); return;
      default:
        if (std::string target = encode_name(text); !target.empty()) add(name, type, std::move(target));
    }
  }

  // Clients take the first address: each asker gets another one first.
  void turn() {
    auto& answers = out_.answer.answers;
    auto first = std::ranges::find_if(answers, [](const Record& record) { return record.type != Type::kCname; });
    auto count = answers.end() - first;
    if (count > 1) std::rotate(first, first + static_cast<long>(shuffle_ % static_cast<uint32_t>(count)), answers.end());
  }

  bool well_known(const std::string& name) {
    const std::string& domain = table_.domain();
    if (name == "dns-version." + domain) {
      if (wants(Type::kTxt)) add(name, Type::kTxt, static_cast<char>(kSpecificationVersion.size()) + std::string(kSpecificationVersion));
      return true;
    }
    if (name != domain) return name == "pod." + domain || name == "svc." + domain;
    if (wants(Type::kSoa)) out_.answer.answers.push_back(soa(domain));
    if (wants(Type::kNs)) add(name, Type::kNs, encode_name("ns.dns." + domain));
    return true;
  }

  // 10-42-0-7.<namespace>.pod.<domain>: the name says it all, only the namespace must exist.
  bool pod_address(const std::string& name) {
    std::string_view rest = name;
    std::string suffix = ".pod." + table_.domain();
    if (!rest.ends_with(suffix)) return false;
    rest.remove_suffix(suffix.size());
    auto dot = rest.rfind('.');
    std::string namespace_name(dot == std::string_view::npos ? rest : rest.substr(dot + 1));
    std::string services = namespace_name + ".svc." + table_.domain();
    if (table_.find(services).empty() && !table_.has_below(services)) return false;
    if (dot == std::string_view::npos) return true;
    std::string text(rest.substr(0, dot));
    bool v4 = std::ranges::count(text, '-') == 3 && text.find_first_not_of("0123456789-") == std::string::npos;
    std::ranges::replace(text, '-', v4 ? '.' : ':');
    auto address = IpAddress::parse(text);
    if (!address) return false;
    Type type = address->is_v4() ? Type::kA : Type::kAaaa;
    if (wants(type)) add(name, type, std::string(address->bytes()));
    return true;
  }

  const RecordTable& table_;
  const Query& query_;
  uint32_t shuffle_;
  Resolution out_;
};

}  // namespace

std::optional<Resolution> resolve(const RecordTable& table, const Query& query, uint32_t shuffle) {
  if (query.dns_class != 1 || !table.owns(query.name)) return std::nullopt;
  return Resolve(table, query, shuffle).run();
}

}  // namespace reigen::dns
