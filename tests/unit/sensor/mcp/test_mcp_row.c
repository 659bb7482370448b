/* Facts and evidence of one authority: what raises what, what stands, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "mcp_row.h"

static const struct signature hint = {.id = "test.hint", .confidence = CONFIDENCE_POSSIBLE};
static const struct signature strong = {.id = "test.strong", .confidence = CONFIDENCE_CONFIRMED};

static struct mcp_row *row_new(const char *key, uint16_t port)
{
	struct mcp_row *r = mcp_row_new(slice_str(key), port, 3);
	assert_non_null(r);
	return r;
}

static void test_identity(void **state)
{
	(void)state;
	static const struct { const char *key; uint16_t port; const char *asked; uint16_t asked_port; bool same; } cases[] = {
		{"a.example", 0, "a.example", 0, true},
		{"a.example", 443, "a.example", 0, true}, /* SNI, then Host with its default port */
		{"a.example", 0, "a.example", 443, true},
		{"a.example", 0, "a.example", 80, true},
		{"a.example", 443, "a.example", 80, false},
		{"a.example", 0, "a.example", 8443, false},
		{"a.example", 8443, "a.example", 8443, true},
		{"a.example", 8443, "a.example", 443, false},
		{"a.example", 0, "b.example", 0, false},
		{"", 0, "", 0, true},
		{"", 0, "a.example", 0, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mcp_row *r = row_new(cases[i].key, cases[i].port);
		if (mcp_row_is(r, slice_str(cases[i].asked), cases[i].asked_port) != cases[i].same)
			fail_msg("case %zu", i);
		mcp_row_free(r);
	}
	mcp_row_free(NULL);
}

