/* Breaches that name what was used and which entry forbids it, clients that may use a server only through another one,
 * connectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy_build.h"

/* "policy.tools policy.clients / tools": breaches and what is unverified. */
static void notes(const struct judgement *j, char out[256])
{
	out[0] = '\0';
	for (size_t i = 0; i < j->n_breaches; i++)
		snprintf(out + strlen(out), 256 - strlen(out), "%s%s", i ? " " : "", j->breaches[i]);
	for (size_t i = 0; i < j->n_unverified; i++)
		snprintf(out + strlen(out), 256 - strlen(out), "%s%s", i ? " " : " / ", j->unverified[i]);
}

static struct observation called(const struct observed_count *tool)
{
	struct facts f = {.host = "e.example"};
	struct observation o = observe(&f);
	o.requests = 3;
	o.tools_called = (struct observed_counts){tool, 1, 0};
	return o;
}

static void test_lists_of_names(void **state)
{
	static const struct {
		const char *file, *entry, *tool, *wanted, *detail;
	} rows[] = {
	    {"", "\"tools\":[\"read_*\"]", "read_file", "", ""},
	    {"", "\"tools\":[\"read_*\"]", "delete_file", "policy.tools",
	     "the tool delete_file was called, which entry \"e\" does not allow"},
	    {"", "\"tools\":{\"deny\":[\"delete_*\"]}", "read_file", "", ""},
	    {"", "\"tools\":{\"deny\":[\"delete_*\"]}", "delete_file", "policy.tools",
	     "the tool delete_file was called, which entry \"e\" denies by \"delete_*\""},
	    {"", "\"tools\":{\"allow\":[\"*\"],\"deny\":[\"delete_file\"]}", "delete_file", "policy.tools",
	     "the tool delete_file was called, which entry \"e\" denies by \"delete_file\""},
	    {"", "\"tools\":{\"allow\":[]}", "x", "policy.tools",
	     "the tool x was called, which entry \"e\" does not allow"},
	    {"", "\"tools\":{}", "x", "", ""},
	    {"\"tools\":{\"deny\":[\"*exec*\"]},", "\"tools\":[\"*\"]", "shell_exec_now", "policy.tools",
	     "the tool shell_exec_now was called, which the policy denies at every server by \"*exec*\""},
	    {"\"tools\":{\"deny\":[\"*exec*\"]},", "\"owner\":\"x\"", "read", "", ""},
	    {"", "\"tools\":[\"what\\\\?\"]", "what?", "", ""},
	    {"", "\"tools\":[\"what\\\\?\"]", "whatX", "policy.tools",
	     "the tool whatX was called, which entry \"e\" does not allow"},
	    /* of other kinds of names nothing is said */
	    {"", "\"prompts\":[],\"resources\":[]", "x", "", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512], got[256];
		struct observed_count tool = {rows[i].tool, 2, 5000, 17};
		struct observation o = called(&tool);
		struct judgement j;
		snprintf(text, sizeof text, "{\"version\":1,%s\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",%s}]}",
			 rows[i].file, rows[i].entry);
		struct policy *p = policy_of(text);
		policy_judge(p, &o, NULL, &j);
		notes(&j, got);
		assert_string_equal(got, rows[i].wanted);
		assert_int_equal(j.verdict, rows[i].wanted[0] ? VERDICT_VIOLATION : VERDICT_APPROVED);
		assert_int_equal(j.n_reasons, rows[i].detail[0] != 0);
		if (j.n_reasons) {
			assert_string_equal(j.reasons[0].detail, rows[i].detail);
			assert_string_equal(j.reasons[0].signature, "policy.tools");
			assert_int_equal(j.reasons[0].time_ns, 5000);
			assert_int_equal(j.reasons[0].frame, 17);
		}
		policy_free(p);
	}
}

static void test_resources_and_prompts(void **state)
{
	static const char text[] =
	    "{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"resources\":[\"file:///pub/*\"],"
	    "\"prompts\":{\"deny\":[\"impersonate\"]}}]}";
	struct observed_count files[] = {{"file:///pub/a", 1, 1, 1}, {"file:///etc/passwd", 1, 2, 2}},
			      prompt = {"impersonate", 1, 3, 3};
	struct facts f = {.host = "e.example"};
	struct observation o = observe(&f);
	struct judgement j;
	char got[256];
	(void)state;
	struct policy *p = policy_of(text);
	policy_judge(p, &o, NULL, &j); /* nothing could be read: inside TLS */
	notes(&j, got);
	assert_string_equal(got, " / resources prompts");
	assert_int_equal(j.verdict, VERDICT_APPROVED);
	o.requests = 3;
	o.resources_read = (struct observed_counts){files, 2, 0};
	o.prompts_got = (struct observed_counts){&prompt, 1, 0};
	policy_judge(p, &o, NULL, &j);
	notes(&j, got);
	assert_string_equal(got, "policy.resources policy.prompts");
	assert_string_equal(j.reasons[0].detail,
			    "the resource file:///etc/passwd was read, which entry \"e\" does not allow");
	assert_string_equal(j.reasons[1].detail,
			    "the prompt impersonate was fetched, which entry \"e\" denies by \"impersonate\"");
	policy_free(p);
}

