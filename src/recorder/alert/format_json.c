/* Alert -> our own JSON: the event's fields as docs/events.md lists them, then the alert's. Called by alert_format.
 * Members that are not in the contract stay behind, whatever an event brings. */
#include "alert_facts.h"
#include "alert_formats.h"

void format_json(const struct alert *a, struct tree *t)
{
	for (int i = 0; event_fields[i]; i++) {
		const json_t *value = json_object_get(a->event, event_fields[i]);
		tree_put(t, event_fields[i], value ? tree_clean(value) : json_null());
	}
	char time[EVENT_TIME_TEXT];
	event_time_format(a->raised_ns, time);
	tree_integer(t, "alert_id", (json_int_t)a->id);
	tree_text(t, "alert_why", alert_why_name(a->why));
	tree_integer(t, "alert_count", (json_int_t)a->count);
	tree_text(t, "alert_time", time);
}
