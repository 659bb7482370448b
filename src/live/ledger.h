/* Which events have been seen lately, and in which state: so that a count counts each once and a printed event is not printed again for nothing. A
 * bounded table that forgets: an event that was forgotten counts as new. Called by the recorder half. */
#ifndef SHADOWTAP_LEDGER_H
#define SHADOWTAP_LEDGER_H

#include "siphash.h"
#include "slice.h"

enum { LEDGER_SLOTS = 1 << 16 };

struct ledger {
	struct hash_key key;
	struct { uint64_t id; uint8_t state; } slots[LEDGER_SLOTS];
};

enum ledger_answer { LEDGER_SAME, LEDGER_CHANGED, LEDGER_NEW };

struct ledger *ledger_new(void); /* NULL when out of memory or randomness; free() it */
/* state: any small number. */
enum ledger_answer ledger_note(struct ledger *l, const char *event_id, uint8_t state);

#endif
