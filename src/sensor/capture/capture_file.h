/* Capture files -> frames: pcap and pcapng, both byte orders, micro- and nanoseconds, plain, gzip or zstd, from a
 * path (mapped where it can be) or from a pipe that is still being written ("-").
 * Called by cli. Decodes nothing: link types are passed on as found. */
#ifndef SHADOWTAP_CAPTURE_FILE_H
#define SHADOWTAP_CAPTURE_FILE_H

#include "frame.h"
#include <stdbool.h>
#include <stddef.h>

struct capture_file;

#define CAPTURE_ERROR_TEXT 256

/* path "-" is standard input. FAIL_IO, FAIL_INPUT or FAIL_MEMORY, with a sentence in error (which names the file). */
int capture_file_open(const char *path, struct capture_file **ret, char error[CAPTURE_ERROR_TEXT]);

/* 1 and a frame, 0 at the end, or FAIL_INPUT / FAIL_IO / FAIL_MEMORY: everything before it was good, and
 * capture_file_error() says what is wrong with file, frame number and offset. 0 and failures last, but for one:
 * FAIL_IO with errno EINTR means that a signal handler (installed without SA_RESTART) ended the wait for a silent
 * pipe; the call may be made again.
 * Frame numbers count from 1. The frame's bytes are valid until the next call, or, where capture_file_is_stable(),
 * until the file is freed. Sets every member of the frame but `capture`. */
int capture_file_next(struct capture_file *f, struct frame *ret);

/* True when the frames' bytes stay where they are (a mapped file), so that they need not be copied. */
bool capture_file_is_stable(const struct capture_file *f);

const char *capture_file_error(const struct capture_file *f);

/* Bytes of the (compressed) input consumed, and its size, 0 where unknown (a pipe). For progress. */
uint64_t capture_file_position(const struct capture_file *f);
uint64_t capture_file_size(const struct capture_file *f);

/* True when the next call to capture_file_next() would wait for input: a pipe that does not hold a whole further packet
 * at the moment. Lets the caller hand on what it has before it waits. Always false for regular files.
 * Reads ahead without waiting: like a call to capture_file_next() it ends the life of the last frame's bytes. */
bool capture_file_would_block(struct capture_file *f);

/* The TLS key log of a Decryption Secrets Block: bytes as they stand there, borrowed. */
typedef void capture_secrets_fn(void *context, const uint8_t *bytes, size_t n);

/* Hands over such blocks: all of them at once where the file can be looked through (a mapped pcapng file), so that those behind their packets
 * are there in time; else each when its place comes, from within capture_file_next(). Before the first frame. True in that case: secrets
 * may come late. */
bool capture_file_secrets(struct capture_file *f, capture_secrets_fn *on_secrets, void *context);

void capture_file_free(struct capture_file *f);

#endif
