/* A listing of the database -> standard output in one of the formats: opened to read, warned of, shown, closed. What
 * subcommands that list something else than events have in common; they bring the columns and the call that gives the
 * rows. */
#ifndef SHADOWTAP_ROWS_H
#define SHADOWTAP_ROWS_H

#include "output.h"
#include "store.h"

struct rows {
	const char *command; /* for messages about usage */
	const char *db;
	enum cli_format format;
	const char *const *fields; /* of csv and json; NULL ends them */
	const char *const *narrow; /* of text, at most 16 */
	const char *none;          /* what text says where there are none */
	/* Hands each row to put. 0; FAIL_CONFIG, with the store's sentence, before the first row: wrong usage; or a
	 * failure. */
	int (*list)(struct store *s, store_row_fn *put, void *out, void *context);
	void *context;
};

/* The exit code. */
int rows_show(const struct rows *r);

#endif
