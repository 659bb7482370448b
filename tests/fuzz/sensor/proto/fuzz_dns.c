/* One DNS message, and the same bytes as a TCP stream in two splits. Whatever it is: what is told is bounded, a host's name, and the same
 * for any split. */
#include "dns.h"
#include "dns_stream.h"
#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct told {
	uint64_t messages, bytes;
};

static bool on_message(void *context, unsigned side, struct slice message)
{
	struct told *t = context;
	struct dns_message m;
	assert(side == 1);
	t->messages++;
	t->bytes += message.n;
	enum dns_kind k = dns_message_read(message, message.n, &m);
	return k != DNS_FOREIGN && k != DNS_BAD;
}

static struct told stream(const uint8_t *data, size_t n, size_t size)
{
	struct told t = {0, 0};
	struct dns_stream *s = dns_stream_new(on_message, &t);
	assert(s);
	for (size_t at = 0; at < n; at += size)
		dns_stream_bytes(s, 1, slice_first(slice_of(data + at, n - at), size));
	assert(dns_stream_memory(s) < 70000);
	dns_stream_free(s);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dns_message m, cut;
	enum dns_kind k = dns_message_read(slice_of(data, n), n, &m);
	if (k == DNS_QUERY || k == DNS_ANSWER) {
		char normal[HOSTNAME_TEXT];
		assert(hostname_normalize(slice_str(m.name), normal) && strcmp(normal, m.name) == 0);
		assert(m.n_addresses <= LIMIT_DNS_ADDRESSES);
		for (unsigned i = 0; i < m.n_addresses; i++) {
			assert(m.addresses[i].addr.family == 4 || m.addresses[i].addr.family == 6);
			assert(m.addresses[i].ttl <= INT32_MAX);
		}
		assert(k == DNS_ANSWER || m.n_addresses == 0);
		/* what the capture cut says less, never something else */
		if (n && dns_message_read(slice_of(data, n - 1), n, &cut) == DNS_ANSWER)
			assert(strcmp(cut.name, m.name) == 0 && cut.cut);
	}
	if (n > 2) {
		struct told one = stream(data, n, n), pieces = stream(data, n, 3);
		assert(one.messages == pieces.messages && one.bytes == pieces.bytes);
	}
	return 0;
}
