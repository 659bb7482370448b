/* Windows, counted events and the outbox's writing side: inside the transaction that writes the event. */
#include "store_alert.h"
#include "limits.h"
#include "rfc3339.h"
#include "status.h"
#include "store_alert_sql.h"

void store_on_write(struct store *s, store_write_fn *fn, void (*done)(void *context), void *context)
{
	s->on_write = fn;
	s->on_write_done = done;
	s->on_write_context = context;
}

/* To the end of a statement that gives no row that anybody wants. */
static int run(struct store *s, sqlite3_stmt *stmt, int failure)
{
	int rc = stmt ? alert_sql_step(s, stmt) : failure;
	if (rc == 1) {
		alert_sql_over(stmt);
		rc = 0;
	}
	return rc;
}

/* The table is ours, but its file can be written by others. */
static struct store_alert_level level_of(sqlite3_stmt *row, int i)
{
	int confidence = sqlite3_column_int(row, i), stage = sqlite3_column_int(row, i + 1),
	    severity = sqlite3_column_int(row, i + 2);
	return (struct store_alert_level){
	    .confidence =
		confidence > 0 && confidence < CONFIDENCE_COUNT ? (enum confidence)confidence : CONFIDENCE_NONE,
	    .stage = stage > 0 && stage < STAGE_COUNT ? (enum stage)stage : STAGE_UNKNOWN,
	    .severity = severity > 0 && severity < SEVERITY_COUNT ? (enum severity)severity : SEVERITY_INFO};
}

static int64_t time_of(sqlite3_stmt *row, int i)
{
	int64_t ns = 0;
	bool date_only;
	rfc3339_parse(slice_of(sqlite3_column_text(row, i), (size_t)sqlite3_column_bytes(row, i)), &ns, &date_only);
	return ns;
}

static uint64_t count_of(sqlite3_stmt *row, int i)
{
	int64_t n = sqlite3_column_int64(row, i);
	return n > 0 ? (uint64_t)n : 0;
}

int store_alert_window(struct store *s, const struct store_alert_key *k, struct store_alert_window *ret)
{
	int rc = 0;
	sqlite3_stmt *row = alert_sql_bind(s, SQL_WINDOW_GET, &rc, "ttt", k->client, k->authority, k->verdict);
	rc = row ? alert_sql_step(s, row) : rc;
	if (rc != 1)
		return rc;
	*ret = (struct store_alert_window){.since_ns = time_of(row, 0),
					   .until_ns = time_of(row, 1),
					   .count = count_of(row, 2),
					   .said = count_of(row, 3),
					   .level = level_of(row, 4)};
	alert_sql_over(row);
	return 1;
}

int store_alert_window_put(struct store *s, const struct store_alert_key *k, const struct store_alert_window *w,
			   bool began)
{
	char since[EVENT_TIME_TEXT], until[EVENT_TIME_TEXT];
	int rc = 0;
	event_time_format(w->since_ns, since);
	event_time_format(w->until_ns, until);
	sqlite3_stmt *put =
	    alert_sql_bind(s, began ? SQL_WINDOW_BEGIN : SQL_WINDOW_PUT, &rc, "tttttiiiii", k->client, k->authority,
			   k->verdict, since, until, (int64_t)w->count, (int64_t)w->said, (int64_t)w->level.confidence,
			   (int64_t)w->level.stage, (int64_t)w->level.severity);
	rc = run(s, put, rc);
	if (rc != 0 || !began)
		return rc;
	int64_t newest = sqlite3_last_insert_rowid(
	    s->db); /* the largest id: all are above it minus the limit, so no more than that are there */
	sqlite3_stmt *forget = alert_sql_bind(s, SQL_WINDOWS_FORGET, &rc, "i", newest - LIMIT_ALERT_WINDOWS);
	return run(s, forget, rc);
}

int store_alert_seen(struct store *s, const char *event_id, const char *verdict, struct store_alert_level *ret)
{
	int rc = 0;
	sqlite3_stmt *row = alert_sql_bind(s, SQL_SEEN_GET, &rc, "tt", event_id, verdict);
	rc = row ? alert_sql_step(s, row) : rc;
	if (rc != 1)
		return rc;
	*ret = level_of(row, 0);
	alert_sql_over(row);
	return 1;
}

int store_alert_seen_put(struct store *s, const char *event_id, const char *verdict, const struct store_alert_level *l)
{
	int rc = 0;
	sqlite3_stmt *put = alert_sql_bind(s, SQL_SEEN_PUT, &rc, "ttiii", event_id, verdict, (int64_t)l->confidence,
					   (int64_t)l->stage, (int64_t)l->severity);
	rc = put ? alert_sql_step(s, put) : rc;
	if (rc != 1)
		return rc;
	int64_t id = sqlite3_column_int64(put, 0);
	alert_sql_over(put);
	rc = 0;
	sqlite3_stmt *forget = alert_sql_bind(s, SQL_SEEN_FORGET, &rc, "i", id - LIMIT_ALERT_SEEN);
	return run(s, forget, rc);
}

static int make_room(struct store *s, int64_t exit, uint64_t excess)
{
	int rc = 0;
	sqlite3_stmt *overflow =
	    alert_sql_bind(s, SQL_OVERFLOW, &rc, "ii", exit, (int64_t)(excess < 1000 ? excess : 1000));
	rc = run(s, overflow, rc);
	if (rc != 0)
		return rc;
	sqlite3_stmt *lost = alert_sql_bind(s, SQL_EXIT_LOST, &rc, "ii", exit, (int64_t)sqlite3_changes(s->db));
	return run(s, lost, rc);
}

int store_alert_add(struct store *s, int64_t exit, const struct store_alert *a, uint64_t most)
{
	int rc = 0;
	sqlite3_stmt *raised = alert_sql_bind(s, SQL_EXIT_RAISED, &rc, "i", exit);
	rc = raised ? alert_sql_step(s, raised) : rc;
	if (rc != 1)
		return rc == 0 ? FAIL_INPUT : rc; /* no such exit: somebody deleted it under us */
	uint64_t waiting = count_of(raised, 0);
	alert_sql_over(raised);
	rc = 0;
	sqlite3_stmt *add = alert_sql_bind(s, SQL_ADD, &rc, "iiiiit", exit, (int64_t)a->severity, (int64_t)a->why,
					   (int64_t)a->count, a->raised_ns, a->event);
	rc = run(s, add, rc);
	return rc == 0 && waiting > most ? make_room(s, exit, waiting - most) : rc;
}

int store_alert_exit(struct store *s, const char *name, int64_t *ret_id)
{
	int rc = 0;
	sqlite3_stmt *made = alert_sql_bind(s, SQL_EXIT_NEW, &rc, "t", name);
	rc = run(s, made, rc);
	if (rc != 0)
		return rc;
	sqlite3_stmt *row = alert_sql_bind(s, SQL_EXIT_ID, &rc, "t", name);
	rc = row ? alert_sql_step(s, row) : rc;
	if (rc != 1)
		return rc == 0 ? FAIL_DATABASE : rc;
	*ret_id = sqlite3_column_int64(row, 0);
	alert_sql_over(row);
	return 0;
}
