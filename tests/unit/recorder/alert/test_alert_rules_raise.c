/* Events -> windows and outbox in the database: in the event's own transaction, across restarts, within bounds. */
#include "alert_rules_raise.h"
#include "recorder/store/store_fixture.h"
#include <sqlite3.h>

#define S INT64_C(1000000000)
#define HOUR (3600 * S)
#define START (INT64_C(1763800000) * S)

static int64_t fixed_clock(void)
{
	return 7;
}

static struct alert_rules rules;
static int commits;

static void committed(void *context)
{
	assert_ptr_equal(context, &rules);
	commits++;
}

/* A store that alerts to one exit, or two. */
static struct store *alerting(struct fixture *f, size_t exits)
{
	static const char *const names[] = {"file:///a", "file:///b"};
	struct store *s = opened(f);
	rules = (struct alert_rules){.min_confidence = CONFIDENCE_LIKELY,
				     .window_ns = HOUR,
				     .queue = 1000,
				     .now_ns = fixed_clock,
				     .n_exits = exits};
	for (size_t i = 0; i < exits; i++)
		assert_int_equal(store_alert_exit(s, names[i], &rules.exits[i].id), 0);
	store_on_write(s, alert_rules_raise, committed, &rules);
	commits = 0;
	return s;
}

/* One event: which connection, when, of whom, how far. */
struct told {
	int id;
	int64_t at;
	const char *host;
	enum confidence confidence;
	enum verdict verdict;
	enum stage stage;
};

static void tell(struct store *s, struct told t)
{
	struct observation o = sample_observation();
	struct judgement j = {.verdict = t.verdict ? t.verdict : VERDICT_UNAUTHORIZED};
	struct event e;
	o.connection_time_ns = t.id;
	o.first_seen_ns = START + t.at;
	o.last_seen_ns = o.first_seen_ns + 10 * HOUR; /* must not matter */
	o.host = t.host ? t.host : "mcp.example";
	o.confidence = t.confidence ? t.confidence : CONFIDENCE_LIKELY;
	o.stage = t.stage ? t.stage : STAGE_ESTABLISHED;
	assert_int_equal(event_from(&o, &j, TRAFFIC_OUTBOUND, &fixture_context, NULL, &e), 0);
	assert_int_equal(store_put(s, &e), 0);
	assert_int_equal(store_flush(s), 0);
}

static struct store_alert_counts counts(struct store *s, size_t exit)
{
	struct store_alert_counts c;
	assert_int_equal(store_outbox_counts(s, rules.exits[exit].id, &c), 0);
	return c;
}

/* "new1 risen2 ..." of an exit's outbox, in order. */
static const char *outbox(struct store *s, size_t exit)
{
	static const char *const whys[] = {"new", "risen", "again"};
	static char text[4096];
	struct store_alert a = {0};
	size_t n = 0;
	text[0] = 0;
	while (store_outbox_next(s, rules.exits[exit].id, a.id, &a) == 1) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%d", n ? " " : "", whys[a.why], (int)a.count);
		assert_int_equal(a.raised_ns, 7);
		json_t *event = json_loads(a.event, 0, NULL);
		assert_string_equal(json_string_value(json_object_get(event, "sensor")), "tap1");
		json_decref(event);
		free(a.event);
	}
	return text;
}

static void one_window_of_each_client_authority_and_verdict(void **state)
{
	struct store *s = alerting(*state, 1);
	tell(s, (struct told){.id = 1});
	tell(s, (struct told){.id = 2, .at = 1});
	tell(s, (struct told){.id = 3, .at = 2, .host = "other.example"});
	tell(s, (struct told){.id = 4, .at = 3, .verdict = VERDICT_VIOLATION});
	assert_string_equal(outbox(s, 0), "new1 new1 new1");
	tell(s, (struct told){.id = 5, .at = HOUR});
	assert_string_equal(outbox(s, 0), "new1 new1 new1 again2");
	assert_int_equal(commits, 5);
	assert_int_equal(store_close(s), 0);
}

static void what_is_approved_or_unsure_is_none(void **state)
{
	struct store *s = alerting(*state, 1);
	struct observation o = sample_observation();
	assert_int_equal(put_judged(s, &o, VERDICT_APPROVED), 0);
	assert_int_equal(store_flush(s), 0);
	tell(s, (struct told){.id = 1, .confidence = CONFIDENCE_POSSIBLE});
	assert_string_equal(outbox(s, 0), "");
	tell(s, (struct told){.id = 1, .confidence = CONFIDENCE_LIKELY}); /* the same event, surer now */
	assert_string_equal(outbox(s, 0), "new1");
	assert_int_equal(store_close(s), 0);
}

