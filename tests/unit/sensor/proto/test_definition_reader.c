/* definition_reader.c and definition_hash.c: the same content has the same hash however it is written, other content another
 * one; held against a second implementation over a jansson tree; caps; every split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "json_generator.h"
#include "definition_pages.h"

/* ---- the canonical form once more, over a tree ---- */

struct pair {
	uint64_t key;
	uint8_t digest[SHA256_BYTES];
};

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	return x->key < y->key ? -1 : x->key > y->key;
}

static uint64_t fnv(const char *s)
{
	uint64_t h = 14695981039346656037u;
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 1099511628211u;
	return h;
}

static void say_value(struct sha256 *sha, json_t *v);

static void object_hash(json_t *object, uint8_t out[SHA256_BYTES])
{
	struct pair pairs[256];
	size_t n = 0;
	const char *key;
	json_t *member;
	struct sha256 sha;
	json_object_foreach(object, key, member) {
		struct sha256 s;
		sha256_init(&s);
		sha256_update(&s, slice_of(key, strlen(key) + 1));
		say_value(&s, member);
		pairs[n].key = fnv(key);
		sha256_final(&s, pairs[n++].digest);
	}
	qsort(pairs, n, sizeof *pairs, by_key);
	sha256_init(&sha);
	for (size_t i = 0; i < n; i++)
		sha256_update(&sha, slice_of(pairs[i].digest, SHA256_BYTES));
	sha256_final(&sha, out);
}

static void say_value(struct sha256 *sha, json_t *v)
{
	char number[32];
	uint8_t digest[SHA256_BYTES];
	switch (json_typeof(v)) {
	case JANSSON_NULL: sha256_update(sha, SLICE_LITERAL("n")); break;
	case JSON_TRUE: sha256_update(sha, SLICE_LITERAL("t")); break;
	case JSON_FALSE: sha256_update(sha, SLICE_LITERAL("f")); break;
	case JANSSON_STRING:
		sha256_update(sha, SLICE_LITERAL("s"));
		for (size_t i = 0; i < json_string_length(v); i++)
			sha256_update(sha, json_string_value(v)[i] ? slice_of(json_string_value(v) + i, 1) : SLICE_LITERAL("\xc0\x80"));
		sha256_update(sha, slice_of("", 1));
		break;
	case JANSSON_ARRAY:
		sha256_update(sha, SLICE_LITERAL("["));
		for (size_t i = 0; i < json_array_size(v); i++)
			say_value(sha, json_array_get(v, i));
		sha256_update(sha, SLICE_LITERAL("]"));
		break;
	case JANSSON_OBJECT:
		object_hash(v, digest);
		sha256_update(sha, SLICE_LITERAL("o"));
		sha256_update(sha, slice_of(digest, sizeof digest));
		break;
	default:
		snprintf(number, sizeof number, "#%lld", (long long)json_integer_value(v));
		sha256_update(sha, slice_of(number, strlen(number) + 1));
	}
}

/* ---- texts ---- */

static struct definition_lines lines_of_tools(const char *tools, size_t chunk)
{
	char text[8192];
	int n = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":%s}}", tools);
	return definition_lines_of(slice_of(text, (size_t)n), chunk, true);
}

static void hash_of(const char *tool, uint8_t out[SHA256_BYTES])
{
	char tools[4096];
	snprintf(tools, sizeof tools, "[%s]", tool);
	struct definition_lines l = lines_of_tools(tools, 0);
	assert_int_equal(l.definitions, 1);
	assert_int_equal(l.flags & DEFINITION_UNHASHED, 0);
	memcpy(out, l.hash, SHA256_BYTES);
	free(l.text);
}

static json_t *any_value(struct generator *g, int depth)
{
	static const char *const texts[] = {"", "a", "search customers", "quote \" and \\ slash /", "line\nand\ttab", "h\xc3\xa9llo",
	                                    "\xf0\x9f\x98\x80", "\x01", "object", "string"};
	char key[8];
	json_t *v;
	switch (generator_below(g, depth > 4 ? 5 : 8)) {
	case 0: return json_null();
	case 1: return json_true();
	case 2: return json_false();
	case 3: return json_integer((int)generator_below(g, 2000) - 1000);
	case 4: return json_string(texts[generator_below(g, sizeof texts / sizeof *texts)]);
	case 5:
		v = json_array();
		for (uint32_t n = generator_below(g, 4); n; n--)
			json_array_append_new(v, any_value(g, depth + 1));
		return v;
	default:
		v = json_object();
		for (uint32_t n = generator_below(g, 5); n; n--) {
			snprintf(key, sizeof key, "k%u", generator_below(g, 50));
			json_object_set_new(v, key, any_value(g, depth + 1));
		}
		return v;
	}
}

