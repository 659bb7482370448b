/* A ring of connections, oldest first, with hash chains through it; and a table of sessions in sets of four, of which the oldest is
 * replaced. Known weakness: a key log of more than LIMIT_TLS_SECRETS connections that is read before their packets loses the first. */
#include "tls_secrets.h"
#include "limits.h"
#include <openssl/crypto.h>
#include <stdlib.h>

enum { ROOM_FIRST = 64, NOBODY = -1, SET = 4 };

struct connection {
	uint8_t random[TLS_RANDOM];
	uint8_t secret[TLS_SECRET_KINDS][TLS_SECRET_MAX];
	uint8_t n[TLS_SECRET_KINDS];
	int32_t next; /* of the same chain */
};

struct session {
	uint64_t name; /* 0: none */
	uint8_t random[TLS_RANDOM];
};

struct tls_secrets {
	struct hash_key key;
	struct connection *ring;
	int32_t *chains; /* as many as the ring has room for */
	uint32_t n, room, oldest;
	struct session *sessions; /* NULL until there is one */
	uint8_t *turns;           /* which of a set is replaced next */
	uint64_t generation;
	struct tls_secrets_counts counts;
};

struct tls_secrets *tls_secrets_new(const struct hash_key *key)
{
	struct tls_secrets *s = calloc(1, sizeof *s);
	if (s) {
		s->key = *key;
		s->generation = 1;
	}
	return s;
}

void tls_secrets_free(struct tls_secrets *s)
{
	if (!s)
		return;
	if (s->ring)
		OPENSSL_cleanse(s->ring, s->room * sizeof *s->ring);
	free(s->ring);
	free(s->chains);
	free(s->sessions);
	free(s->turns);
	OPENSSL_cleanse(s, sizeof *s);
	free(s);
}

static uint32_t chain_of(const struct tls_secrets *s, const uint8_t *random)
{
	return (uint32_t)siphash(&s->key, random, TLS_RANDOM) & (s->room - 1);
}

static int32_t find(const struct tls_secrets *s, const uint8_t *random)
{
	if (!s->room)
		return NOBODY;
	int32_t at = s->chains[chain_of(s, random)];
	while (at != NOBODY && memcmp(s->ring[at].random, random, TLS_RANDOM) != 0)
		at = s->ring[at].next;
	return at;
}

static void chain_in(struct tls_secrets *s, int32_t at)
{
	int32_t *chain = &s->chains[chain_of(s, s->ring[at].random)];
	s->ring[at].next = *chain;
	*chain = at;
}

static void chain_out(struct tls_secrets *s, int32_t at)
{
	int32_t *link = &s->chains[chain_of(s, s->ring[at].random)];
	while (*link != at)
		link = &s->ring[*link].next;
	*link = s->ring[at].next;
}

/* realloc() would leave a copy behind. */
static int grow(struct tls_secrets *s)
{
	uint32_t room = s->room ? s->room * 2 : ROOM_FIRST;
	struct connection *ring = malloc(room * sizeof *ring);
	int32_t *chains = malloc(room * sizeof *chains);
	if (!ring || !chains) {
		free(ring);
		free(chains);
		return FAIL_MEMORY;
	}
	if (s->n)
		memcpy(ring, s->ring, s->n * sizeof *ring);
	if (s->ring)
		OPENSSL_cleanse(s->ring, s->room * sizeof *s->ring);
	free(s->ring);
	free(s->chains);
	s->ring = ring;
	s->chains = chains;
	s->room = room;
	for (uint32_t i = 0; i < room; i++)
		chains[i] = NOBODY;
	for (uint32_t i = 0; i < s->n; i++)
		chain_in(s, (int32_t)i);
	return 0;
}

