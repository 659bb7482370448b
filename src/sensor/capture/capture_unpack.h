/* gzip (RFC 1952, any number of members) or zstd (RFC 8878, any number of frames) bytes -> the bytes inside.
 * Called by capture_input. Does no reading, holds no output, and bounds the window that the packer may ask for. */
#ifndef SHADOWTAP_CAPTURE_UNPACK_H
#define SHADOWTAP_CAPTURE_UNPACK_H

#include "slice.h"

#define CAPTURE_PACKING_BYTES 4 /* enough of a file to tell its packing */

enum capture_packing { CAPTURE_PLAIN, CAPTURE_GZIP, CAPTURE_ZSTD };

struct capture_unpack;

enum capture_packing capture_packing_of(struct slice first);

/* FAIL_MEMORY. Not for CAPTURE_PLAIN. */
int capture_unpack_new(enum capture_packing packing, struct capture_unpack **ret);
void capture_unpack_free(struct capture_unpack *u);

/* Unpacks until `in` is used up or `room` (not 0) is filled. Fewer bytes than room were made: nothing is held back.
 * FAIL_INPUT (and *ret_why a clause) or FAIL_MEMORY; *ret_used and *ret_made hold on failure too, since what came
 * out before the damage is good. */
int capture_unpack_some(struct capture_unpack *u, struct slice in, uint8_t *out, size_t room, size_t *ret_used,
			size_t *ret_made, const char **ret_why);

/* True between two members or frames: where the input may end. */
bool capture_unpack_complete(const struct capture_unpack *u);

#endif
