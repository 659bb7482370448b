/* A policy and an observation, both from the fuzzer: bytes up to the first NUL are the policy file, the rest is taken
 * for the facts. Whatever loads must judge the same as asking every entry does, and never approve a cut name by host. */
#include "policy_entry.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void insist(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* The next NUL-terminated piece, made valid UTF-8 within the limit as observations are; NULL if empty. */
static const char *piece(struct slice *in, char *out, size_t cap)
{
	size_t end = slice_find(*in, 0);
	text_copy(out, cap, slice_first(*in, end));
	*in = slice_after(*in, end + 1);
	return out[0] ? out : NULL;
}

static uint8_t byte(struct slice *in)
{
	uint8_t b = in->n ? in->p[0] : 0;
	*in = slice_after(*in, 1);
	return b;
}

static struct ip_addr address(struct slice *in)
{
	struct ip_addr a = {.family = byte(in) % 2 ? 4 : 6};
	for (int i = 0; i < (a.family == 4 ? 4 : 16); i++)
		a.b[i] = byte(in);
	return a;
}

static void ignore(void *context, const char *sentence)
{
	(*(size_t *)context) += strlen(sentence);
}

static const struct policy_entry *best(const struct policy *p, enum policy_list list, const struct policy_subject *s)
{
	const struct policy_entry *found = NULL;
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct policy_entry *e = &p->entries[i];
		if (e->list == list && policy_entry_match(e, s) == POLICY_MATCH && (!found || policy_entry_order(e, found, NULL) < 0))
			found = e;
	}
	return found;
}

static void judge(const struct policy *p, struct slice in)
{
	char connector[LIMIT_NAME], names[3][LIMIT_NAME];
	struct observed_count used[3];
	char host[LIMIT_HOST], sni[LIMIT_SNI], path[LIMIT_PATH], version[LIMIT_VERSION];
	struct policy_subject s;
	struct judgement j;
	uint8_t flags = byte(&in);
	struct observation o = {
		.l4 = 6,
		.tls = flags & 1,
		.secure_scheme = flags & 2,
		.host_cut = flags & 4,
		.via_proxy = flags & 8,
		.auth = (enum auth_kind)(byte(&in) % AUTH_COUNT),
		.server_port = (uint16_t)(byte(&in) << 8 | byte(&in)),
		.last_seen_ns = (int64_t)(byte(&in) & 0x7f) << 56,
	};
	o.client_ip = address(&in);
	o.server_ip = address(&in);
	o.host = piece(&in, host, sizeof host);
	o.sni = piece(&in, sni, sizeof sni);
	o.path = piece(&in, path, sizeof path);
	o.protocol_version = piece(&in, version, sizeof version);
	o.kind = flags & 16 ? KIND_CONNECTOR : KIND_CONNECTION;
	o.connector_id = piece(&in, connector, sizeof connector);
	o.requests = flags >> 5 & 1;
	size_t n_used = 0;
	for (size_t i = 0; i < 3; i++)
		if ((used[n_used] = (struct observed_count){piece(&in, names[i], sizeof names[i]), 1, 1, 1}).name)
			n_used++;
	o.tools_called = o.resources_read = o.prompts_got = (struct observed_counts){used, n_used, 0};

	policy_judge(p, &o, NULL, &j);
	policy_subject_from(&o, &s);
	const struct policy_entry *denied = best(p, POLICY_DENIED, &s), *wanted = denied ? denied : best(p, POLICY_APPROVED, &s);
	insist(j.rule == (wanted ? wanted->id : NULL), "the index finds another entry than asking all of them");
	insist((j.verdict == VERDICT_UNAUTHORIZED) == (!wanted || denied), "a denial or no entry means unauthorized");
	insist((j.verdict == VERDICT_VIOLATION) == (j.n_breaches > 0), "a violation is an approval with breaches");
	for (size_t i = 0; i < j.n_reasons; i++)
		insist(j.n_breaches && strlen(j.reasons[i].detail) < LIMIT_DETAIL && j.reasons[i].detail[0], "a breach says what it was");
	const struct policy_entry *e = wanted && !denied ? wanted : NULL;
	for (size_t i = 0; e && i < n_used; i++) {
		const struct policy_names *lists = &e->names[POLICY_TOOLS];
		bool allowed = !lists->listed, forbidden = false;
		for (size_t g = 0; g < lists->allow.n; g++)
			allowed |= policy_glob_match(lists->allow.items[g].text, used[i].name);
		for (size_t g = 0; g < lists->deny.n; g++)
			forbidden |= policy_glob_match(lists->deny.items[g].text, used[i].name);
		insist((allowed && !forbidden) || j.verdict == VERDICT_VIOLATION, "a tool that is not allowed is a violation");
	}
	insist(!o.host_cut || j.verdict == VERDICT_UNAUTHORIZED || !wanted->host, "a cut name approves nothing");
	insist(strnlen(j.why, sizeof j.why) < sizeof j.why && j.why[0], "a judgement says why");
	insist(strlen(s.path_plain) < LIMIT_PATH, "a plain path fits");
	insist(policy_direction(p, &o.client_ip, &o.server_ip) < TRAFFIC_COUNT, "a direction is one of four");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = slice_of(data, n);
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT] = "";
	size_t end = slice_find(in, 0), warned = 0;
	int failed = policy_parse("fuzz", (const char *)data, end, &p, error);
	insist((failed == 0) == (p != NULL), "a policy or a failure");
	insist((failed == 0) == (error[0] == '\0'), "a failure has a sentence");
	for (const char *c = error; *c; c++)
		insist((uint8_t)*c >= 0x20 && *c != 0x7f, "an error is safe to print");
	if (!p)
		return 0;
	policy_check(p, INT64_C(1795341600000000000), ignore, &warned);
	judge(p, slice_after(in, end + 1));
	policy_free(p);
	return 0;
}
