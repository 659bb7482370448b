"""Resolves the definitions of OCSF (ocsf/ocsf-schema: events/, objects/, profiles/, dictionary.json) far enough to
validate an event of one class: inheritance, $include, profiles, types with patterns and ranges, enumerations and
their captions, required members, constraints. Used by test_schemas.py."""

import json, os, re


class Ocsf:
    def __init__(self, root):
        self.root = root
        dictionary = self.load("dictionary.json")
        self.dictionary, self.types = dictionary["attributes"], dictionary["types"]["attributes"]
        self.categories = self.load("categories.json")["attributes"]
        self.objects = {}

    def load(self, path):
        return json.load(open(os.path.join(self.root, path)))

    def included(self, name):
        """A file whose attributes are merged. Those of a profile belong to it unless they say otherwise."""
        part = self.load(name)
        profile = part["name"] if part.get("meta") == "profile" else None
        return {k: {"profile": profile, **v} if profile else dict(v) for k, v in part["attributes"].items()}

    def attributes_of(self, definition):
        merged = {}
        attributes = dict(definition["attributes"])
        include = attributes.pop("$include", [])
        for name in [include] if isinstance(include, str) else include:
            merged.update(self.included(name))
        for name, detail in attributes.items():
            merged[name] = {**merged.get(name, {}), **detail}
        return merged

    def resolve(self, folder, name):
        """Attributes and constraints of an object or class, with those that it extends."""
        definition = self.load("%s/%s.json" % (folder, name))
        attributes, constraints, uid, category = {}, {}, definition.get("uid"), definition.get("category")
        parent = definition.get("extends")
        if parent and parent != "object":
            where = folder.split("/")[0]
            base = next(
                os.path.relpath(os.path.join(d, parent + ".json"), self.root)
                for d, _, files in os.walk(os.path.join(self.root, where))
                if parent + ".json" in files
            )
            attributes, constraints, _, up = self.resolve(os.path.dirname(base), parent)
            category = category or up
        for attribute, detail in self.attributes_of(definition).items():
            before = attributes.get(attribute, {})
            values = {**before.get("enum", {}), **detail.get("enum", {})}
            attributes[attribute] = {**before, **detail, **({"enum": values} if values else {})}
        return attributes, definition.get("constraints", constraints), uid, category

    def object(self, name):
        if name not in self.objects:
            self.objects[name] = self.resolve("objects", name)[:2]
        return self.objects[name]

    def check(self, event_class, event):
        folder, name = os.path.split(event_class)
        attributes, constraints, uid, category = self.resolve("events/" + folder, name)
        category_uid = self.categories[category]["uid"]
        class_uid = category_uid * 1000 + uid
        self.errors, self.profiles = [], set(event.get("metadata", {}).get("profiles", []))
        fixed = {
            "category_uid": category_uid,
            "class_uid": class_uid,
            "type_uid": class_uid * 100 + event.get("activity_id", -1),
        }
        for member, value in fixed.items():
            if event.get(member) != value:
                self.errors.append("%s is not %s" % (member, value))
        self.members("", attributes, constraints, event, fixed)
        return self.errors

    def members(self, path, attributes, constraints, value, free=()):
        for name in value:
            if name not in attributes:
                self.errors.append("%s/%s is no member" % (path, name))
        for name, detail in attributes.items():
            detail = {
                **self.dictionary.get(name, {}),
                **detail,
                "enum": {**self.dictionary.get(name, {}).get("enum", {}), **detail.get("enum", {})},
            }
            ours = detail.get("profile") is None or detail["profile"] in self.profiles
            if name not in value:
                if detail.get("requirement") == "required" and ours:
                    self.errors.append("%s/%s is required" % (path, name))
                continue
            if not ours:
                self.errors.append("%s/%s belongs to the profile %s" % (path, name, detail["profile"]))
            if "@deprecated" in detail:
                self.errors.append("%s/%s is deprecated" % (path, name))
            self.member(path + "/" + name, name, detail, value, free)
        one_of = (constraints or {}).get("at_least_one")
        if one_of and not any(name in value for name in one_of):
            self.errors.append("%s has none of %s" % (path, one_of))

    def member(self, path, name, detail, holder, free):
        value = holder[name]
        if detail.get("is_array"):
            if not isinstance(value, list):
                self.errors.append("%s is no array" % path)
                return
        for i, item in enumerate(value if detail.get("is_array") else [value]):
            self.item("%s/%d" % (path, i) if detail.get("is_array") else path, detail, item)
        if detail["enum"] and name not in free:
            known = detail["enum"].get(str(value))
            sibling = detail.get("sibling")
            if known is None:
                self.errors.append("%s: %r is not in its enumeration" % (path, value))
            elif sibling in holder and str(value) != "99" and holder[sibling] != known["caption"]:
                self.errors.append("%s: %r is not called %r" % (path, value, holder[sibling]))

    def item(self, path, detail, value):
        kind = detail["type"]
        if kind in ("json_t", "object"):
            return
        if kind not in self.types:
            if not isinstance(value, dict):
                self.errors.append("%s is no object" % path)
            else:
                self.members(path, *self.object(kind), value)
            return
        rules = {**self.types.get(self.types[kind].get("type"), {}), **self.types[kind]}
        base = self.types[kind].get("type", kind)
        right = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": (int, float)}[base]
        if not isinstance(value, right) or (right is int and isinstance(value, bool)):
            self.errors.append("%s: %r is no %s" % (path, value, kind))
        elif "regex" in rules and not re.search(rules["regex"], value):
            self.errors.append("%s: %r does not look like a %s" % (path, value, kind))
        elif "max_len" in rules and len(value) > rules["max_len"]:
            self.errors.append("%s is too long" % path)
        elif "range" in rules and not rules["range"][0] <= value <= rules["range"][1]:
            self.errors.append("%s: %r is out of range" % (path, value))
