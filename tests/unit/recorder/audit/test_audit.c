/* Which answer belongs to which request, and what is said of those that have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audit.h"
#include "frame.h"

enum { SEEN = 64 };

static struct {
	struct audit *audit;
	struct audit_call rows[SEEN];
	unsigned n;
	uint64_t not_seen;
	int result; /* of the callback */
} t;

static int on_row(void *context, const struct audit_call *c)
{
	(void)context;
	t.not_seen += c->outcome == CALL_NOT_SEEN;
	if (t.n < SEEN)
		t.rows[t.n] = *c;
	t.n++;
	return t.result;
}

static int up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	t.audit = audit_new(on_row, NULL);
	return t.audit ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	audit_free(t.audit);
	return 0;
}

/* Connection number c; its client is 10.0.0.<client>. */
static void take_at(unsigned client, uint64_t scope, struct call c)
{
	struct audit_place p = {.client_ip = {.family = 4, .b = {10, 0, 0, (uint8_t)client}}, .server_ip = {.family = 4, .b = {192, 0, 2, 1}},
	                        .server_port = 443, .scope = scope};
	snprintf(p.event_id, sizeof p.event_id, "%032x", (unsigned)c.connection.first_frame);
	c.method = c.part == CALL_REQUEST ? "tools/call" : "";
	c.name = "";
	assert_int_equal(audit_take(t.audit, &c, &p), 0);
}

static void take_from(unsigned client, struct call c)
{
	take_at(client, 1, c);
}

static void take(struct call c)
{
	take_from(1, c);
}

#define ON(number) .connection = {.first_frame = (number)}
#define ASK_BY(side, ...) take((struct call){.part = CALL_REQUEST, .from = (side), .bytes = 100, __VA_ARGS__})
#define ANSWER_BY(side, ...) take((struct call){.part = CALL_ANSWER, .from = (side), .bytes = 200, __VA_ARGS__})
#define ASK(...) ASK_BY(FROM_CLIENT, __VA_ARGS__)
#define ANSWER(...) ANSWER_BY(FROM_SERVER, __VA_ARGS__)

static const struct audit_call *row(unsigned i)
{
	assert_true(i < t.n);
	return &t.rows[i];
}

static void assert_row(unsigned i, uint32_t ordinal, enum call_outcome outcome, enum audit_remark remark)
{
	assert_int_equal(row(i)->ordinal, ordinal);
	assert_int_equal(row(i)->outcome, outcome);
	assert_int_equal(row(i)->remark, remark);
}

static void an_answer_settles_its_request(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .time_ns = 1000, .ordinal = 3);
	assert_int_equal(t.n, 0);
	ANSWER(ON(1), .exchange = 4, .id = 7, .time_ns = 251000, .outcome = CALL_TOOL_ERROR, .status = 200);
	assert_int_equal(t.n, 1);
	assert_row(0, 3, CALL_TOOL_ERROR, AUDIT_PLAIN);
	assert_int_equal(row(0)->duration_ns, 250000);
	assert_int_equal(row(0)->request_bytes, 100);
	assert_int_equal(row(0)->answer_bytes, 200);
	assert_int_equal(row(0)->status, 200);
	assert_int_equal(audit_counts(t.audit)->unmatched, 0);
	assert_int_equal(audit_end(t.audit, false), 0);
	assert_int_equal(t.n, 1);
}

static void ids_are_those_of_one_exchange_connection_and_direction(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .ordinal = 0);
	ANSWER(ON(1), .exchange = 8, .id = 7);                      /* another exchange */
	ANSWER(ON(2), .exchange = 4, .id = 7);                      /* another connection */
	ANSWER(ON(1), .exchange = 4, .id = 8);                      /* another id */
	ANSWER_BY(FROM_CLIENT, ON(1), .exchange = 4, .id = 7); /* who asked does not answer */
	assert_int_equal(t.n, 0);
	assert_int_equal(audit_counts(t.audit)->unmatched, 4);
	ANSWER(ON(1), .exchange = 4, .id = 7);
	assert_row(0, 0, CALL_OK, AUDIT_PLAIN);
}

static void a_request_of_the_server_is_answered_by_the_client(void **state)
{
	(void)state;
	ASK_BY(FROM_SERVER, ON(1), .id = 7, .session = 2, .ordinal = 1);
	ANSWER_BY(FROM_CLIENT, ON(2), .id = 7, .session = 2, .time_ns = 5);
	assert_row(0, 1, CALL_OK, AUDIT_PLAIN);
	assert_int_equal(row(0)->from, FROM_SERVER);
}

