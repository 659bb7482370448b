/* Facts of one connection + the organisation's approved servers -> approved, violation or unauthorized, and why.
 * policy_judge is a pure function: no clock (expiry is judged by packet time), no name look-up, no memory of the past.
 * The file format is schema/policy.schema.json; order of precedence as in docs/policy.md (the event contract). */
#ifndef SHADOWTAP_POLICY_H
#define SHADOWTAP_POLICY_H

#include "observation.h"
#include "posture.h"

struct policy;

enum verdict { VERDICT_APPROVED, VERDICT_VIOLATION, VERDICT_UNAUTHORIZED, VERDICT_COUNT };
const char *verdict_name(enum verdict v);

enum traffic_direction { TRAFFIC_OUTBOUND, TRAFFIC_INBOUND, TRAFFIC_INTERNAL, TRAFFIC_EXTERNAL, TRAFFIC_COUNT };
const char *traffic_direction_name(enum traffic_direction d);

/* Notes of each kind that a judgement carries: every requirement and every finding that one may forbid. */
#define POLICY_NOTES_MAX (16 + LIMIT_FINDINGS)
/* Reasons of a judgement: of each kind of names those spelt out and one for the rest; and one for the client. */
#define POLICY_REASONS_MAX (3 * (LIMIT_POLICY_NAMED + 1) + 1)

struct judgement {
	enum verdict verdict;
	const char *rule;                          /* id of the entry that decided, or NULL; borrowed from the policy */
	const char *unverified[POLICY_NOTES_MAX];  /* requirements that could not be seen: "path", "auth", "protocol_version" ... */
	size_t n_unverified;
	const char *breaches[POLICY_NOTES_MAX];    /* requirements visibly breached: "policy.tls", "policy.finding:no-auth" ...; become findings */
	size_t n_breaches;
	/* Of breaches that a request or a client committed: which, when. They point into details: a judgement is never copied. */
	struct observed_reason reasons[POLICY_REASONS_MAX];
	size_t n_reasons;
	char details[POLICY_REASONS_MAX][LIMIT_DETAIL];
	char why[256];                             /* one sentence, for `policy test` */
};

#define POLICY_ERROR_TEXT 512

/* FAIL_CONFIG with a sentence naming file and line or JSON pointer, FAIL_IO, FAIL_MEMORY. */
int policy_load(const char *path, struct policy **ret, char error[POLICY_ERROR_TEXT]);
/* As policy_load, from memory; name stands for the file in error sentences. */
int policy_parse(const char *name, const char *text, size_t n, struct policy **ret, char error[POLICY_ERROR_TEXT]);
/* The policy of somebody who has none: nothing approved, internal networks by default. NULL when out of memory. */
struct policy *policy_empty(void);
/* Approved and denied ones together. */
size_t policy_entries(const struct policy *p);

/* posture: its findings, for entries that forbid some; NULL: none was looked for, so what an entry forbids could not be seen. */
void policy_judge(const struct policy *p, const struct observation *facts, const struct posture *posture, struct judgement *ret);

/* Direction from the configured internal networks (RFC 1918, RFC 4193, loopback, link local, RFC 6598 by default). */
enum traffic_direction policy_direction(const struct policy *p, const struct ip_addr *client, const struct ip_addr *server);

void policy_free(struct policy *p);

#endif
