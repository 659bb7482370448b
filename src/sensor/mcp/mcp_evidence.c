#include "mcp_evidence.h"
#include "tls_decrypt.h"
#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void mcp_evidence_init(struct mcp_evidence *e, const struct signature_set *set, struct anomaly_counts *anomalies)
{
	*e = (struct mcp_evidence){.set = set, .anomalies = anomalies};
}

void mcp_evidence_done(struct mcp_evidence *e)
{
	for (uint32_t i = 0; i < e->n_rows; i++)
		mcp_row_free(e->rows[i]);
	for (struct mcp_exchange *x = e->exchanges, *next; x; x = next) {
		next = x->next;
		mcp_exchange_free(x);
	}
	mcp_records_done(&e->records);
	mcp_connectors_free(e->connectors);
	mcp_calls_done(&e->calls);
	free(e->tunnel);
	free(e->dialogue[0]);
	free(e->dialogue[1]);
}

size_t mcp_evidence_memory(const struct mcp_evidence *e)
{
	size_t n = e->records.bytes + e->calls.bytes + e->calls.n * sizeof(struct mcp_call) + e->n_exchanges * (sizeof(struct mcp_exchange) + 256) + mcp_connectors_memory(e->connectors);
	for (uint32_t i = 0; i < e->n_rows; i++)
		n += mcp_row_memory(e->rows[i]);
	for (int d = 0; d < 2; d++)
		n += e->dialogue[d] ? LIMIT_DIALOGUE_IDS * sizeof *e->dialogue[d] : 0;
	return n;
}

bool mcp_evidence_in_doubt(const struct mcp_evidence *e)
{
	return e->app && (app_stream_is_resynced(e->app, FROM_CLIENT) || app_stream_is_resynced(e->app, FROM_SERVER));
}

void mcp_evidence_add(struct mcp_evidence *e, struct mcp_row *row, const struct signature *s, const char *format, ...)
{
	if (!s)
		return;
	char detail[2 * LIMIT_DETAIL];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	mcp_row_evidence(row, s, s->confidence, mcp_evidence_in_doubt(e), e->now_ns, e->frame, e->anomalies, "%s", detail);
	e->any |= row->confidence != CONFIDENCE_NONE;
}

/* A row that says nothing leaves, the oldest first: better one that nobody asks anything of, else one whose exchanges say
 * nothing either. Otherwise requests to many made-up hosts would hide the one that follows them. */
static bool row_make_room(struct mcp_evidence *e, uint32_t *ret_place)
{
	for (int waiting = 0; waiting < 2; waiting++)
		for (uint32_t i = 0; i < e->n_rows; i++) {
			struct mcp_row *row = e->rows[i];
			bool asked = false, said = row->asked_vendor || row->confidence != CONFIDENCE_NONE || row->held != CONFIDENCE_NONE;
			for (struct mcp_exchange *x = e->exchanges; x && !said; x = x->next) {
				asked |= x->row == row;
				said |= x->row == row && x->evidence;
			}
			if (said || (asked && !waiting))
				continue;
			mcp_evidence_forget(e, row);
			mcp_call_row_gone(e, row);
			if (e->last_row == row)
				e->last_row = NULL;
			mcp_row_free(row);
			*ret_place = i;
			return true;
		}
	return false;
}

/* What the hellos say of whatever is asked for inside. */
static void row_tls(struct mcp_row *row, const struct tls_facts *facts)
{
	row->encrypted = row->secure_scheme = true;
	row->changed |= row->decrypted != facts->decrypted;
	row->decrypted = facts->decrypted;
	mcp_row_set(row, &row->sni, slice_str(facts->sni), LIMIT_SNI, false);
	mcp_row_set(row, &row->ja4, slice_str(facts->ja4), JA4_TEXT, false);
	mcp_row_set(row, &row->alpn, slice_str(facts->alpn), LIMIT_ALPN, true);
	mcp_row_set(row, &row->tls_version, slice_str(tls_version_name(facts->version)), 8, true);
	if (facts->alpn[0])
		row->http_version = strcmp(facts->alpn, "h2") == 0 ? HTTP_VERSION_2
		                  : strcmp(facts->alpn, "http/1.1") == 0 ? HTTP_VERSION_1_1 : HTTP_VERSION_NONE;
}

