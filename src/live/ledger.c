#include "ledger.h"
#include <stdlib.h>

struct ledger *ledger_new(void)
{
	struct ledger *l = calloc(1, sizeof *l);
	if (l && !hash_key_random(&l->key)) {
		free(l);
		return NULL;
	}
	return l;
}

enum ledger_answer ledger_note(struct ledger *l, const char *event_id, uint8_t state)
{
	uint64_t id = siphash(&l->key, event_id, strlen(event_id)) | 1; /* 0: an empty slot */
	size_t at = (id >> 1) % LEDGER_SLOTS;
	enum ledger_answer answer = l->slots[at].id != id ? LEDGER_NEW : l->slots[at].state != state ? LEDGER_CHANGED : LEDGER_SAME;
	l->slots[at].id = id;
	l->slots[at].state = state;
	return answer;
}
