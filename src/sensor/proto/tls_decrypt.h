/* Two directions of one TLS connection from its first byte -> what is said inside, with the operator's secrets. Called by app_stream
 * beside tls (which reads what is in the clear). Records lie anywhere in the bytes; each tag is checked, nothing is guessed. What
 * cannot be opened yet is held, within limits, and read in its order once the secret has come. Breaks no key: without a secret it reads
 * nothing. RFC 8446, RFC 5246, RFC 5077, RFC 7366.
 *
 * Known weaknesses: a KeyUpdate that was lost in a gap ends that direction; TLS up to 1.1 is not read. */
#ifndef SHADOWTAP_TLS_DECRYPT_H
#define SHADOWTAP_TLS_DECRYPT_H

#include "limits.h"
#include "tls.h"
#include "tls_record.h"
#include "tls_secrets.h"

struct tls_counts {
	uint64_t decrypted;  /* connections of which something was opened */
	uint64_t no_secret;  /* that were given up for want of one */
	uint64_t unreadable; /* whose version or cipher suite is not read */
	uint64_t given_up;   /* that waited too long for a secret */
};

/* When a packet was seen: the owner's, kept with what is held and given back with it. */
struct tls_moment {
	int64_t time_ns;
	uint64_t frame;
};

struct tls_decrypt;

/* A session that goes on under the secret of that connection. */
struct tls_learned {
	uint64_t name;
	uint8_t random[TLS_RANDOM];
};

/* What all connections of one shard share. */
struct tls_room {
	const struct tls_secrets *secrets; /* NULL: nothing is decrypted */
	bool may_wait;                     /* secrets may come after the packets that they open */
	struct anomaly_counts *anomalies;
	struct tls_moment moment;          /* of the packet that is being read */
	void (*on_given_up)(void *context, void *owner); /* it waits no longer, to make room for another one */
	void *context;
	uint64_t generation;               /* of the secrets that all that waits was tried with */
	struct tls_counts counts;
	struct tls_decrypt *oldest, *newest; /* those that hold bytes */
	size_t held;
	struct tls_learned learned[LIMIT_TLS_LEARNED]; /* to be taken over into the store by whoever may write to it */
	unsigned n_learned;
	uint8_t *plain[LIMIT_TLS_DEPTH];   /* where records are opened */
};

void tls_room_done(struct tls_room *r);
size_t tls_room_memory(const struct tls_room *r);

struct tls_decrypt_callbacks {
	void (*bytes)(void *context, enum direction d, struct slice plain);
	void (*gap)(void *context, enum direction d); /* an unknown number of bytes is missing */
	void (*end)(void *context, enum direction d);
	void (*learned)(void *context);               /* the hellos' facts have grown */
	void (*moment)(void *context, const struct tls_moment *m); /* what follows was seen then */
};

/* hellos: gets what the handshake hides. owner: see on_given_up. depth: of TLS inside TLS, below LIMIT_TLS_DEPTH. NULL when out of
 * memory. */
struct tls_decrypt *tls_decrypt_new(struct tls_room *room, struct tls *hellos, const struct tls_decrypt_callbacks *callbacks,
                                    void *context, void *owner, unsigned depth);
void tls_decrypt_feed(struct tls_decrypt *t, enum direction d, struct slice bytes);
/* n == 0: an unknown number. */
void tls_decrypt_gap(struct tls_decrypt *t, enum direction d, uint64_t n);
void tls_decrypt_end(struct tls_decrypt *t, enum direction d);
/* Tries all connections of the room that wait, oldest first, with the secrets that there are now. on_tried: after each. */
void tls_room_retry(struct tls_room *r, void (*on_tried)(void *context, void *owner), void *context);

/* It holds something that a secret could still open. */
bool tls_decrypt_waits(const struct tls_decrypt *t);
/* Nothing will be called back any more. */
bool tls_decrypt_is_over(const struct tls_decrypt *t);
size_t tls_decrypt_memory(const struct tls_decrypt *t);
void tls_decrypt_free(struct tls_decrypt *t);

#endif
