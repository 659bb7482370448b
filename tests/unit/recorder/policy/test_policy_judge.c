#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "policy_build.h"

/* ---- which entry decides: a table against one policy, whose entries may stand in any order ---- */

static const char *const approved[] = {
	"{\"id\": \"wild\", \"host\": \"*.acme.com\"}",
	"{\"id\": \"wild-eu\", \"host\": \"*.eu.acme.com\"}",
	"{\"id\": \"exact\", \"host\": \"a.acme.com\", \"port\": 443}",
	"{\"id\": \"exact-mcp\", \"host\": \"a.acme.com\", \"path\": \"/mcp\"}",
	"{\"id\": \"exact-mcp-v2\", \"host\": \"a.acme.com\", \"path\": \"/mcp/v2\"}",
	"{\"id\": \"ported\", \"host\": \"p.acme.com\", \"port\": 8443}",
	"{\"id\": \"any-port\", \"host\": \"p.acme.com\"}",
	"{\"id\": \"net\", \"address\": \"10.77.0.0/16\"}",
	"{\"id\": \"box\", \"address\": \"10.77.0.20\", \"port\": 3001, \"path\": \"/mcp\"}",
	"{\"id\": \"v6\", \"address\": \"2001:db8::/32\"}",
	"{\"id\": \"both\", \"host\": \"both.example\", \"address\": \"198.51.100.0/24\"}",
	"{\"id\": \"finance\", \"host\": \"fin.example\", \"clients\": [\"10.20.0.0/16\", \"2001:db8:20::/48\"]}",
	"{\"id\": \"old\", \"host\": \"old.example\", \"expires\": \"2026-11-21\"}",
	"{\"id\": \"today\", \"host\": \"today.example\", \"expires\": \"2026-11-22\"}",
	"{\"id\": \"noon\", \"host\": \"noon.example\", \"expires\": \"2026-11-22T12:00:00+02:00\"}",
	"{\"id\": \"idn\", \"host\": \"xn--bcher-kva.example\"}",
	"{\"id\": \"api\", \"host\": \"api.example\", \"path\": \"/mcp\"}",
};
static const char *const denied[] = {
	"{\"id\": \"no-test\", \"host\": \"*.test.acme.com\"}",
	"{\"id\": \"no-host\", \"host\": \"bad.acme.com\"}",
	"{\"id\": \"no-path\", \"host\": \"api.example\", \"path\": \"/mcp/admin\"}",
	"{\"id\": \"no-box\", \"address\": \"10.77.66.6\"}",
	"{\"id\": \"no-port\", \"host\": \"ports.acme.com\", \"port\": 8080}",
	"{\"id\": \"no-guest\", \"host\": \"*.acme.com\", \"clients\": [\"192.168.99.0/24\"]}",
	"{\"id\": \"no-more\", \"host\": \"past.acme.com\", \"expires\": \"2026-01-01\"}",
	"{\"id\": \"no-pair\", \"host\": \"pair.acme.com\", \"address\": \"198.51.100.7\"}",
};

