/* Answers of DNS and connections that show no name, in; events that say what is known of the name, out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "names.h"
#include "recorder.h"

struct seen {
	unsigned events;
	enum verdict verdict;
	enum confidence confidence;
	bool final, unverified, mismatch;
	char dns_name[256], rule[16], sni[64], reason[64];
	uint64_t packets;
	size_t n_reasons;
};

struct bench {
	struct policy *policy;
	struct recorder *recorder;
	struct seen seen;
};

static int on_event(void *context, const struct event *e)
{
	struct bench *b = context;
	struct seen *s = &b->seen;
	unsigned before = s->events;
	*s = (struct seen){.events = before + 1, .verdict = e->j->verdict, .confidence = e->o->confidence, .final = e->o->final,
	                   .packets = e->o->packets[0], .n_reasons = e->o->n_reasons};
	snprintf(s->dns_name, sizeof s->dns_name, "%s", e->links->dns_name ? e->links->dns_name : "");
	snprintf(s->rule, sizeof s->rule, "%s", e->j->rule ? e->j->rule : "");
	snprintf(s->sni, sizeof s->sni, "%s", e->o->sni ? e->o->sni : "");
	if (e->o->n_reasons)
		snprintf(s->reason, sizeof s->reason, "%s", e->o->reasons[0].signature);
	for (size_t i = 0; i < e->links->n_unverified; i++)
		s->unverified |= strcmp(e->links->unverified[i], "server-name") == 0;
	for (size_t i = 0; i < e->links->n_findings; i++)
		s->mismatch |= strcmp(e->links->findings[i], "name-address-mismatch") == 0;
	return 0;
}

static void bench_init(struct bench *b)
{
	static const char text[] = "{\"version\":1,\"approved\":[{\"id\":\"ours\",\"host\":\"mcp.acme.com\"}],"
	                           "\"denied\":[{\"id\":\"never\",\"host\":\"mcp.evil.com\"}]}";
	char error[POLICY_ERROR_TEXT];
	memset(b, 0, sizeof *b);
	assert_int_equal(policy_parse("test", text, sizeof text - 1, &b->policy, error), 0);
	struct recorder_config config = {.policy = b->policy, .sensor = "test", .signature_set = "1", .on_event = on_event, .context = b};
	b->recorder = recorder_new(&config);
	assert_non_null(b->recorder);
}

static void bench_done(struct bench *b)
{
	recorder_free(b->recorder);
	policy_free(b->policy);
}

static void answer(struct bench *b, const char *name, uint8_t server, int64_t second)
{
	bool mcp = strncmp(name, "mcp.", 4) == 0;
	struct names n = {.time_ns = second * 1000000000, .frame = 4, .client = {.family = 4, .b = {10, 0, 0, 1}}, .name = name,
	                  .answered = true, .dedicated = mcp, .confidence = mcp ? CONFIDENCE_LIKELY : CONFIDENCE_NONE,
	                  .signature = mcp ? "dns.dedicated" : NULL, .reason = mcp ? "why" : NULL, .n_addresses = 1};
	n.addresses[0] = (struct named_address){{.family = 4, .b = {192, 0, 2, server}}, 300};
	size_t size;
	uint8_t *bytes = names_encode(&n, &size);
	assert_int_equal(recorder_take(b->recorder, bytes, size), 0);
	free(bytes);
}

/* TLS of that second; its port tells it from others. */
static struct observation hello(const char *sni, uint8_t server, int64_t second)
{
	int64_t ns = second * 1000000000;
	struct observation o = {.kind = KIND_CONNECTION, .l4 = 6, .encrypted = true, .tls = true, .secure_scheme = true, .sni = sni,
	                        .connection_time_ns = ns, .first_seen_ns = ns, .last_seen_ns = ns + 1000, .first_frame = (uint64_t)second,
	                        .client_port = (uint16_t)(40000 + second), .server_port = 443, .packets = {3, 3}};
	o.client_ip = (struct ip_addr){.family = 4, .b = {10, 0, 0, 1}};
	o.server_ip = (struct ip_addr){.family = 4, .b = {192, 0, 2, server}};
	return o;
}

