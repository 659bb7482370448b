/* Frames -> a pcapng file (draft-ietf-opsawg-pcapng): section header, an interface description per capture and link
 * type, enhanced packet blocks with nanosecond times and comments. Called by the half that holds the evidence file's
 * descriptor. Opens nothing: it writes to a descriptor that it is given. */
#ifndef SHADOWTAP_PCAPNG_WRITER_H
#define SHADOWTAP_PCAPNG_WRITER_H

#include "frame.h"
#include <stdbool.h>
#include <stddef.h>

struct pcapng_writer;

/* fd: borrowed, at the end of an empty file. names: of the captures, by index; borrowed. NULL when out of memory. */
struct pcapng_writer *pcapng_writer_new(int fd, const char *application, const char *const *names, size_t n_names);
/* comment: any text, or NULL. Its newlines stay, everything that could do harm where it is shown is escaped
 * (text_escape_terminal), and what is longer than LIMIT_PCAPNG_TEXT is cut. Buffered. 0, FAIL_MEMORY (the frame is not
 * in the file, others may follow) or FAIL_IO: errno says why, the file ends at the last whole block that fitted, and
 * every later call fails alike. (A file size limit raises SIGXFSZ too, setrlimit(2): ignore it.) */
int pcapng_writer_put(struct pcapng_writer *w, const struct frame *f, const char *comment);
/* Writes out what is buffered, so that the file is whole at this point. As pcapng_writer_put. */
int pcapng_writer_flush(struct pcapng_writer *w);
/* Bytes of the file, buffered ones included; after FAIL_IO those that are in it. */
uint64_t pcapng_writer_size(const struct pcapng_writer *w);
/* Does not flush. NULL is fine. */
void pcapng_writer_free(struct pcapng_writer *w);

#endif
