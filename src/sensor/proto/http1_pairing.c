/* A complete head -> its place in the order of requests and answers, how its body is framed, who reads it.
 * Called by http1.c.
 *
 * Answers come in request order (RFC 9112 9.3.2), so pairing is a queue. Lost bytes break it:
 * - server bytes lost: the requests that wait may have been answered in the gap, so all are dropped. While the
 *   server's side is lost, a new request means that the ones before it were answered, unless nothing came from the
 *   server since (pipelining).
 * - client bytes lost: requests that wait keep their places, nothing was lost before them. Requests that follow
 *   while some still wait may stand behind lost ones: their answers count as unpaired, until a request comes when
 *   none waits.
 * Known weakness: a client that pipelines through a gap of its own with no answer outstanding is paired wrongly. */
#include "http1_state.h"

static bool offers_continue(const struct http_head *head)
{
	return head->minor >= 1 && slice_ieq_str(http_field_value(head, "Expect"), "100-continue");
}

static bool coding_add_transfer(struct coding_list *list, struct slice value)
{
	while (value.n) {
		size_t comma = slice_find(value, ',');
		struct slice name = slice_trim(slice_first(value, comma));
		value = slice_after(value, comma + 1);
		if (!slice_ieq_str(name, "chunked") && coding_list_add(list, name) != CODING_OK)
			return false;
	}
	return true;
}

/* Transfer codings were applied after content codings (RFC 9112 7), whatever the order of the fields. */
static bool codings_of(const struct http_head *head, struct coding_list *ret)
{
	*ret = (struct coding_list){0};
	for (uint32_t i = 0; i < head->n_fields; i++)
		if (slice_ieq_str(head->fields[i].name, "Content-Encoding") &&
		    coding_list_add(ret, head->fields[i].value) != CODING_OK)
			return false;
	for (uint32_t i = 0; i < head->n_fields; i++)
		if (slice_ieq_str(head->fields[i].name, "Transfer-Encoding") &&
		    !coding_add_transfer(ret, head->fields[i].value))
			return false;
	return true;
}

/* The side enters the body. One that cannot be decoded ends here for the owner and is passed like an unwanted one. */
static void body_begin(struct side *s, const struct http_head *head, enum side_state state, uint64_t length,
		       bool wanted)
{
	s->state = state;
	s->left = length;
	s->chunks = (struct http1_chunks){0};
	s->touched = false;
	if (state == SIDE_LENGTH && length == 0) {
		side_end(s, true);
		side_next(s);
		return;
	}
	s->wanted = wanted;
	if (!wanted)
		return;
	struct coding_list codings;
	if (!codings_of(head, &codings)) {
		anomaly_count(s->h->anomalies, ANOMALY_HTTP_CODING_UNKNOWN);
		side_end(s, false);
		return;
	}
	if (codings.n == 0)
		return;
	s->coding = content_coding_new(&codings);
	if (!s->coding)
		side_end(s, false);
}

/* False, and the side is bad, if this is no head that can be believed. */
static bool head_read(struct side *s, struct http_field *fields, struct http_head *head, struct http1_framing *framing)
{
	*head = (struct http_head){
		.direction = (enum direction)s->direction,
		.major = s->reader.llhttp.http_major,
		.minor = s->reader.llhttp.http_minor,
		.fields = fields,
	};
	head->n_fields = http1_fields_list(&s->reader.fields, fields, &head->target);
	head->fields_cut = s->reader.fields.cut;
	/* RTSP's request line has HTTP's shape, and llhttp reads both. HTTP/0.9 and "HTTP/2.0" are not read here. */
	if (head->major != 1 || slice_istarts(head->target, "rtsp:")) {
		side_bad(s);
		return false;
	}
	http1_reader_framing(&s->reader, fields, head->n_fields, framing);
	for (uint32_t i = 0; i < head->n_fields; i++)
		fields[i].name = slice_trim(fields[i].name);
	head->ambiguous = framing->ambiguous;
	if (head->fields_cut)
		anomaly_count(s->h->anomalies, ANOMALY_HTTP_HEADER_LIMIT);
	if (head->ambiguous)
		anomaly_count(s->h->anomalies, ANOMALY_HTTP_LENGTH_AMBIGUOUS);
	return true;
}

static struct http1_exchange *request_take_place(struct http1 *h, uint64_t *ret_number)
{
	struct http1_exchanges *x = &h->exchanges;
	const struct side *server = &h->side[FROM_SERVER];
	if (server->state == SIDE_BAD || server->state == SIDE_ENDED || (server->state == SIDE_LOST && h->server_moved))
		http1_exchanges_drop(x);
	h->server_moved = false;
	if (x->owed == 0 && x->answer == x->next)
		h->unsure = false;
	struct http1_exchange *e;
	if (!http1_exchanges_push(x, ret_number, &e) && !h->pipeline_counted) {
		anomaly_count(h->anomalies, ANOMALY_HTTP_PIPELINE_LIMIT);
		h->pipeline_counted = true;
	}
	if (e)
		e->unsure = h->unsure;
	return e;
}