static const struct seen *take(struct bench *b, const struct observation *o)
{
	size_t n;
	uint8_t *bytes = observation_encode(o, &n);
	assert_non_null(bytes);
	b->seen = (struct seen){.events = 0};
	assert_int_equal(recorder_take(b->recorder, bytes, n), 0);
	free(bytes);
	return &b->seen;
}

static void test_no_name(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	struct observation o = hello(NULL, 5, 100);
	assert_int_equal(take(&b, &o)->events, 0); /* nothing is known */
	answer(&b, "mcp.theirs.com", 5, 150);
	o.final = true;
	assert_int_equal(take(&b, &o)->events, 0); /* and an answer that came later makes nothing of it */

	o = hello(NULL, 5, 200);
	const struct seen *s = take(&b, &o);
	assert_int_equal(s->events, 1);
	assert_int_equal(s->verdict, VERDICT_UNAUTHORIZED);
	assert_int_equal(s->confidence, CONFIDENCE_LIKELY);
	assert_string_equal(s->dns_name, "mcp.theirs.com");
	assert_string_equal(s->reason, "dns.dedicated");
	assert_true(s->unverified && !s->final);
	/* its end, of which the sensor remembers no more than the counts; meanwhile the address got another name */
	answer(&b, "www.theirs.com", 5, 210);
	struct observation end = {.kind = KIND_CONNECTION, .l4 = 6, .final = true, .connection_time_ns = o.connection_time_ns,
	                          .first_seen_ns = o.last_seen_ns, .last_seen_ns = o.last_seen_ns + 5000000000, .first_frame = 200,
	                          .client_ip = o.client_ip, .server_ip = o.server_ip, .packets = {70, 80}};
	s = take(&b, &end);
	assert_int_equal(s->events, 1);
	assert_true(s->final);
	assert_int_equal(s->packets, 70);
	assert_string_equal(s->dns_name, "mcp.theirs.com");
	assert_int_equal(recorder_counts(b.recorder)->events[VERDICT_UNAUTHORIZED][CONFIDENCE_LIKELY], 1);
	assert_int_equal(take(&b, &end)->events, 0); /* once */

	o = hello(NULL, 5, 220); /* two names by now */
	s = take(&b, &o);
	assert_int_equal(s->confidence, CONFIDENCE_POSSIBLE);
	assert_string_equal(s->dns_name, "");
	assert_false(s->unverified);
	bench_done(&b);
}

static void test_policy(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	answer(&b, "mcp.acme.com", 5, 100);
	answer(&b, "mcp.evil.com", 6, 100);
	struct observation o = hello(NULL, 5, 110);
	const struct seen *s = take(&b, &o);
	assert_int_equal(s->verdict, VERDICT_APPROVED);
	assert_string_equal(s->rule, "ours");
	assert_true(s->unverified);
	o = hello(NULL, 6, 111);
	assert_string_equal(take(&b, &o)->rule, "never");
	/* through a proxy the address is the proxy's */
	o = hello(NULL, 5, 112);
	o.via_proxy = true;
	o.proxy = PROXY_SOCKS5;
	assert_int_equal(take(&b, &o)->events, 0);
	/* what a request says of its host stands, whatever DNS says */
	o = hello(NULL, 5, 113);
	o.host = "other.com";
	o.confidence = CONFIDENCE_CONFIRMED;
	s = take(&b, &o);
	assert_int_equal(s->verdict, VERDICT_UNAUTHORIZED);
	assert_string_equal(s->dns_name, "");
	assert_int_equal(s->n_reasons, 0);
	bench_done(&b);
}

