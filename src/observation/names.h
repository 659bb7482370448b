/* What DNS told a client of a name -> bytes and back: the record of one question or answer. Made by the shard that saw it, validated before the
 * recorder believes it. Says what the sensor's signatures know of the name, since the recorder has none. */
#ifndef SHADOWTAP_NAMES_H
#define SHADOWTAP_NAMES_H

#include "hostname.h"
#include "observation.h"
#include "record.h"

struct named_address {
	struct ip_addr addr;
	uint32_t ttl; /* seconds */
};

struct names {
	/* where it was seen; it is of no connection that is told of */
	int64_t time_ns;
	uint64_t frame;
	uint32_t capture;
	struct encap encap;
	struct ip_addr client;  /* who asked */
	const char *name;       /* asked for; normalized */
	bool answered;          /* with or without addresses; else it was asked */
	bool cut;               /* the answer had more than is told here */
	bool dedicated;         /* the name is of a host that serves nothing but MCP */
	enum confidence confidence; /* of what the name says; CONFIDENCE_NONE: nothing, and the next two are empty */
	const char *signature, *reason;
	struct named_address addresses[LIMIT_DNS_ADDRESSES];
	unsigned n_addresses;
};

/* Bytes of a record at most. */
#define NAMES_BYTES \
	(RECORD_REF_AT + RECORD_REF_BYTES + 4 + 17 + 1 + 5 * ENCAP_MAX + 3 * 2 + HOSTNAME_TEXT + LIMIT_SIGNATURE_ID + LIMIT_DETAIL + \
	 21 * LIMIT_DNS_ADDRESSES)

/* One malloc'd block, or NULL when out of memory. */
uint8_t *names_encode(const struct names *n, size_t *ret_n);

struct names_box {
	struct names n; /* its texts are in the box */
	char name[HOSTNAME_TEXT], signature[LIMIT_SIGNATURE_ID], reason[LIMIT_DETAIL];
};

/* Validates everything. False if the bytes are no such record. The box must stay where it is. */
bool names_decode(const uint8_t *bytes, size_t n, struct names_box *ret);

#endif
