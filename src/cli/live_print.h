/* Committed events -> standard output, in a thread of its own: the database must never wait for whoever reads them. Used
 * by `shadowtap live`. What finds no room is not printed, counted and said once; the database has it. */
#ifndef SHADOWTAP_LIVE_PRINT_H
#define SHADOWTAP_LIVE_PRINT_H

#include "cli.h"
#include <jansson.h>

struct live_print;

/* fd stays the caller's. The thread starts with the first event: before that the process forks. NULL: out of memory or
 * descriptors. */
struct live_print *live_print_new(int fd, enum cli_format format);
/* From one thread at a time. Never waits. */
void live_print_event(struct live_print *p, const json_t *event);
/* Waits so long for what is not written yet. EXIT_OK, or EXIT_FAILED after saying why; a reader that went away or does
 * not read is no failure. */
int live_print_free(struct live_print *p, int patience_ms);

#endif
