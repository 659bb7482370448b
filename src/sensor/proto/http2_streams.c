#include "http2_streams.h"

#include <stdlib.h>

#include "limits.h"

enum { FIRST_CAP = 4 };

void http2_streams_free(struct http2_streams *t)
{
	free(t->items);
	*t = (struct http2_streams){0};
}

/* The place of id, or where it would stand. */
static uint32_t streams_place(const struct http2_streams *t, uint32_t id)
{
	uint32_t low = 0, high = t->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (t->items[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct http2_stream *http2_streams_find(const struct http2_streams *t, uint32_t id)
{
	uint32_t at = streams_place(t, id);
	return at < t->n && t->items[at].id == id ? &t->items[at] : NULL;
}

struct http2_stream *http2_streams_add(struct http2_streams *t, uint32_t id)
{
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : FIRST_CAP;
		struct http2_stream *grown = realloc(t->items, cap * sizeof *grown);
		if (!grown)
			return NULL;
		t->items = grown;
		t->cap = cap;
	}
	uint32_t at = streams_place(t, id);
	memmove(&t->items[at + 1], &t->items[at], (t->n - at) * sizeof *t->items);
	t->n++;
	t->items[at] = (struct http2_stream){.id = id};
	return &t->items[at];
}

void http2_streams_remove(struct http2_streams *t, struct http2_stream *s)
{
	size_t at = (size_t)(s - t->items);
	t->n--;
	memmove(&t->items[at], &t->items[at + 1], (t->n - at) * sizeof *t->items);
}

struct http2_stream *http2_streams_oldest(const struct http2_streams *t, bool wanted)
{
	for (uint32_t i = 0; i < t->n; i++)
		if ((t->items[i].body[0].wanted || t->items[i].body[1].wanted) == wanted)
			return &t->items[i];
	return NULL;
}
