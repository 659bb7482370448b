/* Any two-way conversation: the same heads, messages, events and ends in any split of its turns, skipped bytes or not;
 * with gaps among them memory and nesting stay bounded. First byte: whether roles are known, whether there may be gaps;
 * second: the split. Then turns: a byte that says who and what, a byte or two of length, the bytes. */
#include <stdlib.h>
#undef NDEBUG
#include <assert.h>

#include "app_stream.h"
#include "limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	uint64_t digest;
	unsigned heads, messages;
	struct tls_facts tls;
	bool finished, flipped;
	bool lost; /* the reader of HTTP lost its place: it finds it again only at starts of segments */
	const struct app_stream *app;
	enum app_protocol protocol;
};

static void mix(struct outcome *o, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	for (size_t i = 0; i < n; i++)
		o->digest = (o->digest ^ bytes[i]) * 1099511628211u;
	o->digest = (o->digest ^ n) * 1099511628211u;
}

static void mix_number(struct outcome *o, uint64_t n)
{
	mix(o, &n, sizeof n);
}

static bool on_head(void *context, unsigned depth, const struct http_head *head)
{
	struct outcome *o = context;
	assert(depth < LIMIT_TUNNEL_DEPTH);
	assert(head->direction == FROM_SERVER ? head->status <= 999 : head->status == 0);
	o->heads++;
	o->lost |= o->app && app_stream_is_resynced(o->app, head->direction);
	mix_number(o, 1 + depth * 16 + (unsigned)head->direction * 8);
	mix_number(o, head->exchange);
	mix_number(o, head->status);
	mix(o, head->method.p, head->method.n);
	mix(o, head->target.p, head->target.n);
	return head->n_fields % 5 != 4;
}

static void on_end(void *context, unsigned depth, enum direction d, uint64_t exchange, const struct app_body *body)
{
	struct outcome *o = context;
	assert(!(body->complete && body->lost));
	assert(body->bytes > 0 || body->messages == 0);
	mix_number(o, 2 + depth * 16 + (unsigned)d * 8);
	mix_number(o, exchange);
	mix_number(o, body->json | body->sse << 1 | body->complete << 2 | body->lost << 3 | body->bad << 4);
	mix_number(o, body->messages);
}

static void on_message(void *context, unsigned depth, enum app_carrier carrier, enum direction d, uint64_t exchange,
                       const struct jsonrpc_message *m)
{
	struct outcome *o = context;
	assert(carrier != CARRIER_LINE || exchange == 0);
	o->messages++;
	mix_number(o, 3 + depth * 16 + (unsigned)d * 8 + (unsigned)carrier * 256);
	mix_number(o, exchange);
	mix(o, m->type, sizeof m->type);
	mix(o, m->method, strlen(m->method));
	mix(o, m->id, strlen(m->id));
}

static void on_event(void *context, unsigned depth, uint64_t exchange, struct slice type, struct slice data, bool cut)
{
	struct outcome *o = context;
	assert(type.n > 0 && data.n <= LIMIT_SSE_FIELD);
	mix_number(o, 4 + depth * 16 + cut * 8);
	mix_number(o, exchange);
	mix(o, type.p, type.n);
	mix(o, data.p, data.n);
}

static void on_tls(void *context, unsigned depth, const struct tls_facts *facts)
{
	struct outcome *o = context;
	(void)depth;
	o->tls = *facts; /* how often it is told is a matter of the split */
	o->tls.cert_names = NULL;
}

static void on_tunnel(void *context, unsigned depth, bool connect, const struct http_head *answer)
{
	struct outcome *o = context;
	assert(answer->direction == FROM_SERVER);
	mix_number(o, 5 + depth * 16 + connect * 8);
}

static void on_closed(void *context, unsigned depth, enum direction d)
{
	mix_number(context, 6 + depth * 16 + (unsigned)d * 8);
}

