/* text/event-stream bytes -> events, by the WHATWG rules (HTML standard, 9.2.6 "Interpreting an event stream"):
 * UTF-8 byte order mark, comments, CR, LF, CRLF over any split, multi-line data, id, retry.
 * Called by app_stream with decoded body bytes. Data is handed on in pieces and never held. */
#ifndef SHADOWTAP_SSE_H
#define SHADOWTAP_SSE_H

#include "anomaly.h"
#include "slice.h"
#include "status.h"

struct sse;

/* Each may be NULL. They must not call the reader that calls them. */
struct sse_callbacks {
	/* A piece of the current event's data; lines are joined by '\n' pieces. The event's type may not be known yet:
	 * its line may come after the data. */
	void (*data)(void *context, struct slice piece);
	/* An empty line ended an event. type is "message" where none was given, cut at LIMIT_SSE_FIELD.
	 * has_data: at least one data line. has_id: an id field without NUL. Events without data are reported too
	 * (priming events); the WHATWG rules do not dispatch them. An empty line with none of data, event, id and retry
	 * before it (after a comment, say) is no event. */
	void (*event)(void *context, struct slice type, bool has_data, bool has_id);
	/* A comment line, for keep-alives; at most LIMIT_SSE_FIELD bytes of it. */
	void (*comment)(void *context, struct slice first_bytes);
};

struct sse *sse_new(const struct sse_callbacks *callbacks, void *context, struct anomaly_counts *anomalies);
void sse_feed(struct sse *s, struct slice bytes);
/* Bytes were lost: the current event is dropped (event is not called); parsing resumes after the next empty line. */
void sse_gap(struct sse *s);
void sse_free(struct sse *s);

#endif
