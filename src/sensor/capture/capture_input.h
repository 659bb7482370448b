/* A path or a pipe -> capture bytes: mapped, or read and unpacked (gzip, zstd) into one bounded buffer.
 * Called by the capture readers, which ask for n bytes in one piece. Knows nothing of capture formats. */
#ifndef SHADOWTAP_CAPTURE_INPUT_H
#define SHADOWTAP_CAPTURE_INPUT_H

#include "slice.h"

struct capture_unpack;

/* What capture_input_need() answers beside a negative enum fail. */
enum capture_have {
	CAPTURE_END = 0,   /* fewer bytes than asked for are left, and no more will come */
	CAPTURE_READY = 1, /* they are at p */
	CAPTURE_WAIT = 2,  /* only with nowait: a pipe has nothing at the moment */
};

struct capture_input {
	const uint8_t *p;      /* next byte */
	const uint8_t *end;    /* end of the bytes at p */
	const uint8_t *start;  /* the memory that p walks through ... */
	uint64_t start_offset; /* ... and which (unpacked) byte of the capture it begins with */
	bool nowait;           /* answer CAPTURE_WAIT rather than sleep */
	bool may_wait;         /* not a regular file */
	const char *why;       /* after a failure: a clause for the error text */

	int fd;
	bool owns_fd;
	uint64_t size; /* of a regular file, else 0 */

	uint8_t *map; /* a mapped regular file, else NULL */
	size_t map_size;
	size_t map_dropped; /* so much of it has been handed back to the page cache */

	uint8_t *buffer; /* the unread bytes of everything else */
	size_t buffer_size;
	struct capture_unpack *unpack; /* NULL: the bytes are not packed */
	bool unpack_pending;           /* it may hold output that did not fit */
	bool ended;
	int failed;   /* what follows the unread bytes is damaged */
	uint8_t *raw; /* bytes as read, before unpacking */
	size_t raw_at;
	size_t raw_n;
	uint64_t raw_read;
};

/* path "-" is standard input, which is left open. FAIL_IO, FAIL_INPUT or FAIL_MEMORY; capture_input_done() is due
 * either way. */
int capture_input_open(struct capture_input *in, const char *path);
void capture_input_done(struct capture_input *in);

/* The slow half of capture_input_need(). */
int capture_input_fill(struct capture_input *in, size_t n);

/* Makes n bytes available at p, which may move. FAIL_IO with errno EINTR is no lasting failure: a signal handler
 * without SA_RESTART ran while the pipe was silent, and the same call may be made again. */
static inline int capture_input_need(struct capture_input *in, size_t n)
{
	return (size_t)(in->end - in->p) >= n ? CAPTURE_READY : capture_input_fill(in, n);
}

static inline size_t capture_input_left(const struct capture_input *in)
{
	return (size_t)(in->end - in->p);
}

/* Which byte of the unpacked capture p is. */
static inline uint64_t capture_input_offset(const struct capture_input *in)
{
	return in->start_offset + (uint64_t)(in->p - in->start);
}

/* Bytes of the input as it lies on the disk that have been used. */
uint64_t capture_input_position(const struct capture_input *in);

#endif
