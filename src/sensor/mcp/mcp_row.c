#include "mcp_row.h"
#include "limits.h"
#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct mcp_row *mcp_row_new(struct slice key, uint16_t port, uint32_t ordinal)
{
	struct mcp_row *r = calloc(1, sizeof *r);
	if (r) {
		text_copy(r->key, sizeof r->key, key);
		r->key_port = port;
		r->ordinal = ordinal;
	}
	return r;
}

void mcp_row_name(struct mcp_row *r, struct slice key, uint16_t port)
{
	text_copy(r->key, sizeof r->key, key);
	r->key_port = port;
}

bool mcp_row_is(const struct mcp_row *r, struct slice key, uint16_t port)
{
	char text[HOSTNAME_TEXT];
	text_copy(text, sizeof text, key);
	if (strcmp(r->key, text) != 0)
		return false;
	/* "name:443" and SNI "name" are the same authority, whatever its default port (contract) */
	return r->key_port == port || ((!r->key_port || !port) && (r->key_port + port == 443 || r->key_port + port == 80));
}

static void add_reason(struct mcp_row *r, const struct signature *s, int64_t time_ns, uint64_t frame,
                       struct anomaly_counts *anomalies, const char *detail)
{
	for (uint32_t i = 0; i < r->n_reasons; i++)
		if (strcmp(r->reasons[i].signature, s->id) == 0)
			return;
	if (r->n_reasons == LIMIT_REASONS) {
		anomaly_count(anomalies, ANOMALY_REASONS_LIMIT);
		return;
	}
	if ((r->n_reasons & (r->n_reasons - 1)) == 0) { /* room doubles at each power of two */
		size_t n = r->n_reasons ? r->n_reasons * 2 : 1;
		struct observed_reason *grown = realloc(r->reasons, n * sizeof *grown);
		if (!grown)
			return;
		r->reasons = grown;
	}
	char *copy = text_dup(slice_str(detail), LIMIT_DETAIL);
	if (copy)
		r->reasons[r->n_reasons++] =
			(struct observed_reason){.signature = s->id, .detail = copy, .time_ns = time_ns, .frame = frame};
}

void mcp_row_evidence(struct mcp_row *r, const struct signature *s, enum confidence confidence, bool in_doubt,
                      int64_t time_ns, uint64_t frame, struct anomaly_counts *anomalies, const char *format, ...)
{
	if (!s || confidence == CONFIDENCE_NONE)
		return;
	char detail[2 * LIMIT_DETAIL];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	if (confidence > r->held)
		r->held = confidence;
	if (in_doubt && confidence > CONFIDENCE_POSSIBLE)
		confidence = CONFIDENCE_POSSIBLE;
	if (confidence > r->confidence) {
		if (r->confidence == CONFIDENCE_NONE)
			r->first_seen_ns = time_ns;
		r->confidence = confidence;
		r->changed = true;
	}
	add_reason(r, s, time_ns, frame, anomalies, detail);
}

void mcp_row_trust(struct mcp_row *r)
{
	if (r->held > r->confidence) {
		r->confidence = r->held;
		r->changed = true;
	}
}

void mcp_row_stage(struct mcp_row *r, enum stage stage)
{
	if (stage > r->stage) {
		r->stage = stage;
		r->changed = true;
	}
}

void mcp_row_transport(struct mcp_row *r, enum transport t, unsigned level)
{
	if (t == TRANSPORT_NONE || level < r->transport_level)
		return;
	r->changed |= r->transport != t;
	r->transport = t;
	r->transport_level = (uint8_t)level;
}

void mcp_row_proxy(struct mcp_row *r, enum proxy_kind proxy)
{
	if (r->proxy == PROXY_NONE)
		r->proxy = proxy;
}

void mcp_row_claim(struct mcp_row *r, const struct claimed_client *c)
{
	mcp_claims_add(&r->claims, c->source, &c->address);
}

uint8_t mcp_row_session(struct mcp_row *r, uint64_t key)
{
	for (uint8_t i = 0; i < r->n_session_keys; i++)
		if (r->session_keys[i] == key)
			return (uint8_t)(i + 1);
	if (r->n_session_keys == LIMIT_SESSION_KEYS)
		return 0;
	r->session_keys[r->n_session_keys++] = key;
	r->changed = true; /* other connections of the session may be waiting for what this one knows */
	return r->n_session_keys;
}

void mcp_row_auth(struct mcp_row *r, enum auth_kind auth)
{
	if (r->auth == AUTH_UNKNOWN || (r->auth == AUTH_NONE && auth > AUTH_NONE)) {
		r->changed |= r->auth != auth;
		r->auth = auth;
	}
}

void mcp_row_fact(struct mcp_row *r, enum observed_fact fact)
{
	r->changed |= !(r->facts & (uint32_t)fact);
	r->facts |= (uint32_t)fact;
}

