/* Lists of clients -> networks: of entries, of requirements, and the named groups that both may use. Called by
 * policy_load. Refuses a name that no group has: a list that is shorter than it looks would let nobody in, or
 * everybody. */
#include "policy_load.h"
#include <stdlib.h>

#define GROUP_BYTES 64

bool policy_read_nets(struct policy_load *l, const struct jsonplace *at, const json_t *array, struct ip_net **ret,
		      size_t *ret_n)
{
	size_t n = json_array_size(array);
	struct ip_net *nets = calloc(n ? n : 1, sizeof *nets);
	if (!nets)
		return policy_no_memory(l);
	for (size_t i = 0; i < n; i++) {
		struct jsonplace place = {at, NULL, i};
		const json_t *item = json_array_get(array, i);
		if (json_is_string(item)
			? !policy_read_net(l, &place, json_string_value(item), &nets[i])
			: !jsonfile_fail(&l->file, &place, "must be a string such as \"10.0.0.0/8\"")) {
			free(nets);
			return false;
		}
	}
	*ret = nets;
	*ret_n = n;
	return true;
}

/* Letters first and neither dot nor colon: nothing that is a group's name is an address. */
static bool is_group_name(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
	uint8_t first = ascii_lower((uint8_t)text[0]);
	return n > 0 && n <= GROUP_BYTES && !text[n] && first >= 'a' && first <= 'z';
}

static struct policy_group *group_find(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_groups; i++)
		if (strcmp(p->groups[i].name, name) == 0)
			return &p->groups[i];
	return NULL;
}

bool policy_read_groups(struct policy_load *l, const json_t *root)
{
	struct jsonplace at = {NULL, "groups", 0};
	struct policy *p = l->policy;
	const json_t *groups = NULL, *nets;
	const char *name;
	if (!jsonfile_object(&l->file, NULL, root, "groups", false, &groups))
		return false;
	if (!groups)
		return true;
	if (json_object_size(groups) > LIMIT_POLICY_GROUPS)
		return jsonfile_fail(&l->file, &at, "has more than %d groups", LIMIT_POLICY_GROUPS);
	p->groups = calloc(json_object_size(groups) + 1, sizeof *p->groups);
	if (!p->groups)
		return policy_no_memory(l);
	json_object_foreach((json_t *)groups, name, nets)
	{
		struct jsonplace place = {&at, name, 0};
		if (strcmp(name, "comment") == 0 && json_is_string(nets))
			continue;
		if (!is_group_name(name))
			return jsonfile_fail(&l->file, &place,
					     "a group's name has 1 to %d letters, digits, '_' or '-', a letter first",
					     GROUP_BYTES);
		if (!json_is_array(nets) || json_array_size(nets) == 0)
			return jsonfile_fail(&l->file, &place, "must be a list of addresses and networks, not empty");
		struct policy_group *g = &p->groups[p->n_groups];
		if (!policy_keep(l, &g->name, name))
			return false;
		p->n_groups++;
		if (!policy_read_nets(l, &place, nets, &g->nets, &g->n))
			return false;
	}
	return true;
}

/* What one element of a list stands for: *ret_n networks, which *net or a group owns. */
static const struct ip_net *element_nets(struct policy_load *l, const struct jsonplace *at, const json_t *item,
					 struct ip_net *net, size_t *ret_n)
{
	const char *text = json_string_value(item);
	if (!text) {
		jsonfile_fail(&l->file, at, "must be a string such as \"10.0.0.0/8\", or the name of a group");
		return NULL;
	}
	if (!is_group_name(text)) {
		*ret_n = 1;
		return policy_read_net(l, at, text, net) ? net : NULL;
	}
	struct policy_group *g = group_find(l->policy, text);
	if (!g) {
		jsonfile_fail(&l->file, at, "there is no group " QUOTE " in \"groups\"", text);
		return NULL;
	}
	g->used = true;
	*ret_n = g->n;
	return g->nets;
}

static bool read_list(struct policy_load *l, const struct jsonplace *at, const json_t *array, struct ip_net **ret,
		      size_t *ret_n)
{
	struct ip_net net;
	size_t n = 0, more = 0;
	for (size_t i = 0; i < json_array_size(array); i++, n += more) {
		struct jsonplace place = {at, NULL, i};
		if (!element_nets(l, &place, json_array_get(array, i), &net, &more))
			return false;
	}
	*ret = calloc(n ? n : 1, sizeof **ret);
	if (!*ret)
		return policy_no_memory(l);
	for (size_t i = 0; i < json_array_size(array); i++, *ret_n += more) {
		struct jsonplace place = {at, NULL, i};
		const struct ip_net *nets = element_nets(l, &place, json_array_get(array, i), &net, &more);
		memcpy(*ret + *ret_n, nets, more * sizeof **ret);
	}
	return true;
}

/* The list of a member "clients", or NULL where there is none. */
static bool member(struct policy_load *l, const struct jsonplace *at, const json_t *object, const json_t **ret)
{
	struct jsonplace place = {at, "clients", 0};
	if (!jsonfile_array(&l->file, at, object, "clients", false, ret))
		return false;
	if (*ret && json_array_size(*ret) == 0)
		return jsonfile_fail(&l->file, &place, "is empty; leave it out to mean every client");
	return true;
}

bool policy_read_clients(struct policy_load *l, const struct jsonplace *at, const json_t *object,
			 struct policy_entry *e)
{
	struct jsonplace place = {at, "clients", 0};
	const json_t *array = NULL;
	return member(l, at, object, &array) && (!array || read_list(l, &place, array, &e->clients, &e->n_clients));
}

static char *list_text(const json_t *array)
{
	size_t n = 1;
	for (size_t i = 0; i < json_array_size(array); i++)
		n += json_string_length(json_array_get(array, i)) + 2;
	char *text = malloc(n), *p = text;
	for (size_t i = 0; text && i < json_array_size(array); i++) {
		const char *one = json_string_value(json_array_get(array, i));
		memcpy(p, ", ", 2);
		p += i ? 2 : 0;
		memcpy(p, one, strlen(one));
		p += strlen(one);
	}
	if (text)
		*p = '\0';
	return text;
}

bool policy_read_required_clients(struct policy_load *l, const struct jsonplace *at, const json_t *require,
				  const struct policy_clients **ret)
{
	struct jsonplace place = {at, "clients", 0};
	const json_t *array = NULL;
	if (!member(l, at, require, &array))
		return false;
	if (!array)
		return true;
	struct policy_clients *c = calloc(1, sizeof *c);
	if (!c)
		return policy_no_memory(l);
	c->next = l->policy->clients;
	l->policy->clients = c;
	if (!read_list(l, &place, array, &c->nets, &c->n))
		return false;
	c->text = list_text(array);
	*ret = c;
	return c->text || policy_no_memory(l);
}

void policy_clients_free(struct policy *p)
{
	for (size_t i = 0; i < p->n_groups; i++) {
		free(p->groups[i].name);
		free(p->groups[i].nets);
	}
	free(p->groups);
	for (struct policy_clients *c = p->clients, *next; c; c = next) {
		next = c->next;
		free(c->nets);
		free(c->text);
		free(c);
	}
}
