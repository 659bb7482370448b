/* The audit log in the database: what is written, what is found again, what retention takes away. */
#include "store_fixture.h"

#include "store_calls.h"
#include "store_live.h"

static json_t *call(unsigned event, unsigned ordinal, int64_t seconds)
{
	char id[EVENT_ID_TEXT], time[EVENT_TIME_TEXT];
	snprintf(id, sizeof id, "%032x", event);
	event_time_format(seconds * 1000000000, time);
	json_t *row = json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:n, s:s, s:s, s:s, s:n, s:n, s:I, s:i, s:i, s:n}",
	                        "row", "call", "event_id", id, "ordinal", (int)ordinal, "time", time, "frame", 1, "direction", "to-server",
	                        "client_ip", "10.0.0.1", "client_name", "c", "host", "mcp.example:8080", "server_ip", "192.0.2.1", "server_port",
	                        8080, "server_name", "method", "tools/call", "name", "search", "outcome", "ok", "code", "http_status",
	                        "duration_us", (json_int_t)1500, "request_bytes", 10, "answer_bytes", 20, "remark");
	assert_non_null(row);
	return row;
}

static void put_take(struct store *s, json_t *row)
{
	assert_int_equal(store_put_row(s, row), 0);
	json_decref(row);
}

static void set(json_t *row, const char *name, const char *value)
{
	json_object_set_new(row, name, json_string(value));
}

static json_t *found(struct fixture *f, const struct store_call_query *q)
{
	struct store *s = opened_read(f);
	json_t *rows = json_array();
	assert_int_equal(store_calls(s, q, keep_row, rows), 0);
	store_close_read(s);
	return rows;
}

static size_t count(struct fixture *f, const struct store_call_query *q)
{
	json_t *rows = found(f, q);
	size_t n = json_array_size(rows);
	json_decref(rows);
	return n;
}

static const struct store_call_query everything;

static void a_row_comes_out_as_it_went_in(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	json_t *row = call(1, 0, 100);
	assert_int_equal(store_put_row(s, row), 0);
	char *text = json_dumps(row, 0);
	assert_int_equal(store_put_text(s, text, strlen(text)), 0); /* as it comes out of a backlog; and once more: the same row */
	free(text);
	assert_int_equal(store_close(s), 0);
	json_t *rows = found(f, &everything), *read = json_array_get(rows, 0);
	assert_int_equal(json_array_size(rows), 1);
	json_object_del(row, "row");
	assert_true(json_equal(read, row));
	json_decref(rows);
	json_decref(row);
}

static void what_is_no_row_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	static const char *const bad[][2] = {{"outcome", "fine"}, {"event_id", "12"}, {"time", "today"}, {"direction", "up"}, {"remark", "odd"}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *row = call(1, 0, 100);
		set(row, bad[i][0], bad[i][1]);
		assert_int_equal(store_put_row(s, row), FAIL_INPUT);
		json_decref(row);
	}
	json_t *row = call(1, 0, 100);
	json_object_del(row, "method");
	assert_int_equal(store_put_row(s, row), FAIL_INPUT);
	json_decref(row);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(count(f, &everything), 0);
}

