/* The texts of a definition -> what in them is hidden from people, or addressed to the model behind their back (enum
 * definition_hint). Called by definition_reader with each text, piece by piece, any split. A few patterns that honest
 * definitions do not have: it finds the careless, it is no judge of meaning (docs/offers.md). */
#ifndef SHADOWTAP_HINT_SCAN_H
#define SHADOWTAP_HINT_SCAN_H

#include "definition.h"

/* What is remembered of the text, folded: more than the longest pattern. */
#define HINT_SCAN_TAIL 128

struct hint_scan {
	uint8_t hints;        /* found since hint_scan_init() */
	uint8_t n;            /* of tail */
	uint8_t tags;         /* tag characters since a black flag, of which subdivision flags are made */
	uint8_t letters;      /* in the comment that is open, up to enough */
	bool comment, tag, flag;
	uint16_t tag_length;
	uint32_t before, last; /* code points */
	char tail[HINT_SCAN_TAIL];
};

void hint_scan_init(struct hint_scan *s);
/* Another text begins. */
void hint_scan_text(struct hint_scan *s);
/* Whole characters, as json_string gives them. */
void hint_scan_piece(struct hint_scan *s, struct slice piece);

#endif
