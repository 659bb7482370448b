#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "json/failing_malloc.h"
#include "policy_build.h"
#include "status.h"
#include <unistd.h>

static void test_the_example_loads(void **state)
{
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT] = "";
	(void)state;
	assert_int_equal(policy_load(TEST_SOURCE_DIR "/docs/examples/policy.json", &p, error), 0);
	assert_int_equal(policy_entries(p), 6);
	assert_int_equal(p->n_list[POLICY_APPROVED], 4);
	assert_int_equal(p->n_list[POLICY_DENIED], 2);
	assert_int_equal(p->n_internal, 4);

	const struct policy_entry *e = &p->entries[0];
	assert_string_equal(e->id, "intranet-tools");
	assert_null(e->host);
	assert_true(e->has_address);
	assert_int_equal(e->address.bits, 32);
	assert_int_equal(e->port, 3001);
	assert_string_equal(e->path, "/mcp");
	assert_string_equal(e->owner, "platform-team");
	assert_false(e->require.tls);
	assert_false(e->require.auth);
	assert_true(e->expires_ns == POLICY_NEVER);

	e = &p->entries[2];
	assert_string_equal(e->host, "mcp.acme-payments.example");
	assert_true(e->require.tls); /* from the defaults */
	assert_string_equal(e->require.protocol_version, "2025-06-18");
	assert_int_equal(e->n_clients, 1);
	assert_int_equal(e->names[POLICY_TOOLS].allow.n, 2);
	assert_non_null(policy_globs_find(&e->names[POLICY_TOOLS].allow, "payment_status"));
	assert_null(policy_globs_find(&e->names[POLICY_TOOLS].allow, "payment_statuses"));
	assert_true(p->entries[3].expires_ns == time_of("2030-07-01T00:00:00Z"));
	policy_free(p);
}

static void test_values_are_normalized(void **state)
{
	struct policy *p = policy_of("{\"version\":1,\"approved\":["
	                             "{\"id\":\"a\",\"host\":\"*.ACME.com.\",\"path\":\"/mcp/\"},"
	                             "{\"id\":\"b\",\"address\":\"::ffff:10.0.0.0/104\",\"path\":\"/\"},"
	                             "{\"id\":\"c\",\"host\":\"x\",\"expires\":\"2026-01-01T02:00:00.5+02:00\",\"tools\":[]}]}");
	char text[IP_ADDR_TEXT];
	(void)state;
	assert_string_equal(p->entries[0].host, "*.acme.com");
	assert_string_equal(p->entries[0].path, "/mcp");
	ip_addr_format(&p->entries[1].address.addr, text);
	assert_string_equal(text, "10.0.0.0");
	assert_int_equal(p->entries[1].address.bits, 8);
	assert_null(p->entries[1].path);
	assert_true(p->entries[2].expires_ns == time_of("2026-01-01T00:00:00.5Z"));
	assert_true(p->entries[2].names[POLICY_TOOLS].listed);
	assert_false(p->entries[1].names[POLICY_TOOLS].listed);
	policy_free(p);
}

