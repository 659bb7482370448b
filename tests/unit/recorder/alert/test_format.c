/* What must hold of all formats: names, one clean line of any bytes, whole or nothing when memory runs out, nothing but
 * the fields of the contract. */
#include "alert_line.h"
#include "alert_sample.h"
#include "limits.h"
#include "text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void names_go_both_ways(void **state)
{
	(void)state;
	enum alert_format f = ALERT_FORMATS;
	for (int i = 0; i < ALERT_FORMATS; i++) {
		assert_true(alert_format_parse(alert_format_name((enum alert_format)i), &f));
		assert_int_equal(f, i);
	}
	assert_null(alert_format_name(ALERT_FORMATS));
	assert_false(alert_format_parse("xml", &f));
	assert_false(alert_format_parse("", &f));
	assert_int_equal(f, ALERT_FORMATS - 1);
	assert_string_equal(alert_why_name(ALERT_NEW), "new");
	assert_string_equal(alert_why_name(ALERT_RISEN), "risen");
	assert_string_equal(alert_why_name(ALERT_AGAIN), "again");
}

/* One line of valid UTF-8 without control characters, and JSON where it says so. */
static void assert_clean(enum alert_format f, const json_t *event)
{
	size_t n = 0;
	char *line = sample_format(f, event, &n);
	assert_non_null(line);
	assert_int_equal(strlen(line), n);
	for (struct slice s = slice_str(line); s.n;) {
		size_t len = utf8_char_len(s);
		assert_true(len > 0);
		assert_true(s.p[0] >= 0x20 && s.p[0] != 0x7f);
		assert_false(s.p[0] == 0xc2 && s.p[1] < 0xa0);
		s = slice_after(s, len);
	}
	if (f != ALERT_TEXT && f != ALERT_CEF) {
		json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json);
		json_decref(json);
	}
	free(line);
}

/* Puts bytes that no event can hold into each text of it. */
static void spoil(json_t *value, const char *bytes, size_t n)
{
	const char *name;
	json_t *item;
	size_t i;
	void *next;
	json_object_foreach_safe(value, next, name, item) {
		if (json_is_string(item))
			json_object_set_new_nocheck(value, name, json_stringn_nocheck(bytes, n));
		else
			spoil(item, bytes, n);
	}
	json_array_foreach(value, i, item) {
		if (json_is_string(item))
			json_array_set_new(value, i, json_stringn_nocheck(bytes, n));
		else
			spoil(item, bytes, n);
	}
}

static void bytes_that_no_event_holds(void **state)
{
	(void)state;
	static const struct slice bytes[] = {
	    {(const uint8_t *)"\0nul", 4},        {(const uint8_t *)"a\0b", 3},
	    {(const uint8_t *)"\xff\xfe", 2},     {(const uint8_t *)"\xed\xa0\x80", 3},
	    {(const uint8_t *)"cut \xe2\x82", 6}, {(const uint8_t *)"\xc0\xaf", 2},
	    {(const uint8_t *)"\x7f", 1},         {(const uint8_t *)"", 0},
	};
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		json_t *event = sample_plain();
		spoil(event, (const char *)bytes[i].p, bytes[i].n);
		json_t *tools = json_object();
		char name[16] = "";
		memcpy(name, bytes[i].p, bytes[i].n);
		json_object_set_new_nocheck(tools, name, json_integer(1));
		json_object_set_new(event, "tools_called", tools);
		for (int f = 0; f < ALERT_FORMATS; f++)
			assert_clean((enum alert_format)f, event);
		json_decref(event);
	}
}

static void any_single_character(void **state)
{
	(void)state;
	for (int c = 1; c < 0x80; c++) {
		char text[] = {'a', (char)c, 'b', (char)c, 0};
		json_t *event = sample_of_text(text);
		for (int f = 0; f < ALERT_FORMATS; f++)
			assert_clean((enum alert_format)f, event);
		json_decref(event);
	}
}