struct mcp_row *mcp_evidence_row(struct mcp_evidence *e, struct slice authority)
{
	struct slice name = authority;
	uint16_t port = 0;
	char key[HOSTNAME_TEXT] = "";
	bool whole = authority.n < LIMIT_HOST;
	if (authority.n && !authority_split(authority, &name, &port)) {
		name = authority;
		whole = false;
	}
	if (authority.n && !hostname_normalize(name, key)) { /* an IPv6 literal, or a stranger's invention */
		text_copy(key, sizeof key, name);
		for (char *c = key; *c; c++)
			*c = (char)ascii_lower((uint8_t)*c);
		whole &= name.n && slice_find(name, ':') < name.n;
	}
	for (uint32_t i = 0; i < e->n_rows; i++) {
		struct mcp_row *known = e->rows[i];
		if (mcp_row_is(known, slice_str(key), port) || (known->any_port && strcmp(known->key, key) == 0)) {
			if (known->any_port && port)
				known->key_port = port;
			known->any_port &= !port;
			return known;
		}
	}
	if (e->n_rows == 1 && key[0] && mcp_row_is(e->rows[0], slice_str(""), 0)) {
		/* the server got a name at last: what was read without one is of the same connection */
		mcp_row_name(e->rows[0], slice_str(key), port);
		e->rows[0]->host_cut = !whole;
		return e->rows[0];
	}
	uint32_t place = e->n_rows;
	struct mcp_row *row = mcp_row_new(slice_str(key), port, place);
	if (!row)
		return NULL;
	if (place == LIMIT_AUTHORITIES && !row_make_room(e, &place)) {
		anomaly_count(e->anomalies, ANOMALY_AUTHORITIES_LIMIT);
		mcp_row_free(row);
		return NULL;
	}
	row->ordinal = place;
	row->host_cut = authority.n && !whole;
	row->encrypted = e->tls;
	row->secure_scheme = e->tls;
	if (e->hello)
		row_tls(row, e->hello);
	mcp_row_proxy(row, e->proxy);
	for (unsigned i = 0; i < e->claims.n; i++)
		mcp_row_claim(row, &e->claims.items[i]);
	e->rows[place] = row;
	e->n_rows += place == e->n_rows;
	return row;
}

void mcp_evidence_host_set(struct mcp_row *row, struct slice authority)
{
	char lower[LIMIT_HOST];
	row->host_cut |= !text_copy(lower, sizeof lower, authority);
	for (char *c = lower; *c; c++)
		*c = (char)ascii_lower((uint8_t)*c);
	mcp_row_set(row, &row->host, slice_str(lower), LIMIT_HOST, true);
}

static void host_evidence(struct mcp_evidence *e, struct mcp_row *row, const char *name, const char *what,
                          const char *const behaviours[3], enum confidence most)
{
	const struct signature *host = signature_host(e->set, name);
	if (!host || host->tier > HOST_PATTERN)
		return;
	const struct signature *behaviour = signature_behaviour(e->set, behaviours[host->tier]);
	enum confidence c = host->confidence < behaviour->confidence ? host->confidence : behaviour->confidence;
	c = c < most ? c : most;
	mcp_row_evidence(row, host, c, mcp_evidence_in_doubt(e), e->now_ns, e->frame, e->anomalies, "%s is %s: %s", what,
	                 name, host->reason);
	e->any |= row->confidence != CONFIDENCE_NONE;
}

void mcp_evidence_host(struct mcp_evidence *e, struct mcp_row *row, const char *name, const char *what,
                       const char *const behaviours[3])
{
	host_evidence(e, row, name, what, behaviours, CONFIDENCE_CONFIRMED);
}

/* The row of a TLS server name: that of the same host, whatever its port, else one that takes the port of a request. */
static struct mcp_row *server_name_row(struct mcp_evidence *e, const char *sni)
{
	char key[HOSTNAME_TEXT];
	for (uint32_t i = 0; hostname_normalize(slice_str(sni), key) && i < e->n_rows; i++)
		if (strcmp(e->rows[i]->key, key) == 0)
			return e->rows[i];
	struct mcp_row *row = mcp_evidence_row(e, slice_str(sni));
	if (row)
		row->any_port = !row->key_port;
	return row;
}

/* With Encrypted ClientHello the name that shows need not be the server's (RFC 9849 6.1), and who sends a GREASE one looks just the same. ECH takes
 * TLS 1.3: a server that answers with less has not used it, so it was asked for the name that shows. */
static bool name_is_hidden(const struct tls_facts *f)
{
	bool refuted = f->server_hello && f->version && f->version < 0x0304;
	return f->ech && !refuted;
}

