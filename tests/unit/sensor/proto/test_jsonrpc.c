/* jsonrpc.c: hand-written texts, generated messages against a jansson tree, batches, limits, texts in a row, each at
 * many chunk sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "json_generator.h"
#include "jsonrpc_transcript.h"
#include "script_file.h"

static void test_scripts(void **state)
{
	(void)state;
	int failures = 0, cases = script_run_all("jsonrpc", transcript_of, &failures);
	assert_true(cases >= 45);
	assert_int_equal(failures, 0);
}

static uint8_t type_of(json_t *v)
{
	switch (json_typeof(v)) {
	case JANSSON_OBJECT: return JSON_OBJECT;
	case JANSSON_ARRAY: return JSON_ARRAY;
	case JANSSON_STRING: return JSON_STRING;
	case JSON_INTEGER:
	case JSON_REAL: return JSON_NUMBER;
	case JANSSON_NULL: return JSON_NULL;
	default: return JSON_BOOL;
	}
}

/* What a text of the message should be: NUL replaced, cut after the last whole character that fits. */
static bool cut_text(char *out, size_t cap, const char *text, size_t n)
{
	size_t used = 0;
	for (size_t i = 0; i < n;) {
		uint8_t c = (uint8_t)text[i];
		size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		const char *piece = c ? text + i : "\xef\xbf\xbd";
		size_t piece_n = c ? length : 3;
		if (used + piece_n > cap - 1) {
			out[used] = '\0';
			return true;
		}
		memcpy(out + used, piece, piece_n);
		used += piece_n;
		i += length;
	}
	out[used] = '\0';
	return false;
}

static bool first_text(char *out, size_t cap, json_t *v)
{
	return !out[0] && json_typeof(v) == JANSSON_STRING &&
	       cut_text(out, cap, json_string_value(v), json_string_length(v));
}

static void expect_text(struct jsonrpc_message *m, enum jsonrpc_member member, json_t *v)
{
	switch (member) {
	case JM_JSONRPC:
		if (json_typeof(v) != JANSSON_STRING || strcmp(json_string_value(v), "2.0") != 0 ||
		    json_string_length(v) != 3)
			m->type[JM_JSONRPC] = JSON_BOOL;
		break;
	case JM_ID:
		if (json_typeof(v) == JSON_INTEGER)
			snprintf(m->id, sizeof m->id, "%lld", (long long)json_integer_value(v));
		else if (json_typeof(v) == JSON_REAL)
			snprintf(m->id, sizeof m->id, "%.3e", json_real_value(v));
		else if (json_typeof(v) == JANSSON_STRING) {
			m->id_cut = first_text(m->id + 1, sizeof m->id - 1, v);
			m->id[0] = '"';
		}
		break;
	case JM_METHOD: m->method_cut = first_text(m->method, sizeof m->method, v); break;
	case JM_P_NAME: m->name_cut = first_text(m->name, sizeof m->name, v); break;
	case JM_P_URI: (void)first_text(m->uri, sizeof m->uri, v); break;
	case JM_R_RESULT_TYPE: (void)first_text(m->result_type, sizeof m->result_type, v); break;
	case JM_E_CODE:
		m->error_code = json_typeof(v) == JSON_INTEGER ? json_integer_value(v) : 0;
		break;
	default: break;
	}
}

static bool listed(const char *path, enum jsonrpc_member *ret_member)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (strcmp(members[i].path, path) == 0) {
			*ret_member = members[i].member;
			return true;
		}
	return false;
}

static void note(struct jsonrpc_message *m, enum jsonrpc_member member, json_t *v)
{
	if (m->type[member] != JSON_ABSENT)
		return;
	m->type[member] = type_of(v);
	expect_text(m, member, v);
}

/* Texts that several paths share: the first string in the text. A flag per text, because it may be empty. */
struct shared {
	bool protocol, supported, client_name, client_version, server_name, server_version;
};

static void share(bool *taken, char *out, size_t cap, json_t *v)
{
	if (!*taken && json_typeof(v) == JANSSON_STRING) {
		(void)cut_text(out, cap, json_string_value(v), json_string_length(v));
		*taken = true;
	}
}

