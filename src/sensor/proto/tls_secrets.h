/* The secrets that the operator handed over, by the client random of the connection that they open, and which session of TLS 1.2
 * went on under another client random. Filled by keylog.c while no packet is being read, asked by tls_decrypt. Bounded: the oldest
 * connection leaves. What leaves is wiped; nothing here is ever written or shown. */
#ifndef SHADOWTAP_TLS_SECRETS_H
#define SHADOWTAP_TLS_SECRETS_H

#include "siphash.h"
#include "tls_schedule.h"

enum tls_secret {
	TLS_SECRET_MASTER, /* up to TLS 1.2 */
	TLS_SECRET_EARLY,
	TLS_SECRET_CLIENT_HANDSHAKE,
	TLS_SECRET_SERVER_HANDSHAKE,
	TLS_SECRET_CLIENT_TRAFFIC,
	TLS_SECRET_SERVER_TRAFFIC,
	TLS_SECRET_KINDS,
};

struct tls_secrets;

struct tls_secrets_counts {
	uint64_t connections; /* of which there is a secret */
	uint64_t dropped;     /* that made room */
	uint64_t sessions;    /* noted, in all */
};

/* key: random for a live sensor. NULL when out of memory. */
struct tls_secrets *tls_secrets_new(const struct hash_key *key);

/* secret: at most TLS_SECRET_MAX bytes, copied. A second one of a kind replaces the first. FAIL_MEMORY. */
int tls_secrets_add(struct tls_secrets *s, const uint8_t random[TLS_RANDOM], enum tls_secret kind, struct slice secret);
/* Borrowed until the next tls_secrets_add(); empty if there is none. */
struct slice tls_secrets_find(const struct tls_secrets *s, const uint8_t random[TLS_RANDOM], enum tls_secret kind);

/* The keyed hash that stands for a session id or ticket. Never 0. */
uint64_t tls_secrets_session_name(const struct tls_secrets *s, struct slice id_or_ticket);
/* A session of that name has the master secret of the connection with that client random. FAIL_MEMORY. */
int tls_secrets_session_note(struct tls_secrets *s, uint64_t name, const uint8_t random[TLS_RANDOM]);
bool tls_secrets_session_find(const struct tls_secrets *s, uint64_t name, uint8_t ret_random[TLS_RANDOM]);

/* Changes with whatever was added. Never 0. */
uint64_t tls_secrets_generation(const struct tls_secrets *s);
struct tls_secrets_counts tls_secrets_counts(const struct tls_secrets *s);
size_t tls_secrets_memory(const struct tls_secrets *s);
void tls_secrets_free(struct tls_secrets *s);

#endif
