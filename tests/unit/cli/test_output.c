#include "event.h"
#include "output.h"
#include "recorder/sample_event.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const fields[] = {"name", "count", "on", "list", "missing", NULL};

static json_t *row_of(const char *name)
{
	return json_pack("{s:s, s:i, s:b, s:[s,s]}", "name", name, "count", 3, "on", 1, "list", "a\"b", SAMPLE_HOSTILE);
}

static char *print_rows(enum cli_format format, int n, const char *name, void (*put)(struct output *, const json_t *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	struct output o;
	output_start(&o, f, format, fields);
	for (int i = 0; i < n; i++) {
		json_t *row = row_of(name);
		assert_non_null(row);
		put(&o, row);
		json_decref(row);
	}
	output_end(&o);
	assert_int_equal(output_status(&o), EXIT_OK);
	fclose(f);
	return text;
}

/* No exit may let through what steers a terminal: C0 but newline and CR, DEL, C1 (as UTF-8), text direction. */
static void assert_tame(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p < 0x20 && *p != '\n' && *p != '\r') || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0) ||
		    memcmp(p, "\xe2\x80\xae", strnlen((const char *)p, 3)) == 0)
			fail_msg("untamed byte %02x in: %s", *p, text);
	}
}

static void csv_is_quoted_and_runs_no_formulas(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"plain", "\"plain\""},
		{"a,\"b\"", "\"a,\"\"b\"\"\""},
		{"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""},
		{"+1", "\"'+1\""},
		{"-1", "\"'-1\""},
		{"@SUM(A1)", "\"'@SUM(A1)\""},
		{"\t=1", "\"'\\x09=1\""},
		{"\r=1", "\"'\\x0d=1\""},
		{"two\nlines", "\"two\\x0alines\""},
		{"1-1", "\"1-1\""},
		{"", "\"\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = NULL;
		size_t size = 0;
		FILE *f = open_memstream(&text, &size);
		assert_non_null(f);
		output_csv_text(f, cases[i][0]);
		fclose(f);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
	char *text = print_rows(CLI_CSV, 1, "-x", output_row);
	assert_string_equal(text, "name,count,on,list,missing\r\n"
	                          "\"'-x\",3,true,\"[\"\"a\\\"\"b\"\",\"\"=1+1\\\"\"',;\\n\\u001B[31mred\\u009B2J\\u202Etxt'); "
	                          "DROP TABLE events;--\"\"]\",\r\n");
	free(text);
	text = print_rows(CLI_CSV, 0, "", output_row);
	assert_string_equal(text, "name,count,on,list,missing\r\n");
	free(text);
}

static void json_is_one_value_or_one_per_line(void **state)
{
	(void)state;
	char *text = print_rows(CLI_JSON, 0, "", output_event);
	assert_string_equal(text, "[]\n");
	free(text);
	text = print_rows(CLI_JSON, 2, SAMPLE_HOSTILE, output_event);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_size(json), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json, 1), "name")), SAMPLE_HOSTILE);
	assert_tame(text);
	json_decref(json);
	free(text);
	text = print_rows(CLI_JSONL, 3, SAMPLE_HOSTILE, output_event);
	int lines = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		assert_tame(line);
		json = json_loads(line, 0, NULL);
		assert_string_equal(json_string_value(json_object_get(json, "name")), SAMPLE_HOSTILE);
		json_decref(json);
	}
	assert_int_equal(lines, 3);
	free(text);
}

static void tables_line_up(void **state)
{
	(void)state;
	static const char *const names[] = {"Zo\xc3\xab", "a\x1b[2Jb", "x"};
	static const char *const columns[] = {"name", "count", "last", NULL};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	struct output o;
	output_start(&o, f, CLI_TEXT, columns);
	for (int i = 0; i < 3; i++) {
		json_t *row = json_pack("{s:s, s:i}", "name", names[i], "count", i * 600);
		output_row(&o, row);
		json_decref(row);
	}
	output_end(&o);
	fclose(f);
	assert_string_equal(text, "name       count  last\n"
	                          "Zo\xc3\xab            0  -\n"
	                          "a\\x1b[2Jb    600  -\n"
	                          "x           1200  -\n");
	free(text);
}

static char *card_with(const struct observation *o, enum verdict v, const struct event_links *links)
{
	static const struct event_context context = {"tap1", "1", SAMPLE_HOSTILE};
	struct judgement j = {.verdict = v, .rule = SAMPLE_HOSTILE, .unverified = {"path"}, .n_unverified = 1};
	struct event e;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	assert_int_equal(event_from(o, &j, TRAFFIC_OUTBOUND, &context, links, &e), 0);
	json_t *json = event_json(&e);
	struct output out;
	output_start(&out, f, CLI_TEXT, event_fields);
	output_event(&out, json);
	output_end(&out);
	json_decref(json);
	fclose(f);
	return text;
}

static char *card_of(const struct observation *o, enum verdict v)
{
	return card_with(o, v, NULL);
}