static void note_shared(struct jsonrpc_message *m, struct shared *s, const char *path, json_t *v)
{
	if (strcmp(path, "params>protocolVersion") == 0 || strcmp(path, "result>protocolVersion") == 0 ||
	    strcmp(path, "params>_meta>" MCP "protocolVersion") == 0)
		share(&s->protocol, m->protocol_version, sizeof m->protocol_version, v);
	if (strcmp(path, "result>supportedVersions>[]") == 0 || strcmp(path, "error>data>supported>[]") == 0)
		share(&s->supported, m->supported_version, sizeof m->supported_version, v);
	if (strcmp(path, "params>clientInfo>name") == 0 || strcmp(path, "params>_meta>" MCP "clientInfo>name") == 0)
		share(&s->client_name, m->client_name, sizeof m->client_name, v);
	if (strcmp(path, "params>clientInfo>version") == 0 ||
	    strcmp(path, "params>_meta>" MCP "clientInfo>version") == 0)
		share(&s->client_version, m->client_version, sizeof m->client_version, v);
	if (strcmp(path, "result>serverInfo>name") == 0 || strcmp(path, "result>_meta>" MCP "serverInfo>name") == 0)
		share(&s->server_name, m->server_name, sizeof m->server_name, v);
	if (strcmp(path, "result>serverInfo>version") == 0 ||
	    strcmp(path, "result>_meta>" MCP "serverInfo>version") == 0)
		share(&s->server_version, m->server_version, sizeof m->server_version, v);
	m->tools += strcmp(path, "result>tools>[]") == 0;
	m->tools_with_schema += strcmp(path, "result>tools>[]>inputSchema") == 0 && json_typeof(v) == JANSSON_OBJECT;
}

static void expect_tree(struct jsonrpc_message *m, struct shared *s, const char *path, json_t *v)
{
	char child[512];
	const char *key;
	json_t *member;
	enum jsonrpc_member found;
	if (*path) {
		if (listed(path, &found))
			note(m, found, v);
		else if (strncmp(path, "params>", 7) == 0 && !strchr(path + 7, '>') && strcmp(path + 7, "[]") != 0)
			note(m, JM_P_OTHER, v);
		else if (strncmp(path, "result>", 7) == 0 && !strchr(path + 7, '>') && strcmp(path + 7, "[]") != 0)
			note(m, JM_R_OTHER, v);
		if (strncmp(path, "params>_meta>" MCP, 37) == 0 && !strchr(path + 37, '>'))
			note(m, JM_P_META_MCP, v);
		if (strncmp(path, "result>_meta>" MCP, 37) == 0 && !strchr(path + 37, '>'))
			note(m, JM_R_META_MCP, v);
		note_shared(m, s, path, v);
	}
	if (json_typeof(v) == JANSSON_OBJECT) {
		json_object_foreach(v, key, member) {
			snprintf(child, sizeof child, "%s%s%s", path, *path ? ">" : "", key);
			expect_tree(m, s, child, member);
		}
	} else if (json_typeof(v) == JANSSON_ARRAY) {
		for (size_t i = 0; i < json_array_size(v); i++) {
			snprintf(child, sizeof child, "%s>[]", path);
			expect_tree(m, s, child, json_array_get(v, i));
		}
	}
}

static void test_generated_messages(void **state)
{
	(void)state;
	static struct generator g;
	static char got[1 << 16], want[1 << 16];
	for (int round = 0; round < 3000; round++) {
		json_t *root = random_message(&g);
		g.n = 0;
		put_tree(&g, root);
		/* Through jansson's own reader, so that it is sure what the text says. */
		json_error_t error;
		json_t *tree = json_loadb(g.out, g.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
		assert_non_null(tree);
		struct jsonrpc_message m;
		struct shared shared = {false};
		struct anomaly_counts none = {{0}};
		memset(&m, 0, sizeof m);
		expect_tree(&m, &shared, "", tree);
		struct slice in = slice_trim(slice_of(g.out, g.n));
		m.bytes = in.n;
		struct transcript t = {want, sizeof want, 0};
		say_message(&t, &m);
		say_end(&t, &none, PARSE_DONE);
		size_t chunks[] = {g.n, 1, 2, 3, 1 + generator_below(&g, (uint32_t)g.n)};
		for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
			transcript_of(slice_of(g.out, g.n), chunks[i], got, sizeof got);
			if (strcmp(got, want) != 0)
				print_error("round %d\n%.*s\n", round, (int)g.n, g.out);
			assert_string_equal(got, want);
		}
		json_decref(tree);
		json_decref(root);
	}
}

struct counter {
	size_t messages;
	struct jsonrpc_message last;
};

static void count_message(void *context, const struct jsonrpc_message *m)
{
	struct counter *c = context;
	c->messages++;
	c->last = *m;
}

static void test_texts_in_a_row(void **state)
{
	(void)state;
	static const char in[] = "{\"id\":1}\n{\"id\":2}{\"id\":3}\r\n\n12\n[{\"id\":4},{\"id\":5}] 7 {\"id\":6}\n";
	for (size_t chunk = 1; chunk <= sizeof in; chunk++) {
		struct anomaly_counts anomalies = {{0}};
		struct counter c = {.messages = 0};
		size_t texts = 0;
		struct jsonrpc *j = jsonrpc_new(count_message, &c, &anomalies);
		assert_non_null(j);
		for (struct slice rest = slice_str(in); rest.n; rest = slice_after(rest, chunk))
			for (struct slice piece = slice_first(rest, chunk); piece.n;) {
				size_t used;
				enum parse status = jsonrpc_feed_one(j, piece, &used);
				assert_int_not_equal(status, PARSE_BAD);
				piece = slice_after(piece, used);
				if (status == PARSE_DONE) {
					char id[8];
					texts++;
					assert_int_equal(jsonrpc_feed_one(j, SLICE_LITERAL("{"), &used), PARSE_DONE);
					assert_int_equal(used, 0);
					jsonrpc_reset(j);
					snprintf(id, sizeof id, "%zu", c.messages);
					assert_string_equal(c.last.id, id);
				}
			}
		assert_int_equal(texts, 7);
		assert_int_equal(c.messages, 6);
		assert_int_equal(jsonrpc_eof(j), PARSE_BAD); /* nothing but white space since */
		assert_int_equal(anomalies.n[ANOMALY_JSON_BAD], 0);
		jsonrpc_free(j);
	}
}

