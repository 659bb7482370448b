/* A connection -> the server that it is to: tenant (the layers around its packets), authority, else address and port, and path. */
#include "catalog_state.h"
#include "event_id.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>

#define TENANT_TEXT (ENCAP_MAX * (ENCAP_TEXT + 1) + 1)
#define SERVER_TEXT (LIMIT_HOST + IP_ADDR_TEXT + 8)

static void tenant_of(const struct observation *o, char out[TENANT_TEXT])
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < o->encap.n; i++) {
		char layer[ENCAP_TEXT];
		encap_layer_format(&o->encap, i, layer);
		text_append(out, TENANT_TEXT, &n, "%s%s", i ? "/" : "", layer);
	}
}

/* The scheme's own port says nothing: "name:443" and the TLS server name "name" are one. */
static void server_of(const struct observation *o, char out[SERVER_TEXT])
{
	const char *name = o->host ? o->host : o->sni, *own = o->secure_scheme ? ":443" : ":80";
	char ip[IP_ADDR_TEXT];
	if (name && name[0] && !o->host_cut) {
		size_t n = strlen(name), m = strlen(own);
		text_copy(out, SERVER_TEXT, slice_of(name, n > m && strcmp(name + n - m, own) == 0 ? n - m : n));
		return;
	}
	ip_addr_format(&o->server_ip, ip);
	snprintf(out, SERVER_TEXT, o->server_ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, o->server_port);
}

static size_t slot_of(const struct catalog *c, const char *key, size_t n)
{
	return siphash(&c->key, key, n) % LIMIT_CATALOG_SERVERS;
}

/* The three texts with their NULs. */
static struct catalog_server *server_find(struct catalog *c, const char *key, size_t n, bool make)
{
	struct catalog_server **slot = &c->servers[slot_of(c, key, n)];
	for (struct catalog_server *s = *slot; s; s = s->next_hash)
		if (s->n_key == n && memcmp(s->key, key, n) == 0)
			return s;
	struct catalog_server *s = make ? calloc(1, sizeof *s + n) : NULL;
	if (!s)
		return NULL;
	memcpy(s->key, key, n);
	s->n_key = n;
	s->tenant = s->key;
	s->server = s->tenant + strlen(s->tenant) + 1;
	s->path = s->server + strlen(s->server) + 1;
	s->next_hash = *slot;
	*slot = s;
	s->staler = c->freshest;
	*(c->freshest ? &c->freshest->fresher : &c->stalest) = s;
	c->freshest = s;
	s->bytes = sizeof *s + n;
	c->counts.servers++;
	c->counts.bytes += s->bytes;
	return s;
}

static struct catalog_server *named(struct catalog *c, const char *tenant, const char *server, const char *path, bool make)
{
	char key[TENANT_TEXT + SERVER_TEXT + LIMIT_PATH];
	const char *const texts[] = {tenant, server, path};
	size_t n = 0;
	for (size_t i = 0; i < 3; i++) {
		size_t m = strlen(texts[i]) + 1;
		if (m > sizeof key - n)
			return NULL;
		memcpy(key + n, texts[i], m);
		n += m;
	}
	return server_find(c, key, n, make);
}

struct catalog_server *catalog_server_named(struct catalog *c, const char *tenant, const char *server, const char *path)
{
	return named(c, tenant, server, path, true);
}

struct catalog_server *catalog_server_of(struct catalog *c, const struct observation *o, bool make)
{
	char tenant[TENANT_TEXT], server[SERVER_TEXT];
	tenant_of(o, tenant);
	server_of(o, server);
	return named(c, tenant, server, o->path ? o->path : "", make);
}

static void unlist(struct catalog *c, struct catalog_server *s)
{
	*(s->staler ? &s->staler->fresher : &c->stalest) = s->fresher;
	*(s->fresher ? &s->fresher->staler : &c->freshest) = s->staler;
}

void catalog_server_touch(struct catalog *c, struct catalog_server *s)
{
	if (c->freshest == s)
		return;
	unlist(c, s);
	s->staler = c->freshest;
	s->fresher = NULL;
	*(c->freshest ? &c->freshest->fresher : &c->stalest) = s;
	c->freshest = s;
}

void catalog_server_last(struct catalog *c, struct catalog_server *s)
{
	unlist(c, s);
	s->staler = NULL;
	s->fresher = c->stalest;
	*(c->stalest ? &c->stalest->staler : &c->freshest) = s;
	c->stalest = s;
}

static void definition_free(struct catalog *c, struct catalog_definition *d)
{
	struct catalog_definition **at = catalog_definition_slot(c, d->server, d->name, strlen(d->name));
	while (*at != d)
		at = &(*at)->next_hash;
	*at = d->next_hash;
	for (unsigned i = 0; i < d->n; i++)
		free(d->versions[i].text);
	c->counts.versions -= d->n;
	c->counts.definitions--;
	free(d->versions);
	free(d);
}

void catalog_server_free(struct catalog *c, struct catalog_server *s)
{
	struct catalog_server **at = &c->servers[slot_of(c, s->key, s->n_key)];
	while (*at != s)
		at = &(*at)->next_hash;
	*at = s->next_hash;
	unlist(c, s);
	catalog_tags_forget(c, s);
	for (struct catalog_definition *d = s->own, *next; d; d = next) {
		next = d->next_own;
		definition_free(c, d);
	}
	for (int list = 0; list < LIST_COUNT; list++)
		free(s->lists[list]);
	c->counts.bytes -= s->bytes;
	c->counts.servers--;
	free(s);
}