/* The legacy transport: asked by POST, answered on the stream of another connection. */
static void an_answer_may_come_on_another_connection_of_the_session(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .session = 2, .ordinal = 0);
	take((struct call){.part = CALL_EXCHANGE_END, ON(1), .exchange = 4, .status = 202});
	take((struct call){.part = CALL_CONNECTION_END, ON(1)});
	assert_int_equal(t.n, 0);
	ANSWER(ON(2), .id = 7, .session = 4);
	assert_int_equal(t.n, 0);
	ANSWER(ON(2), .id = 7, .session = 2, .time_ns = 9);
	assert_row(0, 0, CALL_OK, AUDIT_PLAIN);
}

static void a_shared_endpoint_is_one_of_each_client(void **state)
{
	const uint64_t shared = 2 | SESSION_KEY_SHARED;
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .session = shared, .ordinal = 0);
	take_from(9, (struct call){.part = CALL_ANSWER, .from = FROM_SERVER, ON(2), .id = 7, .session = shared});
	assert_int_equal(t.n, 0);
	ANSWER(ON(3), .id = 7, .session = shared);
	assert_row(0, 0, CALL_OK, AUDIT_PLAIN);
}

static void what_has_no_answer_says_why(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 1, .ordinal = 0);
	take((struct call){.part = CALL_EXCHANGE_END, ON(1), .exchange = 4, .status = 401, .time_ns = 3000});
	ASK(ON(1), .exchange = 8, .id = 2, .ordinal = 1);
	take((struct call){.part = CALL_EXCHANGE_END, ON(1), .exchange = 8, .status = 200});
	ASK(ON(1), .exchange = 12, .id = 3, .ordinal = 2);
	take((struct call){.part = CALL_EXCHANGE_END, ON(1), .exchange = 12, .status = 200, .lost = true});
	ASK(ON(2), .id = 4, .ordinal = 3);
	take((struct call){.part = CALL_CONNECTION_END, ON(2), .lost = true});
	ASK(ON(3), .id = 5, .ordinal = 4);
	take((struct call){.part = CALL_CONNECTION_END, ON(3)});
	assert_int_equal(t.n, 5);
	assert_row(0, 0, CALL_HTTP_STATUS, AUDIT_PLAIN);
	assert_int_equal(row(0)->status, 401);
	assert_int_equal(row(0)->duration_ns, 3000);
	assert_row(1, 1, CALL_NO_ANSWER, AUDIT_PLAIN);
	assert_int_equal(row(1)->duration_ns, -1);
	assert_row(2, 2, CALL_NOT_SEEN, AUDIT_PLAIN);
	assert_row(3, 3, CALL_NOT_SEEN, AUDIT_PLAIN);
	assert_row(4, 4, CALL_NO_ANSWER, AUDIT_PLAIN);
}

static void an_end_is_that_of_its_own_exchange_and_connection(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 1);
	take((struct call){.part = CALL_EXCHANGE_END, ON(1), .exchange = 8, .status = 500});
	take((struct call){.part = CALL_EXCHANGE_END, ON(2), .exchange = 4, .status = 500});
	take((struct call){.part = CALL_CONNECTION_END, ON(2)});
	assert_int_equal(t.n, 0);
}

static void who_waits_without_a_connection_waits_for_an_hour(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .session = 2);
	take((struct call){.part = CALL_CONNECTION_END, ON(1), .time_ns = NS_PER_SEC});
	ASK(ON(2), .id = 1, .time_ns = LIMIT_CALL_ORPHAN_SECONDS * NS_PER_SEC);
	assert_int_equal(t.n, 0);
	ASK(ON(2), .id = 2, .time_ns = (LIMIT_CALL_ORPHAN_SECONDS + 2) * NS_PER_SEC);
	assert_int_equal(t.n, 1);
	assert_row(0, 0, CALL_NO_ANSWER, AUDIT_PLAIN);
}

