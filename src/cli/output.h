/* Rows (JSON objects of the store or of event_json) -> text cards, tables, JSON, JSON lines or CSV on a stream. Shared by
 * the subcommands that show events. Whatever a stranger wrote is escaped for where it goes; nothing is raw anywhere. */
#ifndef SHADOWTAP_OUTPUT_H
#define SHADOWTAP_OUTPUT_H

#include "cli.h"
#include <jansson.h>

/* The columns of CSV and of tables, in their order; ends with NULL. Rows may have more members: they are left out. */
struct output {
	FILE *file;
	enum cli_format format;
	bool colour;               /* text only */
	const char *const *fields; /* for tables and CSV */
	json_t *held;              /* table: rows until their widths are known */
	unsigned long long rows;
	bool failed;               /* out of memory */
	int write_error;           /* errno of the first write that failed, or 0 */
};

/* Writes nothing yet. */
void output_start(struct output *o, FILE *file, enum cli_format format, const char *const *fields);
/* As a card where the format is text, else as one row. */
void output_event(struct output *o, const json_t *event);
/* As a line of a table where the format is text, else as one row. */
void output_row(struct output *o, const json_t *row);
/* Closes the array, prints the held table, flushes. */
void output_end(struct output *o);
/* 0; EXIT_FAILED after saying why (disk full, out of memory). A reader that closed the pipe early is no failure. */
int output_status(const struct output *o);

/* The columns of events that are shown: those of the contract, then "acknowledged". */
const char *const *output_event_fields(void);

/* One CSV cell with its quotes. Text gets its control characters spelt out, and an apostrophe first where a spreadsheet
 * would take it for a formula. */
void output_csv_text(FILE *f, const char *text);

#endif