static void test_many_names_are_counted(void **state)
{
	struct observed_count tools[12];
	char names[12][8];
	struct observation o = called(tools);
	struct judgement j;
	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof names[i], "t%d", i);
		tools[i] = (struct observed_count){names[i], 1, i, (uint64_t)i};
	}
	o.tools_called.n = 12;
	struct policy *p =
	    policy_of("{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"tools\":[\"t0\"]}]}");
	policy_judge(p, &o, NULL, &j);
	assert_int_equal(j.n_breaches, 1);
	assert_int_equal(j.n_reasons, LIMIT_POLICY_NAMED + 1);
	assert_string_equal(j.reasons[LIMIT_POLICY_NAMED].detail,
			    "3 more tools were called that entry \"e\" or the policy does not allow");
	assert_int_equal(j.reasons[LIMIT_POLICY_NAMED].frame, 9);
	policy_free(p);
}

static void test_a_cut_name_is_not_known(void **state)
{
	char long_name[LIMIT_NAME];
	struct observed_count tool = {long_name, 1, 1, 1};
	struct observation o = called(&tool);
	struct judgement j;
	char got[256];
	(void)state;
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	struct policy *p = policy_of(
	    "{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"tools\":{\"deny\":[\"*_delete\"]}}]}");
	policy_judge(p, &o, NULL, &j);
	notes(&j, got);
	assert_string_equal(got, " / tools");
	policy_free(p);
	/* the sentence keeps its end, and characters stay whole */
	for (size_t i = 0; i + 4 < sizeof long_name; i += 4)
		memcpy(long_name + i, "\xf0\x9f\x98\x80", 4);
	p = policy_of("{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"tools\":[\"a\"]}]}");
	policy_judge(p, &o, NULL, &j);
	assert_non_null(strstr(j.reasons[0].detail, "\xf0\x9f\x98\x80... was called"));
	assert_null(strstr(j.reasons[0].detail, "\xef\xbf\xbd"));
	policy_free(p);
	memset(long_name, 'x', sizeof long_name - 1);
	p = policy_of("{\"version\":1,\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"tools\":[\"a\"]}]}");
	policy_judge(p, &o, NULL, &j);
	assert_int_equal(strlen(j.reasons[0].detail) - strlen("which entry \"e\" does not allow"),
			 strstr(j.reasons[0].detail, "which entry \"e\" does not allow") - j.reasons[0].detail);
	assert_non_null(strstr(j.reasons[0].detail, "xxx... was called"));
	policy_free(p);
}

#define PORTAL "{\"version\":1,\"groups\":{\"portal\":[\"10.1.2.3\",\"2001:db8::/64\"],\"comment\":\"c\"},"

