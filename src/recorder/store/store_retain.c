/* Keeps a database that is written for months within its age and size: small pieces of deletion, each a transaction
 * of its own, then free pages go back to the file system. Called by the recorder's writer between batches. Never
 * deletes what is neither too old nor in the way of the size, and never locks anybody out for longer than one piece
 * takes. */
#include "status.h"
#include "store_handle.h"
#include "store_live.h"
#include "limits.h"
#include <stdio.h>
#include <sys/stat.h>

#define OLDEST_EVENTS \
	"DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE last_seen < ? ORDER BY last_seen LIMIT ?)"
#define OLDEST_HEALTH \
	"DELETE FROM health WHERE rowid IN (SELECT rowid FROM health WHERE time < ? ORDER BY time LIMIT ?)"

#define ENDED_WINDOWS "DELETE FROM alert_windows WHERE id IN (SELECT id FROM alert_windows WHERE until < ? LIMIT ?)"

/* Of events that there are not, or not any more. One with its event goes when that does (a trigger). */
#define ENDED_ACKNOWLEDGEMENTS \
	"DELETE FROM acknowledgements WHERE event_id IN (SELECT event_id FROM acknowledgements AS a WHERE until < ? " \
	"AND NOT EXISTS (SELECT 1 FROM events WHERE events.event_id = a.event_id) LIMIT ?)"

#define OLDEST_DEFINITIONS \
	"DELETE FROM definitions WHERE rowid IN (SELECT rowid FROM definitions WHERE last_seen < ? ORDER BY last_seen LIMIT ?)"
#define OLDEST_LISTS \
	"DELETE FROM definition_lists WHERE rowid IN (SELECT rowid FROM definition_lists WHERE last_seen < ? ORDER BY last_seen LIMIT ?)"
/* Whatever is allowed to stay: servers that make up names have no end of them. */
#define TOO_MANY_DEFINITIONS \
	"DELETE FROM definitions WHERE ?1 <> '' AND rowid IN (SELECT rowid FROM definitions ORDER BY last_seen LIMIT min(?2, max(0, " \
	"(SELECT count(*) FROM definitions) - " LIMIT_AS_TEXT(LIMIT_STORE_DEFINITIONS) ")))"
#define LIMIT_AS_TEXT(limit) LIMIT_AS_TEXT_(limit)
#define LIMIT_AS_TEXT_(limit) #limit

#define OLDEST_CALLS "DELETE FROM calls WHERE rowid IN (SELECT rowid FROM calls WHERE time < ? ORDER BY time LIMIT ?)"
/* As many as there can be: they are numbered as they come, and leave by and large in that order. Two, because each is a look at one end. */
#define CALLS_MOST "SELECT ifnull((SELECT max(rowid) FROM calls) - (SELECT min(rowid) FROM calls) + 1, 0)"
/* What a row of theirs takes with its place in the indexes; a long name takes more. */
#define CALL_ROOM 512

/* Sorts behind every time. */
#define ANY_TIME "~"

/* Deleting one row at a time would need a commit for each; a handful too many is not missed. */
#define LEAST_ROWS 16

/* The account of one call. */
struct piece {
	struct store *s;
	int64_t page_size, most; /* most: bytes, 0 for no limit */
	int rows;                /* that may still be deleted */
	uint64_t events;         /* deleted */
	bool more;
};

static int pragma(struct store *s, const char *sql, int64_t *ret)
{
	int n = 0;
	if (store_handle_int(s, sql, &n) != SQLITE_OK)
		return store_handle_fail(s, "size of the database");
	*ret = n; /* page counts stay below 2^32 - 2, and SQLite's default maximum below 2^30 */
	return 0;
}

static int pages_in_use(struct store *s, int64_t *ret)
{
	int64_t all = 0, unused = 0;
	int rc = pragma(s, "PRAGMA page_count", &all);
	if (rc == 0)
		rc = pragma(s, "PRAGMA freelist_count", &unused);
	if (rc == 0)
		*ret = all - unused;
	return rc;
}

