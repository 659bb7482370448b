/* Datagrams of one flow -> quic: raw bytes, and frames of the fuzzer's making in packets that are sealed well. Memory
 * stays bounded, and an end says what there is once. Input, again and again: a byte of flags, a byte that picks IDs and
 * version, two bytes of length, the bytes. flags: 1 raw instead of frames, 2 from side 1, 4 sealed by the server, 8
 * cut, 16 no trying, 32 coalesced with the next, 64 sealed with the keys of the first ID. */
#include "../../../unit/sensor/proto/quic_build.h"
#include "quic.h"
#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_hello(void *context, const struct quic_hello *hello)
{
	unsigned *told = context;
	const struct tls_facts *f = hello->facts;
	++*told;
	assert(hello->client < 2 && f->n_cert_names == 0);
	assert(memchr(f->sni, 0, sizeof f->sni) && memchr(f->ja4, 0, sizeof f->ja4));
	assert(f->n_alpn_offered <= sizeof f->alpn_offered / sizeof *f->alpn_offered);
	assert(!f->client_hello || !f->ja4[0] || f->ja4[0] == 'q');
}

static const char *const ids[] = {"AAAAAAAA", "BBBBBBBBBBBB", "", "CCCCCCCCCCCCCCCCCCCC"};
static const uint32_t versions[] = {QUIC_V1, QUIC_V2, 0xff00001d, 0xff000017};

static struct slice id_of(unsigned which)
{
	return slice_str(ids[which & 3]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct quic_opener *opener;
	static struct quic_build datagram;
	struct anomaly_counts anomalies = {0};
	unsigned told = 0;
	if (!opener)
		opener = quic_opener_new();
	struct quic *q = quic_new(opener, &anomalies, on_hello, &told);
	assert(opener && q);
	datagram.n = 0;
	for (uint32_t number = 0; n >= 4; number++) {
		uint8_t flags = data[0], pick = data[1];
		size_t length = (size_t)(data[2] << 8 | data[3]);
		data += 4;
		n -= 4;
		length = length < n ? length : n;
		struct slice bytes = slice_of(data, length);
		data += length;
		n -= length;
		if (datagram.n + length + 2000 > 20000)
			datagram.n = 0;
		if (flags & 1) {
			quic_put(&datagram, bytes.p, bytes.n);
		} else {
			struct quic_initial i = {.version = versions[pick >> 6],
						 .sender = flags & 4 ? FROM_SERVER : FROM_CLIENT,
						 .key_id = id_of(flags & 64 ? 0 : pick),
						 .dcid = id_of(pick),
						 .scid = id_of(pick >> 2),
						 .token = slice_first(slice_str("token"), pick >> 4 & 3),
						 .number = number,
						 .number_n = 1 + (pick >> 3 & 3),
						 .datagram = 1200};
			quic_put_initial(&datagram, &i, bytes);
		}
		if ((flags & 32) && n >= 4)
			continue;
		size_t size = flags & 8 ? datagram.n / 2 : datagram.n;
		uint8_t *copy = malloc(size ? size : 1);
		assert(copy);
		memcpy(copy, datagram.b, size);
		bool tried =
		    quic_datagram(q, flags >> 1 & 1, slice_of(copy, size), (uint32_t)datagram.n, !(flags & 16));
		free(copy);
		datagram.n = 0;
		assert(!(tried && flags & 16));
		assert(quic_memory(q) <=
		       256 + LIMIT_QUIC_CONNECTIONS *
				 (sizeof(struct tls_facts) + 512 + 2 * (LIMIT_QUIC_CRYPTO + 12 * LIMIT_QUIC_PIECES)));
		assert(!quic_failed(q));
	}
	quic_end(q);
	unsigned before = told;
	quic_end(q);
	assert(told == before);
	quic_free(q);
	return 0;
}