static void test_ech(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	/* the outer name alone: no approval, but a denial */
	struct observation o = hello("mcp.acme.com", 5, 100);
	o.facts = FACT_ECH;
	o.confidence = CONFIDENCE_POSSIBLE;
	const struct seen *s = take(&b, &o);
	assert_int_equal(s->verdict, VERDICT_UNAUTHORIZED);
	assert_int_equal(s->confidence, CONFIDENCE_POSSIBLE);
	assert_true(s->unverified);
	o = hello("mcp.evil.com", 5, 101);
	o.facts = FACT_ECH;
	o.confidence = CONFIDENCE_POSSIBLE;
	assert_string_equal(take(&b, &o)->rule, "never");
	/* DNS says the same of the address, and nothing else */
	answer(&b, "mcp.acme.com", 5, 110);
	o = hello("mcp.acme.com", 5, 111);
	o.facts = FACT_ECH;
	o.confidence = CONFIDENCE_POSSIBLE;
	s = take(&b, &o);
	assert_int_equal(s->verdict, VERDICT_APPROVED);
	assert_int_equal(s->confidence, CONFIDENCE_LIKELY);
	assert_false(s->unverified);
	/* DNS says another thing: that is the server */
	o = hello("cover.com", 5, 112);
	o.facts = FACT_ECH;
	s = take(&b, &o);
	assert_string_equal(s->dns_name, "mcp.acme.com");
	assert_string_equal(s->sni, "cover.com");
	assert_int_equal(s->verdict, VERDICT_APPROVED);
	assert_true(s->unverified);
	/* the address has both names: the outer one may be a cover for the other */
	answer(&b, "cover.com", 5, 120);
	o = hello("mcp.acme.com", 5, 121);
	o.facts = FACT_ECH;
	o.confidence = CONFIDENCE_POSSIBLE;
	s = take(&b, &o);
	assert_int_equal(s->verdict, VERDICT_UNAUTHORIZED);
	assert_int_equal(s->confidence, CONFIDENCE_POSSIBLE);
	o = hello("cover.com", 5, 122); /* a page of a site that shares its address */
	o.facts = FACT_ECH;
	assert_int_equal(take(&b, &o)->events, 0);
	bench_done(&b);
}

static void test_mismatch(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	answer(&b, "mcp.acme.com", 5, 100);
	answer(&b, "mcp.theirs.com", 5, 100);
	answer(&b, "mcp.acme.com", 5, 450);
	answer(&b, "mcp.theirs.com", 5, 450);
	struct observation o = hello("mcp.acme.com", 9, 500);
	o.confidence = CONFIDENCE_LIKELY;
	const struct seen *s = take(&b, &o);
	assert_true(s->mismatch);
	assert_int_equal(s->verdict, VERDICT_APPROVED);
	/* it stays, though it would fit by now */
	answer(&b, "mcp.acme.com", 9, 501);
	o.last_seen_ns += 1000;
	assert_true(take(&b, &o)->mismatch);
	o = hello("mcp.acme.com", 9, 502);
	o.confidence = CONFIDENCE_LIKELY;
	assert_false(take(&b, &o)->mismatch);
	o = hello("mcp.theirs.com", 9, 503); /* not approved: an event anyway */
	o.confidence = CONFIDENCE_LIKELY;
	s = take(&b, &o);
	assert_int_equal(s->events, 1);
	assert_false(s->mismatch);
	o = hello("mcp.acme.com", 8, 504);
	o.confidence = CONFIDENCE_POSSIBLE; /* a hint shows nothing of its posture */
	assert_false(take(&b, &o)->mismatch);
	bench_done(&b);
}

static void test_invalid(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	uint8_t bytes[64] = {'n', 'a', 'm', 1};
	assert_int_equal(recorder_take(b.recorder, bytes, sizeof bytes), 0);
	assert_int_equal(recorder_counts(b.recorder)->invalid, 1);
	answer(&b, "mcp.acme.com", 5, 100);
	assert_int_equal(recorder_end(b.recorder), 0);
	assert_int_equal(recorder_counts(b.recorder)->names.unused, 1);
	struct observation o = hello(NULL, 5, 110); /* another input begins: what was told in the last one is no part of it */
	assert_int_equal(take(&b, &o)->events, 0);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_name), cmocka_unit_test(test_policy), cmocka_unit_test(test_ech), cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_invalid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
