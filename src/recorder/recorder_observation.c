/* Bytes of an observation -> the book of connections, where it meets its session -> events. Called by recorder_take. Believes no byte before it
 * is decoded. */
#include "event_id.h"
#include "recorder_names.h"
#include "recorder_state.h"
#include "session_join.h"
#include "status.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SESSION_EVENT_ID_TEXT == EVENT_ID_TEXT, "the book keeps event ids as they are");
_Static_assert(SESSION_FACTS <= LIMIT_TAGS, "all facts may be joined");

static void links_from(const struct session_view *v, struct event_links *ret)
{
	*ret = (struct event_links){.session = v->session, .n_joined = v->n_joined, .session_auth = v->auth};
	for (size_t i = 0; i < v->n_joined; i++)
		ret->joined[i] = v->joined[i];
}

/* Events that ended are counted as they stand in the end: what a session tells later may change a verdict. */
static void count(struct recorder *r, struct session_entry *e, enum verdict verdict, enum confidence confidence)
{
	if (e->counted.done)
		r->counts.events[e->counted.verdict][e->counted.confidence]--;
	e->counted.done = true;
	e->counted.verdict = (uint8_t)verdict;
	e->counted.confidence = (uint8_t)confidence;
	r->counts.events[verdict][confidence]++;
}

/* The first time, or once more because its session went on after all and changed what is said of it: it must neither stay unsaid, nor count as
 * acknowledged as what it is not any more. */
static int settle(struct recorder *r, struct session_entry *e, enum verdict verdict, const struct observation *o, struct event_links *links)
{
	if (e->counted.acknowledged)
		r->counts.acknowledged[e->counted.settled_verdict]--;
	e->counted.settled = true;
	e->counted.settled_verdict = (uint8_t)verdict;
	int result = recorder_tell_settled(r, o, links, &e->counted.acknowledged);
	r->counts.acknowledged[verdict] += e->counted.acknowledged;
	return result;
}

int recorder_session_news(void *context, struct session_entry *e, const struct session_view *v, enum session_news news)
{
	struct recorder *r = context;
	struct event_links links;
	struct recorder_named named;
	enum verdict verdict = VERDICT_COUNT;
	links_from(v, &links);
	recorder_naming_apply(e->kept, &v->o, &named, &links);
	if (news == SESSION_SETTLED)
		return settle(r, e, (enum verdict)e->counted.verdict, &named.o, &links);
	struct event_links again = links;
	int result = recorder_tell(r, &named.o, &links, &verdict);
	if (!named.o.final || verdict == VERDICT_COUNT)
		return result;
	count(r, e, verdict, named.o.confidence);
	return e->counted.settled && e->counted.settled_verdict != verdict ? settle(r, e, verdict, &named.o, &again) : result;
}

/* Of another kind, or without the book when there is no memory for it: an event must not be lost with what others would have added to it. */
static int tell_alone(struct recorder *r, const struct observation *o)
{
	struct event_links links = {0}, settled = {0};
	enum verdict verdict = VERDICT_COUNT;
	int result = recorder_tell(r, o, &links, &verdict);
	if (o->final && verdict < VERDICT_COUNT) {
		bool acknowledged;
		r->counts.events[verdict][o->confidence]++;
		result = recorder_tell_settled(r, o, &settled, &acknowledged);
		r->counts.acknowledged[verdict] += acknowledged;
	}
	return result;
}

/* The end of a connection that showed no name and was told of but once (confidence none, final): only its counts are new, and only where DNS had
 * made a row of it. */
static int unnamed_end(struct recorder *r, const struct observation *end)
{
	struct connection_ref ref = connection_ref_of(end);
	struct session_entry *e = session_book_find(r->book, &ref);
	struct observation_box box;
	size_t n;
	if (!e || e->box.o.final)
		return 0;
	struct observation o = e->box.o;
	o.final = true;
	o.last_seen_ns = end->last_seen_ns;
	memcpy(o.packets, end->packets, sizeof o.packets);
	memcpy(o.bytes, end->bytes, sizeof o.bytes);
	uint8_t *bytes = observation_encode(&o, &n);
	bool ok = bytes && observation_decode(bytes, n, &box);
	free(bytes);
	if (!ok)
		return FAIL_MEMORY;
	e = session_book_put_take(r->book, &box, n, e->event_id); /* of that reference there is one: it cannot fail */
	return session_join(r->book, e);
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
	bool booked = box.o.kind == KIND_CONNECTION;
	if (booked && box.o.confidence == CONFIDENCE_NONE && box.o.final) {
		int ended = unnamed_end(r, &box.o);
		observation_box_done(&box);
		return ended;
	}
	struct connection_ref ref = connection_ref_of(&box.o);
	struct session_entry *entry = booked ? session_book_find(r->book, &ref) : NULL;
	struct recorder_naming *naming = entry ? entry->kept : NULL;
	if (booked && recorder_naming_find(r->names, &box.o, &naming) != 0)
		naming = NULL; /* an event must not be lost with what DNS would have added to it */
	if (entry)
		entry->kept = naming;
	else if (box.o.confidence == CONFIDENCE_NONE && (!naming || naming->confidence == CONFIDENCE_NONE)) {
		free(naming);
		observation_box_done(&box);
		return 0;
	}
	if (booked && event_id(&box.o, r->config.sensor, id) == 0)
		entry = session_book_put_take(r->book, &box, n, id);
	else
		entry = NULL;
	if (entry) {
		entry->kept = naming;
		struct session_book_counts book;
		int joined = session_join(r->book, entry);
		session_book_counts(r->book, &book);
		r->counts.sessions_left = book.left;
		return joined;
	}
	if (!session_book_find(r->book, &ref))
		free(naming);
	int result = tell_alone(r, &box.o);
	observation_box_done(&box);
	return booked && result == 0 ? FAIL_MEMORY : result;
}
