#include "mcp_mirror.h"
#include "text.h"
#include <stdlib.h>

#define PREFIX "=?base64?"
#define SUFFIX "?="

/* One header: absent, or its value, or one that does not fit, about which nothing is claimed. */
struct mirrored {
	bool sent, cut, twice;
};

struct mcp_mirror {
	struct mirrored method_sent, name_sent;
	char method[LIMIT_METHOD];
	char name[LIMIT_PATH]; /* of a tool or prompt, or the URI of a resource */
};

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 4, with its padding; false for anything else. out has room for three bytes of each four. */
static bool base64_decode(struct slice in, uint8_t *out, size_t *ret_n)
{
	size_t n = 0, padding = in.n && in.p[in.n - 1] == '=' ? in.n > 1 && in.p[in.n - 2] == '=' ? 2 : 1 : 0;
	uint32_t bits = 0;
	if (in.n % 4 != 0)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		int v = i < in.n - padding ? base64_value(in.p[i]) : 0;
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 3)
			continue;
		for (int shift = 16; shift >= 0; shift -= 8)
			out[n++] = (uint8_t)(bits >> shift);
		bits = 0;
	}
	*ret_n = n - padding;
	return true;
}

bool mcp_mirror_decode(struct slice value, size_t cap, char *out, size_t *ret_n)
{
	uint8_t plain[LIMIT_PATH * 3];
	size_t wrap = sizeof PREFIX - 1 + sizeof SUFFIX - 1, n;
	if (value.n >= wrap && slice_starts(value, PREFIX) && memcmp(value.p + value.n - 2, SUFFIX, 2) == 0) {
		struct slice coded = slice_of(value.p + sizeof PREFIX - 1, value.n - wrap);
		if (coded.n / 4 * 3 > sizeof plain)
			return false;
		/* what is malformed stands for itself: it equals no honest name either way */
		if (base64_decode(coded, plain, &n))
			value = slice_of(plain, n);
	}
	if (!text_copy(out, cap, value))
		return false;
	*ret_n = strlen(out);
	return true;
}

static void keep(struct mirrored *sent, struct slice value, char *out, size_t cap)
{
	char other[LIMIT_PATH];
	size_t n;
	bool fits = mcp_mirror_decode(value, cap, sent->sent ? other : out, &n);
	sent->cut |= !fits;
	sent->twice |= sent->sent && fits && strcmp(other, out) != 0;
	sent->sent = true;
}

struct mcp_mirror *mcp_mirror_new(const struct http_head *head)
{
	struct mcp_mirror *mirror = NULL;
	if (head->fields_cut || head->fields_lost || head->ambiguous)
		return NULL;
	for (uint32_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];
		bool method = slice_ieq_str(f->name, "mcp-method");
		if (!method && !slice_ieq_str(f->name, "mcp-name"))
			continue;
		if (!mirror)
			mirror = calloc(1, sizeof *mirror);
		if (!mirror)
			return NULL;
		if (method)
			keep(&mirror->method_sent, f->value, mirror->method, sizeof mirror->method);
		else
			keep(&mirror->name_sent, f->value, mirror->name, sizeof mirror->name);
	}
	return mirror;
}

void mcp_mirror_free(struct mcp_mirror *mirror)
{
	free(mirror);
}

/* Two of one name that are not alike: whichever the gateway takes, the body says it once. */
static bool mirrored_differs(const struct mirrored *sent, const char *header, const char *body, bool body_cut)
{
	if (!sent->sent || sent->cut || body_cut)
		return false;
	return sent->twice || strcmp(header, body) != 0;
}

static bool name_differs(const struct mcp_mirror *mirror, const struct jsonrpc_message *m)
{
	if (strcmp(m->method, "resources/read") == 0)
		return mirrored_differs(&mirror->name_sent, mirror->name, m->type[JM_P_URI] == JSON_STRING ? m->uri : "",
		                        strlen(m->uri) == sizeof m->uri - 1);
	if (strcmp(m->method, "tools/call") == 0 || strcmp(m->method, "prompts/get") == 0)
		return mirrored_differs(&mirror->name_sent, mirror->name, m->type[JM_P_NAME] == JSON_STRING ? m->name : "",
		                        m->name_cut);
	return false; /* what it names there is an extension's to say */
}

bool mcp_mirror_differs(const struct mcp_mirror *mirror, const char *version, const struct jsonrpc_message *m)
{
	/* batches have a method each; answers have none; invalid text compares as nobody knows */
	if (m->in_batch || m->type[JM_METHOD] != JSON_STRING || m->utf8_bad)
		return false;
	if (version[0] && m->type[JM_P_META_VERSION] == JSON_STRING && m->type[JM_P_PROTOCOL_VERSION] == JSON_ABSENT &&
	    strcmp(version, m->protocol_version) != 0)
		return true;
	return mirror && (mirrored_differs(&mirror->method_sent, mirror->method, m->method, m->method_cut) ||
	                  name_differs(mirror, m));
}
