#include "json_reader.h"
#include <assert.h>

enum reader_state {
	READER_START,         /* a byte order mark may stand here */
	READER_TOP,           /* the text's value */
	READER_FIRST_ELEMENT, /* after [ */
	READER_ELEMENT,       /* after , in an array */
	READER_FIRST_KEY,     /* after { */
	READER_NEXT_KEY,      /* after , in an object */
	READER_COLON,
	READER_MEMBER_VALUE,  /* after : */
	READER_AFTER,         /* after a value inside something */
	READER_STRING,
	READER_WORD,
	READER_MINUS,
	READER_ZERO,
	READER_INTEGER,
	READER_POINT,
	READER_FRACTION,
	READER_E,
	READER_E_SIGN,
	READER_EXPONENT,
	READER_DONE,
	READER_BAD,
};

void json_reader_init(struct json_reader *r, const struct json_hooks *hooks, void *context)
{
	r->hooks = hooks;
	r->context = context;
	json_reader_reset(r);
}

void json_reader_reset(struct json_reader *r)
{
	r->fed = 0;
	r->at = 0;
	r->word = "";
	r->depth = 0;
	r->quiet = 0;
	r->state = READER_START;
	r->bom_have = 0;
	r->in_key = false;
	r->wanted = false;
	r->too_deep = false;
	r->pieces = false;
	json_string_begin(&r->string, 0);
	r->string.utf8_bad = false;
}

static inline bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool in_object(const struct json_reader *r)
{
	uint32_t level = r->depth - 1;
	return r->objects[level / 64] >> (level % 64) & 1;
}

static inline bool is_number_state(uint8_t state)
{
	return state >= READER_MINUS && state <= READER_EXPONENT;
}

static void after_value(struct json_reader *r)
{
	r->state = r->depth ? READER_AFTER : READER_DONE;
}

static size_t begin_value(struct json_reader *r, enum json_type type)
{
	size_t want = r->quiet ? 0 : r->hooks->begin(r->context, type);
	r->wanted = want != 0;
	return want;
}

static void end_scalar(struct json_reader *r, enum json_type type)
{
	if (r->wanted)
		r->hooks->end(r->context, type, json_string_text(&r->string), r->string.cut);
	r->wanted = false;
	after_value(r);
}

/* Deep nesting is the classic way to exhaust a parser's stack (RFC 8259 9 allows a limit). */
static bool open_level(struct json_reader *r, enum json_type type)
{
	if (r->depth == LIMIT_JSON_DEPTH) {
		r->too_deep = true;
		return false;
	}
	bool wanted = begin_value(r, type) != 0;
	uint32_t level = r->depth++;
	uint64_t bit = 1ull << (level % 64);
	if (type == JSON_OBJECT)
		r->objects[level / 64] |= bit;
	else
		r->objects[level / 64] &= ~bit;
	if (!r->quiet && !wanted)
		r->quiet = r->depth;
	r->state = type == JSON_OBJECT ? READER_FIRST_KEY : READER_FIRST_ELEMENT;
	return true;
}

static void close_level(struct json_reader *r)
{
	enum json_type type = in_object(r) ? JSON_OBJECT : JSON_ARRAY;
	bool wanted = !r->quiet;
	if (r->quiet == r->depth)
		r->quiet = 0;
	r->depth--;
	if (wanted)
		r->hooks->end(r->context, type, slice_of(NULL, 0), false);
	after_value(r);
}

/* Somebody may want all of the text that begins; nobody wants any inside what is skipped. */
static void begin_text(struct json_reader *r, size_t keep)
{
	json_string_begin(&r->string, keep);
	if (r->pieces && !r->quiet) {
		r->string.piece = r->hooks->piece;
		r->string.piece_context = r->context;
	}
}

static void open_string(struct json_reader *r, bool key)
{
	size_t keep = key ? (r->quiet ? 0 : JSON_KEY_KEPT) : begin_value(r, JSON_STRING);
	r->in_key = key;
	begin_text(r, keep);
	r->state = READER_STRING;
}

