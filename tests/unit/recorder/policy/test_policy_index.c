#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "policy_build.h"

/* The index must find what asking every entry would. */
static const struct policy_entry *best_by_asking_all(const struct policy *p, enum policy_list list,
                                                     const struct policy_subject *s)
{
	const struct policy_entry *best = NULL;
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct policy_entry *e = &p->entries[i];
		if (e->list == list && policy_entry_match(e, s) == POLICY_MATCH && (!best || policy_entry_order(e, best, NULL) < 0))
			best = e;
	}
	return best;
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Names and addresses from small sets, so that entries overlap in every way. */
static void random_name(uint32_t *r, char *out, size_t cap)
{
	static const char *const labels[] = {"a", "b", "acme", "example"};
	size_t n = 0;
	for (uint32_t left = next_random(r) % 4 + 1; left; left--)
		n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? "." : "", labels[next_random(r) % 4]);
}

static struct policy *random_policy(uint32_t *r, size_t entries)
{
	size_t cap = entries * 220 + 200, n = 0;
	char *text = malloc(cap), name[64];
	assert_non_null(text);
	n += (size_t)snprintf(text, cap, "{\"version\":1,\"approved\":[");
	for (size_t i = 0; i < entries; i++) {
		if (i == entries * 3 / 4)
			n += (size_t)snprintf(text + n, cap - n, "],\"denied\":[");
		n += (size_t)snprintf(text + n, cap - n, "%s{\"id\":\"e%zu\"", i && i != entries * 3 / 4 ? "," : "", i);
		uint32_t kind = next_random(r) % 5;
		random_name(r, name, sizeof name);
		if (kind < 4)
			n += (size_t)snprintf(text + n, cap - n, ",\"host\":\"%s%s\"", kind < 2 ? "*." : "", name);
		if (kind >= 3) {
			uint32_t bits = next_random(r) % 3 * 4 + 24; /* 24, 28, 32 */
			uint32_t last = next_random(r) % 256 & (0xff00u >> (bits - 24)) & 0xff;
			n += (size_t)snprintf(text + n, cap - n, ",\"address\":\"192.0.2.%u/%u\"", last, bits);
		}
		if (next_random(r) % 3 == 0)
			n += (size_t)snprintf(text + n, cap - n, ",\"port\":%u", next_random(r) % 2 ? 443 : 80);
		if (next_random(r) % 2 == 0)
			n += (size_t)snprintf(text + n, cap - n, ",\"path\":\"/%s\"", next_random(r) % 2 ? "mcp" : "mcp/x");
		n += (size_t)snprintf(text + n, cap - n, "}");
	}
	snprintf(text + n, cap - n, "]}");
	struct policy *p = policy_of(text);
	free(text);
	return p;
}

static void test_index_finds_what_asking_all_finds(void **state)
{
	uint32_t r = 2026;
	size_t decided[3] = {0};
	(void)state;
	for (int round = 0; round < 60; round++) {
		struct policy *p = random_policy(&r, 4 + next_random(&r) % 30);
		for (int i = 0; i < 200; i++) {
			char name[64], server[32];
			static const char *const paths[] = {NULL, "/", "/mcp", "/mcp/x", "/a/../mcp"};
			random_name(&r, name, sizeof name);
			snprintf(server, sizeof server, "192.0.2.%u", next_random(&r) % 256);
			struct facts f = {.host = next_random(&r) % 4 ? name : NULL, .server = server,
			                  .path = paths[next_random(&r) % 5], .cleartext = next_random(&r) % 2,
			                  .proxy = next_random(&r) % 4 == 0, .cut = next_random(&r) % 8 == 0};
			if (f.host && next_random(&r) % 4 == 0)
				f.host = server;
			struct observation o = observe(&f);
			struct policy_subject s;
			struct judgement j;
			policy_subject_from(&o, &s);
			policy_judge(p, &o, NULL, &j);
			const struct policy_entry *wanted = best_by_asking_all(p, POLICY_DENIED, &s);
			bool deny = wanted != NULL;
			if (!wanted)
				wanted = best_by_asking_all(p, POLICY_APPROVED, &s);
			assert_true(j.rule == (wanted ? wanted->id : NULL));
			assert_int_equal(j.verdict, wanted && !deny ? VERDICT_APPROVED : VERDICT_UNAUTHORIZED);
			decided[deny ? 0 : wanted ? 1 : 2]++;
		}
		policy_free(p);
	}
	assert_true(decided[0] > 500 && decided[1] > 500 && decided[2] > 500);
}

static void test_ten_thousand_entries(void **state)
{
	size_t cap = 1 << 20, n = 0;
	char *text = malloc(cap), name[64], rule[64];
	(void)state;
	assert_non_null(text);
	n += (size_t)snprintf(text, cap, "{\"version\":1,\"approved\":[");
	for (int i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, cap - n, "%s{\"id\":\"h%d\",\"host\":\"%sserver-%d.example\"}", i ? "," : "", i,
		                      i % 2 ? "*." : "", i);
	snprintf(text + n, cap - n, "]}");
	struct policy *p = policy_of(text);
	free(text);
	assert_int_equal(policy_entries(p), 10000);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "%sserver-%d.example", i % 2 ? "x.y." : "", i);
		snprintf(rule, sizeof rule, "h%d", i);
		struct facts f = {.host = name};
		struct observation o = observe(&f);
		struct judgement j;
		policy_judge(p, &o, NULL, &j);
		assert_string_equal(j.rule, rule);
	}
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_finds_what_asking_all_finds),
		cmocka_unit_test(test_ten_thousand_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