#define NONE NULL
static const struct {
	struct facts facts;
	const char *rule;  /* the entry that decides, or NONE */
	bool denied;
	const char *unverified; /* joined by commas */
} cases[] = {
	/* names, and names that only look like them */
	{{.host = "x.acme.com"}, "wild", false, ""},
	{{.host = "x.y.acme.com"}, "wild", false, ""},
	{{.host = "ACME.com."}, NONE, false, ""},
	{{.host = "acme.com"}, NONE, false, ""},
	{{.host = "evilacme.com"}, NONE, false, ""},
	{{.host = "acme.com.evil.net"}, NONE, false, ""},
	{{.host = "x.acme.com.evil.net"}, NONE, false, ""},
	{{.host = "x-acme.com"}, NONE, false, ""},
	{{.host = "x.acme.co"}, NONE, false, ""},
	{{.host = "x.acme.com.."}, NONE, false, ""},
	{{.host = ".acme.com"}, NONE, false, ""},
	{{.host = "x.ACME.Com."}, "wild", false, ""},
	{{.host = "x.acme.com@evil.net"}, NONE, false, ""},
	{{.host = "evil.net@x.acme.com"}, NONE, false, ""},
	{{.host = "evil.net/x.acme.com"}, NONE, false, ""},
	{{.host = "evil.net:443.acme.com"}, NONE, false, ""},
	{{.host = "x\xe3\x80\x82""acme.com"}, NONE, false, ""}, /* U+3002, a dot to some resolvers */
	{{.host = "x.\xd0\xb0""cme.com"}, NONE, false, ""}, /* Cyrillic a */
	{{.host = "xn--bcher-kva.example"}, "idn", false, ""},
	{{.host = "b\xc3\xbc""cher.example"}, NONE, false, ""},
	{{.host = ""}, NONE, false, ""},
	{{.host = NULL}, NONE, false, ""},
	/* the most specific decides */
	{{.host = "x.eu.acme.com"}, "wild-eu", false, ""},
	{{.host = "eu.acme.com"}, "wild", false, ""},
	{{.host = "a.acme.com", .path = "/other"}, "exact", false, ""},
	{{.host = "a.acme.com", .path = "/mcp"}, "exact-mcp", false, ""},
	{{.host = "a.acme.com", .path = "/mcp/v1"}, "exact-mcp", false, ""},
	{{.host = "a.acme.com", .path = "/mcp/v2/x"}, "exact-mcp-v2", false, ""},
	{{.host = "a.acme.com", .path = "/mcp/v22"}, "exact-mcp", false, ""},
	{{.host = "a.acme.com", .path = "/mcpx"}, "exact", false, ""},
	{{.host = "a.acme.com:8443", .path = "/other"}, "wild", false, ""},
	{{.host = "a.acme.com"}, "exact-mcp-v2", false, "path"},
	{{.host = "p.acme.com:8443"}, "ported", false, ""},
	{{.host = "p.acme.com"}, "any-port", false, ""},
	/* Host and SNI; the port by default and as sent */
	{{.host = "a.acme.com:443", .path = "/"}, "exact", false, ""},
	{{.sni = "a.acme.com"}, "exact-mcp-v2", false, "path"},
	{{.sni = "A.acme.com."}, "exact-mcp-v2", false, "path"},
	{{.sni = "p.acme.com", .port = 8443}, "ported", false, ""},
	{{.sni = "x.acme.com", .host = "evil.net"}, NONE, false, ""}, /* fronting: the Host counts */
	{{.sni = "cdn.net", .host = "x.acme.com"}, "wild", false, ""},
	{{.sni = "x.acme.com", .host = "bad host"}, NONE, false, ""}, /* malformed: no falling back */
	{{.host = "a.acme.com:80", .path = "/z", .cleartext = true}, "wild", false, ""},
	{{.host = "a.acme.com", .path = "/z", .cleartext = true}, "wild", false, ""},
	{{.host = "a.acme.com", .path = "/z", .port = 8443}, "exact", false, ""}, /* the authority's port, not the server's */
	{{.host = "a.acme.com:", .path = "/z"}, "exact", false, ""},
	{{.host = "a.acme.com:65979", .path = "/z"}, NONE, false, ""}, /* 443 + 65536 */
	/* cut names approve nothing; denials see what is left */
	{{.host = "x.acme.com", .cut = true}, NONE, false, ""},
	{{.sni = "x.acme.com", .cut = true}, NONE, false, ""},
	{{.host = "bad.acme.com", .cut = true}, "no-host", true, ""},
	{{.host = "a!b.test.acme.com", .cut = true}, "no-test", true, ""},
	{{.host = "x y.test.acme.com"}, "no-test", true, ""},
	{{.host = "x.acme.com", .cut = true, .server = "10.77.1.1"}, "net", false, "host"},
	{{.host = "10.77.0.2", .cut = true}, NONE, false, ""},
	/* what was cut off may have been the port: the server's counts */
	{{.host = "x.example", .cut = true, .server = "10.77.0.20", .port = 3001, .cleartext = true, .path = "/mcp"}, "box", false, "host"},
	/* addresses */
	{{.server = "10.77.1.1"}, "net", false, ""},
	{{.server = "10.78.1.1"}, NONE, false, ""},
	{{.server = "::ffff:10.77.1.1"}, "net", false, ""},
	{{.server = "2001:db8::7"}, "v6", false, ""},
	{{.server = "2001:db9::7"}, NONE, false, ""},
	{{.server = "10.77.0.20", .port = 3001, .cleartext = true, .path = "/mcp"}, "box", false, ""},
	{{.server = "10.77.0.20", .host = "10.77.0.20:3001", .port = 3001, .cleartext = true, .path = "/mcp/x"}, "box", false, ""},
	{{.server = "10.77.0.20", .host = "10.77.0.20:3001", .port = 3001, .cleartext = true, .path = "/sse"}, "net", false, ""},
	{{.server = "10.77.0.20", .host = "10.77.0.20:3002", .port = 3002, .cleartext = true, .path = "/mcp"}, "net", false, ""},
	{{.host = "10.77.3.3"}, "net", false, ""}, /* the authority is an address */
	{{.host = "10.77.3.3."}, "net", false, ""},
	{{.host = "[::ffff:10.77.3.3]:443"}, "net", false, ""},
	{{.host = "[2001:db8::1]:8080"}, "v6", false, ""},
	{{.host = "x.acme.com", .server = "10.77.1.1"}, "wild", false, ""}, /* host before address */
	{{.host = "evil.net", .server = "10.77.1.1"}, "net", false, ""},
	/* host and address: both */
	{{.host = "both.example", .server = "198.51.100.9"}, "both", false, ""},
	{{.host = "both.example", .server = "198.51.101.9"}, NONE, false, ""},
	{{.host = "other.example", .server = "198.51.100.9"}, NONE, false, ""},
	{{.host = "both.example", .server = "198.51.100.9", .proxy = true}, NONE, false, ""},
	/* proxies: the server's address and port are the proxy's */
	{{.host = "x.acme.com:443", .server = "10.1.1.3", .port = 3128, .proxy = true}, "wild", false, ""},
	{{.host = "evil.net:443", .server = "10.77.1.1", .port = 3128, .proxy = true}, NONE, false, ""},
	{{.host = "10.77.1.1:443", .server = "10.1.1.3", .port = 3128, .proxy = true}, "net", false, ""},
	{{.host = "p.acme.com:8443", .port = 3128, .proxy = true}, "ported", false, ""},
	{{.sni = "p.acme.com", .port = 8443, .proxy = true}, "any-port", false, ""},
	/* clients */
	{{.host = "fin.example", .client = "10.20.3.4"}, "finance", false, ""},
	{{.host = "fin.example", .client = "10.21.3.4"}, NONE, false, ""},
	{{.host = "fin.example", .client = "::ffff:10.20.3.4"}, "finance", false, ""},
	{{.host = "fin.example", .client = "2001:db8:20::1"}, "finance", false, ""},
	/* time */
	{{.host = "old.example"}, NONE, false, ""},
	{{.host = "old.example", .at = "2026-11-21T23:59:59.999999999Z"}, "old", false, ""},
	{{.host = "today.example"}, "today", false, ""},
	{{.host = "today.example", .at = "2026-11-23T00:00:00Z"}, NONE, false, ""},
	{{.host = "noon.example"}, NONE, false, ""},
	{{.host = "noon.example", .at = "2026-11-22T09:59:59Z"}, "noon", false, ""},
	/* denials win */
	{{.host = "bad.acme.com"}, "no-host", true, ""},
	{{.host = "BAD.acme.com.:443"}, "no-host", true, ""},
	{{.sni = "bad.acme.com"}, "no-host", true, ""},
	{{.host = "x.test.acme.com"}, "no-test", true, ""},
	{{.host = "test.acme.com"}, "wild", false, ""},
	{{.host = "x.acme.com", .server = "10.77.66.6"}, "no-box", true, ""},
	{{.host = "10.77.66.6", .proxy = true}, "no-box", true, ""},
	{{.host = "x.acme.com", .server = "10.77.66.6", .proxy = true}, "wild", false, ""},
	{{.host = "ports.acme.com:8080"}, "no-port", true, ""},
	{{.host = "ports.acme.com"}, "wild", false, ""},
	{{.host = "a.acme.com", .client = "192.168.99.5"}, "no-guest", true, ""},
	{{.host = "past.acme.com"}, "wild", false, ""},
	{{.host = "past.acme.com", .at = "2026-01-01T23:59:59Z"}, "no-more", true, ""},
	{{.host = "pair.acme.com", .server = "198.51.100.7"}, "no-pair", true, ""},
	{{.host = "pair.acme.com", .server = "198.51.100.8"}, "wild", false, ""},
	{{.host = "pair.acme.com", .proxy = true}, "wild", false, "deny-address"},
	/* paths */
	{{.host = "api.example", .path = "/mcp"}, "api", false, ""},
	{{.host = "api.example", .path = "/mcp/admin"}, "no-path", true, ""},
	{{.host = "api.example", .path = "/mcp/admin/users"}, "no-path", true, ""},
	{{.host = "api.example", .path = "/mcp/administrator"}, "api", false, ""},
	{{.host = "api.example"}, "api", false, "path,deny-path"},
	{{.host = "api.example", .path = "/mcp/../etc"}, NONE, false, ""},
	{{.host = "api.example", .path = "/mcp/%2e%2e/etc"}, NONE, false, ""},
	{{.host = "api.example", .path = "/mcp/x/../admin"}, "no-path", true, ""},
	{{.host = "api.example", .path = "/mcp/%61dmin"}, "no-path", true, ""},
	{{.host = "api.example", .path = "//mcp//admin"}, "no-path", true, ""},
	{{.host = "api.example", .path = "/mcp;x/admin;y"}, "no-path", true, ""},
	{{.host = "api.example", .path = "/MCP"}, NONE, false, ""},
	{{.host = "api.example", .path = "*"}, NONE, false, ""},
};

