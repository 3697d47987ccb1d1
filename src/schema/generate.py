#!/usr/bin/env python3
"""Turns src/schema/*.schema into C++: structs, and the tables the engines of src/api walk.

generate.py --list OUT SCHEMA...   prints the files it would write, one a line
generate.py OUT SCHEMA...          writes them (an unchanged file keeps its time)

The form of a schema file is described in README.md beside this file.
"""
import os
import re
import sys

BUILTIN = {
    "string": "std::string", "int32": "int32_t", "int64": "int64_t", "bool": "bool", "float64": "double",
    "Time": "api::Time", "MicroTime": "api::MicroTime", "Duration": "api::Duration", "Quantity": "api::Quantity",
    "IntOrString": "api::IntOrString", "RawExtension": "api::RawExtension", "JSON": "api::RawExtension",
    "any": "api::RawExtension", "FieldsV1": "api::FieldsV1",
    # Go's names, for its error messages; a number that does not fit int64 is refused.
    "int": "int64_t", "uint": "int64_t", "uint16": "int64_t", "uint32": "int64_t", "uint64": "int64_t",
}
GO_NAMES = {"Time": "v1.Time", "MicroTime": "v1.MicroTime", "Duration": "v1.Duration", "Quantity": "resource.Quantity",
            "IntOrString": "intstr.IntOrString", "RawExtension": "runtime.RawExtension", "FieldsV1": "v1.FieldsV1",
            "JSON": "v1.JSON", "any": "interface {}", "byte": "uint8"}
KEYWORDS = set("""alignas and asm auto bool break case catch char class compl concept const constexpr continue decltype default
delete do double else enum explicit export extern false float for friend goto if inline int long mutable namespace new not
operator or private protected public register requires return short signed sizeof static struct switch template this throw true
try typedef typeid typename union unsigned using virtual void volatile while xor""".split())
STRUCTS_PER_FILE = 45


class SchemaError(Exception):
    pass


def snake(name):
    name = name.lstrip("$").replace("-", "_").replace("IPv", "Ipv").replace("IOps", "Iops")
    name = re.sub(r"([A-Z]+)s(?=[A-Z]|$)", lambda m: m[1].capitalize() + "s", name)  # podIPs, clientCIDRsX
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()
    return name + "_" if name in KEYWORDS else name


def constant(value):
    if value == "":
        return "Empty"
    if value == "*":
        return "All"
    name = "".join(w[0].upper() + w[1:] for w in re.split(r"[^A-Za-z0-9]+", value) if w)
    return "_" + name if name[0].isdigit() else name


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Field:
    def __init__(self, name, type_, number, flags, description):
        self.name, self.type, self.number, self.description = name, type_, number, description
        self.flags = {}
        for flag in flags:
            key, _, value = flag.partition("=")
            self.flags[key] = value
        self.inline = name == "inline"
        self.cpp = snake(name)


class Struct:
    def __init__(self, group, name, is_kind, attributes, description):
        self.group, self.name, self.is_kind, self.description = group, name, is_kind, description
        self.attributes = dict(a.partition("=")[::2] for a in attributes)
        self.fields = []
        self.columns = []

    @property
    def cpp(self):
        return f"{self.group.namespace}::{self.name}"

    @property
    def type_meta(self):
        return self.is_kind and "bare" not in self.attributes

    def api_group_version(self):
        if "apiVersion" in self.attributes:
            g, _, v = ("/" + self.attributes["apiVersion"]).rpartition("/")
            return g.strip("/"), v
        return self.group.name, self.group.version


class Resource:
    def __init__(self, group, plural, subresource, kind, scope, options):
        self.group, self.plural, self.subresource, self.kind, self.scope = group, plural, subresource, kind, scope
        self.options = options


class Group:
    def __init__(self):
        self.structs, self.enums, self.aliases, self.resources = {}, {}, {}, []


def split_description(line):
    body, sep, description = line.partition(" // ")
    return body.rstrip(), description.strip() if sep else ""


def parse_options(words):
    return {k: v for k, _, v in (w.partition("=") for w in words)}


