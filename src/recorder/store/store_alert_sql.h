/* The statements of alerting, kept prepared: bound, run and told apart from their failures in one place. Private to
 * this folder. */
#ifndef SHADOWTAP_STORE_ALERT_SQL_H
#define SHADOWTAP_STORE_ALERT_SQL_H

#include "store_handle.h"

enum alert_sql {
	SQL_WINDOW_GET,
	SQL_WINDOW_PUT,
	SQL_WINDOW_BEGIN,
	SQL_WINDOWS_FORGET,
	SQL_SEEN_GET,
	SQL_SEEN_PUT,
	SQL_SEEN_FORGET,
	SQL_EXIT_RAISED,
	SQL_ADD,
	SQL_OVERFLOW,
	SQL_EXIT_LOST,
	SQL_EXIT_NEW,
	SQL_EXIT_ID,
	SQL_EXITS,
	SQL_EXIT_EMPTY,
	SQL_EXIT_DROP,
	SQL_NEXT,
	SQL_FORGET,
	SQL_EXIT_SENT,
	SQL_COUNTS,
	ALERT_SQL_COUNT
};

/* types: one letter a value: t text (const char *, copied by the end of the statement), i number (int64_t). NULL after
 * a failure, which is in *ret_failure and in the store's error. */
sqlite3_stmt *alert_sql_bind(struct store *s, enum alert_sql which, int *ret_failure, const char *types, ...);
/* 1: a row, to be read before alert_sql_over; 0: done (and over); or a failure (and over). */
int alert_sql_step(struct store *s, sqlite3_stmt *stmt);
void alert_sql_over(sqlite3_stmt *stmt);
void alert_sql_done(struct store *s);

#endif