static void an_event_counts_once_across_restarts(void **state)
{
	struct store *s = alerting(*state, 1);
	tell(s, (struct told){.id = 1, .stage = STAGE_ATTEMPTED});
	tell(s, (struct told){.id = 1, .stage = STAGE_ATTEMPTED});
	assert_int_equal(store_close(s), 0);
	s = alerting(*state, 1);
	tell(s, (struct told){.id = 1, .stage = STAGE_ATTEMPTED});
	assert_string_equal(outbox(s, 0), "new1");
	tell(s, (struct told){.id = 1, .stage = STAGE_ESTABLISHED});
	tell(s, (struct told){.id = 1, .stage = STAGE_ESTABLISHED});
	assert_string_equal(outbox(s, 0), "new1 risen1");
	tell(s, (struct told){.id = 2});
	assert_string_equal(outbox(s, 0), "new1 risen1");
	tell(s, (struct told){.id = 3, .confidence = CONFIDENCE_CONFIRMED});
	assert_string_equal(outbox(s, 0), "new1 risen1 risen3");
	assert_int_equal(store_close(s), 0);
}

/* What the exit does not want does not wait for it; when it rises that far, it does. */
static void each_exit_has_its_least_severity(void **state)
{
	struct store *s = alerting(*state, 2);
	rules.exits[1].least = SEVERITY_HIGH;
	tell(s, (struct told){.id = 1});
	assert_string_equal(outbox(s, 0), "new1");
	assert_string_equal(outbox(s, 1), "");
	tell(s, (struct told){.id = 2, .confidence = CONFIDENCE_CONFIRMED});
	assert_string_equal(outbox(s, 0), "new1 risen2");
	assert_string_equal(outbox(s, 1), "risen2");
	assert_int_equal(store_close(s), 0);
}

static void a_full_outbox_loses_the_least_severe_and_oldest(void **state)
{
	struct store *s = alerting(*state, 1);
	rules.queue = 3;
	static const enum confidence sure[] = {CONFIDENCE_CONFIRMED, CONFIDENCE_LIKELY,    CONFIDENCE_LIKELY,
					       CONFIDENCE_CONFIRMED, CONFIDENCE_CONFIRMED, CONFIDENCE_LIKELY};
	for (int i = 0; i < 6; i++) {
		char host[32];
		snprintf(host, sizeof host, "h%d.example", i);
		tell(s, (struct told){.id = i + 1, .host = host, .confidence = sure[i]});
	}
	struct store_alert_counts c = counts(s, 0);
	assert_int_equal(c.raised, 6);
	assert_int_equal(c.waiting, 3);
	assert_int_equal(c.lost, 3);
	static const char *const left[] = {"h0.example", "h3.example",
					   "h4.example"}; /* the last one was less severe than all */
	struct store_alert a = {0};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_outbox_next(s, rules.exits[0].id, a.id, &a), 1);
		assert_non_null(strstr(a.event, left[i]));
		free(a.event);
	}
	rules.queue = 1; /* a smaller one takes effect with the next alert */
	tell(s, (struct told){.id = 9, .host = "h9.example", .confidence = CONFIDENCE_CONFIRMED});
	assert_int_equal(counts(s, 0).waiting, 1);
	assert_int_equal(counts(s, 0).lost, 6);
	assert_int_equal(store_close(s), 0);
}

static void what_has_gone_is_forgotten_and_counted(void **state)
{
	struct store *s = alerting(*state, 2), *o = NULL;
	for (int i = 0; i < 5; i++) {
		char host[32];
		snprintf(host, sizeof host, "h%d.example", i);
		tell(s, (struct told){.id = i + 1, .host = host});
	}
	struct fixture *f = *state;
	assert_int_equal(store_outbox_open(s, &o, f->error), 0);
	struct store_alert a = {0};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_outbox_next(o, rules.exits[0].id, a.id, &a), 1);
		free(a.event);
	}
	assert_int_equal(store_outbox_forget(o, rules.exits[0].id, a.id, 1), 0);
	struct store_alert_counts c = counts(s, 0);
	assert_int_equal(c.sent, 2);
	assert_int_equal(c.refused, 1);
	assert_int_equal(c.waiting, 2);
	assert_int_equal(counts(s, 1).waiting, 5);
	uint64_t last = a.id;
	assert_int_equal(store_outbox_next(o, rules.exits[0].id, 0, &a), 1);
	assert_true(a.id > last);
	free(a.event);
	store_close_read(o);
	assert_int_equal(store_alert_exit_drop(s, rules.exits[1].id), 0);
	assert_int_equal(store_outbox_next(s, rules.exits[1].id, 0, &a), 0);
	assert_int_equal(store_close(s), 0);
}

