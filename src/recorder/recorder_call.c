/* Bytes of a call -> the audit, which pairs requests with answers -> rows for the store. Called by recorder_take where an audit log is wanted.
 * Believes a call only on a connection that it has been told of, and that is MCP beyond doubt. */
#include "audit.h"
#include "recorder_state.h"
#include "session_join.h"
#include "status.h"

_Static_assert(AUDIT_EVENT_ID_TEXT == SESSION_EVENT_ID_TEXT, "the audit keeps event ids as they are");

static int on_settled(void *context, const struct audit_call *c)
{
	struct recorder *r = context;
	struct session_entry *e = session_book_find(r->book, &c->connection);
	struct session_view v;
	if (e)
		session_view(e, &v);
	json_t *row = audit_json(c, e ? &v.o : NULL);
	if (!row)
		return FAIL_MEMORY;
	int result = r->config.on_row(r->config.context, row);
	json_decref(row);
	return result;
}

int recorder_call(struct recorder *r, const uint8_t *bytes, size_t n)
{
	struct call_box box;
	struct session_entry *e = NULL;
	if (r->config.audit && r->config.on_row && call_decode(bytes, n, &box))
		e = session_book_find(r->book, &box.c.connection);
	if (!e || e->box.o.confidence != CONFIDENCE_CONFIRMED) {
		r->counts.invalid++;
		return 0;
	}
	if (!r->audit && !(r->audit = audit_new(on_settled, r)))
		return FAIL_MEMORY;
	struct audit_place place = {.client_ip = e->box.o.client_ip, .server_ip = e->box.o.server_ip, .server_port = e->box.o.server_port,
	                            .scope = session_entry_scope(r->book, e)};
	memcpy(place.event_id, e->event_id, sizeof place.event_id);
	int result = audit_take(r->audit, &box.c, &place);
	r->counts.calls = *audit_counts(r->audit);
	return result;
}

int recorder_call_end(struct recorder *r, bool lost)
{
	if (!r->audit)
		return 0;
	int result = audit_end(r->audit, lost);
	r->counts.calls = *audit_counts(r->audit);
	return result;
}
