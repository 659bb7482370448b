#include "mcp_origin.h"
#include "addr.h"
#include "hostname.h"

/* Names and addresses of this machine (RFC 6761 6.3): pages of a local tool talk to a local server under either. */
static bool is_loopback(struct slice host)
{
	static const uint8_t one[16] = {[15] = 1};
	struct ip_addr a;
	char name[HOSTNAME_TEXT];
	if (ip_addr_parse(host, &a))
		return a.family == 4 ? a.b[0] == 127 : memcmp(a.b, one, sizeof one) == 0;
	return hostname_normalize(host, name) && hostname_matches("localhost", name);
}

static bool same_host(struct slice a, struct slice b)
{
	struct ip_addr x, y;
	char name[2][HOSTNAME_TEXT];
	if (is_loopback(a) && is_loopback(b))
		return true;
	if (ip_addr_parse(a, &x))
		return ip_addr_parse(b, &y) && ip_addr_eq(&x, &y);
	return hostname_normalize(a, name[0]) && hostname_normalize(b, name[1]) && strcmp(name[0], name[1]) == 0;
}

/* One Origin header (RFC 6454 7): "null", or scheme://host[:port]. Ports are left aside: what listens on another port of a host is that
 * host's own, which is the usual way of a local user interface. */
static enum mcp_origin judge(struct slice origin, struct slice authority)
{
	struct slice host, server;
	uint16_t port;
	if (slice_eq_str(origin, "null"))
		return ORIGIN_FOREIGN; /* sandboxed frames, files, redirects: any page can arrange it */
	size_t scheme = slice_istarts(origin, "https://") ? 8 : slice_istarts(origin, "http://") ? 7 : 0;
	if (!scheme || !authority_split(authority, &server, &port))
		return ORIGIN_NONE;
	if (!authority_split(slice_after(origin, scheme), &host, &port))
		return ORIGIN_FOREIGN; /* several origins, or nonsense: not the server's */
	return same_host(host, server) ? ORIGIN_OWN : ORIGIN_FOREIGN;
}

static bool contains(struct slice text, const char *what)
{
	size_t n = strlen(what);
	for (; text.n >= n; text = slice_after(text, 1))
		if (slice_starts(text, what))
			return true;
	return false;
}

/* Crawlers ("compatible;") and applications made of a browser do as they like. */
static bool browser_agent(struct slice agent)
{
	return slice_starts(agent, "Mozilla/5.0 (") && (contains(agent, " Gecko/") || contains(agent, " AppleWebKit/")) &&
	       !contains(agent, "compatible;") && !contains(agent, "Electron/");
}

enum mcp_origin mcp_origin_of(const struct http_head *head, struct slice authority)
{
	bool browser = false, sent = false, upgrade = false;
	enum mcp_origin worst = ORIGIN_NONE;
	for (uint32_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];
		if (slice_ieq_str(f->name, "origin")) {
			enum mcp_origin o = judge(f->value, authority);
			worst = o > worst ? o : worst;
			sent = true;
		} else if (slice_ieq_str(f->name, "sec-fetch-site") || slice_ieq_str(f->name, "sec-fetch-dest")) {
			browser = true; /* Node's fetch sends Sec-Fetch-Mode, and neither of these */
		} else if (slice_ieq_str(f->name, "user-agent")) {
			browser |= browser_agent(f->value);
		} else if (slice_ieq_str(f->name, "upgrade")) {
			upgrade = true;
		}
	}
	if (sent)
		return worst;
	/* a GET to the own origin has none (Fetch Standard, "append a request Origin header"); POSTs and WebSockets always do */
	bool always = slice_eq_str(head->method, "POST") || upgrade;
	return browser && always && !head->fields_cut && !head->fields_lost ? ORIGIN_MISSING : ORIGIN_NONE;
}