/* Neither without the other: the outbox cannot be written, so the event is not, and both come with the next try. */
static void event_and_alert_are_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct store *s = alerting(f, 1);
	tell(s, (struct told){.id = 1});
	sqlite3 *c = NULL;
	assert_int_equal(sqlite3_open(f->db, &c), SQLITE_OK);
	assert_int_equal(sqlite3_exec(c, "ALTER TABLE alert_outbox RENAME TO elsewhere", NULL, NULL, NULL), SQLITE_OK);
	struct observation o = sample_observation();
	o.host = "second.example";
	o.confidence = CONFIDENCE_CONFIRMED;
	assert_int_equal(put_judged(s, &o, VERDICT_UNAUTHORIZED), 0);
	assert_int_equal(store_flush(s), FAIL_DATABASE);
	struct store *reader = opened_read(f);
	assert_int_equal(rows_in(reader), 1);
	assert_int_equal(sqlite3_exec(c, "ALTER TABLE elsewhere RENAME TO alert_outbox", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(c);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(rows_in(reader), 2);
	store_close_read(reader);
	assert_string_equal(outbox(s, 0), "new1 new1");
	assert_int_equal(counts(s, 0).raised, 2);
	assert_int_equal(store_close(s), 0);
}

/* A table that refuses the row costs the alert, never the event. */
static void a_doctored_table_does_not_hold_up_events(void **state)
{
	struct fixture *f = *state;
	struct store *s = alerting(f, 1);
	sqlite3 *c = NULL;
	assert_int_equal(sqlite3_open(f->db, &c), SQLITE_OK);
	assert_int_equal(sqlite3_exec(c, "DELETE FROM alert_exits", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(c, "CREATE UNIQUE INDEX one ON alert_seen (verdict)", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(c);
	tell(s, (struct told){.id = 1});
	tell(s, (struct told){.id = 2});
	assert_int_equal(rules.unraised, 2);
	assert_int_equal(store_close(s), 0);
	struct store *reader = opened_read(f);
	assert_int_equal(rows_in(reader), 2);
	store_close_read(reader);
}

static void names_of_strangers_stay_what_they_are(void **state)
{
	struct store *s = alerting(*state, 1);
	tell(s, (struct told){.id = 1, .host = SAMPLE_HOSTILE});
	tell(s, (struct told){.id = 2, .host = SAMPLE_HOSTILE});
	assert_string_equal(outbox(s, 0), "new1");
	json_t *event = json_pack("{s:n, s:s, s:s, s:i}", "host", "sni", "a.example", "server_ip", "2001:db8::1",
				  "server_port", 443);
	char authority[ALERT_AUTHORITY_TEXT];
	alert_rules_authority(event, authority);
	assert_string_equal(authority, "a.example");
	json_object_del(event, "sni");
	alert_rules_authority(event, authority);
	assert_string_equal(authority, "[2001:db8::1]:443");
	json_object_set_new(event, "server_ip", json_string("192.0.2.1"));
	alert_rules_authority(event, authority);
	assert_string_equal(authority, "192.0.2.1:443");
	json_decref(event);
	assert_int_equal(store_close(s), 0);
}

static sqlite3_int64 number(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *q = NULL;
	assert_int_equal(sqlite3_open_v2(db, &c, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(c, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	sqlite3_int64 n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(c);
	return n;
}

/* At the cap the oldest windows and events are forgotten. ids tell the age, so a table whose ids are already high shows
 * it quickly. */
static void memory_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct store *s = alerting(f, 1);
	tell(s, (struct told){.id = 1});
	tell(s, (struct told){.id = 2, .host = "b.example"});
	sqlite3 *c = NULL;
	char sql[256];
	assert_int_equal(sqlite3_open(f->db, &c), SQLITE_OK);
	snprintf(sql, sizeof sql,
		 "UPDATE alert_windows SET id = %d WHERE id = 2; UPDATE alert_seen SET id = %d WHERE id = 2",
		 LIMIT_ALERT_WINDOWS, LIMIT_ALERT_SEEN);
	assert_int_equal(sqlite3_exec(c, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(c);
	tell(s, (struct told){.id = 3, .host = "c.example"});
	assert_int_equal(number(f->db, "SELECT count(*) FROM alert_windows"), 2);
	assert_int_equal(number(f->db, "SELECT count(*) FROM alert_windows WHERE authority = 'mcp.example'"), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM alert_seen"), 2);
	tell(s, (struct told){.id = 1}); /* forgotten: counts again */
	assert_string_equal(outbox(s, 0), "new1 new1 new1 new1");
	assert_int_equal(store_close(s), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {T(one_window_of_each_client_authority_and_verdict),
					   T(what_is_approved_or_unsure_is_none),
					   T(an_event_counts_once_across_restarts),
					   T(each_exit_has_its_least_severity),
					   T(a_full_outbox_loses_the_least_severe_and_oldest),
					   T(what_has_gone_is_forgotten_and_counted),
					   T(event_and_alert_are_one_transaction),
					   T(a_doctored_table_does_not_hold_up_events),
					   T(names_of_strangers_stay_what_they_are),
					   T(memory_is_bounded)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
