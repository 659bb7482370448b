/* tls_secrets.c: found again, replaced, the oldest leaves at the cap; sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "tls_secrets.h"

static const struct hash_key key = {3, 4};

static void numbered(uint8_t random[TLS_RANDOM], uint32_t n)
{
	memset(random, 0, TLS_RANDOM);
	memcpy(random, &n, sizeof n);
}

static void finds_what_was_added(void **state)
{
	struct tls_secrets *s = tls_secrets_new(&key);
	uint8_t random[TLS_RANDOM];
	(void)state;
	numbered(random, 1);
	assert_int_equal(tls_secrets_find(s, random, TLS_SECRET_MASTER).n, 0);
	uint64_t before = tls_secrets_generation(s);
	assert_int_equal(tls_secrets_add(s, random, TLS_SECRET_CLIENT_TRAFFIC, SLICE_LITERAL("0123456789abcdef0123456789abcdef")), 0);
	assert_int_not_equal(tls_secrets_generation(s), before);
	before = tls_secrets_generation(s);
	assert_int_equal(tls_secrets_add(s, random, TLS_SECRET_CLIENT_TRAFFIC, SLICE_LITERAL("0123456789abcdef0123456789abcdef")), 0);
	assert_int_equal(tls_secrets_generation(s), before); /* the same once more is nothing new */
	assert_int_equal(tls_secrets_find(s, random, TLS_SECRET_SERVER_TRAFFIC).n, 0);
	assert_true(slice_eq_str(tls_secrets_find(s, random, TLS_SECRET_CLIENT_TRAFFIC), "0123456789abcdef0123456789abcdef"));
	assert_int_equal(tls_secrets_add(s, random, TLS_SECRET_CLIENT_TRAFFIC, SLICE_LITERAL("other")), 0);
	assert_true(slice_eq_str(tls_secrets_find(s, random, TLS_SECRET_CLIENT_TRAFFIC), "other"));
	tls_secrets_free(s);
	tls_secrets_free(NULL);
}

static void oldest_leaves(void **state)
{
	struct tls_secrets *s = tls_secrets_new(&key);
	uint8_t random[TLS_RANDOM];
	(void)state;
	for (uint32_t i = 0; i < LIMIT_TLS_SECRETS + 1000; i++) {
		numbered(random, i);
		assert_int_equal(tls_secrets_add(s, random, TLS_SECRET_MASTER, slice_of(random, 4)), 0);
	}
	for (uint32_t i = 0; i < LIMIT_TLS_SECRETS + 1000; i++) {
		numbered(random, i);
		struct slice found = tls_secrets_find(s, random, TLS_SECRET_MASTER);
		assert_true(i < 1000 ? found.n == 0 : slice_eq(found, slice_of(random, 4)));
	}
	struct tls_secrets_counts c = tls_secrets_counts(s);
	assert_int_equal(c.connections, LIMIT_TLS_SECRETS);
	assert_int_equal(c.dropped, 1000);
	assert_true(tls_secrets_memory(s) < 32u << 20);
	tls_secrets_free(s);
}

static void sessions(void **state)
{
	struct tls_secrets *s = tls_secrets_new(&key);
	uint8_t random[TLS_RANDOM], found[TLS_RANDOM];
	uint64_t name = tls_secrets_session_name(s, SLICE_LITERAL("a ticket"));
	(void)state;
	assert_false(tls_secrets_session_find(s, name, found));
	assert_false(tls_secrets_session_find(s, 0, found));
	numbered(random, 7);
	assert_int_equal(tls_secrets_session_note(s, name, random), 0);
	assert_true(tls_secrets_session_find(s, name, found));
	assert_memory_equal(found, random, TLS_RANDOM);
	numbered(random, 8); /* given out once more */
	assert_int_equal(tls_secrets_session_note(s, name, random), 0);
	assert_true(tls_secrets_session_find(s, name, found));
	assert_memory_equal(found, random, TLS_RANDOM);
	for (uint64_t i = 1; i <= 4 * LIMIT_TLS_SESSIONS; i++)
		assert_int_equal(tls_secrets_session_note(s, i * 0x9e3779b97f4a7c15u, random), 0);
	unsigned kept = 0;
	for (uint64_t i = 1; i <= 4 * LIMIT_TLS_SESSIONS; i++)
		kept += tls_secrets_session_find(s, i * 0x9e3779b97f4a7c15u, found);
	assert_true(kept <= LIMIT_TLS_SESSIONS && kept > LIMIT_TLS_SESSIONS / 2);
	assert_true(tls_secrets_session_find(s, 4 * LIMIT_TLS_SESSIONS * 0x9e3779b97f4a7c15u, found)); /* the latest is there */
	tls_secrets_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_was_added), cmocka_unit_test(oldest_leaves), cmocka_unit_test(sessions)};
	return cmocka_run_group_tests_name("tls_secrets", tests, NULL, NULL);
}
