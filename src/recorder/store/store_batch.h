/* Events that wait for the next commit: the latest state of each, in the order in which they first came. store_put
 * fills it, store_flush empties it. Knows no SQL and never drops anything by itself. Private to this folder. */
#ifndef SHADOWTAP_STORE_BATCH_H
#define SHADOWTAP_STORE_BATCH_H

#include "event.h"
#include "limits.h"
#include "store_columns.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At most half full, so that probing stays short. */
#define STORE_BATCH_SLOTS 8192

struct store_batch_row {
	char id[EVENT_ID_TEXT];
	struct store_row *row;
	json_t *event; /* for store_on_committed and store_on_write, or NULL */
	size_t bytes;
	bool refused; /* by the table, in the transaction under way */
};

struct store_batch {
	struct store_batch_row rows[LIMIT_STORE_BATCH_ROWS];
	uint16_t slots[STORE_BATCH_SLOTS]; /* row + 1; 0: free */
	size_t n, bytes;
};

/* What a JSON value takes in memory, about. */
size_t store_batch_weigh(const json_t *value);
/* Would it fit, as a new row or in place of its former state? One event always fits into an empty batch. */
bool store_batch_fits(const struct store_batch *b, const char *id, size_t bytes);
/* It must fit. row and event are taken over. */
void store_batch_put_take(struct store_batch *b, const char *id, struct store_row *row, json_t *event, size_t bytes);
void store_batch_clear(struct store_batch *b);

#endif
