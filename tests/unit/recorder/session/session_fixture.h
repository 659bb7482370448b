/* A book of connections, what it tells of each, and connections to put into it. For the tests of this folder alone. */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frame.h"
#include "session_join.h"
#include "status.h"

#define SECOND NS_PER_SEC
#define START (INT64_C(1700000000) * SECOND)

/* What was last told of a connection, by its port. */
struct told {
	bool any;
	unsigned states, settled;
	char client[LIMIT_NAME], server[LIMIT_NAME], version[LIMIT_VERSION], session[SESSION_EVENT_ID_TEXT];
	char joined[256];
	enum stage stage;
	enum auth_kind auth;
};

static struct told table[65536];
static struct session_book *book;
static unsigned tells, settled_in_all;
static int answer;

static inline int on_tell(void *context, struct session_entry *e, const struct session_view *v, enum session_news news)
{
	(void)context;
	struct told *t = &table[v->o.client_port];
	(void)e;
	tells++;
	t->any = true;
	t->settled += news == SESSION_SETTLED;
	settled_in_all += news == SESSION_SETTLED;
	t->states += news == SESSION_STATE;
	snprintf(t->client, sizeof t->client, "%s", v->o.client_name ? v->o.client_name : "-");
	snprintf(t->server, sizeof t->server, "%s", v->o.server_name ? v->o.server_name : "-");
	snprintf(t->version, sizeof t->version, "%s", v->o.protocol_version ? v->o.protocol_version : "-");
	snprintf(t->session, sizeof t->session, "%s", v->session ? v->session : "-");
	t->joined[0] = 0;
	for (size_t i = 0, n = 0; i < v->n_joined; i++)
		n += (size_t)snprintf(t->joined + n, sizeof t->joined - n, "%s%s", i ? " " : "", v->joined[i]);
	t->stage = v->o.stage;
	t->auth = v->auth;
	return answer;
}

static inline void begin(void)
{
	memset(table, 0, sizeof table);
	tells = settled_in_all = 0;
	answer = 0;
	book = session_book_new(on_tell, NULL);
	assert_non_null(book);
}

static inline void end(void)
{
	session_book_free(book);
	book = NULL;
}

static int64_t now = START;

/* A connection of one client to one server, at the path of MCP; its port is its name here. */
static inline struct observation conn(uint16_t port)
{
	struct observation o = {.confidence = CONFIDENCE_CONFIRMED, .stage = STAGE_ESTABLISHED, .l4 = 6,
	                        .transport = TRANSPORT_STREAMABLE_HTTP, .connection_time_ns = START + port, .first_frame = port,
	                        .first_seen_ns = now, .last_seen_ns = now, .client_port = port, .server_port = 3000,
	                        .host = "mcp.example:3000", .path = "/mcp", .user_agent = "node"};
	o.client_ip = o.server_ip = (struct ip_addr){.family = 4, .b = {10, 0, 0, 1}};
	o.server_ip.b[3] = 2;
	return o;
}

static inline struct observation keyed(uint16_t port, uint64_t key)
{
	struct observation o = conn(port);
	o.session_keys[0] = key;
	o.n_session_keys = 1;
	return o;
}

static struct observed_count initialize[] = {{"initialize", 1, START, 1}};

static inline void says(struct observation *o, const char *client, const char *server)
{
	o->client_name = client;
	o->client_version = client ? "1" : NULL;
	o->server_name = server;
	o->server_version = server ? "2" : NULL;
	o->names_session = o->n_session_keys ? 1 : 0;
}

static inline void asks_to_initialize(struct observation *o)
{
	o->methods = (struct observed_counts){initialize, 1, 0};
}

static inline void id_of(uint16_t port, char out[SESSION_EVENT_ID_TEXT])
{
	snprintf(out, SESSION_EVENT_ID_TEXT, "%032u", port);
}

static inline int put(const struct observation *o)
{
	size_t n;
	uint8_t *bytes = observation_encode(o, &n);
	struct observation_box box;
	char id[SESSION_EVENT_ID_TEXT];
	assert_non_null(bytes);
	assert_true(observation_decode(bytes, n, &box));
	free(bytes);
	id_of(o->client_port, id);
	struct session_entry *e = session_book_put_take(book, &box, n, id);
	assert_non_null(e);
	return session_join(book, e);
}

static inline void ends(struct observation *o)
{
	o->final = true;
	assert_int_equal(put(o), 0);
}

static inline void check(uint16_t port, const char *client, const char *server, uint16_t session, const char *joined)
{
	char id[SESSION_EVENT_ID_TEXT];
	id_of(session, id);
	assert_true(table[port].any);
	assert_string_equal(table[port].client, client);
	assert_string_equal(table[port].server, server);
	assert_string_equal(table[port].session, session ? id : "-");
	assert_string_equal(table[port].joined, joined);
}

#define NAMES "client_name client_version server_name server_version"

#endif