#define N_APPROVED (sizeof approved / sizeof *approved)
#define N_DENIED (sizeof denied / sizeof *denied)
#define N_CASES (sizeof cases / sizeof *cases)

/* The n-th of the orders that a full-period walk with this start and step gives. */
static size_t write_list(char *out, size_t cap, const char *const *items, size_t n, size_t start, size_t step)
{
	size_t used = 0;
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, cap - used, "%s%s", i ? "," : "", items[(start + i * step) % n]);
	return used;
}

static struct policy *table_policy(size_t start, size_t approved_step, size_t denied_step)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof text, "{\"version\": 1, \"approved\": [");
	n += write_list(text + n, sizeof text - n, approved, N_APPROVED, start, approved_step);
	n += (size_t)snprintf(text + n, sizeof text - n, "], \"denied\": [");
	n += write_list(text + n, sizeof text - n, denied, N_DENIED, start, denied_step);
	snprintf(text + n, sizeof text - n, "]}");
	return policy_of(text);
}

static void join(char *out, size_t cap, const char *const *items, size_t n)
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, cap - used, "%s%s", i ? "," : "", items[i]);
}

static void check_table(const struct policy *p)
{
	for (size_t i = 0; i < N_CASES; i++) {
		struct observation o = observe(&cases[i].facts);
		struct judgement j;
		char notes[200];
		policy_judge(p, &o, NULL, &j);
		join(notes, sizeof notes, j.unverified, j.n_unverified);
		enum verdict wanted = cases[i].rule && !cases[i].denied ? VERDICT_APPROVED : VERDICT_UNAUTHORIZED;
		if (j.verdict != wanted || (j.rule == NULL) != (cases[i].rule == NULL) ||
		    (j.rule && strcmp(j.rule, cases[i].rule) != 0) || strcmp(notes, cases[i].unverified) != 0)
			fail_msg("case %zu (host %s, sni %s, path %s): %s by %s, unverified %s: %s", i, o.host, o.sni, o.path,
			         verdict_name(j.verdict), j.rule, notes, j.why);
	}
}

