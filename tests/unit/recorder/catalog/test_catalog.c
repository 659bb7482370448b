/* The catalog: changes by packet time, not by order of arrival; two audiences of a server; caps; lists by page; tags and their twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "catalog.h"
#include "frame.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct seen {
	unsigned rows, changes;
	char last[256]; /* "name part,part hints" of the latest change */
	json_t *table;  /* the latest row of each version */
};

static int on_row(void *context, const json_t *row)
{
	struct seen *s = context;
	s->rows++;
	if (strcmp(json_string_value(json_object_get(row, "row")), "definition") == 0)
		json_array_append_new(s->table, json_deep_copy(row));
	return 0;
}

static int on_change(void *context, const struct catalog_change *c)
{
	struct seen *s = context;
	size_t n = (size_t)snprintf(s->last, sizeof s->last, "%s", c->name);
	for (int p = 0; p < PART_COUNT; p++)
		if (c->parts[p])
			n += (size_t)snprintf(s->last + n, sizeof s->last - n, " %s", definition_part_name((enum definition_part)p));
	snprintf(s->last + n, sizeof s->last - n, " %x", c->hints);
	s->changes++;
	return 0;
}

struct bench {
	struct catalog *catalog;
	struct seen seen;
	struct observation o;
	struct definition items[64];
	char names[64][32];
	size_t n;
	int64_t t;
	uint64_t cursor, next;
	bool cut, unseen;
};

static void setup(struct bench *b)
{
	*b = (struct bench){.catalog = catalog_new(), .seen.table = json_array(), .t = 1000 * NS_PER_SEC};
	assert_non_null(b->catalog);
	b->o.client_ip.family = b->o.server_ip.family = 4;
	b->o.client_ip.b[3] = 10;
	b->o.server_ip.b[3] = 20;
	b->o.server_port = 3000;
	b->o.host = "mcp.acme.example";
	b->o.path = "/mcp";
}

static void teardown(struct bench *b)
{
	json_decref(b->seen.table);
	catalog_free(b->catalog);
}

static void add(struct bench *b, const char *name, uint8_t content)
{
	struct definition *d = &b->items[b->n];
	snprintf(b->names[b->n], sizeof b->names[b->n], "%s", name);
	*d = (struct definition){.name = b->names[b->n], .bytes = 10};
	memset(d->hash, content, sizeof d->hash);
	memset(d->parts[PART_DESCRIPTION], content, DEFINITION_PART_BYTES);
	b->n++;
}

/* What was added is a page. */
static void take(struct bench *b)
{
	struct catalog_sink sink = {on_row, on_change, &b->seen};
	struct offer offer = {.time_ns = b->t, .list = LIST_TOOLS, .request_seen = !b->unseen, .cursor = b->cursor, .next_cursor = b->next,
	                      .first = true, .last = true, .cut = b->cut, .items = b->items, .n = b->n, .total = b->n};
	assert_int_equal(catalog_take(b->catalog, &offer, &b->o, &sink), 0);
	b->n = 0;
	b->cursor = b->next = 0;
	b->cut = false;
}

static void see(struct bench *b, int64_t seconds, uint8_t content)
{
	b->t = (1000 + seconds) * NS_PER_SEC;
	add(b, "find", content);
	take(b);
}

static void test_changes(void **state)
{
	(void)state;
	struct bench b;
	setup(&b);
	see(&b, 0, 1);
	see(&b, 1, 1);
	assert_int_equal(b.seen.changes, 0);
	see(&b, 2, 2);
	assert_int_equal(b.seen.changes, 1);
	assert_string_equal(b.seen.last, "find description 0");
	see(&b, 3, 1); /* somebody else's, or back again */
	see(&b, 4, 2);
	see(&b, 5, 1);
	assert_int_equal(b.seen.changes, 1);
	see(&b, 2, 2); /* the same capture again: the same event */
	assert_int_equal(b.seen.changes, 2);
	see(&b, 1, 1);
	assert_int_equal(b.seen.changes, 2);
	b.items[0].hints = 0;
	teardown(&b);
}

static void test_older_capture_later(void **state)
{
	(void)state;
	struct bench b;
	setup(&b);
	see(&b, 100, 2);
	see(&b, 0, 1);
	assert_int_equal(b.seen.changes, 0); /* what was first by packet time is no change */
	see(&b, 100, 2);
	assert_int_equal(b.seen.changes, 1); /* and what came after it is, now that it is known */
	teardown(&b);
}

