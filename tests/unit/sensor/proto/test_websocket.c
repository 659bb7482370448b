/* websocket.c: the streams of tests/streams/websocket at every chunk size, skipped bytes or not; floods and bombs; what a
 * handshake says; which segments look like frames. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "limits.h"
#include "websocket.h"
#include "websocket_frame.h"
#include "websocket_script.h"

struct op {
	char kind; /* 'b' bytes, 's' one segment, 'g' gap, 'e' end */
	enum direction d;
	uint64_t gap;
	size_t at, n;
};

struct stream_case {
	char name[160];
	struct websocket_terms terms;
	size_t wanted; /* bytes of each message; 0: all */
	struct frame_script script;
	struct frame_sender sender[2];
	struct op ops[64];
	int n_ops;
	char expect[1 << 14];
	size_t n_expect;
};

struct notes {
	char text[1 << 14];
	size_t n, wanted;
	uint8_t data[2][1 << 13];
	size_t n_data[2];
	bool is_text[2];
};

static void put(struct notes *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->text + t->n, sizeof t->text - t->n, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof t->text - t->n);
	t->n += (size_t)n;
}

static void on_begin(void *context, enum direction d, bool text)
{
	struct notes *t = context;
	t->n_data[d] = 0;
	t->is_text[d] = text;
}

static bool on_data(void *context, enum direction d, struct slice piece)
{
	struct notes *t = context;
	assert_true(t->n_data[d] + piece.n <= sizeof t->data[d]);
	memcpy(t->data[d] + t->n_data[d], piece.p, piece.n);
	t->n_data[d] += piece.n;
	return !t->wanted || t->n_data[d] < t->wanted;
}

static void on_end(void *context, enum direction d, bool complete)
{
	struct notes *t = context;
	bool more = t->wanted && t->n_data[d] >= t->wanted;
	put(t, "%c %s%s ", d == FROM_CLIENT ? 'C' : 'S', t->is_text[d] ? "text" : "binary", complete ? "" : " cut");
	for (size_t i = 0; i < t->n_data[d] && !(more && i == t->wanted); i++)
		put(t, t->data[d][i] >= 0x20 && t->data[d][i] < 0x7f ? "%c" : "%%%02x", t->data[d][i]);
	put(t, more ? "...\n" : "\n");
}

static const struct websocket_callbacks callbacks = {on_begin, on_data, on_end};

static void feed(struct websocket *w, enum direction d, struct slice rest, size_t chunk, bool skip, bool bad[2])
{
	while (rest.n) {
		struct slice part = slice_first(rest, chunk);
		rest = slice_after(rest, part.n);
		uint64_t drop = skip ? websocket_skippable(w, d) : 0;
		drop = drop < part.n ? drop : part.n;
		if (drop)
			websocket_skipped(w, d, drop);
		part = slice_after(part, (size_t)drop);
		uint8_t *piece = malloc(part.n ? part.n : 1); /* exact size: a sanitizer sees a byte too far */
		assert_non_null(piece);
		if (part.n)
			memcpy(piece, part.p, part.n);
		bad[d] |= websocket_feed(w, d, slice_of(piece, part.n)) == PARSE_BAD;
		free(piece);
	}
}

static void play(const struct stream_case *c, size_t chunk, bool skip, struct notes *t)
{
	struct anomaly_counts anomalies = {{0}};
	memset(t, 0, sizeof *t);
	t->wanted = c->wanted;
	struct websocket *w = websocket_new(&callbacks, t, &anomalies, &c->terms);
	assert_non_null(w);
	bool bad[2] = {false, false};
	for (const struct op *op = c->ops; op < c->ops + c->n_ops; op++) {
		struct slice bytes = slice_of(c->script.bytes + op->at, op->n);
		if (op->kind == 'g')
			websocket_gap(w, op->d, op->gap);
		else if (op->kind == 'e')
			websocket_end(w, op->d);
		else
			feed(w, op->d, bytes, op->kind == 's' ? bytes.n : chunk, skip && op->kind != 's', bad);
		assert_true(websocket_memory(w) < (128u << 10));
	}
	for (int d = 0; d < 2; d++)
		if (bad[d])
			put(t, "%c bad\n", d == FROM_CLIENT ? 'C' : 'S');
	for (int d = 0; d < 2; d++)
		if (websocket_resynced(w, d))
			put(t, "resynced %c\n", d == FROM_CLIENT ? 'C' : 'S');
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (anomalies.n[i])
			put(t, "anomaly %s %u\n", anomaly_name((enum anomaly)i), (unsigned)anomalies.n[i]);
	websocket_free(w);
}

