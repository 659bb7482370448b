/* Bytes of a key log (the format of NSS, draft-ietf-tls-keylogfile) -> secrets in a store, over any split of the bytes. Called by
 * sensor while no packet is read. Opens no file; shows nothing of a line but its number. */
#ifndef SHADOWTAP_KEYLOG_H
#define SHADOWTAP_KEYLOG_H

#include "limits.h"
#include "tls_secrets.h"

/* One file, or the blocks of one capture. All zero is its start. */
struct keylog {
	char line[LIMIT_KEYLOG_LINE];
	size_t n;
	bool too_long;
	uint64_t number;     /* of the line that is being read, less one */
	uint64_t lines;      /* that held a secret which is of use */
	uint64_t malformed;
};

/* A line, by its number, that is none of a key log. */
typedef void keylog_bad_fn(void *context, uint64_t line);

/* FAIL_MEMORY if a secret was lost. What is behind the last line's end waits for more. */
int keylog_read(struct keylog *k, struct slice bytes, struct tls_secrets *into, keylog_bad_fn *on_bad, void *context);
/* No more will come: a last line without an end counts if it is one. FAIL_MEMORY. */
int keylog_end(struct keylog *k, struct tls_secrets *into);
/* The file begins anew: it was cut, or another one is in its place. */
void keylog_restart(struct keylog *k);
/* Wipes. */
void keylog_done(struct keylog *k);

#endif