static void test_table(void **state)
{
	(void)state;
	struct policy *p = table_policy(0, 1, 1);
	check_table(p);
	policy_free(p);
}

/* No two entries of the table tie, so no order of the file may change a judgement. */
static void test_precedence_is_independent_of_file_order(void **state)
{
	(void)state;
	assert_int_equal(N_APPROVED, 17); /* a prime: each step is a full period */
	assert_int_equal(N_DENIED, 8);
	for (size_t start = 0; start < N_APPROVED; start++) {
		for (size_t step = 1; step < N_APPROVED; step++) {
			struct policy *p = table_policy(start, step, 2 * (step % 4) + 1);
			check_table(p);
			policy_free(p);
		}
	}
}

static void test_file_order_breaks_ties(void **state)
{
	struct facts f = {.host = "a.com"};
	struct judgement j;
	(void)state;
	struct policy *p = policy_of("{\"version\":1,\"approved\":[{\"id\":\"z\",\"host\":\"A.com\"},{\"id\":\"a\",\"host\":\"a.com.\"}]}");
	struct observation o = observe(&f);
	policy_judge(p, &o, NULL, &j);
	assert_string_equal(j.rule, "z");
	policy_free(p);
}

/* "%c3" and "%C3" are one byte, and so is the letter that needs no encoding (RFC 3986 6.2.2). */
static void test_a_denied_path_is_denied_in_every_spelling(void **state)
{
	static const char *const paths[] = {"/caf%C3%A9", "/caf%c3%a9/x", "/caf\xc3\xa9", "/%63af%C3%A9", "/x/../caf%c3%a9"};
	struct policy *p = policy_of("{\"version\":1,\"approved\":[{\"id\":\"a\",\"host\":\"a.com\"}],"
	                             "\"denied\":[{\"id\":\"d\",\"host\":\"a.com\",\"path\":\"/caf%C3%A9\"}]}");
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct facts f = {.host = "a.com", .path = paths[i]};
		struct observation o = observe(&f);
		struct judgement j;
		policy_judge(p, &o, NULL, &j);
		assert_string_equal(j.rule, "d");
		assert_string_equal(j.why, "denied by entry \"d\"");
	}
	policy_free(p);
}

