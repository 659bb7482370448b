/* Bytes of an offer -> the catalog, and an event of kind tool-change for each definition that changed. Called by recorder_take. */
#include "offer.h"
#include "recorder_state.h"
#include "status.h"
#include "text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct taking {
	struct recorder *recorder;
	const struct observation *o;
};

static int on_row(void *context, const json_t *row)
{
	struct taking *t = context;
	const struct recorder_config *c = &t->recorder->config;
	return c->on_row ? c->on_row(c->context, row) : 0;
}

static void hex(const uint8_t hash[SHA256_BYTES], char out[2 * SHA256_BYTES + 1])
{
	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* Which of a connection's changes it is, by what changed and not by its place among them: another capture of the same traffic, or the
 * same one read again, may have others beside it. Who makes two of his own collide hides one behind the other. */
static uint32_t ordinal_of(const struct catalog_change *c)
{
	struct sha256 s;
	uint8_t digest[SHA256_BYTES];
	sha256_init(&s);
	sha256_update(&s, slice_of((uint8_t[]){(uint8_t)c->list}, 1));
	sha256_update(&s, slice_str(c->name));
	sha256_update(&s, slice_of("", 1));
	sha256_update(&s, slice_of(c->after, sizeof c->after));
	sha256_final(&s, digest);
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
}

static int on_change(void *context, const struct catalog_change *change)
{
	struct taking *t = context;
	char before[2 * SHA256_BYTES + 1], after[2 * SHA256_BYTES + 1], detail[2 * LIMIT_DETAIL], cut[LIMIT_DETAIL];
	struct event_change c = {.list = definition_list_name(change->list), .name = change->name, .before = before, .after = after,
	                         .text_before = change->text_before, .text_after = change->text_after, .hints = change->hints != 0};
	size_t n = 0;
	hex(change->before, before);
	hex(change->after, after);
	text_append(detail, sizeof detail, &n, "the server offers another definition of %.150s than before:", change->name);
	for (int part = 0; part < PART_COUNT; part++)
		if (change->parts[part]) {
			c.parts[c.n_parts++] = definition_part_name((enum definition_part)part);
			text_append(detail, sizeof detail, &n, "%s %s", c.n_parts > 1 ? "," : "", c.parts[c.n_parts - 1]);
		}
	text_copy(cut, sizeof cut, slice_str(detail));
	struct observed_reason reason = {.signature = "offer.changed", .detail = cut, .time_ns = change->time_ns, .frame = change->frame};
	struct observation o = *t->o;
	o.kind = KIND_TOOL_CHANGE;
	o.kind_ordinal = ordinal_of(change);
	o.first_seen_ns = o.last_seen_ns = change->time_ns;
	o.final = true;
	o.reasons = &reason;
	o.n_reasons = 1;
	struct event_links links = {.change = &c}, settled = links;
	bool acknowledged; /* it is counted nowhere: a change is told of an approved server too */
	int result = recorder_tell(t->recorder, &o, &links, NULL);
	int told = recorder_tell_settled(t->recorder, &o, &settled, &acknowledged);
	return result ? result : told;
}

int recorder_offer(struct recorder *r, const uint8_t *bytes, size_t n)
{
	struct offer_box box;
	if (!offer_decode(bytes, n, &box)) {
		if (errno == ENOMEM)
			return FAIL_MEMORY;
		r->counts.invalid++;
		return 0;
	}
	const struct session_entry *entry = session_book_find(r->book, &box.o.connection);
	int result = 0;
	if (entry) { /* else its connection was forgotten: nobody can say whose offer it is */
		struct taking t = {r, &entry->box.o};
		result = catalog_take(r->catalog, &box.o, &entry->box.o, &(struct catalog_sink){on_row, on_change, &t});
		catalog_counts(r->catalog, &r->counts.offers);
	}
	offer_box_done(&box);
	return result;
}

bool recorder_know(struct recorder *r, const json_t *row)
{
	return catalog_load(r->catalog, row);
}

int recorder_flush(struct recorder *r)
{
	struct taking t = {r, NULL};
	return catalog_flush(r->catalog, &(struct catalog_sink){on_row, on_change, &t});
}