static void test_only_through_the_portal(void **state)
{
	static const struct {
		const char *text, *client, *wanted;
		enum verdict verdict;
	} rows[] = {
	    {PORTAL "\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"require\":{\"clients\":[\"portal\"]}}]}",
	     "10.1.2.3", "", VERDICT_APPROVED},
	    {PORTAL "\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"require\":{\"clients\":[\"portal\"]}}]}",
	     "2001:db8::7", "", VERDICT_APPROVED},
	    {PORTAL "\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"require\":{\"clients\":[\"portal\"]}}]}",
	     "10.1.2.4", "policy.clients", VERDICT_VIOLATION},
	    {PORTAL "\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"require\":{\"clients\":[\"portal\",\"10.1.2."
		    "4/31\"]}}]}",
	     "10.1.2.4", "", VERDICT_APPROVED},
	    /* for every server, but not for this one */
	    {PORTAL "\"requirements\":{\"clients\":[\"portal\"]},\"approved\":[{\"id\":\"e\",\"host\":\"e.example\"}]}",
	     "10.9.9.9", "policy.clients", VERDICT_VIOLATION},
	    {PORTAL "\"requirements\":{\"clients\":[\"portal\"]},\"approved\":[{\"id\":\"e\",\"host\":\"e.example\","
		    "\"require\":{\"clients\":[\"0.0.0.0/0\"]}}]}",
	     "10.9.9.9", "", VERDICT_APPROVED},
	    /* whom the entry is not for does not find it at all */
	    {PORTAL "\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"clients\":[\"portal\"]}]}", "10.9.9.9", "",
	     VERDICT_UNAUTHORIZED},
	    {PORTAL "\"approved\":[{\"id\":\"e\",\"host\":\"e.example\",\"clients\":[\"portal\"]}]}", "10.1.2.3", "",
	     VERDICT_APPROVED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct facts f = {.host = "e.example", .client = rows[i].client};
		struct observation o = observe(&f);
		struct judgement j;
		char got[256];
		struct policy *p = policy_of(rows[i].text);
		o.first_seen_ns = 77;
		o.first_frame = 9;
		policy_judge(p, &o, NULL, &j);
		notes(&j, got);
		if (j.verdict != rows[i].verdict || strcmp(got, rows[i].wanted) != 0)
			fail_msg("%zu: %s %s", i, verdict_name(j.verdict), got);
		if (j.n_breaches) {
			assert_int_equal(j.n_reasons, 1);
			assert_string_equal(j.reasons[0].signature, "policy.clients");
			assert_int_equal(j.reasons[0].frame, 9);
			assert_non_null(strstr(j.reasons[0].detail, " asked, and entry \"e\" is for portal only"));
		}
		policy_free(p);
	}
}

/* A connector is judged by what the request names, never by the API's name and address. */
static void test_connectors(void **state)
{
	static const char text[] =
	    "{\"version\":1,\"requirements\":{\"tls\":true},\"approved\":[{\"id\":\"crm\",\"host\":\"crm.example\","
	    "\"path\":\"/mcp\"},"
	    "{\"id\":\"api\",\"host\":\"api.vendor.example\"},{\"id\":\"net\",\"address\":\"203.0.113.0/24\"},"
	    "{\"id\":\"google\",\"connector\":\"connector_g*\"},{\"id\":\"mail\",\"connector\":\"connector_gmail\"}],"
	    "\"denied\":[{\"id\":\"no-box\",\"connector\":\"*dropbox\"},{\"id\":\"no-evil\",\"host\":\"evil.example\"}]"
	    "}";
	static const struct {
		const char *host, *id;
		bool cut, plain;
		enum verdict verdict;
		const char *rule;
	} rows[] = {
	    {"crm.example", NULL, false, false, VERDICT_APPROVED, "crm"},
	    {"crm.example", NULL, false, true, VERDICT_VIOLATION, "crm"},
	    {"crm.example", NULL, true, false, VERDICT_UNAUTHORIZED, NULL},
	    {"other.example", NULL, false, false, VERDICT_UNAUTHORIZED, NULL},
	    {"evil.example", "connector_gmail", false, false, VERDICT_UNAUTHORIZED, "no-evil"},
	    {"other.example", "connector_gmail", false, false, VERDICT_UNAUTHORIZED, NULL},
	    {NULL, "connector_gmail", false, false, VERDICT_APPROVED, "mail"},
	    {NULL, "connector_googledrive", false, false, VERDICT_APPROVED, "google"},
	    {NULL, "connector_dropbox", false, false, VERDICT_UNAUTHORIZED, "no-box"},
	    {NULL, "connector_teams", false, false, VERDICT_UNAUTHORIZED, NULL},
	};
	(void)state;
	struct policy *p = policy_of(text);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct facts f = {.host = rows[i].host,
				  .sni = "api.vendor.example",
				  .path = "/mcp",
				  .cut = rows[i].cut,
				  .proxy = true};
		struct observation o = observe(&f);
		struct judgement j;
		o.kind = KIND_CONNECTOR;
		o.connector_id = rows[i].id;
		o.tls = !rows[i].plain;
		if (!rows[i].host)
			o.path = NULL;
		policy_judge(p, &o, NULL, &j);
		if (j.verdict != rows[i].verdict ||
		    (j.rule ? strcmp(j.rule, rows[i].rule ? rows[i].rule : "") != 0 : rows[i].rule != NULL))
			fail_msg("%zu: %s by %s", i, verdict_name(j.verdict), j.rule ? j.rule : "none");
	}
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists_of_names),          cmocka_unit_test(test_resources_and_prompts),
	    cmocka_unit_test(test_many_names_are_counted),  cmocka_unit_test(test_a_cut_name_is_not_known),
	    cmocka_unit_test(test_only_through_the_portal), cmocka_unit_test(test_connectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