static void test_against_tree(void **state)
{
	(void)state;
	static struct generator g;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		json_t *tool = json_pack("{s:s, s:s}", "name", "t", "description", "d");
		uint8_t want[SHA256_BYTES];
		json_t *message = json_pack("{s:s, s:i, s:{s:[o]}}", "jsonrpc", "2.0", "id", 1, "result", "tools", tool);
		g.seed = seed;
		for (uint32_t n = generator_below(&g, 6); n; n--) {
			static const char *const keys[] = {"inputSchema", "annotations", "outputSchema", "_meta", "title"};
			json_object_set_new(tool, keys[generator_below(&g, 5)], any_value(&g, 0));
		}
		object_hash(tool, want);
		for (int writing = 0; writing < 4; writing++) {
			g.n = 0;
			put_tree(&g, message); /* another order, other spaces and escapes each time */
			size_t chunk = writing == 0 ? 0 : writing == 1 ? 1 : 2 + generator_below(&g, 30);
			struct definition_lines l = definition_lines_of(slice_of(g.out, g.n), chunk, true);
			assert_int_equal(l.definitions, 1);
			assert_memory_equal(l.hash, want, SHA256_BYTES);
			free(l.text);
		}
		json_decref(message);
	}
}

static void test_content_counts(void **state)
{
	(void)state;
	static const char *const different[] = {
		"{\"name\":\"a\",\"x\":1}", "{\"name\":\"a\",\"x\":1.0}", "{\"name\":\"a\",\"x\":\"1\"}", "{\"name\":\"a\",\"x\":[1]}",
		"{\"name\":\"a\",\"x\":[[1]]}", "{\"name\":\"a\",\"x\":{\"y\":1}}", "{\"name\":\"a\",\"x\":[1,{}]}",
		"{\"name\":\"a\",\"x\":null}", "{\"name\":\"a\",\"x\":true}", "{\"name\":\"a\",\"x\":false}", "{\"name\":\"a\"}",
		"{\"name\":\"a\",\"x\":[]}", "{\"name\":\"a\",\"x\":{}}", "{\"name\":\"a\",\"x\":\"\"}", "{\"name\":\"a\",\"x\":\"\\u0000\"}",
		"{\"name\":\"a\",\"x\":\"\\ufffd\"}", "{\"name\":\"a\",\"x\":\"\\ud800\"}", "{\"name\":\"a\",\"x\":\"\xff\"}",
		"{\"name\":\"a\",\"x\":\"\xfe\"}", "{\"name\":\"a\",\"x\":[\"a\",\"b\"]}", "{\"name\":\"a\",\"x\":[\"ab\"]}",
		"{\"name\":\"a\",\"x\":[\"b\",\"a\"]}", "{\"name\":\"a\",\"x\":1,\"x\":2}", "{\"name\":\"a\",\"x\":2,\"x\":1}",
		"{\"name\":\"a\",\"\":1}", "{\"name\":\"a\",\"x1\":1}", "{\"name\":\"a\",\"x\":11}", "{\"name\":\"a \",\"x\":1}"};
	uint8_t hashes[sizeof different / sizeof *different][SHA256_BYTES];
	for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
		hash_of(different[i], hashes[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(hashes[i], hashes[k], SHA256_BYTES);
	}
}

static void test_same(void **state)
{
	(void)state;
	static const char *const same[][2] = {
		{"{\"name\":\"a\",\"description\":\"d\"}", " { \"description\" :\t\"\\u0064\" , \"name\" : \"\\u0061\" } "},
		{"{\"name\":\"a\",\"x\":{\"p\":[1,2,{\"q\":null}],\"r\":\"/\"}}", "{\"x\":{\"r\":\"\\/\",\"p\":[1, 2,{\"q\":null}]},\"name\":\"a\"}"},
		{"{\"name\":\"a\",\"x\":\"\xf0\x9f\x98\x80\"}", "{\"name\":\"a\",\"x\":\"\\ud83d\\ude00\"}"}};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
		hash_of(same[i][0], a);
		hash_of(same[i][1], b);
		assert_memory_equal(a, b, SHA256_BYTES);
	}
}

static unsigned parts_that_differ(const char *a, const char *b)
{
	struct definition_lines x = lines_of_tools(a, 0), y = lines_of_tools(b, 0);
	unsigned set = 0;
	for (int p = 0; p < PART_COUNT; p++)
		set |= memcmp(x.parts[p], y.parts[p], DEFINITION_PART_BYTES) ? 1u << p : 0;
	free(x.text);
	free(y.text);
	return set;
}

