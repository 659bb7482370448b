/* One fixed layout, little endian: magic, reference; part, direction, outcome and flags; times, frame, exchange, session, id, bytes, code; ordinal,
 * status; both texts, each a 16-bit length and its bytes. */
#include "call.h"
#include "cursor.h"
#include "text.h"
#include <assert.h>
#include <stdlib.h>

enum { FLAG_LOST = 1 };
enum { VERSION = 1 };

static const char *const outcome_names[CALL_OUTCOME_COUNT] = {
	[CALL_OK] = "ok", [CALL_ERROR] = "error", [CALL_TOOL_ERROR] = "tool-error", [CALL_INPUT_REQUIRED] = "input-required",
	[CALL_TASK] = "task", [CALL_HTTP_STATUS] = "http-status", [CALL_CANCELLED] = "cancelled", [CALL_NO_ANSWER] = "no-answer",
	[CALL_NOT_SEEN] = "not-seen"};

const char *call_outcome_name(enum call_outcome o)
{
	return outcome_names[o];
}

static uint8_t *put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
	return p + bytes;
}

static uint8_t *put_text(uint8_t *p, const char *text, size_t n)
{
	p = put_le(p, n, 2);
	if (n)
		memcpy(p, text, n);
	return p + n;
}

uint8_t *call_encode(const struct call *c, size_t *ret_n)
{
	size_t method = c->method ? strlen(c->method) : 0, name = c->name ? strlen(c->name) : 0;
	assert(method < LIMIT_METHOD && name < LIMIT_PATH && c->part < CALL_PART_COUNT && c->outcome < CALL_ANSWERS);
	uint8_t *bytes = malloc(CALL_BYTES), *p = bytes;
	if (!bytes)
		return NULL;
	memcpy(p, record_magic[RECORD_CALL], 3);
	p[3] = VERSION;
	p += 4;
	memset(p, 0, RECORD_REF_BYTES);
	p += RECORD_REF_BYTES;
	p = put_le(p, c->part, 1);
	p = put_le(p, c->from, 1);
	p = put_le(p, c->outcome, 1);
	p = put_le(p, c->lost ? FLAG_LOST : 0, 1);
	const uint64_t words[] = {(uint64_t)c->time_ns, c->frame, c->exchange, c->session, c->id, c->bytes, (uint64_t)c->code};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		p = put_le(p, words[i], 8);
	p = put_le(p, c->ordinal, 4);
	p = put_le(p, c->status, 2);
	p = put_text(p, c->method, method);
	p = put_text(p, c->name, name);
	*ret_n = (size_t)(p - bytes);
	return bytes;
}

static uint64_t get_le(struct cursor *c, unsigned bytes)
{
	struct slice s = cursor_take(c, bytes);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v |= (uint64_t)s.p[i] << 8 * i;
	return v;
}

/* What goes into the database and out at every exit: UTF-8 without a NUL, within its cap. */
static void get_text(struct cursor *c, char *out, size_t cap)
{
	size_t n = get_le(c, 2);
	struct slice text = cursor_take(c, n < cap ? n : SIZE_MAX);
	out[0] = '\0';
	if (c->bad || !text.n)
		return;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	while (text.n && !c->bad) {
		size_t length = text.p[0] ? utf8_char_len(text) : 0;
		c->bad |= length == 0;
		text = slice_after(text, length);
	}
}

bool call_decode(const uint8_t *bytes, size_t n, struct call_box *ret)
{
	struct cursor c = cursor_of(slice_of(bytes, n));
	struct slice magic = cursor_take(&c, 4), ref = cursor_take(&c, RECORD_REF_BYTES);
	if (!cursor_ok(&c) || memcmp(magic.p, record_magic[RECORD_CALL], 3) != 0 || magic.p[3] != VERSION)
		return false;
	struct call *r = &ret->c;
	*r = (struct call){.connection = record_ref_get(ref.p), .method = ret->method, .name = ret->name};
	uint64_t part = get_le(&c, 1), from = get_le(&c, 1), outcome = get_le(&c, 1), flags = get_le(&c, 1);
	r->time_ns = (int64_t)get_le(&c, 8);
	r->frame = get_le(&c, 8);
	r->exchange = get_le(&c, 8);
	r->session = get_le(&c, 8);
	r->id = get_le(&c, 8);
	r->bytes = get_le(&c, 8);
	r->code = (int64_t)get_le(&c, 8);
	r->ordinal = (uint32_t)get_le(&c, 4);
	r->status = (uint16_t)get_le(&c, 2);
	get_text(&c, ret->method, sizeof ret->method);
	get_text(&c, ret->name, sizeof ret->name);
	if (!cursor_ok(&c) || cursor_left(&c) != 0 || part >= CALL_PART_COUNT || from > FROM_SERVER || outcome >= CALL_ANSWERS ||
	    flags > FLAG_LOST || r->status > 999 || (part == CALL_REQUEST) != (ret->method[0] != '\0') ||
	    (part != CALL_REQUEST && ret->name[0]) || r->bytes > INT64_MAX)
		return false;
	r->part = (enum call_part)part;
	r->from = (enum direction)from;
	r->outcome = (enum call_outcome)outcome;
	r->lost = flags & FLAG_LOST;
	return true;
}
