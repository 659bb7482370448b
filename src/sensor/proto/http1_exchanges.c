#include "http1_exchanges.h"

#include <stdlib.h>

#include "limits.h"

#define FIRST_CAP 2
#define KEEP_WHEN_EMPTY 8

void http1_exchanges_init(struct http1_exchanges *x)
{
	*x = (struct http1_exchanges){.first = 1, .answer = 1, .next = 1};
}

void http1_exchanges_free(struct http1_exchanges *x)
{
	free(x->ring);
	x->ring = NULL;
	x->cap = 0;
}

struct http1_exchange *http1_exchanges_get(struct http1_exchanges *x, uint64_t number)
{
	if (number < x->first || number >= x->next)
		return NULL;
	return &x->ring[(x->head + (uint32_t)(number - x->first)) & (x->cap - 1)];
}

static void exchanges_pop(struct http1_exchanges *x)
{
	while (x->first < x->answer) {
		struct http1_exchange *e = &x->ring[x->head];
		if (!e->done[FROM_CLIENT] || !e->done[FROM_SERVER])
			break;
		x->head = (x->head + 1) & (x->cap - 1);
		x->first++;
	}
	if (x->first == x->next && x->cap > KEEP_WHEN_EMPTY) {
		http1_exchanges_free(x);
		x->head = 0;
	}
}

static bool exchanges_grow(struct http1_exchanges *x)
{
	uint32_t cap = x->cap ? x->cap * 2 : FIRST_CAP;
	struct http1_exchange *ring = malloc(cap * sizeof *ring);
	if (!ring)
		return false;
	for (uint64_t number = x->first; number < x->next; number++)
		ring[number - x->first] = *http1_exchanges_get(x, number);
	free(x->ring);
	x->ring = ring;
	x->cap = cap;
	x->head = 0;
	return true;
}

bool http1_exchanges_push(struct http1_exchanges *x, uint64_t *ret_number, struct http1_exchange **ret)
{
	bool within = true;
	if (x->next - x->answer >= LIMIT_HTTP_PIPELINE) {
		http1_exchanges_get(x, x->answer)->done[FROM_SERVER] = true;
		x->answer++;
		x->owed++;
		within = false;
		exchanges_pop(x);
	}
	uint64_t number = x->next;
	*ret_number = number;
	*ret = NULL;
	if (x->next - x->first == x->cap && !exchanges_grow(x)) {
		/* Order is all that can be kept: so many answers will be nobody's. */
		x->owed += x->next - x->answer + 1;
		x->first = x->answer = x->next = number + 1;
		return within;
	}
	x->next++;
	*ret = http1_exchanges_get(x, number);
	**ret = (struct http1_exchange){0};
	return within;
}

struct http1_exchange *http1_exchanges_next(struct http1_exchanges *x, uint64_t *ret_number)
{
	*ret_number = 0;
	if (x->owed > 0 || x->answer == x->next)
		return NULL;
	*ret_number = x->answer;
	return http1_exchanges_get(x, x->answer);
}

void http1_exchanges_answered(struct http1_exchanges *x)
{
	if (x->owed > 0)
		x->owed--;
	else if (x->answer < x->next)
		x->answer++;
}

void http1_exchanges_done(struct http1_exchanges *x, uint64_t number, enum direction d)
{
	struct http1_exchange *e = http1_exchanges_get(x, number);
	if (!e)
		return;
	e->done[d] = true;
	exchanges_pop(x);
}

void http1_exchanges_drop(struct http1_exchanges *x)
{
	x->owed = 0;
	for (; x->answer < x->next; x->answer++)
		http1_exchanges_get(x, x->answer)->done[FROM_SERVER] = true;
	exchanges_pop(x);
}
