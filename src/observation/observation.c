/* struct observation <-> bytes. One fixed layout, version 4, little endian, every part in the order of write_all():
 * strings are a 16-bit length (0xffff for NULL), the bytes and a NUL; lists come last, their lengths stand before the
 * strings. An observation has exactly one encoding, so decode and encode are each other's inverse. */
#include "observation.h"
#include "cursor.h"
#include "text.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const uint8_t magic[4] = {'o', 'b', 's', 4}; /* the last byte is the version */

#define NULL_STRING 0xffffu

enum {
	FLAG_ENCRYPTED = 1 << 0,
	FLAG_DECRYPTED = 1 << 1,
	FLAG_TLS = 1 << 2,
	FLAG_HOST_CUT = 1 << 3,
	FLAG_VIA_PROXY = 1 << 4,
	FLAG_SECURE_SCHEME = 1 << 5,
	FLAG_FINAL = 1 << 6,
	FLAG_CLIENT_MAC = 1 << 7,
};

static const struct {
	size_t offset; /* of a const char * in struct observation */
	size_t cap;    /* with its NUL */
} strings[] = {
	{offsetof(struct observation, tls_version), LIMIT_VERSION},
	{offsetof(struct observation, sni), LIMIT_SNI},
	{offsetof(struct observation, alpn), LIMIT_ALPN},
	{offsetof(struct observation, ja4), LIMIT_VERSION},
	{offsetof(struct observation, host), LIMIT_HOST},
	{offsetof(struct observation, path), LIMIT_PATH},
	{offsetof(struct observation, user_agent), LIMIT_USER_AGENT},
	{offsetof(struct observation, protocol_version), LIMIT_VERSION},
	{offsetof(struct observation, protocol_version_requested), LIMIT_VERSION},
	{offsetof(struct observation, client_name), LIMIT_NAME},
	{offsetof(struct observation, client_version), LIMIT_VERSION},
	{offsetof(struct observation, server_name), LIMIT_NAME},
	{offsetof(struct observation, server_version), LIMIT_VERSION},
	{offsetof(struct observation, app_label), LIMIT_NAME},
	{offsetof(struct observation, connector_vendor), LIMIT_NAME},
	{offsetof(struct observation, connector_api), LIMIT_HOST},
	{offsetof(struct observation, connector_name), LIMIT_NAME},
	{offsetof(struct observation, connector_id), LIMIT_NAME},
};

static const struct {
	size_t offset; /* of a struct observed_counts */
	size_t cap;
} counts[] = {
	{offsetof(struct observation, methods), LIMIT_METHOD},
	{offsetof(struct observation, server_methods), LIMIT_METHOD},
	{offsetof(struct observation, tools_called), LIMIT_NAME},
	{offsetof(struct observation, resources_read), LIMIT_PATH},
	{offsetof(struct observation, prompts_got), LIMIT_NAME},
};

#define N_STRINGS (sizeof strings / sizeof *strings)
#define N_COUNTS (sizeof counts / sizeof *counts)

/* ---- encoding: the same walk once without memory to learn the size, once with ---- */

struct writer {
	uint8_t *p; /* NULL: only count */
	size_t n;
};

