/* The state of tls_decrypt, shared by its files and by nobody else: tls_decrypt.c holds what must wait, tls_decrypt_record.c finds and
 * opens records, tls_decrypt_handshake.c follows the handshake and takes the keys. */
#ifndef SHADOWTAP_TLS_DECRYPT_STATE_H
#define SHADOWTAP_TLS_DECRYPT_STATE_H

#include "tls_cipher.h"
#include "tls_decrypt.h"

enum tls_epoch { TLS_CLEAR, TLS_EARLY, TLS_HANDSHAKING, TLS_APPLICATION }; /* up to TLS 1.2 the first and the last */

enum tls_step {
	TLS_STEP_ON,   /* what was at hand is done with */
	TLS_STEP_WAIT, /* it has to wait: for a secret, or for the other direction */
	TLS_STEP_AGAIN,/* the same record once more, the state has changed */
};

struct tls_side {
	uint8_t header[TLS_RECORD_HEADER];
	uint8_t header_n;
	uint8_t *body;     /* of a record that did not come in one piece; while the place is sought, whatever comes */
	uint32_t n, cap;
	uint32_t damaged;  /* bytes still to come of a record that a gap has hit */
	bool whole;        /* body has all of the record */
	bool waits;        /* it cannot go on now */
	bool shut;         /* nothing further is read */
	bool ended;        /* the end was said */
	bool sought;       /* where the next record begins is not known */
	bool hunted;       /* which number the next record has, or which epoch it is of, is not known */
	bool gapped;       /* content was lost, which has not been said yet */
	bool holes;        /* handshake messages in the clear were lost */
	bool by_gap;       /* hunted because of a gap, not because a secret of the handshake is missing */
	enum tls_epoch epoch, turn; /* turn: the epoch that begins with the next record, TLS_CLEAR: the same */
	uint64_t sequence;
	uint32_t reach;    /* numbers from sequence on that are tried, while hunted */
	uint32_t tries;
	struct tls_cipher cipher;
	uint8_t secret[TLS_SECRET_MAX]; /* of the cipher, from TLS 1.3 on: the next one is made of it */
	struct tls_messages messages;
};

struct tls_decrypt {
	struct tls_room *room;
	struct tls *hellos;
	const struct tls_decrypt_callbacks *callbacks;
	void *context, *owner;
	unsigned depth;
	struct tls_side side[2];
	uint8_t client_random[TLS_RANDOM], server_random[TLS_RANDOM];
	bool has_client, has_server;
	bool tls13, encrypt_then_mac;
	bool early_offered, early_known, early_accepted;
	bool full;                /* the handshake is no resumption: the server sent what only a full one has */
	bool opened, counted;     /* some record was; it was counted as one without secret */
	bool wants;               /* a secret was looked for and was not there */
	bool news;                /* something has changed that the other direction may wait for */
	bool busy;                /* being read: must not be given up by another one */
	const struct tls_suite *suite;
	uint64_t offered_id, offered_ticket; /* session names, 0: none */
	uint64_t given_id, given_ticket;
	struct tls_decrypt *older, *newer;   /* the room's list */
	bool listed;
	uint64_t tried;           /* generation of the secrets that it was last tried with */
	uint8_t *held;
	size_t held_n, held_cap, held_last; /* held_last: where the latest of it begins */
};

/* tls_decrypt.c */
void tls_decrypt_shut(struct tls_decrypt *t, enum direction d);
void tls_decrypt_shut_both(struct tls_decrypt *t);
/* A secret is needed and not there: waits if one may come, or where learned: another connection may tell which one it is; else shuts both
 * directions. */
enum tls_step tls_decrypt_needs(struct tls_decrypt *t, bool learned);

/* tls_decrypt_record.c. False: the rest has to wait. */
bool tls_side_feed(struct tls_decrypt *t, enum direction d, struct slice *bytes);
bool tls_side_gap(struct tls_decrypt *t, enum direction d, uint64_t n);

/* tls_decrypt_handshake.c */
/* Handshake messages of one record; secret: it was encrypted. */
void tls_handshake_bytes(struct tls_decrypt *t, enum direction d, struct slice bytes, bool secret);
/* Keys for what follows a ChangeCipherSpec, up to TLS 1.2. */
enum tls_step tls_keys_12(struct tls_decrypt *t, enum direction d);
/* Keys for the first protected record of a direction, from TLS 1.3 on. */
enum tls_step tls_keys_13_first(struct tls_decrypt *t, enum direction d);
/* Keys of that epoch; ON once they are in force. */
enum tls_step tls_keys_13(struct tls_decrypt *t, enum direction d, enum tls_epoch epoch);

#endif
