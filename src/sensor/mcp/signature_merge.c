/* Drafts of all layers -> overrides resolved -> one frozen set. Called when every file is read. Refuses ids and
 * patterns that one directory holds twice, and sets that lack what the code needs. */
#include "signature_loader.h"
#include "signature_set.h"
#include "status.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>

/* The recognisers that the code looks up by id. Whoever adds one to the code adds it here and to behaviours.json. */
static const char *const needed[] = {
    "mcp.jsonrpc.initialize",
    "mcp.jsonrpc.initialize-result",
    "mcp.jsonrpc.meta",
    "mcp.jsonrpc.discover-result",
    "mcp.jsonrpc.request",
    "mcp.jsonrpc.result",
    "mcp.jsonrpc.error",
    "mcp.dialogue",
    "mcp.tcp.dialogue",
    "http.mcp-headers",
    "http.mcp-headers.answered",
    "http.session-delete",
    "http.path-accept",
    "http.path-attempt",
    "sse.endpoint",
    "oauth.mcp-resource",
    "oauth.challenge",
    "http.cors-mcp",
    "sni.dedicated",
    "sni.shared",
    "sni.pattern",
    "host.dedicated",
    "host.shared",
    "host.pattern",
    "websocket.subprotocol",
    "proxy.connect-dedicated",
    "cert.dedicated",
    "dns.dedicated",
    "dns.shared",
    "dns.pattern",
};

static int draft_fail(struct signature_loader *l, const struct signature_draft *d, const char *sentence,
		      const struct signature_draft *other)
{
	struct jsonplace list = {NULL, "signatures", 0}, element = {&list, NULL, d->index};
	struct jsonfile f = {.path = l->documents[d->document].path};
	if (other)
		jsonfile_fail(&f, &element, "%s: %s %s (%s)", d->s.id, sentence, other->s.id,
			      l->documents[other->document].path);
	else
		jsonfile_fail(&f, &element, "%s: %s", d->s.id, sentence);
	return signature_loader_fail_file(l, &f);
}

/* ---- overrides ---- */

static int by_place(const struct signature_draft *a, const struct signature_draft *b)
{
	if (a->layer != b->layer)
		return a->layer < b->layer ? -1 : 1;
	if (a->document != b->document)
		return a->document < b->document ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static int by_id(const void *a, const void *b)
{
	const struct signature_draft *x = a, *y = b;
	int order = strcmp(x->s.id, y->s.id);
	return order ? order : by_place(x, y);
}

static int pattern_order(const struct signature *x, const struct signature *y)
{
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->match != y->match)
		return x->match < y->match ? -1 : 1;
	int order = signature_compare(x->kind, slice_str(x->pattern), slice_str(y->pattern));
	return order ? order : signature_compare(x->kind, slice_str(x->value), slice_str(y->value));
}

static int by_pattern(const void *a, const void *b)
{
	const struct signature_draft *x = a, *y = b;
	int order = pattern_order(&x->s, &y->s);
	return order ? order : by_place(x, y);
}

static int by_kind(const void *a, const void *b)
{
	const struct signature_draft *x = a, *y = b;
	if (x->s.kind != y->s.kind)
		return x->s.kind < y->s.kind ? -1 : 1;
	return strcmp(x->s.id, y->s.id);
}

/* All drafts of one id -> at most one. A disabled behaviour stays, as no evidence: the code asks for it by name. */
static int resolve_id(struct signature_loader *l, const struct signature_draft *d, size_t n,
		      struct signature_draft *ret, bool *ret_keep)
{
	struct signature_draft now = d[0];
	if (now.bare)
		return draft_fail(l, &d[0], "nothing to disable: no earlier directory has this id", NULL);
	for (size_t i = 1; i < n; i++) {
		if (d[i].layer == d[i - 1].layer)
			return draft_fail(l, &d[i], "the id is taken in the same directory by", &d[i - 1]);
		if (d[i].bare)
			now.disabled = true;
		else if (d[i].s.kind != now.s.kind)
			return draft_fail(l, &d[i], "is of another kind than", &d[i - 1]);
		else
			now = d[i];
	}
	if (now.disabled && now.s.kind == SIGNATURE_BEHAVIOUR) {
		now.s.confidence = CONFIDENCE_NONE;
		now.disabled = false;
	}
	*ret_keep = !now.disabled;
	*ret = now;
	return 0;
}

static int resolve(struct signature_loader *l)
{
	size_t kept = 0;
	if (l->n_drafts == 0)
		return 0;
	qsort(l->drafts, l->n_drafts, sizeof *l->drafts, by_id);
	for (size_t i = 0, n; i < l->n_drafts; i += n) {
		struct signature_draft one;
		bool keep = false;
		for (n = 1; i + n < l->n_drafts && strcmp(l->drafts[i + n].s.id, l->drafts[i].s.id) == 0;)
			n++;
		int fail = resolve_id(l, &l->drafts[i], n, &one, &keep);
		if (fail)
			return fail;
		if (keep)
			l->drafts[kept++] = one;
	}
	l->n_drafts = kept;

	/* Two ids for one pattern: in one directory a mistake, across directories the later one means to replace. */
	if (kept)
		qsort(l->drafts, kept, sizeof *l->drafts, by_pattern);
	kept = 0;
	for (size_t i = 0; i < l->n_drafts; i++) {
		const struct signature_draft *d = &l->drafts[i];
		bool same = i + 1 < l->n_drafts && pattern_order(&d->s, &d[1].s) == 0;
		if (same && d->layer == d[1].layer)
			return draft_fail(l, &d[1], "the pattern is taken in the same directory by", d);
		if (!same)
			l->drafts[kept++] = *d;
	}
	l->n_drafts = kept;
	if (kept)
		qsort(l->drafts, kept, sizeof *l->drafts, by_kind);
	return 0;
}

