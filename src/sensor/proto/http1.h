/* Two directions of bytes -> HTTP/1.x requests and answers, paired (RFC 9112), by llhttp.
 * Called by app_stream. Knows no flow, no clock, no MCP: the owner says in its head callbacks which bodies it wants;
 * other bodies are counted past without a copy. What follows an accepted CONNECT or Upgrade is handed on raw. */
#ifndef SHADOWTAP_HTTP1_H
#define SHADOWTAP_HTTP1_H

#include "anomaly.h"
#include "http_head.h"

struct http1;

struct http1_callbacks {
	/* A head is complete (for an answer: also each 1xx). Says whether the body is wanted. */
	enum http_body (*head)(void *context, const struct http_head *head);
	/* Bytes of a wanted body, transfer and content codings removed. */
	void (*body)(void *context, enum direction d, uint64_t exchange, uint64_t *user, struct slice bytes);
	/* n bytes of a wanted body are missing (lost segments). With a content coding the rest of the body cannot be
	 * read and `end` follows with complete == false. */
	void (*body_gap)(void *context, enum direction d, uint64_t exchange, uint64_t *user, uint64_t n);
	/* The message ended; complete is false where its end was lost, cut, or the coding was broken.
	 * Called for skipped bodies too. For an answer, not for 1xx. */
	void (*end)(void *context, enum direction d, uint64_t exchange, uint64_t *user, bool complete);
	/* From now on both directions are another protocol: an accepted CONNECT (connect == true) or a 101.
	 * head is the answer. A CONNECT or Upgrade that was refused never gets here: HTTP goes on. */
	void (*tunnel)(void *context, bool connect, const struct http_head *answer);
	/* Bytes, gaps and ends of the tunnel. Bytes that the client sent before the answer was known are held back
	 * (bounded) and arrive here after `tunnel`, or are parsed as HTTP if it was refused. */
	void (*tunnel_bytes)(void *context, enum direction d, struct slice bytes);
	void (*tunnel_gap)(void *context, enum direction d, uint64_t n);
	/* It is over, and nothing was ever seen of the server: what the client said after its CONNECT or Upgrade, which
	 * only an accepted one explains. May be NULL. */
	void (*tunnel_unanswered)(void *context, uint64_t exchange, struct slice said);
};

/* NULL when out of memory. anomalies is borrowed. */
struct http1 *http1_new(const struct http1_callbacks *callbacks, void *context, struct anomaly_counts *anomalies);

/* PARSE_MORE, or PARSE_BAD: that direction is no HTTP (any more) and ignores what follows. */
enum parse http1_feed(struct http1 *h, enum direction d, struct slice bytes);

/* n bytes are missing in direction d; n == 0 means an unknown number. A gap inside a body of known length, or inside
 * one chunk's data, is counted past; any other gap makes the reader look for the next head at a start of a segment
 * (http1_feed is called with segments as they arrived); heads found after such a gap carry resynced == true in
 * http1_resynced(). A gap before any byte means a start in mid-stream. What it does to pairing: http1_pairing.c. */
void http1_gap(struct http1 *h, enum direction d, uint64_t n);

/* The sender closed its direction (FIN, RST or the end of the capture). Ends bodies that last until close. */
void http1_eof(struct http1 *h, enum direction d);

/* Bytes from here on that nobody will read (the rest of a skipped body): the caller may drop them unread and report
 * them by http1_skipped(). UINT64_MAX means until close. 0: feed me. */
uint64_t http1_skippable(const struct http1 *h, enum direction d);
void http1_skipped(struct http1 *h, enum direction d, uint64_t n);

/* True while what this direction reads was found again after a gap of unknown content, and no answer has yet matched
 * its request: an upload that quotes HTTP looks just like it. */
bool http1_resynced(const struct http1 *h, enum direction d);

/* True if these first bytes of a direction could be the start of HTTP/1.x; *ret_sure once there are enough to know. */
bool http1_looks_like(struct slice first, enum direction d, bool *ret_sure);

size_t http1_memory(const struct http1 *h);
void http1_free(struct http1 *h);

#endif
