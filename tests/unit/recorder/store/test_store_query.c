#include "recorder/store/store_fixture.h"
#include <sqlite3.h>

/* Five events; what a query finds is told by their letters, in the order of the answer. */
static const struct observed_count hostile_tools[] = {{SAMPLE_HOSTILE, 1, 0, 0}, {"\xf0\x9f\x98\x80", 1, 0, 0}, {"a.b\"]", 1, 0, 0}};

static void fill(struct fixture *f)
{
	struct store *s = opened(f);
	struct observation a = sample_observation(); /* A: 10.20.30.40 -> mcp.example:8443, seen 26:40 .. 27:39 */
	assert_int_equal(put_judged(s, &a, VERDICT_UNAUTHORIZED), 0);

	struct observation b = sample_bare(); /* B: possible, at the epoch + 1 s */
	b.first_seen_ns = b.last_seen_ns = 1000000000;
	b.sni = "possible.example";
	assert_int_equal(put_judged(s, &b, VERDICT_UNAUTHORIZED), 0);

	struct observation c = sample_observation(); /* C: approved, later */
	c.client_ip.b[3] = 41;
	c.first_seen_ns += 3600 * INT64_C(1000000000);
	c.last_seen_ns = c.first_seen_ns;
	c.host = "files.acme.example";
	c.sni = NULL;
	assert_int_equal(put_found(s, &c, VERDICT_APPROVED, "no-auth"), 0);

	struct observation d = sample_observation(); /* D: violation, likely, hostile names, another kind */
	d.kind = KIND_CONNECTOR;
	d.confidence = CONFIDENCE_LIKELY;
	d.client_ip = (struct ip_addr){6, {[10] = 0xff, [11] = 0xff, 10, 20, 30, 40}};
	d.server_ip = (struct ip_addr){6, {0x20, 1, 0x0d, 0xb8, [15] = 9}};
	d.host = "[2001:db8::9]:8443";
	d.sni = "deep.sub.acme.example";
	d.tools_called = (struct observed_counts){hostile_tools, 3, 0};
	d.first_seen_ns += 1000;
	assert_int_equal(put_found(s, &d, VERDICT_VIOLATION, "no-auth"), 0);

	struct observation e = sample_observation(); /* E: as A, but its host only looks like acme's */
	e.authority_ordinal = 9;
	e.host = "evilacme.example";
	e.sni = "evilacme.example";
	e.encrypted = false;
	e.first_seen_ns += 2000;
	assert_int_equal(put_judged(s, &e, VERDICT_UNAUTHORIZED), 0);
	assert_int_equal(store_close(s), 0);
}

static int keep_letter(void *context, const json_t *row)
{
	char *letters = context;
	const char *host = json_string_value(json_object_get(row, "host"));
	const char letter = !host ? 'B' : host[0] == 'm' ? 'A' : host[0] == 'f' ? 'C' : host[0] == '[' ? 'D' : 'E';
	size_t n = strlen(letters);
	letters[n] = letter;
	letters[n + 1] = 0;
	return 0;
}

static const char *found(struct store *s, struct store_query q)
{
	static char letters[16];
	letters[0] = 0;
	if (store_select(s, &q, keep_letter, letters) != 0)
		fail_msg("%s", store_error(s));
	return letters;
}

#define ANY .all = true, .min_confidence = CONFIDENCE_POSSIBLE
#define FOUND(want, ...) assert_string_equal(found(s, (struct store_query){__VA_ARGS__}), want)