/* ---- requirements ---- */

static const struct {
	const char *require; /* of the entry */
	struct facts facts;
	enum verdict verdict;
	const char *breaches, *unverified, *why;
} requirements[] = {
	{"{}", {.cleartext = true, .auth = AUTH_NONE}, VERDICT_APPROVED, "", "", "approved by entry \"e\""},
	{"{\"tls\": true}", {.auth = AUTH_NONE}, VERDICT_APPROVED, "", "", "approved by entry \"e\""},
	{"{\"tls\": true}", {.cleartext = true}, VERDICT_VIOLATION, "policy.tls", "",
	 "entry \"e\" approves the server, but TLS is required and was not used"},
	{"{\"auth\": true}", {.auth = AUTH_BEARER}, VERDICT_APPROVED, "", "", "approved by entry \"e\""},
	{"{\"auth\": true}", {.auth = AUTH_QUERY_TOKEN}, VERDICT_APPROVED, "", "", "approved by entry \"e\""},
	{"{\"auth\": true}", {.auth = AUTH_NONE}, VERDICT_VIOLATION, "policy.auth", "",
	 "entry \"e\" approves the server, but authentication is required and requests carried none"},
	{"{\"auth\": true}", {.auth = AUTH_UNKNOWN}, VERDICT_APPROVED, "", "auth",
	 "approved by entry \"e\"; could not be seen: auth"},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = "2025-03-26"}, VERDICT_APPROVED, "", "", "approved by entry \"e\""},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = "2025-06-18"}, VERDICT_APPROVED, "", "", "approved by entry \"e\""},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = "2024-11-05"}, VERDICT_VIOLATION, "policy.protocol_version", "",
	 "entry \"e\" approves the server, but the protocol revision is older than required"},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = NULL}, VERDICT_APPROVED, "", "protocol_version",
	 "approved by entry \"e\"; could not be seen: protocol_version"},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = "DRAFT-2026-v1"}, VERDICT_APPROVED, "", "protocol_version",
	 "approved by entry \"e\"; could not be seen: protocol_version"},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = "2024-11-05x"}, VERDICT_APPROVED, "", "protocol_version",
	 "approved by entry \"e\"; could not be seen: protocol_version"},
	{"{\"protocol_version\": \"2025-03-26\"}", {.version = ""}, VERDICT_APPROVED, "", "protocol_version",
	 "approved by entry \"e\"; could not be seen: protocol_version"},
	{"{\"tls\": true, \"auth\": true, \"protocol_version\": \"2025-03-26\"}",
	 {.cleartext = true, .auth = AUTH_NONE, .version = "2024-11-05"}, VERDICT_VIOLATION,
	 "policy.tls,policy.auth,policy.protocol_version", "",
	 "entry \"e\" approves the server, but TLS is required and was not used; authentication is required and requests "
	 "carried none; the protocol revision is older than required"},
	{"{\"tls\": true, \"auth\": true}", {.cleartext = true}, VERDICT_VIOLATION, "policy.tls", "auth",
	 "entry \"e\" approves the server, but TLS is required and was not used; could not be seen: auth"},
};

