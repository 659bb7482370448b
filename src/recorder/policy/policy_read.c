/* Members of an entry that say which server, clients apart -> struct policy_entry. Called by policy_load. What cannot mean what its author
 * wanted is refused with a sentence that says what to write instead. */
#include "frame.h"
#include "policy_load.h"
#include "rfc3339.h"
#include <stdio.h>
#include <stdlib.h>

#define ID_BYTES 64
#define PATH_BYTES 256 /* well below LIMIT_PATH, so that a cut path still shows whether it is under the entry's */

bool policy_read_id(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret)
{
	struct jsonplace place = {at, "id", 0};
	const char *id = NULL;
	if (!jsonfile_string(&l->file, at, object, "id", true, &id))
		return false;
	size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	if (n == 0 || n > ID_BYTES || id[n])
		return jsonfile_fail(&l->file, &place, "must be 1 to 64 letters, digits, '.', '_' or '-', not " QUOTE, id);
	return policy_keep(l, ret, id);
}

static bool ascii_only(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

bool policy_read_host(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret)
{
	struct jsonplace place = {at, "host", 0};
	const char *text = NULL;
	char host[HOSTNAME_TEXT];
	struct ip_addr address;
	struct ip_net net;
	if (!jsonfile_string(&l->file, at, object, "host", false, &text))
		return false;
	if (!text)
		return true;
	struct slice s = slice_str(text);
	if (strstr(text, "://"))
		return jsonfile_fail(&l->file, &place, "is a URL; give the host name alone, \"port\" and \"path\" beside it");
	if (ip_addr_parse(s, &address) || ip_net_parse(s, &net))
		return jsonfile_fail(&l->file, &place, QUOTE " is an address; use \"address\" for it", text);
	if (strchr(text, ':'))
		return jsonfile_fail(&l->file, &place, QUOTE " holds a port; use \"port\" for it", text);
	if (strchr(text, '/'))
		return jsonfile_fail(&l->file, &place, QUOTE " holds a path; use \"path\" for it", text);
	if (!ascii_only(text))
		return jsonfile_fail(&l->file, &place, "write " QUOTE " as it is sent, in A-labels (xn--...)", text);
	if (!hostname_pattern_normalize(s, host)) {
		if (strchr(text, '*'))
			return jsonfile_fail(&l->file, &place, "not a host name: " QUOTE " ('*' stands for the first labels "
			                     "only, as in \"*.example.com\")", text);
		return jsonfile_fail(&l->file, &place, "not a host name: " QUOTE, text);
	}
	/* "10.0.0.1." looks like a name and is an address to resolvers: as a name it would never be met */
	if (ip_addr_parse(slice_str(host), &address))
		return jsonfile_fail(&l->file, &place, QUOTE " is an address; use \"address\" for it", text);
	return policy_keep(l, ret, host);
}

bool policy_read_net(struct policy_load *l, const struct jsonplace *place, const char *text, struct ip_net *ret)
{
	struct slice s = slice_str(text);
	struct ip_addr address;
	size_t slash = slice_find(s, '/');
	if (ip_net_parse(s, ret)) {
		*ret = policy_net_unmap(ret);
		return true;
	}
	/* does it parse without the host bits? then those are what is wrong */
	if (slash < s.n && ip_addr_parse(slice_first(s, slash), &address)) {
		char masked[IP_ADDR_TEXT + 8], plain[IP_ADDR_TEXT];
		char *end;
		unsigned long bits = strtoul(text + slash + 1, &end, 10);
		if (end != text + slash + 1 && !*end && bits <= (address.family == 6 ? 128u : 32u)) {
			struct ip_net net = policy_net_of(&address, (unsigned)bits);
			ip_addr_format(&net.addr, plain);
			snprintf(masked, sizeof masked, "%s/%lu", plain, bits);
			if (ip_net_parse(slice_str(masked), &net))
				return jsonfile_fail(&l->file, place, QUOTE " has bits set after its prefix; did you mean \"%s\"?", text,
				                     masked);
		}
	}
	return jsonfile_fail(&l->file, place, "not an address or network: " QUOTE, text);
}

bool policy_read_address(struct policy_load *l, const struct jsonplace *at, const json_t *object, struct policy_entry *e)
{
	struct jsonplace place = {at, "address", 0};
	const char *text = NULL;
	if (!jsonfile_string(&l->file, at, object, "address", false, &text))
		return false;
	if (!text)
		return true;
	e->has_address = true;
	return policy_read_net(l, &place, text, &e->address);
}

bool policy_read_port(struct policy_load *l, const struct jsonplace *at, const json_t *object, uint16_t *ret)
{
	int64_t port = 0;
	if (!jsonfile_integer(&l->file, at, object, "port", false, 1, 65535, &port))
		return false;
	*ret = (uint16_t)port;
	return true;
}

bool policy_read_path(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret)
{
	struct jsonplace place = {at, "path", 0};
	const char *text = NULL;
	if (!jsonfile_string(&l->file, at, object, "path", false, &text))
		return false;
	if (!text)
		return true;
	size_t n = strlen(text);
	if (text[0] != '/')
		return jsonfile_fail(&l->file, &place, "must begin with '/', not " QUOTE, text);
	if (n > PATH_BYTES)
		return jsonfile_fail(&l->file, &place, "longer than %d bytes", PATH_BYTES);
	if (strpbrk(text, "?#"))
		return jsonfile_fail(&l->file, &place, QUOTE " holds a query or fragment; only the path is compared", text);
	if (strchr(text, '*'))
		return jsonfile_fail(&l->file, &place, QUOTE " holds '*'; a path covers everything below it as it is", text);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return jsonfile_fail(&l->file, &place, "holds a space or control character");
	if (policy_path_ambiguous(text))
		return jsonfile_fail(&l->file, &place, QUOTE " can be read in two ways (dot segments, \"//\", '\\', encoded "
		                     "'.', '/', ';' or '%%')", text);
	if (n == 1)
		return true; /* "/" is every path */
	if (!policy_keep(l, ret, text))
		return false;
	if (text[n - 1] == '/')
		(*ret)[n - 1] = '\0';
	return true;
}

bool policy_read_expires(struct policy_load *l, const struct jsonplace *at, const json_t *object, int64_t *ret)
{
	struct jsonplace place = {at, "expires", 0};
	const char *text = NULL;
	bool date_only;
	int64_t ns;
	if (!jsonfile_string(&l->file, at, object, "expires", false, &text))
		return false;
	if (!text)
		return true;
	if (!rfc3339_parse(slice_str(text), &ns, &date_only))
		return jsonfile_fail(&l->file, &place, "not a date (\"2027-06-30\") or a date and time with zone "
		                     "(\"2027-06-30T18:00:00Z\"): " QUOTE, text);
	*ret = date_only ? ns + 86400 * NS_PER_SEC : ns; /* a bare date holds to its end */
	return true;
}

bool policy_read_connector(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret)
{
	struct jsonplace place = {at, "connector", 0};
	const char *text = NULL;
	if (!jsonfile_string(&l->file, at, object, "connector", false, &text))
		return false;
	if (!text)
		return true;
	if (!text[0] || policy_glob_least(text) >= LIMIT_NAME)
		return jsonfile_fail(&l->file, &place, "must have 1 to %d bytes", LIMIT_NAME - 1);
	if (!policy_glob_valid(text))
		return jsonfile_fail(&l->file, &place, "a backslash stands before '*', '?' or another one only: " QUOTE, text);
	return policy_keep(l, ret, text);
}
