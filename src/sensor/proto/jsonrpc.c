#include "jsonrpc.h"
#include "jsonrpc_paths.h"
#include <assert.h>
#include <stdlib.h>

/* One array or object on the way from the text's top to here, as far as it is followed. */
struct level {
	enum jsonrpc_node node;
	bool is_array;
	uint64_t rows_seen; /* keys that stood in this object already */
};

struct jsonrpc {
	jsonrpc_message_fn *on_message;
	void *context;
	struct anomaly_counts *anomalies;
	enum parse status;
	struct json_reader reader;
	struct level levels[JSONRPC_PATH_DEPTH];
	unsigned depth;
	const struct jsonrpc_path *row; /* of the value that comes next or is being read; NULL: nobody wants it */
	uint32_t texts_kept;            /* a bit per enum jsonrpc_text */
	uint32_t batch_messages;
	uint64_t message_start;
	bool want_definitions, definition_texts;
	bool in_list;                   /* the list that is being read is the page's */
	bool in_definition;
	unsigned inner;                 /* arrays and objects open inside the definition */
	uint64_t *cursor;               /* that is being read, or NULL */
	struct definition_reader *definitions; /* made at the first list */
	struct jsonrpc_message message;
};

/* Where the texts go. error_code and jsonrpc are judged, not kept: their size is what must be seen of them. */
static const struct {
	uint16_t offset, size;
} fields[TEXT_COUNT] = {
#define FIELD(member) {offsetof(struct jsonrpc_message, member), sizeof((struct jsonrpc_message *)0)->member}
	[TEXT_JSONRPC] = {0, sizeof "2.0" + 1},
	[TEXT_ERROR_CODE] = {0, sizeof "-9223372036854775808" + 1},
	[TEXT_ID] = FIELD(id),
	[TEXT_METHOD] = FIELD(method),
	[TEXT_PROTOCOL_VERSION] = FIELD(protocol_version),
	[TEXT_SUPPORTED_VERSION] = FIELD(supported_version),
	[TEXT_CLIENT_NAME] = FIELD(client_name),
	[TEXT_CLIENT_VERSION] = FIELD(client_version),
	[TEXT_SERVER_NAME] = FIELD(server_name),
	[TEXT_SERVER_VERSION] = FIELD(server_version),
	[TEXT_NAME] = FIELD(name),
	[TEXT_URI] = FIELD(uri),
	[TEXT_RESULT_TYPE] = FIELD(result_type),
	[TEXT_REQUEST_ID] = FIELD(request_id),
#undef FIELD
};

_Static_assert(LIMIT_PATH <= JSON_TEXT_KEPT, "the longest text fits the reader's buffer");
_Static_assert(TEXT_COUNT <= 32, "a set of texts is a uint32_t");

static void message_begin(struct jsonrpc *j, bool in_batch)
{
	struct jsonrpc_message *m = &j->message;
	memset(m->type, JSON_ABSENT, sizeof m->type);
	for (int i = TEXT_NONE + 1; i < TEXT_COUNT; i++)
		if (fields[i].offset)
			((char *)m)[fields[i].offset] = '\0';
	m->in_batch = in_batch;
	m->utf8_bad = false;
	m->duplicate_key = false;
	m->bytes = 0;
	m->id_cut = false;
	m->request_id_cut = false;
	m->is_error = false;
	m->method_cut = false;
	m->name_cut = false;
	m->error_code = 0;
	m->tools = 0;
	m->tools_with_schema = 0;
	m->cursor = m->next_cursor = 0;
	m->page = NULL;
	if (j->definitions)
		definition_reader_reset(j->definitions);
	j->in_list = false;
	j->texts_kept = 0;
	j->message_start = j->reader.at;
}

/* Counts invalid UTF-8 since the last time: of a message, or of what stands between the messages of a batch. */
static bool take_utf8_bad(struct jsonrpc *j)
{
	bool bad = j->reader.string.utf8_bad;
	j->reader.string.utf8_bad = false;
	if (bad)
		anomaly_count(j->anomalies, ANOMALY_JSON_UTF8);
	return bad;
}

