/* What crosses from the sensor half to the recorder half besides observations: each is a record of its own, in packet order
 * with the observations. The first four bytes say which it is; each decoder validates the rest. Used by both halves. */
#ifndef SHADOWTAP_RECORD_H
#define SHADOWTAP_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum record_kind {
	RECORD_UNKNOWN,
	RECORD_OBSERVATION, /* observation.h */
	RECORD_OFFER,       /* offer.h: a page of what a server offers */
	RECORD_CALL,        /* call.h: a request or an answer, for the audit log */
	RECORD_NAMES,       /* names.h: addresses that a DNS answer gave a client for a name */
	RECORD_COUNT
};

/* The first three bytes; the fourth is the version of that record's layout. */
static const char record_magic[RECORD_COUNT][4] = {"", "obs", "off", "cal", "nam"};

static inline enum record_kind record_kind_of(const uint8_t *bytes, size_t n)
{
	for (int k = RECORD_OBSERVATION; n >= 4 && k < RECORD_COUNT; k++)
		if (memcmp(bytes, record_magic[k], 3) == 0)
			return (enum record_kind)k;
	return RECORD_UNKNOWN;
}

/* Which connection and authority a record is about: the same values as in its observations, of which one came before it. */
struct connection_ref {
	int64_t connection_time_ns;
	uint64_t first_frame;
	uint32_t capture;
	uint32_t authority_ordinal;
};

/* Every record but an observation has the reference behind its magic, so that who knows the connection can set it last. */
enum { RECORD_REF_AT = 4, RECORD_REF_BYTES = 24 };

static inline void record_ref_put(uint8_t *record, const struct connection_ref *ref)
{
	const uint64_t values[] = {(uint64_t)ref->connection_time_ns, ref->first_frame,
	                           (uint64_t)ref->authority_ordinal << 32 | ref->capture};
	for (unsigned i = 0; i < RECORD_REF_BYTES; i++)
		record[RECORD_REF_AT + i] = (uint8_t)(values[i / 8] >> 8 * (i % 8));
}

/* p: its first byte. */
static inline struct connection_ref record_ref_get(const uint8_t *p)
{
	uint64_t values[3] = {0};
	for (unsigned i = 0; i < RECORD_REF_BYTES; i++)
		values[i / 8] |= (uint64_t)p[i] << 8 * (i % 8);
	return (struct connection_ref){(int64_t)values[0], values[1], (uint32_t)values[2], (uint32_t)(values[2] >> 32)};
}

#endif
