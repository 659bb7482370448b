#include "sse.h"
#include "byte_scan.h"
#include "limits.h"
#include <stdlib.h>

enum sse_state {
	SSE_START,       /* a byte order mark may stand here */
	SSE_LINE,        /* at the first byte of a line */
	SSE_NAME,        /* in a field name */
	SSE_SPACE,       /* right after the colon: one space is dropped */
	SSE_VALUE,       /* in the value of a field, or in a comment */
	SSE_LOST,        /* after a gap, in a line of which something was seen or lost */
	SSE_LOST_LINE,   /* after a gap, at the first byte of a line */
};

enum sse_field { FIELD_UNKNOWN, FIELD_COMMENT, FIELD_DATA, FIELD_EVENT, FIELD_ID, FIELD_RETRY };

struct sse {
	struct sse_callbacks callbacks;
	void *context;
	struct anomaly_counts *anomalies;
	uint8_t state;
	uint8_t field;    /* enum sse_field of the line we are in */
	uint8_t bom_have;
	bool skip_lf;     /* the last byte was CR: an LF right after it belongs to it */
	bool has_data;
	bool has_id;
	bool has_fields;  /* this event has data, event, id or retry */
	bool id_bad;      /* the id line holds NUL: it is ignored */
	bool line_over;   /* this line was counted as over the limit */
	size_t seen;      /* bytes of the name or value seen, up to LIMIT_SSE_FIELD + 1 */
	size_t type_n;
	uint8_t line[LIMIT_SSE_FIELD]; /* first bytes of the name or value; value of data lines excepted */
	uint8_t type[LIMIT_SSE_FIELD];
};

struct sse *sse_new(const struct sse_callbacks *callbacks, void *context, struct anomaly_counts *anomalies)
{
	struct sse *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->callbacks = *callbacks;
	s->context = context;
	s->anomalies = anomalies;
	return s;
}

static void event_reset(struct sse *s)
{
	s->has_data = false;
	s->has_id = false;
	s->has_fields = false;
	s->type_n = 0;
}

/* Keeps the first bytes of a name or value. */
static void collect(struct sse *s, struct slice bytes)
{
	size_t room = s->seen < sizeof s->line ? sizeof s->line - s->seen : 0;
	struct slice fits = slice_first(bytes, room);
	if (fits.n)
		memcpy(s->line + s->seen, fits.p, fits.n);
	s->seen += fits.n;
	/* A name without end is no field, a type or id of a kilobyte is no honest one; a comment may be long. */
	if (fits.n < bytes.n && !s->line_over && s->field != FIELD_COMMENT) {
		s->line_over = true;
		anomaly_count(s->anomalies, ANOMALY_SSE_LINE_LIMIT);
	}
}

static struct slice collected(const struct sse *s)
{
	return slice_of(s->line, s->seen);
}

static void line_begin(struct sse *s, uint8_t state, uint8_t field)
{
	s->state = state;
	s->field = field;
	s->seen = 0;
	s->line_over = false;
	s->id_bad = false;
}

/* The name is complete: at the colon, or at the end of a line without one. */
static void name_end(struct sse *s)
{
	static const struct {
		const char *name;
		uint8_t field;
	} names[] = {{"data", FIELD_DATA}, {"event", FIELD_EVENT}, {"id", FIELD_ID}, {"retry", FIELD_RETRY}};
	uint8_t field = FIELD_UNKNOWN;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq_str(collected(s), names[i].name))
			field = names[i].field;
	line_begin(s, SSE_SPACE, field);
	if (field == FIELD_UNKNOWN)
		return;
	s->has_fields = true;
	if (field == FIELD_DATA) {
		if (s->has_data && s->callbacks.data)
			s->callbacks.data(s->context, SLICE_LITERAL("\n"));
		s->has_data = true;
	}
}

static void value_take(struct sse *s, struct slice piece)
{
	switch ((enum sse_field)s->field) {
	case FIELD_DATA:
		if (s->callbacks.data)
			s->callbacks.data(s->context, piece);
		break;
	case FIELD_ID:
		if (slice_find(piece, '\0') < piece.n)
			s->id_bad = true;
		collect(s, piece);
		break;
	case FIELD_EVENT:
	case FIELD_COMMENT:
		collect(s, piece);
		break;
	case FIELD_RETRY:
	case FIELD_UNKNOWN:
		break;
	}
}

