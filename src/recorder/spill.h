/* The backlog's file: one JSON text a line, appended at the end, read from the front, cut to nothing once all of it
 * is settled. Used by backlog.c only, which guards it: appending, settling and the numbers belong to who holds its
 * lock, spill_read() to the taker. Never writes part of a line that it later takes for a whole one. */
#ifndef SHADOWTAP_SPILL_H
#define SHADOWTAP_SPILL_H

#include "backlog.h"

struct spill {
	int fd; /* -1: there is no file */
	char *path;
	uint64_t most;         /* bytes that the file may have */
	uint64_t end;          /* of the last whole line */
	uint64_t settled;      /* bytes at the front that are in the database */
	bool ragged;           /* the file is longer than `end`; cut it before the next line is written */

	/* the taker's own */
	uint64_t next;         /* where the next line begins */
	char *buffer;          /* of bytes at buffer_at .. */
	uint64_t buffer_at;
	size_t have, used;     /* in the buffer; before `used` is handed out */
	bool skipping;         /* inside a line that is too long */
};

/* Opens or makes the file and takes it over. *ret_lines: whole lines in it; *ret_torn: 1 if there was part of one
 * behind them. FAIL_IO with a sentence, or FAIL_MEMORY. */
int spill_open(struct spill *s, const char *path, uint64_t most, uint64_t *ret_lines, uint64_t *ret_torn,
               char error[BACKLOG_ERROR_TEXT]);
/* False with errno if the line does not fit (EFBIG) or cannot be written; the file holds what it held before. */
bool spill_append(struct spill *s, const char *text, size_t n);

enum spill_line {
	SPILL_LINE,     /* *ret_text is malloc'd */
	SPILL_UNUSABLE, /* a line that no item can have been; passed over */
	SPILL_END,      /* nothing before `end` any more */
	SPILL_FAILED,   /* errno; the line is still there */
};
/* The next line before `end`, which the caller has read under its lock. */
enum spill_line spill_read(struct spill *s, uint64_t end, char **ret_text, size_t *ret_n);

/* Everything read so far is settled. When that is all there is, the file is emptied. */
void spill_settle(struct spill *s);

/* Writes the file anew, with as many of the texts as there is room for before what is unsettled in it. How many in
 * *ret_kept. False with errno if that failed; then the file is as it was. Only when the taker reads no more. */
bool spill_put_before(struct spill *s, const struct backlog_item *items, size_t n, size_t *ret_kept);

/* An empty file is removed. */
void spill_close(struct spill *s);

#endif