/* What the recorder knows beyond the connection, in a stranger's words where they are his. */
static void cards_show_what_the_recorder_knows(void **state)
{
	(void)state;
	static const char *const shown[] = {
		"  to      mcp.example:8443  203.0.113.9:8443  /v1/mcp  DNS cdn.example\n", "  read    file:///etc/motd x3\n",
		"  prompts greet, (other) x2\n", "  changed tools read_file: description, annotations\n",
		"  asked   anthropic  api.anthropic.com  as files  connector c1\n",
		"  finding no-auth\n          cleartext\n", "  tag     portal\n",
	};
	struct event_change change = {.list = "tools", .name = "read_file", .parts = {"description", "annotations"}, .n_parts = 2};
	struct event_links links = {.dns_name = "cdn.example", .tags = {"portal"}, .n_tags = 1, .change = &change,
	                            .findings = {"no-auth", "cleartext"}, .n_findings = 2};
	struct observation o = sample_observation();
	o.connector_vendor = "anthropic";
	o.connector_api = "api.anthropic.com";
	o.connector_name = "files";
	o.connector_id = "c1";
	char *text = card_with(&o, VERDICT_UNAUTHORIZED, &links);
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		if (!strstr(text, shown[i]))
			fail_msg("'%s' is not in: %s", shown[i], text);
	free(text);
	links.dns_name = links.tags[0] = change.name = o.connector_api = o.connector_name = o.connector_id = SAMPLE_HOSTILE;
	text = card_with(&o, VERDICT_UNAUTHORIZED, &links);
	assert_tame(text);
	free(text);
}

static void cards_show_what_an_analyst_needs(void **state)
{
	(void)state;
	static const char *const shown[] = {
		"2025-11-22T08:26:40.123456Z  medium  violation  confirmed  established\n",
		"from    10.20.30.40:51234  02:00:5e:ff:10:0a  outbound\n",
		"to      mcp.example:8443  203.0.113.9:8443  /v1/mcp\n",
		"proxy   socks5  203.0.113.9:8443\n", "claims  192.0.2.43 by forwarded, 2001:db8:: by proxy-protocol\n",
		"streamable-http  revision 2025-06-18  HTTP 1.1  TLS 1.3  auth bearer\n",
		"client  Zo\xc3\xab's agent 1.2\n", "methods initialize, tools/call x7\n",
		"tools   read_file x5, delete \"all\"\\x0a x2, (other) x4\n",
		"why     POST carried an MCP initialize request\n          the host is known\n", "unseen  path\n",
		"event   9de109d98e6c8fbcc70bff751effab1f",
	};
	struct observation o = sample_observation();
	char *text = card_of(&o, VERDICT_VIOLATION);
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		if (!strstr(text, shown[i]))
			fail_msg("'%s' is not in: %s", shown[i], text);
	free(text);
}

/* Who acknowledged wrote what he liked, too. */
static void cards_and_columns_tell_who_acknowledged(void **state)
{
	(void)state;
	const char *const *shown = output_event_fields();
	size_t n = 0;
	for (; event_fields[n]; n++)
		assert_string_equal(shown[n], event_fields[n]);
	assert_string_equal(shown[n], "acknowledged");
	assert_null(shown[n + 1]);
	json_t *event = json_pack("{s:s, s:{s:s, s:s, s:s, s:s}}", "event_id", "9de1", "acknowledged", "until", "2026-12-31T00:00:00.000000Z",
	                          "by", SAMPLE_HOSTILE, "why", SAMPLE_HOSTILE, "at", "2026-11-23T00:00:00.000000Z");
	for (int format = CLI_TEXT; format <= CLI_CSV; format++) {
		char *text = NULL;
		size_t size = 0;
		FILE *f = open_memstream(&text, &size);
		struct output out;
		output_start(&out, f, (enum cli_format)format, shown);
		output_event(&out, event);
		output_end(&out);
		fclose(f);
		assert_tame(text);
		if (format == CLI_TEXT)
			assert_non_null(strstr(text, "\n  ack     until 2026-12-31T00:00:00.000000Z by =1+1\"',;\\x0a\\x1b[31m"));
		free(text);
	}
	json_decref(event);
}

static void cards_tame_strangers(void **state)
{
	(void)state;
	static const struct observed_count names[] = {{SAMPLE_HOSTILE, 1, 0, 0}};
	static const struct observed_reason reasons[] = {{SAMPLE_HOSTILE, SAMPLE_HOSTILE, 0, 1}};
	struct observation o = sample_bare();
	o.host = o.path = o.client_name = o.client_version = o.server_name = o.protocol_version = o.tls_version = SAMPLE_HOSTILE;
	o.methods = o.tools_called = (struct observed_counts){names, 1, 0};
	o.reasons = reasons;
	o.n_reasons = 1;
	char *text = card_of(&o, VERDICT_UNAUTHORIZED);
	assert_tame(text);
	assert_non_null(strstr(text, "\\x1b[31mred\\x9b2J\\u{202e}txt"));
	assert_non_null(strstr(text, "[2001:db8::1]:1"));
	free(text);
}

static void a_closed_pipe_is_no_failure_and_a_full_disk_is(void **state)
{
	(void)state;
	struct output o = {.write_error = EPIPE};
	assert_int_equal(output_status(&o), EXIT_OK);
	FILE *full = fopen("/dev/full", "w");
	if (!full)
		skip();
	output_start(&o, full, CLI_JSON, fields);
	output_end(&o);
	assert_int_equal(o.write_error, ENOSPC);
	assert_int_equal(output_status(&o), EXIT_FAILED);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_is_quoted_and_runs_no_formulas),
		cmocka_unit_test(json_is_one_value_or_one_per_line),
		cmocka_unit_test(tables_line_up),
		cmocka_unit_test(cards_show_what_an_analyst_needs),
		cmocka_unit_test(cards_and_columns_tell_who_acknowledged),
		cmocka_unit_test(cards_show_what_the_recorder_knows),
		cmocka_unit_test(cards_tame_strangers),
		cmocka_unit_test(a_closed_pipe_is_no_failure_and_a_full_disk_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
