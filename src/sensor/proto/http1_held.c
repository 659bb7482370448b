#include "http1_state.h"

#include <stdlib.h>

void held_free(struct held *held)
{
	free(held->buf);
	*held = (struct held){0};
}

void held_add(struct http1 *h, struct slice bytes)
{
	struct held *held = &h->held;
	if (held->lost > 0 || held->lost_unknown) {
		held->lost += bytes.n;
		return;
	}
	struct slice part = slice_first(bytes, LIMIT_HTTP_HELD - held->n);
	if (part.n > held->cap - held->n) {
		size_t cap = held->cap ? held->cap : 512;
		while (cap < held->n + part.n)
			cap *= 2;
		uint8_t *grown = realloc(held->buf, cap);
		if (!grown) {
			held->lost += bytes.n;
			return;
		}
		held->buf = grown;
		held->cap = cap;
	}
	if (part.n)
		memcpy(held->buf + held->n, part.p, part.n);
	held->n += part.n;
	held->lost += bytes.n - part.n;
}

void held_gap(struct http1 *h, uint64_t n)
{
	if (n == 0)
		h->held.lost_unknown = true;
	else
		h->held.lost += n;
}

static uint64_t held_lost(const struct held *held)
{
	return held->lost_unknown ? 0 : held->lost;
}

void held_to_tunnel(struct http1 *h)
{
	struct held held = h->held;
	h->held = (struct held){0};
	if (held.n)
		h->callbacks.tunnel_bytes(h->context, FROM_CLIENT, slice_of(held.buf, held.n));
	if (held.lost || held.lost_unknown)
		h->callbacks.tunnel_gap(h->context, FROM_CLIENT, held_lost(&held));
	held_free(&held);
}

/* Reading them may come to another Upgrade, so that the rest is held again: in a buffer of its own. */
void held_to_http(struct http1 *h)
{
	struct held held = h->held;
	h->held = (struct held){0};
	h->side[FROM_CLIENT].state = SIDE_HEAD;
	side_run(&h->side[FROM_CLIENT], slice_of(held.buf, held.n));
	if (held.lost || held.lost_unknown)
		http1_gap(h, FROM_CLIENT, held_lost(&held));
	held_free(&held);
}
