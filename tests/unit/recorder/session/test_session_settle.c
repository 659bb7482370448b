/* When an event that ended is told as settled; whose failure goes up; silence, floods and odd clocks keep the book within its bounds. */
#include "session_fixture.h"

static void test_settling(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 100), tls = conn(9), other = keyed(8, 300);
	/* nothing will ever be said of it by others */
	tls.encrypted = tls.tls = true;
	tls.transport = TRANSPORT_NONE;
	ends(&tls);
	assert_int_equal(table[9].settled, 1);
	ends(&a);
	assert_int_equal(table[1].settled, 0);
	now += 3 * SECOND;
	b.last_seen_ns = now;
	put(&b); /* the session lives */
	now += 4 * SECOND;
	other.last_seen_ns = now;
	put(&other);
	assert_int_equal(table[1].settled, 0);
	now += 2 * SECOND;
	other.last_seen_ns = now;
	put(&other);
	assert_int_equal(table[1].settled, 1);
	assert_int_equal(table[2].settled, 0); /* it has not ended */
	/* once, though it learns more */
	unsigned states = table[1].states;
	says(&b, "agent", "crm");
	put(&b);
	assert_int_equal(table[1].states, states + 1);
	check(1, "agent", "crm", 1, NAMES);
	ends(&a);
	assert_int_equal(table[1].settled, 1);
	/* one that knows all need not wait */
	struct observation full = keyed(3, 100);
	full.protocol_version = full.protocol_version_requested = "2025-06-18";
	ends(&full);
	assert_int_equal(table[3].settled, 1);
	/* a pause in a pipe, the end of a file */
	struct observation c = keyed(4, 400), d = keyed(5, 500);
	ends(&c);
	assert_int_equal(session_book_settle(book), 0);
	assert_int_equal(table[4].settled, 1);
	ends(&d);
	assert_int_equal(session_book_end(book), 0);
	assert_int_equal(table[5].settled, 1);
	struct session_book_counts n;
	session_book_counts(book, &n);
	assert_true(n.entries == 0 && n.bytes == 0 && n.sessions == 0);
	/* a capture file stands alone */
	struct observation again = keyed(6, 100);
	put(&again);
	check(6, "-", "-", 6, "");
	end();
	now = START;
}

static void test_failure_goes_up(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100);
	answer = FAIL_DATABASE;
	assert_int_equal(put(&a), FAIL_DATABASE);
	answer = 0;
	assert_int_equal(put(&a), 0);
	end();
}

static void test_silence_forgets(void **state)
{
	(void)state;
	begin();
	struct observation a = keyed(1, 100), b = keyed(2, 200), c = keyed(3, 100);
	says(&a, "agent", "crm");
	put(&a);
	now += (LIMIT_SESSION_SILENT_SECONDS + 1) * SECOND;
	b.last_seen_ns = now;
	put(&b);
	assert_null(session_book_find(book, &(struct connection_ref){START + 1, 1, 0, 0}));
	assert_non_null(session_book_find(book, &(struct connection_ref){START + 2, 2, 0, 0}));
	put(&c);
	check(3, "-", "-", 3, "");
	end();
	now = START;
}

static void check_bounds(void)
{
	struct session_book_counts n;
	session_book_counts(book, &n);
	assert_true(n.entries <= LIMIT_SESSION_ENTRIES && n.sessions <= 2 * n.entries && n.bytes <= LIMIT_SESSION_BYTES);
}

/* Made-up ids, made-up names, one session of everybody: the book stays within its bounds, and so does what a word of one costs. */
static void test_floods(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		begin();
		for (unsigned i = 0; i < LIMIT_SESSION_ENTRIES + 3000; i++) {
			struct observation o = conn((uint16_t)(1 + i % 60000));
			char name[32];
			snprintf(name, sizeof name, "agent %u", i);
			o.first_frame = i;
			o.final = i & 1;
			if (kind != 2) {
				o.session_keys[0] = kind == 1 ? 2 : 2 * (uint64_t)i + 2;
				o.session_keys[1] = 2 * (uint64_t)i + 2000002;
				o.n_session_keys = kind == 3 ? 2 : 1;
				o.names_session = kind == 3 ? 2 : 0;
			}
			if (kind != 1)
				says(&o, name, NULL);
			o.names_session = kind == 3 ? 2 : o.names_session;
			unsigned before = tells;
			assert_int_equal(put(&o), 0);
			assert_true(tells - before <= 8);
			if (i % 1000 == 0)
				check_bounds();
		}
		check_bounds();
		struct session_book_counts n;
		session_book_counts(book, &n);
		assert_true(n.left > 0 && n.entries > 1000);
		if (kind == 1) { /* all hear of it in time, but not all at once */
			struct observation o = keyed(60001, 2);
			unsigned before = tells;
			says(&o, "agent", "crm");
			put(&o);
			assert_true(tells - before <= LIMIT_SESSION_REWRITES + 2);
			before = settled_in_all;
			session_book_end(book);
			assert_true(settled_in_all > before);
		}
		end();
	}
}

/* Clocks of captures and of strangers' making. */
static void test_any_time(void **state)
{
	(void)state;
	static const int64_t times[] = {INT64_MAX, INT64_MIN, 0, START, INT64_MIN + 1, -1};
	begin();
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
			struct observation o = conn((uint16_t)(1 + i * 10 + k));
			o.first_seen_ns = times[k];
			o.last_seen_ns = times[i];
			o.stage = k & 1 ? STAGE_ATTEMPTED : STAGE_ESTABLISHED;
			if (k & 2)
				says(&o, "agent", NULL);
			if (k & 4)
				asks_to_initialize(&o);
			o.final = i & 1;
			put(&o);
		}
	session_book_end(book);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settling), cmocka_unit_test(test_failure_goes_up), cmocka_unit_test(test_silence_forgets),
		cmocka_unit_test(test_floods), cmocka_unit_test(test_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
