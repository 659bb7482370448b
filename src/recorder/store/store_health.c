/* What the sensor says of itself -> rows of the table `health`. Called by the recorder's writer at its interval.
 * Reads nothing into the text but that it is a JSON object. */
#include "status.h"
#include "store_handle.h"
#include "store_live.h"
#include <stdio.h>
#include <string.h>

/* The views read into it: what is no object must not get in. Not a CHECK of the table, for SQLite holds its JSON
 * functions unsafe there, and the store trusts no schema. */
static int check_object(struct store *s, const char *json)
{
	json_t *object = json_loads(json, 0, NULL);
	bool good = json_is_object(object);
	json_decref(object);
	if (good)
		return 0;
	bool memory = store_handle_memory_short(strlen(json));
	snprintf(s->error, sizeof s->error, memory ? "out of memory" : "health was not stored: not a JSON object");
	return memory ? FAIL_MEMORY : FAIL_INPUT;
}

int store_put_health(struct store *s, int64_t time_ns, const char *sensor, const char *json)
{
	static const char what[] = "health was not stored";
	char time[EVENT_TIME_TEXT];
	event_time_format(time_ns, time);
	int result = check_object(s, json);
	if (result != 0)
		return result;
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, "INSERT INTO health (time, sensor, counters) VALUES (?, ?, ?)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, time, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 2, sensor, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 3, json, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	result = rc == SQLITE_DONE ? 0 : store_handle_fail(s, what);
	sqlite3_finalize(stmt);
	if (result == 0 && s->health_room >= 0)
		s->health_room += STORE_HEALTH_ROOM((int64_t)strlen(json), 1);
	return result;
}

void store_set_patience(struct store *s, int milliseconds)
{
	sqlite3_busy_timeout(s->db, milliseconds);
}
