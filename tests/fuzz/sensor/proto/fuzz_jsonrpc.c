/* Any bytes as a JSON-RPC text: the same messages in any split, the same judgement as jansson, bounded texts.
 * The first byte seeds the split, the rest is the text. */
#include <stdlib.h>

#include "../../../unit/sensor/proto/jansson_apart.h"
#include "jsonrpc.h"
#include "text.h"

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	uint64_t digest; /* of all messages */
	uint32_t messages;
	enum parse status;
	struct anomaly_counts anomalies;
};

static void mix(struct outcome *o, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	for (size_t i = 0; i < n; i++)
		o->digest = (o->digest ^ bytes[i]) * 1099511628211u;
}

static void mix_text(struct outcome *o, const char *text, size_t cap)
{
	size_t length = strnlen(text, cap);
	CHECK(length < cap);
	for (struct slice s = slice_of(text, length); s.n;) {
		size_t step = utf8_char_len(s);
		CHECK(step != 0);
		s = slice_after(s, step);
	}
	mix(o, text, length + 1);
}

static void on_message(void *context, const struct jsonrpc_message *m)
{
	struct outcome *o = context;
	o->messages++;
	CHECK(m->tools_with_schema <= m->tools);
	CHECK(m->bytes >= 2);
	for (int i = 0; i < JM_COUNT; i++)
		CHECK(m->type[i] <= JSON_OBJECT);
	mix(o, m->type, sizeof m->type);
	bool flags[] = {m->in_batch, m->utf8_bad, m->duplicate_key, m->id_cut, m->method_cut, m->name_cut};
	mix(o, flags, sizeof flags);
	mix(o, &m->bytes, sizeof m->bytes);
	mix(o, &m->error_code, sizeof m->error_code);
	mix(o, &m->tools, sizeof m->tools);
	mix(o, &m->tools_with_schema, sizeof m->tools_with_schema);
#define TEXT(field) mix_text(o, m->field, sizeof m->field)
	TEXT(id);
	TEXT(method);
	TEXT(protocol_version);
	TEXT(supported_version);
	TEXT(client_name);
	TEXT(client_version);
	TEXT(server_name);
	TEXT(server_version);
	TEXT(name);
	TEXT(uri);
	TEXT(result_type);
#undef TEXT
}

/* chunk 0: at once; else pieces of 1 to chunk bytes. */
static struct outcome read_text(struct slice in, uint32_t chunk)
{
	struct outcome o = {.digest = 14695981039346656037u};
	uint32_t seed = chunk;
	struct jsonrpc *j = jsonrpc_new(on_message, &o, &o.anomalies);
	CHECK(j);
	while (in.n) {
		seed = seed * 1664525 + 1013904223;
		struct slice piece = slice_first(in, chunk ? 1 + (seed >> 16) % chunk : in.n);
		(void)jsonrpc_feed(j, piece);
		in = slice_after(in, piece.n);
	}
	o.status = jsonrpc_eof(j);
	jsonrpc_free(j);
	return o;
}

/* Texts in a row, as in newline-delimited streams: nothing is taken twice, and the reader always comes to an end. */
static void read_row(struct slice in)
{
	struct outcome o = {.digest = 0};
	struct jsonrpc *j = jsonrpc_new(on_message, &o, &o.anomalies);
	CHECK(j);
	size_t used = 0;
	while (in.n) {
		enum parse status = jsonrpc_feed_one(j, in, &used);
		CHECK(used <= in.n);
		in = slice_after(in, used);
		if (status != PARSE_DONE)
			break;
		CHECK(used > 0);
		jsonrpc_reset(j);
	}
	jsonrpc_free(j);
}

static void compare_with_jansson(struct slice in, const struct outcome *o)
{
	json_error_t error;
	/* jansson overlooks a NUL after a number and knows no byte order mark. */
	if (slice_find(in, '\0') < in.n || slice_starts(in, "\xef\xbb\xbf"))
		return;
	json_t *tree = json_loadb((const char *)in.p, in.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	bool theirs = tree != NULL;
	json_decref(tree);
	enum json_error_code code = json_error_code(&error);
	if (!theirs && (code == json_error_numeric_overflow || code == json_error_null_byte_in_key))
		return;
	if (theirs)
		CHECK(o->status == PARSE_DONE || o->anomalies.n[ANOMALY_JSON_DEPTH]);
	else
		CHECK(o->status == PARSE_BAD || o->anomalies.n[ANOMALY_JSON_UTF8]);
	if (theirs && o->status == PARSE_DONE)
		CHECK(o->anomalies.n[ANOMALY_JSON_UTF8] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct slice in = slice_of(data + 1, n - 1);
	struct outcome whole = read_text(in, 0), split = read_text(in, 1 + data[0] % 32), bytes = read_text(in, 1);
	CHECK(whole.digest == split.digest && whole.digest == bytes.digest);
	CHECK(whole.messages == split.messages && whole.messages == bytes.messages);
	CHECK(whole.status == split.status && whole.status == bytes.status && whole.status != PARSE_MORE);
	CHECK(memcmp(&whole.anomalies, &split.anomalies, sizeof whole.anomalies) == 0);
	CHECK(memcmp(&whole.anomalies, &bytes.anomalies, sizeof whole.anomalies) == 0);
	CHECK(whole.messages <= LIMIT_JSON_BATCH);
	compare_with_jansson(in, &whole);
	read_row(in);
	return 0;
}