static const struct {
	const char *text, *error; /* without the leading "p.json: " */
} root_errors[] = {
	{"[]", "must be an object, not an array"},
	{"{}", "\"version\" is missing"},
	{"{\"version\": 2}", "/version: must be from 1 to 1, not 2"},
	{"{\"version\": \"1\"}", "/version: must be a whole number, not a string"},
	{"{\"version\": 1.0}", "/version: must be a whole number without a decimal point or exponent"},
	{"{\"version\": 1, \"aproved\": []}", "/aproved: unknown member; did you mean \"approved\"?"},
	{"{\"version\": 1, \"allow\": []}", "/allow: unknown member; known here: version, internal_networks, groups, requirements, tools, resources, prompts, "
	                                    "approved, denied, comment, $schema"},
	{"{\"version\": 1, \"comment\": 1}", "/comment: must be a string, not a number"},
	{"{\"version\": 1, \"$schema\": 1}", "/$schema: must be a string, not a number"},
	{"{\"version\": 1, \"approved\": {}}", "/approved: must be an array, not an object"},
	{"{\"version\": 1, \"denied\": null}", "/denied: must be an array, not null"},
	{"{\"version\": 1, \"approved\": [1]}", "/approved/0: must be an object, not a number"},
	{"{\"version\": 1, \"internal_networks\": \"10.0.0.0/8\"}", "/internal_networks: must be an array, not a string"},
	{"{\"version\": 1, \"internal_networks\": [1]}", "/internal_networks/0: must be a string such as \"10.0.0.0/8\""},
	{"{\"version\": 1, \"internal_networks\": [\"::1\", \"10.0.0.1/8\"]}",
	 "/internal_networks/1: \"10.0.0.1/8\" has bits set after its prefix; did you mean \"10.0.0.0/8\"?"},
	{"{\"version\": 1, \"internal_networks\": [\"home\"]}", "/internal_networks/0: not an address or network: \"home\""},
	{"{\"version\": 1, \"requirements\": []}", "/requirements: must be an object, not an array"},
	{"{\"version\": 1, \"requirements\": {\"tsl\": true}}", "/requirements/tsl: unknown member; did you mean \"tls\"?"},
	{"{\"version\": 1, \"requirements\": {\"tls\": \"yes\"}}", "/requirements/tls: must be true or false, not a string"},
	{"{\"version\": 1, \"requirements\": {\"auth\": 1}}", "/requirements/auth: must be true or false, not a number"},
	{"{\"version\": 1, \"requirements\": {\"comment\": 1}}", "/requirements/comment: must be a string, not a number"},
	{"{\"version\": 1, \"requirements\": {\"no_findings\": \"no-auth\"}}", "/requirements/no_findings: must be an array, not a string"},
	{"{\"version\": 1, \"requirements\": {\"no_findings\": [1]}}", "/requirements/no_findings/0: must be the id of a finding, such as \"no-auth\""},
	{"{\"version\": 1, \"requirements\": {\"no_findings\": [\"no-auth\", \"noauth\"]}}",
	 "/requirements/no_findings/1: there is no finding \"noauth\"; `shadowtap findings` lists them"},
	{"{\"version\": 1, \"requirements\": {\"protocol_version\": 20250618}}",
	 "/requirements/protocol_version: must be a string, not a number"},
	{"{\"version\": 1, \"requirements\": {\"protocol_version\": \"2025-06\"}}",
	 "/requirements/protocol_version: not a protocol revision such as \"2025-06-18\": \"2025-06\""},
	{"{\"version\": 1, \"requirements\": {\"protocol_version\": \"2025-06-18T00:00:00Z\"}}",
	 "/requirements/protocol_version: not a protocol revision such as \"2025-06-18\": \"2025-06-18T00:00:00Z\""},
};

static void assert_error(const char *text, const char *wanted)
{
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT] = "", full[POLICY_ERROR_TEXT + 16];
	snprintf(full, sizeof full, "p.json: %s", wanted);
	assert_int_equal(policy_parse("p.json", text, strlen(text), &p, error), FAIL_CONFIG);
	assert_string_equal(error, full);
	assert_null(p);
}

static void test_root_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof root_errors / sizeof *root_errors; i++)
		assert_error(root_errors[i].text, root_errors[i].error);
}