/* At most `most` of the rows before that time; how many in *ret. */
static int delete_before(struct piece *p, const char *sql, const char *before, int64_t most, int *ret)
{
	sqlite3 *db = p->s->db;
	sqlite3_stmt *stmt = NULL;
	int64_t rows = most < p->rows ? most : p->rows;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, before, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, 2, rows);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	int result = rc == SQLITE_DONE ? 0 : store_handle_fail(p->s, "old events were not deleted");
	int n = result == 0 ? sqlite3_changes(db) : 0;
	sqlite3_finalize(stmt);
	p->rows -= n;
	*ret = n;
	return result;
}

static int delete_events(struct piece *p, const char *before, int64_t most, int *ret)
{
	int rc = delete_before(p, OLDEST_EVENTS, before, most, ret);
	p->events += rc == 0 ? (uint64_t)*ret : 0;
	return rc;
}

static int delete_health(struct piece *p, const char *before, int64_t most, int *ret)
{
	int rc = delete_before(p, OLDEST_HEALTH, before, most, ret);
	if (*ret > 0)
		p->s->health_room = -1;
	return rc;
}

/* What the health rows take at most. Added up from the index when it is not known, then kept up to date. */
static int health_room(struct store *s, int64_t *ret_room, int64_t *ret_rows)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, "SELECT count(*), ifnull(sum(bytes), 0) FROM health", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	int result = rc == SQLITE_ROW ? 0 : store_handle_fail(s, "size of the health rows");
	if (result == 0) {
		*ret_rows = sqlite3_column_int64(stmt, 0);
		*ret_room = s->health_room = STORE_HEALTH_ROOM(sqlite3_column_int64(stmt, 1), *ret_rows);
	}
	sqlite3_finalize(stmt);
	return result;
}

static int by_age(struct piece *p, int64_t before_ns)
{
	char before[EVENT_TIME_TEXT];
	int n = 0;
	event_time_format(before_ns, before);
	int rc = delete_events(p, before, p->rows, &n);
	if (rc == 0)
		rc = delete_health(p, before, p->rows, &n);
	if (rc == 0)
		rc = delete_before(p, ENDED_WINDOWS, before, p->rows, &n);
	if (rc == 0)
		rc = delete_before(p, ENDED_ACKNOWLEDGEMENTS, before, p->rows, &n);
	if (rc == 0)
		rc = delete_before(p, OLDEST_DEFINITIONS, before, p->rows, &n);
	if (rc == 0)
		rc = delete_before(p, OLDEST_LISTS, before, p->rows, &n);
	if (rc == 0)
		rc = delete_before(p, OLDEST_CALLS, before, p->rows, &n);
	if (p->rows == 0)
		p->more = true;
	return rc;
}

/* Health gets half of the room at most: a sensor that sees nothing must not push out the events of better days. */
static int health_share(struct piece *p)
{
	int64_t room = p->s->health_room, rows = 0;
	if (room >= 0 && room <= p->most / 2)
		return 0;
	int n = 0, rc = health_room(p->s, &room, &rows);
	if (rc != 0 || room <= p->most / 2)
		return rc;
	int64_t excess = room - p->most / 2;
	rc = delete_health(p, ANY_TIME, excess / (room / rows + 1) + 1, &n);
	if (n > 0 && p->rows == 0)
		p->more = true;
	return rc;
}

/* So does the audit log: events are few, and what was done on their connections is worth less than that there were any. Only once the room is
 * used up; *ret: how many left. */
static int calls_share(struct piece *p, int *ret)
{
	int rows = 0;
	*ret = 0;
	if (store_handle_int(p->s, CALLS_MOST, &rows) != SQLITE_OK)
		return store_handle_fail(p->s, "size of the audit log");
	int64_t excess = rows - p->most / 2 / CALL_ROOM;
	return excess > 0 ? delete_before(p, OLDEST_CALLS, ANY_TIME, excess < LEAST_ROWS ? LEAST_ROWS : excess, ret) : 0;
}

