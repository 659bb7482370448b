/* One JSON object of a signature file -> a draft. Called by the loader for each element. Refuses whatever the schema
 * refuses, and what it cannot express: patterns that match everything, confidence that the kind cannot give. */
#include "hostname.h"
#include "signature_loader.h"
#include "text.h"

#define COMMON "id", "kind", "confidence", "vendor", "reason", "source", "disabled"

static const char *const kind_names[] = {"host",   "path", "header",    "method", "user-agent",
					 "client", "ja4",  "behaviour", NULL};
static const char *const confidence_names[] = {"none", "possible", "likely", "confirmed", NULL};
static const char *const tier_names[] = {"dedicated", "shared", "pattern", "ignored", NULL};
static const char *const match_names[] = {"exact", "prefix", "suffix", "template", "segment", "contains", NULL};
static const char *const specificity_names[] = {"weak", "medium", "strong", NULL};
static const char *const role_names[] = {"endpoint", "discovery", NULL};
static const char *const sender_names[] = {"client", "server", "both", NULL};
static const char *const message_names[] = {"request", "notification", NULL};
static const char *const transport_names[] = {"streamable-http", "http+sse", "websocket", NULL};
static const enum transport transports[] = {TRANSPORT_STREAMABLE_HTTP, TRANSPORT_HTTP_SSE, TRANSPORT_WEBSOCKET};

static const struct {
	const char *members[16];
	enum confidence most; /* contract: only what was read of MCP itself is confirmed, and only behaviours read it */
	unsigned matches;     /* bits of enum signature_match; 0: no such member */
} kinds[SIGNATURE_KINDS] = {
    [SIGNATURE_HOST] = {{COMMON, "pattern", "tier", "endpoints"}, CONFIDENCE_LIKELY, 0},
    [SIGNATURE_PATH] = {{COMMON, "pattern", "match", "role", "specificity", "transport"},
			CONFIDENCE_LIKELY,
			1u << MATCH_EXACT | 1u << MATCH_PREFIX | 1u << MATCH_SUFFIX | 1u << MATCH_TEMPLATE |
			    1u << MATCH_SEGMENT},
    [SIGNATURE_HEADER] = {{COMMON, "pattern", "match", "value"},
			  CONFIDENCE_LIKELY,
			  1u << MATCH_EXACT | 1u << MATCH_PREFIX},
    [SIGNATURE_METHOD] = {{COMMON, "pattern", "unique", "sender", "message", "since", "until"}, CONFIDENCE_LIKELY, 0},
    [SIGNATURE_USER_AGENT] = {{COMMON, "pattern", "match"}, CONFIDENCE_LIKELY, 1u << MATCH_EXACT | 1u << MATCH_PREFIX},
    [SIGNATURE_CLIENT] = {{COMMON, "pattern", "match"},
			  CONFIDENCE_LIKELY,
			  1u << MATCH_EXACT | 1u << MATCH_PREFIX | 1u << MATCH_CONTAINS},
    [SIGNATURE_JA4] = {{COMMON, "pattern"}, CONFIDENCE_POSSIBLE, 0},
    [SIGNATURE_BEHAVIOUR] = {{COMMON}, CONFIDENCE_CONFIRMED, 0},
};

const char *signature_kind_name(enum signature_kind k)
{
	return kind_names[k];
}

const char *signature_match_name(enum signature_match m)
{
	static const char *const of_hosts[] = {"below", "glob", "first-label", "any-label"};
	return m < MATCH_BELOW ? match_names[m] : of_hosts[m - MATCH_BELOW];
}

/* A sentence or a name: it goes into events and onto terminals, so it is short and has no control characters. */
static bool text_member(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
			bool required, size_t cap, const char **ret)
{
	const char *value = NULL;
	struct jsonplace here = {at, name, 0};
	if (!jsonfile_string(f, at, object, name, required, &value))
		return false;
	if (!value)
		return true;
	if (value[0] == '\0')
		return jsonfile_fail(f, &here, "is empty");
	if (strlen(value) >= cap)
		return jsonfile_fail(f, &here, "is longer than %zu bytes", cap - 1);
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return jsonfile_fail(f, &here, "holds a control character");
	*ret = value;
	return true;
}

