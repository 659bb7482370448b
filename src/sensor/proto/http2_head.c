/* A complete header block -> the head of a request or an answer, on its stream. Called by http2.c.
 *
 * Streams pair requests and answers, so lost bytes break no pairing: they only make streams appear without their
 * request (unpaired), or their DATA without any head, which then gets one without fields. A frame of a stream that is
 * over, or left for want of room, is told from one that began unseen by the client's numbers: those only grow, so
 * unless bytes of the client were lost every stream up to the highest is known to have been there. What RFC 9113 8
 * calls malformed is refused by honest receivers, but some proxies let it pass: such a head is marked ambiguous and
 * proves nothing. */
#include "http2_state.h"

struct pseudo {
	struct slice method, scheme, path, authority, status, protocol;
	bool malformed;
};

static bool text_is_sound(struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == 0 || value.p[i] == '\r' || value.p[i] == '\n')
			return false;
	return true;
}

static bool name_is_sound(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || (name.p[i] >= 'A' && name.p[i] <= 'Z') || name.p[i] == ':')
			return false;
	return name.n > 0;
}

static void pseudo_add(struct pseudo *p, const struct http_field *f)
{
	const struct {
		const char *name;
		struct slice *value;
	} known[] = {{":method", &p->method},       {":scheme", &p->scheme}, {":path", &p->path},
		     {":authority", &p->authority}, {":status", &p->status}, {":protocol", &p->protocol}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_eq_str(f->name, known[i].name)) {
			p->malformed |= known[i].value->p != NULL; /* twice: which one holds? */
			if (!known[i].value->p)
				*known[i].value = f->value;
			return;
		}
	p->malformed = true;
}

/* Takes the pseudo-headers out; returns how many fields are left. */
static uint32_t pseudo_split(struct http_field *fields, uint32_t n, struct pseudo *ret)
{
	*ret = (struct pseudo){0};
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		ret->malformed |= !text_is_sound(fields[i].value);
		if (fields[i].name.n && fields[i].name.p[0] == ':') {
			ret->malformed |= kept > 0; /* 8.3: all before the first field */
			pseudo_add(ret, &fields[i]);
			continue;
		}
		ret->malformed |= !name_is_sound(fields[i].name);
		fields[kept++] = fields[i];
	}
	return kept;
}

static void head_report(struct http2_side *s, struct http2_stream *st, struct http_head *head, bool end_stream)
{
	struct http2 *h = s->h;
	enum direction d = (enum direction)s->direction;
	struct http2_body *b = &st->body[d];
	head->direction = d;
	head->major = 2;
	head->exchange = b->exchange;
	if (head->fields_cut)
		anomaly_count(h->anomalies, ANOMALY_HTTP_HEADER_LIMIT);
	if (head->ambiguous)
		anomaly_count(h->anomalies, ANOMALY_HTTP2_MALFORMED);
	bool interim = head->status / 100 == 1;
	b->headed = !interim;
	void *reader = NULL;
	bool wanted = h->callbacks.head(h->context, head, &reader) == HTTP_BODY_READ;
	if (!interim)
		b->reader = reader;
	if (end_stream)
		http2_stream_end(h, st, d, HTTP2_COMPLETE);
	else if (wanted && !interim)
		http2_stream_read(h, st, d, head);
}

static void request(struct http2_side *s, uint32_t id, struct http_head *head, const struct pseudo *p, bool end_stream)
{
	struct http2 *h = s->h;
	struct http2_stream *st = http2_streams_find(&h->streams, id);
	if (st && st->body[FROM_CLIENT].headed) { /* trailers */
		if (end_stream)
			http2_stream_end(h, st, FROM_CLIENT, HTTP2_COMPLETE);
		return;
	}
	if (!st && id <= h->highest && !s->was_lost)
		return;
	if (!st && !(st = http2_stream_new(h, id)))
		return;
	if (id > h->highest)
		h->highest = id;
	/* an answer that overtook its request in the capture keeps the number that it was given */
	struct http2_body *b = &st->body[FROM_CLIENT], *answer = &st->body[FROM_SERVER];
	*b = (struct http2_body){.exchange = ++h->exchanges};
	if (!answer->exchange)
		answer->exchange = b->exchange;
	struct slice method = slice_first(p->method, sizeof st->method - 1);
	if (method.n)
		memcpy(st->method, method.p, method.n);
	st->method[method.n] = 0;
	bool tunnel = slice_eq_str(p->method, "CONNECT") && !p->protocol.p; /* 8.5; RFC 8441 4 for the other kind */
	if (!head->fields_lost && !head->fields_cut)
		head->ambiguous |= !p->method.n || (tunnel ? !p->authority.n : !p->path.n || !p->scheme.n);
	head->ambiguous |= p->status.p != NULL;
	head->method = p->method;
	head->target = tunnel ? p->authority : p->path;
	head->authority = p->authority;
	head_report(s, st, head, end_stream);
}

