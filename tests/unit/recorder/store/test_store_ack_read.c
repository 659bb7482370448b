/* What an acknowledgement covers: the event as it was, or milder, for a time. The writer, queries, the list and the
 * view must say the same of each state. */
#include "recorder/store/ack_fixture.h"
#include "recorder/store/store_fixture.h"
#include <sqlite3.h>

#define UNLIMITED (INT64_C(4102444800) * 1000000000) /* 2100 */

static sqlite3_int64 number(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *s = NULL;
	assert_int_equal(sqlite3_open_v2(db, &c, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(c, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(c));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	sqlite3_int64 n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(c);
	return n;
}

static int selected(struct store *s, enum store_acknowledged which, int64_t now_ns)
{
	struct store_query q = {
	    .all = true, .min_confidence = CONFIDENCE_POSSIBLE, .acknowledged = which, .now_ns = now_ns};
	int n = 0;
	assert_int_equal(store_select(s, &q, count_row, &n), 0);
	return n;
}

static const char *state_of(struct store *s, int64_t now_ns)
{
	static char state[16];
	json_t *rows = json_array();
	assert_int_equal(store_acks(s, now_ns, keep_row, rows), 0);
	assert_int_equal(json_array_size(rows), 1);
	snprintf(state, sizeof state, "%s", json_string_value(json_object_get(json_array_get(rows, 0), "state")));
	json_decref(rows);
	return state;
}

/* Both sides of SQL, C and the view say the same; `holds` is for the message. */
static void all_agree(struct fixture *f, struct state t, bool holds)
{
	struct store *s = opened_read(f);
	json_t *event = event_of(f, &t);
	int annotated = store_ack_annotate(s, event, 0), hidden = selected(s, ACKNOWLEDGED_ONLY, 1);
	if (annotated != holds || hidden != holds || strcmp(state_of(s, 1), holds ? "holds" : "risen") != 0)
		fail_msg("%s %s %s %s %s: annotated %d, selected %d, state %s", t.verdict, t.confidence, t.stage,
			 t.severity, t.findings, annotated, hidden, state_of(s, 1));
	assert_int_equal(selected(s, ACKNOWLEDGED_NOT, 1), !holds);
	assert_int_equal(selected(s, ACKNOWLEDGED_TOO, 1), 1);
	assert_int_equal(json_is_object(json_object_get(event, "acknowledged")), holds);
	json_decref(event);
	store_close_read(s);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledged"), holds);
	bool listed = strcmp(t.verdict, "approved") != 0 && strcmp(t.confidence, "possible") != 0;
	assert_int_equal(number(f->db, "SELECT count(*) FROM unapproved"), listed && !holds);
}

static void it_covers_what_was_acknowledged_or_milder(void **state)
{
	static const struct {
		struct state now;
		bool holds;
	} cases[] = {
	    {{ID_A, "violation", "likely", "unknown", "low", "[\"a\",\"b\"]", NULL}, true},
	    {{ID_A, "violation", "likely", "unknown", "low", "[\"b\",\"a\"]", NULL}, true},
	    {{ID_A, "violation", "likely", "unknown", "low", "[\"a\"]", NULL}, true},
	    {{ID_A, "violation", "likely", "unknown", "low", "[]", NULL}, true},
	    {{ID_A, "violation", "likely", "unknown", "low", "[\"a\",\"b\",\"c\"]", NULL}, false},
	    {{ID_A, "violation", "likely", "unknown", "low", "[\"A\"]", NULL}, false},
	    {{ID_A, "approved", "likely", "unknown", "info", "[]", NULL}, true},
	    {{ID_A, "unauthorized", "likely", "unknown", "low", "[]", NULL}, false},
	    {{ID_A, "violation", "possible", "unknown", "info", "[]", NULL}, true},
	    {{ID_A, "violation", "confirmed", "unknown", "low", "[]", NULL}, false},
	    {{ID_A, "violation", "likely", "attempted", "info", "[]", NULL}, true},
	    {{ID_A, "violation", "likely", "established", "low", "[]", NULL}, false},
	    {{ID_A, "violation", "likely", "unknown", "medium", "[]", NULL}, false},
	};
	struct fixture *f = *state;
	sample_json(f);
	struct store *s = opened(f);
	put_state(f, s, cases[0].now);
	assert_int_equal(store_close(s), 0);
	ack(f, ID_A, UNLIMITED);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		s = opened(f);
		put_state(f, s, cases[i].now);
		assert_int_equal(store_close(s), 0);
		all_agree(f, cases[i].now, cases[i].holds);
	}
	/* what has risen is acknowledged anew as it is now */
	struct state worst = {ID_A, "unauthorized", "confirmed", "established", "high", "[\"c\"]", NULL};
	s = opened(f);
	put_state(f, s, worst);
	assert_int_equal(store_close(s), 0);
	all_agree(f, worst, false);
	ack(f, ID_A, UNLIMITED);
	all_agree(f, worst, true);
}

static void it_ends_by_packet_time_and_a_list_by_the_clock_too(void **state)
{
	struct fixture *f = *state;
	struct state before = {.id = ID_A, .last_seen = "2025-11-25T23:59:59.999999Z"};
	struct state at = {.id = ID_A, .last_seen = "2025-11-26T00:00:00.000000Z"};
	sample_json(f);
	struct store *s = opened(f);
	put_state(f, s, before);
	ack(f, ID_A, UNTIL_NS);
	json_t *event = event_of(f, &before);
	assert_int_equal(store_ack_annotate(s, event, 0), 1);
	assert_int_equal(store_ack_annotate(s, event, UNTIL_NS - 1000), 1);
	assert_int_equal(store_ack_annotate(s, event, UNTIL_NS), 0);
	assert_true(json_is_null(json_object_get(event, "acknowledged")));
	json_decref(event);
	struct store *r = opened_read(f);
	assert_int_equal(selected(r, ACKNOWLEDGED_ONLY, UNTIL_NS - 1000), 1);
	assert_int_equal(selected(r, ACKNOWLEDGED_ONLY, UNTIL_NS), 0);
	assert_int_equal(selected(r, ACKNOWLEDGED_ONLY, 0), 1);
	assert_string_equal(state_of(r, UNTIL_NS - 1000), "holds");
	assert_string_equal(state_of(r, UNTIL_NS), "expired");
	put_state(f, s, at);
	assert_int_equal(selected(r, ACKNOWLEDGED_ONLY, 0), 0);
	assert_string_equal(state_of(r, 1), "expired");
	store_close_read(r);
	event = event_of(f, &at);
	assert_int_equal(store_ack_annotate(s, event, 0), 0);
	json_decref(event);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledged"), 0); /* 2025 is over by the clock as well */
}

/* Of an event that nobody has seen nothing can be said to have become worse. */
static void a_forced_one_covers_what_comes(void **state)
{
	struct fixture *f = *state;
	struct state t = {ID_A, "unauthorized", "confirmed", "established", "high", "[\"x\"]", NULL};
	const char *id = ID_A;
	struct store_ack a = {
	    .ids = &id, .n = 1, .until_ns = UNLIMITED, .by = "a", .why = "b", .at_ns = 1, .force = true};
	json_t *rows = json_array();
	sample_json(f);
	assert_int_equal(store_close(opened(f)), 0);
	struct store *s = acking(f);
	assert_int_equal(store_ack_put(s, &a, keep_row, rows), 0);
	assert_string_equal(state_of(s, 1), "unseen");
	store_close_read(s);
	s = opened(f);
	put_state(f, s, t);
	assert_int_equal(store_close(s), 0);
	all_agree(f, t, true);
	json_decref(rows);
}

static void committed(void *context, const json_t *event)
{
	json_array_append_new(context, json_deep_copy(json_object_get(event, "acknowledged")));
}

/* Who hears of rows is told each time, by what holds when they are written; other events are not covered. */
static void the_writer_tells(void **state)
{
	struct fixture *f = *state;
	sample_json(f);
	struct store *s = opened(f);
	json_t *told = json_array();
	store_on_committed(s, committed, told);
	put_state(f, s, (struct state){.id = ID_A});
	ack(f, ID_A, UNTIL_NS);
	put_state(f, s, (struct state){.id = ID_A});
	put_state(f, s, (struct state){.id = ID_B});
	put_state(f, s, (struct state){.id = ID_A, .findings = "[\"new\"]"});
	assert_int_equal(store_close(s), 0);
	assert_int_equal(json_array_size(told), 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(json_is_object(json_array_get(told, i)), i == 1);
	json_t *said = json_array_get(told, 1);
	assert_int_equal(json_object_size(said), 4);
	assert_string_equal(json_string_value(json_object_get(said, "until")), "2025-11-26T00:00:00.000000Z");
	assert_string_equal(json_string_value(json_object_get(said, "by")), "alice");
	assert_string_equal(json_string_value(json_object_get(said, "why")), "OPS-1");
	assert_string_equal(json_string_value(json_object_get(said, "at")), "1970-01-01T00:00:00.000000Z");
	json_decref(told);
}

/* An event that brings a member of that name cannot acknowledge itself. */
static void nobody_acknowledges_himself(void **state)
{
	struct fixture *f = *state;
	sample_json(f);
	struct store *s = opened(f);
	json_t *told = json_array(), *event = event_of(f, &(struct state){.id = ID_A});
	json_object_set_new(event, "acknowledged", json_pack("{s:s}", "until", "2100-01-01T00:00:00.000000Z"));
	char *text = json_dumps(event, 0);
	store_on_committed(s, committed, told);
	assert_int_equal(store_put_text(s, text, strlen(text)), 0);
	assert_int_equal(store_close(s), 0);
	assert_true(json_is_null(json_array_get(told, 0)));
	free(text);
	json_decref(event);
	json_decref(told);
}

static void groups_leave_them_out_too(void **state)
{
	struct fixture *f = *state;
	sample_json(f);
	struct store *s = opened(f);
	put_state(f, s, (struct state){.id = ID_A});
	put_state(f, s, (struct state){.id = ID_B});
	assert_int_equal(store_close(s), 0);
	ack(f, ID_A, UNTIL_NS);
	s = opened_read(f);
	struct store_query q = {.acknowledged = ACKNOWLEDGED_NOT};
	json_t *rows = json_array();
	assert_int_equal(store_group(s, &q, "verdict", keep_row, rows), 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "events")), 1);
	json_decref(rows);
	store_close_read(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
	    T(it_covers_what_was_acknowledged_or_milder),
	    T(it_ends_by_packet_time_and_a_list_by_the_clock_too),
	    T(a_forced_one_covers_what_comes),
	    T(the_writer_tells),
	    T(nobody_acknowledges_himself),
	    T(groups_leave_them_out_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
