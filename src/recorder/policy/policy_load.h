/* A policy file that is being loaded, for the files that read its parts. Each returns false on the first error;
 * out_of_memory says that it was not the file's fault. */
#ifndef SHADOWTAP_POLICY_LOAD_H
#define SHADOWTAP_POLICY_LOAD_H

#include "jsonfile.h"
#include "policy_entry.h"

#define QUOTE "\"%.64s\""

struct policy_load {
	struct jsonfile file;
	struct policy *policy;
	struct policy_require defaults;
	bool out_of_memory;
};

/* Always false. */
bool policy_no_memory(struct policy_load *l);
/* *field becomes a copy; NULL stays what it was. */
bool policy_keep(struct policy_load *l, char **field, const char *text);

/* policy_read.c. An absent member leaves *ret alone, except the id, which is required. */
bool policy_read_id(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret);
bool policy_read_host(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret);
bool policy_read_net(struct policy_load *l, const struct jsonplace *place, const char *text, struct ip_net *ret);
bool policy_read_address(struct policy_load *l, const struct jsonplace *at, const json_t *object,
			 struct policy_entry *e);
bool policy_read_port(struct policy_load *l, const struct jsonplace *at, const json_t *object, uint16_t *ret);
bool policy_read_path(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret);
bool policy_read_expires(struct policy_load *l, const struct jsonplace *at, const json_t *object, int64_t *ret);
bool policy_read_connector(struct policy_load *l, const struct jsonplace *at, const json_t *object, char **ret);

/* policy_clients.c */
bool policy_read_nets(struct policy_load *l, const struct jsonplace *at, const json_t *array, struct ip_net **ret,
		      size_t *ret_n);
bool policy_read_groups(struct policy_load *l, const json_t *root);
/* The member "clients" of an entry, whose nets are its own. */
bool policy_read_clients(struct policy_load *l, const struct jsonplace *at, const json_t *object,
			 struct policy_entry *e);
/* The same of a requirement, whose nets are the policy's. */
bool policy_read_required_clients(struct policy_load *l, const struct jsonplace *at, const json_t *require,
				  const struct policy_clients **ret);
void policy_clients_free(struct policy *p);

/* policy_findings.c: the member "no_findings" of a requirement. */
bool policy_findings_read(struct jsonfile *file, const struct jsonplace *at, const json_t *require, uint64_t *ret);

/* policy_names.c: "tools", "resources" and "prompts" of an entry, and the denials of the file. */
bool policy_read_names(struct policy_load *l, const struct jsonplace *at, const json_t *object,
		       struct policy_names names[POLICY_USES]);
bool policy_read_denied_names(struct policy_load *l, const json_t *root);
void policy_names_done(struct policy_names *n);

#endif
