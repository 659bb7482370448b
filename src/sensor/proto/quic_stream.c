#include "quic_stream.h"
#include "limits.h"
#include "status.h"
#include <stdlib.h>

enum { KEPT_FIRST = 2048, PIECES_FIRST = 8 };

/* Index of the first piece that ends behind offset. */
static uint32_t piece_after(const struct quic_stream *s, uint32_t offset)
{
	uint32_t low = 0, high = s->pieces_n;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (s->pieces[middle].end > offset)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int keep(struct quic_stream *s, struct slice bytes)
{
	if (s->kept_n + bytes.n > s->kept_cap) {
		size_t cap = s->kept_cap ? 2 * (size_t)s->kept_cap : KEPT_FIRST;
		while (cap < s->kept_n + bytes.n)
			cap *= 2;
		uint8_t *more = realloc(s->kept, cap);
		if (!more)
			return FAIL_MEMORY;
		s->kept = more;
		s->kept_cap = (uint32_t)cap;
	}
	memcpy(s->kept + s->kept_n, bytes.p, bytes.n);
	s->kept_n += (uint32_t)bytes.n;
	return 0;
}

/* Bytes that no piece covers, before piece i. 1: there is one more piece now. */
static int add(struct quic_stream *s, uint32_t i, uint32_t start, struct slice bytes, struct anomaly_counts *anomalies)
{
	struct quic_piece *before = i ? &s->pieces[i - 1] : NULL;
	bool longer = before && before->end == start && before->at + (before->end - before->start) == s->kept_n;
	if (!longer && s->pieces_n == LIMIT_QUIC_PIECES) {
		anomaly_count(anomalies, ANOMALY_QUIC_CRYPTO_LIMIT);
		s->dropped = true;
		return 0;
	}
	if (!longer && s->pieces_n == s->pieces_cap) {
		uint32_t cap = s->pieces_cap ? 2 * s->pieces_cap : PIECES_FIRST;
		struct quic_piece *more = realloc(s->pieces, cap * sizeof *more);
		if (!more)
			return FAIL_MEMORY;
		s->pieces = more;
		s->pieces_cap = cap;
	}
	uint32_t at = s->kept_n;
	if (keep(s, bytes) != 0)
		return FAIL_MEMORY;
	if (longer) {
		before->end += (uint32_t)bytes.n;
		return 0;
	}
	memmove(s->pieces + i + 1, s->pieces + i, (s->pieces_n - i) * sizeof *s->pieces);
	s->pieces[i] = (struct quic_piece){start, start + (uint32_t)bytes.n, at};
	s->pieces_n++;
	return 1;
}

int quic_stream_put(struct quic_stream *s, uint64_t offset, struct slice bytes, struct anomaly_counts *anomalies)
{
	if (bytes.n == 0)
		return 0;
	if (offset >= LIMIT_QUIC_CRYPTO || bytes.n > LIMIT_QUIC_CRYPTO - offset) {
		anomaly_count(anomalies, ANOMALY_QUIC_CRYPTO_LIMIT);
		s->dropped = true;
		if (offset >= LIMIT_QUIC_CRYPTO)
			return 0;
		bytes = slice_first(bytes, (size_t)(LIMIT_QUIC_CRYPTO - offset));
	}
	uint32_t at = (uint32_t)offset;
	bool conflict = false;
	uint32_t i = piece_after(s, at);
	while (bytes.n) {
		const struct quic_piece *p = i < s->pieces_n ? &s->pieces[i] : NULL;
		size_t n = bytes.n;
		if (p && p->start <= at) { /* it was there before */
			n = p->end - at < n ? p->end - at : n;
			conflict |= memcmp(s->kept + p->at + (at - p->start), bytes.p, n) != 0;
			i++;
		} else {
			if (p && p->start - at < n)
				n = p->start - at;
			int added = add(s, i, at, slice_first(bytes, n), anomalies);
			if (added < 0)
				return added;
			i += (uint32_t)added;
		}
		at += (uint32_t)n;
		bytes = slice_after(bytes, n);
	}
	if (conflict) /* RFC 9000 2.2: an endpoint may close the connection for it */
		anomaly_count(anomalies, ANOMALY_QUIC_CRYPTO_CONFLICT);
	return 0;
}

size_t quic_stream_ready(const struct quic_stream *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->pieces_n && s->pieces[i].start == n; i++)
		n = s->pieces[i].end;
	return n;
}

void quic_stream_copy(const struct quic_stream *s, uint8_t *to, size_t n)
{
	for (uint32_t i = 0; n; i++) {
		size_t here = s->pieces[i].end - s->pieces[i].start;
		here = here < n ? here : n;
		memcpy(to, s->kept + s->pieces[i].at, here);
		to += here;
		n -= here;
	}
}

size_t quic_stream_memory(const struct quic_stream *s)
{
	return s->kept_cap + s->pieces_cap * sizeof *s->pieces;
}

void quic_stream_done(struct quic_stream *s)
{
	free(s->kept);
	free(s->pieces);
	*s = (struct quic_stream){0};
}
