/* Judged events on their way to the database: a bounded queue in memory, then a bounded spill file, then counted as lost. First in, first
 * out, across all three. Put by the thread that judges, taken by the thread that writes. Items are event texts (one JSON object each);
 * what they mean is not its business. */
#ifndef SHADOWTAP_BACKLOG_H
#define SHADOWTAP_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backlog;

#define BACKLOG_ERROR_TEXT 256

struct backlog_config {
	size_t memory_bytes;      /* what waits in memory, book-keeping included */
	const char *spill_path;   /* NULL: none. One JSON text a line; 0600; owned by one process (flock) */
	uint64_t spill_bytes;
};

/* A spill file that a process before this one left is taken over: its whole lines come out first (a torn last line is dropped and counted).
 * FAIL_IO with a sentence in error, or FAIL_MEMORY. */
int backlog_new(const struct backlog_config *config, struct backlog **ret, char error[BACKLOG_ERROR_TEXT]);

/* text is taken over (malloc'd, no newline in it, freed by the backlog). Never waits for the taker. */
void backlog_put_take(struct backlog *b, char *text, size_t n);

/* Waits until there is something, until timeout_ms have passed or until backlog_close(). Hands at most `most` items over, oldest first; the
 * caller frees each text. How many. While the taker has not said backlog_settled() the items that it holds still count as waiting, and
 * those that came from the spill file stay in it. */
struct backlog_item {
	char *text;
	size_t n;
};
size_t backlog_take(struct backlog *b, struct backlog_item *items, size_t most, int timeout_ms);
/* What was taken so far is safe in the database. */
void backlog_settled(struct backlog *b);

/* Nothing further will be put: backlog_take() no longer waits. */
void backlog_close(struct backlog *b);

struct backlog_counts {
	uint64_t put, settled, lost;          /* put == settled + lost + waiting + spilled */
	uint64_t waiting, waiting_bytes;      /* in memory, with the taker's */
	uint64_t spilled, spilled_bytes;      /* in the file */
	uint64_t spilled_ever;
	uint64_t torn;                        /* incomplete lines found in a spill file */
	int spill_errno;                      /* of the last failure to write or read the file; 0: none since it last worked */
};
void backlog_counts(struct backlog *b, struct backlog_counts *ret);

/* What is still waiting in memory goes to the spill file if there is one and it has room, else is lost. Returns how many were lost. */
uint64_t backlog_free(struct backlog *b);

#endif
