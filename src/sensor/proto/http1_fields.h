/* The start line's target and the header fields of one message -> one bounded buffer, in linear time.
 * Called by http1_reader with spans as llhttp finds them, in any pieces. Keeps LIMIT_HTTP_HEADER_KEPT bytes and
 * LIMIT_HTTP_FIELDS fields, then says `cut` and drops the rest; judges nothing. */
#ifndef SHADOWTAP_HTTP1_FIELDS_H
#define SHADOWTAP_HTTP1_FIELDS_H

#include "http1.h"
#include "limits.h"

/* Records lie one after the other: length of the name, name, length of the value, value. The first is the target,
 * under an empty name. Lengths have two bytes, as LIMIT_HTTP_HEADER_KEPT fits. */
struct http1_fields {
	uint8_t *buf;
	uint32_t n, cap;
	uint32_t record; /* start of the record being written */
	uint32_t length; /* where its length under construction stands */
	uint16_t count;  /* complete fields, without the target */
	uint8_t at;      /* enum http1_fields_at */
	bool cut;
	bool fold; /* white space of an obs-fold is being passed over */
};

/* Forgets the message; gives memory back unless it is little. */
void http1_fields_reset(struct http1_fields *f);
void http1_fields_free(struct http1_fields *f);
void http1_fields_target(struct http1_fields *f, struct slice piece);
/* fresh: the piece starts a new field (which also closes the one before). */
void http1_fields_name(struct http1_fields *f, struct slice piece, bool fresh);
/* folded: the piece starts a continuation line (obs-fold, RFC 9112 5.2). */
void http1_fields_value(struct http1_fields *f, struct slice piece, bool folded);
/* Closes the last field and lists them. Borrowed from f. */
uint32_t http1_fields_list(struct http1_fields *f, struct http_field out[LIMIT_HTTP_FIELDS], struct slice *ret_target);

#endif