static void test_requirements(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof requirements / sizeof *requirements; i++) {
		char text[512], breaches[200], notes[200];
		struct judgement j;
		struct facts f = requirements[i].facts;
		f.host = "e.example";
		snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"require\":%s}]}",
		         requirements[i].require);
		struct policy *p = policy_of(text);
		struct observation o = observe(&f);
		policy_judge(p, &o, NULL, &j);
		join(breaches, sizeof breaches, j.breaches, j.n_breaches);
		join(notes, sizeof notes, j.unverified, j.n_unverified);
		if (j.verdict != requirements[i].verdict || strcmp(j.rule, "e") != 0)
			fail_msg("%zu: %s by %s", i, verdict_name(j.verdict), j.rule);
		assert_string_equal(breaches, requirements[i].breaches);
		assert_string_equal(notes, requirements[i].unverified);
		assert_string_equal(j.why, requirements[i].why);
		policy_free(p);
	}
}

static void test_defaults_and_overrides(void **state)
{
	struct policy *p = policy_of("{\"version\":1,\"requirements\":{\"tls\":true,\"auth\":true},\"approved\":["
	                             "{\"id\":\"strict\",\"host\":\"s.example\"},"
	                             "{\"id\":\"lax\",\"host\":\"l.example\",\"require\":{\"tls\":false}},"
	                             "{\"id\":\"broad\",\"host\":\"*.example\",\"require\":{\"tls\":false,\"auth\":false}}]}");
	struct facts strict = {.host = "s.example", .cleartext = true, .auth = AUTH_NONE};
	struct facts lax = {.host = "l.example", .cleartext = true, .auth = AUTH_NONE};
	struct judgement j;
	(void)state;
	struct observation o = observe(&strict);
	policy_judge(p, &o, NULL, &j);
	assert_string_equal(j.rule, "strict"); /* the broad entry cannot excuse it */
	assert_int_equal(j.verdict, VERDICT_VIOLATION);
	assert_int_equal(j.n_breaches, 2);
	o = observe(&lax);
	policy_judge(p, &o, NULL, &j);
	assert_string_equal(j.rule, "lax");
	assert_int_equal(j.n_breaches, 1);
	assert_string_equal(j.breaches[0], "policy.auth");
	policy_free(p);
}

