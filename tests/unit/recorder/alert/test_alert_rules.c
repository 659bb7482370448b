/* Windows by packet time: what makes an alert, for how many events it stands, and what does not make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "alert_rules.h"

#define S INT64_C(1000000000)
#define HOUR (3600 * S)
#define START (INT64_C(1763800000) * S)

static const struct store_alert_level low = {CONFIDENCE_LIKELY, STAGE_ATTEMPTED, SEVERITY_LOW};
static const struct store_alert_level middle = {CONFIDENCE_LIKELY, STAGE_ESTABLISHED, SEVERITY_MEDIUM};
static const struct store_alert_level high = {CONFIDENCE_CONFIRMED, STAGE_ESTABLISHED, SEVERITY_HIGH};

/* An event that was not seen before, in the window that is remembered. */
static struct alert_ruling another(struct alert_memory *m, int64_t at, const struct store_alert_level *l)
{
	m->seen = false;
	return alert_rules_judge(m, at, l, HOUR);
}

static void raised(struct alert_ruling r, enum alert_why why, uint64_t count)
{
	assert_true(r.raise);
	assert_int_equal(r.why, why);
	assert_int_equal(r.count, count);
}

static void the_first_alerts_and_the_next_only_count(void **state)
{
	(void)state;
	struct alert_memory m = {0};
	struct alert_ruling r = another(&m, START, &middle);
	raised(r, ALERT_NEW, 1);
	assert_true(r.window_began && r.window_changed && r.seen_changed);
	for (int i = 1; i < 10; i++) {
		r = another(&m, START + i, &middle);
		assert_false(r.raise || r.window_began);
		assert_true(r.window_changed && r.seen_changed);
	}
	assert_int_equal(m.window.count, 10);
	assert_int_equal(m.window.said, 1);
}

static void a_window_ends_by_packet_time(void **state)
{
	(void)state;
	struct alert_memory m = {0};
	another(&m, START, &middle);
	assert_false(another(&m, START + HOUR - 1, &middle).raise);
	raised(another(&m, START + HOUR, &middle), ALERT_AGAIN, 2); /* the one that was not told, and itself */
	assert_int_equal(m.window.since_ns, START + HOUR);
	raised(another(&m, START + 2 * HOUR, &middle), ALERT_NEW, 1); /* nothing was left untold */
	assert_int_equal(m.window.until_ns, START + 3 * HOUR);
}

static void each_rise_alerts_at_once(void **state)
{
	(void)state;
	struct alert_memory m = {0};
	another(&m, START, &low);
	another(&m, START + 1, &low);
	raised(another(&m, START + 2, &middle), ALERT_RISEN, 3); /* stage and severity */
	raised(another(&m, START + 3, &high), ALERT_RISEN, 4);   /* confidence */
	assert_false(another(&m, START + 4, &high).raise);
	assert_false(another(&m, START + 5, &low).raise);
	raised(another(&m, START + HOUR, &low), ALERT_AGAIN, 3);
	raised(another(&m, START + HOUR + 1, &middle), ALERT_RISEN, 2); /* a new window begins at its own first level */
}

static void each_part_rises_for_itself(void **state)
{
	(void)state;
	const struct store_alert_level base = {CONFIDENCE_LIKELY, STAGE_UNKNOWN, SEVERITY_LOW};
	const struct {
		struct store_alert_level now;
		bool rises;
	} cases[] = {{{CONFIDENCE_CONFIRMED, STAGE_UNKNOWN, SEVERITY_LOW}, true},
		     {{CONFIDENCE_LIKELY, STAGE_ESTABLISHED, SEVERITY_LOW}, true},
		     {{CONFIDENCE_LIKELY, STAGE_UNKNOWN, SEVERITY_MEDIUM}, true},
		     {{CONFIDENCE_LIKELY, STAGE_ATTEMPTED, SEVERITY_LOW}, false},
		     {{CONFIDENCE_POSSIBLE, STAGE_UNKNOWN, SEVERITY_INFO}, false},
		     {base, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct alert_memory m = {0};
		another(&m, START, &base);
		assert_int_equal(another(&m, START + 1, &cases[i].now).raise, cases[i].rises);
	}
}

static void an_update_does_not_count_again(void **state)
{
	(void)state;
	struct alert_memory m = {0};
	another(&m, START, &low);
	struct alert_ruling r = alert_rules_judge(&m, START, &low, HOUR);
	assert_false(r.raise || r.window_changed || r.window_began || r.seen_changed);
	raised(alert_rules_judge(&m, START, &high, HOUR), ALERT_RISEN, 1);
	assert_int_equal(m.window.count, 1);
	r = alert_rules_judge(&m, START, &low, HOUR); /* it never falls */
	assert_false(r.raise || r.window_changed || r.seen_changed);
}

/* A connection of many hours: what is still said of it opens no window, for it was counted in its own. */
static void an_update_opens_no_window(void **state)
{
	(void)state;
	struct alert_memory m = {0};
	another(&m, START + 5 * HOUR, &middle);
	m.risen = low;
	m.seen = true;
	struct alert_ruling r = alert_rules_judge(&m, START, &middle, HOUR);
	assert_false(r.raise || r.window_changed);
	assert_true(r.seen_changed);
	raised(alert_rules_judge(&m, START, &high, HOUR), ALERT_RISEN, 1);
	assert_int_equal(m.window.since_ns, START + 5 * HOUR);
}

static void what_comes_late_belongs_to_the_window_and_what_is_old_does_not(void **state)
{
	(void)state;
	struct alert_memory m = {0};
	another(&m, START, &middle);
	assert_false(another(&m, START - 1, &middle).raise);
	assert_false(another(&m, START - HOUR, &middle).raise);
	assert_int_equal(m.window.since_ns, START);
	raised(another(&m, START - HOUR - 1, &middle), ALERT_AGAIN, 3);
	assert_int_equal(m.window.since_ns, START - HOUR - 1);
}

static void a_forgotten_window_is_made_anew(void **state)
{
	(void)state;
	struct alert_memory m = {.seen = true, .risen = low};
	raised(alert_rules_judge(&m, START, &middle, HOUR), ALERT_NEW, 1);
}

static void times_at_the_edge_of_64_bits_do_no_harm(void **state)
{
	(void)state;
	const int64_t times[] = {INT64_MIN, -1, 0, INT64_MAX - 1, INT64_MAX};
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < 5; k++) {
			struct alert_memory m = {0};
			another(&m, times[i], &middle);
			another(&m, times[k], &middle);
			assert_in_range(m.window.count, 1, 2);
		}
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {T(the_first_alerts_and_the_next_only_count),
					   T(a_window_ends_by_packet_time),
					   T(each_rise_alerts_at_once),
					   T(each_part_rises_for_itself),
					   T(an_update_does_not_count_again),
					   T(an_update_opens_no_window),
					   T(what_comes_late_belongs_to_the_window_and_what_is_old_does_not),
					   T(a_forgotten_window_is_made_anew),
					   T(times_at_the_edge_of_64_bits_do_no_harm)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
