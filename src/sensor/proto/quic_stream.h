/* CRYPTO frames -> the bytes of one direction's handshake in their order: pieces come in any order, overlap, and are
 * split over packets (Chrome scrambles its hello on purpose). Called by quic. The first bytes seen at a place stand: a
 * later, different copy changes nothing. RFC 9000 7.5 and 19.6. */
#ifndef SHADOWTAP_QUIC_STREAM_H
#define SHADOWTAP_QUIC_STREAM_H

#include "anomaly.h"
#include "slice.h"

struct quic_piece {
	uint32_t start, end; /* of the stream */
	uint32_t at;         /* where its bytes lie in what is kept */
};

/* All zero is its start. Keeps the bytes that are there, not room for those that an offset promises. */
struct quic_stream {
	uint8_t *kept;
	uint32_t kept_n, kept_cap;
	struct quic_piece *pieces; /* by start, apart from each other */
	uint32_t pieces_n, pieces_cap;
	bool dropped; /* bytes of it, at a cap */
};

/* 0, or FAIL_MEMORY. What lies past LIMIT_QUIC_CRYPTO, or needs more than LIMIT_QUIC_PIECES, is dropped
 * (quic-crypto-limit). */
int quic_stream_put(struct quic_stream *s, uint64_t offset, struct slice bytes, struct anomaly_counts *anomalies);
/* Bytes from the beginning on without a hole. */
size_t quic_stream_ready(const struct quic_stream *s);
/* Copies the first n of them. */
void quic_stream_copy(const struct quic_stream *s, uint8_t *to, size_t n);
size_t quic_stream_memory(const struct quic_stream *s);
/* Frees what is kept. */
void quic_stream_done(struct quic_stream *s);

#endif