static bool open_word(struct json_reader *r, const char *word, enum json_type type)
{
	json_string_begin(&r->string, 0);
	r->truth = word[0] == 't';
	begin_value(r, type);
	r->word = word + 1;
	r->state = READER_WORD;
	return true;
}

/* The first byte of a value; false if none starts so. */
static bool open_value(struct json_reader *r, uint8_t c)
{
	switch (c) {
	case '{': return open_level(r, JSON_OBJECT);
	case '[': return open_level(r, JSON_ARRAY);
	case '"': open_string(r, false); return true;
	case 't': return open_word(r, "true", JSON_BOOL);
	case 'f': return open_word(r, "false", JSON_BOOL);
	case 'n': return open_word(r, "null", JSON_NULL);
	}
	if (c != '-' && !is_digit(c))
		return false;
	begin_text(r, begin_value(r, JSON_NUMBER));
	json_string_append(&r->string, slice_of(&c, 1));
	r->state = c == '-' ? READER_MINUS : c == '0' ? READER_ZERO : READER_INTEGER;
	return true;
}

/* A structural byte that is no white space; false if it may not stand here. */
static bool take_structural(struct json_reader *r, uint8_t c)
{
	switch ((enum reader_state)r->state) {
	case READER_TOP:
	case READER_MEMBER_VALUE:
	case READER_ELEMENT:
		return open_value(r, c);
	case READER_FIRST_ELEMENT:
		if (c != ']')
			return open_value(r, c);
		close_level(r);
		return true;
	case READER_FIRST_KEY:
		if (c == '}') {
			close_level(r);
			return true;
		}
		/* fall through */
	case READER_NEXT_KEY:
		if (c != '"')
			return false;
		open_string(r, true);
		return true;
	case READER_COLON:
		r->state = READER_MEMBER_VALUE;
		return c == ':';
	case READER_AFTER:
		if (c == ',') {
			r->state = in_object(r) ? READER_NEXT_KEY : READER_ELEMENT;
			return true;
		}
		if (c != (in_object(r) ? '}' : ']'))
			return false;
		close_level(r);
		return true;
	default:
		assert(!"a structural state");
		return false;
	}
}

/* The state after digit or sign c, or the same state if c ends or breaks the number (RFC 8259 6). */
static enum reader_state number_step(enum reader_state state, uint8_t c)
{
	switch (state) {
	case READER_MINUS:
		return c == '0' ? READER_ZERO : is_digit(c) ? READER_INTEGER : READER_BAD;
	case READER_ZERO:
	case READER_INTEGER:
		if (is_digit(c))
			return state == READER_ZERO ? READER_BAD : READER_INTEGER; /* no leading zeros */
		return c == '.' ? READER_POINT : (c | 0x20) == 'e' ? READER_E : READER_DONE;
	case READER_POINT:
		return is_digit(c) ? READER_FRACTION : READER_BAD;
	case READER_FRACTION:
		return is_digit(c) ? READER_FRACTION : (c | 0x20) == 'e' ? READER_E : READER_DONE;
	case READER_E:
		return is_digit(c) ? READER_EXPONENT : c == '+' || c == '-' ? READER_E_SIGN : READER_BAD;
	case READER_E_SIGN:
		return is_digit(c) ? READER_EXPONENT : READER_BAD;
	default: /* READER_EXPONENT */
		return is_digit(c) ? READER_EXPONENT : READER_DONE;
	}
}

static const uint8_t *feed_number(struct json_reader *r, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p;
	enum reader_state state = r->state, next = state;
	while (p < end && (next = number_step(state, *p)) != READER_DONE && next != READER_BAD) {
		state = next;
		p++;
	}
	json_string_append(&r->string, slice_of(start, (size_t)(p - start)));
	r->state = state;
	if (next == READER_BAD)
		r->state = READER_BAD;
	else if (next == READER_DONE)
		end_scalar(r, JSON_NUMBER);
	return p;
}

