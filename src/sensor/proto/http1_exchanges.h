/* Requests in order -> the request that the next answer belongs to (RFC 9112 9.3.2: answers come in request order).
 * Called by http1. Holds LIMIT_HTTP_PIPELINE unanswered requests; the owner's word for a forgotten one is lost. */
#ifndef SHADOWTAP_HTTP1_EXCHANGES_H
#define SHADOWTAP_HTTP1_EXCHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct http1_exchange {
	uint64_t user;
	uint8_t method;   /* enum llhttp_method */
	bool upgrade;     /* the request offered one */
	bool expect;      /* it waits for a 100 before its body */
	bool unsure;      /* its place in the order is a guess: its answer counts as unpaired */
	bool done[2];     /* by direction: message ended, or will not come */
};

struct http1_exchanges {
	struct http1_exchange *ring;
	uint32_t cap;     /* a power of two, or 0 */
	uint32_t head;
	uint64_t first;   /* number of the oldest kept exchange; first == next: none */
	uint64_t answer;  /* number of the next to be answered, first <= answer <= next */
	uint64_t next;    /* number of the next request, from 1 */
	uint64_t owed;    /* answers to come before `answer` whose requests are not kept */
};

void http1_exchanges_init(struct http1_exchanges *x);
void http1_exchanges_free(struct http1_exchanges *x);
/* Numbers a new request. *ret is NULL if there was no memory to keep it; then all before it are forgotten too.
 * Returns false if the limit made the oldest be forgotten. */
bool http1_exchanges_push(struct http1_exchanges *x, uint64_t *ret_number, struct http1_exchange **ret);
struct http1_exchange *http1_exchanges_get(struct http1_exchanges *x, uint64_t number);
/* The request that the next answer belongs to, or NULL if it is not known; *ret_number is 0 then. */
struct http1_exchange *http1_exchanges_next(struct http1_exchanges *x, uint64_t *ret_number);
/* A final answer took its place. */
void http1_exchanges_answered(struct http1_exchanges *x);
/* Direction d is through with an exchange. */
void http1_exchanges_done(struct http1_exchanges *x, uint64_t number, enum direction d);
/* As if no unanswered request had ever been. */
void http1_exchanges_drop(struct http1_exchanges *x);

#endif