static void test_not_another_server(void **state)
{
	(void)state;
	struct bench b;
	setup(&b);
	see(&b, 0, 1);
	b.o.host = "mcp.other.example";
	see(&b, 1, 2);
	b.o.host = "mcp.acme.example";
	b.o.path = "/other";
	see(&b, 2, 3);
	b.o.path = "/mcp";
	b.o.encap = (struct encap){.n = 1, .layer = {{.kind = ENCAP_VLAN, .id = 10}}};
	see(&b, 3, 4);
	b.o.encap.n = 0;
	assert_int_equal(b.seen.changes, 0);
	b.o.host = "mcp.acme.example:80"; /* the scheme's own port says nothing */
	see(&b, 4, 5);
	assert_int_equal(b.seen.changes, 1);
	teardown(&b);
}

static void test_storm(void **state)
{
	(void)state;
	struct bench b;
	setup(&b);
	for (int i = 0; i < 200; i++)
		see(&b, i, (uint8_t)(i + 1));
	assert_int_equal(b.seen.changes, LIMIT_CATALOG_CHANGES_DAY);
	struct catalog_counts counts;
	catalog_counts(b.catalog, &counts);
	assert_int_equal(counts.versions, LIMIT_CATALOG_CHANGES_DAY + 1);
	json_t *row = json_array_get(b.seen.table, json_array_size(b.seen.table) - 1);
	see(&b, 86400, 1); /* a known one, the next day */
	see(&b, 86401, 250);
	assert_int_equal(b.seen.changes, LIMIT_CATALOG_CHANGES_DAY + 1); /* what comes the day after is told */
	assert_true(json_is_string(json_object_get(row, "hash")));
	teardown(&b);
}

static void test_page_of_changes(void **state)
{
	(void)state;
	struct bench b;
	struct catalog_counts counts;
	setup(&b);
	for (int round = 1; round <= 2; round++)
		for (int page = 0; page < 3; page++) {
			for (int i = 0; i < 60; i++) {
				char name[32];
				snprintf(name, sizeof name, "t%d_%d", page, i);
				add(&b, name, (uint8_t)round);
			}
			b.t += NS_PER_SEC;
			take(&b);
		}
	assert_int_equal(b.seen.changes, 180);
	catalog_counts(b.catalog, &counts);
	assert_int_equal(counts.untold, 0);
	teardown(&b);
}

static void test_known_from_before(void **state)
{
	(void)state;
	struct bench b, again;
	struct catalog_sink sink;
	setup(&b);
	setup(&again);
	see(&b, 0, 1);
	see(&b, 7, 2);
	see(&b, 9, 2);
	sink = (struct catalog_sink){on_row, on_change, &b.seen};
	assert_int_equal(catalog_flush(b.catalog, &sink), 0);
	for (size_t i = json_array_size(b.seen.table); i-- > 0;) /* the latest state first; older ones of a version are refused */
		(void)catalog_load(again.catalog, json_array_get(b.seen.table, i));
	see(&again, 7, 2);
	assert_int_equal(again.seen.changes, 1);
	assert_string_equal(again.seen.last, "find description 0");
	see(&again, 10, 1);
	see(&again, 11, 2);
	assert_int_equal(again.seen.changes, 1);
	see(&again, 12, 3);
	assert_int_equal(again.seen.changes, 2);
	json_t *wrong = json_pack("{s:s, s:s, s:s, s:s, s:s}", "tenant", "", "server", "x", "path", "", "list", "tools", "name", "y");
	assert_false(catalog_load(again.catalog, wrong));
	json_decref(wrong);
	teardown(&b);
	teardown(&again);
}

