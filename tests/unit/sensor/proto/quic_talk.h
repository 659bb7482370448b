/* A client and a server that talk to a quic: datagrams built of Initials, the hellos that it tells of, for test_quic
 * and test_quic_hostile. */
#ifndef SHADOWTAP_QUIC_TALK_H
#define SHADOWTAP_QUIC_TALK_H

#include "quic.h"
#include "quic_build.h"
#include "tls_build.h"

enum { CLIENT = 1, SERVER = 0, HELLOS = 16 }; /* sides: the client need not be the lower one */

#define ID_A slice_of("\1\2\3\4\5\6\7\10", 8)
#define ID_B slice_of("\21\22\23\24\25\26\27\30\31", 9)
#define ID_CLIENT slice_of("cccc", 4)
#define ID_SERVER slice_of("ssssss", 6)

struct talk {
	struct quic_opener *opener;
	struct quic *q;
	struct anomaly_counts a;
	unsigned n;
	struct quic_hello hellos[HELLOS];
	struct tls_facts facts[HELLOS];
	unsigned tried;
	struct quic_build frames, datagram;
};

static inline void on_hello(void *context, const struct quic_hello *h)
{
	struct talk *t = context;
	assert_true(t->n < HELLOS);
	t->facts[t->n] = *h->facts;
	t->hellos[t->n] = *h;
	t->hellos[t->n].facts = &t->facts[t->n];
	t->n++;
}

static inline struct talk *talk_new(void)
{
	struct talk *t = calloc(1, sizeof *t);
	t->opener = quic_opener_new();
	t->q = quic_new(t->opener, &t->a, on_hello, t);
	assert_non_null(t->q);
	return t;
}

static inline void talk_free(struct talk *t)
{
	assert_false(quic_failed(t->q));
	quic_free(t->q);
	quic_opener_free(t->opener);
	free(t);
}

static inline struct build message_of(uint8_t type, const char *sni)
{
	struct build body = build_new(), message = build_new();
	if (type == 1)
		put_hello(&body, sni);
	else
		put_server_hello(&body, 0x0303, 0x0304, false);
	put_message(&message, type, build_slice(&body));
	build_free(&body);
	return message;
}

static inline struct quic_initial from_client(struct slice dcid)
{
	return (struct quic_initial){.version = QUIC_V1, .dcid = dcid, .scid = ID_CLIENT, .datagram = 1200};
}

static inline struct quic_initial from_server(struct slice key_id)
{
	return (struct quic_initial){.version = QUIC_V1,
				     .sender = FROM_SERVER,
				     .key_id = key_id,
				     .dcid = ID_CLIENT,
				     .scid = ID_SERVER,
				     .datagram = 1200};
}

static inline void deliver(struct talk *t, unsigned side)
{
	/* a copy of its own size, so that a sanitizer sees what is read behind it */
	uint8_t *copy = malloc(t->datagram.n);
	memcpy(copy, t->datagram.b, t->datagram.n);
	t->tried += quic_datagram(t->q, side, slice_of(copy, t->datagram.n), (uint32_t)t->datagram.n, true);
	free(copy);
	t->datagram.n = t->frames.n = 0;
}

/* The frames gathered in one packet in one datagram. */
static inline void send(struct talk *t, struct quic_initial i)
{
	quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	deliver(t, i.sender == FROM_CLIENT ? CLIENT : SERVER);
}

static inline void send_crypto(struct talk *t, struct quic_initial i, size_t offset, struct slice bytes)
{
	quic_put_crypto(&t->frames, offset, bytes);
	send(t, i);
}

static inline void send_hello(struct talk *t, struct slice dcid, const char *sni)
{
	struct build m = message_of(1, sni);
	send_crypto(t, from_client(dcid), 0, build_slice(&m));
	build_free(&m);
}

static inline void send_server_hello(struct talk *t, struct quic_initial i)
{
	struct build m = message_of(2, NULL);
	quic_put(&t->frames, "\2\0\0\0\0", 5); /* ACK of packet 0 */
	send_crypto(t, i, 0, build_slice(&m));
	build_free(&m);
}

static inline void assert_told(const struct talk *t, unsigned i, const char *sni, uint32_t version)
{
	assert_true(i < t->n);
	assert_string_equal(t->facts[i].sni, sni);
	assert_true(t->facts[i].client_hello && !t->facts[i].sni_cut);
	assert_int_equal(t->facts[i].ja4[0], 'q');
	assert_int_equal(t->hellos[i].version, version);
	assert_int_equal(t->hellos[i].client, CLIENT);
}

#endif