static void test_parts(void **state)
{
	(void)state;
	static const char base[] = "[{\"name\":\"a\",\"title\":\"T\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"},"
				   "\"outputSchema\":{},\"annotations\":{\"readOnlyHint\":true},\"icons\":[]}]";
	static const struct { const char *from, *to; unsigned parts; } changes[] = {
		{"\"d\"", "\"e\"", 1u << PART_DESCRIPTION}, {"\"T\"", "\"U\"", 1u << PART_DESCRIPTION},
		{"\"object\"", "\"array\"", 1u << PART_INPUT_SCHEMA}, {"\"outputSchema\":{}", "\"outputSchema\":[]", 1u << PART_OUTPUT_SCHEMA},
		{"true", "null", 1u << PART_ANNOTATIONS}, {"icons", "iconz", 1u << PART_OTHER},
		{"\"annotations\":{\"readOnlyHint\":true},", "", 1u << PART_ANNOTATIONS}, {"\"name\":\"a\"", "\"name\":\"b\"", 0}};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char changed[sizeof base + 64];
		const char *at = strstr(base, changes[i].from);
		assert_non_null(at);
		snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - base), base, changes[i].to, at + strlen(changes[i].from));
		assert_int_equal(parts_that_differ(base, changed), changes[i].parts);
	}
}

static void test_every_split(void **state)
{
	(void)state;
	static const char text[] =
		"{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"nextCursor\":\"p2\\u0041\",\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"x\":[true,false,"
		"null,-1.5e3]}},7,{\"noname\":1},{\"description\":\"h\xc3\xa9\\ud83d\\ude00 <IMPORTANT> x\",\"name\":\"b\",\"\":\"\"},{\"name\":\"a\"}],"
		"\"prompts\":[{\"name\":\"not these\"}]}}";
	struct definition_lines whole = definition_lines_of(slice_str(text), 0, true);
	assert_int_equal(whole.definitions, 3);
	assert_non_null(strstr(whole.text, "page tools 3 of 5 cut\n"));
	assert_non_null(strstr(whole.text, "text={\"name\":\"a\",\"inputSchema\":{\"x\":[true,false,null,-1.5e3]}}\n"));
	assert_non_null(strstr(whole.text, "text={\"description\":\"h\xc3\xa9\xf0\x9f\x98\x80 <IMPORTANT> x\",\"name\":\"b\",\"\":\"\"}\n"));
	assert_non_null(strstr(whole.text, "flags=2 hints=0")); /* the second "a" */
	assert_non_null(strstr(whole.text, "hints=8"));
	assert_int_not_equal(whole.next_cursor, 0);
	for (size_t chunk = 1; chunk < sizeof text; chunk++) {
		struct definition_lines l = definition_lines_of(slice_str(text), chunk, true);
		assert_string_equal(l.text, whole.text);
		free(l.text);
	}
	free(whole.text);
}