static void each_filter_filters(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = opened_read(f);
	FOUND("BADEC", ANY);
	FOUND("BADE", .min_confidence = CONFIDENCE_POSSIBLE);
	FOUND("ADE", .min_confidence = CONFIDENCE_LIKELY);
	FOUND("AE", .min_confidence = CONFIDENCE_CONFIRMED);
	FOUND("C", .verdict = "approved");
	FOUND("D", .verdict = "violation");
	FOUND("BAE", .verdict = "unauthorized");
	FOUND("D", ANY, .kind = "connector");

	/* whole minutes: A lasted from 08:26:40 to 08:27:39, C began an hour later */
	FOUND("ADEC", ANY, .since_ns = INT64_C(1763800050000000000));
	FOUND("C", ANY, .since_ns = INT64_C(1763800060000000000));
	FOUND("BADE", ANY, .until_ns = INT64_C(1763800060000000000));
	FOUND("B", ANY, .until_ns = INT64_C(1763800000000000000));

	FOUND("ADE", ANY, .client = "10.20.30.40"); /* the mapped form too */
	FOUND("D", ANY, .client = "::ffff:10.20.30.40");
	FOUND("ADEC", ANY, .client = "10.20.0.0/16");
	FOUND("C", ANY, .client = "10.20.30.41/32");
	FOUND("", ANY, .client = "10.21.0.0/16");
	FOUND("BD", ANY, .server = "2001:db8::/32");
	FOUND("D", ANY, .server = "2001:DB8:0::9");
	FOUND("AEC", ANY, .server = "203.0.113.9");

	FOUND("A", ANY, .host = "mcp.example"); /* without its port */
	FOUND("A", ANY, .host = "MCP.Example.");
	FOUND("B", ANY, .host = "possible.example"); /* the SNI serves */
	FOUND("DC", ANY, .host = "*.acme.example"); /* and not evilacme.example */
	FOUND("", ANY, .host = "acme.example");
	FOUND("D", ANY, .host = "2001:db8:0:0::9");

	FOUND("ADEC", ANY, .method = "tools/call");
	FOUND("", ANY, .method = "tools");
	FOUND("AEC", ANY, .tool = "read_file");
	FOUND("AEC", ANY, .tool = "delete \"all\"\n");
	FOUND("D", ANY, .tool = SAMPLE_HOSTILE);
	FOUND("D", ANY, .tool = "\xf0\x9f\x98\x80");
	FOUND("D", ANY, .tool = "a.b\"]");
	FOUND("", ANY, .tool = "' OR 1=1 --");
	FOUND("", ANY, .tool = "%");

	FOUND("DC", ANY, .finding = "no-auth");
	FOUND("D", ANY, .finding = "policy.tls");
	FOUND("D", .finding = "no-auth");
	FOUND("", ANY, .finding = "no-aut");
	FOUND("", ANY, .finding = "0"); /* the elements, not their places */

	FOUND("EC", ANY, .limit = 2); /* the latest, oldest of them first */
	FOUND("AE", .client = "10.20.0.0/16", .tool = "read_file", .min_confidence = CONFIDENCE_LIKELY, .limit = 7);
	store_close_read(s);
}

static void finds_by_the_beginning_of_an_id(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = opened_read(f);
	FOUND("A", ANY, .event_id = "9de109d98e6c8fbcc70bff751effab1f");
	FOUND("A", ANY, .event_id = "9DE109D98e");
	FOUND("", ANY, .event_id = "9de109d98f");
	struct store_query bad = {ANY, .event_id = "9de109g"};
	char none[16] = "";
	assert_int_equal(store_select(s, &bad, keep_letter, none), FAIL_CONFIG);
	bad.event_id = "9de109d98e6c8fbcc70bff751effab1f0";
	assert_int_equal(store_select(s, &bad, keep_letter, none), FAIL_CONFIG);
	store_close_read(s);
}

static void says_what_is_wrong_with_a_query(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = opened_read(f);
	const struct {
		struct store_query q;
		const char *why;
	} cases[] = {
		{{ANY, .client = "10.0.0.1/8"}, "client: not an address"}, /* host bits */
		{{ANY, .server = "mcp.example"}, "server: not an address"},
		{{ANY, .host = "a..b"}, "host: not a host name"},
		{{ANY, .host = ""}, "host: not a host name"},
		{{ANY, .event_id = ""}, "event id"},
	};
	char none[16] = "";
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(store_select(s, &cases[i].q, keep_letter, none), FAIL_CONFIG);
		assert_non_null(strstr(store_error(s), cases[i].why));
		assert_int_equal(store_group(s, &cases[i].q, "host", keep_letter, none), FAIL_CONFIG);
	}
	assert_string_equal(none, "");
	store_close_read(s);
}

static int stop_at_once(void *context, const json_t *row)
{
	(void)row;
	return ++*(int *)context;
}