def parse_schema(path):
    group, struct, table = Group(), None, None
    for number, raw in enumerate(open(path, encoding="utf-8"), 1):
        line, description = split_description(raw.rstrip("\n"))
        if not line.strip() or line.startswith("#"):
            continue
        try:
            words = line.split()
            if line.startswith("  "):
                if table is not None:
                    name = re.match(r'\s+"([^"]*)"\s*(.*)$', line)
                    table.columns.append((name[1], name[2].split()))
                else:
                    struct.fields.append(parse_field(line, description))
                continue
            struct = table = None
            if words[0] == "group":
                options = dict(zip(words[::2], words[1::2]))
                group.name = options["group"].strip('"')
                group.version, group.namespace, group.go = options["version"], options["namespace"], options["go"]
            elif words[0] in ("struct", "kind"):
                struct = Struct(group, words[1], words[0] == "kind", words[2:], description)
                group.structs[struct.name] = struct
            elif words[0] == "enum":
                group.enums[words[1]] = re.findall(r'"([^"]*)"', line)
            elif words[0] == "alias":
                group.aliases[words[1]] = words[3]
            elif words[0] == "resource":
                group.resources.append(Resource(group, words[1], "", words[2], words[3], parse_options(words[4:])))
            elif words[0] == "subresource":
                plural, sub = words[1].split("/")
                group.resources.append(Resource(group, plural, sub, words[2], None, parse_options(words[3:])))
            elif words[0] == "table":
                table = group.structs[words[1]]
            else:
                raise SchemaError("unknown line")
        except (SchemaError, IndexError, KeyError, ValueError, TypeError) as error:
            sys.exit(f"{path}:{number}: {error!r}: {line}")
    return group


def parse_field(line, description):
    # A default may hold blanks only inside quotes.
    words = re.findall(r'(?:[^\s"]|"[^"]*")+', line)
    field = Field(words[0], words[1], words[2], words[3:], description)
    if field.name.startswith("-"):  # no member of its own in JSON
        field.name, field.cpp = "", field.name[1:]
    return field


class Type:
    """A parsed type expression: prefix operators and a base."""

    def __init__(self, model, group, text):
        self.operators, base = re.match(r"^((?:\*|\[\]|map\[string\])*)(.*)$", text).groups()
        self.written = self.operators
        self.operators = re.findall(r"\*|\[\]|map\[string\]", self.operators)
        self.enum, self.struct, self.wrapped = None, None, False
        self.go = base
        if base == "byte":
            return
        if base in BUILTIN:
            self.cpp = BUILTIN[base]
            self.go = GO_NAMES.get(base, base)
            return
        owner = group
        if "." in base:
            namespace, base = base.split(".")
            owner = model.groups[namespace]
        self.go = f"{owner.version}.{base}"
        if base in owner.structs:
            self.struct = owner.structs[base]
            self.cpp = self.struct.cpp
        elif base in owner.enums:
            self.enum = (owner, base)
            self.cpp = "std::string"
        elif base in owner.aliases:
            target = owner.aliases[base]
            if target == "[]string":
                self.cpp, self.wrapped = "api::StringList", True
                return
            inner = Type(model, owner, target)
            self.operators += inner.operators
            self.struct, self.enum, self.wrapped = inner.struct, inner.enum, inner.wrapped
            self.cpp = getattr(inner, "cpp", None)
        else:
            raise SchemaError(f"unknown type {text}")

    def render(self, operators=None):
        operators = self.operators if operators is None else operators
        if not operators:
            return self.cpp
        first, rest = operators[0], operators[1:]
        if first == "[]" and not rest and self.go == "uint8" or (first == "[]" and not rest and self.go == "byte"):
            return "api::Bytes"
        inner = self.render(rest)
        if first == "[]":
            return f"std::vector<{inner}>"
        if first == "map[string]":
            return f"api::Map<{inner}>"
        return f"api::Box<{inner}>" if self.struct and not rest else f"std::optional<{inner}>"

    def by_value(self):
        """The struct that must be complete before this member."""
        return self.struct if self.struct and not self.operators else None

    def go_text(self):
        return self.written + self.go