static void case_line(struct stream_case *c, const char *line)
{
	unsigned long long n;
	char side;
	if (line[0] == '>') {
		c->n_expect += (size_t)snprintf(c->expect + c->n_expect, sizeof c->expect - c->n_expect, "%s\n",
		                                line[1] ? line + 2 : "");
		return;
	}
	if (strncmp(line, "terms ", 6) == 0) {
		c->terms.deflate = strstr(line, "deflate");
		c->terms.unseen = strstr(line, "unseen");
		for (int d = 0; d < 2; d++)
			c->terms.no_takeover[d] = c->sender[d].alone = strstr(line, d ? "alone-S" : "alone-C");
		if (strstr(line, "bits 9"))
			c->sender[0].bits = c->sender[1].bits = 9;
		return;
	}
	if (sscanf(line, "want %llu", &n) == 1) {
		c->wanted = n;
		return;
	}
	assert_true(c->n_ops < 64);
	struct op *op = &c->ops[c->n_ops++];
	op->at = c->script.n;
	if (sscanf(line, "gap %c %llu", &side, &n) == 2) {
		*op = (struct op){.kind = 'g', .d = side == 'S', .gap = n};
		return;
	}
	if (sscanf(line, "eof %c", &side) == 1) {
		*op = (struct op){.kind = 'e', .d = side == 'S'};
		return;
	}
	op->d = line[0] == 'S' ? FROM_SERVER : FROM_CLIENT;
	op->kind = line[1] == '|' ? 's' : 'b';
	bool flip = strncmp(line + 1, "|:u", 3) == 0;
	const char *frame = strchr(line, ' ');
	assert_true((line[0] == 'C' || line[0] == 'S') && frame);
	frame_line(&c->script, &c->sender[op->d], (op->d == FROM_CLIENT) != flip, frame + 1);
	op->n = c->script.n - op->at;
	if (line[1] == '|' && line[2] == '+') { /* one segment with the next line */
		op->kind = '+';
	} else if (c->n_ops > 1 && op[-1].kind == '+') {
		op[-1].n += op->n;
		op[-1].kind = op->kind == '+' ? '+' : 's';
		c->n_ops--;
	}
}

static int case_check(struct stream_case *c, const char *path)
{
	static struct notes t;
	size_t longest = c->script.n ? c->script.n : 1;
	int failed = 0;
	for (size_t chunk = 1; chunk <= longest && !failed; chunk++)
		for (int skip = 0; skip < 2 && !failed; skip++) {
			play(c, chunk, skip, &t);
			if (strcmp(t.text, c->expect) == 0)
				continue;
			print_error("%s: %s, chunks of %zu%s\n--- expected\n%s--- got\n%s", path, c->name, chunk,
			            skip ? ", skipping" : "", c->expect, t.text);
			failed = 1;
		}
	for (int d = 0; d < 2; d++)
		if (c->sender[d].begun)
			deflateEnd(&c->sender[d].z);
	return failed;
}

static int run_file(const char *path, int *failed)
{
	static struct stream_case c;
	static char line[1 << 13];
	int cases = 0;
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	memset(&c, 0, sizeof c);
	for (bool more = true; more;) {
		more = fgets(line, sizeof line, in) != NULL;
		line[more ? strcspn(line, "\n") : 0] = 0;
		if (!more || line[0] == '=') {
			if (c.name[0]) {
				*failed += case_check(&c, path);
				cases++;
			}
			memset(&c, 0, sizeof c);
			snprintf(c.name, sizeof c.name, "%.150s", line[0] ? line + 2 : "");
		} else if (line[0] && line[0] != '#') {
			case_line(&c, line);
		}
	}
	fclose(in);
	return cases;
}