static void stops_when_told(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = opened_read(f);
	struct store_query all = {ANY};
	int n = 0;
	assert_int_equal(store_select(s, &all, stop_at_once, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(store_group(s, &all, "verdict", stop_at_once, &n), 0);
	assert_int_equal(n, 2);
	store_close_read(s);
}

static void grouped(struct store *s, const char *field, const char *want)
{
	struct store_query all = {ANY};
	json_t *rows = json_array();
	assert_int_equal(store_group(s, &all, field, keep_row, rows), 0);
	size_t i;
	json_t *row;
	char got[1024] = "";
	json_array_foreach(rows, i, row) {
		char *value = json_dumps(json_object_get(row, "value"), JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		size_t n = strlen(got);
		snprintf(got + n, sizeof got - n, "%s:%d/%d/%d ", value, (int)json_integer_value(json_object_get(row, "events")),
		         (int)json_integer_value(json_object_get(row, "clients")),
		         (int)json_integer_value(json_object_get(row, "servers")));
		free(value);
	}
	assert_string_equal(got, want);
	json_decref(rows);
}

static void groups_count_events_clients_and_servers(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = opened_read(f);
	grouped(s, "verdict", "\"unauthorized\":3/2/3 \"approved\":1/1/1 \"violation\":1/1/1 ");
	grouped(s, "encrypted", "true:3/3/3 false:2/2/2 ");
	grouped(s, "server_port", "8443:4/3/4 443:1/1/1 ");
	grouped(s, "auth", "\"bearer\":4/3/4 null:1/1/1 ");
	grouped(s, "findings", "\"no-auth\":2/2/2 \"policy.tls\":1/1/1 ");
	grouped(s, "methods", "\"initialize\":4/3/4 \"tools/call\":4/3/4 ");
	grouped(s, "tools_called",
	        "\"(other)\":3/2/3 \"delete \\\"all\\\"\\n\":3/2/3 \"read_file\":3/2/3 "
	        "\"=1+1\\\"',;\\n\\u001B[31mred\\u009B2J\\u202Etxt'); DROP TABLE events;--\":1/1/1 \"a.b\\\"]\":1/1/1 "
	        "\"\\uD83D\\uDE00\":1/1/1 ");
	grouped(s, "reasons", "\"host.mcp.example\":4/3/4 \"mcp.jsonrpc.initialize\":4/3/4 ");
	grouped(s, "encapsulation", "\"vlan:10\":4/3/4 \"vlan:4094\":4/3/4 ");

	struct store_query one = {ANY, .limit = 1};
	json_t *rows = json_array();
	assert_int_equal(store_group(s, &one, "verdict", keep_row, rows), 0);
	assert_int_equal(json_array_size(rows), 1);
	char *text = json_dumps(json_array_get(rows, 0), JSON_COMPACT);
	assert_string_equal(text, "{\"value\":\"unauthorized\",\"events\":3,\"clients\":2,\"servers\":3,"
	                          "\"first_seen\":\"1970-01-01T00:00:01.000000Z\",\"last_seen\":\"2025-11-22T08:27:39.999999Z\"}");
	free(text);
	assert_int_equal(store_group(s, &one, "no_such", keep_row, rows), FAIL_CONFIG);
	assert_int_equal(store_group(s, &one, "host; DROP TABLE events", keep_row, rows), FAIL_CONFIG);
	json_decref(rows);
	store_close_read(s);
}

/* ---- who may read, and when ---- */

static void makes_no_database_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	assert_int_equal(store_open_read(f->db, &s, f->error), FAIL_DATABASE);
	assert_non_null(strstr(f->error, "no such database"));
	assert_false(beside(f, ""));
	fclose(fopen(f->db, "w"));
	assert_int_equal(store_open_read(f->db, &s, f->error), FAIL_DATABASE);
	assert_non_null(strstr(f->error, "not a database of shadowtap"));
	FILE *text = fopen(f->db, "w");
	for (int i = 0; i < 999; i++)
		fputs("no database either", text);
	fclose(text);
	assert_int_equal(store_open_read(f->db, &s, f->error), FAIL_DATABASE);
	assert_non_null(strstr(f->error, "not an SQLite database"));
	assert_int_equal(store_open_read(f->directory, &s, f->error), FAIL_DATABASE);
}

static void another_user_reads_when_the_writer_has_gone(void **state)
{
	struct fixture *f = *state;
	if (geteuid() != 0)
		skip();
	struct store *s = opened(f);
	put_many(s, 0, 42);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(as_nobody(count_quietly, f), 42);
}

static void anybody_reads_while_a_writer_writes(void **state)
{
	struct fixture *f = *state;
	pid_t writer = writer_process(f, 42, 7);
	assert_int_equal(count_quietly(f), 42);
	if (geteuid() == 0)
		assert_int_equal(as_nobody(count_quietly, f), 42);
	killed(writer);
}

static void another_user_reads_what_a_killed_writer_left(void **state)
{
	struct fixture *f = *state;
	if (geteuid() != 0)
		skip();
	killed(writer_process(f, 42, 7));
	assert_true(beside(f, "-wal"));
	assert_int_equal(as_nobody(count_quietly, f), 42);
	assert_int_equal(chmod(f->directory, 0555), 0);
	assert_int_equal(as_nobody(count_quietly, f), 42);
}

/* Somebody copied the files and left out -shm: what is in the WAL cannot be read, and that is said. */
static void missing_rows_are_announced(void **state)
{
	struct fixture *f = *state;
	if (geteuid() != 0)
		skip();
	struct store *s = opened(f);
	put_many(s, 0, 30);
	assert_int_equal(store_close(s), 0);
	killed(writer_process(f, 42, 0));
	char shm[128];
	snprintf(shm, sizeof shm, "%s-shm", f->db);
	assert_int_equal(unlink(shm), 0);
	assert_int_equal(as_nobody(count_quietly, f), 100 + 30);
	assert_int_equal(count_quietly(f), 42); /* the owner repairs it */
}

/* A WAL database alone in a directory that cannot be written, with nothing in a WAL: everything is there. */
static void a_lone_wal_database_is_whole(void **state)
{
	struct fixture *f = *state;
	if (geteuid() != 0)
		skip();
	struct store *s = opened(f);
	put_many(s, 0, 30);
	assert_int_equal(store_close(s), 0);
	sqlite3 *c = NULL;
	assert_int_equal(sqlite3_open(f->db, &c), SQLITE_OK);
	assert_int_equal(sqlite3_exec(c, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(c);
	assert_int_equal(as_nobody(count_quietly, f), 30);
}

/* While a reader looks at a row the writer can commit, leave and come back: no lock is held between rows. */
struct interference {
	struct fixture *f;
	int rows;
};

static int write_in_between(void *context, const json_t *row)
{
	struct interference *i = context;
	(void)row;
	if (i->rows++ == 0) {
		struct store *w = opened(i->f);
		put_many(w, 100, 5);
		assert_int_equal(store_close(w), 0);
		assert_false(beside(i->f, "-wal"));
	}
	return 0;
}

static void a_slow_reader_stops_no_writer(void **state)
{
	struct fixture *f = *state;
	struct store *w = opened(f);
	put_many(w, 0, 5);
	assert_int_equal(store_close(w), 0);
	struct store *s = opened_read(f);
	struct store_query all = {ANY};
	struct interference i = {f, 0};
	assert_int_equal(store_select(s, &all, write_in_between, &i), 0);
	assert_int_equal(i.rows, 5); /* as of the moment of asking */
	assert_int_equal(rows_in(s), 10);
	store_close_read(s);
}

/* A database that somebody doctored is an error with a name, not a crash and not silence. */
static void a_doctored_row_is_reported(void **state)
{
	struct fixture *f = *state;
	static const char *const damage[] = {"methods = '{'", "reasons = '{}'", "host = CAST(x'ff' AS TEXT)", "packets = '[]'"};
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		fill(f);
		char sql[128];
		snprintf(sql, sizeof sql, "UPDATE events SET %s WHERE verdict = 'approved'", damage[i]);
		sqlite3 *c = NULL;
		assert_int_equal(sqlite3_open(f->db, &c), SQLITE_OK);
		assert_int_equal(sqlite3_exec(c, sql, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(c);
		struct store *s = opened_read(f);
		struct store_query all = {ANY};
		char letters[16] = "";
		assert_int_equal(store_select(s, &all, keep_letter, letters), FAIL_DATABASE);
		assert_string_equal(letters, "BADE");
		assert_non_null(strstr(store_error(s), "does not hold what it should"));
		store_close_read(s);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_filter_filters),
		T(finds_by_the_beginning_of_an_id),
		T(says_what_is_wrong_with_a_query),
		T(stops_when_told),
		T(groups_count_events_clients_and_servers),
		T(makes_no_database_and_writes_nothing),
		T(another_user_reads_when_the_writer_has_gone),
		T(anybody_reads_while_a_writer_writes),
		T(another_user_reads_what_a_killed_writer_left),
		T(missing_rows_are_announced),
		T(a_lone_wal_database_is_whole),
		T(a_slow_reader_stops_no_writer),
		T(a_doctored_row_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
