/* Policies and observations for the policy tests, written in one line each. Header of test sources only. */
#ifndef POLICY_BUILD_H
#define POLICY_BUILD_H

#include "policy_entry.h"
#include "rfc3339.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_TIME "2026-11-22T10:00:00Z"

static inline struct policy *policy_of(const char *text)
{
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT];
	if (policy_parse("p.json", text, strlen(text), &p, error) != 0)
		fail_msg("%s", error);
	return p;
}

static inline struct ip_addr address_of(const char *text)
{
	struct ip_addr a = {0};
	if (text[0] && !ip_addr_parse(slice_str(text), &a))
		fail_msg("no address: %s", text);
	return a;
}

static inline int64_t time_of(const char *text)
{
	int64_t ns = 0;
	bool date_only;
	if (!rfc3339_parse(slice_str(text), &ns, &date_only))
		fail_msg("no time: %s", text);
	return ns;
}

/* What a case says of the connection; what it leaves out is as usual: TLS to 203.0.113.9:443 from 10.1.1.1. */
struct facts {
	const char *host, *sni, *path, *version, *client, *server, *at;
	uint16_t port;   /* of the server; 443 or 80 */
	bool cleartext, cut, proxy;
	enum auth_kind auth;
};

static inline struct observation observe(const struct facts *f)
{
	return (struct observation){
		.l4 = 6,
		.host = f->host,
		.sni = f->sni,
		.path = f->path,
		.protocol_version = f->version,
		.client_ip = address_of(f->client ? f->client : "10.1.1.1"),
		.client_port = 50000,
		.server_ip = address_of(f->server ? f->server : "203.0.113.9"),
		.server_port = f->port ? f->port : f->cleartext ? 80 : 443,
		.tls = !f->cleartext,
		.encrypted = !f->cleartext,
		.secure_scheme = !f->cleartext,
		.host_cut = f->cut,
		.via_proxy = f->proxy,
		.auth = f->auth,
		.last_seen_ns = time_of(f->at ? f->at : TEST_TIME),
	};
}

#endif