static int by_size(struct piece *p)
{
	int64_t used = 0, most = p->most / p->page_size;
	int n = 0, rc = health_share(p);
	if (rc == 0)
		rc = pages_in_use(p->s, &used);
	if (rc != 0 || used <= most)
		return rc;
	int64_t rows = (used - most) * 2; /* an event takes half a page or more, with its place in the indexes */
	rc = calls_share(p, &n);
	if (rc == 0 && n == 0)
		rc = delete_events(p, ANY_TIME, rows < LEAST_ROWS ? LEAST_ROWS : rows, &n);
	if (rc == 0 && n == 0)
		rc = delete_before(p, OLDEST_CALLS, ANY_TIME, rows < LEAST_ROWS ? LEAST_ROWS : rows, &n);
	if (rc == 0 && n == 0)
		rc = delete_before(p, OLDEST_DEFINITIONS, ANY_TIME, rows < LEAST_ROWS ? LEAST_ROWS : rows, &n);
	if (rc == 0 && n == 0)
		rc = delete_health(p, ANY_TIME, rows < LEAST_ROWS ? LEAST_ROWS : rows, &n);
	if (rc == 0)
		rc = pages_in_use(p->s, &used);
	if (used > most && n > 0) /* with nothing left to delete, an empty database is as small as it gets */
		p->more = true;
	return rc;
}

static int delete_piece(struct piece *p, int64_t before_ns)
{
	struct store *s = p->s;
	int rc = store_handle_exec(s, "BEGIN IMMEDIATE", "old events were not deleted");
	if (rc == 0 && before_ns)
		rc = by_age(p, before_ns);
	if (rc == 0 && p->most)
		rc = by_size(p);
	int too_many = 0;
	if (rc == 0)
		rc = delete_before(p, TOO_MANY_DEFINITIONS, ANY_TIME, p->rows, &too_many);
	p->more |= too_many > 0 && p->rows == 0;
	if (rc == 0)
		rc = store_handle_exec(s, "COMMIT", "old events were not deleted");
	if (rc != 0) {
		s->health_room = -1;
		if (!sqlite3_get_autocommit(s->db))
			sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return rc;
}

/* A database that was made without auto_vacuum cannot give pages back; they are used again. */
static int give_back_pages(struct piece *p)
{
	int64_t mode = 0, before = 0, after = 0;
	int rc = pragma(p->s, "PRAGMA auto_vacuum", &mode);
	if (rc == 0)
		rc = pragma(p->s, "PRAGMA freelist_count", &before);
	if (rc != 0 || mode != 2 || before <= LIMIT_RETAIN_FREE_PAGES)
		return rc;
	int64_t pages = before - LIMIT_RETAIN_FREE_PAGES;
	char sql[64];
	snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)",
	         (int)(pages < LIMIT_RETAIN_PAGES ? pages : LIMIT_RETAIN_PAGES));
	rc = store_handle_exec(p->s, sql, "free pages were not given back");
	if (rc == 0)
		rc = pragma(p->s, "PRAGMA freelist_count", &after);
	if (rc == 0 && after < before && after > LIMIT_RETAIN_FREE_PAGES)
		p->more = true;
	return rc;
}

int store_retain(struct store *s, int64_t before_ns, uint64_t most_bytes, uint64_t *ret_deleted)
{
	struct piece p = {.s = s, .rows = LIMIT_RETAIN_ROWS, .most = most_bytes > INT64_MAX ? 0 : (int64_t)most_bytes};
	int rc = pragma(s, "PRAGMA page_size", &p.page_size);
	if (rc == 0)
		rc = delete_piece(&p, before_ns);
	if (rc != 0)
		return rc;
	*ret_deleted += p.events;
	rc = give_back_pages(&p);
	return rc != 0 ? rc : p.more;
}

static uint64_t bytes_on_disk(const char *path)
{
	struct stat st;
	return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int store_size(struct store *s, uint64_t *ret_used, uint64_t *ret_file)
{
	int64_t used = 0, page_size = 0;
	int rc = pages_in_use(s, &used);
	if (rc == 0)
		rc = pragma(s, "PRAGMA page_size", &page_size);
	if (rc != 0)
		return rc;
	const char *name = sqlite3_db_filename(s->db, "main");
	*ret_used = (uint64_t)(used * page_size);
	*ret_file = bytes_on_disk(name) + bytes_on_disk(sqlite3_filename_wal(name));
	return 0;
}