static void test_tools(void **state)
{
	static const struct {
		const char *listed, *called;
		uint64_t other, requests;
		enum verdict verdict;
		size_t n_unverified;
	} rows[] = {
		{"[\"read\", \"find\"]", "read", 0, 3, VERDICT_APPROVED, 0},
		{"[\"read\", \"find\"]", "delete", 0, 3, VERDICT_VIOLATION, 0},
		{"[\"read\", \"find\"]", "READ", 0, 3, VERDICT_VIOLATION, 0},
		{"[]", "read", 0, 3, VERDICT_VIOLATION, 0},
		{"[]", NULL, 0, 3, VERDICT_APPROVED, 0},
		{"[\"read\"]", NULL, 0, 0, VERDICT_APPROVED, 1},
		{"[\"read\"]", "read", 4, 9, VERDICT_APPROVED, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[256];
		struct facts f = {.host = "e.example"};
		struct observed_count call = {rows[i].called, 1, 0, 0};
		struct judgement j;
		snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"tools\":%s}]}", rows[i].listed);
		struct policy *p = policy_of(text);
		struct observation o = observe(&f);
		o.tools_called = (struct observed_counts){&call, rows[i].called ? 1 : 0, rows[i].other};
		o.requests = rows[i].requests;
		policy_judge(p, &o, NULL, &j);
		if (j.verdict != rows[i].verdict || j.n_unverified != rows[i].n_unverified)
			fail_msg("%zu: %s, %zu unverified", i, verdict_name(j.verdict), j.n_unverified);
		if (j.n_breaches)
			assert_string_equal(j.breaches[0], "policy.tools");
		policy_free(p);
	}
}

static void test_no_policy_approves_nothing(void **state)
{
	struct policy *p = policy_empty();
	struct facts f = {.host = "a.acme.com"};
	struct observation o = observe(&f);
	struct judgement j;
	(void)state;
	policy_judge(p, &o, NULL, &j);
	assert_int_equal(j.verdict, VERDICT_UNAUTHORIZED);
	assert_null(j.rule);
	assert_string_equal(j.why, "nothing is approved: the policy has no entries");
	policy_free(p);
}

/* ---- direction, names ---- */

static void test_direction(void **state)
{
	static const struct {
		const char *client, *server;
		enum traffic_direction by_default, configured;
	} rows[] = {
		{"10.1.2.3", "8.8.8.8", TRAFFIC_OUTBOUND, TRAFFIC_EXTERNAL},
		{"8.8.8.8", "192.168.1.1", TRAFFIC_INBOUND, TRAFFIC_EXTERNAL},
		{"172.31.255.255", "100.64.0.1", TRAFFIC_INTERNAL, TRAFFIC_EXTERNAL},
		{"172.32.0.0", "9.9.9.9", TRAFFIC_EXTERNAL, TRAFFIC_EXTERNAL},
		{"fd00::1", "fe80::1", TRAFFIC_INTERNAL, TRAFFIC_EXTERNAL},
		{"::1", "2001:db8::1", TRAFFIC_OUTBOUND, TRAFFIC_INBOUND},
		{"::ffff:10.0.0.1", "::ffff:1.1.1.1", TRAFFIC_OUTBOUND, TRAFFIC_EXTERNAL},
		{"198.51.100.1", "::ffff:198.51.100.2", TRAFFIC_EXTERNAL, TRAFFIC_INTERNAL},
		{"127.0.0.1", "169.254.3.3", TRAFFIC_INTERNAL, TRAFFIC_EXTERNAL},
	};
	struct policy *empty = policy_empty();
	struct policy *own = policy_of("{\"version\":1,\"internal_networks\":[\"::ffff:198.51.100.0/120\",\"2001:db8::/32\"]}");
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ip_addr client = address_of(rows[i].client), server = address_of(rows[i].server);
		if (policy_direction(empty, &client, &server) != rows[i].by_default ||
		    policy_direction(own, &client, &server) != rows[i].configured)
			fail_msg("%s to %s", rows[i].client, rows[i].server);
	}
	assert_string_equal(traffic_direction_name(TRAFFIC_INBOUND), "inbound");
	assert_string_equal(traffic_direction_name(TRAFFIC_EXTERNAL), "external");
	assert_string_equal(verdict_name(VERDICT_VIOLATION), "violation");
	policy_free(empty);
	policy_free(own);
}

