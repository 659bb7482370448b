/* A hello of QUIC -> evidence: what a hello of TLS says, and that HTTP/3 was asked for. Called by datagram_work.
 * Guesses no protocol that was not offered: which one the server chose is encrypted (RFC 9001 8.1). */
#include "mcp_evidence.h"
#include <stdio.h>

/* "h3", or a draft of it as "h3-29": the client will speak HTTP/3 or nothing. */
static bool offers_http3_alone(const struct tls_facts *f)
{
	for (unsigned i = 0; i < f->n_alpn_offered; i++)
		if (strcmp(f->alpn_offered[i], "h3") != 0 && strncmp(f->alpn_offered[i], "h3-", 3) != 0)
			return false;
	bool all_known = f->n_alpn_offered < sizeof f->alpn_offered / sizeof *f->alpn_offered;
	return f->client_hello && f->n_alpn_offered > 0 && all_known;
}

void mcp_evidence_quic(struct mcp_evidence *e, const struct quic_hello *hello)
{
	char version[16], what[64];
	quic_version_text(hello->version, version);
	snprintf(what, sizeof what, "the server name in QUIC version %s", version);
	struct mcp_row *row = mcp_evidence_hello(e, hello->facts, what);
	if (row && row->http_version == HTTP_VERSION_NONE && offers_http3_alone(hello->facts))
		row->http_version = HTTP_VERSION_3;
}