static void event_end(struct sse *s)
{
	if (s->has_fields && s->callbacks.event) {
		struct slice type = s->type_n ? slice_of(s->type, s->type_n) : SLICE_LITERAL("message");
		s->callbacks.event(s->context, type, s->has_data, s->has_id);
	}
	event_reset(s);
}

/* At CR or LF. */
static void line_end(struct sse *s)
{
	if (s->state == SSE_LOST) {
		s->state = SSE_LOST_LINE;
		return;
	}
	if (s->state == SSE_LINE || s->state == SSE_LOST_LINE) {
		event_end(s);
		line_begin(s, SSE_LINE, FIELD_UNKNOWN);
		return;
	}
	if (s->state == SSE_NAME)
		name_end(s); /* a name alone has an empty value */
	if (s->field == FIELD_EVENT) {
		s->type_n = s->seen;
		memcpy(s->type, s->line, s->seen);
	} else if (s->field == FIELD_ID && !s->id_bad) {
		s->has_id = true;
	} else if (s->field == FIELD_COMMENT && s->callbacks.comment) {
		s->callbacks.comment(s->context, collected(s));
	}
	line_begin(s, SSE_LINE, FIELD_UNKNOWN);
}

/* The first CR or LF, or the end. In one pass: a search for each of them alone could be made to cross the rest of
 * the buffer again for every line. */
static const uint8_t *find_line_end(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8) {
		uint64_t w = byte_scan_load(p);
		if (byte_scan_is(w, '\n') | byte_scan_is(w, '\r'))
			break;
		p += 8;
	}
	while (p < end && *p != '\n' && *p != '\r')
		p++;
	return p;
}

/* What stands before the next line end. */
static void line_take(struct sse *s, const uint8_t *p, const uint8_t *end)
{
	if (s->state == SSE_LOST || s->state == SSE_LOST_LINE) {
		s->state = SSE_LOST;
		return;
	}
	if (s->state == SSE_LINE) {
		bool comment = *p == ':';
		line_begin(s, comment ? SSE_SPACE : SSE_NAME, comment ? FIELD_COMMENT : FIELD_UNKNOWN);
		p += comment;
	}
	if (s->state == SSE_NAME) {
		struct slice rest = slice_of(p, (size_t)(end - p));
		size_t n = slice_find(rest, ':');
		collect(s, slice_first(rest, n));
		p += n;
		if (p < end) {
			p++;
			name_end(s);
		}
	}
	if (s->state == SSE_SPACE && p < end) {
		s->state = SSE_VALUE;
		p += *p == ' ';
	}
	if (s->state == SSE_VALUE && p < end)
		value_take(s, slice_of(p, (size_t)(end - p)));
}

static const uint8_t *bom_take(struct sse *s, const uint8_t *p, const uint8_t *end)
{
	static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
	while (p < end && s->bom_have < sizeof bom && *p == bom[s->bom_have]) {
		p++;
		s->bom_have++;
	}
	if (p == end && s->bom_have < sizeof bom)
		return p;
	line_begin(s, SSE_LINE, FIELD_UNKNOWN);
	/* No mark after all: those bytes began a field name. */
	if (s->bom_have && s->bom_have < sizeof bom) {
		s->state = SSE_NAME;
		collect(s, slice_of(bom, s->bom_have));
	}
	return p;
}

void sse_feed(struct sse *s, struct slice bytes)
{
	const uint8_t *p = bytes.p, *end = p + bytes.n;
	while (p < end) {
		if (s->state == SSE_START) {
			p = bom_take(s, p, end);
			continue;
		}
		if (s->skip_lf && *p == '\n') {
			s->skip_lf = false;
			p++;
			continue;
		}
		s->skip_lf = false;
		const uint8_t *stop = find_line_end(p, end);
		if (stop > p)
			line_take(s, p, stop);
		p = stop;
		if (p < end) {
			s->skip_lf = *p == '\r';
			line_end(s);
			p++;
		}
	}
}

void sse_gap(struct sse *s)
{
	event_reset(s);
	line_begin(s, SSE_LOST, FIELD_UNKNOWN);
	s->skip_lf = false;
}

void sse_free(struct sse *s)
{
	free(s);
}