/* NOBODY: out of memory. */
static int32_t make(struct tls_secrets *s, const uint8_t *random)
{
	int32_t at;
	if (s->n < LIMIT_TLS_SECRETS) {
		if (s->n == s->room && grow(s) != 0)
			return NOBODY;
		at = (int32_t)s->n++;
	} else {
		at = (int32_t)s->oldest;
		s->oldest = (s->oldest + 1) % LIMIT_TLS_SECRETS;
		chain_out(s, at);
		s->counts.dropped++;
	}
	OPENSSL_cleanse(&s->ring[at], sizeof s->ring[at]);
	memcpy(s->ring[at].random, random, TLS_RANDOM);
	chain_in(s, at);
	return at;
}

int tls_secrets_add(struct tls_secrets *s, const uint8_t random[TLS_RANDOM], enum tls_secret kind, struct slice secret)
{
	int32_t at = find(s, random);
	if (secret.n > TLS_SECRET_MAX)
		return 0;
	if (at == NOBODY && (at = make(s, random)) == NOBODY)
		return FAIL_MEMORY;
	struct connection *c = &s->ring[at];
	if (c->n[kind] == secret.n && memcmp(c->secret[kind], secret.p, secret.n) == 0)
		return 0; /* a file that is read once more */
	OPENSSL_cleanse(c->secret[kind], sizeof c->secret[kind]);
	memcpy(c->secret[kind], secret.p, secret.n);
	c->n[kind] = (uint8_t)secret.n;
	s->generation++;
	return 0;
}

struct slice tls_secrets_find(const struct tls_secrets *s, const uint8_t random[TLS_RANDOM], enum tls_secret kind)
{
	int32_t at = find(s, random);
	return at == NOBODY ? slice_of(NULL, 0) : slice_of(s->ring[at].secret[kind], s->ring[at].n[kind]);
}

/* ---- sessions ---- */

uint64_t tls_secrets_session_name(const struct tls_secrets *s, struct slice id_or_ticket)
{
	uint64_t name = siphash(&s->key, id_or_ticket.p, id_or_ticket.n);
	return name ? name : 1;
}

static uint32_t set_of(uint64_t name)
{
	return (uint32_t)(name % (LIMIT_TLS_SESSIONS / SET));
}

int tls_secrets_session_note(struct tls_secrets *s, uint64_t name, const uint8_t random[TLS_RANDOM])
{
	if (!s->sessions) {
		s->sessions = calloc(LIMIT_TLS_SESSIONS, sizeof *s->sessions);
		s->turns = calloc(LIMIT_TLS_SESSIONS / SET, 1);
		if (!s->sessions || !s->turns) {
			free(s->sessions);
			free(s->turns);
			s->sessions = NULL;
			s->turns = NULL;
			return FAIL_MEMORY;
		}
	}
	struct session *set = &s->sessions[(size_t)set_of(name) * SET];
	struct session *to = NULL;
	for (int i = 0; i < SET && !to; i++)
		if (set[i].name == name)
			to = &set[i];
	if (to && memcmp(to->random, random, TLS_RANDOM) == 0)
		return 0;
	if (!to)
		to = &set[s->turns[set_of(name)]++ % SET];
	to->name = name;
	memcpy(to->random, random, TLS_RANDOM);
	s->counts.sessions++;
	s->generation++;
	return 0;
}

bool tls_secrets_session_find(const struct tls_secrets *s, uint64_t name, uint8_t ret_random[TLS_RANDOM])
{
	for (size_t i = 0; s->sessions && name && i < SET; i++) {
		const struct session *x = &s->sessions[(size_t)set_of(name) * SET + i];
		if (x->name == name) {
			memcpy(ret_random, x->random, TLS_RANDOM);
			return true;
		}
	}
	return false;
}

uint64_t tls_secrets_generation(const struct tls_secrets *s)
{
	return s->generation;
}

struct tls_secrets_counts tls_secrets_counts(const struct tls_secrets *s)
{
	struct tls_secrets_counts c = s->counts;
	c.connections = s->n;
	return c;
}

size_t tls_secrets_memory(const struct tls_secrets *s)
{
	return sizeof *s + s->room * (sizeof *s->ring + sizeof *s->chains) +
	       (s->sessions ? LIMIT_TLS_SESSIONS * sizeof *s->sessions + LIMIT_TLS_SESSIONS / SET : 0);
}