static const struct {
	const char *entry, *error; /* the entry is /approved/1; the error goes without "p.json: /approved/1" */
} entry_errors[] = {
	{"{}", ": \"id\" is missing"},
	{"{\"id\": 7, \"host\": \"a\"}", "/id: must be a string, not a number"},
	{"{\"id\": \"\", \"host\": \"a\"}", "/id: must be 1 to 64 letters, digits, '.', '_' or '-', not \"\""},
	{"{\"id\": \"a b\", \"host\": \"a\"}", "/id: must be 1 to 64 letters, digits, '.', '_' or '-', not \"a b\""},
	{"{\"id\": \"first\", \"host\": \"a\"}", "/id: \"first\" is the id of /approved/0 already"},
	{"{\"id\": \"x\"}", ": needs \"host\", \"address\" or \"connector\""},
	{"{\"id\": \"x\", \"Host\": \"a\"}", "/Host: unknown member; did you mean \"host\"?"},
	{"{\"id\": \"x\", \"host\": null}", "/host: must be a string, not null"},
	{"{\"id\": \"x\", \"host\": \"\"}", "/host: not a host name: \"\""},
	{"{\"id\": \"x\", \"host\": \"a b\"}", "/host: not a host name: \"a b\""},
	{"{\"id\": \"x\", \"host\": \"a..b\"}", "/host: not a host name: \"a..b\""},
	{"{\"id\": \"x\", \"host\": \"*\"}",
	 "/host: not a host name: \"*\" ('*' stands for the first labels only, as in \"*.example.com\")"},
	{"{\"id\": \"x\", \"host\": \"a.*.com\"}",
	 "/host: not a host name: \"a.*.com\" ('*' stands for the first labels only, as in \"*.example.com\")"},
	{"{\"id\": \"x\", \"host\": \"*acme.com\"}",
	 "/host: not a host name: \"*acme.com\" ('*' stands for the first labels only, as in \"*.example.com\")"},
	{"{\"id\": \"x\", \"host\": \"https://a.com/mcp\"}",
	 "/host: is a URL; give the host name alone, \"port\" and \"path\" beside it"},
	{"{\"id\": \"x\", \"host\": \"a.com:443\"}", "/host: \"a.com:443\" holds a port; use \"port\" for it"},
	{"{\"id\": \"x\", \"host\": \"a.com/mcp\"}", "/host: \"a.com/mcp\" holds a path; use \"path\" for it"},
	{"{\"id\": \"x\", \"host\": \"10.0.0.1\"}", "/host: \"10.0.0.1\" is an address; use \"address\" for it"},
	{"{\"id\": \"x\", \"host\": \"10.0.0.1.\"}", "/host: \"10.0.0.1.\" is an address; use \"address\" for it"},
	{"{\"id\": \"x\", \"host\": \"10.0.0.0/8\"}", "/host: \"10.0.0.0/8\" is an address; use \"address\" for it"},
	{"{\"id\": \"x\", \"host\": \"::1\"}", "/host: \"::1\" is an address; use \"address\" for it"},
	{"{\"id\": \"x\", \"host\": \"b\xc3\xbc" "cher.de\"}",
	 "/host: write \"b\xc3\xbc" "cher.de\" as it is sent, in A-labels (xn--...)"},
	{"{\"id\": \"x\", \"address\": 10}", "/address: must be a string, not a number"},
	{"{\"id\": \"x\", \"address\": \"\"}", "/address: not an address or network: \"\""},
	{"{\"id\": \"x\", \"address\": \"10.0.0\"}", "/address: not an address or network: \"10.0.0\""},
	{"{\"id\": \"x\", \"address\": \"10.0.0.0/33\"}", "/address: not an address or network: \"10.0.0.0/33\""},
	{"{\"id\": \"x\", \"address\": \"10.0.0.0/-1\"}", "/address: not an address or network: \"10.0.0.0/-1\""},
	{"{\"id\": \"x\", \"address\": \"10.0.0.0/\"}", "/address: not an address or network: \"10.0.0.0/\""},
	{"{\"id\": \"x\", \"address\": \"10.0.0.7/31\"}",
	 "/address: \"10.0.0.7/31\" has bits set after its prefix; did you mean \"10.0.0.6/31\"?"},
	{"{\"id\": \"x\", \"address\": \"2001:db8::1/64\"}",
	 "/address: \"2001:db8::1/64\" has bits set after its prefix; did you mean \"2001:db8::/64\"?"},
	{"{\"id\": \"x\", \"host\": \"a\", \"port\": 0}", "/port: must be from 1 to 65535, not 0"},
	{"{\"id\": \"x\", \"host\": \"a\", \"port\": 65536}", "/port: must be from 1 to 65535, not 65536"},
	{"{\"id\": \"x\", \"host\": \"a\", \"port\": \"443\"}", "/port: must be a whole number, not a string"},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": 1}", "/path: must be a string, not a number"},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"\"}", "/path: must begin with '/', not \"\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"mcp\"}", "/path: must begin with '/', not \"mcp\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"/mcp?x=1\"}",
	 "/path: \"/mcp?x=1\" holds a query or fragment; only the path is compared"},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"/mcp/*\"}",
	 "/path: \"/mcp/*\" holds '*'; a path covers everything below it as it is"},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"/m cp\"}", "/path: holds a space or control character"},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"/a/../b\"}",
	 "/path: \"/a/../b\" can be read in two ways (dot segments, \"//\", '\\\\', encoded '.', '/', ';' or '%')"},
	{"{\"id\": \"x\", \"host\": \"a\", \"path\": \"/a%2Fb\"}",
	 "/path: \"/a%2Fb\" can be read in two ways (dot segments, \"//\", '\\\\', encoded '.', '/', ';' or '%')"},
	{"{\"id\": \"x\", \"host\": \"a\", \"clients\": \"10.0.0.1\"}", "/clients: must be an array, not a string"},
	{"{\"id\": \"x\", \"host\": \"a\", \"clients\": []}", "/clients: is empty; leave it out to mean every client"},
	{"{\"id\": \"x\", \"host\": \"a\", \"clients\": [\"10.0.0.1\", true]}",
	 "/clients/1: must be a string such as \"10.0.0.0/8\", or the name of a group"},
	{"{\"id\": \"x\", \"host\": \"a\", \"clients\": [\"laptop\"]}", "/clients/0: there is no group \"laptop\" in \"groups\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"expires\": 2027}", "/expires: must be a string, not a number"},
	{"{\"id\": \"x\", \"host\": \"a\", \"expires\": \"2027-02-29\"}",
	 "/expires: not a date (\"2027-06-30\") or a date and time with zone (\"2027-06-30T18:00:00Z\"): \"2027-02-29\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"expires\": \"2027-06-30T18:00:00\"}",
	 "/expires: not a date (\"2027-06-30\") or a date and time with zone (\"2027-06-30T18:00:00Z\"): "
	 "\"2027-06-30T18:00:00\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"owner\": []}", "/owner: must be a string, not an array"},
	{"{\"id\": \"x\", \"host\": \"a\", \"comment\": {}}", "/comment: must be a string, not an object"},
	{"{\"id\": \"x\", \"host\": \"a\", \"require\": true}", "/require: must be an object, not a boolean"},
	{"{\"id\": \"x\", \"host\": \"a\", \"require\": {\"auth\": \"bearer\"}}",
	 "/require/auth: must be true or false, not a string"},
	{"{\"id\": \"x\", \"host\": \"a\", \"require\": {\"mtls\": true}}", "/require/mtls: unknown member; did you mean \"tls\"?"},
	{"{\"id\": \"x\", \"host\": \"a\", \"tools\": true}",
	 "/tools: must be a list of what is allowed, or an object with \"allow\" and \"deny\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"tools\": {\"denied\": []}}", "/tools/denied: unknown member; known here: allow, deny, comment"},
	{"{\"id\": \"x\", \"host\": \"a\", \"prompts\": {\"deny\": [\"a\\\\b\"]}}",
	 "/prompts/deny/0: a backslash stands before '*', '?' or another one only: \"a\\\\b\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"require\": {\"clients\": [\"portal\"]}}",
	 "/require/clients/0: there is no group \"portal\" in \"groups\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"require\": {\"clients\": []}}", "/require/clients: is empty; leave it out to mean every client"},
	{"{\"id\": \"x\", \"connector\": \"\"}", "/connector: must have 1 to 127 bytes"},
	{"{\"id\": \"x\", \"connector\": \"c\", \"host\": \"a\"}",
	 ": \"connector\" stands for a server of the vendor's: it has no host, address, port or path"},
	{"{\"id\": \"x\", \"host\": \"a\", \"tools\": [\"a\", \"\"]}", "/tools/1: must be a name or a pattern such as \"read_*\""},
	{"{\"id\": \"x\", \"host\": \"a\", \"tools\": [7]}", "/tools/0: must be a name or a pattern such as \"read_*\""},
};