static void a_cancelled_request_is_one_also_if_it_is_answered(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .session = 2, .ordinal = 5);
	take((struct call){.part = CALL_CANCEL, .from = FROM_SERVER, ON(2), .id = 7, .session = 2}); /* not the server's to cancel */
	assert_int_equal(t.n, 0);
	take((struct call){.part = CALL_CANCEL, .from = FROM_CLIENT, ON(2), .id = 7, .session = 2, .time_ns = 70});
	assert_row(0, 5, CALL_CANCELLED, AUDIT_PLAIN);
	assert_int_equal(row(0)->duration_ns, 70);
	ANSWER(ON(1), .exchange = 4, .id = 7);
	assert_int_equal(t.n, 1);
	assert_int_equal(audit_counts(t.audit)->unmatched, 0);
	assert_int_equal(audit_counts(t.audit)->rows, 1);
}

static void an_id_that_is_used_twice_is_told(void **state)
{
	(void)state;
	ASK(ON(1), .id = 7, .ordinal = 0);
	ASK(ON(1), .id = 7, .ordinal = 1);
	ANSWER(ON(1), .id = 7);
	assert_row(0, 1, CALL_OK, AUDIT_ID_REUSED);
	ANSWER(ON(1), .id = 7);
	assert_row(1, 0, CALL_OK, AUDIT_PLAIN);
	ASK(ON(1), .id = 7, .ordinal = 2); /* after its answer: as good as new */
	ANSWER(ON(1), .id = 7);
	assert_row(2, 2, CALL_OK, AUDIT_PLAIN);
}

static void an_error_without_an_id_belongs_to_the_only_request(void **state)
{
	(void)state;
	ASK(ON(1), .exchange = 4, .id = 7, .ordinal = 0);
	ANSWER(ON(1), .exchange = 4, .outcome = CALL_ERROR, .code = -32700, .status = 400);
	assert_row(0, 0, CALL_ERROR, AUDIT_ID_DIFFERS);
	assert_int_equal(row(0)->code, -32700);
	ASK(ON(1), .exchange = 8, .id = 8, .ordinal = 1);
	ASK(ON(1), .exchange = 8, .id = 9, .ordinal = 2);
	ANSWER(ON(1), .exchange = 8, .outcome = CALL_ERROR); /* of two: nobody knows whose */
	ASK(ON(1), .id = 10, .ordinal = 3);
	ANSWER(ON(1), .outcome = CALL_ERROR);                /* in a dialogue: likewise */
	assert_int_equal(t.n, 1);
}

static void an_answer_that_was_captured_first_has_no_duration(void **state)
{
	(void)state;
	ANSWER(ON(2), .id = 7, .session = 2, .time_ns = 1000);
	ASK(ON(1), .exchange = 4, .id = 7, .session = 2, .time_ns = 2000, .ordinal = 0);
	assert_row(0, 0, CALL_OK, AUDIT_ANSWER_FIRST);
	assert_int_equal(row(0)->duration_ns, -1);
	assert_int_equal(audit_counts(t.audit)->unmatched, 0);
	ASK(ON(1), .exchange = 8, .id = 7, .session = 2, .time_ns = 3000, .ordinal = 1); /* it is used up */
	assert_int_equal(t.n, 1);
	ANSWER(ON(3), .id = 8, .time_ns = 1000);
	ASK(ON(3), .id = 8, .time_ns = 1001 + LIMIT_CALL_EARLY_NS, .ordinal = 2); /* too long ago */
	assert_int_equal(t.n, 1);
	assert_int_equal(audit_counts(t.audit)->unmatched, 1);
}

static void the_oldest_of_too_many_on_a_connection_leaves(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= LIMIT_CALLS_CONNECTION; i++)
		ASK(ON(1), .id = i + 1, .ordinal = i);
	assert_int_equal(t.n, 1);
	assert_row(0, 0, CALL_NOT_SEEN, AUDIT_TOO_MANY);
	assert_int_equal(audit_counts(t.audit)->too_many, 1);
	ASK(ON(2), .id = 1);
	assert_int_equal(t.n, 1);
}

static void no_more_wait_than_there_is_room_for(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < LIMIT_CALLS_PENDING + 10; i++)
		ASK(ON(i), .id = i + 1, .ordinal = i);
	assert_int_equal(t.n, 10);
	assert_row(9, 9, CALL_NOT_SEEN, AUDIT_TOO_MANY);
	assert_int_equal(audit_end(t.audit, false), 0);
	assert_int_equal(t.n, LIMIT_CALLS_PENDING + 10);
	assert_int_equal(t.not_seen, 10);
}

