/* A connection is known by the ID that its client chose for the server (the Destination Connection ID of its first
 * Initial): the keys of all its Initials are made of it. After a Retry the client goes on with another one, which is a
 * new connection here that says the same. Later Initials name IDs that the two sides chose since, so they are matched
 * by the client's own ID and then by whether the keys fit. An Initial that fits no known connection may open one: the
 * keys made of its own ID tell. Since the keys are public, whoever sees a connection's first packet can make up more of
 * them; first bytes stand (quic_stream.c) and a hello is read once. Who does not see it can only open connections of
 * his own.
 *
 * Known weaknesses: of a connection whose first packet was lost and whose client then sends no second flight under the
 * same ID nothing can be opened. A client without an ID of its own (Chrome) gives no hint which of its connections on
 * these ports a packet is of: keys are tried. */
#include "quic.h"
#include "limits.h"
#include "quic_stream.h"
#include "tls_hello.h"
#include "tls_record.h"
#include <stdio.h>
#include <stdlib.h>

/* Datagrams without long headers from the client, after which what is missing of its hello will not come any more: the
 * server had it. */
enum { SHORT_DATAGRAMS = 8, MESSAGE_HEADER = 4 };

struct half {
	struct quic_keys keys;
	bool keyed;        /* keys are made */
	bool done;         /* its hello was read, or will never be */
	uint64_t expected; /* packet number */
	struct quic_stream stream;
};

struct connection {
	uint32_t version;
	unsigned client;
	uint8_t id[QUIC_ID_MAX], client_id[QUIC_ID_MAX];
	uint8_t id_n, client_id_n;
	bool told_part; /* the beginning of a hello was told */
	struct half half[2];
	struct tls_facts facts;
};

struct quic {
	struct quic_opener *opener;
	struct anomaly_counts *anomalies;
	quic_hello_fn *on_hello;
	void *context;
	struct connection *connections[LIMIT_QUIC_CONNECTIONS]; /* oldest first */
	unsigned n;
	unsigned shorts; /* datagrams of a client that went on, up to SHORT_DATAGRAMS */
	bool handshake;  /* a client sent a packet of the next kind */
	bool failed;
};

struct quic *quic_new(struct quic_opener *opener, struct anomaly_counts *anomalies, quic_hello_fn *fn, void *context)
{
	struct quic *q = calloc(1, sizeof *q);
	if (q) {
		q->opener = opener;
		q->anomalies = anomalies;
		q->on_hello = fn;
		q->context = context;
	}
	return q;
}

/* ---- hellos ---- */

static void half_done(struct half *h)
{
	quic_stream_done(&h->stream);
	h->done = true;
}

static void tell(struct quic *q, const struct connection *c)
{
	q->on_hello(q->context, &(struct quic_hello){c->version, c->client, &c->facts});
}

/* The first n bytes of a stream in one place, to be freed. */
static uint8_t *in_one_place(struct quic *q, const struct quic_stream *s, size_t n)
{
	uint8_t *bytes = malloc(n);
	if (bytes)
		quic_stream_copy(s, bytes, n);
	q->failed |= !bytes;
	return bytes;
}

