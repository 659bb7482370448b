/* Policy file (schema/policy.schema.json) -> struct policy. The file is trusted to be the operator's, not to be right:
 * what it says must be understood in full or it is refused, because a policy half read approves or alarms wrongly. */
#include "jsonfile.h"
#include "policy_entry.h"
#include "rfc3339.h"
#include "frame.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>

#define ID_BYTES 64
#define PATH_BYTES 256 /* well below LIMIT_PATH, so that a cut path still shows whether it is under the entry's */
#define QUOTE "\"%.64s\""

/* A load under way. The entry readers return false on the first error; memory says that it was not the file's fault. */
struct load {
	struct jsonfile file;
	struct policy *policy;
	struct policy_require defaults;
	bool out_of_memory;
};

static bool no_memory(struct load *l)
{
	l->out_of_memory = true;
	return false;
}

static bool keep(struct load *l, char **field, const char *text)
{
	if (!text)
		return true;
	*field = strdup(text);
	return *field || no_memory(l);
}

/* ---- parts of an entry ---- */

static bool read_id(struct load *l, const struct jsonplace *at, const json_t *object, char **ret)
{
	struct jsonplace place = {at, "id", 0};
	const char *id = NULL;
	if (!jsonfile_string(&l->file, at, object, "id", true, &id))
		return false;
	size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	if (n == 0 || n > ID_BYTES || id[n])
		return jsonfile_fail(&l->file, &place, "must be 1 to 64 letters, digits, '.', '_' or '-', not " QUOTE, id);
	return keep(l, ret, id);
}

static bool ascii_only(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static bool read_host(struct load *l, const struct jsonplace *at, const json_t *object, char **ret)
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
	return keep(l, ret, host);
}

static bool parse_net(struct load *l, const struct jsonplace *place, const char *text, struct ip_net *ret)
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

static bool read_address(struct load *l, const struct jsonplace *at, const json_t *object, struct policy_entry *e)
{
	struct jsonplace place = {at, "address", 0};
	const char *text = NULL;
	if (!jsonfile_string(&l->file, at, object, "address", false, &text))
		return false;
	if (!text)
		return true;
	e->has_address = true;
	return parse_net(l, &place, text, &e->address);
}

static bool read_nets(struct load *l, const struct jsonplace *at, const json_t *array, struct ip_net **ret, size_t *ret_n)
{
	size_t n = json_array_size(array);
	struct ip_net *nets = calloc(n ? n : 1, sizeof *nets);
	if (!nets)
		return no_memory(l);
	for (size_t i = 0; i < n; i++) {
		struct jsonplace place = {at, NULL, i};
		const json_t *item = json_array_get(array, i);
		if (json_is_string(item) ? !parse_net(l, &place, json_string_value(item), &nets[i])
		                         : !jsonfile_fail(&l->file, &place, "must be a string such as \"10.0.0.0/8\"")) {
			free(nets);
			return false;
		}
	}
	*ret = nets;
	*ret_n = n;
	return true;
}

static bool read_clients(struct load *l, const struct jsonplace *at, const json_t *object, struct policy_entry *e)
{
	struct jsonplace place = {at, "clients", 0};
	const json_t *array = NULL;
	if (!jsonfile_array(&l->file, at, object, "clients", false, &array))
		return false;
	if (!array)
		return true;
	if (json_array_size(array) == 0)
		return jsonfile_fail(&l->file, &place, "is empty; leave it out to mean every client");
	return read_nets(l, &place, array, &e->clients, &e->n_clients);
}

static bool read_port(struct load *l, const struct jsonplace *at, const json_t *object, uint16_t *ret)
{
	int64_t port = 0;
	if (!jsonfile_integer(&l->file, at, object, "port", false, 1, 65535, &port))
		return false;
	*ret = (uint16_t)port;
	return true;
}

static bool read_path(struct load *l, const struct jsonplace *at, const json_t *object, char **ret)
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
	if (!keep(l, ret, text))
		return false;
	if (text[n - 1] == '/')
		(*ret)[n - 1] = '\0';
	return true;
}

static bool read_expires(struct load *l, const struct jsonplace *at, const json_t *object, int64_t *ret)
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

