/* Any bytes up the channel, in pieces that their first byte tells: the reader gives the same messages for any pieces,
 * stays within its cap, and stays bad once it is; the small messages are read from every payload. */
#include "channel.h"
#include "limits.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MOST = 4096, MESSAGES = 64 };

struct seen {
	struct {
		uint32_t type;
		size_t n;
		uint8_t first;
	} messages[MESSAGES];
	unsigned n;
	bool bad;
};

static void read_small(struct slice payload)
{
	struct channel_ready ready;
	struct channel_notice notice;
	struct channel_wanted wanted;
	enum channel_failure why;
	struct slice text;
	channel_read_ready(payload, &ready);
	if (channel_read_failed(payload, &why, &text) && text.n > CHANNEL_TEXT)
		abort();
	if (channel_read_notice(payload, &notice) && notice.text.n > CHANNEL_TEXT)
		abort();
	if (channel_read_wanted(payload, &wanted) && wanted.comment.n > CHANNEL_TEXT)
		abort();
}

static void take(struct channel_reader *r, struct seen *s)
{
	struct message m;
	while (channel_next(r, &m)) {
		if (m.payload.n > MOST || m.fd >= 0)
			abort();
		read_small(m.payload);
		if (s->n < MESSAGES) {
			s->messages[s->n].type = m.type;
			s->messages[s->n].n = m.payload.n;
			s->messages[s->n].first = m.payload.n ? m.payload.p[0] : 0;
		}
		s->n++;
	}
}

static void run(const uint8_t *data, size_t n, size_t piece, struct seen *s)
{
	int pair[2];
	struct channel_reader r;
	memset(s, 0, sizeof *s);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	channel_reader_init(&r, pair[0], MOST, CHANNEL_NO_WAIT);
	for (size_t at = 0; at < n && !r.bad; at += piece) {
		size_t more = n - at < piece ? n - at : piece;
		if (send(pair[1], data + at, more, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)more)
			abort();
		while (channel_receive(&r) > 0)
			take(&r, s);
		if (r.cap > MOST + 2 * LIMIT_CHANNEL_READ)
			abort();
	}
	s->bad = r.bad;
	channel_reader_done(&r);
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct seen whole, pieces;
	if (n == 0 || n > 32768)
		return 0;
	run(data + 1, n - 1, n, &whole);
	run(data + 1, n - 1, data[0] % 64 + 1, &pieces);
	if (whole.bad != pieces.bad || whole.n != pieces.n ||
	    memcmp(whole.messages, pieces.messages, sizeof whole.messages) != 0)
		abort();
	return 0;
}
