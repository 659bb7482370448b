/* Each finding: what makes it, and what must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "posture.h"

static struct ip_addr address_of(const char *text)
{
	struct ip_addr a = {0};
	assert_true(ip_addr_parse(slice_str(text), &a));
	return a;
}

/* A readable session in the clear between two machines, of today's revision, with a token: nothing to find but "cleartext". */
static struct observation sample(void)
{
	return (struct observation){.kind = KIND_CONNECTION, .confidence = CONFIDENCE_CONFIRMED, .stage = STAGE_ESTABLISHED,
	                            .transport = TRANSPORT_STREAMABLE_HTTP, .auth = AUTH_BEARER, .l4 = 6,
	                            .protocol_version = "2026-07-28", .client_ip = address_of("10.1.1.1"),
	                            .server_ip = address_of("203.0.113.9")};
}

static void join(const char *const *ids, size_t n, char out[256])
{
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (strncmp(ids[i], "offer.", 6) != 0) /* what it offers has a test of its own */
			snprintf(out + strlen(out), 256 - strlen(out), "%s%s", out[0] ? " " : "", ids[i]);
}

static void expect_in_session(const struct observation *o, enum auth_kind session, const char *found, const char *unseen)
{
	struct posture p = {.n_found = 0};
	char text[256];
	posture_read(o, session, &p);
	join(p.found, p.n_found, text);
	assert_string_equal(text, found);
	join(p.unseen, p.n_unseen, text);
	assert_string_equal(text, unseen);
	for (size_t i = 0; i < p.n_found; i++)
		if (!finding_find(p.found[i]))
			fail_msg("%s has no page of help", p.found[i]);
	for (size_t i = 0; i < p.n_unseen; i++)
		if (!finding_find(p.unseen[i]))
			fail_msg("%s has no page of help", p.unseen[i]);
}

static void expect(const struct observation *o, const char *found, const char *unseen)
{
	expect_in_session(o, AUTH_UNKNOWN, found, unseen);
}

static void test_authentication(void **state)
{
	(void)state;
	struct observation o = sample();
	o.facts = FACT_UNAUTHENTICATED; /* with a token, what was answered before it counts no more */
	expect(&o, "cleartext", "");
	o.auth = AUTH_NONE;
	expect(&o, "no-auth cleartext", "");
	expect_in_session(&o, AUTH_NONE, "no-auth cleartext", "");
	expect_in_session(&o, AUTH_BEARER, "cleartext", "");
	o.facts = 0; /* a 401 with a JSON-RPC error: the server answered as MCP, and let nobody in */
	expect(&o, "cleartext", "no-auth");
	o.stage = STAGE_ATTEMPTED;
	expect(&o, "cleartext", "");
	o.stage = STAGE_UNKNOWN;
	expect(&o, "cleartext", "no-auth origin-foreign");
	o = sample();
	o.transport = TRANSPORT_TCP;
	o.auth = AUTH_UNKNOWN;
	expect(&o, "no-auth cleartext", "");
	o.stage = STAGE_UNKNOWN;
	expect(&o, "cleartext", "no-auth origin-foreign");
}

static void test_what_requests_carried(void **state)
{
	(void)state;
	struct observation o = sample();
	o.facts = FACT_QUERY_CREDENTIAL | FACT_HEADER_BODY_DIFFER | FACT_ORIGIN_FOREIGN;
	expect(&o, "url-credential header-body-mismatch origin-foreign cleartext", "");
	o = sample();
	o.facts = FACT_ORIGIN_MISSING; /* of a server that a page reaches without a browser: anybody's script, no finding */
	expect(&o, "cleartext", "");
	static const char *const inside[] = {"10.0.0.1", "172.31.255.1", "192.168.1.1", "100.64.0.1", "169.254.1.1",
	                                     "fd00::1", "fe80::1", "::ffff:10.0.0.1"};
	static const char *const outside[] = {"11.0.0.1", "172.32.0.1", "192.169.1.1", "100.128.0.1", "2001:db8::1", "fec0::1",
	                                      "::ffff:8.8.8.8"};
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		o.server_ip = address_of(inside[i]);
		expect(&o, "origin-missing cleartext", "");
	}
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		o.server_ip = address_of(outside[i]);
		expect(&o, "cleartext", "");
	}
}

static void test_protocol(void **state)
{
	(void)state;
	static const struct { const char *version, *found, *unseen; } cases[] = {
		{"2024-10-07", "deprecated-revision cleartext", ""}, {"2024-11-05", "deprecated-revision cleartext", ""},
		{"2025-03-26", "deprecated-revision cleartext", ""}, {"2025-06-18", "cleartext", ""},
		{"2026-07-28", "cleartext", ""}, {NULL, "cleartext", "deprecated-revision"},
		{"DRAFT-2024-v1", "cleartext", "deprecated-revision"}, {"2024-11-05-x", "cleartext", "deprecated-revision"},
		{"1", "cleartext", "deprecated-revision"},
	};
	struct observation o = sample();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		o.protocol_version = cases[i].version;
		expect(&o, cases[i].found, cases[i].unseen);
	}
	o = sample();
	o.transport = TRANSPORT_HTTP_SSE;
	expect(&o, "deprecated-transport cleartext", "");
	o.transport = TRANSPORT_WEBSOCKET;
	expect(&o, "cleartext", "");
}

