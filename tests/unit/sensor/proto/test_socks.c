/* SOCKS openings: who is asked for, where the tunnel begins, what is refused; at every split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "socks.h"

struct turn {
	char side;
	const char *bytes;
	size_t n;
};

struct opening {
	const char *name;
	struct turn turns[8];
	const char *authority; /* NULL: not asked */
	unsigned version;
	enum parse client, server;
	const char *tunnel[2]; /* what is left for it */
};

#define B(text) text, sizeof(text) - 1

static const struct opening openings[] = {
	{"a name", {{'C', B("\5\1\0")}, {'S', B("\5\0")}, {'C', B("\5\1\0\3\13mcp.example\1\273")},
	            {'S', B("\5\0\0\1\12\0\0\1\4\70")}, {'C', B("GET /")}, {'S', B("HTTP")}},
	 "mcp.example:443", 5, PARSE_DONE, PARSE_DONE, {"GET /", "HTTP"}},
	{"an IPv4 address, a bound IPv6 address", {{'C', B("\5\2\0\2")}, {'S', B("\5\0")}, {'C', B("\5\1\0\1\300\0\2\53\0\120")},
	            {'S', B("\5\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120x")}},
	 "192.0.2.43:80", 5, PARSE_DONE, PARSE_DONE, {"", "x"}},
	{"an IPv6 address and a bound name", {{'C', B("\5\1\0")}, {'S', B("\5\0")},
	            {'C', B("\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\37\220")}, {'S', B("\5\0\0\3\3abc\0\120")}},
	 "[2001:db8::1]:8080", 5, PARSE_DONE, PARSE_DONE, {"", ""}},
	{"a password (RFC 1929)", {{'C', B("\5\2\0\2")}, {'S', B("\5\2")}, {'C', B("\1\3joe\6secret")}, {'S', B("\1\0")},
	            {'C', B("\5\1\0\3\1a\0\120hi")}, {'S', B("\5\0\0\1\0\0\0\0\0\0")}},
	 "a:80", 5, PARSE_DONE, PARSE_DONE, {"hi", ""}},
	{"a client that waits for nothing", {{'C', B("\5\1\2\1\1u\1p\5\1\0\3\1a\0\120hi")},
	            {'S', B("\5\2\1\0\5\0\0\1\0\0\0\0\0\0ho")}},
	 "a:80", 5, PARSE_DONE, PARSE_DONE, {"hi", "ho"}},
	{"the proxy was not captured", {{'C', B("\5\1\0")}, {'C', B("\5\1\0\3\1a\0\120")}, {'C', B("hi")}},
	 "a:80", 5, PARSE_DONE, PARSE_MORE, {"hi", ""}},
	{"wrong password", {{'C', B("\5\1\2")}, {'S', B("\5\2")}, {'C', B("\1\1u\1p")}, {'S', B("\1\1")}},
	 NULL, 5, PARSE_MORE, PARSE_BAD, {"", ""}},
	{"no method is good enough", {{'C', B("\5\1\0")}, {'S', B("\5\377")}}, NULL, 5, PARSE_MORE, PARSE_BAD, {"", ""}},
	{"GSSAPI", {{'C', B("\5\1\1")}, {'S', B("\5\1")}}, NULL, 5, PARSE_MORE, PARSE_BAD, {"", ""}},
	{"the server cannot be reached", {{'C', B("\5\1\0")}, {'S', B("\5\0")}, {'C', B("\5\1\0\3\1a\0\120")},
	            {'S', B("\5\5\0\1\0\0\0\0\0\0")}},
	 "a:80", 5, PARSE_DONE, PARSE_BAD, {"", ""}},
	{"BIND", {{'C', B("\5\1\0")}, {'S', B("\5\0")}, {'C', B("\5\2\0\3\1a\0\120")}}, "a:80", 5, PARSE_BAD, PARSE_MORE, {"", ""}},
	{"an address of no kind", {{'C', B("\5\1\0\5\1\0\7\1a\0\120")}}, NULL, 5, PARSE_BAD, PARSE_MORE, {"", ""}},
	{"another protocol after the greeting", {{'C', B("\5\1\0GET / HTTP/1.1\r\n")}}, NULL, 5, PARSE_BAD, PARSE_MORE, {"", ""}},
	{"SOCKS4", {{'C', B("\4\1\0\120\300\0\2\53joe\0GET")}, {'S', B("\0\132\0\0\0\0\0\0HTTP")}},
	 "192.0.2.43:80", 4, PARSE_DONE, PARSE_DONE, {"GET", "HTTP"}},
	{"SOCKS4a", {{'C', B("\4\1\1\273\0\0\0\1\0mcp.example\0")}, {'S', B("\0\132\0\0\0\0\0\0")}},
	 "mcp.example:443", 4, PARSE_DONE, PARSE_DONE, {"", ""}},
	{"SOCKS4 refuses", {{'C', B("\4\1\0\120\300\0\2\53\0")}, {'S', B("\0\133\0\0\0\0\0\0")}},
	 "192.0.2.43:80", 4, PARSE_DONE, PARSE_BAD, {"", ""}},
	{"SOCKS4 BIND", {{'C', B("\4\2\0\120\300\0\2\53\0")}}, "192.0.2.43:80", 4, PARSE_BAD, PARSE_MORE, {"", ""}},
};

