/* Both directions collect one message after the other in a small buffer; a table of sizes says when one is whole.
 * The client's messages tell themselves apart by their first byte (5: request, 1: password), so that its side is read
 * also where the proxy's was not captured. */
#include "socks.h"
#include "addr.h"
#include "cursor.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>

enum {
	METHOD_NONE = 0,
	METHOD_PASSWORD = 2,
	CONNECT = 1,
	ADDRESS_V4 = 1,
	ADDRESS_NAME = 3,
	ADDRESS_V6 = 4,
	GRANTED_V4 = 0x5a
};

/* What a side sends next. */
enum expect {
	CLIENT_OPENS,   /* a greeting of version 5, or the request of version 4 */
	CLIENT_REQUEST, /* perhaps with a password before it */
	SERVER_METHOD,
	SERVER_PASSWORD,
	SERVER_REPLY,
	SERVER_REPLY_V4,
	SIDE_TUNNEL,
	SIDE_REFUSED,
};

struct socks_side {
	uint8_t expect;
	uint16_t n;
	uint8_t message[LIMIT_SOCKS_MESSAGE];
};

struct socks {
	struct socks_facts facts;
	struct socks_side side[2];
};

/* Each size_*: the length of the message that starts so, 0 while that is not known, SIZE_MAX if it is none. */
static size_t size_v4(struct slice m)
{
	if (m.n < 8)
		return 0;
	struct slice user = slice_after(m, 8);
	size_t end = slice_find(user, 0);
	bool name = m.p[4] == 0 && m.p[5] == 0 && m.p[6] == 0 && m.p[7] != 0; /* 4a: an address that is none */
	if (end == user.n)
		return 0;
	if (!name)
		return 8 + end + 1;
	struct slice host = slice_after(user, end + 1);
	size_t host_end = slice_find(host, 0);
	return host_end == host.n ? 0 : 8 + end + 1 + host_end + 1;
}

static size_t size_address(struct slice m)
{
	if (m.n < 5)
		return 0;
	switch (m.p[3]) {
	case ADDRESS_V4: return 4 + 4 + 2;
	case ADDRESS_NAME: return 4 + 1 + (size_t)m.p[4] + 2;
	case ADDRESS_V6: return 4 + 16 + 2;
	default: return SIZE_MAX;
	}
}

static size_t size_password(struct slice m)
{
	if (m.n < 2 || m.n < 2 + (size_t)m.p[1] + 1)
		return 0;
	return 2 + (size_t)m.p[1] + 1 + m.p[2 + m.p[1]];
}

static size_t message_size(uint8_t expect, struct slice m)
{
	switch ((enum expect)expect) {
	case CLIENT_OPENS: return m.p[0] == 4 ? size_v4(m) : m.p[0] != 5 ? SIZE_MAX : m.n < 2 ? 0 : 2 + (size_t)m.p[1];
	case CLIENT_REQUEST: return m.p[0] == 1 ? size_password(m) : m.p[0] == 5 ? size_address(m) : SIZE_MAX;
	case SERVER_METHOD:
	case SERVER_PASSWORD: return 2;
	case SERVER_REPLY: return m.p[0] == 5 ? size_address(m) : SIZE_MAX;
	case SERVER_REPLY_V4: return 8;
	default: return SIZE_MAX;
	}
}

bool socks_looks_like(struct slice first, bool *ret_sure)
{
	*ret_sure = false;
	if (first.n == 0)
		return true;
	*ret_sure = true;
	if (first.p[0] == 4) {
		if (first.n > 1 && first.p[1] != CONNECT)
			return false;
		/* port, address, a user's name of printable characters, NUL */
		for (size_t i = 8; i < first.n; i++) {
			if (first.p[i] == 0)
				return (first.p[2] | first.p[3]) != 0;
			if (first.p[i] < 0x20 || first.p[i] > 0x7e)
				return false;
		}
		*ret_sure = false;
		return true;
	}
	if (first.p[0] != 5)
		return false;
	/* a list of methods, none of which RFC 1928 and its registry leave without a name, and then a request or a
	 * password */
	for (size_t i = 2; i < first.n && i < 2 + (size_t)first.p[1]; i++)
		if (first.p[i] > 9 && first.p[i] < 0x80)
			return false;
	if (first.n > 1 && (first.p[1] == 0 || first.p[1] > 16))
		return false;
	*ret_sure = first.n >= 2 && first.n >= 2 + (size_t)first.p[1];
	if (*ret_sure && first.n > 2 + (size_t)first.p[1])
		return first.p[2 + first.p[1]] == 1 || first.p[2 + first.p[1]] == 5;
	return true;
}