static void filters_find_what_they_name(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	json_t *row;
	put_take(s, call(0x1a, 0, 100));
	row = call(0x1a, 1, 200);
	set(row, "name", "run");
	set(row, "outcome", "tool-error");
	json_object_set_new(row, "duration_us", json_integer(2000000));
	put_take(s, row);
	row = call(0x2b, 0, 300);
	set(row, "method", "prompts/get");
	set(row, "client_ip", "fd77::1");
	set(row, "server_ip", "198.51.100.9");
	json_object_set_new(row, "host", json_null());
	json_object_set_new(row, "duration_us", json_null());
	put_take(s, row);
	assert_int_equal(store_close(s), 0);
	const struct {
		struct store_call_query q;
		size_t n;
	} cases[] = {
		{{.limit = 0}, 3},
		{{.since_ns = INT64_C(200000000000)}, 2}, {{.until_ns = INT64_C(200000000000)}, 1},
		{{.client = "10.0.0.1"}, 2}, {{.client = "10.0.0.0/8"}, 2}, {{.client = "fd77::/16"}, 1}, {{.client = "10.0.0.2"}, 0},
		{{.server = "198.51.100.9"}, 1}, {{.server = "192.0.2.0/24"}, 2},
		{{.host = "mcp.example"}, 2}, {{.host = "*.example"}, 2}, {{.host = "example"}, 0},
		{{.method = "prompts/get"}, 1}, {{.method = "tools"}, 0},
		{{.tool = "search"}, 1}, {{.tool = "run"}, 1}, /* a prompt of that name is no tool */
		{{.outcome = "tool-error"}, 1},
		{{.min_duration_us = 1500}, 2}, {{.min_duration_us = 1501}, 1},
		{{.event_id = "0000000000000000000000000000001A"}, 2}, {{.event_id = "0000"}, 3}, {{.event_id = "1"}, 0},
		{{.limit = 2}, 2}, {{.limit = 9}, 3},
		{{.tool = "run", .outcome = "ok"}, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (count(f, &cases[i].q) != cases[i].n)
			fail_msg("case %zu finds %zu", i, count(f, &cases[i].q));
}

static void what_cannot_be_asked_is_refused(void **state)
{
	struct fixture *f = *state;
	store_close(opened(f));
	struct store *s = opened_read(f);
	const struct store_call_query bad[] = {{.client = "10.0.0.1/8"}, {.server = "x"}, {.host = "*.*"}, {.event_id = "xyz"}, {.event_id = ""}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(store_calls(s, &bad[i], count_row, NULL), FAIL_CONFIG);
		assert_true(store_error(s)[0]);
	}
	assert_int_equal(store_calls_group(s, &everything, "arguments", count_row, NULL), FAIL_CONFIG);
	store_close_read(s);
}

/* More than one page, with many rows of one time; a limit keeps the latest, in the same order. */
static void all_pages_are_read_in_order(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	for (unsigned i = 0; i < 2500; i++)
		put_take(s, call(1 + i % 7, i, 100 + i / 600));
	assert_int_equal(store_close(s), 0);
	json_t *all = found(f, &everything), *latest = found(f, &(struct store_call_query){.limit = 1700});
	assert_int_equal(json_array_size(all), 2500);
	assert_int_equal(json_array_size(latest), 1700);
	for (size_t i = 1; i < 2500; i++) {
		const json_t *a = json_array_get(all, i - 1), *b = json_array_get(all, i);
		int time = strcmp(json_string_value(json_object_get(a, "time")), json_string_value(json_object_get(b, "time")));
		int id = strcmp(json_string_value(json_object_get(a, "event_id")), json_string_value(json_object_get(b, "event_id")));
		assert_true(time < 0 || (time == 0 && (id < 0 || (id == 0 && json_integer_value(json_object_get(a, "ordinal")) <
		                                                                     json_integer_value(json_object_get(b, "ordinal"))))));
	}
	for (size_t i = 0; i < 1700; i++)
		assert_true(json_equal(json_array_get(latest, i), json_array_get(all, i + 800)));
	json_decref(all);
	json_decref(latest);
}

static void groups_count(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	put_take(s, call(1, 0, 100));
	json_t *row = call(1, 1, 200);
	set(row, "outcome", "error");
	json_object_set_new(row, "duration_us", json_integer(2500));
	put_take(s, row);
	row = call(2, 0, 300);
	set(row, "name", "run");
	set(row, "outcome", "task");
	json_object_set_new(row, "duration_us", json_null());
	put_take(s, row);
	assert_int_equal(store_close(s), 0);
	s = opened_read(f);
	json_t *rows = json_array();
	assert_int_equal(store_calls_group(s, &everything, "name", keep_row, rows), 0);
	json_t *want = json_pack("[{s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:s,s:s},{s:s,s:i,s:i,s:i,s:i,s:n,s:n,s:s,s:s}]",
	                         "value", "search", "calls", 2, "failed", 1, "clients", 1, "servers", 1, "mean_us", 2000, "longest_us", 2500,
	                         "first", "1970-01-01T00:01:40.000000Z", "last", "1970-01-01T00:03:20.000000Z",
	                         "value", "run", "calls", 1, "failed", 0, "clients", 1, "servers", 1, "mean_us", "longest_us",
	                         "first", "1970-01-01T00:05:00.000000Z", "last", "1970-01-01T00:05:00.000000Z");
	assert_true(json_equal(rows, want));
	json_decref(rows);
	json_decref(want);
	int n = 0;
	assert_int_equal(store_calls_group(s, &everything, "server", count_row, &n), 0);
	assert_int_equal(store_calls_group(s, &everything, "duration_us", count_row, &n), 0);
	assert_int_equal(n, 4);
	store_close_read(s);
}

static void old_rows_leave_by_age(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	for (unsigned i = 0; i < 20; i++)
		put_take(s, call(1, i, 100 + i));
	assert_int_equal(store_flush(s), 0);
	uint64_t deleted = 0;
	while (store_retain(s, INT64_C(115000000000), 0, &deleted) == 1)
		;
	assert_int_equal(deleted, 0); /* of events */
	assert_int_equal(store_close(s), 0);
	assert_int_equal(count(f, &everything), 5);
}

/* A flood of calls takes half of the room: the events stay. */
static void a_flood_of_calls_does_not_push_out_events(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	put_many(s, 1, 50);
	for (unsigned i = 0; i < 12000; i++)
		put_take(s, call(1, i, 100 + i));
	assert_int_equal(store_flush(s), 0);
	uint64_t deleted = 0, used = 0, file = 0;
	for (int rc = 1; rc == 1;)
		assert_true((rc = store_retain(s, 0, 2 << 20, &deleted)) >= 0);
	assert_int_equal(deleted, 0);
	assert_int_equal(store_size(s, &used, &file), 0);
	assert_true(used <= 2 << 20);
	assert_int_equal(store_close(s), 0);
	json_t *rows = found(f, &everything);
	assert_true(json_array_size(rows) > 1000);
	const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
	assert_int_equal(json_integer_value(json_object_get(last, "ordinal")), 11999); /* it is the oldest that left */
	json_decref(rows);
	s = opened_read(f);
	assert_int_equal(rows_in(s), 50);
	store_close_read(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
		T(a_row_comes_out_as_it_went_in), T(what_is_no_row_is_refused), T(filters_find_what_they_name), T(what_cannot_be_asked_is_refused),
		T(all_pages_are_read_in_order), T(groups_count), T(old_rows_leave_by_age), T(a_flood_of_calls_does_not_push_out_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
