/* mcp_offer.c: which pages are believed, on which rows; what the records say; how much one connection may tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "frame.h"
#include "mcp_evidence.h"
#include "offer.h"
#include <stdio.h>
#include <stdlib.h>

struct bench {
	struct anomaly_counts anomalies;
	struct mcp_evidence evidence;
	struct mcp_row *row;
	struct mcp_offer_asked *asked;
	bool seen, dialogue, unasked;
	const char *method;
};

static void on_message(void *context, const struct jsonrpc_message *m)
{
	struct bench *b = context;
	if (m->method[0])
		mcp_offer_asks(&b->asked, m);
	else if (b->dialogue)
		mcp_offer_dialogue(&b->evidence, b->row, b->method, 77, m);
	else if (b->unasked)
		mcp_offer_unasked(&b->evidence, b->row, m);
	else
		mcp_offer_answer(&b->evidence, b->row, b->asked, b->seen, m);
}

static void read_text(struct bench *b, const char *text)
{
	struct jsonrpc *j = jsonrpc_new(on_message, b, &b->anomalies);
	assert_non_null(j);
	jsonrpc_want_definitions(j, false);
	(void)jsonrpc_feed(j, slice_str(text));
	jsonrpc_free(j);
}

static void setup(struct bench *b)
{
	*b = (struct bench){.seen = true};
	mcp_evidence_init(&b->evidence, NULL, &b->anomalies);
	b->evidence.now_ns = 5 * NS_PER_SEC;
	b->evidence.frame = 9;
	b->row = mcp_row_new(slice_str("h"), 0, 3);
	assert_non_null(b->row);
	b->row->confidence = CONFIDENCE_CONFIRMED;
	b->row->stage = STAGE_ESTABLISHED;
}

static void teardown(struct bench *b)
{
	mcp_evidence_done(&b->evidence);
	mcp_row_free(b->row);
	free(b->asked);
}

/* The records, and the first of them. */
static unsigned records(struct bench *b, struct offer *ret)
{
	uint32_t ordinal;
	size_t size;
	unsigned n = 0;
	for (uint8_t *bytes; (bytes = mcp_records_pop(&b->evidence.records, &ordinal, &size)) != NULL; n++) {
		struct offer_box box;
		assert_int_equal(ordinal, 3);
		assert_true(offer_decode(bytes, size, &box));
		if (n == 0)
			*ret = box.o;
		ret->items = NULL;
		offer_box_done(&box);
		free(bytes);
	}
	return n;
}

#define ASK "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{\"cursor\":\"c\"}}"
#define PAGE(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"tools\":[{\"name\":\"a\",\"inputSchema\":{},\"description\":\"<IMPORTANT>\"}]}}"

static void test_answer(void **state)
{
	(void)state;
	struct bench b;
	struct offer o;
	setup(&b);
	read_text(&b, ASK);
	read_text(&b, PAGE("7"));
	assert_int_equal(records(&b, &o), 1);
	assert_true(o.request_seen && o.first && o.last && o.cursor && !o.next_cursor);
	assert_int_equal(o.n, 1);
	assert_int_equal(o.frame, 9);
	assert_int_equal(b.row->facts, FACT_OFFERED | FACT_OFFER_INSTRUCTIONS);
	assert_true(b.row->changed);
	read_text(&b, PAGE("7")); /* who answers twice is believed once */
	assert_int_equal(records(&b, &o), 0);
	teardown(&b);
}

static void test_not_believed(void **state)
{
	(void)state;
	static const struct { const char *ask, *answer; enum confidence c; enum stage s; } cases[] = {
		{ASK, PAGE("8"), CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED},       /* another request's */
		{ASK, PAGE("\"7\""), CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED},
		{ASK, PAGE("7"), CONFIDENCE_LIKELY, STAGE_ESTABLISHED},
		{ASK, PAGE("7"), CONFIDENCE_CONFIRMED, STAGE_UNKNOWN},
		{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\"}", PAGE("7"), CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED},
		{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"prompts/list\"}", PAGE("7"), CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED},
		{ASK, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"tools\":[{\"name\":\"a\"}]}]}}", CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED},
		{ASK, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"data\":{\"tools\":[{\"name\":\"a\"}]}}}", CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bench b;
		struct offer o;
		setup(&b);
		b.row->confidence = cases[i].c;
		b.row->stage = cases[i].s;
		read_text(&b, cases[i].ask);
		read_text(&b, cases[i].answer);
		assert_int_equal(records(&b, &o), 0);
		assert_int_equal(b.row->facts, 0);
		teardown(&b);
	}
}

static void test_without_request(void **state)
{
	(void)state;
	struct bench b;
	struct offer o;
	setup(&b);
	b.unasked = true;
	read_text(&b, PAGE("1"));
	assert_int_equal(records(&b, &o), 1);
	assert_false(o.request_seen);
	read_text(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"a\"}]}}"); /* no schema: anybody's list */
	read_text(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}");
	read_text(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[],\"tools\":[{\"name\":\"a\",\"inputSchema\":{}}]}}");
	assert_int_equal(records(&b, &o), 0);
	b.unasked = false;
	b.dialogue = true;
	b.method = "tools/list";
	read_text(&b, PAGE("1"));
	assert_int_equal(records(&b, &o), 1);
	assert_int_equal(o.cursor, 77);
	b.method = "tools/call";
	read_text(&b, PAGE("1"));
	assert_int_equal(records(&b, &o), 0);
	teardown(&b);
}

static void test_budget(void **state)
{
	(void)state;
	struct bench b;
	struct offer o;
	setup(&b);
	b.unasked = true;
	char *text = malloc(200 * 600 + 256);
	assert_non_null(text);
	size_t n = (size_t)sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[");
	for (int i = 0; i < 200; i++)
		n += (size_t)sprintf(text + n, "%s{\"inputSchema\":{},\"name\":\"%0400d\"}", i ? "," : "", i);
	sprintf(text + n, "]}}");
	unsigned told = 0;
	for (int i = 0; i < 100; i++) {
		read_text(&b, text);
		told += records(&b, &o);
	}
	assert_in_range(told, 20, 60); /* of 100: a server that repeats itself fills nobody's hands */
	assert_int_equal(b.anomalies.n[ANOMALY_OFFERS_LIMIT], 100 - told);
	b.evidence.now_ns += 3 * NS_PER_SEC;
	read_text(&b, text);
	assert_int_equal(records(&b, &o), 1);
	free(text);
	teardown(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answer), cmocka_unit_test(test_not_believed),
	                                   cmocka_unit_test(test_without_request), cmocka_unit_test(test_budget)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
