/* Two directions of any bytes -> tls. The same bytes in one piece and in many give the same facts, anomalies and
 * statuses. Input: one byte for the splits, two for the length of the client's part, the client's part, the server's
 * part. */
#include "tls.h"
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct run {
	struct tls *t;
	struct anomaly_counts anomalies;
	enum parse status[2];
};

/* A copy of its own, so that the sanitizer sees a read behind a piece. */
static enum parse feed_copy(struct run *r, enum direction d, struct slice piece)
{
	uint8_t *copy = malloc(piece.n ? piece.n : 1);
	assert(copy);
	memcpy(copy, piece.p, piece.n);
	enum parse status = tls_feed(r->t, d, slice_of(copy, piece.n));
	free(copy);
	return status;
}

/* seed 0: one piece, the client first. Else pieces of changing size, the directions interleaved. */
static void run(struct run *r, const struct slice in[2], uint32_t seed)
{
	*r = (struct run){.t = tls_new(&r->anomalies)};
	assert(r->t);
	struct slice left[2] = {in[0], in[1]};
	while (left[0].n || left[1].n) {
		enum direction d = left[0].n ? FROM_CLIENT : FROM_SERVER;
		size_t size = left[d].n;
		if (seed) {
			seed = seed * 1664525 + 1013904223;
			if (left[1].n && seed >> 31)
				d = FROM_SERVER;
			size = 1 + (seed >> 8) % (seed & 0x4000 ? 7 : 200);
		}
		struct slice piece = slice_first(left[d], size);
		left[d] = slice_after(left[d], piece.n);
		enum parse before = r->status[d];
		r->status[d] = feed_copy(r, d, piece);
		assert(before == PARSE_MORE || r->status[d] == before);
		assert(tls_memory(r->t) <= sizeof(struct tls_facts) + 1024 + LIMIT_TLS_HELLO + LIMIT_TLS_SERVER_FLIGHT +
					       TLS_CERT_NAMES * LIMIT_SNI);
	}
	assert(!tls_failed(r->t));
}

static void check_same(const struct run *a, const struct run *b)
{
	const struct tls_facts *f = tls_facts(a->t), *g = tls_facts(b->t);
	assert(a->status[0] == b->status[0] && a->status[1] == b->status[1]);
	assert(memcmp(&a->anomalies, &b->anomalies, sizeof a->anomalies) == 0);
	assert(f->client_hello == g->client_hello && f->server_hello == g->server_hello);
	assert(f->hello_retry == g->hello_retry && f->version == g->version && f->ech == g->ech);
	assert(strcmp(f->sni, g->sni) == 0 && f->sni_cut == g->sni_cut && strcmp(f->ja4, g->ja4) == 0);
	assert(strcmp(f->alpn, g->alpn) == 0 && f->n_alpn_offered == g->n_alpn_offered);
	for (size_t i = 0; i < f->n_alpn_offered; i++)
		assert(strcmp(f->alpn_offered[i], g->alpn_offered[i]) == 0);
	assert(f->n_cert_names == g->n_cert_names && f->n_cert_names <= TLS_CERT_NAMES);
	for (size_t i = 0; i < f->n_cert_names; i++)
		assert(strcmp(f->cert_names[i], g->cert_names[i]) == 0);
	assert(!f->client_hello || a->status[FROM_CLIENT] == PARSE_DONE);
	assert(a->status[FROM_CLIENT] != PARSE_BAD || !f->client_hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 3)
		return 0;
	struct slice rest = slice_of(data + 3, n - 3);
	size_t client = (size_t)(data[1] << 8 | data[2]);
	const struct slice in[2] = {slice_first(rest, client), slice_after(rest, client)};
	struct run whole, parts;
	run(&whole, in, 0);
	run(&parts, in, 1 + data[0]);
	check_same(&whole, &parts);

	/* What was read without an oddity in its records must have looked like TLS from the start. */
	if (tls_facts(whole.t)->client_hello && whole.anomalies.n[ANOMALY_TLS_RECORD_BAD] == 0 && in[0].p[2] <= 4) {
		bool sure;
		assert(tls_looks_like(in[0], &sure) && sure);
	}
	tls_gap(parts.t, FROM_CLIENT, 1);
	tls_gap(parts.t, FROM_SERVER, 1);
	assert(!tls_facts(whole.t)->client_hello || strcmp(tls_facts(whole.t)->sni, tls_facts(parts.t)->sni) == 0);
	assert(feed_copy(&parts, FROM_CLIENT, in[0]) != PARSE_MORE &&
	       feed_copy(&parts, FROM_SERVER, in[1]) != PARSE_MORE);
	tls_free(whole.t);
	tls_free(parts.t);
	return 0;
}
