/* By libcrypto's low-level SHA-256, for the reasons that ja4.c gives: what goes by EVP searches a provider and allocates, for each event, which
 * was most of what an event cost here. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "event_id.h"
#include "status.h"
#include <openssl/sha.h>
#include <stdio.h>

/* Every part is of fixed size or has its length before it, so that no two different inputs give the same bytes:
 * a sensor named "a" with a layer "b" must not share ids with a sensor named "ab". */
#define ID_DOMAIN "shadowtap event 1"
#define SENSOR_BYTES 1024 /* of the name that enter the hash; the length before them is that of the whole */
#define ID_INPUT (sizeof ID_DOMAIN + 4 + SENSOR_BYTES + 1 + ENCAP_MAX * (1 + ENCAP_TEXT) + 1 + 2 * 19 + 8 + 4 + 1 + 32 + 4)

struct id_input {
	uint8_t b[ID_INPUT];
	size_t n;
};

static void add(struct id_input *in, const void *p, size_t n)
{
	memcpy(in->b + in->n, p, n);
	in->n += n;
}

static void add_be(struct id_input *in, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;)
		in->b[in->n++] = (uint8_t)(v >> 8 * i);
}

static void add_text8(struct id_input *in, const char *s)
{
	add_be(in, strlen(s), 1);
	add(in, s, strlen(s));
}

static void add_endpoint(struct id_input *in, const struct ip_addr *a, uint16_t port)
{
	size_t n = a->family == 4 ? 4 : 16;
	add_be(in, n, 1);
	add(in, a->b, n);
	add_be(in, port, 2);
}

void encap_layer_format(const struct encap *e, size_t i, char out[ENCAP_TEXT])
{
	const char *name = encap_kind_name(e->layer[i].kind);
	if (encap_kind_max_id(e->layer[i].kind))
		snprintf(out, ENCAP_TEXT, "%s:%u", name, (unsigned)e->layer[i].id);
	else
		snprintf(out, ENCAP_TEXT, "%s", name);
}

int event_id(const struct observation *o, const char *sensor, char ret[EVENT_ID_TEXT])
{
	struct id_input in = {.n = 0};
	add(&in, ID_DOMAIN, sizeof ID_DOMAIN - 1);
	size_t n = strlen(sensor);
	add_be(&in, n, 4);
	add(&in, sensor, n < SENSOR_BYTES ? n : SENSOR_BYTES);
	add_be(&in, o->encap.n, 1);
	for (size_t i = 0; i < o->encap.n; i++) {
		char layer[ENCAP_TEXT];
		encap_layer_format(&o->encap, i, layer);
		add_text8(&in, layer);
	}
	add_be(&in, o->l4, 1);
	add_endpoint(&in, &o->client_ip, o->client_port);
	add_endpoint(&in, &o->server_ip, o->server_port);
	add_be(&in, (uint64_t)o->connection_time_ns, 8);
	add_be(&in, o->authority_ordinal, 4);
	if (o->kind != KIND_CONNECTION) {
		add_text8(&in, event_kind_name(o->kind));
		add_be(&in, o->kind_ordinal, 4);
	}

	static const char digits[] = "0123456789abcdef";
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX hash;
	if (SHA256_Init(&hash) != 1 || SHA256_Update(&hash, in.b, in.n) != 1 || SHA256_Final(digest, &hash) != 1)
		return FAIL_MEMORY;
	for (size_t i = 0; i < EVENT_ID_TEXT - 1; i++)
		ret[i] = digits[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	ret[EVENT_ID_TEXT - 1] = '\0';
	return 0;
}