void request_head(struct side *s)
{
	struct http1 *h = s->h;
	struct http_field fields[LIMIT_HTTP_FIELDS];
	struct http_head head;
	struct http1_framing framing;
	if (!head_read(s, fields, &head, &framing))
		return;

	struct http1_exchange *e = request_take_place(h, &s->exchange);
	uint8_t method = s->reader.llhttp.method;
	bool connect = method == HTTP_CONNECT;
	bool upgrade = framing.upgrade && head.minor >= 1; /* RFC 9110 7.8: in HTTP/1.0 it is ignored */
	s->stray = 0;
	if (e) {
		e->method = method;
		e->upgrade = upgrade;
		e->expect = offers_continue(&head);
	}
	if (connect || upgrade)
		h->held_exchange = s->exchange;
	head.method = slice_str(llhttp_method_name((llhttp_method_t)method));
	head.exchange = s->exchange;
	head.user = side_user(s);
	s->open = true;
	bool wanted = h->callbacks.head(h->context, &head) == HTTP_BODY_READ;

	/* A CONNECT has no body, whatever its fields say (RFC 9110 9.3.6). */
	if (connect)
		body_begin(s, &head, SIDE_LENGTH, 0, false);
	else if (framing.other_coding)
		side_bad(s); /* no length can be known (RFC 9112 6.3 rule 4) */
	else if (framing.chunked)
		body_begin(s, &head, SIDE_CHUNKED, 0, wanted);
	else
		body_begin(s, &head, SIDE_LENGTH, framing.has_length ? framing.length : 0, wanted);
}

static void tunnel_begin(struct side *s, bool connect, const struct http_head *head)
{
	struct http1 *h = s->h;
	struct side *client = &h->side[FROM_CLIENT];
	h->tunnel = true;
	h->held_exchange = 0;
	if (connect)
		side_end(s, true);
	h->callbacks.tunnel(h->context, connect, head);
	s->state = SIDE_TUNNEL;
	http1_fields_reset(&s->reader.fields);
	/* A request that still sends its body finishes it as HTTP (RFC 9110 7.8). */
	if (client->state == SIDE_LENGTH || client->state == SIDE_CHUNKED || client->state == SIDE_ENDED)
		return;
	client->state = SIDE_TUNNEL;
	held_to_tunnel(h);
}

/* Answers that end at their head: RFC 9112 6.3 rules 1 and 2. */
static bool answer_has_no_body(uint16_t status, bool asked, uint8_t method)
{
	return status / 100 == 1 || status == 204 || status == 304 || (asked && method == HTTP_HEAD);
}

static void answer_body(struct side *s, const struct http_head *head, const struct http1_framing *framing, bool no_body,
			bool wanted)
{
	if (no_body)
		body_begin(s, head, SIDE_LENGTH, 0, false);
	else if (framing->chunked)
		body_begin(s, head, SIDE_CHUNKED, 0, wanted);
	else if (framing->has_length)
		body_begin(s, head, SIDE_LENGTH, framing->length, wanted);
	else
		body_begin(s, head, SIDE_CLOSE, 0, wanted);
}

/* Final answers end three kinds of waiting: for the place in the order, for a 100, for an accepted offer. */
static void answer_settles(struct http1 *h, uint64_t number, bool expected, uint16_t status)
{
	struct side *client = &h->side[FROM_CLIENT];
	if (expected && status >= 300 && client->open && client->exchange == number && !client->touched)
		client->doubt = true;
	if (h->held_exchange && h->exchanges.answer > h->held_exchange) {
		h->held_exchange = 0;
		if (client->state == SIDE_HELD)
			held_to_http(h);
	}
}

void answer_head(struct side *s)
{
	struct http1 *h = s->h;
	struct http1_exchanges *x = &h->exchanges;
	const struct side *client = &h->side[FROM_CLIENT];
	struct http_field fields[LIMIT_HTTP_FIELDS];
	struct http_head head;
	struct http1_framing framing;
	if (!head_read(s, fields, &head, &framing))
		return;

	uint64_t number;
	struct http1_exchange *e = http1_exchanges_next(x, &number);
	struct http1_exchange asked = e ? *e : (struct http1_exchange){0};
	bool known = e != NULL;
	bool paired = known && !asked.unsure;
	head.status = s->reader.llhttp.status_code;
	bool switched = head.status == 101 && (!known || asked.upgrade);
	bool connected = known && asked.method == HTTP_CONNECT && head.status / 100 == 2;
	bool interim = head.status / 100 == 1 && !switched;
	/* A 101 that nobody asked for is one more interim answer: a server alone cannot switch (RFC 9110 15.2.2). */
	if ((head.status == 101 && !switched) || (!known && x->owed == 0 && client->state <= SIDE_HELD))
		anomaly_count(h->anomalies, ANOMALY_HTTP_ANSWER_UNASKED);
	if (known && head.status == 100)
		e->expect = false;
	if (!interim) {
		http1_exchanges_answered(x);
		if (known && !paired)
			http1_exchanges_done(x, number, FROM_SERVER);
		if (paired && number >= h->found_from && client->state != SIDE_LOST)
			h->side[FROM_CLIENT].resynced = s->resynced = false;
	}

	s->stray = 0;
	s->exchange = paired ? number : 0;
	if (paired)
		head.method = slice_str(llhttp_method_name((llhttp_method_t)asked.method));
	head.unpaired = !paired;
	head.exchange = s->exchange;
	head.user = side_user(s);
	s->open = !interim && !switched;
	bool wanted = h->callbacks.head(h->context, &head) == HTTP_BODY_READ;

	if (interim) {
		side_next(s);
		return;
	}
	if (switched || connected) {
		tunnel_begin(s, connected, &head);
		return;
	}
	answer_body(s, &head, &framing, answer_has_no_body(head.status, known, asked.method), wanted);
	answer_settles(h, number, asked.expect, head.status);
}
