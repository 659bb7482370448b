/* Frames -> a pcapng file (draft-ietf-opsawg-pcapng): section header, an interface description per capture and link type,
 * enhanced packet blocks with nanosecond times and comments. Called by the half that holds the evidence file's descriptor.
 * Opens nothing: it writes to a descriptor that it is given. */
#ifndef SHADOWTAP_PCAPNG_WRITER_H
#define SHADOWTAP_PCAPNG_WRITER_H

#include "frame.h"
#include <stdbool.h>
#include <stddef.h>

struct pcapng_writer;

/* fd: borrowed, at the end of an empty file. names: of the captures, by index; borrowed. NULL when out of memory. */
struct pcapng_writer *pcapng_writer_new(int fd, const char *application, const char *const *names, size_t n_names);
/* comment: UTF-8 without control characters but newline, or NULL. Buffered. 0, FAIL_IO (errno says why; the file then ends at the last
 * whole block that fitted) or FAIL_MEMORY. */
int pcapng_writer_put(struct pcapng_writer *w, const struct frame *f, const char *comment);
/* Writes out what is buffered, so that the file is whole at this point. As pcapng_writer_put. */
int pcapng_writer_flush(struct pcapng_writer *w);
/* Bytes of the file, buffered ones included. */
uint64_t pcapng_writer_size(const struct pcapng_writer *w);
/* Does not flush. NULL is fine. */
void pcapng_writer_free(struct pcapng_writer *w);

#endif
