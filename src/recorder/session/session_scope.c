/* What a connection was and between whom -> hashes that are equal where the same client, server and tenant are meant. Called by the choice
 * of a session. Answers "not known" rather than guess. */
#include "hostname.h"
#include "session_state.h"

struct place {
	uint8_t b[2 * sizeof(struct encap) + HOSTNAME_TEXT + LIMIT_PATH + 128];
	size_t n;
};

static void add(struct place *p, const void *bytes, size_t n)
{
	memcpy(p->b + p->n, bytes, n);
	p->n += n;
}

static void add_number(struct place *p, uint32_t v)
{
	add(p, &v, sizeof v);
}

static void add_text(struct place *p, const char *s)
{
	add_number(p, (uint32_t)strlen(s)); /* no two different inputs may give the same bytes */
	add(p, s, strlen(s));
}

static void add_addr(struct place *p, const struct ip_addr *a)
{
	add_number(p, a->family);
	add(p, a->b, sizeof a->b);
}

/* The authority's name and port, the scheme's own port counting as none given. Empty: it has no name. False: it has one that is none. */
static bool authority_of(const struct observation *o, char name[HOSTNAME_TEXT], uint16_t *ret_port)
{
	const char *text = o->host ? o->host : o->sni;
	struct slice host;
	name[0] = 0;
	*ret_port = 0;
	if (!text)
		return true;
	if (!authority_split(slice_str(text), &host, ret_port))
		return false;
	if (*ret_port == (o->secure_scheme ? 443 : 80))
		*ret_port = 0;
	if (hostname_normalize(host, name))
		return true;
	if (host.n >= HOSTNAME_TEXT || slice_find(host, ':') == host.n)
		return false;
	memcpy(name, host.p, host.n); /* an IPv6 address */
	name[host.n] = 0;
	return true;
}

uint64_t session_scope(const struct session_book *b, const struct observation *o)
{
	struct place p = {.n = 0};
	char name[HOSTNAME_TEXT];
	uint16_t port;
	if (o->host_cut || !authority_of(o, name, &port))
		return 0;
	add_number(&p, o->encap.n);
	for (unsigned i = 0; i < o->encap.n; i++) {
		add_number(&p, o->encap.layer[i].kind);
		add_number(&p, o->encap.layer[i].id);
	}
	add_text(&p, name);
	add_number(&p, port);
	/* in the clear anybody may send anybody's Host: the address has to be the same too. In TLS the client has seen a certificate, and names of
	 * large servers have many addresses. */
	bool named = name[0] && o->tls && !o->via_proxy;
	add_number(&p, named);
	if (!named) {
		add_addr(&p, &o->server_ip);
		add_number(&p, o->server_port);
	}
	uint64_t hash = siphash(&b->key, p.b, p.n);
	return hash ? hash : 1;
}

uint64_t session_entry_scope(const struct session_book *b, const struct session_entry *e)
{
	return session_scope(b, &e->box.o);
}

uint64_t session_scope_of_client(const struct session_book *b, const struct observation *o, uint64_t scope)
{
	struct place p = {.n = 0};
	add(&p, &scope, sizeof scope);
	add_addr(&p, &o->client_ip);
	return siphash(&b->key, p.b, p.n) | 1;
}

uint64_t session_place(const struct session_book *b, const struct observation *o, uint64_t scope)
{
	struct place p = {.n = 0};
	/* one authority may serve several servers, each at its path; of a path that was cut nobody knows whether it is the same */
	if (!scope || !o->path || strlen(o->path) >= LIMIT_PATH - 1)
		return 0;
	add(&p, &scope, sizeof scope);
	add_addr(&p, &o->client_ip);
	add_text(&p, o->path);
	uint64_t hash = siphash(&b->key, p.b, p.n);
	return hash ? hash : 1;
}

uint64_t session_hash_text(const struct session_book *b, const char *text)
{
	return text ? siphash(&b->key, text, strlen(text)) | 1 : 0;
}