static bool id_member(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char **ret)
{
	struct jsonplace here = {at, "id", 0};
	if (!text_member(f, at, object, "id", true, LIMIT_SIGNATURE_ID, ret))
		return false;
	for (const char *c = *ret; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
		if (!plain && (c == *ret || !strchr("._-", *c)))
			return jsonfile_fail(
			    f, &here,
			    "must be lower-case letters, digits, '.', '_' and '-', the first a letter or digit");
	}
	return true;
}

/* ---- hosts ---- */

static enum signature_match host_match(const char *p)
{
	size_t n = strlen(p);
	const char *star = strchr(p, '*');
	if (!star)
		return MATCH_EXACT;
	if (star == p && p[1] == '.' && !strchr(p + 1, '*'))
		return MATCH_BELOW;
	if (n > 2 && strchr(p, '.') == p + n - 2 && p[n - 1] == '*')
		return MATCH_FIRST_LABEL;
	return strchr(p, '.') ? MATCH_GLOB : MATCH_ANY_LABEL;
}

static bool host_pattern(struct jsonfile *f, const struct jsonplace *at, struct signature *s)
{
	struct jsonplace here = {at, "pattern", 0};
	char plain[HOSTNAME_TEXT], normal[HOSTNAME_TEXT];
	size_t n = strlen(s->pattern), letters = 0;
	if (n >= sizeof plain)
		return jsonfile_fail(f, &here, "is longer than a host name can be");
	for (size_t i = 0; i <= n; i++) {
		char c = s->pattern[i];
		plain[i] = c == '*' ? 'x' : c;
		letters += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
	}
	if (!hostname_normalize(slice_str(plain), normal) || strcmp(plain, normal) != 0)
		return jsonfile_fail(f, &here,
				     "is no host name or pattern: lower case, no scheme, port, path or last dot; '*' "
				     "stands within a label");
	s->match = host_match(s->pattern);
	/* "*", "*.*" or "a*" would make every connection of the network a hint. */
	if (s->match != MATCH_EXACT && letters < 2)
		return jsonfile_fail(f, &here, "matches nearly every host");
	return true;
}

/* ---- paths ---- */

static bool path_pattern(struct jsonfile *f, const struct jsonplace *here, const char *p, enum signature_match match)
{
	bool segment = match == MATCH_SEGMENT;
	if (segment ? strchr(p, '/') != NULL : p[0] != '/')
		return jsonfile_fail(f, here, segment ? "a segment has no '/'" : "must begin with '/'");
	if (p[strcspn(p, "?# \\%")])
		return jsonfile_fail(f, here, "holds a query, fragment, space, backslash or percent sign");
	if (match == MATCH_SUFFIX && strcmp(p, "/") == 0)
		return jsonfile_fail(f, here, "matches every path");
	if (match == MATCH_PREFIX && strcmp(p, "/") == 0)
		return jsonfile_fail(f, here, "matches every path");
	for (const char *c = p; *c; c++) {
		if (*c == '}')
			return jsonfile_fail(f, here, "has '}' without '{'");
		if (*c != '{')
			continue;
		if (match != MATCH_TEMPLATE)
			return jsonfile_fail(f, here, "has '{': only a template may");
		/* "{name}" swallows the rest of its segment, so that matching never has to go back. */
		size_t name = strcspn(c + 1, "{}/");
		c += name + 1;
		if (name == 0 || *c != '}' || (c[1] && c[1] != '/'))
			return jsonfile_fail(f, here, "'{name}' must be closed and end its segment");
	}
	return true;
}

static bool transport_member(struct jsonfile *f, const struct jsonplace *at, const json_t *object, enum transport *ret)
{
	int which = -1;
	if (!jsonfile_choice(f, at, object, "transport", false, transport_names, &which))
		return false;
	if (which >= 0)
		*ret = transports[which];
	return true;
}

