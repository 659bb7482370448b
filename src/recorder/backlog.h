/* Judged events on their way to the database: a bounded queue in memory, then a bounded spill file, then counted as
 * lost. First in, first out, across all three. Put by the thread that judges, taken by the thread that writes. Items
 * are event texts (one JSON object each); what they mean is not its business. */
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

/* A spill file that a process before this one left is taken over: its whole lines come out first, and count as put
 * and spilled (a torn last line is dropped and counted). FAIL_IO with a sentence in error, or FAIL_MEMORY. */
int backlog_new(const struct backlog_config *config, struct backlog **ret, char error[BACKLOG_ERROR_TEXT]);

/* text is taken over (malloc'd, a JSON object without a newline, freed by the backlog). Never waits for the taker. */
void backlog_put_take(struct backlog *b, char *text, size_t n);

/* Waits until there is something, until timeout_ms have passed or until backlog_close(). Hands at most `most` items
 * over, oldest first. How many. The texts stay the backlog's, and valid, until backlog_settled() or backlog_free():
 * what was taken and never settled is not lost when the process leaves. 0 need not mean empty: what came after a
 * spill file is held back until the file's last items are settled, so that a file which is read again after a crash
 * never brings back an event's older state. */
struct backlog_item {
	const char *text;
	size_t n;
};
size_t backlog_take(struct backlog *b, struct backlog_item *items, size_t most, int timeout_ms);
/* What was taken so far is safe in the database. Called by the taker. */
void backlog_settled(struct backlog *b);

/* Nothing further will be put: backlog_take() no longer waits. */
void backlog_close(struct backlog *b);

struct backlog_counts {
	uint64_t put, settled, lost;          /* put == settled + lost + waiting + spilled */
	uint64_t waiting, waiting_bytes;      /* in memory; with what was taken from there and is not settled */
	uint64_t spilled, spilled_bytes;      /* in the file; likewise */
	uint64_t spilled_ever;
	uint64_t torn;                        /* incomplete or unusable lines found in a spill file */
	int spill_errno;                      /* of the last failure to write or read the file; 0: none since it last worked */
};
void backlog_counts(struct backlog *b, struct backlog_counts *ret);

/* What is still waiting in memory, unsettled items included, goes to the spill file, in its place before or behind
 * what is there, if there is one and it has room; else it is lost. Returns how many were lost. NULL is fine. */
uint64_t backlog_free(struct backlog *b);

#endif