struct mcp_row *mcp_evidence_hello(struct mcp_evidence *e, const struct tls_facts *facts, const char *what)
{
	static const char *const sni_tiers[3] = {"sni.dedicated", "sni.shared", "sni.pattern"};
	static const char *const cert_tiers[3] = {"cert.dedicated", "sni.shared", "sni.pattern"};
	e->tls = true;
	struct mcp_row *row = NULL;
	bool hidden = name_is_hidden(facts);
	if (facts->sni[0] && !hidden)
		row = server_name_row(e, facts->sni);
	else if (e->tunnel)
		row = mcp_evidence_row(e, slice_str(e->tunnel));
	else
		row = mcp_evidence_row(e, slice_of(NULL, 0));
	if (!row)
		return NULL;
	row_tls(row, facts);
	row->host_cut |= facts->sni_cut;
	row->changed |= hidden != ((row->facts & FACT_ECH) != 0);
	row->facts = (row->facts & ~(uint32_t)FACT_ECH) | (hidden ? FACT_ECH : 0);
	char name[HOSTNAME_TEXT];
	if (!facts->sni_cut && hostname_normalize(slice_str(facts->sni), name))
		host_evidence(e, row, name, hidden ? "with Encrypted ClientHello, the name outside" : what, sni_tiers,
		              hidden ? CONFIDENCE_POSSIBLE : CONFIDENCE_CONFIRMED);
	e->unnamed = (hidden || !facts->sni[0]) && !e->tunnel;
	/* a certificate names the server where the client did not (RFC 6066 is optional) */
	for (unsigned i = 0; !facts->sni[0] && i < facts->n_cert_names; i++)
		if (hostname_normalize(slice_str(facts->cert_names[i]), name))
			mcp_evidence_host(e, row, name, "the certificate's name", cert_tiers);
	const struct signature *client = facts->ja4[0] ? signature_ja4(e->set, facts->ja4) : NULL;
	if (client && row->confidence != CONFIDENCE_NONE) /* a client library alone is no hint at all */
		mcp_row_evidence(row, client, CONFIDENCE_POSSIBLE, false, e->now_ns, e->frame, e->anomalies,
		                 "the TLS client fingerprint is %s: %s", facts->ja4, client->reason);
	return row;
}

static void on_tls(void *context, unsigned depth, const struct tls_facts *facts)
{
	struct mcp_evidence *e = context;
	(void)depth;
	e->hello = facts;
	mcp_evidence_hello(e, facts, "the TLS server name");
}

static void on_tunnel(void *context, unsigned depth, bool connect, const struct http_head *answer)
{
	struct mcp_evidence *e = context;
	(void)depth, (void)answer;
	if (connect && e->proxy == PROXY_NONE)
		e->proxy = PROXY_HTTP_CONNECT;
	mcp_evidence_http_closed(e, false);
}

static void on_message(void *context, unsigned depth, enum app_carrier carrier, enum direction d, uint64_t exchange,
                       const struct jsonrpc_message *m)
{
	struct mcp_evidence *e = context;
	if (carrier == CARRIER_LINE)
		mcp_evidence_line(e, d, m);
	else if (carrier == CARRIER_WEBSOCKET)
		mcp_evidence_websocket(e, depth, d, exchange, m);
	else
		mcp_evidence_http_message(e, depth, carrier, d, exchange, m);
}

static void on_closed(void *context, unsigned depth, enum direction d)
{
	(void)depth;
	if (d == FROM_SERVER)
		mcp_evidence_http_closed(context, true);
}

static void on_socks(void *context, unsigned depth, unsigned version, struct slice authority)
{
	static const char *const tiers[3] = {"proxy.connect-dedicated", "host.shared", "host.pattern"};
	struct mcp_evidence *e = context;
	struct slice name;
	uint16_t port;
	char text[HOSTNAME_TEXT];
	(void)depth;
	if (e->proxy == PROXY_NONE)
		e->proxy = version == 4 ? PROXY_SOCKS4 : PROXY_SOCKS5;
	if (!authority.n)
		return;
	free(e->tunnel);
	e->tunnel = text_dup(authority, LIMIT_HOST);
	struct mcp_row *row = mcp_evidence_row(e, authority);
	if (!row)
		return;
	row->secure_scheme = true; /* as for CONNECT: what is inside says otherwise where it can be read */
	mcp_evidence_host_set(row, authority);
	if (authority_split(authority, &name, &port) && hostname_normalize(name, text))
		mcp_evidence_host(e, row, text, "a proxy was asked for a host that", tiers);
}

static void on_foreign(void *context, unsigned depth)
{
	struct mcp_evidence *e = context;
	(void)depth;
	e->websocket_foreign = true;
}

static void on_claim(void *context, unsigned depth, const struct ip_addr *client)
{
	struct mcp_evidence *e = context;
	(void)depth;
	mcp_claims_add(&e->claims, CLAIM_PROXY_PROTOCOL, client);
}

static void on_moment(void *context, const struct tls_moment *m)
{
	struct mcp_evidence *e = context;
	e->now_ns = m->time_ns;
	e->frame = m->frame;
}

#define SINK(texts) \
	{ \
		.http_head = mcp_evidence_http_head, \
		.http_end = mcp_evidence_http_end, \
		.message = on_message, \
		.connectors = mcp_connector_asked, \
		.sse_event = mcp_evidence_sse_event, \
		.tls = on_tls, \
		.tunnel = on_tunnel, \
		.closed = on_closed, \
		.socks = on_socks, \
		.foreign = on_foreign, \
		.claim = on_claim, \
		.moment = on_moment, \
		.definitions = true, \
		.definition_texts = (texts), \
	}

const struct app_sink mcp_evidence_sink = SINK(false);
const struct app_sink mcp_evidence_sink_texts = SINK(true);