static bool endpoints_member(struct jsonfile *f, const struct jsonplace *at, const json_t *object,
			     struct signature_draft *ret)
{
	static const char *const members[] = {"path", "transport", NULL};
	const json_t *list = NULL;
	struct jsonplace here = {at, "endpoints", 0};
	if (!jsonfile_array(f, at, object, "endpoints", false, &list))
		return false;
	if (!list)
		return true;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		struct jsonplace element = {&here, NULL, i}, path_at = {&element, "path", 0};
		const char *path = NULL;
		enum transport transport = TRANSPORT_NONE;
		if (!jsonfile_members(f, &element, item, members) ||
		    !text_member(f, &element, item, "path", true, LIMIT_SIGNATURE_TEXT, &path) ||
		    !path_pattern(f, &path_at, path, MATCH_TEMPLATE) ||
		    !transport_member(f, &element, item, &transport))
			return false;
	}
	ret->endpoints = list;
	return true;
}

enum transport signature_endpoint_transport(const json_t *endpoint)
{
	const char *name = json_string_value(json_object_get(endpoint, "transport"));
	for (size_t i = 0; name && transport_names[i]; i++)
		if (strcmp(name, transport_names[i]) == 0)
			return transports[i];
	return TRANSPORT_NONE;
}

/* ---- by kind ---- */

static bool read_host(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature_draft *d)
{
	struct jsonplace here = {at, "confidence", 0};
	int tier = 0;
	if (!host_pattern(f, at, &d->s) || !jsonfile_choice(f, at, object, "tier", true, tier_names, &tier) ||
	    !endpoints_member(f, at, object, d))
		return false;
	d->s.tier = (enum host_tier)tier;
	if (d->s.tier == HOST_IGNORED && d->s.confidence != CONFIDENCE_NONE)
		return jsonfile_fail(f, &here, "an ignored host is no evidence: write \"none\"");
	if ((d->s.tier == HOST_SHARED || d->s.tier == HOST_PATTERN) && d->s.confidence > CONFIDENCE_POSSIBLE)
		return jsonfile_fail(
		    f, &here, "a host that also serves other things, or only looks like one, is \"possible\" at most");
	return true;
}

static bool read_path(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature *s)
{
	struct jsonplace here = {at, "pattern", 0};
	int role = 0, specificity = 0;
	if (!path_pattern(f, &here, s->pattern, s->match) ||
	    !jsonfile_choice(f, at, object, "role", false, role_names, &role) ||
	    !jsonfile_choice(f, at, object, "specificity", true, specificity_names, &specificity) ||
	    !transport_member(f, at, object, &s->transport))
		return false;
	s->role = (enum path_role)role;
	s->specificity = (uint8_t)(PATH_WEAK + specificity);
	return true;
}

static bool read_header(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature *s)
{
	struct jsonplace here = {at, "pattern", 0};
	for (const char *c = s->pattern; *c;
	     c++) /* a field name is a token (RFC 9110 5.6.2); letters we want in lower case */
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("!#$%&'*+-.^_`|~", *c)))
			return jsonfile_fail(f, &here, "is no field name in lower case");
	return text_member(f, at, object, "value", false, LIMIT_SIGNATURE_TEXT, &s->value);
}

static bool read_method(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature *s)
{
	struct jsonplace here = {at, "pattern", 0};
	const char *since = NULL, *until = NULL;
	int sender = 0, message = 0;
	if (strlen(s->pattern) >= LIMIT_METHOD)
		return jsonfile_fail(f, &here, "is longer than the %d bytes that are kept of a method",
				     LIMIT_METHOD - 1);
	return jsonfile_bool(f, at, object, "unique", true, &s->unique) &&
	       jsonfile_choice(f, at, object, "sender", false, sender_names, &sender) &&
	       jsonfile_choice(f, at, object, "message", false, message_names, &message) &&
	       text_member(f, at, object, "since", false, LIMIT_VERSION, &since) &&
	       text_member(f, at, object, "until", false, LIMIT_VERSION, &until);
}

