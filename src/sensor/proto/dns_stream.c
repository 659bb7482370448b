#include "dns_stream.h"
#include <stdlib.h>

enum { HEADER_BYTES = 12, LENGTH_BYTES = 2 };

struct side {
	uint8_t length[LENGTH_BYTES];
	uint8_t n_length;    /* bytes of it that are there */
	uint8_t *message;    /* one that came in pieces; NULL: none */
	size_t n, expected;
	bool over;
};

struct dns_stream {
	struct side side[2];
	dns_stream_fn *fn;
	void *context;
	bool failed;
};

struct dns_stream *dns_stream_new(dns_stream_fn *fn, void *context)
{
	struct dns_stream *s = calloc(1, sizeof *s);
	if (s) {
		s->fn = fn;
		s->context = context;
	}
	return s;
}

static void side_end(struct side *d)
{
	free(d->message);
	*d = (struct side){.over = true};
}

static void tell(struct dns_stream *s, unsigned side, struct slice message)
{
	struct side *d = &s->side[side];
	bool go_on = s->fn(s->context, side, message);
	free(d->message);
	*d = (struct side){.over = !go_on};
}

/* The rest of a message whose length is known. */
static void feed_message(struct dns_stream *s, unsigned side, struct slice *bytes)
{
	struct side *d = &s->side[side];
	struct slice more = slice_first(*bytes, d->expected - d->n);
	*bytes = slice_after(*bytes, more.n);
	if (!d->message && more.n == d->expected) {
		tell(s, side, more);
		return;
	}
	if (!d->message && !(d->message = malloc(d->expected))) {
		s->failed = true;
		side_end(d);
		return;
	}
	memcpy(d->message + d->n, more.p, more.n);
	d->n += more.n;
	if (d->n == d->expected)
		tell(s, side, slice_of(d->message, d->n));
}

void dns_stream_bytes(struct dns_stream *s, unsigned side, struct slice bytes)
{
	struct side *d = &s->side[side];
	while (bytes.n && !d->over) {
		if (d->expected) {
			feed_message(s, side, &bytes);
			continue;
		}
		d->length[d->n_length++] = bytes.p[0];
		bytes = slice_after(bytes, 1);
		if (d->n_length < LENGTH_BYTES)
			continue;
		d->expected = (size_t)d->length[0] << 8 | d->length[1];
		if (d->expected < HEADER_BYTES) /* no message is shorter: this is no DNS */
			side_end(d);
	}
}

void dns_stream_gap(struct dns_stream *s, unsigned side)
{
	side_end(&s->side[side]);
}

bool dns_stream_is_over(const struct dns_stream *s)
{
	return s->side[0].over && s->side[1].over;
}

bool dns_stream_failed(const struct dns_stream *s)
{
	return s->failed;
}

size_t dns_stream_memory(const struct dns_stream *s)
{
	return sizeof *s + (s->side[0].message ? s->side[0].expected : 0) + (s->side[1].message ? s->side[1].expected : 0);
}

void dns_stream_free(struct dns_stream *s)
{
	if (!s)
		return;
	side_end(&s->side[0]);
	side_end(&s->side[1]);
	free(s);
}
