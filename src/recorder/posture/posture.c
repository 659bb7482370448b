#include "posture.h"
#include <string.h>

/* Older revisions are called deprecated: 2024-11-05 has no authorization at all, with 2025-03-26 a token is good at any server (RFC 8707
 * came with 2025-06-18), and neither lets a client say per request which revision it speaks. */
#define OLDEST_REVISION "2025-06-18"

static bool listed(const char *const *ids, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ids[i], id) == 0)
			return true;
	return false;
}

bool posture_has(const struct posture *p, const char *id)
{
	return listed(p->found, p->n_found, id);
}

bool posture_is_unseen(const struct posture *p, const char *id)
{
	return listed(p->unseen, p->n_unseen, id);
}

void posture_add(struct posture *p, const char *id)
{
	if (p->n_found < LIMIT_FINDINGS && !posture_has(p, id))
		p->found[p->n_found++] = id;
}

void posture_add_unseen(struct posture *p, const char *id)
{
	if (p->n_unseen < LIMIT_FINDINGS && !posture_is_unseen(p, id))
		p->unseen[p->n_unseen++] = id;
}

static bool v4_of(const struct ip_addr *a, uint8_t out[4])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (a->family == 4)
		memcpy(out, a->b, 4);
	else if (memcmp(a->b, mapped, sizeof mapped) == 0) /* RFC 4291 2.5.5.2 */
		memcpy(out, a->b + 12, 4);
	else
		return false;
	return true;
}

static bool is_loopback(const struct ip_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	uint8_t v4[4];
	return v4_of(a, v4) ? v4[0] == 127 : memcmp(a->b, one, sizeof one) == 0;
}

/* Loopback, RFC 1918, RFC 6598, link local, RFC 4193: where a page of the Internet reaches only through somebody's browser. */
static bool is_private(const struct ip_addr *a)
{
	uint8_t b[4];
	if (is_loopback(a))
		return true;
	if (v4_of(a, b))
		return b[0] == 10 || (b[0] == 172 && b[1] >> 4 == 1) || (b[0] == 192 && b[1] == 168) ||
		       (b[0] == 100 && b[1] >> 6 == 1) || (b[0] == 169 && b[1] == 254);
	return (a->b[0] & 0xfe) == 0xfc || (a->b[0] == 0xfe && a->b[1] >> 6 == 2);
}

/* "2025-06-18": other names of revisions have no order. */
static bool is_date(const char *version)
{
	for (size_t i = 0; i < sizeof OLDEST_REVISION - 1; i++)
		if (i == 4 || i == 7 ? version[i] != '-' : version[i] < '0' || version[i] > '9')
			return false;
	return version[sizeof OLDEST_REVISION - 1] == '\0';
}

static void decide(struct posture *p, const char *id, bool found, bool unseen)
{
	if (found)
		posture_add(p, id);
	else if (unseen)
		posture_add_unseen(p, id);
}

static void read_authentication(const struct observation *o, enum auth_kind session_auth, struct posture *p)
{
	bool credentials = o->auth > AUTH_NONE || session_auth > AUTH_NONE;
	/* JSON lines over TCP have no place for credentials, so an answer was given without */
	bool lines = o->transport == TRANSPORT_TCP && o->stage == STAGE_ESTABLISHED && !o->tls;
	bool answered = o->auth == AUTH_NONE && (o->facts & FACT_UNAUTHENTICATED);
	bool refused = o->auth == AUTH_NONE && o->stage == STAGE_ATTEMPTED;
	decide(p, "no-auth", !credentials && (lines || answered), !credentials && !refused);
}

static void read_http(const struct observation *o, struct posture *p)
{
	/* the kind of credential is known as soon as the head of one request of MCP was read */
	bool asked = o->auth != AUTH_UNKNOWN || o->transport == TRANSPORT_TCP;
	bool answered = asked && o->stage != STAGE_UNKNOWN;
	bool browser = is_private(&o->server_ip);
	decide(p, "url-credential", o->facts & FACT_QUERY_CREDENTIAL, !asked);
	decide(p, "header-body-mismatch", o->facts & FACT_HEADER_BODY_DIFFER, !asked);
	decide(p, "origin-foreign", o->facts & FACT_ORIGIN_FOREIGN, !answered);
	decide(p, "origin-missing", (o->facts & FACT_ORIGIN_MISSING) && browser, browser && !answered);
}

static void read_protocol(const struct observation *o, struct posture *p)
{
	bool version = o->protocol_version && is_date(o->protocol_version);
	decide(p, "deprecated-transport", o->transport == TRANSPORT_HTTP_SSE, o->transport == TRANSPORT_NONE);
	decide(p, "deprecated-revision", version && strcmp(o->protocol_version, OLDEST_REVISION) < 0, !version);
}

/* Hints in the definitions of what it offers (definition.h). */
static void read_offers(const struct observation *o, struct posture *p)
{
	static const struct { const char *id; uint32_t fact; } hints[] = {
		{"offer.hidden-unicode", FACT_OFFER_HIDDEN_UNICODE}, {"offer.bidi", FACT_OFFER_BIDI},
		{"offer.hidden-markup", FACT_OFFER_HIDDEN_MARKUP}, {"offer.instructions", FACT_OFFER_INSTRUCTIONS}};
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		decide(p, hints[i].id, o->facts & hints[i].fact, !(o->facts & FACT_OFFERED));
}

static void read_encryption(const struct observation *o, struct posture *p)
{
	static const char *const old[] = {"ssl3", "1.0", "1.1"};
	bool here = is_loopback(&o->server_ip) || ip_addr_eq(&o->client_ip, &o->server_ip), too_old = false;
	for (size_t i = 0; o->tls && o->tls_version && i < sizeof old / sizeof *old; i++)
		too_old |= strcmp(o->tls_version, old[i]) == 0;
	/* a look-up of a server's metadata is none of its traffic: only a message or its head has a transport */
	decide(p, "cleartext", !o->tls && !here && o->transport != TRANSPORT_NONE, false);
	decide(p, "tls-old", too_old, o->tls && !o->tls_version);
}

void posture_read(const struct observation *o, enum auth_kind session_auth, struct posture *p)
{
	/* the vendor's cloud connects to a connector's server, out of sight; and a hint of MCP shows nothing of its posture */
	if (o->kind == KIND_CONNECTOR || o->confidence < CONFIDENCE_LIKELY) {
		for (size_t i = 0; i < finding_count; i++)
			if (!posture_has(p, finding_table[i].id))
				posture_add_unseen(p, finding_table[i].id);
		return;
	}
	read_authentication(o, session_auth, p);
	read_http(o, p);
	read_protocol(o, p);
	read_encryption(o, p);
	read_offers(o, p);
}