static void what_waits_when_the_sensor_dies_was_not_seen(void **state)
{
	(void)state;
	ASK(ON(1), .id = 1);
	ASK(ON(2), .exchange = 4, .id = 1, .session = 2);
	take((struct call){.part = CALL_CONNECTION_END, ON(2)});
	assert_int_equal(audit_end(t.audit, true), 0);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.not_seen, 2);
}

/* Servers that count their sessions from 1 all have a session 1, and its first request is request 1. */
static void an_id_of_a_session_says_nothing_at_another_server(void **state)
{
	struct call answer = {.part = CALL_ANSWER, .from = FROM_SERVER, ON(2), .id = 1, .session = 5};
	(void)state;
	ASK(ON(1), .id = 1, .session = 5);
	take_at(1, 2, answer);
	assert_int_equal(t.n, 0);
	take_at(1, 0, answer); /* at a server that is not known */
	assert_int_equal(t.n, 0);
	take_at(1, 1, answer);
	assert_int_equal(t.n, 1);
	assert_row(0, 0, CALL_OK, AUDIT_PLAIN);
	assert_int_equal(audit_counts(t.audit)->unmatched, 2);
}

static void a_failure_is_returned_once_and_stops_nothing(void **state)
{
	struct call c = {.part = CALL_REQUEST, .method = "ping", .name = "", .id = 1};
	struct audit_place p = {.event_id = ""};
	(void)state;
	assert_int_equal(audit_take(t.audit, &c, &p), 0);
	c = (struct call){.part = CALL_ANSWER, .from = FROM_SERVER, .id = 1};
	t.result = -5;
	assert_int_equal(audit_take(t.audit, &c, &p), -5);
	assert_int_equal(audit_take(t.audit, &c, &p), 0);
	assert_int_equal(t.n, 1);
}

static void a_row_has_what_is_known_and_null_for_the_rest(void **state)
{
	struct observation o = {.client_name = "client \"x\"", .host = "mcp.example:8080"};
	struct audit_call c = {.place = {.event_id = "00112233445566778899aabbccddeeff", .client_ip = {.family = 4, .b = {10, 0, 0, 1}},
	                                 .server_ip = {.family = 4, .b = {192, 0, 2, 1}}, .server_port = 8080},
	                       .ordinal = 2, .time_ns = NS_PER_SEC, .method = "ping", .name = "", .outcome = CALL_CANCELLED, .duration_ns = -1};
	(void)state;
	json_t *j = audit_json(&c, &o);
	assert_string_equal(json_string_value(json_object_get(j, "row")), "call");
	assert_string_equal(json_string_value(json_object_get(j, "time")), "1970-01-01T00:00:01.000000Z");
	assert_string_equal(json_string_value(json_object_get(j, "client_name")), o.client_name);
	assert_string_equal(json_string_value(json_object_get(j, "host")), o.host);
	assert_string_equal(json_string_value(json_object_get(j, "outcome")), "cancelled");
	static const char *const nulls[] = {"server_name", "name", "code", "http_status", "duration_us", "answer_bytes", "remark"};
	for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
		assert_true(json_is_null(json_object_get(j, nulls[i])));
	json_decref(j);
	c.outcome = CALL_ERROR;
	c.duration_ns = 1999;
	c.code = 0;
	j = audit_json(&c, NULL);
	assert_true(json_is_null(json_object_get(j, "host")));
	assert_int_equal(json_integer_value(json_object_get(j, "duration_us")), 1);
	assert_true(json_is_integer(json_object_get(j, "code")));
	json_decref(j);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		T(an_answer_settles_its_request), T(ids_are_those_of_one_exchange_connection_and_direction),
		T(a_request_of_the_server_is_answered_by_the_client), T(an_answer_may_come_on_another_connection_of_the_session),
		T(a_shared_endpoint_is_one_of_each_client), T(what_has_no_answer_says_why),
		T(an_end_is_that_of_its_own_exchange_and_connection), T(who_waits_without_a_connection_waits_for_an_hour),
		T(a_cancelled_request_is_one_also_if_it_is_answered), T(an_id_that_is_used_twice_is_told),
		T(an_error_without_an_id_belongs_to_the_only_request), T(an_answer_that_was_captured_first_has_no_duration),
		T(the_oldest_of_too_many_on_a_connection_leaves), T(no_more_wait_than_there_is_room_for),
		T(what_waits_when_the_sensor_dies_was_not_seen), T(a_failure_is_returned_once_and_stops_nothing),
		T(an_id_of_a_session_says_nothing_at_another_server),
		T(a_row_has_what_is_known_and_null_for_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