/* ---- freezing ---- */

static size_t text_bytes(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static const char *text_put(char **at, const char *s)
{
	if (!s)
		return NULL;
	const char *start = *at;
	*at = stpcpy(*at, s) + 1;
	return start;
}

static const char *endpoint_path(const json_t *list, size_t i)
{
	return json_string_value(json_object_get(json_array_get(list, i), "path"));
}

static void freeze_one(const struct signature_draft *d, struct signature *s, struct signature_endpoint *endpoints,
		       char **at)
{
	*s = d->s;
	s->id = text_put(at, d->s.id);
	s->reason = text_put(at, d->s.reason);
	s->source = text_put(at, d->s.source);
	s->vendor = text_put(at, d->s.vendor);
	s->pattern = text_put(at, d->s.pattern);
	s->value = text_put(at, d->s.value);
	s->n_endpoints = json_array_size(d->endpoints);
	for (size_t i = 0; i < s->n_endpoints; i++) {
		endpoints[i].path = text_put(at, endpoint_path(d->endpoints, i));
		endpoints[i].transport = signature_endpoint_transport(json_array_get(d->endpoints, i));
	}
	s->endpoints = s->n_endpoints ? endpoints : NULL;
	s->path = s->n_endpoints ? endpoints[0].path : NULL;
}

/* "2026.11.22", and "+set-version" for each directory after the first. */
static char *version_text(const struct signature_loader *l)
{
	char text[LIMIT_SIGNATURE_DIRECTORIES * 2 * SIGNATURE_VERSION_CAP + 1] = "";
	size_t n = 0;
	for (size_t i = 0; i < l->n_layers; i++) {
		const struct signature_layer *layer = &l->layers[i];
		if (!layer->set)
			continue;
		if (n == 0 && strcmp(layer->set, "shadowtap") == 0)
			text_append(text, sizeof text, &n, "%s", layer->version);
		else
			text_append(text, sizeof text, &n, "%s%s-%s", n ? "+" : "", layer->set, layer->version);
	}
	return strdup(text);
}

static int freeze(const struct signature_loader *l, struct signature_set **ret)
{
	size_t bytes = 1, endpoints = 0;
	for (size_t i = 0; i < l->n_drafts; i++) {
		const struct signature_draft *d = &l->drafts[i];
		bytes += text_bytes(d->s.id) + text_bytes(d->s.reason) + text_bytes(d->s.source) +
			 text_bytes(d->s.vendor) + text_bytes(d->s.pattern) + text_bytes(d->s.value);
		for (size_t k = 0; k < json_array_size(d->endpoints); k++, endpoints++)
			bytes += text_bytes(endpoint_path(d->endpoints, k));
	}
	struct signature_set *s = calloc(1, sizeof *s);
	if (!s)
		return FAIL_MEMORY;
	s->n_all = l->n_drafts;
	s->all = calloc(s->n_all + 1, sizeof *s->all);
	s->endpoints = calloc(endpoints + 1, sizeof *s->endpoints);
	s->text = malloc(bytes);
	s->version = version_text(l);
	int fail = s->all && s->endpoints && s->text && s->version ? 0 : FAIL_MEMORY;
	if (!fail) {
		char *at = s->text;
		struct signature_endpoint *endpoint = s->endpoints;
		for (size_t i = 0; i < s->n_all; i++) {
			freeze_one(&l->drafts[i], &s->all[i], endpoint, &at);
			endpoint += s->all[i].n_endpoints;
			for (size_t k = s->all[i].kind + 1; k <= SIGNATURE_KINDS; k++)
				s->first[k] = i + 1;
		}
		fail = signature_index_build(s);
	}
	if (fail) {
		signature_set_free(s);
		return fail;
	}
	*ret = s;
	return 0;
}

int signature_loader_finish(struct signature_loader *l, bool whole, struct signature_set **ret)
{
	struct signature_set *s = NULL;
	char text[256];
	int fail = resolve(l);
	if (!fail)
		fail = freeze(l, &s);
	if (fail == FAIL_MEMORY)
		return signature_loader_fail_memory(l);
	if (fail == FAIL_IO)
		return signature_loader_fail(l, fail, NULL, "no source of randomness");
	for (int k = 0; !fail && k < SIGNATURE_KINDS; k++) {
		if (s->n_scan[k] <= LIMIT_SIGNATURE_SCAN)
			continue;
		snprintf(text, sizeof text,
			 "more than %d %s patterns that must be tried one by one (prefixes, globs, templates)",
			 LIMIT_SIGNATURE_SCAN, signature_kind_name((enum signature_kind)k));
		fail = signature_loader_fail(l, FAIL_CONFIG, NULL, text);
	}
	for (size_t i = 0; !fail && whole && i < sizeof needed / sizeof *needed; i++) {
		if (signature_behaviour(s, needed[i]))
			continue;
		snprintf(text, sizeof text,
			 "no behaviour \"%s\" in these directories, and the sensor needs it "
			 "(a site's own set goes behind the shipped one)",
			 needed[i]);
		fail = signature_loader_fail(l, FAIL_CONFIG, NULL, text);
	}
	if (fail) {
		signature_set_free(s);
		return fail;
	}
	*ret = s;
	return 0;
}