static void test_entry_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof entry_errors / sizeof *entry_errors; i++) {
		char text[1024], wanted[512];
		snprintf(text, sizeof text, "{\"version\": 1, \"approved\": [{\"id\": \"first\", \"host\": \"h\"}, %s]}",
		         entry_errors[i].entry);
		snprintf(wanted, sizeof wanted, "/approved/1%s", entry_errors[i].error);
		assert_error(text, wanted);
	}
}

static void test_errors_of_both_lists(void **state)
{
	char text[1024], name[140];
	(void)state;
	assert_error("{\"version\":1,\"denied\":[{\"id\":\"x\",\"host\":\"a\",\"require\":{}}]}",
	             "/denied/0/require: unknown member; known here: id, host, address, connector, port, path, clients, expires, owner, comment");
	assert_error("{\"version\":1,\"denied\":[{\"id\":\"x\",\"host\":\"a\",\"tools\":[]}]}",
	             "/denied/0/tools: unknown member; known here: id, host, address, connector, port, path, clients, expires, owner, comment");
	assert_error("{\"version\":1,\"approved\":[{\"id\":\"b\",\"host\":\"b\"},{\"id\":\"a\",\"host\":\"a\"}],"
	             "\"denied\":[{\"id\":\"a\",\"host\":\"a\"},{\"id\":\"b\",\"host\":\"b\"}]}",
	             "/denied/0/id: \"a\" is the id of /approved/1 already");

	memset(name, 'n', sizeof name);
	name[65] = '\0';
	snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"%s\",\"host\":\"a\"}]}", name);
	name[64] = '\0';
	char wanted[300];
	snprintf(wanted, sizeof wanted, "/approved/0/id: must be 1 to 64 letters, digits, '.', '_' or '-', not \"%s\"", name);
	assert_error(text, wanted);
	snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"%s\",\"host\":\"a\"}]}", name);
	policy_free(policy_of(text)); /* 64 are right */

	memset(name, 't', sizeof name);
	name[128] = '\0';
	snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"a\",\"host\":\"a\",\"tools\":[\"%s\"]}]}", name);
	assert_error(text, "/approved/0/tools/0: longer than 127 bytes");
	snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"a\",\"host\":\"a\",\"path\":\"/%0256d\"}]}", 0);
	assert_error(text, "/approved/0/path: longer than 256 bytes");
}

