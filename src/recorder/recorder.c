/* Which record it is decides who reads it: a table of handlers, one file each. */
#include "recorder_state.h"
#include "record.h"
#include <stdlib.h>

/* A kind without a handler is refused as invalid. */
static recorder_record_fn *const handlers[RECORD_COUNT] = {
	[RECORD_OBSERVATION] = recorder_observation,
	[RECORD_OFFER] = recorder_offer,
	[RECORD_CALL] = recorder_call,
	[RECORD_NAMES] = recorder_names,
};

struct recorder *recorder_new(const struct recorder_config *config)
{
	struct recorder *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->config = *config;
	r->book = session_book_new(recorder_session_news, r);
	r->catalog = catalog_new();
	r->names = name_book_new();
	if (!r->book || !r->catalog || !r->names) {
		recorder_free(r);
		return NULL;
	}
	return r;
}

int recorder_take(struct recorder *r, const uint8_t *bytes, size_t n)
{
	recorder_record_fn *handler = handlers[record_kind_of(bytes, n)];
	r->counts.observations++;
	if (handler)
		return handler(r, bytes, n);
	r->counts.invalid++;
	return 0;
}

int recorder_settle(struct recorder *r)
{
	return session_book_settle(r->book);
}

int recorder_sensor_lost(struct recorder *r)
{
	return recorder_call_end(r, true);
}

int recorder_end(struct recorder *r)
{
	int audited = recorder_call_end(r, false); /* first: it asks the book who they were */
	int result = session_book_end(r->book), flushed = recorder_flush(r);
	name_book_end(r->names);
	r->counts.names = *name_book_counts(r->names);
	return audited ? audited : result ? result : flushed;
}

void recorder_renew(struct recorder *r, const struct policy *policy, const char *signature_set)
{
	r->config.policy = policy;
	r->config.signature_set = signature_set;
}

const struct recorder_counts *recorder_counts(const struct recorder *r)
{
	return &r->counts;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	session_book_free(r->book);
	catalog_free(r->catalog);
	name_book_free(r->names);
	audit_free(r->audit);
	free(r);
}
