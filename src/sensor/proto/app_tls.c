/* TLS as app_stream sees it: what is in the clear goes to tls, all of it to tls_decrypt where there are secrets, and what that opens to an
 * app_stream inside. */
#include "app_stream_state.h"
#include <stdlib.h>

static void tell(struct app_stream *a)
{
	a->sink->tls(a->context, a->depth, tls_facts(a->tls));
}

static struct app_stream *inside(struct app_stream *a)
{
	if (!a->inner) {
		a->inner = app_stream_inside(a, a->depth); /* no tunnel: its depth is ours */
		if (a->inner)
			a->inner->tls_depth = a->tls_depth + 1;
	}
	return a->inner;
}

static void on_bytes(void *context, enum direction d, struct slice plain)
{
	struct app_stream *in = inside(context);
	if (in)
		app_stream_bytes(in, d, plain);
}

static void on_gap(void *context, enum direction d)
{
	struct app_stream *in = inside(context);
	if (in)
		app_stream_gap(in, d, 0);
}

static void on_end(void *context, enum direction d)
{
	struct app_stream *a = context;
	if (a->inner)
		app_stream_end(a->inner, d);
}

static void on_learned(void *context)
{
	tell(context);
}

static void on_moment(void *context, const struct tls_moment *m)
{
	struct app_stream *a = context;
	if (a->sink->moment)
		a->sink->moment(a->context, m);
}

static const struct tls_decrypt_callbacks callbacks = {on_bytes, on_gap, on_end, on_learned, on_moment};

bool app_tls_start(struct app_stream *a)
{
	a->tls = tls_new(a->anomalies);
	/* TLS that is seen from its middle has no hello to find its secret by */
	if (a->tls && a->room && a->room->secrets && a->tls_depth < LIMIT_TLS_DEPTH && !a->midstream)
		a->decrypt = tls_decrypt_new(a->room, a->tls, &callbacks, a, a->context, a->tls_depth);
	return a->tls;
}

/* Nothing further is told once the hellos are read, where nothing is, or can any more be, decrypted; or what is inside is of no interest. */
static void settle(struct app_stream *a)
{
	bool opens = a->decrypt && !tls_decrypt_is_over(a->decrypt);
	a->finished = (a->tls_done[FROM_CLIENT] && a->tls_done[FROM_SERVER] && !opens) || (a->inner && a->inner->finished);
}

void app_tls_feed(struct app_stream *a, enum direction d, struct slice bytes)
{
	const struct tls_facts *facts = tls_facts(a->tls);
	if (!a->tls_done[d]) {
		bool had_client = facts->client_hello, had_server = facts->server_hello;
		uint8_t had_names = facts->n_cert_names;
		enum parse p = tls_feed(a->tls, d, bytes);
		a->tls_done[d] = p != PARSE_MORE;
		if (facts->client_hello != had_client || facts->server_hello != had_server || facts->n_cert_names != had_names ||
		    (p != PARSE_MORE && d == FROM_CLIENT && !facts->client_hello))
			tell(a);
	}
	if (a->decrypt)
		tls_decrypt_feed(a->decrypt, d, bytes);
	settle(a);
}

void app_tls_gap(struct app_stream *a, enum direction d, uint64_t n)
{
	tls_gap(a->tls, d, n);
	tell(a);
	a->tls_done[d] = true;
	if (a->decrypt)
		tls_decrypt_gap(a->decrypt, d, n);
	settle(a);
}

void app_stream_settle(struct app_stream *a)
{
	if (a->inner)
		app_stream_settle(a->inner);
	if (a->protocol == APP_TLS && a->tls)
		settle(a);
	else if (a->inner && a->inner->finished)
		a->finished = true;
}

bool app_stream_waits(const struct app_stream *a)
{
	return (a->decrypt && tls_decrypt_waits(a->decrypt)) || (a->inner && app_stream_waits(a->inner));
}