/* A message forgets the one before it, also after a text that broke in its middle. */
static void test_reset(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {{0}};
	struct counter c = {.messages = 0};
	struct jsonrpc *j = jsonrpc_new(count_message, &c, &anomalies);
	assert_non_null(j);
	assert_int_equal(
	    jsonrpc_feed(j,
			 SLICE_LITERAL("{\"id\":\"xyz\",\"method\":\"m\",\"params\":{\"name\":\"\\ud800\",\"name\":1},"
				       "\"error\":{\"code\":5},\"result\":{\"tools\":[{\"inputSchema\":{}}]}}")),
	    PARSE_DONE);
	assert_true(c.last.utf8_bad && c.last.duplicate_key && c.last.error_code == 5 && c.last.tools == 1);
	jsonrpc_reset(j);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("[{\"params\":{\"name\":\"y\", 7")), PARSE_BAD);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("\"z\":1}}]")), PARSE_BAD);
	assert_int_equal(jsonrpc_eof(j), PARSE_BAD);
	assert_int_equal(anomalies.n[ANOMALY_JSON_BAD], 1);
	jsonrpc_reset(j);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("{}")), PARSE_DONE);
	struct jsonrpc_message empty;
	memset(&empty, 0, sizeof empty);
	assert_memory_equal(c.last.type, empty.type, sizeof empty.type);
	assert_true(!c.last.in_batch && !c.last.utf8_bad && !c.last.duplicate_key && c.last.bytes == 2);
	assert_true(!c.last.id[0] && !c.last.method[0] && !c.last.name[0] && !c.last.error_code && !c.last.tools);
	assert_int_equal(c.last.tools_with_schema, 0);
	assert_int_equal(c.messages, 2);
	jsonrpc_free(j);
	jsonrpc_free(NULL);
}

static void test_batch_limit(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {{0}};
	struct counter c = {.messages = 0};
	struct jsonrpc *j = jsonrpc_new(count_message, &c, &anomalies);
	assert_non_null(j);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("[{\"id\":0}")), PARSE_MORE);
	for (int i = 1; i < LIMIT_JSON_BATCH; i++)
		assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL(",{\"id\":1},5")), PARSE_MORE);
	assert_int_equal(anomalies.n[ANOMALY_JSON_BATCH_LIMIT], 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL(",{\"id\":2}")), PARSE_MORE);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("]")), PARSE_DONE);
	assert_int_equal(c.messages, LIMIT_JSON_BATCH);
	assert_string_equal(c.last.id, "1");
	assert_int_equal(anomalies.n[ANOMALY_JSON_BATCH_LIMIT], 1);
	jsonrpc_free(j);
}

/* A million brackets and a hundred megabytes of string: neither costs memory, the first is refused. */
static void test_large(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {{0}};
	struct counter c = {.messages = 0};
	size_t n = 1 << 20;
	char *block = malloc(n);
	struct jsonrpc *j = jsonrpc_new(count_message, &c, &anomalies);
	assert_non_null(block);
	assert_non_null(j);
	memset(block, '[', n);
	assert_int_equal(jsonrpc_feed(j, slice_of(block, n)), PARSE_BAD);
	assert_int_equal(anomalies.n[ANOMALY_JSON_DEPTH], 1);
	assert_int_equal(anomalies.n[ANOMALY_JSON_BAD], 0);

	jsonrpc_reset(j);
	memset(block, 'x', n);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("{\"params\":{\"name\":\"")), PARSE_MORE);
	for (int i = 0; i < 100; i++)
		assert_int_equal(jsonrpc_feed(j, slice_of(block, n)), PARSE_MORE);
	assert_int_equal(jsonrpc_feed(j, SLICE_LITERAL("\"},\"id\":1}")), PARSE_DONE);
	assert_int_equal(c.messages, 1);
	assert_int_equal(c.last.bytes, 100 * n + strlen("{\"params\":{\"name\":\"\"},\"id\":1}"));
	assert_true(c.last.name_cut);
	assert_int_equal(strlen(c.last.name), LIMIT_NAME - 1);
	assert_string_equal(c.last.id, "1");
	jsonrpc_free(j);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_generated_messages),
		cmocka_unit_test(test_texts_in_a_row),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_batch_limit),
		cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
