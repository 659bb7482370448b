/* Frames in, observations out: the sensor half as a whole. What it says must not depend on the number of workers, on
 * whether frames stay where they are, or on memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observation.h"
#include "sensor.h"
#include "signature.h"
#include "status.h"

/* ---- the n-th allocation fails (the linker turns the calls of our own code this way) ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static long fail_at = -1; /* allocations until one fails; -1: none does */
static bool fail_on;      /* all that follow fail too */
static unsigned failures;

static bool fails(void)
{
	if (fail_at < 0)
		return false;
	if (fail_at > 0) {
		fail_at--;
		return false;
	}
	if (!fail_on)
		fail_at = -1;
	failures++;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* ---- frames ---- */

enum { FRAMES = 4096, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct tape {
	struct frame frames[FRAMES];
	unsigned n;
	int64_t now_ns;
};

/* One TCP connection over IPv4 on Ethernet: 10.0.0.x:port to 10.0.1.1:8000. */
struct wire {
	struct tape *tape;
	uint8_t host;
	uint16_t port;
	uint32_t seq[2];
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static void tape_frame(struct tape *t, const uint8_t *data, size_t n)
{
	assert_true(t->n < FRAMES);
	uint8_t *copy = malloc(n);
	memcpy(copy, data, n);
	t->now_ns += 1000000;
	t->frames[t->n] = (struct frame){.data = copy, .caplen = (uint32_t)n, .len = (uint32_t)n, .link_type = 1,
	                                 .time_ns = t->now_ns, .number = t->n + 1};
	t->n++;
}

static void segment(struct wire *w, enum direction d, unsigned flags, const char *text, size_t n)
{
	uint8_t f[2048] = {0};
	assert_true(n <= sizeof f - 54);
	memcpy(f, d == FROM_CLIENT ? "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" : "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14);
	uint8_t *ip = f + 14, *tcp = ip + 20;
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(40 + n));
	ip[8] = 64;
	ip[9] = 6;
	uint8_t client[4] = {10, 0, 0, w->host}, server[4] = {10, 0, 1, 1};
	memcpy(ip + 12, d == FROM_CLIENT ? client : server, 4);
	memcpy(ip + 16, d == FROM_CLIENT ? server : client, 4);
	put16(tcp, d == FROM_CLIENT ? w->port : 8000);
	put16(tcp + 2, d == FROM_CLIENT ? 8000 : w->port);
	put32(tcp + 4, w->seq[d]);
	put32(tcp + 8, flags & ACK ? w->seq[direction_flip(d)] : 0);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 64000);
	if (n)
		memcpy(tcp + 20, text, n);
	tape_frame(w->tape, f, 54 + n);
	w->seq[d] += (uint32_t)n + !!(flags & (SYN | FIN));
}

static struct wire wire_open(struct tape *t, uint8_t host, uint16_t port)
{
	struct wire w = {t, host, port, {1000u * port, 0xfffffff0u}}; /* and the server's numbers wrap */
	segment(&w, FROM_CLIENT, SYN, NULL, 0);
	segment(&w, FROM_SERVER, SYN | ACK, NULL, 0);
	segment(&w, FROM_CLIENT, ACK, NULL, 0);
	return w;
}

static void say(struct wire *w, enum direction d, const char *text)
{
	for (size_t n = strlen(text); n;) {
		size_t part = n < 300 ? n : 300;
		segment(w, d, ACK, text, part);
		text += part;
		n -= part;
	}
}

static void wire_close(struct wire *w)
{
	segment(w, FROM_CLIENT, FIN | ACK, NULL, 0);
	segment(w, FROM_SERVER, FIN | ACK, NULL, 0);
	segment(w, FROM_CLIENT, ACK, NULL, 0);
}

static const char initialize[] =
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
		"\"capabilities\":{},"
	"\"clientInfo\":{\"name\":\"test-client\",\"version\":\"1.2\"}}}";
static const char initialized[] =
	"{\"result\":{\"protocolVersion\":\"2025-03-26\",\"capabilities\":{\"tools\":{}},"
		"\"serverInfo\":{\"name\":\"test-server\","
	"\"version\":\"3.4\"}},\"jsonrpc\":\"2.0\",\"id\":0}";
static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
	"\"params\":{\"name\":\"delete_all\",\"arguments\":{}}}";
static const char called[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\","
	"\"text\":\"done\"}]}}";

static void post(struct wire *w, const char *body, const char *fields)
{
	char head[1024];
	snprintf(head, sizeof head,
	         "POST /mcp?k=hunter2 HTTP/1.1\r\nHost: Tools.Example:8000\r\nUser-Agent: test/1\r\n"
	         "Authorization: Bearer hunter2\r\n"
	         "Accept: application/json,"
	         " text/event-stream\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
	         fields, strlen(body), body);
	say(w, FROM_CLIENT, head);
}

static void answer(struct wire *w, const char *type, const char *body)
{
	char head[1024];
	snprintf(head, sizeof head,
		"HTTP/1.1 200 OK\r\nMcp-Session-Id: hunter2-session\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
	         type, strlen(body), body);
	say(w, FROM_SERVER, head);
}

static void mcp_connection(struct tape *t, uint8_t host, uint16_t port)
{
	struct wire w = wire_open(t, host, port);
	post(&w, initialize, "");
	answer(&w, "application/json", initialized);
	char event[512];
	snprintf(event, sizeof event, "id: 1\ndata: %s\n\n", called);
	post(&w, call, "Mcp-Session-Id: hunter2-session\r\nMCP-Protocol-Version: 2025-03-26\r\n");
	answer(&w, "text/event-stream", event);
	wire_close(&w);
}

static void web_connection(struct tape *t, uint8_t host, uint16_t port)
{
	struct wire w = wire_open(t, host, port);
	say(&w, FROM_CLIENT, "GET /docs/mcp.json HTTP/1.1\r\nHost: docs.example\r\nAccept: */*\r\n\r\n");
	char body[1024];
	snprintf(body, sizeof body, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(initialized), initialized);
	say(&w, FROM_SERVER, body);
	wire_close(&w);
}

static void tape_free(struct tape *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free((void *)t->frames[i].data);
	free(t);
}

static struct tape *tape_new(void)
{
	struct tape *t = calloc(1, sizeof *t);
	t->now_ns = 1700000000 * NS_PER_SEC;
	return t;
}

/* ---- what comes out ---- */

struct heard {
	uint8_t *bytes; /* observations one after the other, nDPI's label taken out */
	size_t n, cap;
	unsigned count, finals;
	struct observation_box last; /* final */
	bool secret;
};

static bool has_secret(const uint8_t *p, size_t n)
{
	return memmem(p, n, "hunter2", 7) != NULL;
}

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct heard *h = context;
	long keep = fail_at;
	fail_at = -1; /* what the test itself allocates does not fail */
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	h->secret |= has_secret(bytes, n);
	box.o.app_label = NULL;
	size_t plain_n;
	uint8_t *plain = observation_encode(&box.o, &plain_n);
	if (h->n + plain_n > h->cap) {
		h->cap = (h->n + plain_n) * 2;
		h->bytes = realloc(h->bytes, h->cap);
	}
	memcpy(h->bytes + h->n, plain, plain_n);
	h->n += plain_n;
	free(plain);
	h->count++;
	h->finals += box.o.final;
	if (box.o.final) {
		observation_box_done(&h->last);
		h->last = box;
	} else {
		observation_box_done(&box);
	}
	fail_at = keep;
}

static void heard_done(struct heard *h)
{
	observation_box_done(&h->last);
	free(h->bytes);
}

static struct signature_set *set;

static int load(void **state)
{
	(void)state;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	return signature_set_load(directories, 1, &set, error);
}

static int unload(void **state)
{
	(void)state;
	signature_set_free(set);
	return 0;
}

static void check_laws(const struct sensor *s)
{
	struct sensor_stats st;
	sensor_stats(s, &st);
	assert_true(st.frames == st.packets + st.held + st.other + st.refused);
	const struct flow_counts *f = &st.flows;
	assert_true(f->opened == f->alive + f->aged + f->evicted + f->reused + f->drained + f->merged);
	assert_true(f->alive == 0);
	const struct tcp_counts *t = &st.shards.tcp;
	assert_true(t->seen == t->delivered + t->duplicate + t->refused);
}

static int run(const struct tape *t, unsigned workers, bool stable, struct heard *h)
{
	memset(h, 0, sizeof *h);
	struct sensor_config config = {.signatures = set, .workers = workers, .shard_key = {1, 2}};
	struct sensor *s;
	int result = sensor_new(&config, on_observation, h, &s);
	if (result != 0)
		return result;
	uint8_t scratch[2048];
	for (unsigned i = 0; i < t->n; i++) {
		struct frame f = t->frames[i];
		if (!stable) { /* the same place for each: what was not copied is overwritten */
			memcpy(scratch, f.data, f.caplen);
			f.data = scratch;
		}
		int r = sensor_feed(s, &f, stable);
		result = result ? result : r;
		if (!stable)
			memset(scratch, 0xa5, sizeof scratch);
	}
	int r = sensor_end(s);
	result = result ? result : r;
	check_laws(s);
	sensor_free(s);
	return result;
}

/* ---- tests ---- */

static void test_one_connection(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	mcp_connection(t, 7, 40007);
	struct heard h;
	assert_int_equal(run(t, 1, true, &h), 0);
	assert_int_equal(h.finals, 1);
	assert_true(h.count > 1 && h.count < 10);
	assert_false(h.secret);
	const struct observation *o = &h.last.o;
	assert_int_equal(o->confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(o->stage, STAGE_ESTABLISHED);
	assert_int_equal(o->transport, TRANSPORT_STREAMABLE_HTTP);
	assert_int_equal(o->http_version, HTTP_VERSION_1_1);
	assert_int_equal(o->auth, AUTH_BEARER);
	assert_int_equal(o->l4, 6);
	assert_false(o->encrypted || o->tls || o->via_proxy || o->host_cut || o->decrypted);
	assert_string_equal(o->host, "tools.example:8000");
	assert_string_equal(o->path, "/mcp");
	assert_string_equal(o->user_agent, "test/1");
	assert_string_equal(o->client_name, "test-client");
	assert_string_equal(o->client_version, "1.2");
	assert_string_equal(o->server_name, "test-server");
	assert_string_equal(o->protocol_version_requested, "2025-06-18");
	assert_string_equal(o->protocol_version, "2025-03-26");
	assert_int_equal(o->client_ip.b[3], 7);
	assert_int_equal(o->client_port, 40007);
	assert_int_equal(o->server_ip.b[2], 1);
	assert_int_equal(o->server_port, 8000);
	assert_memory_equal(o->client_mac, "\2\0\0\0\0\1", 6);
	assert_int_equal(o->requests, 2);
	assert_int_equal(o->errors, 0);
	assert_int_equal(o->methods.n, 2);
	assert_string_equal(o->methods.items[0].name, "initialize");
	assert_int_equal(o->tools_called.n, 1);
	assert_string_equal(o->tools_called.items[0].name, "delete_all");
	assert_int_equal(o->first_frame, 1);
	assert_int_equal(o->connection_time_ns, t->frames[0].time_ns);
	assert_int_equal(o->last_seen_ns, t->frames[t->n - 1].time_ns);
	assert_int_equal(o->packets[0] + o->packets[1], t->n);
	uint64_t bytes = 0;
	for (unsigned i = 0; i < t->n; i++)
		bytes += t->frames[i].caplen - 14;
	assert_true(o->bytes[0] + o->bytes[1] == bytes);
	assert_true(o->payload_bytes[0] + o->payload_bytes[1] == bytes - 40 * t->n);
	heard_done(&h);
	tape_free(t);
}

static void test_silence(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	web_connection(t, 8, 40008);
	struct wire w = wire_open(t, 9, 40009);
	say(&w, FROM_CLIENT, "SSH-2.0-x\r\n");
	say(&w, FROM_SERVER, initialized);
	uint8_t arp[42] = {[12] = 8, [13] = 6};
	tape_frame(t, arp, sizeof arp);
	tape_frame(t, arp, 10);
	struct heard h;
	assert_int_equal(run(t, 1, true, &h), 0);
	assert_int_equal(h.count, 0);
	heard_done(&h);
	tape_free(t);
}

/* The roles are told by the content: both ends of the connection's beginning are missing. */
static void test_midstream(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	struct wire w = {t, 5, 500, {1, 2}}; /* the client has the lower port */
	post(&w, call, "Mcp-Session-Id: hunter2-session\r\nMCP-Protocol-Version: 2025-03-26\r\n");
	answer(&w, "application/json", called);
	struct heard h;
	assert_int_equal(run(t, 1, false, &h), 0);
	assert_int_equal(h.finals, 1);
	assert_int_equal(h.last.o.confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(h.last.o.client_port, 500);
	assert_int_equal(h.last.o.server_port, 8000);
	assert_memory_equal(h.last.o.client_mac, "\2\0\0\0\0\1", 6);
	assert_true(h.last.o.packets[0] > h.last.o.packets[1]);
	heard_done(&h);
	tape_free(t);
}

/* Each frame twice, and neighbours swapped: the same connection, the same facts. */
static void test_disorder(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	mcp_connection(t, 7, 40007);
	struct tape *u = tape_new();
	for (unsigned i = 3; i + 2 < t->n - 3; i += 2) {
		struct frame swap = t->frames[i];
		t->frames[i].data = t->frames[i + 1].data;
		t->frames[i].caplen = t->frames[i].len = t->frames[i + 1].caplen;
		t->frames[i + 1].data = swap.data;
		t->frames[i + 1].caplen = t->frames[i + 1].len = swap.caplen;
	}
	for (unsigned i = 0; i < t->n; i++)
		for (int k = 0; k < 2; k++)
			tape_frame(u, t->frames[i].data, t->frames[i].caplen);
	struct heard h;
	assert_int_equal(run(u, 1, true, &h), 0);
	assert_int_equal(h.finals, 1);
	assert_int_equal(h.last.o.confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(h.last.o.stage, STAGE_ESTABLISHED);
	assert_string_equal(h.last.o.server_name, "test-server");
	assert_int_equal(h.last.o.requests, 2);
	assert_string_equal(h.last.o.tools_called.items[0].name, "delete_all");
	heard_done(&h);
	tape_free(t);
	tape_free(u);
}

/* Many connections, one packet of each in turn, over several batches: the same bytes in the same order for all. */
static void test_any_number_of_workers(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	enum { CONNECTIONS = 220 };
	struct tape *each[CONNECTIONS];
	unsigned longest = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		each[i] = tape_new();
		(i % 3 ? mcp_connection : web_connection)(each[i], (uint8_t)(i + 1), (uint16_t)(30000 + 7 * i));
		longest = each[i]->n > longest ? each[i]->n : longest;
	}
	for (unsigned k = 0; k < longest; k++) {
		for (unsigned i = 0; i < CONNECTIONS; i++)
			if (k < each[i]->n)
				tape_frame(t, each[i]->frames[k].data, each[i]->frames[k].caplen);
		t->now_ns += 70 * NS_PER_SEC / longest * 4; /* minutes pass: observations in between, flows that age */
	}
	assert_true(t->n > 2 * 1024);
	struct heard first;
	assert_int_equal(run(t, 1, true, &first), 0);
	assert_int_equal(first.finals, CONNECTIONS / 3 * 2);
	static const struct { unsigned workers; bool stable; } others[] = {{1, false}, {2, true}, {2, false}, {4, true},
		{4, false}, {7, true}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct heard h;
		assert_int_equal(run(t, others[i].workers, others[i].stable, &h), 0);
		assert_int_equal(h.count, first.count);
		assert_int_equal(h.n, first.n);
		assert_memory_equal(h.bytes, first.bytes, first.n);
		heard_done(&h);
	}
	heard_done(&first);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		tape_free(each[i]);
	tape_free(t);
}

/* After sensor_end it starts afresh: a second capture of the same bytes says the same again. */
static void test_captures_stand_alone(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	mcp_connection(t, 7, 40007);
	struct heard h = {0};
	struct sensor_config config = {.signatures = set, .workers = 2};
	struct sensor *s;
	assert_int_equal(sensor_new(&config, on_observation, &h, &s), 0);
	size_t n = 0;
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i + 4 < t->n; i++)
			assert_int_equal(sensor_feed(s, &t->frames[i], false), 0);
		assert_int_equal(sensor_end(s), 0);
		n = n ? n : h.n;
		assert_int_equal(h.n, n * (unsigned)(round + 1));
		assert_memory_equal(h.bytes, h.bytes + n * (unsigned)round, n);
	}
	check_laws(s);
	sensor_free(s);
	heard_done(&h);
	/* and what is still open when it goes is freed unheard */
	struct heard unheard = {0};
	assert_int_equal(sensor_new(&config, on_observation, &unheard, &s), 0);
	for (unsigned i = 0; i < t->n / 2; i++)
		assert_int_equal(sensor_feed(s, &t->frames[i], true), 0);
	sensor_free(s);
	heard_done(&unheard);
	sensor_free(NULL);
	tape_free(t);
}

/* Whichever allocation fails, alone or with all that follow: no crash, no leak, the laws hold, and what is
 * said is valid. */
static void test_memory_runs_out(void **state)
{
	(void)state;
	struct tape *t = tape_new();
	mcp_connection(t, 7, 40007);
	struct wire w = wire_open(t, 9, 40009);
	say(&w, FROM_CLIENT, "CONNECT mcp.stripe.com:443 HTTP/1.1\r\nHost: mcp.stripe.com:443\r\n\r\n");
	say(&w, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
	say(&w, FROM_CLIENT, "\x16\x03\x01");
	w = wire_open(t, 10, 40010);
	say(&w, FROM_CLIENT, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"ping\"}\n");
	say(&w, FROM_CLIENT, initialize);
	w.seq[FROM_SERVER] += 3; /* a hole, and bytes that must be held */
	say(&w, FROM_SERVER, initialized);
	struct heard whole;
	assert_int_equal(run(t, 1, false, &whole), 0);
	struct sensor_config config = {.signatures = set, .workers = 1};
	struct sensor *s;
	fail_at = 1 << 20;
	assert_int_equal(sensor_new(&config, on_observation, &whole, &s), 0);
	long made = (1 << 20) - fail_at;
	fail_at = -1;
	sensor_free(s);
	for (int mode = 0; mode < 2; mode++) {
		fail_on = mode == 1;
		for (long n = 4 * mode;; n += 9) { /* making a sensor is the same thing for each of 64 shards */
			struct heard h;
			failures = 0;
			fail_at = n;
			run(t, 1, false, &h);
			fail_at = -1;
			assert_true(h.finals <= whole.finals);
			heard_done(&h);
			if (failures == 0) {
				assert_true(n > made);
				break;
			}
		}
		/* then every single one of reading, with a sensor that lives on */
		struct heard h = {0};
		assert_int_equal(sensor_new(&config, on_observation, &h, &s), 0);
		long n = 0;
		do {
			h.finals = 0;
			failures = 0;
			fail_at = n++;
			for (unsigned i = 0; i < t->n; i++)
				sensor_feed(s, &t->frames[i], false);
			sensor_end(s);
			fail_at = -1;
			check_laws(s);
			assert_true(h.finals <= whole.finals);
		} while (failures);
		assert_int_equal(h.finals, whole.finals); /* and memory that comes back is enough */
		assert_true(n > 40);
		sensor_free(s);
		heard_done(&h);
	}
	heard_done(&whole);
	tape_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_midstream),
		cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_any_number_of_workers),
		cmocka_unit_test(test_captures_stand_alone),
		cmocka_unit_test(test_memory_runs_out),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
