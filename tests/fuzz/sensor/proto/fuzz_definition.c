/* Any bytes as an answer to tools/list: the same definitions, hashes, hints and texts in any split; texts are valid UTF-8 and,
 * where they are whole, JSON. The first byte seeds the split, the rest is the text. */
#include "../../../unit/sensor/proto/jansson_apart.h"
#include "../../../unit/sensor/proto/definition_pages.h"
#include "text.h"

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_message(void *context, const struct jsonrpc_message *m)
{
	bool *own_memory = context;
	*own_memory = true;
	for (size_t i = 0; m->page && i < m->page->n; i++) {
		const struct definition *d = &m->page->items[i];
		CHECK(d->name && d->name[0] && strlen(d->name) < LIMIT_OFFER_NAME && d->text);
		CHECK(m->page->n <= m->page->total && !(d->flags & ~DEFINITION_FLAGS) && !(d->hints & ~HINTS_ALL));
		for (struct slice s = slice_str(d->name); s.n; s = slice_after(s, utf8_char_len(s)))
			CHECK(utf8_char_len(s));
		for (struct slice s = slice_str(d->text); s.n; s = slice_after(s, utf8_char_len(s)))
			CHECK(utf8_char_len(s));
		if (d->flags & DEFINITION_TEXT_CUT)
			continue;
		json_error_t error;
		json_t *tree = json_loads(d->text, JSON_ALLOW_NUL, &error);
		enum json_error_code code = json_error_code(&error);
		CHECK(tree || code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
		json_decref(tree);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct anomaly_counts anomalies;
	bool own_memory = false;
	if (n == 0)
		return 0;
	struct slice in = slice_of(data + 1, n - 1);
	struct definition_lines whole = definition_lines_of(in, 0, true), bytes = definition_lines_of(in, 1, true);
	struct definition_lines split = definition_lines_of(in, 2 + data[0], true);
	CHECK(whole.n == bytes.n && whole.n == split.n);
	CHECK(whole.n == 0 || (memcmp(whole.text, bytes.text, whole.n) == 0 && memcmp(whole.text, split.text, whole.n) == 0));
	free(whole.text);
	free(bytes.text);
	free(split.text);
	struct jsonrpc *j = jsonrpc_new(on_message, &own_memory, &anomalies);
	CHECK(j);
	jsonrpc_want_definitions(j, true);
	(void)jsonrpc_feed(j, in);
	jsonrpc_free(j);
	return 0;
}
