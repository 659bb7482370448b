/* Policy file (schema/policy.schema.json) -> struct policy. The file is trusted to be the operator's, not to be right:
 * what it says must be understood in full or it is refused, because a policy half read approves or alarms wrongly. */
#include "policy_load.h"
#include "rfc3339.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>

bool policy_no_memory(struct policy_load *l)
{
	l->out_of_memory = true;
	return false;
}

bool policy_keep(struct policy_load *l, char **field, const char *text)
{
	if (!text)
		return true;
	*field = strdup(text);
	return *field || policy_no_memory(l);
}

/* ret holds the defaults beforehand; what the member leaves out stays. */
static bool read_require(struct policy_load *l, const struct jsonplace *at, const json_t *object, const char *name,
                         struct policy_require *ret)
{
	static const char *const names[] = {"tls", "auth", "protocol_version", "no_findings", "clients", "comment", NULL};
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
	    !policy_read_required_clients(l, &place, require, &ret->clients) ||
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

/* ---- entries ---- */

static bool read_entry(struct policy_load *l, const struct jsonplace *at, const json_t *object, struct policy_entry *e)
{
	static const char *const approved[] = {"id", "host", "address", "connector", "port", "path", "clients", "expires",
	                                       "owner", "comment", "require", "tools", "resources", "prompts", NULL};
	static const char *const denied[] = {"id", "host", "address", "connector", "port", "path", "clients", "expires",
	                                     "owner", "comment", NULL};
	const char *owner = NULL, *comment = NULL;
	e->expires_ns = POLICY_NEVER;
	e->require = l->defaults;
	if (!jsonfile_members(&l->file, at, object, e->list == POLICY_APPROVED ? approved : denied) ||
	    !policy_read_id(l, at, object, &e->id) || !policy_read_host(l, at, object, &e->host) || !policy_read_address(l, at, object, e))
		return false;
	if (!policy_read_connector(l, at, object, &e->connector))
		return false;
	if (!e->host && !e->has_address && !e->connector)
		return jsonfile_fail(&l->file, at, "needs \"host\", \"address\" or \"connector\"");
	if (!policy_read_port(l, at, object, &e->port) || !policy_read_path(l, at, object, &e->path) || !policy_read_clients(l, at, object, e) ||
	    !policy_read_expires(l, at, object, &e->expires_ns) || !jsonfile_string(&l->file, at, object, "owner", false, &owner) ||
	    !jsonfile_string(&l->file, at, object, "comment", false, &comment) || !policy_keep(l, &e->owner, owner) ||
	    !policy_keep(l, &e->comment, comment))
		return false;
	if (e->connector && (e->host || e->has_address || e->port || e->path))
		return jsonfile_fail(&l->file, at, "\"connector\" stands for a server of the vendor's: it has no host, address, port or path");
	return e->list == POLICY_DENIED ||
	       (read_require(l, at, object, "require", &e->require) && policy_read_names(l, at, object, e->names));
}

static const char *const list_names[POLICY_LISTS] = {"approved", "denied"};

static bool read_entries(struct policy_load *l, const json_t *root)
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
		return policy_no_memory(l);
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
static bool unique_ids(struct policy_load *l)
{
	const struct policy *p = l->policy;
	const struct policy_entry **sorted = calloc(p->n_entries ? p->n_entries : 1, sizeof *sorted), *twin = NULL, *first = NULL;
	if (!sorted)
		return policy_no_memory(l);
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

static bool read_root(struct policy_load *l, const json_t *root)
{
	static const char *const names[] = {"version", "internal_networks", "groups", "requirements", "tools", "resources",
	                                    "prompts", "approved", "denied", "comment", "$schema", NULL};
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
	if (array ? !policy_read_nets(l, &networks, array, &l->policy->internal, &l->policy->n_internal)
	          : !default_networks(l->policy) && !policy_no_memory(l))
		return false;
	return policy_read_groups(l, root) && read_require(l, NULL, root, "requirements", &l->defaults) &&
	       policy_read_denied_names(l, root) && read_entries(l, root) && unique_ids(l) &&
	       (policy_index(l->policy) || policy_no_memory(l));
}

/* Takes the reference to root, which is NULL when jsonfile has failed already. */
static int build(struct policy_load *l, const char *name, json_t *root, struct policy **ret, char error[POLICY_ERROR_TEXT])
{
	bool ok = false;
	if (root) {
		l->policy = calloc(1, sizeof *l->policy);
		ok = l->policy ? read_root(l, root) : policy_no_memory(l);
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
	struct policy_load l = {.policy = NULL};
	return build(&l, path, jsonfile_load(&l.file, path), ret, error);
}

int policy_parse(const char *name, const char *text, size_t n, struct policy **ret, char error[POLICY_ERROR_TEXT])
{
	struct policy_load l = {.policy = NULL};
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
		for (int use = 0; use < POLICY_USES; use++)
			policy_names_done(&e->names[use]);
		free(e->connector);
		free(e->clients);
		free(e->id);
		free(e->owner);
		free(e->comment);
		free(e->host);
		free(e->path);
	}
	for (int list = 0; list < POLICY_LISTS; list++)
		free(p->index[list]);
	for (int use = 0; use < POLICY_USES; use++)
		policy_globs_done(&p->denied_names[use]);
	policy_clients_free(p);
	free(p->entries);
	free(p->internal);
	free(p);
}
