/* The first bytes of a connection, or of one that is seen from its middle -> what reads them. */
#include "app_guess.h"
#include "app_stream_state.h"
#include "proxy_protocol.h"
#include "websocket_frame.h"
#include <stdlib.h>

/* Segments that a mid-stream start is searched for a head of HTTP before the connection is given up. */
enum { SEARCH_SEGMENTS = 512 };

static bool start_http2(struct app_stream *a, bool flip, bool found)
{
	a->h2 = http2_messages_new(a->sink, a->context, a->anomalies, a->depth);
	for (int d = 0; a->h2 && d < 2; d++)
		if (found || a->missing[flip ? !d : d])
			http2_gap(http2_messages_stream(a->h2), (enum direction)d, 0);
	return a->h2;
}

/* flip: who was told to be the client is the server. found: by a segment in the middle. */
static bool start(struct app_stream *a, enum app_protocol protocol, bool flip, bool found)
{
	switch (protocol) {
	case APP_HTTP1:
		a->http = http1_new(&app_http1_callbacks, a, a->anomalies);
		if (a->http && a->midstream) {
			http1_gap(a->http, FROM_CLIENT, 0);
			http1_gap(a->http, FROM_SERVER, 0);
		}
		return a->http;
	case APP_TLS: return app_tls_start(a);
	case APP_JSON_LINES:
		for (int d = 0; d < 2; d++)
			a->lines[d] = jsonrpc_new(app_line, a, a->anomalies);
		if (a->lines[FROM_SERVER] && a->sink->definitions)
			jsonrpc_want_definitions(a->lines[FROM_SERVER], a->sink->definition_texts);
		return a->lines[0] && a->lines[1];
	case APP_SOCKS: a->socks = socks_new(); return a->socks;
	case APP_WEBSOCKET: {
		static const struct websocket_terms terms = {.unseen = true};
		a->websocket = websocket_reader_new(a->sink, a->context, a->anomalies, a->depth, 0, &terms);
		for (int d = 0; d < 2 && a->websocket; d++)
			websocket_reader_gap(a->websocket, d, 0);
		return a->websocket;
	}
	case APP_HTTP2: return start_http2(a, flip, found);
	default: return false;
	}
}

static void wait_for_more(struct app_stream *a, enum direction d, struct slice first)
{
	if (!a->first[d] && !(a->first[d] = malloc(APP_FIRST_BYTES))) {
		a->finished = true;
		return;
	}
	memmove(a->first[d], first.p, first.n); /* first may lie in it already */
	a->n_first[d] = (uint16_t)first.n;
}

/* Servers step over empty lines before a request (RFC 9112 2.2), any number of them: they must not use up the first bytes
 * that tell what it is. */
static struct slice empty_lines_skip(struct slice s)
{
	while (s.n && (s.p[0] == '\r' || s.p[0] == '\n'))
		s = slice_after(s, 1);
	return s;
}

void app_start(struct app_stream *a, enum direction d, struct slice bytes)
{
	struct slice first = bytes;
	if (a->n_first[d]) {
		struct slice more = slice_first(bytes, (size_t)(APP_FIRST_BYTES - a->n_first[d]));
		memcpy(a->first[d] + a->n_first[d], more.p, more.n);
		a->n_first[d] += (uint16_t)more.n;
		bytes = slice_after(bytes, more.n);
		first = slice_of(a->first[d], a->n_first[d]);
	}
	bool opening = d == FROM_CLIENT && !a->midstream;
	if (opening && !a->proxied) {
		bool sure_proxy;
		struct ip_addr client;
		size_t header = proxy_protocol_read(first, &sure_proxy, &client);
		if (!sure_proxy && first.n < APP_FIRST_BYTES) {
			wait_for_more(a, d, first);
			return;
		}
		a->proxied = true;
		if (client.family)
			a->sink->claim(a->context, a->depth, &client);
		first = slice_after(first, header);
	}
	if (opening) {
		first = empty_lines_skip(first);
		if (a->n_first[d] && bytes.n) { /* what was skipped makes room for more */
			size_t n = first.n;
			memmove(a->first[d], first.p, n);
			bytes = n ? bytes : empty_lines_skip(bytes);
			struct slice more = slice_first(bytes, APP_FIRST_BYTES - n);
			if (more.n)
				memcpy(a->first[d] + n, more.p, more.n);
			bytes = slice_after(bytes, more.n);
			first = slice_of(a->first[d], n + more.n);
			a->n_first[d] = (uint16_t)first.n;
		}
		if (first.n == 0) {
			a->n_first[d] = 0;
			return;
		}
	}
	bool sure, flip, masked, found = false;
	enum direction speaker;
	enum app_protocol p = app_guess(first, d, a->roles_known, &sure, &flip);
	if (!sure && first.n < APP_GUESS_BYTES) {
		wait_for_more(a, d, first);
		return;
	}
	/* JSON texts from one side mean nothing before the other side answers in kind: see feed_lines */
	if (a->midstream && p == APP_SOCKS)
		p = APP_OTHER; /* two bytes in the middle of something */
	if (a->midstream && p == APP_OTHER && http2_found(bytes, &speaker) && (!a->roles_known || speaker == d)) {
		p = APP_HTTP2;
		flip = speaker != d;
		found = true;
	}
	if (a->midstream && p == APP_OTHER && websocket_looks_like(bytes, &masked) &&
	    (!a->roles_known || masked == (d == FROM_CLIENT))) {
		p = APP_WEBSOCKET; /* who masks is the client (RFC 6455 5.1) */
		flip = masked != (d == FROM_CLIENT);
	}
	if (a->midstream && (p == APP_OTHER || p == APP_JSON_LINES)) {
		a->n_first[d] = 0; /* in the middle of something: a later segment may start with a head */
		if (++a->searched >= SEARCH_SEGMENTS)
			a->finished = true;
		return;
	}
	a->protocol = p;
	if (!start(a, p, flip, found)) {
		a->finished = true;
		return;
	}
	a->flipped ^= flip;
	if (flip)
		d = direction_flip(d);
	enum direction told = flip ? direction_flip(d) : d, other = direction_flip(told);
	bool waited = a->n_first[told] != 0;
	app_feed(a, d, first);
	if (waited && bytes.n && !a->finished)
		app_feed(a, d, bytes);
	if (!a->finished && a->n_first[other]) /* what the other side said meanwhile */
		app_feed(a, direction_flip(d), slice_of(a->first[other], a->n_first[other]));
}