static void test_evidence(void **state)
{
	(void)state;
	struct anomaly_counts a = {{0}};
	struct mcp_row *r = row_new("a.example", 0);
	mcp_row_evidence(r, NULL, CONFIDENCE_CONFIRMED, false, 1, 1, &a, "nothing");
	mcp_row_evidence(r, &strong, CONFIDENCE_NONE, false, 1, 1, &a, "disabled by an overlay");
	assert_int_equal(r->confidence, CONFIDENCE_NONE);
	assert_int_equal(r->n_reasons, 0);
	assert_false(r->changed);

	mcp_row_evidence(r, &hint, CONFIDENCE_POSSIBLE, false, 100, 5, &a, "first %d", 1);
	assert_int_equal(r->confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(r->first_seen_ns, 100);
	assert_true(r->changed);
	r->changed = false;
	mcp_row_evidence(r, &hint, CONFIDENCE_POSSIBLE, false, 200, 6, &a, "second");
	assert_false(r->changed);
	assert_int_equal(r->n_reasons, 1); /* once per signature: the first stands */
	assert_string_equal(r->reasons[0].detail, "first 1");
	assert_int_equal(r->reasons[0].frame, 5);

	mcp_row_evidence(r, &strong, CONFIDENCE_CONFIRMED, true, 300, 7, &a, "in doubt"); /* after a gap: a hint at most */
	assert_int_equal(r->confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(r->n_reasons, 2);
	assert_false(r->changed);
	mcp_row_trust(r);
	assert_int_equal(r->confidence, CONFIDENCE_CONFIRMED);
	assert_true(r->changed);
	assert_int_equal(r->first_seen_ns, 100);
	mcp_row_evidence(r, &hint, CONFIDENCE_POSSIBLE, false, 400, 8, &a, "weaker");
	assert_int_equal(r->confidence, CONFIDENCE_CONFIRMED);
	mcp_row_free(r);
}

static void test_reasons_are_bounded(void **state)
{
	(void)state;
	struct anomaly_counts a = {{0}};
	struct mcp_row *r = row_new("a.example", 0);
	char ids[LIMIT_REASONS + 3][16], longer[3 * LIMIT_DETAIL];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	struct signature s[LIMIT_REASONS + 3];
	for (size_t i = 0; i < LIMIT_REASONS + 3; i++) {
		snprintf(ids[i], sizeof ids[i], "test.%zu", i);
		s[i] = (struct signature){.id = ids[i], .confidence = CONFIDENCE_POSSIBLE};
		mcp_row_evidence(r, &s[i], i < LIMIT_REASONS + 2 ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY, false, 1, i, &a,
			"%s", longer);
	}
	assert_int_equal(r->n_reasons, LIMIT_REASONS);
	assert_int_equal(a.n[ANOMALY_REASONS_LIMIT], 3);
	assert_int_equal(r->confidence, CONFIDENCE_LIKELY); /* later evidence still counts */
	for (size_t i = 0; i < LIMIT_REASONS; i++) {
		assert_string_equal(r->reasons[i].signature, ids[i]); /* in packet order */
		assert_true(strlen(r->reasons[i].detail) < LIMIT_DETAIL);
	}
	mcp_row_free(r);
}

static void test_stage_transport_auth(void **state)
{
	(void)state;
	struct mcp_row *r = row_new("a.example", 0);
	mcp_row_stage(r, STAGE_ESTABLISHED);
	r->changed = false;
	mcp_row_stage(r, STAGE_ATTEMPTED);
	assert_int_equal(r->stage, STAGE_ESTABLISHED);
	assert_false(r->changed);

	mcp_row_transport(r, TRANSPORT_NONE, 2);
	assert_int_equal(r->transport, TRANSPORT_NONE);
	mcp_row_transport(r, TRANSPORT_STREAMABLE_HTTP, 1);
	mcp_row_transport(r, TRANSPORT_HTTP_SSE, 1); /* the latest of those that got as far */
	assert_int_equal(r->transport, TRANSPORT_HTTP_SSE);
	mcp_row_transport(r, TRANSPORT_STREAMABLE_HTTP, 2);
	mcp_row_transport(r, TRANSPORT_HTTP_SSE, 1);
	assert_int_equal(r->transport, TRANSPORT_STREAMABLE_HTTP);

	mcp_row_auth(r, AUTH_NONE);
	assert_int_equal(r->auth, AUTH_NONE);
	mcp_row_auth(r, AUTH_BEARER);
	mcp_row_auth(r, AUTH_COOKIE); /* the first request that carried one */
	mcp_row_auth(r, AUTH_NONE);
	assert_int_equal(r->auth, AUTH_BEARER);
	mcp_row_free(r);
}

static void test_fields(void **state)
{
	(void)state;
	struct mcp_row *r = row_new("a.example", 0);
	mcp_row_set(r, &r->path, slice_str(""), LIMIT_PATH, true);
	assert_null(r->path);
	mcp_row_set(r, &r->path, slice_str("/a"), LIMIT_PATH, false);
	mcp_row_set(r, &r->path, slice_str("/b"), LIMIT_PATH, false);
	assert_string_equal(r->path, "/a");
	r->changed = false;
	mcp_row_set(r, &r->path, slice_str("/a"), LIMIT_PATH, true);
	assert_false(r->changed);
	mcp_row_set(r, &r->path, slice_str("/b"), LIMIT_PATH, true);
	assert_string_equal(r->path, "/b");
	assert_true(r->changed);
	mcp_row_set(r, &r->path, slice_of(NULL, 0), LIMIT_PATH, true);
	assert_string_equal(r->path, "/b");
	mcp_row_set(r, &r->client_name, slice_str("abcdef"), 4, false);
	assert_string_equal(r->client_name, "abc");
	mcp_row_free(r);
}

static void test_names_are_bounded(void **state)
{
	(void)state;
	struct anomaly_counts a = {{0}};
	struct mcp_row *r = row_new("a.example", 0);
	char name[32];
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < LIMIT_NAMES + 10; i++) {
			snprintf(name, sizeof name, "tool-%d", i);
			mcp_row_count(&r->tools_called, name, 0, 0, &a);
		}
	assert_int_equal(r->tools_called.n, LIMIT_NAMES);
	assert_int_equal(r->tools_called.other, 20);
	assert_int_equal(a.n[ANOMALY_NAMES_LIMIT], 20);
	for (int i = 0; i < LIMIT_NAMES; i++) {
		snprintf(name, sizeof name, "tool-%d", i);
		assert_string_equal(r->tools_called.items[i].name, name);
		assert_int_equal(r->tools_called.items[i].count, 2);
	}
	mcp_row_free(r);
}

/* The fullest row that can be survives the way to the other half. */
static void test_observation_of_a_full_row(void **state)
{
	(void)state;
	struct anomaly_counts a = {{0}};
	struct mcp_row *r = row_new("a.example", 443);
	char longer[5000];
	memset(longer, 'n', sizeof longer);
	struct slice text = slice_of(longer, sizeof longer);
	mcp_row_set(r, &r->host, text, LIMIT_HOST, true);
	mcp_row_set(r, &r->path, text, LIMIT_PATH, true);
	mcp_row_set(r, &r->user_agent, text, LIMIT_USER_AGENT, true);
	mcp_row_set(r, &r->sni, text, LIMIT_SNI, true);
	mcp_row_set(r, &r->client_name, text, LIMIT_NAME, true);
	mcp_row_set(r, &r->server_version, text, LIMIT_VERSION, true);
	mcp_row_set(r, &r->version_declared, slice_str("2025-06-18"), LIMIT_VERSION, true);
	char method[LIMIT_METHOD];
	for (int i = 0; i < LIMIT_NAMES + 1; i++) {
		snprintf(method, sizeof method, "%063d", i);
		mcp_row_count(&r->methods, method, 0, 0, &a);
	}
	mcp_row_evidence(r, &strong, CONFIDENCE_CONFIRMED, false, 77, 9, &a, "%s", method);
	struct observation o = {.l4 = 6, .client_ip.family = 4, .server_ip.family = 4};
	mcp_row_observe(r, &o);
	o.last_seen_ns = 78;
	assert_string_equal(o.protocol_version, "2025-06-18"); /* where only one is seen both are that one */
	assert_string_equal(o.protocol_version_requested, "2025-06-18");
	size_t n;
	uint8_t *bytes = observation_encode(&o, &n);
	assert_non_null(bytes);
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	assert_int_equal(box.o.authority_ordinal, 3);
	assert_int_equal(box.o.confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(box.o.first_seen_ns, 77);
	assert_int_equal(box.o.methods.n, LIMIT_NAMES);
	assert_int_equal(box.o.methods.other, 1);
	assert_int_equal(strlen(box.o.path), LIMIT_PATH - 1);
	assert_int_equal(strlen(box.o.host), LIMIT_HOST - 1);
	assert_string_equal(box.o.reasons[0].signature, "test.strong");
	observation_box_done(&box);
	free(bytes);
	assert_true(mcp_row_memory(r) > LIMIT_NAMES * 48);
	mcp_row_free(r);
}

static void test_versions_by_rank(void **state)
{
	(void)state;
	struct mcp_row *r = row_new("a.example", 0);
	struct observation o = {0};
	mcp_row_observe(r, &o);
	assert_null(o.protocol_version);
	mcp_row_set(r, &r->version_requested, slice_str("2025-11-25"), LIMIT_VERSION, false);
	mcp_row_observe(r, &o);
	assert_null(o.protocol_version); /* refused: it counts only as asked for */
	assert_string_equal(o.protocol_version_requested, "2025-11-25");
	mcp_row_set(r, &r->version_declared, slice_str("2025-06-18"), LIMIT_VERSION, false);
	mcp_row_set(r, &r->version_accepted, slice_str("2025-03-26"), LIMIT_VERSION, false);
	mcp_row_observe(r, &o);
	assert_string_equal(o.protocol_version, "2025-03-26");
	mcp_row_set(r, &r->version_agreed, slice_str("2024-11-05"), LIMIT_VERSION, false);
	mcp_row_observe(r, &o);
	assert_string_equal(o.protocol_version, "2024-11-05");
	assert_string_equal(o.protocol_version_requested, "2025-11-25");
	mcp_row_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_reasons_are_bounded),
		cmocka_unit_test(test_stage_transport_auth),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_names_are_bounded),
		cmocka_unit_test(test_observation_of_a_full_row),
		cmocka_unit_test(test_versions_by_rank),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