static void on_socks(void *context, unsigned depth, unsigned version, struct slice authority)
{
	struct outcome *o = context;
	assert(depth < LIMIT_TUNNEL_DEPTH && (version == 0 || version == 4 || version == 5) && authority.n < LIMIT_HOST);
	mix_number(o, 200 + depth);
	mix(o, authority.p, authority.n);
}

static void on_foreign(void *context, unsigned depth)
{
	mix_number(context, 400 + depth);
}

static void on_claim(void *context, unsigned depth, const struct ip_addr *client)
{
	struct outcome *o = context;
	assert(client->family == 4 || client->family == 6);
	mix_number(o, 300 + depth);
	mix(o, client->b, sizeof client->b);
}

static const struct app_sink sink = {.definitions = true,
                                     .definition_texts = true,
                                     .http_head = on_head,
                                     .http_end = on_end,
                                     .message = on_message,
                                     .sse_event = on_event,
                                     .tls = on_tls,
                                     .tunnel = on_tunnel,
                                     .closed = on_closed,
                                     .socks = on_socks,
                                     .foreign = on_foreign,
                                     .claim = on_claim};

static struct outcome play(struct slice in, bool roles_known, bool gaps, unsigned split, bool skip)
{
	struct outcome o = {.digest = 14695981039346656037u};
	struct anomaly_counts anomalies = {{0}};
	struct app_stream *a = app_stream_new(&sink, &o, &anomalies, roles_known);
	assert(a);
	o.app = a;
	while (in.n >= 2) {
		uint8_t what = in.p[0];
		enum direction d = what & 1 ? FROM_SERVER : FROM_CLIENT;
		size_t size = in.p[1] + (what & 2 ? 256u : 0);
		in = slice_after(in, 2);
		if (gaps && (what & 0x1c) == 0x1c) {
			app_stream_gap(a, d, size & 1 ? size : 0);
			continue;
		}
		if ((what & 0x1c) == 0x18) {
			if (!app_stream_is_finished(a))
				app_stream_end(a, d);
			continue;
		}
		struct slice turn = slice_first(in, size);
		in = slice_after(in, size);
		while (turn.n) {
			struct slice part = slice_first(turn, split ? 1 + (split * turn.n * 7) % split : turn.n);
			turn = slice_after(turn, part.n);
			uint64_t drop = skip ? app_stream_skippable(a, d) : 0;
			drop = drop < part.n ? drop : part.n;
			if (drop)
				app_stream_skipped(a, d, drop);
			part = slice_after(part, (size_t)drop);
			uint8_t *piece = malloc(part.n ? part.n : 1);
			assert(piece);
			memcpy(piece, part.p, part.n);
			app_stream_bytes(a, d, slice_of(piece, part.n));
			free(piece);
			assert(app_stream_memory(a) < (4u << 20));
		}
	}
	o.lost |= anomalies.n[ANOMALY_HTTP_BAD] > 0; /* after bad syntax too */
	o.finished = app_stream_is_finished(a);
	o.flipped = app_stream_is_flipped(a);
	o.protocol = app_stream_protocol(a);
	assert(!o.flipped || !roles_known);
	app_stream_free(a);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	bool roles_known = data[0] & 1, gaps = data[0] & 2;
	struct slice in = slice_of(data + 2, n - 2);
	struct outcome whole = play(in, roles_known, gaps, 0, false);
	struct outcome again = play(in, roles_known, gaps, 0, true);
	if (gaps)
		return 0; /* heads are looked for at the starts of segments: the split matters then */
	struct outcome others[] = {again, play(in, roles_known, false, 1, false), play(in, roles_known, false,
		2 + data[1], true)};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (whole.lost || others[i].lost)
			continue;
		assert(whole.digest == others[i].digest);
		assert(whole.finished == others[i].finished && whole.flipped == others[i].flipped);
		assert(whole.protocol == others[i].protocol);
		assert(memcmp(&whole.tls, &others[i].tls, sizeof whole.tls) == 0);
	}
	return 0;
}