static bool read_ja4(struct jsonfile *f, const struct jsonplace *at, const struct signature *s)
{
	/* t13d5911h1_a33745022dd6_1f22a2ca17c4: ten bytes and two hashes cut to twelve. */
	struct jsonplace here = {at, "pattern", 0};
	const char *p = s->pattern;
	bool good = strlen(p) == 36 && p[10] == '_' && p[23] == '_' && strspn(p + 11, "0123456789abcdef") == 12 &&
		    strspn(p + 24, "0123456789abcdef") == 12 && strspn(p, "0123456789abcdefghijklmnopqrstuvwxyz") == 10;
	return good || jsonfile_fail(f, &here, "is no JA4 fingerprint");
}

static bool read_kind(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature_draft *d)
{
	switch (d->s.kind) {
	case SIGNATURE_HOST: return read_host(f, at, object, d);
	case SIGNATURE_PATH: return read_path(f, at, object, &d->s);
	case SIGNATURE_HEADER: return read_header(f, at, object, &d->s);
	case SIGNATURE_METHOD: return read_method(f, at, object, &d->s);
	case SIGNATURE_JA4: return read_ja4(f, at, &d->s);
	default: return true;
	}
}

static bool read_match(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature *s)
{
	struct jsonplace here = {at, "match", 0};
	int match = 0;
	if (!kinds[s->kind].matches)
		return true;
	if (!jsonfile_choice(f, at, object, "match", true, match_names, &match))
		return false;
	if (!(kinds[s->kind].matches & 1u << match))
		return jsonfile_fail(f, &here, "a %s has no match \"%s\"", kind_names[s->kind], match_names[match]);
	s->match = (enum signature_match)match;
	return true;
}

/* {"id": ..., "disabled": true}, with a reason if one likes. */
static bool read_bare(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature_draft *d)
{
	static const char *const members[] = {"id", "disabled", "reason", NULL};
	if (!jsonfile_members(f, at, object, members) ||
	    !text_member(f, at, object, "reason", false, LIMIT_DETAIL, &d->s.reason))
		return false;
	d->bare = true;
	return true;
}

bool signature_read(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature_draft *ret)
{
	struct signature_draft d = {0};
	struct jsonplace confidence_at = {at, "confidence", 0};
	int kind = 0, confidence = 0;

	if (!json_is_object(object))
		return jsonfile_fail(f, at, "must be an object");
	if (!id_member(f, at, object, &d.s.id) || !jsonfile_bool(f, at, object, "disabled", false, &d.disabled))
		return false;
	if (d.disabled && !json_object_get(object, "kind")) {
		if (!read_bare(f, at, object, &d))
			return false;
		*ret = d;
		return true;
	}
	if (!jsonfile_choice(f, at, object, "kind", true, kind_names, &kind))
		return false;
	d.s.kind = (enum signature_kind)kind;
	if (!jsonfile_members(f, at, object, kinds[kind].members) ||
	    !jsonfile_choice(f, at, object, "confidence", true, confidence_names, &confidence) ||
	    !text_member(f, at, object, "reason", true, LIMIT_DETAIL, &d.s.reason) ||
	    !text_member(f, at, object, "source", true, LIMIT_SIGNATURE_TEXT, &d.s.source) ||
	    !text_member(f, at, object, "vendor", false, LIMIT_SIGNATURE_TEXT, &d.s.vendor))
		return false;
	d.s.confidence = (enum confidence)confidence;
	if (d.s.confidence > kinds[kind].most)
		return jsonfile_fail(f, &confidence_at, "a %s alone is \"%s\" at most", kind_names[kind],
				     confidence_names[kinds[kind].most]);
	d.s.pattern = d.s.id;
	if (d.s.kind != SIGNATURE_BEHAVIOUR &&
	    !text_member(f, at, object, "pattern", true, LIMIT_SIGNATURE_TEXT, &d.s.pattern))
		return false;
	if (!read_match(f, at, object, &d.s) || !read_kind(f, at, object, &d))
		return false;
	*ret = d;
	return true;
}
