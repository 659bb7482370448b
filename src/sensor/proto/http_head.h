/* The head of an HTTP message, whatever version carried it: what the readers of HTTP/1.x and HTTP/2 report.
 * Borrowed by whoever is told of it. Judges nothing. */
#ifndef SHADOWTAP_HTTP_HEAD_H
#define SHADOWTAP_HTTP_HEAD_H

#include "slice.h"
#include "status.h"

struct http_field {
	struct slice name;  /* as sent, without white space around it */
	struct slice value; /* trimmed; obs-fold joined by a space; may hold control characters */
};

/* The head of a request or an answer. Borrowed: valid during the callback only. */
struct http_head {
	enum direction direction;
	uint8_t major, minor;
	struct slice method; /* request; for an answer, the method of its request, empty if that is not known */
	struct slice target; /* request: as sent; empty for an answer. HTTP/2: its :path, of a CONNECT its :authority */
	struct slice authority; /* HTTP/2: the request's :authority, empty where it was not sent; HTTP/1.x: empty */
	uint16_t status;        /* answer, else 0; 0 too in an answer whose status was lost (fields_lost) */
	const struct http_field *fields;
	uint32_t n_fields;
	bool fields_cut;  /* LIMIT_HTTP_FIELDS or LIMIT_HTTP_HEADER_KEPT was reached */
	bool ambiguous;   /* its framing can be read in two ways (smuggling): nothing in it proves anything */
	bool fields_lost; /* HTTP/2: some fields, or all, could not be known: their compression state was lost */
	bool unpaired;    /* an answer whose request was not seen */
	/* One exchange is a request and its answers. Numbered from 1 per connection; 0 for an unpaired answer of
	 * HTTP/1.x. user is the owner's word of memory for the exchange, shared by both heads; NULL in HTTP/2. */
	uint64_t exchange;
	uint64_t *user;
};

/* The value of the first field of that name (case-insensitive), or an empty slice with p == NULL. */
struct slice http_field_value(const struct http_head *head, const char *name);

enum http_body { HTTP_BODY_SKIP, HTTP_BODY_READ };

#endif
