#include "event.h"
#include "recorder/sample_event.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void time_is_rfc3339_in_microseconds(void **state)
{
	(void)state;
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{999, "1970-01-01T00:00:00.000000Z"},
		{INT64_C(1763800000123456789), "2025-11-22T08:26:40.123456Z"},
		{INT64_C(951782399999999999), "2000-02-28T23:59:59.999999Z"},
		{INT64_C(951782400000000000), "2000-02-29T00:00:00.000000Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775Z"},
		{INT64_MIN, "1677-09-21T00:12:43.145224Z"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[EVENT_TIME_TEXT];
		event_time_format(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
	}
}

/* The table of docs/events.md, line by line. */
static void severity_follows_the_table(void **state)
{
	(void)state;
	static const struct {
		enum verdict v;
		enum confidence c;
		enum severity established, unknown, attempted;
	} table[] = {
		{VERDICT_UNAUTHORIZED, CONFIDENCE_CONFIRMED, SEVERITY_HIGH, SEVERITY_HIGH, SEVERITY_MEDIUM},
		{VERDICT_UNAUTHORIZED, CONFIDENCE_LIKELY, SEVERITY_MEDIUM, SEVERITY_MEDIUM, SEVERITY_LOW},
		{VERDICT_UNAUTHORIZED, CONFIDENCE_POSSIBLE, SEVERITY_LOW, SEVERITY_LOW, SEVERITY_INFO},
		{VERDICT_VIOLATION, CONFIDENCE_CONFIRMED, SEVERITY_MEDIUM, SEVERITY_MEDIUM, SEVERITY_LOW},
		{VERDICT_VIOLATION, CONFIDENCE_LIKELY, SEVERITY_LOW, SEVERITY_LOW, SEVERITY_INFO},
		{VERDICT_VIOLATION, CONFIDENCE_POSSIBLE, SEVERITY_INFO, SEVERITY_INFO, SEVERITY_INFO},
		{VERDICT_APPROVED, CONFIDENCE_CONFIRMED, SEVERITY_INFO, SEVERITY_INFO, SEVERITY_INFO},
		{VERDICT_APPROVED, CONFIDENCE_POSSIBLE, SEVERITY_INFO, SEVERITY_INFO, SEVERITY_INFO},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_int_equal(severity_of(table[i].v, table[i].c, STAGE_ESTABLISHED), table[i].established);
		assert_int_equal(severity_of(table[i].v, table[i].c, STAGE_UNKNOWN), table[i].unknown);
		assert_int_equal(severity_of(table[i].v, table[i].c, STAGE_ATTEMPTED), table[i].attempted);
	}
	assert_string_equal(severity_name(SEVERITY_MEDIUM), "medium");
}

static void event_joins_its_three_inputs(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	struct judgement j = {.verdict = VERDICT_VIOLATION};
	struct event_context context = {"tap1", "2026.11", "a.pcap"};
	struct event e;
	assert_int_equal(event_from(&o, &j, TRAFFIC_OUTBOUND, &context, NULL, &e), 0);
	assert_int_equal(e.severity, SEVERITY_MEDIUM);
	assert_int_equal(e.direction, TRAFFIC_OUTBOUND);
	assert_string_equal(e.event_id, "9de109d98e6c8fbcc70bff751effab1f");
	assert_string_equal(e.first_seen, "2025-11-22T08:26:40.123456Z");
	assert_string_equal(e.last_seen, "2025-11-22T08:27:39.999999Z");
	assert_ptr_equal(e.o, &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_rfc3339_in_microseconds),
		cmocka_unit_test(severity_follows_the_table),
		cmocka_unit_test(event_joins_its_three_inputs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
