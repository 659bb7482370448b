/* An acknowledged event makes no alert and does not count; one that has become worse, or whose time is over, does. */
#include "alert_rules_raise.h"
#include "recorder/store/ack_fixture.h"
#include "recorder/store/store_fixture.h"

static struct alert_rules rules;

static int64_t fixed_clock(void)
{
	return 7;
}

static void committed(void *context)
{
	(void)context;
}

static struct store *alerting(struct fixture *f)
{
	sample_json(f);
	struct store *s = opened(f);
	rules = (struct alert_rules){
	    .min_confidence = CONFIDENCE_LIKELY, .window_ns = DAY, .queue = 1000, .now_ns = fixed_clock, .n_exits = 1};
	assert_int_equal(store_alert_exit(s, "file:///a", &rules.exits[0].id), 0);
	store_on_write(s, alert_rules_raise, committed, &rules);
	return s;
}

static unsigned raised(struct store *s)
{
	struct store_alert_counts c;
	assert_int_equal(store_outbox_counts(s, rules.exits[0].id, &c), 0);
	return (unsigned)c.raised;
}

static void none_while_it_holds(void **state)
{
	struct fixture *f = *state;
	struct store *s = alerting(f);
	struct state t = {.id = ID_A, .confidence = "likely", .stage = "unknown", .severity = "medium"};
	put_state(f, s, t);
	assert_int_equal(raised(s), 1);
	ack(f, ID_A, UNTIL_NS);
	put_state(f, s, t);
	assert_int_equal(raised(s), 1);
	put_state(f, s,
		  (struct state){.id = ID_A, .confidence = "likely", .stage = "established", .severity = "medium"});
	assert_int_equal(raised(s), 2); /* it got an answer */
	ack(f, ID_A, UNTIL_NS);
	put_state(f, s,
		  (struct state){.id = ID_A, .confidence = "likely", .stage = "established", .severity = "medium"});
	assert_int_equal(raised(s), 2);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(rules.unraised, 0);
}

/* Without it this event would have opened the window, and the next one of its kind been no alert. */
static void it_does_not_count_and_others_do(void **state)
{
	struct fixture *f = *state;
	const char *id = ID_A;
	struct store_ack a = {
	    .ids = &id, .n = 1, .until_ns = UNTIL_NS, .by = "a", .why = "b", .at_ns = 1, .force = true};
	json_t *rows = json_array();
	struct store *s = alerting(f), *beside = acking(f);
	assert_int_equal(store_ack_put(beside, &a, keep_row, rows), 0);
	store_close_read(beside);
	json_decref(rows);
	put_state(f, s, (struct state){.id = ID_A});
	assert_int_equal(raised(s), 0);
	put_state(f, s, (struct state){.id = ID_B});
	assert_int_equal(raised(s), 1);
	put_state(f, s, (struct state){.id = ID_C});
	assert_int_equal(raised(s), 1); /* the same window */
	put_state(f, s, (struct state){.id = ID_A, .last_seen = "2025-11-27T00:00:00.000000Z"});
	assert_int_equal(raised(s), 1); /* its time is over: it counts in the window, and is no worse than the others */
	struct store_alert_window w;
	assert_int_equal(
	    store_alert_window(s, &(struct store_alert_key){"10.20.30.40", "mcp.example:8443", "unauthorized"}, &w), 1);
	assert_int_equal(w.count, 3);
	assert_int_equal(store_close(s), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {T(none_while_it_holds), T(it_does_not_count_and_others_do)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