static void message_end(struct jsonrpc *j)
{
	j->message.bytes = j->reader.at - j->message_start;
	j->message.utf8_bad = take_utf8_bad(j);
	/* The first of two keys wins here, the last in most parsers: a classic way to show two faces (RFC 8259 4). */
	if (j->message.duplicate_key)
		anomaly_count(j->anomalies, ANOMALY_JSON_DUPLICATE_KEY);
	j->message.page = j->definitions ? definition_reader_page(j->definitions) : NULL;
	j->on_message(j->context, &j->message);
	j->message.page = NULL;
	if (j->definitions)
		definition_reader_reset(j->definitions);
}

static size_t push(struct jsonrpc *j, enum jsonrpc_node node, bool is_array)
{
	assert(j->depth < JSONRPC_PATH_DEPTH);
	j->levels[j->depth++] = (struct level){.node = node, .is_array = is_array};
	j->row = NULL;
	return 1;
}

/* ---- definitions: read by their own reader, down to the last member ---- */

static enum definition_list list_of(enum jsonrpc_node node)
{
	switch (node) {
	case NODE_R_TOOLS: return LIST_TOOLS;
	case NODE_R_PROMPTS: return LIST_PROMPTS;
	case NODE_R_RESOURCES: return LIST_RESOURCES;
	case NODE_R_TEMPLATES: return LIST_TEMPLATES;
	default: return LIST_NONE;
	}
}

static void list_begin(struct jsonrpc *j, enum definition_list list)
{
	j->in_list = false;
	if (list == LIST_NONE || !j->want_definitions)
		return;
	if (!j->definitions)
		j->definitions = definition_reader_new(j->definition_texts);
	j->in_list = j->definitions && definition_reader_list(j->definitions, list);
}

static bool is_container(enum json_type type)
{
	return type == JSON_ARRAY || type == JSON_OBJECT;
}

static size_t definition_value(struct jsonrpc *j, enum json_type type)
{
	j->inner += is_container(type);
	return definition_reader_value(j->definitions, type, j->reader.truth);
}

/* True if what ended stood in the definition. */
static bool definition_end(struct jsonrpc *j, enum json_type type, struct slice text, bool cut)
{
	if (!j->in_definition)
		return false;
	if (j->inner == 0 && is_container(type)) {
		j->in_definition = j->reader.pieces = false;
		definition_reader_finish(j->definitions, j->reader.at);
		return false;
	}
	j->inner -= is_container(type);
	definition_reader_end(j->definitions, type, text, cut);
	return true;
}

static void cursor_begin(struct jsonrpc *j, uint64_t *cursor)
{
	j->cursor = cursor;
	*cursor = 0;
	j->reader.pieces = true;
}

/* FNV-1a: who makes two cursors collide joins pages that they could as well have sent as one. */
static void on_piece(void *context, struct slice piece)
{
	struct jsonrpc *j = context;
	if (!j->cursor) {
		definition_reader_piece(j->definitions, piece);
		return;
	}
	if (*j->cursor == 0)
		*j->cursor = 14695981039346656037u;
	for (size_t i = 0; i < piece.n; i++)
		*j->cursor = (*j->cursor ^ piece.p[i]) * 1099511628211u;
	*j->cursor += *j->cursor == 0;
}

/* ---- members ---- */

static void on_key(void *context, struct slice key, bool cut)
{
	struct jsonrpc *j = context;
	if (j->in_definition) {
		definition_reader_key(j->definitions, key, cut);
		if (j->inner)
			return;
	}
	struct level *level = &j->levels[j->depth - 1];
	unsigned at = 0;
	j->row = jsonrpc_path_key(level->node, key, cut, &at);
	if (!j->row || j->row->match != MATCH_KEY)
		return;
	if (level->rows_seen >> at & 1) {
		j->message.duplicate_key = true;
		j->row = NULL;
	}
	level->rows_seen |= 1ull << at;
}

static void note_member(struct jsonrpc_message *m, uint8_t member, enum json_type type)
{
	if (member != JM_COUNT && m->type[member] == JSON_ABSENT)
		m->type[member] = (uint8_t)type;
}

static bool is_id(enum jsonrpc_text text)
{
	return text == TEXT_ID || text == TEXT_REQUEST_ID;
}

