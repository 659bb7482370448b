/* struct store_query -> the WHERE clause and its bound values. Used by store_select and store_group. What the user or a
 * stranger wrote only ever travels as a bound value; the text of the clause is made of constants. */
#ifndef SHADOWTAP_STORE_FILTER_H
#define SHADOWTAP_STORE_FILTER_H

#include "hostname.h"
#include "store.h"
#include <sqlite3.h>

#define FILTER_BINDS 24

struct store_filter {
	char sql[4096];               /* " WHERE ..." or empty */
	size_t n;
	const char *binds[FILTER_BINDS]; /* all text; borrowed from the query or from the buffers below */
	int n_binds;
	char since[EVENT_TIME_TEXT], until[EVENT_TIME_TEXT], now[EVENT_TIME_TEXT];
	char id_from[EVENT_ID_TEXT], id_to[EVENT_ID_TEXT + 1];
	char address[2][2][IP_ADDR_TEXT];
	char host[HOSTNAME_TEXT];
};

/* FAIL_CONFIG with a sentence if the query asks for what cannot be. In place: binds point into *ret. */
int store_filter_init(const struct store_query *q, struct store_filter *ret, char error[STORE_ERROR_TEXT]);
/* Binds from parameter 1 on. An SQLite result code. */
int store_filter_bind(const struct store_filter *f, sqlite3_stmt *stmt);

/* addr_in(address, network) and host_in(pattern, authority). */
int store_filter_functions(sqlite3 *db);

#endif