/* What was in the database: the server that was seen last is the last to leave. */
static void test_oldest_known_leaves_first(void **state)
{
	(void)state;
	static const char *const hosts[] = {"new.example", "old.example"};
	struct bench b, again;
	struct catalog_sink sink;
	struct catalog_counts counts;
	char host[32];
	setup(&b);
	setup(&again);
	sink = (struct catalog_sink){on_row, on_change, &b.seen};
	for (int i = 1; i >= 0; i--) {
		b.o.host = hosts[i];
		see(&b, 10 - i, 1);
	}
	assert_int_equal(catalog_flush(b.catalog, &sink), 0);
	for (size_t i = json_array_size(b.seen.table); i-- > 0;)
		(void)catalog_load(again.catalog, json_array_get(b.seen.table, i));
	for (int i = 0; i < LIMIT_CATALOG_SERVERS - 1; i++) {
		snprintf(host, sizeof host, "h%d.example", i);
		again.o.host = host;
		see(&again, 20, 1);
		json_array_clear(again.seen.table);
	}
	catalog_counts(again.catalog, &counts);
	assert_int_equal(counts.left, 1);
	for (int i = 0; i < 2; i++) {
		again.o.host = hosts[i];
		see(&again, 30, 2);
		assert_int_equal(again.seen.changes, 1); /* of the new one; the old one is as if seen for the first time */
	}
	teardown(&b);
	teardown(&again);
}

static bool has_tag(struct bench *b, const char *tag)
{
	const char *tags[LIMIT_TAGS];
	size_t n = catalog_tags(b->catalog, &b->o, tags);
	for (size_t i = 0; i < n; i++)
		if (strcmp(tags[i], tag) == 0)
			return true;
	return false;
}