/* How much of a string or number to keep for its text, 0 if it is the wrong type for it or is not the first. */
static size_t text_wanted(const struct jsonrpc *j, enum jsonrpc_text text, enum json_type type)
{
	bool fits = type == JSON_STRING ? text != TEXT_ERROR_CODE
	                                : type == JSON_NUMBER && (is_id(text) || text == TEXT_ERROR_CODE);
	if (text == TEXT_NONE || !fits || j->texts_kept >> text & 1)
		return 0;
	size_t quote = is_id(text) && type == JSON_STRING;
	return fields[text].size - 1u - quote;
}

static size_t begin_message(struct jsonrpc *j, bool in_batch)
{
	/* Elements that are skipped before this message must not make it look bad. */
	(void)take_utf8_bad(j);
	if (in_batch && j->batch_messages == LIMIT_JSON_BATCH) {
		anomaly_count(j->anomalies, ANOMALY_JSON_BATCH_LIMIT);
		j->batch_messages++;
	}
	if (in_batch && j->batch_messages > LIMIT_JSON_BATCH)
		return 0;
	j->batch_messages++;
	message_begin(j, in_batch);
	return push(j, NODE_MESSAGE, false);
}

static size_t begin_top(struct jsonrpc *j, enum json_type type)
{
	if (type == JSON_OBJECT)
		return begin_message(j, false);
	return type == JSON_ARRAY ? push(j, NODE_BATCH, true) : 0;
}

static size_t on_begin(void *context, enum json_type type)
{
	struct jsonrpc *j = context;
	if (j->depth == 0)
		return begin_top(j, type);
	if (j->in_definition && j->inner)
		return definition_value(j, type);
	const struct level *level = &j->levels[j->depth - 1];
	const struct jsonrpc_path *row = level->is_array ? jsonrpc_path_element(level->node) : j->row;
	j->row = row;
	if (!row)
		return j->in_definition ? definition_value(j, type) : 0;
	if (level->node == NODE_BATCH)
		return type == JSON_OBJECT ? begin_message(j, true) : 0;

	struct jsonrpc_message *m = &j->message;
	if (row->member == JM_JSONRPC)
		note_member(m, JM_JSONRPC, JSON_BOOL); /* until its text proves to be "2.0" */
	if (row->member == JM_R_IS_ERROR && m->type[JM_R_IS_ERROR] == JSON_ABSENT)
		m->is_error = type == JSON_BOOL && j->reader.truth;
	note_member(m, row->member, type);
	note_member(m, row->also, type);
	if (level->node == NODE_R_TOOLS && m->tools < UINT32_MAX)
		m->tools++;
	if (row->member == JM_R_TOOL_SCHEMA && type == JSON_OBJECT && m->tools_with_schema < UINT32_MAX)
		m->tools_with_schema++;

	if (j->in_definition)
		return definition_value(j, type);
	if (j->in_list && list_of(level->node) != LIST_NONE)
		j->in_definition = j->reader.pieces = definition_reader_begin(j->definitions, type, j->reader.at);
	if (type == JSON_STRING && (row->member == JM_P_CURSOR || row->member == JM_R_NEXT_CURSOR)) {
		cursor_begin(j, row->member == JM_P_CURSOR ? &m->cursor : &m->next_cursor);
		return 1;
	}
	if (type == JSON_OBJECT && jsonrpc_path_has_keys((enum jsonrpc_node)row->node))
		return push(j, (enum jsonrpc_node)row->node, false);
	if (type == JSON_ARRAY && !level->is_array && jsonrpc_path_element((enum jsonrpc_node)row->node)) {
		list_begin(j, list_of((enum jsonrpc_node)row->node));
		return push(j, (enum jsonrpc_node)row->node, true);
	}
	return text_wanted(j, (enum jsonrpc_text)row->text, type);
}

/* A JSON-RPC error code: an integer that fits, as digits (section 5.1). */
static int64_t integer_of(struct slice text)
{
	bool negative = text.n && text.p[0] == '-';
	int64_t value = 0;
	for (size_t i = negative; i < text.n; i++) {
		int digit = text.p[i] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, digit, &value))
			return 0;
	}
	/* Summed up below zero, where the range is larger by one. */
	if (negative)
		return value;
	return value == INT64_MIN ? 0 : -value;
}