/* Findings that an entry forbids: those that are there, those that could not be seen, and the file's where the entry has none. */
static void test_no_findings(void **state)
{
	(void)state;
	struct policy *p = policy_of("{\"version\": 1, \"requirements\": {\"no_findings\": [\"no-auth\"]}, \"approved\": ["
	                             "{\"id\": \"two\", \"host\": \"two.example\", \"require\": {\"no_findings\": [\"url-credential\", "
	                             "\"cleartext\"]}}, {\"id\": \"none\", \"host\": \"none.example\", \"require\": {\"no_findings\": []}}, "
	                             "{\"id\": \"as-file\", \"host\": \"file.example\", \"require\": {\"tls\": true}}]}");
	static const struct { const char *host, *found, *unseen, *breaches, *unverified; } rows[] = {
		{"two.example", "cleartext", "", "policy.finding:cleartext", ""},
		{"two.example", "no-auth", "", "", ""},
		{"two.example", "url-credential", "cleartext", "policy.finding:url-credential", "finding:cleartext"},
		{"two.example", "", "cleartext", "", "finding:cleartext"},
		{"none.example", "no-auth", "cleartext", "", ""},
		{"file.example", "no-auth", "", "policy.finding:no-auth", ""},
		{"file.example", "cleartext", "no-auth", "", "finding:no-auth"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct observation o = observe(&(struct facts){.host = rows[i].host});
		struct posture posture = {.n_found = 0};
		struct judgement j;
		if (rows[i].found[0])
			posture_add(&posture, rows[i].found);
		if (rows[i].unseen[0])
			posture_add_unseen(&posture, rows[i].unseen);
		policy_judge(p, &o, &posture, &j);
		assert_int_equal(j.n_breaches, rows[i].breaches[0] != 0);
		assert_int_equal(j.n_unverified, rows[i].unverified[0] != 0);
		assert_string_equal(j.n_breaches ? j.breaches[0] : "", rows[i].breaches);
		assert_string_equal(j.n_unverified ? j.unverified[0] : "", rows[i].unverified);
		assert_int_equal(j.verdict, j.n_breaches ? VERDICT_VIOLATION : VERDICT_APPROVED);
		policy_judge(p, &o, NULL, &j); /* nobody looked */
		assert_int_equal(j.verdict, VERDICT_APPROVED);
		assert_int_equal(j.n_unverified, strcmp(rows[i].host, "two.example") == 0 ? 2 : rows[i].host[0] == 'f');
	}
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_precedence_is_independent_of_file_order),
		cmocka_unit_test(test_file_order_breaks_ties),
		cmocka_unit_test(test_a_denied_path_is_denied_in_every_spelling),
		cmocka_unit_test(test_requirements),
		cmocka_unit_test(test_defaults_and_overrides),
		cmocka_unit_test(test_tools),
		cmocka_unit_test(test_no_policy_approves_nothing),
		cmocka_unit_test(test_direction), cmocka_unit_test(test_no_findings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
