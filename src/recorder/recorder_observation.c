/* Bytes of an observation -> the book of connections -> events. Called by recorder_take. Believes no byte before it is decoded. */
#include "event_id.h"
#include "recorder_state.h"
#include "status.h"
#include <errno.h>

_Static_assert(SESSION_EVENT_ID_TEXT == EVENT_ID_TEXT, "the book keeps event ids as they are");

/* Without the book when there is no memory for it: an event must not be lost with what others would have added to it. */
static int tell_alone(struct recorder *r, const struct observation *o)
{
	struct event_links links = {0};
	enum verdict verdict = VERDICT_COUNT;
	int result = recorder_tell(r, o, &links, &verdict);
	if (o->final && verdict < VERDICT_COUNT)
		r->counts.events[verdict][o->confidence]++;
	return result;
}

int recorder_observation(struct recorder *r, const uint8_t *bytes, size_t n)
{
	struct observation_box box;
	char id[EVENT_ID_TEXT];
	if (!observation_decode(bytes, n, &box)) {
		if (errno == ENOMEM)
			return FAIL_MEMORY;
		r->counts.invalid++;
		return 0;
	}
	struct session_entry *entry = NULL;
	bool booked = box.o.kind == KIND_CONNECTION;
	if (booked && event_id(&box.o, r->config.sensor, id) == 0)
		entry = session_book_put_take(r->book, &box, n, id);
	int result = tell_alone(r, entry ? &entry->box.o : &box.o);
	observation_box_done(&box);
	return booked && !entry && result == 0 ? FAIL_MEMORY : result;
}