static bool play(const struct opening *o, size_t chunk)
{
	struct socks *s = socks_new();
	assert_non_null(s);
	enum parse state[2] = {PARSE_MORE, PARSE_MORE};
	char tunnel[2][64] = {"", ""};
	for (const struct turn *t = o->turns; t->side; t++) {
		enum direction d = t->side == 'S';
		for (struct slice rest = slice_of(t->bytes, t->n); rest.n;) {
			struct slice part = slice_first(rest, chunk);
			rest = slice_after(rest, part.n);
			size_t used = 0;
			if (state[d] == PARSE_MORE)
				state[d] = socks_feed(s, d, part, &used);
			part = slice_after(part, used);
			if (state[d] == PARSE_DONE)
				strncat(tunnel[d], (const char *)part.p, part.n);
		}
	}
	const struct socks_facts *f = socks_facts(s);
	bool ok = f->version == o->version && f->asked == (o->authority != NULL) &&
	          strcmp(f->authority, o->authority ? o->authority : "") == 0 && state[0] == o->client &&
	          state[1] == o->server && strcmp(tunnel[0], o->tunnel[0]) == 0 && strcmp(tunnel[1], o->tunnel[1]) == 0;
	if (!ok)
		print_error("%s, chunks of %zu: %u \"%s\" %d %d \"%s\" \"%s\"\n", o->name, chunk, f->version, f->authority, state[0],
		            state[1], tunnel[0], tunnel[1]);
	socks_free(s);
	return ok;
}

static void test_openings(void **state)
{
	(void)state;
	unsigned failed = 0;
	for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
		for (size_t chunk = 1; chunk <= 40; chunk++)
			failed += !play(&openings[i], chunk);
	assert_int_equal(failed, 0);
}

static void test_a_message_has_an_end(void **state)
{
	(void)state;
	static uint8_t user[2 * LIMIT_SOCKS_MESSAGE];
	memset(user, 'a', sizeof user);
	memcpy(user, "\4\1\0\120\12\0\0\1", 8);
	struct socks *s = socks_new();
	size_t used;
	assert_int_equal(socks_feed(s, FROM_CLIENT, slice_of(user, LIMIT_SOCKS_MESSAGE - 1), &used), PARSE_MORE);
	assert_int_equal(socks_feed(s, FROM_CLIENT, SLICE_LITERAL("aa"), &used), PARSE_BAD);
	assert_int_equal(used, 1);
	socks_free(s);
	socks_free(NULL);
	/* the longest name, all of it strange bytes: what is kept is bounded text */
	s = socks_new();
	memcpy(user, "\5\1\0\5\1\0\3\377", 8);
	memset(user + 8, 0xff, 257);
	assert_int_equal(socks_feed(s, FROM_CLIENT, slice_of(user, 8 + 257), &used), PARSE_DONE);
	assert_true(strlen(socks_facts(s)->authority) > 200);
	assert_true(strlen(socks_facts(s)->authority) < LIMIT_HOST);
	socks_free(s);
}

static void test_first_bytes(void **state)
{
	(void)state;
	static const struct { const char *bytes; size_t n; bool looks, sure; } cases[] = {
		{B(""), true, false},
		{B("\5"), true, false},
		{B("\5\1"), true, false},
		{B("\5\1\0"), true, true},
		{B("\5\2\0"), true, false},
		{B("\5\2\0\2"), true, true},
		{B("\5\1\0\5"), true, true},
		{B("\5\1\0G"), false, true},
		{B("\5\0"), false, true},
		{B("\5\3\0\1\101"), false, true},
		{B("\5\100\0"), false, true},
		{B("\4\1\0\120\12\0\0\1"), true, false},
		{B("\4\1\0\120\12\0\0\1\0"), true, true},
		{B("\4\1\0\120\12\0\0\1joe\0"), true, true},
		{B("\4\1\0\0\12\0\0\1\0"), false, true},
		{B("\4\1\0\120\12\0\0\1\1"), false, true},
		{B("\4\2"), false, true},
		{B("\26\3\1"), false, true},
		{B("GET"), false, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool sure;
		bool looks = socks_looks_like(slice_of(cases[i].bytes, cases[i].n), &sure);
		if (looks != cases[i].looks || sure != cases[i].sure)
			fail_msg("case %zu: looks %d, sure %d", i, looks, sure);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openings),
		cmocka_unit_test(test_a_message_has_an_end),
		cmocka_unit_test(test_first_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