static void put_bytes(struct writer *w, const void *p, size_t n)
{
	if (w->p && n)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void put_le(struct writer *w, uint64_t v, unsigned bytes)
{
	uint8_t b[8];
	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	put_bytes(w, b, bytes);
}

static void put_string(struct writer *w, const char *s, size_t cap)
{
	if (!s) {
		put_le(w, NULL_STRING, 2);
		return;
	}
	size_t n = strnlen(s, cap);
	assert(n < cap);
	put_le(w, n, 2);
	put_bytes(w, s, n);
	put_le(w, 0, 1);
}

static void put_addr(struct writer *w, const struct ip_addr *a)
{
	assert(a->family == 4 || a->family == 6);
	put_le(w, a->family, 1);
	put_bytes(w, a->b, a->family == 4 ? 4 : 16);
}

static const struct observed_counts *counts_of(const struct observation *o, size_t i)
{
	return (const struct observed_counts *)(const void *)((const char *)o + counts[i].offset);
}

static void write_fixed(struct writer *w, const struct observation *o)
{
	assert(o->kind < KIND_COUNT && o->confidence < CONFIDENCE_COUNT && o->stage < STAGE_COUNT);
	assert(o->transport < TRANSPORT_COUNT && o->http_version < HTTP_VERSION_COUNT && o->auth < AUTH_COUNT);
	assert(o->l4 == 6 || o->l4 == 17);
	assert(o->client_ip.family == o->server_ip.family && o->encap.n <= ENCAP_MAX);

	put_bytes(w, magic, sizeof magic);
	put_le(w, o->kind, 1);
	put_le(w, o->confidence, 1);
	put_le(w, o->stage, 1);
	put_le(w, o->transport, 1);
	put_le(w, o->http_version, 1);
	put_le(w, o->auth, 1);
	put_le(w, o->l4, 1);
	put_le(w, (o->encrypted ? FLAG_ENCRYPTED : 0) | (o->decrypted ? FLAG_DECRYPTED : 0) | (o->tls ? FLAG_TLS : 0) |
	              (o->host_cut ? FLAG_HOST_CUT : 0) | (o->via_proxy ? FLAG_VIA_PROXY : 0) |
	              (o->secure_scheme ? FLAG_SECURE_SCHEME : 0) | (o->final ? FLAG_FINAL : 0) |
	              (o->has_client_mac ? FLAG_CLIENT_MAC : 0), 1);
	put_le(w, (uint64_t)o->connection_time_ns, 8);
	put_le(w, o->first_frame, 8);
	put_le(w, o->capture, 4);
	put_le(w, o->authority_ordinal, 4);
	put_le(w, o->kind_ordinal, 4);
	put_le(w, (uint64_t)o->first_seen_ns, 8);
	put_le(w, (uint64_t)o->last_seen_ns, 8);
	put_le(w, o->requests, 8);
	put_le(w, o->errors, 8);
	for (int d = 0; d < 2; d++) {
		put_le(w, o->packets[d], 8);
		put_le(w, o->bytes[d], 8);
		put_le(w, o->payload_bytes[d], 8);
	}
	for (size_t i = 0; i < N_COUNTS; i++) {
		assert(counts_of(o, i)->n <= LIMIT_NAMES);
		put_le(w, counts_of(o, i)->n, 2);
	}
	assert(o->n_reasons <= LIMIT_REASONS);
	put_le(w, o->n_reasons, 2);
}

static void write_all(struct writer *w, const struct observation *o)
{
	write_fixed(w, o);
	put_addr(w, &o->client_ip);
	put_le(w, o->client_port, 2);
	put_addr(w, &o->server_ip);
	put_le(w, o->server_port, 2);
	put_le(w, o->encap.n, 1);
	for (int i = 0; i < o->encap.n; i++) {
		put_le(w, o->encap.layer[i].kind, 1);
		put_le(w, o->encap.layer[i].id, 4);
	}
	if (o->has_client_mac)
		put_bytes(w, o->client_mac, sizeof o->client_mac);
	for (size_t i = 0; i < N_STRINGS; i++) {
		const char *s;
		memcpy(&s, (const char *)o + strings[i].offset, sizeof s);
		put_string(w, s, strings[i].cap);
	}
	for (size_t i = 0; i < N_COUNTS; i++) {
		const struct observed_counts *c = counts_of(o, i);
		for (size_t k = 0; k < c->n; k++) {
			assert(c->items[k].name);
			put_string(w, c->items[k].name, counts[i].cap);
			put_le(w, c->items[k].count, 8);
			put_le(w, (uint64_t)c->items[k].first_ns, 8);
			put_le(w, c->items[k].first_frame, 8);
		}
		put_le(w, c->other, 8);
	}
	for (size_t i = 0; i < o->n_reasons; i++) {
		assert(o->reasons[i].signature && o->reasons[i].detail);
		put_string(w, o->reasons[i].signature, LIMIT_SIGNATURE_ID);
		put_string(w, o->reasons[i].detail, LIMIT_DETAIL);
		put_le(w, (uint64_t)o->reasons[i].time_ns, 8);
		put_le(w, o->reasons[i].frame, 8);
	}
	assert(o->proxy < PROXY_COUNT && (o->via_proxy || o->proxy == PROXY_NONE));
	assert(o->n_claimed_clients <= LIMIT_CLAIMED_CLIENTS);
	put_le(w, o->proxy, 1);
	put_le(w, o->n_claimed_clients, 1);
	for (unsigned i = 0; i < o->n_claimed_clients; i++) {
		assert(o->claimed_client[i].source < CLAIM_COUNT);
		put_le(w, o->claimed_client[i].source, 1);
		put_addr(w, &o->claimed_client[i].address);
	}
	assert((o->facts & ~(uint32_t)FACTS_ALL) == 0 && o->n_session_keys <= LIMIT_SESSION_KEYS);
	put_le(w, o->facts, 4);
	put_le(w, o->n_session_keys, 1);
	for (unsigned i = 0; i < o->n_session_keys; i++)
		put_le(w, o->session_keys[i], 8);
	assert(o->names_session <= o->n_session_keys);
	put_le(w, o->names_session, 1);
}

uint8_t *observation_encode(const struct observation *o, size_t *ret_n)
{
	struct writer size = {NULL, 0};
	write_all(&size, o);
	struct writer w = {malloc(size.n), 0};
	if (!w.p)
		return NULL;
	write_all(&w, o);
	assert(w.n == size.n);
	*ret_n = w.n;
	return w.p;
}

/* ---- decoding ---- */

static uint64_t get_le(struct cursor *c, unsigned bytes)
{
	struct slice s = cursor_take(c, bytes);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v |= (uint64_t)s.p[i] << 8 * i;
	return v;
}

/* A value below the limit; anything else spoils the cursor, so that one check at the end covers all. */
static unsigned get_below(struct cursor *c, unsigned bytes, unsigned limit)
{
	uint64_t v = get_le(c, bytes);
	if (v >= limit) {
		c->bad = true;
		return 0;
	}
	return (unsigned)v;
}

/* Borrows from the cursor's bytes. A NUL inside would hide what follows it from everybody who reads C strings. */
static const char *get_string(struct cursor *c, size_t cap)
{
	uint64_t n = get_le(c, 2);
	if (n == NULL_STRING)
		return NULL;
	struct slice s = cursor_take(c, n + 1);
	if (c->bad || n >= cap || s.p[n] != 0 || memchr(s.p, 0, n)) {
		c->bad = true;
		return NULL;
	}
	const char *text = (const char *)s.p;
	s.n = n;
	while (s.n) {
		size_t len = utf8_char_len(s);
		if (len == 0) {
			c->bad = true;
			return NULL;
		}
		s = slice_after(s, len);
	}
	return text;
}

static const char *get_required_string(struct cursor *c, size_t cap)
{
	const char *s = get_string(c, cap);
	if (!s)
		c->bad = true;
	return s;
}

static struct ip_addr get_addr(struct cursor *c)
{
	struct ip_addr a = {.family = (uint8_t)get_le(c, 1)};
	if (a.family != 4 && a.family != 6)
		c->bad = true;
	struct slice s = cursor_take(c, a.family == 4 ? 4 : 16);
	if (s.n)
		memcpy(a.b, s.p, s.n);
	return a;
}

struct lengths {
	size_t names[N_COUNTS];
	size_t reasons;
};

static void read_fixed(struct cursor *c, struct observation *o, struct lengths *len)
{
	if (!slice_eq(cursor_take(c, sizeof magic), slice_of(magic, sizeof magic)))
		c->bad = true;
	o->kind = get_below(c, 1, KIND_COUNT);
	o->confidence = get_below(c, 1, CONFIDENCE_COUNT);
	o->stage = get_below(c, 1, STAGE_COUNT);
	o->transport = get_below(c, 1, TRANSPORT_COUNT);
	o->http_version = get_below(c, 1, HTTP_VERSION_COUNT);
	o->auth = get_below(c, 1, AUTH_COUNT);
	o->l4 = (uint8_t)get_le(c, 1);
	if (o->l4 != 6 && o->l4 != 17)
		c->bad = true;
	uint64_t flags = get_le(c, 1);
	o->encrypted = flags & FLAG_ENCRYPTED;
	o->decrypted = flags & FLAG_DECRYPTED;
	o->tls = flags & FLAG_TLS;
	o->host_cut = flags & FLAG_HOST_CUT;
	o->via_proxy = flags & FLAG_VIA_PROXY;
	o->secure_scheme = flags & FLAG_SECURE_SCHEME;
	o->final = flags & FLAG_FINAL;
	o->has_client_mac = flags & FLAG_CLIENT_MAC;
	o->connection_time_ns = (int64_t)get_le(c, 8);
	o->first_frame = get_le(c, 8);
	o->capture = (uint32_t)get_le(c, 4);
	o->authority_ordinal = (uint32_t)get_le(c, 4);
	o->kind_ordinal = (uint32_t)get_le(c, 4);
	o->first_seen_ns = (int64_t)get_le(c, 8);
	o->last_seen_ns = (int64_t)get_le(c, 8);
	o->requests = get_le(c, 8);
	o->errors = get_le(c, 8);
	for (int d = 0; d < 2; d++) {
		o->packets[d] = get_le(c, 8);
		o->bytes[d] = get_le(c, 8);
		o->payload_bytes[d] = get_le(c, 8);
	}
	for (size_t i = 0; i < N_COUNTS; i++)
		len->names[i] = get_below(c, 2, LIMIT_NAMES + 1);
	len->reasons = get_below(c, 2, LIMIT_REASONS + 1);
}

static void read_endpoints(struct cursor *c, struct observation *o)
{
	o->client_ip = get_addr(c);
	o->client_port = (uint16_t)get_le(c, 2);
	o->server_ip = get_addr(c);
	o->server_port = (uint16_t)get_le(c, 2);
	if (o->client_ip.family != o->server_ip.family)
		c->bad = true;
	o->encap.n = (uint8_t)get_below(c, 1, ENCAP_MAX + 1);
	for (int i = 0; i < o->encap.n; i++) {
		o->encap.layer[i].kind = (uint8_t)get_le(c, 1);
		o->encap.layer[i].id = (uint32_t)get_le(c, 4);
		if (!encap_layer_valid(o->encap.layer[i].kind, o->encap.layer[i].id))
			c->bad = true;
	}
	if (o->has_client_mac) {
		struct slice mac = cursor_take(c, sizeof o->client_mac);
		if (mac.n)
			memcpy(o->client_mac, mac.p, mac.n);
	}
}

static void read_counts(struct cursor *c, struct observed_counts *out, struct observed_count *items, size_t n, size_t cap)
{
	for (size_t k = 0; k < n && !c->bad; k++) {
		items[k].name = get_required_string(c, cap);
		items[k].count = get_le(c, 8);
		items[k].first_ns = (int64_t)get_le(c, 8);
		items[k].first_frame = get_le(c, 8);
	}
	*out = (struct observed_counts){n ? items : NULL, n, get_le(c, 8)};
}

static void read_reasons(struct cursor *c, struct observation *o, struct observed_reason *items, size_t n)
{
	for (size_t i = 0; i < n && !c->bad; i++) {
		items[i].signature = get_required_string(c, LIMIT_SIGNATURE_ID);
		items[i].detail = get_required_string(c, LIMIT_DETAIL);
		items[i].time_ns = (int64_t)get_le(c, 8);
		items[i].frame = get_le(c, 8);
	}
	o->reasons = n ? items : NULL;
	o->n_reasons = n;
}

static void read_proxies(struct cursor *c, struct observation *o)
{
	o->proxy = get_below(c, 1, PROXY_COUNT);
	if (o->proxy != PROXY_NONE && !o->via_proxy)
		c->bad = true;
	o->n_claimed_clients = (uint8_t)get_below(c, 1, LIMIT_CLAIMED_CLIENTS + 1);
	for (unsigned i = 0; i < o->n_claimed_clients; i++) {
		o->claimed_client[i].source = get_below(c, 1, CLAIM_COUNT);
		o->claimed_client[i].address = get_addr(c);
	}
}

static void read_posture(struct cursor *c, struct observation *o)
{
	o->facts = get_below(c, 4, FACTS_ALL + 1);
	o->n_session_keys = (uint8_t)get_below(c, 1, LIMIT_SESSION_KEYS + 1);
	for (unsigned i = 0; i < o->n_session_keys; i++)
		o->session_keys[i] = get_le(c, 8);
	o->names_session = (uint8_t)get_below(c, 1, o->n_session_keys + 1u);
}

/* What stands before the lists says how long they are: their arrays and a private copy of the bytes, in which the
 * strings stay, are one block. The copy is made before anything is checked: who wrote the bytes may still hold them. */
bool observation_decode(const uint8_t *bytes, size_t n, struct observation_box *ret)
{
	struct observation o = {0};
	struct lengths len = {0};
	struct cursor c = cursor_of(slice_of(bytes, n));
	*ret = (struct observation_box){0};
	errno = EINVAL;
	read_fixed(&c, &o, &len);
	if (c.bad)
		return false;

	size_t total_names = 0;
	for (size_t i = 0; i < N_COUNTS; i++)
		total_names += len.names[i];
	size_t names_size = total_names * sizeof(struct observed_count);
	size_t reasons_size = len.reasons * sizeof(struct observed_reason);
	uint8_t *memory = malloc(names_size + reasons_size + n);
	if (!memory) {
		errno = ENOMEM;
		return false;
	}
	struct observed_count *names = (struct observed_count *)(void *)memory;
	struct observed_reason *reasons = (struct observed_reason *)(void *)(memory + names_size);
	memset(memory, 0, names_size + reasons_size);
	uint8_t *copy = memory + names_size + reasons_size;
	memcpy(copy, bytes, n);

	struct lengths copied;
	o = (struct observation){0};
	c = cursor_of(slice_of(copy, n));
	read_fixed(&c, &o, &copied);
	if (memcmp(&copied, &len, sizeof len) != 0) /* changed under our hands: the arrays would not fit */
		c.bad = true;
	read_endpoints(&c, &o);
	for (size_t i = 0; i < N_STRINGS; i++) {
		const char *s = get_string(&c, strings[i].cap);
		memcpy((char *)&o + strings[i].offset, &s, sizeof s);
	}
	for (size_t i = 0; i < N_COUNTS; i++) {
		struct observed_counts *out = (struct observed_counts *)(void *)((char *)&o + counts[i].offset);
		read_counts(&c, out, names, len.names[i], counts[i].cap);
		names += len.names[i];
	}
	read_reasons(&c, &o, reasons, len.reasons);
	read_proxies(&c, &o);
	read_posture(&c, &o);
	if (c.bad || cursor_left(&c) != 0) {
		free(memory);
		errno = EINVAL;
		return false;
	}
	ret->o = o;
	ret->memory = memory;
	return true;
}

void observation_box_done(struct observation_box *b)
{
	free(b->memory);
	*b = (struct observation_box){0};
}
