#include "channel.h"
#include "cursor.h"
#include "limits.h"
#include "pass_fd.h"
#include "status.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* Before each message: a mark, its type, whether a descriptor comes along, bytes that follow. Big endian. */
enum { HEADER = 8, MARK = 0x5354 };

static void put_be(uint8_t *to, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

int channel_send(int socket, enum message_type type, const void *payload, size_t n, int fd)
{
	uint8_t header[HEADER];
	put_be(header, MARK, 2);
	header[2] = (uint8_t)type;
	header[3] = fd >= 0;
	put_be(header + 4, n, 4);
	union pass_fd_room room;
	struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)payload, n}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = n ? 2 : 1};
	if (fd >= 0)
		pass_fd_attach(&m, &room, fd);
	while (m.msg_iovlen) {
		ssize_t sent = sendmsg(socket, &m, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return FAIL_IO;
		m.msg_control = NULL; /* it went with the first byte */
		m.msg_controllen = 0;
		for (size_t left = (size_t)sent; m.msg_iovlen && left >= m.msg_iov->iov_len;) {
			left -= m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
			sent = (ssize_t)left;
		}
		if (m.msg_iovlen) {
			m.msg_iov->iov_base = (uint8_t *)m.msg_iov->iov_base + sent;
			m.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

void channel_reader_init(struct channel_reader *r, int socket, size_t most, unsigned flags)
{
	*r = (struct channel_reader){.socket = socket, .most = most, .flags = flags};
}

/* Length of the message at the front, header included; 0: not even its header is here. */
static size_t message_bytes(struct channel_reader *r)
{
	if (r->n - r->at < HEADER)
		return 0;
	struct cursor c = cursor_of(slice_of(r->buffer + r->at, HEADER));
	bool marked = cursor_be16(&c) == MARK;
	cursor_skip(&c, 2);
	uint32_t n = cursor_be32(&c);
	if (!marked || n > r->most) {
		r->bad = true;
		return 0;
	}
	return HEADER + (size_t)n;
}

/* realloc() would leave a copy behind. */
static uint8_t *resize(struct channel_reader *r, size_t cap)
{
	if (!(r->flags & CHANNEL_WIPES))
		return realloc(r->buffer, cap);
	uint8_t *moved = malloc(cap);
	if (!moved)
		return NULL;
	if (r->buffer) {
		memcpy(moved, r->buffer, r->n);
		explicit_bzero(r->buffer, r->cap);
	}
	free(r->buffer);
	return moved;
}

/* Room for more of the message at the front; what was taken makes way. */
static bool make_room(struct channel_reader *r)
{
	size_t have = r->n - r->at, need = message_bytes(r);
	if (r->bad)
		return false;
	if (r->at && have)
		memmove(r->buffer, r->buffer + r->at, have);
	if (r->at && have && r->flags & CHANNEL_WIPES)
		explicit_bzero(r->buffer + have, r->at);
	r->at = 0;
	r->n = have;
	size_t cap = r->cap ? r->cap : LIMIT_CHANNEL_READ;
	if (need > cap)
		cap = need + LIMIT_CHANNEL_READ;
	else if (have == 0 && r->cap > 16 * LIMIT_CHANNEL_READ)
		cap = LIMIT_CHANNEL_READ; /* one large message must not cost memory for ever */
	if (cap != r->cap) {
		uint8_t *moved = resize(r, cap);
		if (!moved)
			return false;
		r->buffer = moved;
		r->cap = cap;
	}
	return r->n < r->cap;
}

static void take_fds(struct channel_reader *r, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (r->n_fds == CHANNEL_FDS)
				close(fd);
			else
				r->fds[r->n_fds++] = fd;
		}
	}
}

int channel_receive(struct channel_reader *r)
{
	if (r->bad)
		return 0;
	if (!make_room(r)) {
		r->bad = true;
		return 0;
	}
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
	} control;
	struct iovec part = {r->buffer + r->n, r->cap - r->n};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	if (r->flags & CHANNEL_TAKES_FDS) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
	}
	ssize_t n;
	do
		n = recvmsg(r->socket, &m, MSG_CMSG_CLOEXEC | (r->flags & CHANNEL_NO_WAIT ? MSG_DONTWAIT : 0));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : FAIL_IO;
	if (r->flags & CHANNEL_TAKES_FDS)
		take_fds(r, &m);
	r->n += (size_t)n;
	return (int)n;
}

