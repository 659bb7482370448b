#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "policy_build.h"

static void collect(void *context, const char *sentence)
{
	char *all = context;
	snprintf(all + strlen(all), 2000 - strlen(all), "%s\n", sentence);
}

/* Two lists of entries -> all warnings, one a line. */
static const struct {
	const char *approved, *denied, *warnings;
} cases[] = {
	{"{\"id\":\"a\",\"host\":\"a.com\"},{\"id\":\"b\",\"host\":\"b.com\"}", "{\"id\":\"c\",\"host\":\"c.com\"}", ""},
	/* expired */
	{"{\"id\":\"a\",\"host\":\"a.com\",\"expires\":\"2026-11-21\"}", "{\"id\":\"c\",\"host\":\"c.com\",\"expires\":\"2020-01-01\"}",
	 "\"a\" expired at 2026-11-22T00:00:00Z and no longer approves anything\n"
	 "\"c\" expired at 2020-01-02T00:00:00Z and no longer denies anything\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"expires\":\"2026-11-22\"}", "", ""},
	/* shadowed by an equal one that stands earlier */
	{"{\"id\":\"a\",\"host\":\"a.com\"},{\"id\":\"b\",\"host\":\"A.com.\"}", "",
	 "\"b\" never decides: \"a\" goes first and covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\"},{\"id\":\"b\",\"host\":\"a.com\",\"address\":\"10.0.0.1\"}", "",
	 "\"b\" never decides: \"a\" goes first and covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"address\":\"10.0.0.1\"},{\"id\":\"b\",\"host\":\"a.com\"}", "", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"clients\":[\"10.0.0.0/8\"]},"
	 "{\"id\":\"b\",\"host\":\"a.com\",\"clients\":[\"10.1.0.0/16\",\"10.2.0.0/16\"]}", "",
	 "\"b\" never decides: \"a\" goes first and covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"clients\":[\"10.0.0.0/8\"]},{\"id\":\"b\",\"host\":\"a.com\"}", "", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"clients\":[\"10.1.0.0/16\"]},"
	 "{\"id\":\"b\",\"host\":\"a.com\",\"clients\":[\"10.0.0.0/8\"]}", "", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"expires\":\"2030-01-01\"},{\"id\":\"b\",\"host\":\"a.com\"}", "", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\"},{\"id\":\"b\",\"host\":\"a.com\",\"path\":\"/mcp\"}", "", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\"},{\"id\":\"b\",\"host\":\"a.com\",\"port\":443}", "", ""},
	{"{\"id\":\"a\",\"host\":\"*.com.x\"},{\"id\":\"b\",\"host\":\"a.com.x\"}", "", ""},
	{"{\"id\":\"a\",\"address\":\"10.0.0.0/8\"},{\"id\":\"b\",\"address\":\"::ffff:10.0.0.0/104\"}", "",
	 "\"b\" never decides: \"a\" goes first and covers all of it\n"},
	/* covered by a denial */
	{"{\"id\":\"a\",\"host\":\"a.com\",\"path\":\"/mcp\",\"port\":443}", "{\"id\":\"n\",\"host\":\"a.com\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"x.y.a.com\"}", "{\"id\":\"n\",\"host\":\"*.a.com\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"*.y.a.com\"}", "{\"id\":\"n\",\"host\":\"*.a.com\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"*.a.com\"}", "{\"id\":\"n\",\"host\":\"*.a.com\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"*.a.com\"}", "{\"id\":\"n\",\"host\":\"a.com\"},{\"id\":\"m\",\"host\":\"*.b.a.com\"}", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\"}", "{\"id\":\"n\",\"host\":\"*.a.com\"}", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\"}", "{\"id\":\"n\",\"host\":\"a.com\",\"port\":443}", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"port\":443}", "{\"id\":\"n\",\"host\":\"a.com\",\"port\":443}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	/* where the path cannot be seen, the approval stands */
	{"{\"id\":\"a\",\"host\":\"a.com\",\"path\":\"/mcp\"}", "{\"id\":\"n\",\"host\":\"a.com\",\"path\":\"/mcp\"}", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\"}", "{\"id\":\"n\",\"host\":\"a.com\",\"expires\":\"2030-01-01\"}", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\"}", "{\"id\":\"n\",\"host\":\"a.com\",\"clients\":[\"10.0.0.0/8\"]}", ""},
	{"{\"id\":\"a\",\"address\":\"10.1.0.0/16\"}", "{\"id\":\"n\",\"address\":\"10.0.0.0/8\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	{"{\"id\":\"a\",\"address\":\"10.0.0.0/8\"}", "{\"id\":\"n\",\"address\":\"10.1.0.0/16\"}", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"address\":\"10.1.0.1\"}", "{\"id\":\"n\",\"address\":\"10.0.0.0/8\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\"}", "{\"id\":\"n\",\"address\":\"0.0.0.0/0\"}", ""},
	{"{\"id\":\"a\",\"address\":\"10.1.0.1\"}", "{\"id\":\"n\",\"host\":\"a.com\",\"address\":\"10.0.0.0/8\"}", ""},
	/* too broad */
	{"{\"id\":\"a\",\"host\":\"*.com\"}", "{\"id\":\"n\",\"host\":\"*.net\"}", "\"a\" approves everything under the top-level name \"com\"\n"},
	{"{\"id\":\"a\",\"connector\":\"**\"}", "", "\"a\" approves every connector of every vendor\n"},
	{"{\"id\":\"a\",\"connector\":\"c_*\"},{\"id\":\"b\",\"connector\":\"c_g*\"}", "", ""},
	{"{\"id\":\"a\",\"connector\":\"c_g\"}", "{\"id\":\"n\",\"connector\":\"c_*\"}",
	 "\"a\" approves nothing: the denial \"n\" covers all of it\n"},
	/* lists of names */
	{"{\"id\":\"a\",\"host\":\"a.com\",\"tools\":{\"allow\":[\"read_*\",\"list\"],\"deny\":[\"read_secret\"]}}", "", ""},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"tools\":{\"allow\":[\"read_a\"],\"deny\":[\"read_*\"]}}", "",
	 "\"a\": tools, allow: \"read_a\" has no effect: all of it is covered by \"read_*\" of its denials\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"prompts\":[\"p\",\"p*\",\"p\"]}", "",
	 "\"a\": prompts, allow: \"p\" says nothing more than \"p*\"\n\"a\": prompts, allow: \"p\" says nothing more than \"p\"\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"resources\":[\"file:///a#x\"]}", "",
	 "\"a\": resources, allow: \"file:///a#x\" never matches: what is compared has neither query nor fragment\n"},
	{"{\"id\":\"a\",\"host\":\"a.com\",\"tools\":{\"allow\":[],\"deny\":[\"x\"]}}", "",
	 "\"a\": tools, deny: \"x\" has no effect: the list of what is allowed is empty, so nothing is\n"},
	{"{\"id\":\"a\",\"address\":\"::/0\"}", "{\"id\":\"n\",\"address\":\"0.0.0.0/0\"}", "\"a\" approves every IPv6 address\n"},
};

static void test_warnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[1024], got[2000] = "";
		snprintf(text, sizeof text, "{\"version\":1,\"approved\":[%s],\"denied\":[%s]}", cases[i].approved, cases[i].denied);
		struct policy *p = policy_of(text);
		policy_check(p, time_of(TEST_TIME), collect, got);
		if (strcmp(got, cases[i].warnings) != 0)
			fail_msg("%s against %s:\n%s", cases[i].approved, cases[i].denied, got);
		policy_free(p);
	}
}

static void test_the_example_is_clean(void **state)
{
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT], got[2000] = "";
	(void)state;
	assert_int_equal(policy_load(TEST_SOURCE_DIR "/docs/examples/policy.json", &p, error), 0);
	policy_check(p, time_of(TEST_TIME), collect, got);
	assert_string_equal(got, "");
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_the_example_is_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
