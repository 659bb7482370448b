#include "dns.h"
#include "cursor.h"
#include "siphash.h"

enum { HEADER_BYTES = 12, NAME_BYTES = 255, CLASS_IN = 1 };
enum { FLAG_RESPONSE = 0x8000, FLAG_OPCODE = 0x7800, FLAG_TRUNCATED = 0x0200, FLAG_RCODE = 0x000f };
/* Service parameters (RFC 9460 14.3.2). */
enum { PARAM_IPV4HINT = 4, PARAM_ECH = 5, PARAM_IPV6HINT = 6 };

/* A name as it stands in messages: labels with their lengths, lower case, without the closing zero. */
struct wire_name {
	uint8_t b[NAME_BYTES];
	size_t n;
};

struct record {
	uint64_t owner;
	uint32_t ttl;
	uint16_t type;
	struct slice data;
};

/* Names of the answer section are compared by this: who makes two of his own collide could have written the one for the other at once. */
static uint64_t name_hash(const struct wire_name *w)
{
	static const struct hash_key key = {0x73686164, 0x6f777461};
	return siphash(&key, w->b, w->n);
}

/* The name at c, which moves behind it. Pointers must lead backwards, each further than the one before (RFC 1035 4.1.4: to "a prior
 * occurrence"), so following them ends; a name is no longer than 255 bytes however often it jumps. */
static bool read_name(struct slice message, struct cursor *c, struct wire_name *ret)
{
	struct cursor at = *c;
	size_t before = (size_t)(c->p - message.p);
	unsigned jumps = 0;
	ret->n = 0;
	for (;;) {
		uint8_t n = cursor_u8(&at);
		if (!cursor_ok(&at))
			break;
		if (n >= 0xc0) {
			size_t to = (size_t)(n & 0x3f) << 8 | cursor_u8(&at);
			if (!cursor_ok(&at) || to >= before || jumps == LIMIT_DNS_JUMPS)
				break;
			if (!jumps++)
				*c = at;
			before = to;
			at = cursor_of(slice_after(message, to));
			continue;
		}
		if (n >= 0x40) /* extended label types (RFC 6891 5): nobody uses them */
			break;
		if (n == 0) {
			if (!jumps)
				*c = at;
			return true;
		}
		struct slice label = cursor_take(&at, n);
		if (!cursor_ok(&at) || ret->n + 1 + n > NAME_BYTES - 1)
			break;
		ret->b[ret->n++] = n;
		for (size_t i = 0; i < n; i++)
			ret->b[ret->n++] = ascii_lower(label.p[i]);
	}
	c->bad = true;
	return false;
}

/* As text. False: not a host's name; a dot inside a label must not become two labels. */
static bool name_text(const struct wire_name *w, char out[HOSTNAME_TEXT])
{
	uint8_t text[NAME_BYTES];
	size_t n = 0;
	for (size_t at = 0; at < w->n; at += 1u + w->b[at]) {
		if (n)
			text[n++] = '.';
		for (size_t i = 1; i <= w->b[at]; i++) {
			if (w->b[at + i] == '.')
				return false;
			text[n++] = w->b[at + i];
		}
	}
	struct ip_addr number;
	return hostname_normalize(slice_of(text, n), out) && !ip_addr_parse(slice_str(out), &number);
}

/* HTTPS records of another port than 443 stand under "_port._https." and the host's name (RFC 9460 9.1). */
static void skip_service_labels(char name[HOSTNAME_TEXT])
{
	const char *rest = name;
	while (rest[0] == '_' && strchr(rest, '.'))
		rest = strchr(rest, '.') + 1;
	if (rest != name)
		memmove(name, rest, strlen(rest) + 1);
}

static bool gives(uint16_t asked, uint16_t type)
{
	return asked == DNS_TYPE_ANY || asked == type;
}

/* Whether addresses, or hints of them, can come of such a question. */
static bool is_asked_for_address(uint16_t type)
{
	return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_HTTPS || type == DNS_TYPE_SVCB || type == DNS_TYPE_ANY;
}

static void add_address(struct dns_message *m, struct slice bytes, uint32_t ttl)
{
	struct dns_address a = {.addr = {.family = bytes.n == 4 ? 4 : 6}, .ttl = ttl};
	memcpy(a.addr.b, bytes.p, bytes.n);
	for (unsigned i = 0; i < m->n_addresses; i++)
		if (ip_addr_eq(&m->addresses[i].addr, &a.addr)) {
			if (ttl > m->addresses[i].ttl)
				m->addresses[i].ttl = ttl;
			return;
		}
	if (m->n_addresses == LIMIT_DNS_ADDRESSES)
		m->cut = true;
	else
		m->addresses[m->n_addresses++] = a;
}

/* Names that lead to the addresses: the one asked for, then each alias of one of them. */
struct chain {
	struct {
		uint64_t name;
		uint32_t ttl;
	} links[LIMIT_DNS_CHAIN];
	unsigned n;
};

static void chain_add(struct chain *c, const struct wire_name *name, uint32_t ttl, struct dns_message *m)
{
	uint64_t hash = name_hash(name);
	for (unsigned i = 0; i < c->n; i++)
		if (c->links[i].name == hash) /* a loop, or two ways to one name */
			return;
	if (c->n == LIMIT_DNS_CHAIN) {
		m->cut = true;
		return;
	}
	c->links[c->n].name = hash;
	c->links[c->n++].ttl = ttl;
}