/* ret holds the defaults beforehand; what the member leaves out stays. */
static bool read_require(struct load *l, const struct jsonplace *at, const json_t *object, const char *name,
                         struct policy_require *ret)
{
	static const char *const names[] = {"tls", "auth", "protocol_version", "no_findings", "comment", NULL};
	struct jsonplace place = {at, name, 0}, revision = {&place, "protocol_version", 0};
	const json_t *require = NULL;
	const char *version = NULL, *comment = NULL;
	if (!jsonfile_object(&l->file, at, object, name, false, &require))
		return false;
	if (!require)
		return true;
	if (!jsonfile_members(&l->file, &place, require, names) ||
	    !jsonfile_string(&l->file, &place, require, "comment", false, &comment) ||
	    !jsonfile_bool(&l->file, &place, require, "tls", false, &ret->tls) ||
	    !jsonfile_bool(&l->file, &place, require, "auth", false, &ret->auth) ||
	    !policy_findings_read(&l->file, &place, require, &ret->no_findings) ||
	    !jsonfile_string(&l->file, &place, require, "protocol_version", false, &version))
		return false;
	if (!version)
		return true;
	bool date_only = false;
	int64_t ns;
	if (!rfc3339_parse(slice_str(version), &ns, &date_only) || !date_only)
		return jsonfile_fail(&l->file, &revision, "not a protocol revision such as \"2025-06-18\": " QUOTE, version);
	memcpy(ret->protocol_version, version, POLICY_REVISION_TEXT);
	return true;
}

static bool read_tools(struct load *l, const struct jsonplace *at, const json_t *object, struct policy_entry *e)
{
	struct jsonplace tools = {at, "tools", 0};
	const json_t *array = NULL;
	if (!jsonfile_array(&l->file, at, object, "tools", false, &array))
		return false;
	if (!array)
		return true;
	size_t n = json_array_size(array);
	e->tools_listed = true;
	e->tools = calloc(n ? n : 1, sizeof *e->tools);
	if (!e->tools)
		return no_memory(l);
	for (size_t i = 0; i < n; i++) {
		struct jsonplace place = {&tools, NULL, i};
		const json_t *item = json_array_get(array, i);
		if (!json_is_string(item) || json_string_length(item) == 0)
			return jsonfile_fail(&l->file, &place, "must be the name of a tool");
		/* a longer name is cut when it is recorded and could never be equal */
		if (json_string_length(item) >= LIMIT_NAME)
			return jsonfile_fail(&l->file, &place, "longer than %d bytes", LIMIT_NAME - 1);
		if (!keep(l, &e->tools[i], json_string_value(item)))
			return false;
		e->n_tools++;
	}
	return true;
}

/* ---- entries ---- */

static bool read_entry(struct load *l, const struct jsonplace *at, const json_t *object, struct policy_entry *e)
{
	static const char *const approved[] = {"id", "host", "address", "port", "path", "clients", "expires", "owner",
	                                       "comment", "require", "tools", NULL};
	static const char *const denied[] = {"id", "host", "address", "port", "path", "clients", "expires", "owner",
	                                     "comment", NULL};
	const char *owner = NULL, *comment = NULL;
	e->expires_ns = POLICY_NEVER;
	e->require = l->defaults;
	if (!jsonfile_members(&l->file, at, object, e->list == POLICY_APPROVED ? approved : denied) ||
	    !read_id(l, at, object, &e->id) || !read_host(l, at, object, &e->host) || !read_address(l, at, object, e))
		return false;
	if (!e->host && !e->has_address)
		return jsonfile_fail(&l->file, at, "needs \"host\" or \"address\"");
	if (!read_port(l, at, object, &e->port) || !read_path(l, at, object, &e->path) || !read_clients(l, at, object, e) ||
	    !read_expires(l, at, object, &e->expires_ns) || !jsonfile_string(&l->file, at, object, "owner", false, &owner) ||
	    !jsonfile_string(&l->file, at, object, "comment", false, &comment) || !keep(l, &e->owner, owner) ||
	    !keep(l, &e->comment, comment))
		return false;
	return e->list == POLICY_DENIED ||
	       (read_require(l, at, object, "require", &e->require) && read_tools(l, at, object, e));
}

static const char *const list_names[POLICY_LISTS] = {"approved", "denied"};

static bool read_entries(struct load *l, const json_t *root)
{
	struct policy *p = l->policy;
	const json_t *arrays[POLICY_LISTS] = {NULL, NULL};
	size_t n = 0;
	for (int list = 0; list < POLICY_LISTS; list++) {
		if (!jsonfile_array(&l->file, NULL, root, list_names[list], false, &arrays[list]))
			return false;
		n += arrays[list] ? json_array_size(arrays[list]) : 0;
	}
	p->entries = calloc(n ? n : 1, sizeof *p->entries);
	if (!p->entries)
		return no_memory(l);
	for (int list = 0; list < POLICY_LISTS; list++) {
		struct jsonplace array = {NULL, list_names[list], 0};
		size_t size = arrays[list] ? json_array_size(arrays[list]) : 0;
		for (size_t i = 0; i < size; i++) {
			struct jsonplace place = {&array, NULL, i};
			struct policy_entry *e = &p->entries[p->n_entries++]; /* counted first: policy_free takes what it got */
			e->list = (enum policy_list)list;
			e->order = i;
			if (!read_entry(l, &place, json_array_get(arrays[list], i), e))
				return false;
			p->n_list[list]++;
		}
	}
	return true;
}