/* Type and length of the handshake message that a stream begins with (RFC 8446 4). False while they are not there. */
static bool message_of(const struct quic_stream *s, uint8_t *ret_type, size_t *ret_n)
{
	uint8_t header[MESSAGE_HEADER];
	if (quic_stream_ready(s) < sizeof header)
		return false;
	quic_stream_copy(s, header, sizeof header);
	*ret_type = header[0];
	*ret_n = (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
	return true;
}

/* What there is of a client's hello whose rest will not come, or that is longer than anybody's patience. */
static void tell_part(struct quic *q, struct connection *c)
{
	struct half *h = &c->half[FROM_CLIENT];
	uint8_t type;
	size_t n, ready = quic_stream_ready(&h->stream);
	if (h->done || c->told_part || !message_of(&h->stream, &type, &n) || type != TLS_CLIENT_HELLO)
		return;
	c->told_part = true;
	uint8_t *bytes = in_one_place(q, &h->stream, ready);
	if (!bytes)
		return;
	tls_client_hello_read_start(slice_of(bytes + MESSAGE_HEADER, ready - MESSAGE_HEADER), &c->facts, q->anomalies);
	free(bytes);
	if (n > LIMIT_QUIC_CRYPTO - MESSAGE_HEADER)
		anomaly_count(q->anomalies, ANOMALY_TLS_HELLO_LIMIT);
	/* padding, or a hello in crumbs, must not turn a name into one that approves */
	c->facts.sni_cut |= h->stream.dropped || n > LIMIT_QUIC_CRYPTO - MESSAGE_HEADER;
	if (c->facts.sni[0])
		tell(q, c);
}

static void read_hello(struct quic *q, struct connection *c, enum direction d)
{
	struct half *h = &c->half[d];
	uint8_t type;
	size_t n, ready = quic_stream_ready(&h->stream);
	if (!message_of(&h->stream, &type, &n))
		return;
	if (type != (d == FROM_CLIENT ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO)) {
		anomaly_count(q->anomalies, ANOMALY_TLS_HELLO_BAD);
		half_done(h);
		return;
	}
	if (n > LIMIT_QUIC_CRYPTO - MESSAGE_HEADER) {
		if (d == FROM_SERVER)
			anomaly_count(q->anomalies, ANOMALY_TLS_HELLO_LIMIT);
		if (d == FROM_CLIENT && ready < LIMIT_QUIC_CRYPTO)
			return; /* as much as will be kept comes first */
		if (d == FROM_CLIENT)
			tell_part(q, c);
		half_done(h);
		return;
	}
	if (ready < MESSAGE_HEADER + n)
		return;
	uint8_t *bytes = in_one_place(q, &h->stream, MESSAGE_HEADER + n);
	if (!bytes)
		return;
	struct slice body = slice_of(bytes + MESSAGE_HEADER, n);
	half_done(h);
	bool told = d == FROM_CLIENT ? (tls_client_hello_read(body, 'q', &c->facts, q->anomalies), true)
				     : tls_server_hello_read(body, &c->facts, q->anomalies);
	free(bytes);
	/* a server's hello by itself names nobody: it is told with the client's */
	if (told && c->half[FROM_CLIENT].done)
		tell(q, c);
}

/* ---- frames of an Initial packet (RFC 9000 12.4: these and no others) ---- */

enum frame {
	FRAME_PADDING = 0,
	FRAME_PING = 1,
	FRAME_ACK = 2,
	FRAME_ACK_ECN = 3,
	FRAME_CRYPTO = 6,
	FRAME_CLOSE = 0x1c
};

static void skip_ack(struct cursor *c, bool ecn)
{
	quic_varint(c);
	quic_varint(c);
	uint64_t ranges = quic_varint(c);
	quic_varint(c);
	for (; ranges && cursor_ok(c); ranges--) {
		quic_varint(c);
		quic_varint(c);
	}
	for (int i = 0; ecn && i < 3; i++)
		quic_varint(c);
}

static struct slice sized(struct cursor *c)
{
	uint64_t n = quic_varint(c);
	if (n > cursor_left(c))
		c->bad = true;
	return cursor_take(c, (size_t)n);
}

static void read_frames(struct quic *q, struct connection *c, enum direction d, struct slice frames)
{
	struct half *h = &c->half[d];
	struct cursor at = cursor_of(frames);
	while (cursor_left(&at) && cursor_ok(&at)) {
		switch (quic_varint(&at)) {
		case FRAME_PADDING:
		case FRAME_PING: break;
		case FRAME_ACK: skip_ack(&at, false); break;
		case FRAME_ACK_ECN: skip_ack(&at, true); break;
		case FRAME_CRYPTO: {
			uint64_t offset = quic_varint(&at);
			struct slice bytes = sized(&at);
			if (cursor_ok(&at) && !h->done)
				q->failed |= quic_stream_put(&h->stream, offset, bytes, q->anomalies) != 0;
			break;
		}
		case FRAME_CLOSE:
			quic_varint(&at);
			quic_varint(&at);
			sized(&at);
			break;
		default: at.bad = true;
		}
	}
	if (!cursor_ok(&at))
		anomaly_count(q->anomalies, ANOMALY_QUIC_FRAME_BAD);
	if (!h->done)
		read_hello(q, c, d);
}

/* ---- packets ---- */

static void connection_free(struct connection *c)
{
	quic_stream_done(&c->half[FROM_CLIENT].stream);
	quic_stream_done(&c->half[FROM_SERVER].stream);
	free(c);
}

static bool is_id(const uint8_t *id, uint8_t n, struct slice other)
{
	return slice_eq(slice_of(id, n), other);
}

/* Could the packet be of this connection, by its IDs? A client keeps its own ID (RFC 9000 7.2) and the server answers
 * to it. */
static bool belongs(const struct connection *c, enum direction d, const struct quic_packet *p)
{
	if (d == FROM_SERVER)
		return is_id(c->client_id, c->client_id_n, p->dcid);
	return is_id(c->client_id, c->client_id_n, p->scid) || is_id(c->id, c->id_n, p->dcid);
}

static bool open_by(struct quic *q, struct connection *c, enum direction d, const struct quic_packet *p,
		    struct slice *ret_frames)
{
	struct half *h = &c->half[d];
	struct quic_keys other;
	const struct quic_keys *keys = &h->keys;
	uint64_t number;
	if (p->version != c->version) { /* compatible version negotiation: the same ID in the other version's keys */
		quic_keys_derive(p->version, slice_of(c->id, c->id_n), d, &other);
		keys = &other;
	} else if (!h->keyed) {
		quic_keys_derive(c->version, slice_of(c->id, c->id_n), d, &h->keys);
		h->keyed = true;
	}
	if (!quic_open(q->opener, keys, p, h->expected, &number, ret_frames))
		return false;
	if (number >= h->expected)
		h->expected = number + 1;
	if (p->version != c->version) {
		c->version = p->version;
		h->keys = other;
		h->keyed = true;
		c->half[direction_flip(d)].keyed = false;
	}
	return true;
}

/* Room for one more: the oldest whose client was read leaves, else the oldest. */
static void make_room(struct quic *q)
{
	unsigned goes = 0;
	while (goes < q->n && !q->connections[goes]->half[FROM_CLIENT].done)
		goes++;
	if (goes == q->n) {
		goes = 0;
		anomaly_count(q->anomalies, ANOMALY_QUIC_CONNECTIONS_LIMIT);
		tell_part(q, q->connections[0]);
	}
	connection_free(q->connections[goes]);
	q->n--;
	memmove(q->connections + goes, q->connections + goes + 1, (q->n - goes) * sizeof *q->connections);
}

/* Tries the keys of the packet's own ID: it is then the first Initial of a client, or one from before the server's
 * answer. */
static struct connection *open_new(struct quic *q, unsigned side, const struct quic_packet *p, struct slice *ret_frames)
{
	struct quic_keys keys;
	uint64_t number;
	quic_keys_derive(p->version, p->dcid, FROM_CLIENT, &keys);
	if (!quic_open(q->opener, &keys, p, 0, &number, ret_frames))
		return NULL;
	struct connection *c = calloc(1, sizeof *c);
	if (!c) {
		q->failed = true;
		return NULL;
	}
	c->version = p->version;
	c->client = side;
	c->id_n = (uint8_t)p->dcid.n;
	c->client_id_n = (uint8_t)p->scid.n;
	if (c->id_n)
		memcpy(c->id, p->dcid.p, c->id_n);
	if (c->client_id_n)
		memcpy(c->client_id, p->scid.p, c->client_id_n);
	c->half[FROM_CLIENT].keys = keys;
	c->half[FROM_CLIENT].keyed = true;
	c->half[FROM_CLIENT].expected = number + 1;
	if (q->n == LIMIT_QUIC_CONNECTIONS)
		make_room(q);
	q->connections[q->n++] = c;
	q->shorts = 0;
	q->handshake = false;
	return c;
}

/* True if keys were made to see of what connection the packet is: of a new one, or of one in another version. */
static bool read_initial(struct quic *q, unsigned side, const struct quic_packet *p, uint32_t wire_bytes, bool may_try)
{
	struct slice frames;
	bool tried = false;
	for (unsigned i = q->n; i-- > 0;) {
		struct connection *c = q->connections[i];
		enum direction d = side == c->client ? FROM_CLIENT : FROM_SERVER;
		bool other = p->version != c->version;
		if (!belongs(c, d, p) || (other && !may_try))
			continue;
		tried |= other;
		if (open_by(q, c, d, p, &frames)) {
			read_frames(q, c, d, frames);
			return tried;
		}
	}
	if (wire_bytes >= QUIC_DATAGRAM_LEAST && !may_try) {
		anomaly_count(q->anomalies, ANOMALY_QUIC_INITIALS_LIMIT);
		return false;
	}
	struct connection *c = NULL;
	if (wire_bytes >= QUIC_DATAGRAM_LEAST) {
		tried = true;
		c = open_new(q, side, p, &frames);
	}
	if (c)
		read_frames(q, c, FROM_CLIENT, frames);
	else
		anomaly_count(q->anomalies, ANOMALY_QUIC_UNOPENED);
	return tried;
}

/* A client that sends other packets than Initials and 0-RTT has the server's hello. */
static void client_went_on(struct quic *q, unsigned side, enum quic_type type)
{
	bool client = false;
	for (unsigned i = 0; i < q->n; i++)
		client |= q->connections[i]->client == side;
	if (!client)
		return;
	if (type == QUIC_HANDSHAKE)
		q->handshake = true;
	else if (q->shorts < SHORT_DATAGRAMS && ++q->shorts == SHORT_DATAGRAMS)
		for (unsigned i = 0; i < q->n; i++)
			tell_part(q, q->connections[i]);
}

bool quic_datagram(struct quic *q, unsigned side, struct slice datagram, uint32_t wire_bytes, bool may_try)
{
	struct quic_packet p;
	struct slice left = datagram, id = {NULL, 0};
	bool tried = false, first = true;
	unsigned initials = 0;
	enum quic_next next;
	while ((next = quic_packet_next(&left, &p)) == QUIC_NEXT_ONE) {
		/* RFC 9000 12.2: packets for somebody else are no part of this datagram; also, each would cost a try */
		if (!first && p.type != QUIC_SHORT && !slice_eq(id, p.dcid))
			break;
		if (first)
			id = p.dcid;
		if (p.type == QUIC_INITIAL && ++initials > LIMIT_QUIC_INITIALS) {
			anomaly_count(q->anomalies, ANOMALY_QUIC_INITIALS_LIMIT);
			break;
		}
		if (p.type == QUIC_INITIAL)
			tried |= read_initial(q, side, &p, wire_bytes, may_try && !tried);
		else if (p.type == QUIC_HANDSHAKE || (p.type == QUIC_SHORT && first))
			client_went_on(q, side, p.type);
		first = false;
	}
	if (next == QUIC_NEXT_BAD && wire_bytes == datagram.n)
		anomaly_count(q->anomalies, ANOMALY_QUIC_HEADER_BAD);
	return tried;
}

/* ---- life and death ---- */

void quic_end(struct quic *q)
{
	for (unsigned i = 0; i < q->n; i++)
		tell_part(q, q->connections[i]);
}

bool quic_is_idle(const struct quic *q)
{
	return q->n == 0;
}

bool quic_is_over(const struct quic *q)
{
	bool clients = q->n > 0, servers = true;
	for (unsigned i = 0; i < q->n; i++) {
		clients &= q->connections[i]->half[FROM_CLIENT].done;
		servers &= q->connections[i]->half[FROM_SERVER].done;
	}
	return clients && ((servers && q->handshake) || q->shorts);
}

bool quic_failed(struct quic *q)
{
	bool failed = q->failed;
	q->failed = false;
	return failed;
}

size_t quic_memory(const struct quic *q)
{
	size_t n = sizeof *q;
	for (unsigned i = 0; i < q->n; i++)
		n += sizeof *q->connections[i] + quic_stream_memory(&q->connections[i]->half[FROM_CLIENT].stream) +
		     quic_stream_memory(&q->connections[i]->half[FROM_SERVER].stream);
	return n;
}

void quic_free(struct quic *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i < q->n; i++)
		connection_free(q->connections[i]);
	free(q);
}

void quic_version_text(uint32_t version, char ret[16])
{
	if (version == QUIC_V1 || version == QUIC_V2)
		snprintf(ret, 16, "%d", version == QUIC_V1 ? 1 : 2);
	else
		snprintf(ret, 16, "draft-%u", (unsigned)(version & 0xff));
}