/* Three digits, else 0. */
static uint16_t status_number(struct slice text)
{
	uint16_t status = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || text.n != 3)
			return 0;
		status = (uint16_t)(status * 10 + (text.p[i] - '0'));
	}
	return status;
}

/* An answer on the stream of a request: the places that were found were some. */
static void places_good(struct http2 *h)
{
	for (int d = 0; d < 2; d++) {
		h->side[d].resynced = false;
		h->side[d].tried = 0;
		h->side[d].searched = 0;
	}
}

static void answer(struct http2_side *s, uint32_t id, struct http_head *head, const struct pseudo *p, bool end_stream)
{
	struct http2 *h = s->h;
	struct http2_side *client = &h->side[FROM_CLIENT];
	struct http2_stream *st = http2_streams_find(&h->streams, id);
	if (st && st->body[FROM_SERVER].headed) {
		if (end_stream)
			http2_stream_end(h, st, FROM_SERVER, HTTP2_COMPLETE);
		return;
	}
	if (!st) {
		if ((id <= h->highest && !client->was_lost) || !(st = http2_stream_new(h, id)))
			return;
		st->body[FROM_CLIENT].done = true;
		st->body[FROM_SERVER].exchange = ++h->exchanges;
	}
	head->status = status_number(p->status);
	head->ambiguous |= (!head->status && !head->fields_lost && !head->fields_cut) || p->method.p || p->path.p;
	head->unpaired = !st->body[FROM_CLIENT].headed;
	head->method = slice_str(st->method);
	bool found = !head->unpaired && st->body[FROM_CLIENT].exchange >= h->found_from;
	if (found && head->status / 100 > 1 && client->state != HTTP2_LOST && s->state != HTTP2_LOST)
		places_good(h);
	head_report(s, st, head, end_stream);
}

void http2_head_complete(struct http2_side *s)
{
	struct http2_block *b = &s->block;
	struct http_field fields[LIMIT_HTTP_FIELDS];
	struct slice target; /* HTTP/1's */
	struct pseudo pseudo;
	struct http_head head = {.fields = fields, .fields_cut = b->fields.cut, .fields_lost = b->fields_lost};
	head.n_fields = pseudo_split(fields, http1_fields_list(&b->fields, fields, &target), &pseudo);
	head.ambiguous = pseudo.malformed;
	if (s->direction == FROM_CLIENT)
		request(s, b->stream, &head, &pseudo, b->end_stream);
	else
		answer(s, b->stream, &head, &pseudo, b->end_stream);
}

struct http2_stream *http2_head_of_data(struct http2_side *s, uint32_t id)
{
	struct http2 *h = s->h;
	struct http2_stream *st = http2_streams_find(&h->streams, id);
	bool even = id % 2 == 0; /* pushed */
	if (even || (st && (st->body[s->direction].headed || st->body[s->direction].exchange == 0)) || !s->was_lost)
		return st && st->body[s->direction].headed ? st : NULL;
	struct http_head head = {.fields_lost = true};
	const struct pseudo nothing = {0};
	if (s->direction == FROM_CLIENT)
		request(s, id, &head, &nothing, false);
	else
		answer(s, id, &head, &nothing, false);
	st = http2_streams_find(&h->streams, id); /* the owner's word may have moved or ended it */
	return st && st->body[s->direction].headed ? st : NULL;
}