class Model:
    def __init__(self, paths):
        self.groups = {}
        for path in paths:
            group = parse_schema(path)
            self.groups[group.namespace] = group
        for group in self.groups.values():
            for struct in group.structs.values():
                for field in struct.fields:
                    try:
                        field.parsed = Type(self, group, field.type)
                    except (SchemaError, KeyError) as error:
                        sys.exit(f"{group.namespace}: {struct.name}.{field.name}: {error!r}")

    def dependencies(self, group):
        names = {f.parsed.struct.group.namespace for s in group.structs.values() for f in s.fields if f.parsed.struct}
        return sorted(names - {group.namespace})

    def ordered(self, group):
        done, order = set(), []

        def visit(struct):
            if struct.name in done or struct.group is not group:
                return
            done.add(struct.name)
            for field in struct.fields:
                target = field.parsed.by_value()
                if target:
                    visit(target)
            order.append(struct)

        for struct in group.structs.values():
            visit(struct)
        return order

    def flat(self, struct):
        for field in struct.fields:
            if field.inline:
                yield from self.flat(field.parsed.struct)
            else:
                yield field


def model_name(struct):
    parts = struct.group.go.split("/")
    host = ".".join(reversed(parts[0].split(".")))
    return ".".join([host] + parts[1:]) + "." + struct.name


# Descriptions

def described_fields(struct, group):
    """Fields in the order in which a description is looked for: own ones, then those of inlined structs."""
    for field in struct.fields:
        yield field
        if field.inline and field.parsed.struct.group is group:
            yield from described_fields(field.parsed.struct, group)


def parse_descriptions(path, group):
    """{type: (text, base, {field: text})}"""
    found, current = {}, None
    for number, raw in enumerate(open(path, encoding="utf-8"), 1):
        line = raw.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        name, sep, text = line.strip().partition(": ")
        if not sep:
            sys.exit(f"{path}:{number}: no text: {line}")
        if line.startswith("  "):
            if all(f.name != name for f in described_fields(current, group)):
                sys.exit(f"{path}:{number}: {current.name} has no field {name}")
            found[current.name][2][name] = text
            continue
        name, _, base = name.partition(" < ")
        if name not in group.structs or (base and base not in group.structs):
            sys.exit(f"{path}:{number}: no such type: {name} {base}")
        current = group.structs[name]
        found[name] = (text, base, {})
    return found