static void test_code_mode(void **state)
{
	(void)state;
	static const struct { const char *names[5]; bool code; } cases[] = {
		{{"search", "execute"}, true}, {{"execute_code"}, true}, {{"search", "execute", "help"}, true},
		{{"search", "execute", "fetch", "upload"}, false}, {{"search"}, false}, {{"execute_code", "read_file"}, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int paged = 0; paged < 2; paged++) {
			struct bench b;
			setup(&b);
			for (int k = 0; k < 5 && cases[i].names[k]; k++) {
				add(&b, cases[i].names[k], 1);
				if (paged && k < 4 && cases[i].names[k + 1]) {
					b.next = (uint64_t)k + 7;
					take(&b);
					b.cursor = (uint64_t)k + 7;
				}
			}
			take(&b);
			assert_int_equal(has_tag(&b, "code-mode"), cases[i].code);
			teardown(&b);
		}
}

static void test_lost_page_has_no_tag(void **state)
{
	(void)state;
	struct bench b;
	setup(&b);
	add(&b, "search", 1);
	add(&b, "execute", 1);
	b.cursor = 99; /* the page before it was lost: who knows what was on it */
	take(&b);
	assert_false(has_tag(&b, "code-mode"));
	add(&b, "search", 1);
	add(&b, "execute", 1);
	b.cut = true;
	take(&b);
	assert_false(has_tag(&b, "code-mode"));
	b.unseen = true; /* whose request travels elsewhere */
	add(&b, "search", 1);
	b.next = 5;
	take(&b);
	add(&b, "execute", 1);
	take(&b);
	assert_true(has_tag(&b, "code-mode"));
	teardown(&b);
}

static void at(struct bench *b, uint8_t client, uint8_t server, const char *host)
{
	b->o.client_ip.b[3] = client;
	b->o.server_ip.b[3] = server;
	b->o.host = host;
	b->t += NS_PER_SEC;
}

static void test_portal(void **state)
{
	(void)state;
	/* tools of the two upstreams, and of the one in front of them */
	static const struct { const char *one[4], *two[4], *front[6]; bool portal; } cases[] = {
		{{"search", "open"}, {"read", "edit"}, {"crm_search", "crm_open", "wiki_read", "wiki_edit"}, true},
		{{"search", "open"}, {"search", "edit"}, {"crm.search", "crm.open", "wiki.search", "wiki.edit"}, true},
		{{"search", "open"}, {"search", "open"}, {"search", "open"}, false},           /* a load balancer */
		{{"search", "open"}, {"read", "edit"}, {"crm_search", "crm_open"}, false},     /* one of them alone */
		{{"search", "open"}, {"read", "edit"}, {"research", "reopen", "spread", "credit"}, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int order = 0; order < 2; order++) {
			struct bench b;
			setup(&b);
			for (int step = 0; step < 3; step++) {
				int who = order ? step : 2 - step; /* the portal first, or last */
				const char *const *names = who == 0 ? cases[i].front : who == 1 ? cases[i].one : cases[i].two;
				at(&b, who == 0 ? 10 : 30, who == 0 ? 30 : (uint8_t)(20 + who), who == 0 ? "portal" : who == 1 ? "one" : "two");
				for (int k = 0; k < (who == 0 ? 6 : 4) && names[k]; k++)
					add(&b, names[k], (uint8_t)(who + 1));
				take(&b);
			}
			at(&b, 10, 30, "portal");
			assert_int_equal(has_tag(&b, "portal"), cases[i].portal);
			at(&b, 30, 21, "one");
			assert_false(has_tag(&b, "portal"));
			teardown(&b);
		}
}

static void test_portal_by_names(void **state)
{
	(void)state;
	static const struct { const char *names[6]; bool portal; } cases[] = {
		{{"github__search", "github__star", "slack__post"}, true}, {{"github__search", "github__star", "github__post"}, false},
		{{"issue_get", "issue_list", "repo_get", "repo_list"}, false}, {{"a__b", "c__d", "x", "y", "z"}, false},
		{{"__init__", "__all__", "a____b"}, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bench b;
		setup(&b);
		for (int k = 0; k < 6 && cases[i].names[k]; k++)
			add(&b, cases[i].names[k], 1);
		take(&b);
		assert_int_equal(has_tag(&b, "portal"), cases[i].portal);
		teardown(&b);
	}
}

/* Names that end in a hundred others each, offered by what looks like a portal before many servers: its clients' lists stay cheap. */
static void test_portal_of_dashes(void **state)
{
	(void)state;
	struct bench b;
	static char names[50][LIMIT_OFFER_NAME];
	char host[32];
	setup(&b);
	at(&b, 10, 30, "portal");
	for (int page = 0; page < 40; page++) {
		for (int k = 0; k < 50; k++) {
			memset(names[k], '-', sizeof names[k] - 1);
			names[k][snprintf(names[k], sizeof names[k], "%d", page * 50 + k)] = '-';
			add(&b, "", 1);
			b.items[k].name = names[k];
		}
		take(&b);
	}
	clock_t began = clock();
	for (int list = 0; list < 60; list++) {
		snprintf(host, sizeof host, "up%d", list % 16);
		at(&b, 30, (uint8_t)(40 + list % 16), host);
		add(&b, "read", 1);
		take(&b);
	}
	assert_true((clock() - began) / CLOCKS_PER_SEC < 10); /* they took a minute */
	at(&b, 10, 30, "portal");
	assert_false(has_tag(&b, "portal"));
	teardown(&b);
}

/* A million made-up servers and names: what is remembered stays within the caps. */
static void test_flood(void **state)
{
	(void)state;
	struct bench b;
	struct catalog_counts counts;
	char host[32];
	setup(&b);
	for (int i = 0; i < LIMIT_CATALOG_SERVERS + 500; i++) {
		snprintf(host, sizeof host, "h%d.example", i);
		b.o.host = host;
		for (int k = 0; k < 20; k++) {
			char name[32];
			snprintf(name, sizeof name, "t%d", k);
			add(&b, name, 1);
		}
		take(&b);
		json_array_clear(b.seen.table);
	}
	catalog_counts(b.catalog, &counts);
	assert_true(counts.servers <= LIMIT_CATALOG_SERVERS && counts.definitions <= LIMIT_CATALOG_DEFINITIONS);
	assert_true(counts.bytes <= LIMIT_CATALOG_BYTES && counts.left > 500);
	b.o.host = "one.example";
	for (int page = 0; page < LIMIT_CATALOG_SERVER_DEFINITIONS / 50 + 4; page++) {
		for (int k = 0; k < 50; k++) {
			char name[32];
			snprintf(name, sizeof name, "n%d_%d", page, k);
			add(&b, name, 1);
		}
		take(&b);
		json_array_clear(b.seen.table);
	}
	catalog_counts(b.catalog, &counts);
	assert_int_equal(counts.refused, 200);
	teardown(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes), cmocka_unit_test(test_older_capture_later), cmocka_unit_test(test_not_another_server),
		cmocka_unit_test(test_storm), cmocka_unit_test(test_page_of_changes), cmocka_unit_test(test_known_from_before),
		cmocka_unit_test(test_oldest_known_leaves_first),
		cmocka_unit_test(test_code_mode), cmocka_unit_test(test_lost_page_has_no_tag), cmocka_unit_test(test_portal),
		cmocka_unit_test(test_portal_by_names), cmocka_unit_test(test_portal_of_dashes),
		cmocka_unit_test(test_flood)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