static const uint8_t *feed_string(struct json_reader *r, const uint8_t *p, const uint8_t *end)
{
	size_t n = 0;
	enum json_string_end status = json_string_feed(&r->string, slice_of(p, (size_t)(end - p)), &n);
	if (status == JSON_STRING_BROKEN) {
		r->state = READER_BAD;
	} else if (status == JSON_STRING_CLOSED && r->in_key) {
		r->state = READER_COLON;
		if (!r->quiet)
			r->hooks->key(r->context, json_string_text(&r->string), r->string.cut);
	} else if (status == JSON_STRING_CLOSED) {
		end_scalar(r, JSON_STRING);
	}
	return p + n;
}

static const uint8_t *feed_word(struct json_reader *r, const uint8_t *p, const uint8_t *end)
{
	while (p < end && *r->word && *p == (uint8_t)*r->word) {
		p++;
		r->word++;
	}
	if (!*r->word) {
		r->wanted = false;
		after_value(r);
	} else if (p < end) {
		r->state = READER_BAD;
	}
	return p;
}

/* RFC 8259 8.1: senders MUST NOT add a byte order mark, parsers MAY ignore it. Windows tools do add it. */
static const uint8_t *feed_bom(struct json_reader *r, const uint8_t *p, const uint8_t *end)
{
	static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
	while (p < end && r->bom_have < sizeof bom && *p == bom[r->bom_have]) {
		p++;
		r->bom_have++;
	}
	if (r->bom_have == 0 || r->bom_have == sizeof bom)
		r->state = READER_TOP;
	else if (p < end)
		r->state = READER_BAD;
	return p;
}

enum parse json_reader_feed(struct json_reader *r, struct slice bytes, size_t *ret_consumed)
{
	const uint8_t *p = bytes.p, *end = p + bytes.n;
	while (p < end && r->state != READER_DONE && r->state != READER_BAD) {
		if (r->state == READER_STRING) {
			p = feed_string(r, p, end);
		} else if (is_number_state(r->state)) {
			p = feed_number(r, p, end);
		} else if (r->state == READER_WORD) {
			p = feed_word(r, p, end);
		} else if (r->state == READER_START) {
			p = feed_bom(r, p, end);
		} else if (is_space(*p)) {
			do
				p++;
			while (p < end && is_space(*p));
		} else {
			/* Hooks ask where they are: begin before the byte, end (a closing bracket) after it. */
			bool closes = *p == '}' || *p == ']';
			r->at = r->fed + (uint64_t)(p - bytes.p) + closes;
			if (take_structural(r, *p))
				p++;
			else
				r->state = READER_BAD;
		}
	}
	r->fed += (uint64_t)(p - bytes.p);
	*ret_consumed = (size_t)(p - bytes.p);
	return r->state == READER_DONE ? PARSE_DONE : r->state == READER_BAD ? PARSE_BAD : PARSE_MORE;
}

enum parse json_reader_trail(struct json_reader *r, struct slice bytes)
{
	assert(r->state == READER_DONE);
	for (size_t i = 0; i < bytes.n; i++)
		if (!is_space(bytes.p[i])) {
			r->state = READER_BAD;
			return PARSE_BAD;
		}
	return PARSE_DONE;
}

enum parse json_reader_eof(struct json_reader *r)
{
	bool number_complete = r->state == READER_ZERO || r->state == READER_INTEGER || r->state == READER_FRACTION ||
	                       r->state == READER_EXPONENT;
	if (number_complete && r->depth == 0)
		end_scalar(r, JSON_NUMBER);
	if (r->state != READER_DONE)
		r->state = READER_BAD;
	return r->state == READER_DONE ? PARSE_DONE : PARSE_BAD;
}

bool json_reader_begun(const struct json_reader *r)
{
	return r->state != READER_START && r->state != READER_TOP;
}