def describe(model, folder):
    shared = {}
    for line in open(os.path.join(folder, "shared.txt"), encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            name, _, text = line.rstrip("\n").partition(": ")
            shared[tuple(name.split())] = text
    for group in model.groups.values():
        path = os.path.join(folder, group.namespace + ".txt")
        found = parse_descriptions(path, group) if os.path.exists(path) else {}

        def text_of(struct, field):
            while struct:
                _, base, fields = found.get(struct.name, ("", "", {}))
                if field.name in fields:
                    return fields[field.name]
                struct = group.structs.get(base)
            base_type = re.split(r"[\].*]", field.type)[-1]
            return shared.get((field.name, base_type)) or shared.get((field.name,), "")

        for struct in group.structs.values():
            struct.text = struct.description or found.get(struct.name, ("",))[0]
            if not struct.text and struct.name.endswith("List") and any(f.name == "items" for f in struct.fields):
                struct.text = f"Objects of the kind {struct.name[:-4]}."
            for field in struct.fields:
                field.text = field.description or ("" if field.inline else text_of(struct, field))


def emit_descriptions(model):
    """One text a type, so that the texts cost no relocations: the type's own line, then `field: text` lines."""
    out = ["// Generated from src/schema/descriptions. Do not edit.", '#include "api/descriptions.h"', "", "namespace reigen::api {",
           "constexpr TypeTexts kTypeTexts[] = {"]
    structs = [s for g in model.groups.values() for s in g.structs.values()]
    for struct in sorted(structs, key=lambda s: model_name(s).encode()):
        lines = [struct.text] + [f"{f.name}: {f.text}" for f in model.flat(struct) if f.text and f.name]
        out.append(f"    {{{quote(model_name(struct))},")
        out += [f"     {quote(line + chr(10))}" for line in lines]
        out[-1] += "},"
    out += ["};", "std::span<const TypeTexts> type_texts() { return kTypeTexts; }", "}  // namespace reigen::api", ""]
    return "\n".join(out)


# Headers

def emit_enums(group, out):
    for name, values in group.enums.items():
        out.append(f"namespace {name} {{")
        seen = set()
        for value in values:
            c = constant(value)
            if c in seen:
                continue
            seen.add(c)
            if c in KEYWORDS:
                c += "_"
            out.append(f"inline constexpr std::string_view {c} = {quote(value)};")
        out.append("}")


def emit_header(model, group):
    out = ["// Generated from src/schema/%s.schema. Do not edit." % group.namespace, "#pragma once", "",
           "#include <cstdint>", "#include <optional>", "#include <string>", "#include <string_view>", "#include <vector>", "",
           '#include "api/box.h"', '#include "api/kind_info.h"', '#include "api/map.h"', '#include "api/scalars.h"']
    out += [f'#include "api/{d}.h"' for d in model.dependencies(group)]
    out += ["", f"namespace reigen::api::{group.namespace} {{", ""]
    emit_enums(group, out)
    out.append("")
    out += [f"struct {s.name};" for s in group.structs.values()]
    out.append("")
    for name, target in group.aliases.items():
        if target == "[]string":
            out.append(f"using {name} = api::StringList;")
    for struct in model.ordered(group):
        emit_struct(model, struct, out)
    out += [f"}}  // namespace reigen::api::{group.namespace}", "", "namespace reigen::api {"]
    for struct in group.structs.values():
        out.append(f"template <> const TypeDesc TypeTable<{struct.cpp}>::desc;")
        if struct.is_kind:
            out.append(f"template <> const KindInfo KindTable<{struct.cpp}>::info;")
    out += ["}  // namespace reigen::api", ""]
    return "\n".join(out)


def emit_struct(model, struct, out):
    bases = [f.parsed.struct for f in struct.fields if f.inline]
    if struct.description:
        out.append(f"// {struct.description}")
    base_list = " : " + ", ".join(local(b, struct.group) for b in bases) if bases else ""
    out.append(f"struct {struct.name}{base_list} {{")
    for field in struct.fields:
        if field.inline:
            continue
        type_ = field.parsed.render()
        init = {"int32_t": " = 0", "int64_t": " = 0", "double": " = 0", "bool": " = false"}.get(type_, "")
        enum = ""
        if field.parsed.enum:
            owner, name = field.parsed.enum
            enum = f"  // {name}" if owner is struct.group else f"  // {owner.namespace}::{name}"
        out.append(f"  {type_} {field.cpp}{init};{enum}")
    n = struct.name
    if struct.type_meta:
        out.append("  static constexpr bool kKind = true;  // has kind and apiVersion")
    out.append(f"  {n}();\n  {n}(const {n}&);\n  {n}({n}&&) noexcept;\n  ~{n}();")
    out.append(f"  {n}& operator=(const {n}&);\n  {n}& operator=({n}&&) noexcept;\n  bool operator==(const {n}&) const;")
    out += ["};", ""]


def local(struct, group):
    return struct.name if struct.group is group else struct.cpp


# Tables

def string_span(values, name, out):
    if not values:
        return None
    out.append(f"constexpr std::string_view {name}[] = {{{', '.join(quote(v) for v in values)}}};")
    return name


def field_entry(model, struct, field, offset, names):
    p = [f".name = {quote(field.name)}", f".value = &value_type<{field.parsed.render() if not field.inline else field.parsed.struct.cpp}>",
         f".offset = {offset}"]
    if field.number != "-":
        p.append(f".number = {field.number}")
    flags = field.flags
    for flag, member in (("omitempty", "omitempty"), ("optional", "optional"), ("emptylist", "empty_list"), ("typemeta", "type_meta")):
        if flag in flags:
            p.append(f".{member} = true")
    if field.inline:
        p.append(".inlined = true")
    for strategy, member in (("merge", "patch_merge"), ("replace", "patch_replace"), ("retainKeys", "patch_retain_keys")):
        if strategy in flags.get("patch", "").split(","):
            p.append(f".{member} = true")
    if flags.get("mapType") == "atomic" or flags.get("structType") == "atomic":
        p.append(".atomic_map = true")
    if "listType" in flags:
        p.append(f".list_type = ListType::k{flags['listType'].capitalize()}")
    if "mergeKey" in flags:
        p.append(f".merge_key = {quote(flags['mergeKey'])}")
    if names.get("keys"):
        p.append(f".list_map_keys = {names['keys']}")
    if "default" in flags:
        p.append(f".default_json = {quote(flags['default'])}")
    p.append(f".type_name = {quote(field.parsed.go_text())}")
    if names.get("enum"):
        p.append(f".enum_values = {names['enum']}")
    if "featureGate" in flags:
        p.append(f".feature_gate = {quote(flags['featureGate'])}")
    if field.description:
        p.append(f".description = {quote(field.description)}")
    return "    {" + ", ".join(p) + "},"


def emit_tables(model, struct, out, shared):
    name, cpp = struct.name, struct.cpp
    flat = list(model.flat(struct))
    entries, own = [], []

    def names_of(field):
        names = {}
        if field.flags.get("listMapKeys"):
            names["keys"] = shared_span(shared, field.flags["listMapKeys"].split("|"), out)
        if field.parsed.enum:
            owner, enum = field.parsed.enum
            names["enum"] = shared_span(shared, owner.enums[enum], out)
        return names

    for field in flat:
        entries.append(field_entry(model, struct, field, f"offsetof({cpp}, {field.cpp})", names_of(field)))
    for field in sorted((f for f in struct.fields if f.number != "-"), key=lambda f: int(f.number)):
        if field.inline:
            base = field.parsed.struct
            first = next(model.flat(base)).cpp
            offset = f"offsetof({cpp}, {first}) - offsetof({base.cpp}, {first})"
        else:
            offset = f"offsetof({cpp}, {field.cpp})"
        own.append(field_entry(model, struct, field, offset, names_of(field)))
    for suffix, list_ in (("fields", entries), ("own", own)):
        if list_:
            out.append(f"constexpr FieldDesc {name}_{suffix}[] = {{")
            out += list_
            out.append("};")
    order = sorted(range(len(flat)), key=lambda i: flat[i].name.encode())
    if order:
        out.append(f"constexpr uint16_t {name}_by_name[] = {{{', '.join(map(str, order))}}};")


def shared_span(shared, values, out):
    key = tuple(values)
    if key not in shared:
        shared[key] = f"strings_{len(shared)}"
        string_span(values, shared[key], out)
    return shared[key]


def emit_desc(model, struct, out):
    name, cpp, g = struct.name, struct.cpp, struct.group
    p = [f".name = {quote(name)}", f".group = {quote('meta' if g.namespace == 'metav1' else g.name)}", f".version = {quote(g.version)}",
         f".model_name = {quote(model_name(struct))}", f".go_name = {quote(g.version + '.' + name)}"]
    if struct.description:
        p.append(f".description = {quote(struct.description)}")
    if any(True for _ in model.flat(struct)):
        p.append(f".fields = {name}_fields")
        if any(f.number != "-" for f in struct.fields):
            p.append(f".own_fields = {name}_own")
        p.append(f".by_name = {name}_by_name")
    if struct.type_meta:
        p.append(".has_type_meta = true")
    for attribute, form in (("or-array", "kOrArray"), ("or-bool", "kOrBool"), ("or-string-array", "kOrStringArray")):
        if attribute in struct.attributes:
            p.append(f".json_form = JsonForm::{form}")
    p.append(f".size = sizeof({cpp})")
    p += [f".{op} = &TypeOps<{cpp}>::{op}" for op in ("create", "destroy", "copy", "assign")]
    out.append(f"template <> constinit const TypeDesc TypeTable<{cpp}>::desc = {{\n    " + ",\n    ".join(p) + "};")


def emit_source(model, group, structs):
    out = [f"// Generated from src/schema/{group.namespace}.schema. Do not edit.", "#include <cstddef>", "",
           f'#include "api/{group.namespace}.h"', '#include "api/equal.h"', '#include "api/type_ops.h"', "",
           '#pragma GCC diagnostic ignored "-Winvalid-offsetof"', "", f"namespace reigen::api::{group.namespace} {{"]
    for s in structs:
        n = s.name
        out.append(f"{n}::{n}() = default;\n{n}::{n}(const {n}&) = default;\n{n}::{n}({n}&&) noexcept = default;\n{n}::~{n}() = default;")
        out.append(f"{n}& {n}::operator=(const {n}&) = default;\n{n}& {n}::operator=({n}&&) noexcept = default;")
        out.append(f"bool {n}::operator==(const {n}& other) const {{ return equal(TypeTable<{n}>::desc, this, &other); }}")
    out += ["}", "", "namespace reigen::api {", "namespace {"]
    shared = {}
    for s in structs:
        emit_tables(model, s, out, shared)
    out += ["}  // namespace", ""]
    for s in structs:
        emit_desc(model, s, out)
    out += ["}  // namespace reigen::api", ""]
    return "\n".join(out)


def emit_kind(model, struct, out, kinds):
    group, version = struct.api_group_version()
    api_version = f"{group}/{version}" if group else version
    p = [f".group = {quote(group)}", f".version = {quote(version)}", f".kind = {quote(struct.name)}", f".api_version = {quote(api_version)}",
         f".type = &TypeTable<{struct.cpp}>::desc"]
    for field in struct.fields:
        if field.name == "metadata" and field.parsed.struct:
            member = {"ObjectMeta": "meta_offset", "ListMeta": "list_meta_offset"}[field.parsed.struct.name]
            if member == "list_meta_offset" and not any(f.name == "items" for f in struct.fields):
                continue  # Status, Table
            p.append(f".{member} = offsetof({struct.cpp}, metadata)")
    list_ = struct.group.structs.get(struct.name + "List")
    for field in struct.fields:
        if field.name == "items" and any(f.name == "metadata" for f in struct.fields):
            p.append(f".items_offset = offsetof({struct.cpp}, items)")
            item = field.parsed.struct
            if item and item.is_kind:
                p.append(f".item = &KindTable<{item.cpp}>::info")
    if list_ and list_.is_kind:
        p.append(f".list = &KindTable<{list_.cpp}>::info")
    if struct.cpp in kinds:
        p.append(f".resource = &{kinds[struct.cpp]}")
    if struct.columns:
        p.append(f".columns = {struct.group.namespace}_{struct.name}_columns")
    out.append(f"template <> constinit const KindInfo KindTable<{struct.cpp}>::info = {{" + ", ".join(p) + "};")


VERBS = {"get": 1, "list": 2, "watch": 4, "create": 8, "update": 16, "patch": 32, "delete": 64, "deletecollection": 128}


def resource_identifier(r):
    return f"resource_{r.group.namespace}_{r.plural}" + (f"_{r.subresource}" if r.subresource else "")


def kind_struct(model, r):
    namespace, _, name = r.kind.rpartition(".")
    return model.groups[namespace or r.group.namespace].structs[name]


def emit_resource(model, r, out):
    main = next(x for x in r.group.resources if x.plural == r.plural and not x.subresource)
    ident, struct = resource_identifier(r), kind_struct(model, r)
    p = [f".group = {quote(r.group.name)}", f".version = {quote(r.group.version)}", f".plural = {quote(r.plural)}"]
    if r.subresource:
        p.append(f".subresource = {quote(r.subresource)}")
    p.append(f".singular = {quote('' if r.subresource else r.options.get('singular', ''))}")
    p.append(f".namespaced = {'true' if main.scope == 'namespaced' else 'false'}")
    p.append(f".verbs = {sum(VERBS[v] for v in r.options['verbs'].split(','))}")
    for option, member in (("short", "short_names"), ("categories", "categories")):
        values = [v for v in r.options.get(option, "").split(",") if v]
        if values:
            string_span(values, f"{ident}_{member}", out)
            p.append(f".{member} = {ident}_{member}")
    p.append(f".kind = &KindTable<{struct.cpp}>::info")
    if struct.columns:
        p.append(f".columns = {struct.group.namespace}_{struct.name}_columns")
    out.append(f"extern constinit const ResourceInfo {ident} = {{{', '.join(p)}}};")


def emit_columns(struct, out):
    if not struct.columns:
        return
    entries = []
    for name, words in struct.columns:
        rest = [w for w in words[1:] if w != "wide"]
        entries.append(f"{{{quote(name)}, {quote(words[0])}, {quote(rest[0] if rest else '')}, {'true' if 'wide' in words else 'false'}}}")
    out.append(f"constexpr Column {struct.group.namespace}_{struct.name}_columns[] = {{{', '.join(entries)}}};")


def emit_kinds(model):
    groups = sorted(model.groups.values(), key=lambda g: (g.name, g.version))
    out = ["// Generated from src/schema. Do not edit.", "#include <cstddef>", ""]
    out += [f'#include "api/{g.namespace}.h"' for g in groups]
    out += ["", '#pragma GCC diagnostic ignored "-Winvalid-offsetof"', "", "namespace reigen::api {"]
    structs = [s for g in groups for s in g.structs.values()]
    kinds = [s for s in structs if s.is_kind]
    resources = [r for g in groups for r in g.resources]
    resources.sort(key=lambda r: (r.group.name, r.group.version, r.plural, r.subresource))
    for s in kinds:
        emit_columns(s, out)
    for r in resources:
        out.append(f"extern const ResourceInfo {resource_identifier(r)};")
    main = {}
    for r in resources:
        if not r.subresource:
            main.setdefault(kind_struct(model, r).cpp, resource_identifier(r))
    for s in kinds:
        emit_kind(model, s, out, main)
    for r in resources:
        emit_resource(model, r, out)
    kinds.sort(key=lambda s: (*s.api_group_version(), s.name))
    out.append("namespace {")
    out.append("constexpr const KindInfo* kKinds[] = {" + ", ".join(f"&KindTable<{s.cpp}>::info" for s in kinds) + "};")
    out.append("constexpr const ResourceInfo* kResources[] = {" + ", ".join("&" + resource_identifier(r) for r in resources) + "};")
    structs.sort(key=lambda s: model_name(s).encode())
    out.append("constexpr const TypeDesc* kTypes[] = {" + ", ".join(f"&TypeTable<{s.cpp}>::desc" for s in structs) + "};")
    out += ["}  // namespace", "std::span<const KindInfo* const> all_kinds() { return kKinds; }",
            "std::span<const ResourceInfo* const> all_resources() { return kResources; }",
            "std::span<const TypeDesc* const> all_types() { return kTypes; }", "}  // namespace reigen::api", ""]
    return "\n".join(out)


def outputs(model, folder):
    for group in model.groups.values():
        yield os.path.join(folder, f"{group.namespace}.h"), lambda g=group: emit_header(model, g)
        structs = list(group.structs.values())
        for i in range(0, len(structs), STRUCTS_PER_FILE):
            chunk = structs[i:i + STRUCTS_PER_FILE]
            yield (os.path.join(folder, f"{group.namespace}_{i // STRUCTS_PER_FILE}.cc"),
                   lambda g=group, c=chunk: emit_source(model, g, c))
    yield os.path.join(folder, "kinds.cc"), lambda: emit_kinds(model)
    yield os.path.join(folder, "descriptions.cc"), lambda: emit_descriptions(model)


def main():
    arguments = sys.argv[1:]
    listing = arguments[0] == "--list"
    folder, paths = arguments[listing], sorted(arguments[listing + 1:])
    model = Model(paths)
    describe(model, os.path.join(os.path.dirname(paths[0]), "descriptions"))
    os.makedirs(folder, exist_ok=True)
    for path, make in outputs(model, folder):
        if listing:
            print(path)
            continue
        text = make()
        if not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)


main()