static int id_compare(const void *a, const void *b)
{
	const struct policy_entry *x = *(const struct policy_entry *const *)a, *y = *(const struct policy_entry *const *)b;
	int order = strcmp(x->id, y->id);
	return order ? order : x < y ? -1 : x > y; /* all of one array */
}

/* An id names the entry in events; two of one name would leave the analyst guessing. */
static bool unique_ids(struct load *l)
{
	const struct policy *p = l->policy;
	const struct policy_entry **sorted = calloc(p->n_entries ? p->n_entries : 1, sizeof *sorted), *twin = NULL, *first = NULL;
	if (!sorted)
		return no_memory(l);
	for (size_t i = 0; i < p->n_entries; i++)
		sorted[i] = &p->entries[i];
	qsort(sorted, p->n_entries, sizeof *sorted, id_compare);
	for (size_t i = 1; i < p->n_entries; i++) {
		if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0 && (!twin || sorted[i] < twin)) {
			first = sorted[i - 1];
			twin = sorted[i];
		}
	}
	free(sorted);
	if (!twin)
		return true;
	struct jsonplace array = {NULL, list_names[twin->list], 0}, item = {&array, NULL, twin->order}, id = {&item, "id", 0};
	return jsonfile_fail(&l->file, &id, "\"%s\" is the id of /%s/%zu already", twin->id, list_names[first->list],
	                     first->order);
}

/* ---- the file ---- */

/* RFC 1918, RFC 6598, loopback, link local, RFC 4193. */
static bool default_networks(struct policy *p)
{
	static const char *const texts[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
	                                    "169.254.0.0/16", "::1/128", "fe80::/10", "fc00::/7"};
	p->internal = calloc(sizeof texts / sizeof *texts, sizeof *p->internal);
	if (!p->internal)
		return false;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (ip_net_parse(slice_str(texts[i]), &p->internal[p->n_internal]))
			p->n_internal++;
	return true;
}

static bool read_root(struct load *l, const json_t *root)
{
	static const char *const names[] = {"version", "internal_networks", "requirements", "approved", "denied", "comment",
	                                    "$schema", NULL};
	struct jsonplace networks = {NULL, "internal_networks", 0};
	const char *text = NULL;
	const json_t *array = NULL;
	int64_t version;
	if (!jsonfile_members(&l->file, NULL, root, names) ||
	    !jsonfile_integer(&l->file, NULL, root, "version", true, 1, 1, &version) ||
	    !jsonfile_string(&l->file, NULL, root, "comment", false, &text) ||
	    !jsonfile_string(&l->file, NULL, root, "$schema", false, &text) ||
	    !jsonfile_array(&l->file, NULL, root, "internal_networks", false, &array))
		return false;
	if (array ? !read_nets(l, &networks, array, &l->policy->internal, &l->policy->n_internal)
	          : !default_networks(l->policy) && !no_memory(l))
		return false;
	return read_require(l, NULL, root, "requirements", &l->defaults) && read_entries(l, root) && unique_ids(l) &&
	       (policy_index(l->policy) || no_memory(l));
}

/* Takes the reference to root, which is NULL when jsonfile has failed already. */
static int build(struct load *l, const char *name, json_t *root, struct policy **ret, char error[POLICY_ERROR_TEXT])
{
	bool ok = false;
	if (root) {
		l->policy = calloc(1, sizeof *l->policy);
		ok = l->policy ? read_root(l, root) : no_memory(l);
	}
	json_decref(root);
	if (ok) {
		*ret = l->policy;
		return 0;
	}
	policy_free(l->policy);
	if (l->out_of_memory)
		snprintf(error, POLICY_ERROR_TEXT, "%s: out of memory", name);
	else
		snprintf(error, POLICY_ERROR_TEXT, "%s", l->file.error);
	return l->out_of_memory ? FAIL_MEMORY : l->file.fail;
}

int policy_load(const char *path, struct policy **ret, char error[POLICY_ERROR_TEXT])
{
	struct load l = {.policy = NULL};
	return build(&l, path, jsonfile_load(&l.file, path), ret, error);
}

int policy_parse(const char *name, const char *text, size_t n, struct policy **ret, char error[POLICY_ERROR_TEXT])
{
	struct load l = {.policy = NULL};
	return build(&l, name, jsonfile_parse(&l.file, name, text, n), ret, error);
}

struct policy *policy_empty(void)
{
	struct policy *p = calloc(1, sizeof *p);
	if (p && !default_networks(p)) {
		free(p);
		return NULL;
	}
	return p;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_entries; i++) {
		struct policy_entry *e = &p->entries[i];
		for (size_t t = 0; t < e->n_tools; t++)
			free(e->tools[t]);
		free(e->tools);
		free(e->clients);
		free(e->id);
		free(e->owner);
		free(e->comment);
		free(e->host);
		free(e->path);
	}
	for (int list = 0; list < POLICY_LISTS; list++)
		free(p->index[list]);
	free(p->entries);
	free(p->internal);
	free(p);
}