static void test_names(void **state)
{
	(void)state;
	static const struct { const char *text, *line; } cases[] = {
		{"{\"result\":{\"resources\":[{\"uri\":\"https://h/a?token=s3cret#x\",\"name\":\"n\"}]}}", "\nhttps://h/a~"},
		{"{\"result\":{\"resources\":[{\"uri\":\"postgres://u:s3cret@h/db\",\"name\":\"n\"}]}}", "\npostgres://h/db~"},
		{"{\"result\":{\"resourceTemplates\":[{\"uriTemplate\":\"https://h/{id}{?a,b}\",\"name\":\"n\"}]}}", "\nhttps://h/{id}{?a,b} "},
		{"{\"result\":{\"prompts\":[{\"name\":\"p\",\"arguments\":[{\"name\":\"x\"}]}]}}", "\np "},
		{"{\"result\":{\"tools\":[]}}", "page tools 0 of 0\n"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct definition_lines l = definition_lines_of(slice_str(cases[i].text), 1, false);
		assert_non_null(strstr(l.text, cases[i].line));
		assert_null(strstr(l.text, "s3cret"));
		free(l.text);
	}
	/* names that differ behind the cut stay two */
	char long_names[4096] = "[{\"name\":\"";
	for (int k = 0; k < 2; k++) {
		size_t n = strlen(long_names);
		memset(long_names + n, 'x', 600);
		snprintf(long_names + n + 600, 64, "%c\"}%s", '0' + k, k ? "]" : ",{\"name\":\"");
	}
	struct definition_lines l = lines_of_tools(long_names, 0);
	assert_int_equal(l.definitions, 2);
	assert_null(strstr(l.text, "flags=2"));
	free(l.text);
}

/* Page of n definitions, each with `inside` as a member's value. */
static struct definition_lines many(size_t n, const char *inside, bool texts)
{
	size_t cap = 128 + n * (strlen(inside) + 64);
	char *text = malloc(cap);
	assert_non_null(text);
	size_t at = (size_t)snprintf(text, cap, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[");
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, cap - at, "%s{\"name\":\"t%zu\",\"x\":%s}", i ? "," : "", i, inside);
	at += (size_t)snprintf(text + at, cap - at, "]}}");
	struct definition_lines l = definition_lines_of(slice_of(text, at), 4096, texts);
	free(text);
	return l;
}

static void test_caps(void **state)
{
	(void)state;
	struct definition_lines l = many(LIMIT_OFFER_DEFINITIONS + 500, "1", false);
	assert_int_equal(l.definitions, LIMIT_OFFER_DEFINITIONS);
	assert_non_null(strstr(l.text, "page tools 2000 of 2500 cut\n"));
	free(l.text);

	char deep[2 * LIMIT_DEFINITION_DEPTH + 8];
	for (int depth = LIMIT_DEFINITION_DEPTH - 1; depth <= LIMIT_DEFINITION_DEPTH + 2; depth++) {
		memset(deep, '[', (size_t)depth);
		memset(deep + depth, ']', (size_t)depth);
		deep[2 * depth] = '\0';
		l = many(2, deep, true);
		assert_int_equal(l.definitions, 2);
		assert_int_equal(l.flags & DEFINITION_UNHASHED, depth > LIMIT_DEFINITION_DEPTH ? DEFINITION_UNHASHED : 0);
		free(l.text);
	}

	char *wide = malloc(64 * (LIMIT_DEFINITION_MEMBERS + 100));
	assert_non_null(wide);
	size_t n = (size_t)sprintf(wide, "{");
	for (int i = 0; i < LIMIT_DEFINITION_MEMBERS + 10; i++)
		n += (size_t)sprintf(wide + n, "%s\"%d\":1", i ? "," : "", i);
	sprintf(wide + n, "}");
	l = many(3, wide, true);
	assert_int_equal(l.flags, DEFINITION_UNHASHED | DEFINITION_TEXT_CUT);
	free(l.text);
	free(wide);

	char *large = malloc(LIMIT_OFFER_PAGE_READ + 16);
	assert_non_null(large);
	memset(large, 'x', LIMIT_OFFER_PAGE_READ + 8);
	large[0] = large[LIMIT_OFFER_PAGE_READ + 7] = '"';
	large[LIMIT_OFFER_PAGE_READ + 8] = '\0';
	l = many(2, large, true); /* the first takes all that a page may cost */
	assert_int_equal(l.definitions, 1);
	assert_int_equal(l.flags, DEFINITION_TEXT_CUT);
	assert_non_null(strstr(l.text, "page tools 1 of 2 cut\n"));
	assert_true(l.n < 2 * LIMIT_DEFINITION_TEXT);
	free(l.text);
	free(large);
}

static void test_broken_text(void **state)
{
	(void)state;
	static struct anomaly_counts anomalies;
	struct definition_lines l = {0};
	struct jsonrpc *j = jsonrpc_new(on_page, &l, &anomalies);
	assert_non_null(j);
	jsonrpc_want_definitions(j, true);
	static const char *const texts[] = {"{\"result\":{\"tools\":[{\"name\":\"a\",\"x\":[{\"y\":\"z", "{\"result\":{\"tools\":[{\"na\001",
	                                    "[{\"result\":{\"tools\":[{\"name\":\"b\"}]}},{\"result\":{\"tools\":[{\"name\":\"c\"}]}}]"};
	for (size_t i = 0; i < 3; i++) {
		(void)jsonrpc_feed(j, slice_str(texts[i]));
		jsonrpc_reset(j);
	}
	assert_non_null(strstr(l.text, "\nb "));
	assert_non_null(strstr(l.text, "\nc "));
	assert_null(strstr(l.text, "\na "));
	size_t rest = jsonrpc_memory(j);
	(void)jsonrpc_feed(j, slice_str("{\"result\":{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}"));
	assert_true(jsonrpc_memory(j) > rest);
	jsonrpc_reset(j);
	assert_int_equal(jsonrpc_memory(j), rest);
	jsonrpc_free(j);
	free(l.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_tree), cmocka_unit_test(test_content_counts), cmocka_unit_test(test_same),
		cmocka_unit_test(test_parts), cmocka_unit_test(test_every_split), cmocka_unit_test(test_names),
		cmocka_unit_test(test_caps), cmocka_unit_test(test_broken_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