static void test_encryption(void **state)
{
	(void)state;
	static const char *const local[][2] = {{"127.0.0.1", "127.0.0.1"}, {"127.0.0.1", "127.8.0.1"}, {"::1", "::1"},
	                                       {"10.1.1.1", "10.1.1.1"}, {"::ffff:127.0.0.1", "::ffff:127.0.0.1"}};
	struct observation o = sample();
	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		o.client_ip = address_of(local[i][0]);
		o.server_ip = address_of(local[i][1]);
		expect(&o, "", "");
	}
	o = sample();
	o.transport = TRANSPORT_NONE; /* somebody asked for the metadata of OAuth */
	expect(&o, "", "deprecated-transport");
	o = sample();
	o.encrypted = o.tls = o.decrypted = true;
	expect(&o, "", "tls-old");
	static const struct { const char *version, *found; } versions[] = {{"ssl3", "tls-old"}, {"1.0", "tls-old"}, {"1.1", "tls-old"},
	                                                                   {"1.2", ""}, {"1.3", ""}};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		o.tls_version = versions[i].version;
		expect(&o, versions[i].found, "");
	}
}

/* What its definitions held, once some were read. */
static void test_offers(void **state)
{
	(void)state;
	static const struct { const char *id; uint32_t fact; } hints[] = {
		{"offer.hidden-unicode", FACT_OFFER_HIDDEN_UNICODE}, {"offer.bidi", FACT_OFFER_BIDI},
		{"offer.hidden-markup", FACT_OFFER_HIDDEN_MARKUP}, {"offer.instructions", FACT_OFFER_INSTRUCTIONS},
	};
	struct observation o = sample();
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct posture unread = {.n_found = 0}, clean = unread, hit = unread;
		o.facts = 0;
		posture_read(&o, AUTH_UNKNOWN, &unread);
		assert_true(posture_is_unseen(&unread, hints[i].id) && !posture_has(&unread, hints[i].id));
		o.facts = FACT_OFFERED;
		posture_read(&o, AUTH_UNKNOWN, &clean);
		assert_false(posture_is_unseen(&clean, hints[i].id) || posture_has(&clean, hints[i].id));
		o.facts |= hints[i].fact;
		posture_read(&o, AUTH_UNKNOWN, &hit);
		assert_true(posture_has(&hit, hints[i].id));
		assert_int_equal(hit.n_found, clean.n_found + 1);
	}
}

/* Inside TLS nothing is found, and all that was asked for is said to be unseen. */
static void test_nothing_unseen_is_found(void **state)
{
	(void)state;
	struct observation o = sample();
	o.encrypted = o.tls = true;
	o.tls_version = "1.3";
	o.confidence = CONFIDENCE_LIKELY;
	o.stage = STAGE_UNKNOWN;
	o.transport = TRANSPORT_NONE;
	o.auth = AUTH_UNKNOWN;
	o.protocol_version = NULL;
	expect(&o, "", "no-auth url-credential header-body-mismatch origin-foreign deprecated-transport deprecated-revision");
	o.server_ip = address_of("10.0.0.1");
	expect(&o, "", "no-auth url-credential header-body-mismatch origin-foreign origin-missing deprecated-transport deprecated-revision");

	struct observation hint = sample(), connector = sample();
	hint.confidence = CONFIDENCE_POSSIBLE;
	connector.kind = KIND_CONNECTOR;
	hint.facts = connector.facts = FACTS_ALL;
	hint.auth = connector.auth = AUTH_NONE;
	const struct observation *const both[] = {&hint, &connector};
	for (size_t i = 0; i < 2; i++) {
		struct posture p = {.n_found = 0};
		posture_read(both[i], AUTH_UNKNOWN, &p);
		assert_int_equal(p.n_found, 0);
		assert_int_equal(p.n_unseen, finding_count);
	}
}

static void test_adding(void **state)
{
	(void)state;
	static char ids[LIMIT_FINDINGS + 4][8];
	struct posture p = {.n_found = 0};
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < LIMIT_FINDINGS + 4; i++) {
			snprintf(ids[i], sizeof ids[i], "f%d", i);
			posture_add(&p, ids[i]);
			posture_add_unseen(&p, ids[i]);
		}
	assert_int_equal(p.n_found, LIMIT_FINDINGS);
	assert_int_equal(p.n_unseen, LIMIT_FINDINGS);
	assert_true(posture_has(&p, "f3") && posture_is_unseen(&p, "f3"));
	assert_false(posture_has(&p, "f") || posture_is_unseen(&p, "f31"));
}

static void test_pages(void **state)
{
	(void)state;
	static const char *const parts[] = {"\nReferences: ", "\n## What it is\n", "\n## Why it matters\n", "\n## What was seen\n",
	                                    "\n## What to do\n", "\n## When it is silent\n"};
	assert_true(finding_count >= 9);
	for (size_t i = 0; i < finding_count; i++) {
		const struct finding *f = &finding_table[i];
		char text[160];
		assert_ptr_equal(finding_find(f->id), f);
		assert_true(i == 0 || strcmp(finding_table[i - 1].id, f->id) < 0);
		snprintf(text, sizeof text, "# %s: %s\n\nSeverity: %s\n", f->id, f->title, severity_name(f->severity));
		assert_memory_equal(f->page, text, strlen(text));
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			if (!strstr(f->page, parts[k]))
				fail_msg("docs/findings/%s.md lacks a part: %s", f->id, parts[k]);
		snprintf(text, sizeof text, "policy.finding:%s", f->id);
		assert_string_equal(f->breach, text);
		assert_string_equal(f->unverified, strchr(text, '.') + 1);
	}
	assert_null(finding_find("no-aut"));
	assert_null(severity_name(SEVERITY_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authentication), cmocka_unit_test(test_what_requests_carried),
		cmocka_unit_test(test_protocol), cmocka_unit_test(test_encryption), cmocka_unit_test(test_offers),
		cmocka_unit_test(test_nothing_unseen_is_found), cmocka_unit_test(test_adding), cmocka_unit_test(test_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