/* RFC 9460 2.2: priority, target, parameters in the order of their keys. Priority 0 is an alias. False if malformed. */
static bool read_service(struct slice message, const struct record *r, uint32_t ttl, struct chain *chain, struct dns_message *m)
{
	struct slice whole = slice_first(message, (size_t)(r->data.p + r->data.n - message.p));
	struct cursor c = cursor_of(r->data);
	struct wire_name target;
	uint16_t priority = cursor_be16(&c);
	if (!cursor_ok(&c) || !read_name(whole, &c, &target))
		return false;
	if (target.n) /* hints are of the target; its own records, if they came along, count too */
		chain_add(chain, &target, ttl, m);
	if (priority == 0)
		return true;
	while (cursor_left(&c)) {
		uint16_t key = cursor_be16(&c);
		struct slice value = cursor_vec16(&c);
		size_t each = key == PARAM_IPV4HINT ? 4 : key == PARAM_IPV6HINT ? 16 : 0;
		if (!cursor_ok(&c) || (each && (value.n == 0 || value.n % each)))
			return false;
		m->ech |= key == PARAM_ECH && value.n;
		for (; each && value.n; value = slice_after(value, each))
			add_address(m, slice_first(value, each), ttl);
	}
	return true;
}

/* What one name of the chain has to say. */
static bool follow(struct slice message, const struct record records[], unsigned n, struct chain *chain, unsigned link, struct dns_message *m)
{
	for (unsigned i = 0; i < n; i++) {
		const struct record *r = &records[i];
		if (r->owner != chain->links[link].name)
			continue;
		uint32_t ttl = r->ttl < chain->links[link].ttl ? r->ttl : chain->links[link].ttl;
		struct wire_name target;
		/* names in a record's data end with it, whatever they point back to */
		struct slice whole = slice_first(message, (size_t)(r->data.p + r->data.n - message.p));
		struct cursor c = cursor_of(slice_after(whole, (size_t)(r->data.p - message.p)));
		switch (r->type) {
		case DNS_TYPE_CNAME:
			if (!read_name(whole, &c, &target))
				return false;
			chain_add(chain, &target, ttl, m);
			break;
		case DNS_TYPE_A:
		case DNS_TYPE_AAAA:
			if (r->data.n != (r->type == DNS_TYPE_A ? 4 : 16))
				return false;
			if (gives(m->type, r->type))
				add_address(m, r->data, ttl);
			break;
		case DNS_TYPE_HTTPS:
		case DNS_TYPE_SVCB:
			if (gives(m->type, r->type) && !read_service(message, r, ttl, chain, m))
				return false;
			break;
		default: break;
		}
	}
	return true;
}

/* False: it ended too early, or is malformed. */
static bool read_record(struct slice message, struct cursor *c, struct record *ret, bool *ret_ours)
{
	struct wire_name owner;
	if (!read_name(message, c, &owner))
		return false;
	ret->owner = name_hash(&owner);
	ret->type = cursor_be16(c);
	uint16_t class = cursor_be16(c);
	ret->ttl = cursor_be32(c);
	if (ret->ttl > INT32_MAX) /* RFC 2181 8 */
		ret->ttl = 0;
	ret->data = cursor_vec16(c);
	*ret_ours = class == CLASS_IN;
	return cursor_ok(c);
}

/* The answer section. What is whole before a cut counts; anything else malformed refuses the message. */
static bool read_answers(struct slice message, struct cursor *c, unsigned count, const struct wire_name *name, struct dns_message *m)
{
	struct record records[LIMIT_DNS_RECORDS];
	struct chain chain = {.n = 0};
	unsigned n = 0;
	for (unsigned i = 0; i < count; i++) {
		bool ours;
		if (n == LIMIT_DNS_RECORDS) {
			m->cut = true;
			break;
		}
		if (!read_record(message, c, &records[n], &ours)) {
			if (!m->cut)
				return false;
			break;
		}
		n += ours;
	}
	chain_add(&chain, name, INT32_MAX, m);
	for (unsigned link = 0; link < chain.n; link++)
		if (!follow(message, records, n, &chain, link, m))
			return false;
	return true;
}

enum dns_kind dns_message_read(struct slice message, size_t wire_bytes, struct dns_message *ret)
{
	struct cursor c = cursor_of(message);
	struct wire_name name;
	cursor_skip(&c, 2);
	uint16_t flags = cursor_be16(&c), questions = cursor_be16(&c), answers = cursor_be16(&c);
	cursor_skip(&c, 4);
	if (!cursor_ok(&c) || (flags & FLAG_OPCODE) || questions != 1)
		return DNS_FOREIGN;
	if (!read_name(message, &c, &name))
		return DNS_BAD;
	ret->type = cursor_be16(&c);
	uint16_t class = cursor_be16(&c);
	if (!cursor_ok(&c))
		return DNS_BAD;
	if (class != CLASS_IN || !is_asked_for_address(ret->type) || !name_text(&name, ret->name))
		return DNS_OTHER;
	if (ret->type == DNS_TYPE_HTTPS || ret->type == DNS_TYPE_SVCB)
		skip_service_labels(ret->name);
	ret->rcode = flags & FLAG_RCODE;
	ret->cut = (flags & FLAG_TRUNCATED) || message.n < wire_bytes;
	ret->ech = false;
	ret->n_addresses = 0;
	if (!(flags & FLAG_RESPONSE))
		return DNS_QUERY;
	if (ret->rcode == 0 && !read_answers(message, &c, answers, &name, ret))
		return DNS_BAD;
	return DNS_ANSWER;
}