void mcp_row_set(struct mcp_row *r, char **field, struct slice text, size_t cap, bool replace)
{
	if (text.n == 0 || (*field && !replace))
		return;
	char *copy = text_dup(text, cap);
	if (!copy)
		return;
	if (*field && strcmp(*field, copy) == 0) {
		free(copy);
		return;
	}
	free(*field);
	*field = copy;
	r->changed = true;
}

void mcp_row_count(struct name_counts *c, const char *name, int64_t time_ns, uint64_t frame, struct anomaly_counts *anomalies)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->items[i].name, name) == 0) {
			c->items[i].count++;
			return;
		}
	if (c->n == LIMIT_NAMES) {
		c->other++;
		anomaly_count(anomalies, ANOMALY_NAMES_LIMIT);
		return;
	}
	if (c->n == c->cap) {
		uint32_t cap = c->cap ? c->cap * 2 : 8;
		struct observed_count *grown = realloc(c->items, cap * sizeof *grown);
		if (!grown) {
			c->other++;
			return;
		}
		c->items = grown;
		c->cap = cap;
	}
	char *copy = strdup(name);
	if (copy)
		c->items[c->n++] = (struct observed_count){copy, 1, time_ns, frame};
	else
		c->other++;
}

static struct observed_counts counts_view(const struct name_counts *c)
{
	return (struct observed_counts){.items = c->items, .n = c->n, .other = c->other};
}

void mcp_row_observe(const struct mcp_row *r, struct observation *o)
{
	o->kind = KIND_CONNECTION;
	o->authority_ordinal = r->ordinal;
	o->confidence = r->confidence;
	o->stage = r->stage;
	o->transport = r->transport;
	o->http_version = r->http_version;
	o->auth = r->auth;
	o->encrypted = r->encrypted;
	o->decrypted = r->decrypted;
	o->tls = r->encrypted;
	o->host_cut = r->host_cut;
	o->via_proxy = r->proxy != PROXY_NONE;
	o->proxy = r->proxy;
	memcpy(o->claimed_client, r->claims.items, sizeof o->claimed_client);
	o->n_claimed_clients = r->claims.n;
	o->secure_scheme = r->secure_scheme;
	o->first_seen_ns = r->first_seen_ns;
	o->host = r->host;
	o->path = r->path;
	o->user_agent = r->user_agent;
	o->tls_version = r->tls_version;
	o->sni = r->sni;
	o->alpn = r->alpn;
	o->ja4 = r->ja4;
	o->client_name = r->client_name;
	o->client_version = r->client_version;
	o->server_name = r->server_name;
	o->server_version = r->server_version;
	/* agreed, else accepted, else the only one that was seen at all */
	o->protocol_version = r->version_agreed ? r->version_agreed
	                    : r->version_accepted ? r->version_accepted : r->version_declared;
	o->protocol_version_requested = r->version_requested ? r->version_requested : r->version_declared;
	o->methods = counts_view(&r->methods);
	o->server_methods = counts_view(&r->server_methods);
	o->tools_called = counts_view(&r->tools_called);
	o->resources_read = counts_view(&r->resources_read);
	o->prompts_got = counts_view(&r->prompts_got);
	o->facts = r->facts;
	memcpy(o->session_keys, r->session_keys, sizeof o->session_keys);
	o->n_session_keys = r->n_session_keys;
	o->names_session = r->names_session;
	o->requests = r->requests;
	o->errors = r->errors;
	o->reasons = r->reasons;
	o->n_reasons = r->n_reasons;
}

static size_t counts_memory(const struct name_counts *c)
{
	return c->cap * sizeof *c->items + (size_t)c->n * 48;
}

size_t mcp_row_memory(const struct mcp_row *r)
{
	return sizeof *r + 512 + r->n_reasons * 160 + counts_memory(&r->methods) + counts_memory(&r->server_methods) +
	       counts_memory(&r->tools_called) + counts_memory(&r->resources_read) + counts_memory(&r->prompts_got);
}

static void counts_done(struct name_counts *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		free((char *)c->items[i].name);
	free(c->items);
}

void mcp_row_free(struct mcp_row *r)
{
	if (!r)
		return;
	char *strings[] = {r->host, r->path, r->user_agent, r->tls_version, r->sni, r->alpn, r->ja4, r->client_name,
	                   r->client_version, r->server_name, r->server_version, r->version_agreed, r->version_accepted,
	                   r->version_requested, r->version_declared};
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		free(strings[i]);
	counts_done(&r->methods);
	counts_done(&r->server_methods);
	counts_done(&r->tools_called);
	counts_done(&r->resources_read);
	counts_done(&r->prompts_got);
	for (uint32_t i = 0; i < r->n_reasons; i++)
		free((char *)r->reasons[i].detail);
	free(r->reasons);
	free(r);
}