static void keep_text(struct jsonrpc *j, enum json_type type, struct slice text, bool cut)
{
	struct jsonrpc_message *m = &j->message;
	enum jsonrpc_text which = (enum jsonrpc_text)j->row->text;
	j->texts_kept |= 1u << which;
	if (which == TEXT_JSONRPC) {
		if (!cut && slice_eq_str(text, "2.0"))
			m->type[JM_JSONRPC] = JSON_STRING;
		return;
	}
	if (which == TEXT_ERROR_CODE) {
		m->error_code = cut ? 0 : integer_of(text);
		return;
	}
	char *out = (char *)m + fields[which].offset;
	/* So that the string "1" and the number 1 are two ids, as JSON-RPC 2.0 section 4 has them. */
	if (is_id(which) && type == JSON_STRING)
		*out++ = '"';
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	if (which == TEXT_ID)
		m->id_cut = cut;
	else if (which == TEXT_REQUEST_ID)
		m->request_id_cut = cut;
	else if (which == TEXT_METHOD)
		m->method_cut = cut;
	else if (which == TEXT_NAME)
		m->name_cut = cut;
}

static void on_end(void *context, enum json_type type, struct slice text, bool cut)
{
	struct jsonrpc *j = context;
	if (definition_end(j, type, text, cut))
		return;
	if (j->cursor) {
		j->cursor = NULL;
		j->reader.pieces = false;
		return;
	}
	if (type == JSON_STRING || type == JSON_NUMBER) {
		keep_text(j, type, text, cut);
		return;
	}
	if (j->levels[--j->depth].node == NODE_MESSAGE)
		message_end(j);
}

static const struct json_hooks hooks = {.key = on_key, .begin = on_begin, .end = on_end, .piece = on_piece};

struct jsonrpc *jsonrpc_new(jsonrpc_message_fn *on_message, void *context, struct anomaly_counts *anomalies)
{
	struct jsonrpc *j = calloc(1, sizeof *j);
	if (!j)
		return NULL;
	j->on_message = on_message;
	j->context = context;
	j->anomalies = anomalies;
	json_reader_init(&j->reader, &hooks, j);
	jsonrpc_reset(j);
	return j;
}

void jsonrpc_reset(struct jsonrpc *j)
{
	json_reader_reset(&j->reader);
	j->status = PARSE_MORE;
	j->depth = 0;
	j->row = NULL;
	j->batch_messages = 0;
	j->in_list = j->in_definition = false;
	j->inner = 0;
	j->cursor = NULL;
	if (j->definitions) /* a text that broke off inside a list */
		definition_reader_reset(j->definitions);
}

void jsonrpc_want_definitions(struct jsonrpc *j, bool texts)
{
	j->want_definitions = true;
	j->definition_texts = texts;
}

/* Sets the status and counts what made it so, once. */
static enum parse settle(struct jsonrpc *j, enum parse status)
{
	if (status == PARSE_BAD && j->status != PARSE_BAD)
		anomaly_count(j->anomalies, j->reader.too_deep ? ANOMALY_JSON_DEPTH : ANOMALY_JSON_BAD);
	if (status == PARSE_DONE && j->status == PARSE_MORE)
		(void)take_utf8_bad(j);
	j->status = status;
	return status;
}

enum parse jsonrpc_feed_one(struct jsonrpc *j, struct slice bytes, size_t *ret_consumed)
{
	*ret_consumed = 0;
	if (j->status != PARSE_MORE)
		return j->status;
	return settle(j, json_reader_feed(&j->reader, bytes, ret_consumed));
}

enum parse jsonrpc_feed(struct jsonrpc *j, struct slice bytes)
{
	size_t used = 0;
	if (jsonrpc_feed_one(j, bytes, &used) != PARSE_DONE)
		return j->status;
	return settle(j, json_reader_trail(&j->reader, slice_after(bytes, used)));
}

enum parse jsonrpc_eof(struct jsonrpc *j)
{
	if (j->status != PARSE_MORE)
		return j->status;
	/* No text at all is not a text, but nothing strange either: empty bodies and empty SSE events are common. */
	if (!json_reader_begun(&j->reader))
		return j->status = PARSE_BAD;
	return settle(j, json_reader_eof(&j->reader));
}

size_t jsonrpc_memory(const struct jsonrpc *j)
{
	return !j ? 0 : sizeof *j + (j->definitions ? definition_reader_memory(j->definitions) : 0);
}

void jsonrpc_free(struct jsonrpc *j)
{
	if (j)
		definition_reader_free(j->definitions);
	free(j);
}