/* What a database of a former version, or somebody else, left there. */
static void members_of_wrong_types(void **state)
{
	(void)state;
	json_t *values[] = {json_object(),
			    json_array(),
			    json_null(),
			    json_integer(-1),
			    json_true(),
			    json_pack("[[[]]]"),
			    json_pack("{s:{s:[{}]}}", "a", "b"),
			    json_string("")};
	for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
		for (int i = 0; event_fields[i]; i++) {
			json_t *event = sample_plain();
			json_object_set(event, event_fields[i], values[v]);
			for (int f = 0; f < ALERT_FORMATS; f++)
				assert_clean((enum alert_format)f, event);
			json_decref(event);
		}
		json_decref(values[v]);
	}
	json_t *nothing = json_object();
	for (int f = 0; f < ALERT_FORMATS; f++)
		assert_clean((enum alert_format)f, nothing);
	json_decref(nothing);
}

static void nothing_but_the_contract_goes_out(void **state)
{
	(void)state;
	json_t *event = sample_plain();
	json_object_set_new(event, "authorization", json_string("S3CRET"));
	json_object_set_new(event, "arguments", json_pack("{s:s}", "token", "S3CRET"));
	for (int f = 0; f < ALERT_FORMATS; f++) {
		size_t n;
		char *line = sample_format((enum alert_format)f, event, &n);
		assert_null(strstr(line, "S3CRET"));
		free(line);
	}
	json_decref(event);
}

static long left = -1; /* allocations that succeed; -1: all */

static bool fails(void)
{
	if (left == 0)
		return true;
	left -= left > 0;
	return false;
}

static void *failing(size_t n)
{
	return fails() ? NULL : malloc(n);
}

/* The linker puts it in place of realloc, with which lines grow; jansson has no use for that. */
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static void all_of_it_or_nothing(void **state)
{
	(void)state;
	json_t *event = sample_plain();
	for (int f = 0; f < ALERT_FORMATS; f++) {
		size_t n;
		char *want = sample_format((enum alert_format)f, event, &n), *got = NULL;
		assert_non_null(want);
		json_set_alloc_funcs(failing, free);
		for (long until = 0; !got; until++) {
			assert_true(until < 10000);
			left = until;
			got = sample_format((enum alert_format)f, event, &n);
			assert_true(got || left == 0);
			assert_true(got == NULL || until > 0);
		}
		left = -1;
		json_set_alloc_funcs(malloc, free);
		assert_string_equal(got, want);
		free(got);
		free(want);
	}
	json_decref(event);
}

static void lists_say_how_many_more(void **state)
{
	(void)state;
	json_t *tools = json_object();
	for (int i = 0; i < LIMIT_ALERT_LISTED + 5; i++)
		json_object_set_new(tools, (char[]){(char)('a' + i), 0}, json_integer(i));
	struct line l = {0};
	size_t n;
	assert_true(line_list(&l, tools, NULL));
	char *text = line_take(&l, &n);
	assert_string_equal(text, "a x0, b, c x2, d x3, e x4, f x5, g x6, h x7 and 5 more");
	free(text);
	json_decref(tools);
	assert_false(line_list(&l, NULL, NULL));
	assert_int_equal(l.n, 0);
	line_done(&l);
}

static void cef_escapes_header_and_values_differently(void **state)
{
	(void)state;
	static const struct {
		int how;
		const char *in, *want;
	} cases[] = {
	    {LINE_SPELL | LINE_CEF_HEADER, "a|b=c\\d\ne", "a\\|b=c\\\\\\\\d\\\\x0ae"},
	    {LINE_SPELL | LINE_CEF_VALUE, "a|b=c\\d\ne\rf", "a|b\\=c\\\\\\\\d\\ne\\rf"},
	    {LINE_CEF_VALUE, "x=\\x0a", "x\\=\\\\x0a"},
	    {LINE_SPELL | LINE_QUOTE, "a\"b\\", "a\\\"b\\\\"},
	    {LINE_SPELL, "\xe2\x80\xae\xff\x1b", "\\u{202e}\\xff\\x1b"},
	    {0, "a|b=c\\\"", "a|b=c\\\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct line l = {0};
		size_t n;
		line_text(&l, cases[i].in, cases[i].how);
		char *text = line_take(&l, &n);
		assert_string_equal(text, cases[i].want);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_go_both_ways),
	    cmocka_unit_test(bytes_that_no_event_holds),
	    cmocka_unit_test(any_single_character),
	    cmocka_unit_test(members_of_wrong_types),
	    cmocka_unit_test(nothing_but_the_contract_goes_out),
	    cmocka_unit_test(all_of_it_or_nothing),
	    cmocka_unit_test(lists_say_how_many_more),
	    cmocka_unit_test(cef_escapes_header_and_values_differently),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
