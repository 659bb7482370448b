/* Bytes of one direction -> pieces of TLS records -> whole handshake messages, over any split of either.
 * Called by tls. A message that lies in one piece is handed on where it lies; only one that does not is copied.
 * Judges no order of messages and reads none of them. RFC 8446 5.1 and 4, RFC 5246 6.2.1 and 7.4. */
#ifndef SHADOWTAP_TLS_RECORD_H
#define SHADOWTAP_TLS_RECORD_H

#include "slice.h"

enum tls_content {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
	TLS_HEARTBEAT = 24,
};

#define TLS_RECORD_HEADER 5
#define TLS_RECORD_MAX ((1u << 14) + 2048) /* RFC 5246 6.2.3; a plaintext one has at most 2^14 */

enum tls_handshake_type {
	TLS_HELLO_REQUEST = 0,
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_NEW_SESSION_TICKET = 4,
	TLS_END_OF_EARLY_DATA = 5,
	TLS_ENCRYPTED_EXTENSIONS = 8,
	TLS_CERTIFICATE = 11,
	TLS_SERVER_KEY_EXCHANGE = 12,
	TLS_SERVER_HELLO_DONE = 14,
	TLS_FINISHED = 20,
	TLS_KEY_UPDATE = 24,
};

struct tls_records {
	uint8_t header[TLS_RECORD_HEADER];
	uint8_t header_n;
	bool begun;    /* a piece of the current record was handed on */
	uint16_t left; /* bytes of the current record still to come */
};

/* What the bytes at hand hold of one record. Borrowed from them. */
struct tls_piece {
	uint8_t type;
	bool first; /* the record begins here */
	bool empty; /* a record without content */
	struct slice bytes;
};

enum tls_next { TLS_NEXT_NONE, TLS_NEXT_ONE, TLS_NEXT_BAD };

/* Takes the next piece off bytes. NONE: all were taken. BAD: this is no TLS record; r must not be used again. */
enum tls_next tls_records_next(struct tls_records *r, struct slice *bytes, struct tls_piece *ret_piece);

/* Which messages are put together: for those who read what is in the clear; for those who decrypt, and know the version. */
enum tls_reads { TLS_READS_CLEAR, TLS_READS_SECRET, TLS_READS_SECRET_13 };

/* One direction's handshake messages being put together. All zero is its start. */
struct tls_messages {
	uint8_t reads; /* enum tls_reads */
	uint8_t header[4];
	uint8_t header_n;
	bool delivered; /* the current message was handed on; what is left of it is passed over */
	uint32_t left;  /* bytes of the current message still to come */
	uint8_t *kept;
	uint32_t kept_n, kept_cap;
};

struct tls_message {
	uint8_t type;
	uint32_t length;   /* as its header says */
	struct slice body; /* hellos: up to their cap; Certificate: up to the end of the leaf; others: nothing, unless they matter
			    * to who decrypts: up to the cap of hellos */
};

/* Takes the next message off the bytes of a piece. 1: there is one, its body is valid until the next call; 0: all bytes
 * were taken; FAIL_MEMORY. */
int tls_messages_next(struct tls_messages *m, struct slice *bytes, struct tls_message *ret_message);

/* The start of a message of that type that is not complete yet, or an empty slice. */
struct slice tls_messages_partial(const struct tls_messages *m, uint8_t type);

/* Frees what is kept. */
void tls_messages_done(struct tls_messages *m);

#endif
