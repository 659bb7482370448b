/* A request, its answer, or the end of what an answer could have come on -> bytes and back: the record of which the recorder makes the audit
 * log. Made by mcp/ where an audit log is wanted, validated before the recorder believes it. Carries neither arguments nor results, and of a
 * JSON-RPC id and a session no more than keyed hashes. */
#ifndef SHADOWTAP_CALL_H
#define SHADOWTAP_CALL_H

#include "limits.h"
#include "record.h"
#include "status.h"
#include <stdbool.h>

enum call_part {
	CALL_REQUEST,
	CALL_ANSWER,
	CALL_CANCEL,         /* who asked does not want the answer any more */
	CALL_EXCHANGE_END,   /* the HTTP answer ended */
	CALL_CONNECTION_END,
	CALL_PART_COUNT
};

/* What became of a request. The first ones are said by an answer. */
enum call_outcome {
	CALL_OK,
	CALL_ERROR,          /* a JSON-RPC error */
	CALL_TOOL_ERROR,     /* a result with isError */
	CALL_INPUT_REQUIRED, /* the server wants to know more before it answers (2026-07-28) */
	CALL_TASK,           /* the answer will be asked for later */
	CALL_ANSWERS,        /* how many of them an answer can have */
	CALL_HTTP_STATUS = CALL_ANSWERS, /* refused by an HTTP status, without a JSON-RPC answer */
	CALL_CANCELLED,
	CALL_NO_ANSWER,
	CALL_NOT_SEEN,       /* the answer, if there was one, is among what the capture lost */
	CALL_OUTCOME_COUNT
};
const char *call_outcome_name(enum call_outcome o); /* "ok", "tool-error" ... */

struct call {
	struct connection_ref connection;
	enum call_part part;
	enum direction from;  /* who said it */
	int64_t time_ns;      /* packet time and frame of its last byte */
	uint64_t frame;
	uint64_t exchange;    /* HTTP request and answer on that connection; 0: a message that belongs to none */
	uint64_t session;     /* as in the observation's session_keys; 0: none, or not known */
	uint64_t id;          /* hash of the JSON-RPC id that is asked, answered or cancelled; 0: none that can be compared */
	uint64_t bytes;       /* of the message */
	/* of a request */
	uint32_t ordinal;     /* of those of its connection and authority */
	const char *method;   /* "" for the other parts, as is name */
	const char *name;     /* of a tool, prompt or resource (without what may be secret in a URI), or "" */
	/* of an answer, and the end of an exchange */
	enum call_outcome outcome;
	int64_t code;         /* of CALL_ERROR */
	uint16_t status;      /* of HTTP; 0: none */
	bool lost;            /* of an end: some of what was said is not known */
};

/* Bytes of a record at most. */
#define CALL_BYTES (4 + RECORD_REF_BYTES + 4 + 8 * 7 + 4 + 2 + 2 + 2 + LIMIT_METHOD + LIMIT_PATH)

/* One malloc'd block, or NULL when out of memory. The reference is left empty: record_ref_put() sets it. */
uint8_t *call_encode(const struct call *c, size_t *ret_n);

struct call_box {
	struct call c; /* its texts are in the box */
	char method[LIMIT_METHOD], name[LIMIT_PATH];
};

/* Validates everything. False if the bytes are no call. The box must stay where it is. */
bool call_decode(const uint8_t *bytes, size_t n, struct call_box *ret);

#endif