bool channel_next(struct channel_reader *r, struct message *ret)
{
	size_t n = r->bad ? 0 : message_bytes(r);
	if (n == 0 || r->n - r->at < n)
		return false;
	const uint8_t *header = r->buffer + r->at;
	*ret = (struct message){header[2], slice_of(header + HEADER, n - HEADER), -1};
	if (header[3] && r->n_fds) {
		ret->fd = r->fds[0];
		memmove(r->fds, r->fds + 1, --r->n_fds * sizeof *r->fds);
	}
	r->at += n;
	return true;
}

void channel_reader_done(struct channel_reader *r)
{
	for (unsigned i = 0; i < r->n_fds; i++)
		close(r->fds[i]);
	if (r->buffer && r->flags & CHANNEL_WIPES)
		explicit_bzero(r->buffer, r->cap);
	free(r->buffer);
	*r = (struct channel_reader){.socket = -1};
}

/* ---- the small messages ---- */

static size_t put_text(uint8_t *to, struct slice text)
{
	text = slice_first(text, CHANNEL_TEXT);
	memcpy(to, text.p, text.n);
	return text.n;
}

static struct slice rest(struct cursor *c)
{
	return slice_first(cursor_take(c, cursor_left(c)), CHANNEL_TEXT);
}

int channel_send_ready(int socket, const struct channel_ready *r)
{
	uint8_t b[2] = {r->confined, r->landlock};
	return channel_send(socket, MESSAGE_READY, b, sizeof b, -1);
}

bool channel_read_ready(struct slice payload, struct channel_ready *ret)
{
	if (payload.n != 2 || payload.p[0] > 1 || payload.p[1] > 1)
		return false;
	*ret = (struct channel_ready){payload.p[0], payload.p[1]};
	return true;
}

int channel_send_failed(int socket, enum channel_failure why, const char *text)
{
	uint8_t b[CHANNEL_TEXT + 1] = {(uint8_t)why};
	return channel_send(socket, MESSAGE_FAILED, b, 1 + put_text(b + 1, slice_str(text)), -1);
}

bool channel_read_failed(struct slice payload, enum channel_failure *ret, struct slice *ret_text)
{
	struct cursor c = cursor_of(payload);
	uint8_t why = cursor_u8(&c);
	if (!cursor_ok(&c) || why < CHANNEL_CANNOT_CAPTURE || why > CHANNEL_CANNOT_RUN)
		return false;
	*ret = (enum channel_failure)why;
	*ret_text = rest(&c);
	return true;
}

size_t channel_write_notice(const struct channel_notice *notice, uint8_t out[CHANNEL_TEXT + 8])
{
	out[0] = (uint8_t)notice->kind;
	put_be(out + 1, notice->capture, 4);
	return 5 + put_text(out + 5, notice->text);
}

bool channel_read_notice(struct slice payload, struct channel_notice *ret)
{
	struct cursor c = cursor_of(payload);
	uint8_t kind = cursor_u8(&c);
	uint32_t capture = cursor_be32(&c);
	if (!cursor_ok(&c) || kind < NOTICE_DOWN || kind > NOTICE_REMARK)
		return false;
	*ret = (struct channel_notice){(enum channel_notice_kind)kind, capture, rest(&c)};
	return true;
}

int channel_send_wanted(int socket, const struct channel_wanted *w)
{
	uint8_t b[CHANNEL_TEXT + 12];
	put_be(b, w->capture, 4);
	put_be(b + 4, w->first_frame, 8);
	return channel_send(socket, MESSAGE_WANTED, b, 12 + put_text(b + 12, w->comment), -1);
}

bool channel_read_wanted(struct slice payload, struct channel_wanted *ret)
{
	struct cursor c = cursor_of(payload);
	uint32_t capture = cursor_be32(&c);
	uint64_t high = cursor_be32(&c), low = cursor_be32(&c);
	if (!cursor_ok(&c))
		return false;
	*ret = (struct channel_wanted){capture, high << 32 | low, rest(&c)};
	return true;
}

int channel_send_keylog(int socket, const struct channel_keylog *k, uint8_t *payload)
{
	payload[0] = k->file;
	payload[1] = k->afresh;
	return channel_send(socket, MESSAGE_KEYLOG, payload, CHANNEL_KEYLOG_HEAD + k->bytes.n, -1);
}

bool channel_read_keylog(struct slice payload, struct channel_keylog *ret)
{
	struct cursor c = cursor_of(payload);
	uint8_t file = cursor_u8(&c), afresh = cursor_u8(&c);
	if (!cursor_ok(&c) || file >= LIMIT_KEYLOGS || afresh > 1 || cursor_left(&c) > LIMIT_KEYLOG_CHUNK)
		return false;
	*ret = (struct channel_keylog){file, afresh, cursor_take(&c, cursor_left(&c))};
	return true;
}