static void test_streams(void **state)
{
	(void)state;
	glob_t g;
	int cases = 0, failed = 0;
	assert_int_equal(glob(TEST_SOURCE_DIR "/tests/streams/websocket/*.txt", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		cases += run_file(g.gl_pathv[i], &failed);
	globfree(&g);
	assert_true(cases >= 40);
	assert_int_equal(failed, 0);
}

/* ---- floods ---- */

struct counts {
	uint64_t bytes, messages, cut;
};

static void count_begin(void *context, enum direction d, bool text)
{
	(void)context, (void)d, (void)text;
}

static bool count_data(void *context, enum direction d, struct slice piece)
{
	struct counts *c = context;
	(void)d;
	c->bytes += piece.n;
	return true;
}

static void count_end(void *context, enum direction d, bool complete)
{
	struct counts *c = context;
	(void)d;
	c->messages++;
	c->cut += !complete;
}

static const struct websocket_callbacks counting = {count_begin, count_data, count_end};

static void test_a_million_fragments_and_pings(void **state)
{
	(void)state;
	struct counts c = {0};
	struct anomaly_counts anomalies = {{0}};
	struct websocket *w = websocket_new(&counting, &c, &anomalies, &(struct websocket_terms){0});
	assert_non_null(w);
	size_t before = websocket_memory(w);
	websocket_feed(w, FROM_SERVER, SLICE_LITERAL("\x01\x01{"));
	for (int i = 0; i < 1000000; i++)
		websocket_feed(w, FROM_SERVER, i & 1 ? SLICE_LITERAL("\x89\x01p") : SLICE_LITERAL("\x00\x01x"));
	websocket_feed(w, FROM_SERVER, SLICE_LITERAL("\x80\x01}"));
	assert_int_equal(c.messages, 1);
	assert_int_equal(c.bytes, 500002);
	assert_int_equal(websocket_memory(w), before);
	websocket_free(w);
}

static void test_breaches_end_the_reading(void **state)
{
	(void)state;
	struct counts c = {0};
	struct anomaly_counts anomalies = {{0}};
	struct websocket *w = websocket_new(&counting, &c, &anomalies, &(struct websocket_terms){0});
	for (int i = 1; i < LIMIT_WEBSOCKET_BREACHES; i++)
		assert_int_equal(websocket_feed(w, FROM_SERVER, SLICE_LITERAL("\x83\x01x")), PARSE_MORE);
	assert_int_equal(websocket_feed(w, FROM_SERVER, SLICE_LITERAL("\x81\x01x")), PARSE_MORE);
	assert_int_equal(c.messages, 1);
	assert_int_equal(websocket_feed(w, FROM_SERVER, SLICE_LITERAL("\x83\x01x")), PARSE_BAD);
	assert_int_equal(websocket_feed(w, FROM_SERVER, SLICE_LITERAL("\x81\x01x")), PARSE_BAD);
	assert_int_equal(websocket_feed(w, FROM_CLIENT, SLICE_LITERAL("\x81\x81\0\0\0\0x")), PARSE_MORE);
	assert_int_equal(c.messages, 2);
	assert_int_equal(anomalies.n[ANOMALY_WEBSOCKET_FRAME], LIMIT_WEBSOCKET_BREACHES);
	websocket_free(w);
}

/* 64 KiB of zeros, again and again: some 1000 to 1. */
static void test_bombs(void **state)
{
	(void)state;
	static struct frame_script script;
	static uint8_t zeros[1 << 15], packed[1 << 12];
	for (int alone = 0; alone < 2; alone++) {
		struct frame_sender z = {.alone = alone};
		struct counts c = {0};
		struct anomaly_counts anomalies = {{0}};
		struct websocket_terms terms = {.deflate = true, .no_takeover = {alone, alone}};
		struct websocket *w = websocket_new(&counting, &c, &anomalies, &terms);
		uint64_t in = 0;
		for (int i = 0; i < 3000; i++) {
			size_t n = frame_compress(&z, zeros, sizeof zeros, packed, sizeof packed);
			script.n = 0;
			frame_put(&script, true, 4, 1, false, packed, n);
			websocket_feed(w, FROM_SERVER, slice_of(script.bytes, script.n));
			in += script.n;
		}
		assert_true(c.bytes > 1000 * sizeof zeros / 100);
		assert_true(c.bytes <= (1u << 20) + in * LIMIT_HTTP_UNFOLD_RATIO + (1u << 20));
		assert_true(anomalies.n[ANOMALY_WEBSOCKET_UNFOLD_LIMIT] > 0);
		assert_true(c.cut > 0);
		assert_true(websocket_memory(w) < (64u << 10));
		websocket_free(w);
		deflateEnd(&z.z);
	}
}

/* ---- the handshake ---- */

static void test_terms(void **state)
{
	(void)state;
	static const struct { const char *upgrade, *extensions; bool accepted, deflate, alone[2]; } cases[] = {
		{"websocket", NULL, true, false, {false, false}},
		{"WebSocket", "permessage-deflate", true, true, {false, false}},
		{"h2c", "permessage-deflate", false, false, {false, false}},
		{NULL, NULL, false, false, {false, false}},
		{"websocket", "permessage-deflate; server_no_context_takeover", true, true, {false, true}},
		{"websocket", "x-webkit-deflate-frame, permessage-deflate ;client_no_context_takeover; server_max_window_bits=10", true,
		 true, {true, false}},
		{"websocket", "Permessage-Deflate; client_no_context_takeover; server_no_context_takeover", true, true, {true, true}},
		{"websocket", "permessage-foo; client_no_context_takeover", true, false, {false, false}},
		{"websocket", "foo; client_no_context_takeover, permessage-deflate", true, true, {false, false}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_field fields[2] = {{SLICE_LITERAL("Upgrade"), slice_str(cases[i].upgrade)},
		                               {SLICE_LITERAL("sec-WebSocket-extensions"), slice_str(cases[i].extensions)}};
		struct http_head head = {.direction = FROM_SERVER, .status = 101, .fields = fields, .n_fields = 2};
		struct websocket_terms t;
		assert_int_equal(websocket_terms_read(&head, &t), cases[i].accepted);
		if (!cases[i].accepted)
			continue;
		assert_int_equal(t.deflate, cases[i].deflate);
		assert_memory_equal(t.no_takeover, cases[i].alone, sizeof t.no_takeover);
		assert_false(t.unseen);
	}
}

/* ---- segments ---- */

static void test_looks_like(void **state)
{
	(void)state;
	static const struct { bool looks, masked; const char *frames[4]; } cases[] = {
		{true, false, {"text {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"}},
		{true, true, {"text:u {\"id\":1,\"method\":\"ping\",\"jsonrpc\":\"2.0\"}"}},
		{true, false, {"ping a", "cont tail", "text [{\"jsonrpc\":\"2.0\"}]", "close"}},
		{true, false, {"text:-  %0a{ \"jsonrpc\": \"2.0\"", "cont }"}},
		{false, false, {"text {\"jsonrpx\":\"2.0\"}"}},
		{false, false, {"text hello \"jsonrpc\""}},
		{false, false, {"text {\"jsonrpc\":\"2.0\"}", "text:u {\"jsonrpc\":\"2.0\"}"}}, /* who is who? */
		{false, false, {"text {\"jsonrpc\":\"2.0\"}", "raw %83%00"}},
		{false, false, {"text {\"jsonrpc\":\"2.0\"}", "text:2 x"}},
		{false, false, {"text:1 {\"jsonrpc\":\"2.0\"}"}},
		{false, false, {"binary {\"jsonrpc\":\"2.0\"}"}},
		{false, false, {"raw %81%7e%00%10{\"jsonrpc\":\"20\"}"}},
		{false, false, {"raw {\"jsonrpc\":\"2.0\",\"id\":1}"}},
		{false, false, {"raw %81"}},
		{false, false, {"raw "}},
	};
	static struct frame_script s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		s.n = 0;
		for (int k = 0; k < 4 && cases[i].frames[k]; k++)
			frame_line(&s, NULL, false, cases[i].frames[k]);
		uint8_t *exact = malloc(s.n ? s.n : 1);
		memcpy(exact, s.bytes, s.n);
		bool masked = false;
		assert_int_equal(websocket_looks_like(slice_of(exact, s.n), &masked), cases[i].looks);
		if (cases[i].looks)
			assert_int_equal(masked, cases[i].masked);
		free(exact);
	}
	/* a message that goes on in the next segment */
	s.n = 0;
	frame_line(&s, NULL, false, "text {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}");
	bool masked;
	assert_true(websocket_looks_like(slice_of(s.bytes, 30), &masked));
	assert_false(websocket_looks_like(slice_of(s.bytes, 8), &masked));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_a_million_fragments_and_pings),
		cmocka_unit_test(test_breaches_end_the_reading),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_looks_like),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