struct socks *socks_new(void)
{
	struct socks *s = calloc(1, sizeof *s);
	if (s)
		s->side[FROM_SERVER].expect = SERVER_METHOD;
	return s;
}

static void set_authority(struct socks *s, struct slice address, uint8_t kind, uint16_t port)
{
	struct socks_facts *f = &s->facts;
	struct ip_addr ip = {.family = kind == ADDRESS_V6 ? 6 : 4};
	char text[IP_ADDR_TEXT];
	f->asked = true;
	if (kind == ADDRESS_NAME) {
		/* 255 bytes at most, ':' and five digits: LIMIT_HOST has room but for what U+FFFD makes of strange
		 * bytes */
		char name[LIMIT_HOST];
		text_copy(name, sizeof name - 6, address);
		snprintf(f->authority, sizeof f->authority, "%.*s:%u", LIMIT_HOST - 7, name, port);
		return;
	}
	memcpy(ip.b, address.p, address.n);
	ip_addr_format(&ip, text);
	snprintf(f->authority, sizeof f->authority, ip.family == 6 ? "[%s]:%u" : "%s:%u", text, port);
}

static uint8_t client_message(struct socks *s, uint8_t expect, struct slice m)
{
	struct cursor c = cursor_of(m);
	uint8_t first = cursor_u8(&c), command = cursor_u8(&c);
	if (expect == CLIENT_OPENS && first == 5) {
		s->facts.version = 5;
		return CLIENT_REQUEST;
	}
	if (expect == CLIENT_OPENS) {
		s->facts.version = 4;
		s->side[FROM_SERVER].expect = SERVER_REPLY_V4;
		uint16_t port = cursor_be16(&c);
		struct slice ip = cursor_take(&c, 4), rest = slice_of(c.p, cursor_left(&c));
		struct slice name = slice_after(rest, slice_find(rest, 0) + 1);
		bool named = name.n > 0;
		set_authority(s, named ? slice_first(name, name.n - 1) : ip, named ? ADDRESS_NAME : ADDRESS_V4, port);
		return command == CONNECT ? SIDE_TUNNEL : SIDE_REFUSED;
	}
	if (first == 1)
		return CLIENT_REQUEST;
	cursor_skip(&c, 1);
	uint8_t kind = cursor_u8(&c);
	size_t n = kind == ADDRESS_V4 ? 4 : kind == ADDRESS_V6 ? 16 : cursor_u8(&c);
	struct slice address = cursor_take(&c, n);
	set_authority(s, address, kind, cursor_be16(&c));
	return command == CONNECT ? SIDE_TUNNEL : SIDE_REFUSED;
}

static uint8_t server_message(uint8_t expect, struct slice m)
{
	switch ((enum expect)expect) {
	case SERVER_METHOD:
		if (m.p[0] != 5 || (m.p[1] != METHOD_NONE && m.p[1] != METHOD_PASSWORD))
			return SIDE_REFUSED;
		return m.p[1] == METHOD_PASSWORD ? SERVER_PASSWORD : SERVER_REPLY;
	case SERVER_PASSWORD: return m.p[1] == 0 ? SERVER_REPLY : SIDE_REFUSED;
	case SERVER_REPLY: return m.p[1] == 0 ? SIDE_TUNNEL : SIDE_REFUSED;
	default: return m.p[0] == 0 && m.p[1] == GRANTED_V4 ? SIDE_TUNNEL : SIDE_REFUSED;
	}
}

enum parse socks_feed(struct socks *s, enum direction d, struct slice bytes, size_t *ret_consumed)
{
	struct socks_side *side = &s->side[d];
	size_t used = 0;
	while (used < bytes.n && side->expect != SIDE_TUNNEL && side->expect != SIDE_REFUSED) {
		side->message[side->n++] = bytes.p[used++];
		struct slice m = slice_of(side->message, side->n);
		size_t size = message_size(side->expect, m);
		if (size == SIZE_MAX || (size > m.n && m.n == sizeof side->message) ||
		    (!size && m.n == sizeof side->message)) {
			side->expect = SIDE_REFUSED;
		} else if (size && size <= m.n) {
			side->n = 0;
			side->expect =
			    d == FROM_CLIENT ? client_message(s, side->expect, m) : server_message(side->expect, m);
		}
	}
	*ret_consumed = used;
	return side->expect == SIDE_TUNNEL ? PARSE_DONE : side->expect == SIDE_REFUSED ? PARSE_BAD : PARSE_MORE;
}

const struct socks_facts *socks_facts(const struct socks *s)
{
	return &s->facts;
}

size_t socks_memory(void)
{
	return sizeof(struct socks);
}

void socks_free(struct socks *s)
{
	free(s);
}