static void test_syntax_and_files(void **state)
{
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT];
	static const char broken[] = "{\n\t\"version\": 1\n\t\"approved\": []\n}";
	(void)state;
	assert_int_equal(policy_parse("policy.json", broken, strlen(broken), &p, error), FAIL_CONFIG);
	assert_string_equal(error, "policy.json:3:11: '}' expected near '\"approved\"'");
	assert_int_equal(policy_load("/nonexistent/policy.json", &p, error), FAIL_IO);
	assert_string_equal(error, "/nonexistent/policy.json: No such file or directory");
	assert_null(p);
	policy_free(NULL);
}

static void test_the_smallest_policy(void **state)
{
	struct policy *p = policy_of("{\"version\": 1}"), *empty = policy_empty();
	(void)state;
	assert_int_equal(policy_entries(p), 0);
	assert_int_equal(p->n_internal, 9);
	assert_int_equal(policy_entries(empty), 0);
	assert_int_equal(empty->n_internal, 9);
	policy_free(p);
	policy_free(empty);
	p = policy_of("{\"version\": 1, \"internal_networks\": []}");
	assert_int_equal(p->n_internal, 0);
	policy_free(p);
}

static void test_memory_failures_go_up(void **state)
{
	(void)state;
#if FAILING_MALLOC
	int outcomes[2] = {0, 0};
	bool loaded = false;
	for (long n = 0; n < 2000 && !loaded; n++) {
		struct policy *p = NULL;
		char error[POLICY_ERROR_TEXT] = "";
		long before = allocations_alive;
		allocations_left = n;
		int failed = policy_load(TEST_SOURCE_DIR "/docs/examples/policy.json", &p, error);
		allocations_left = -1;
		loaded = failed == 0;
		assert_true(loaded == (p != NULL));
		assert_true(loaded || error[0]);
		policy_free(p);
		assert_int_equal(allocations_alive, before);
		if (!loaded)
			outcomes[failed == FAIL_MEMORY]++;
		/* jansson may take its own failure for bad syntax, never a failure of ours */
		assert_true(loaded || failed == FAIL_MEMORY || failed == FAIL_CONFIG);
	}
	assert_true(loaded);
	assert_true(outcomes[1] > 40); /* every string that an entry keeps, at least */
	for (long n = 0; n < 2; n++) {
		allocations_left = n;
		struct policy *p = policy_empty();
		allocations_left = -1;
		assert_null(p);
	}
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_example_loads),
		cmocka_unit_test(test_values_are_normalized),
		cmocka_unit_test(test_root_errors),
		cmocka_unit_test(test_entry_errors),
		cmocka_unit_test(test_errors_of_both_lists),
		cmocka_unit_test(test_syntax_and_files),
		cmocka_unit_test(test_the_smallest_policy),
		cmocka_unit_test(test_memory_failures_go_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
