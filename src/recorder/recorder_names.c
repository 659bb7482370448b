/* Also the handler of records of names. */
#include "recorder_names.h"
#include "recorder_state.h"
#include "status.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing that the connection says names its server: there is no host, and no server name or one that ECH may have put there. */
static bool is_unnamed(const struct observation *o)
{
	return o->kind == KIND_CONNECTION && !o->via_proxy && !(o->host && o->host[0]) &&
	       (!(o->sni && o->sni[0]) || (o->facts & FACT_ECH));
}

/* The host's or server name as it can be compared; false: there is none that could be believed, or it is an address. */
static bool own_name(const struct observation *o, char out[HOSTNAME_TEXT])
{
	struct slice text = slice_str(o->host && o->host[0] ? o->host : o->sni ? o->sni : "");
	struct slice name;
	struct ip_addr addr;
	uint16_t port;
	if (o->host_cut || o->via_proxy || o->kind != KIND_CONNECTION || !text.n || !authority_split(text, &name, &port))
		return false;
	return !ip_addr_parse(name, &addr) && hostname_normalize(name, out) && !ip_addr_parse(slice_str(out), &addr);
}

static void name_from(struct recorder_naming *k, const struct address_names *a)
{
	bool one = a->n == 1;
	k->one = one;
	memcpy(k->name, a->name, strlen(a->name) + 1);
	if (a->confidence == CONFIDENCE_NONE)
		return;
	char detail[HOSTNAME_TEXT + 2 * LIMIT_DETAIL];
	k->confidence = one || a->confidence < CONFIDENCE_POSSIBLE ? a->confidence : CONFIDENCE_POSSIBLE;
	snprintf(k->signature, sizeof k->signature, "%s", a->signature);
	snprintf(detail, sizeof detail, one ? "DNS answers gave this client the server's address for %s alone: %s"
	                                    : "DNS answers gave this client the server's address for several names, among them %s: %s",
	         a->name, a->reason);
	detail[LIMIT_DETAIL - 1] = 0;
	text_copy(k->detail, sizeof k->detail, slice_str(detail));
	k->reason = (struct observed_reason){k->signature, k->detail, a->time_ns, a->frame};
}

/* What is outside an encrypted hello is one of the names that the address has for this client: then it says what any server name says, but
 * is believed only where it is the only one; any of the others may be what is inside. */
static void find_name(struct name_book *b, const struct observation *o, struct recorder_naming *k)
{
	char sni[HOSTNAME_TEXT];
	struct address_names a;
	bool has_sni = own_name(o, sni);
	name_book_address(b, o, has_sni ? sni : NULL, &a);
	if (a.n == 0 || (a.listed && a.n > 1))
		return;
	name_from(k, &a);
	k->sni_fits = a.listed;
}

int recorder_naming_find(struct name_book *b, const struct observation *o, struct recorder_naming **kept)
{
	struct recorder_naming *k = *kept;
	char name[HOSTNAME_TEXT];
	bool unnamed = is_unnamed(o), named = !unnamed && own_name(o, name);
	/* where the name is an address, or none is asked for at all, DNS may still know what it was called */
	bool address = !unnamed && !named && !o->via_proxy && o->kind == KIND_CONNECTION && !o->host_cut;
	bool look = (unnamed || address) && !(k && k->named), check = named && !(k && k->checked);
	if (!look && !check)
		return 0;
	if (!k && !(k = calloc(1, sizeof *k)))
		return FAIL_MEMORY;
	*kept = k;
	name_book_connected(b, o, named ? name : NULL);
	if (look)
		find_name(b, o, k);
	k->named |= look;
	if (check)
		k->check = name_book_check(b, o, name);
	k->checked |= check;
	return 0;
}

/* In packet order: the answer came before the connection. */
static void add_reason(struct recorder_named *n, const struct observation *o, const struct observed_reason *reason)
{
	size_t at = 0;
	while (at < o->n_reasons && o->reasons[at].time_ns < reason->time_ns)
		at++;
	if (at)
		memcpy(n->reasons, o->reasons, at * sizeof *n->reasons);
	n->reasons[at] = *reason;
	if (o->n_reasons > at)
		memcpy(n->reasons + at + 1, o->reasons + at, (o->n_reasons - at) * sizeof *n->reasons);
	n->o.reasons = n->reasons;
	n->o.n_reasons = o->n_reasons + 1;
}

void recorder_naming_apply(const struct recorder_naming *k, const struct observation *o, struct recorder_named *ret, struct event_links *links)
{
	ret->o = *o;
	bool unnamed = is_unnamed(o), in_doubt = unnamed && o->sni && o->sni[0];
	char own[HOSTNAME_TEXT];
	if (k && k->named && k->name[0] && (unnamed || !own_name(o, own))) {
		if (k->one)
			links->dns_name = k->name;
		/* what a request says of its host counts before what DNS says of its address */
		if (unnamed && k->confidence != CONFIDENCE_NONE && o->n_reasons <= LIMIT_REASONS) {
			if (k->confidence > o->confidence)
				ret->o.confidence = k->confidence;
			add_reason(ret, o, &k->reason);
		}
		in_doubt = unnamed && (in_doubt ? !(k->one && k->sni_fits) : k->one);
	}
	if (in_doubt)
		links->unverified[links->n_unverified++] = "server-name";
	links->name_check = k ? (uint8_t)k->check : NAME_UNSEEN;
}

struct observation recorder_judged(const struct observation *o, const struct event_links *links)
{
	struct observation judged = *o;
	if (!links->dns_name || !is_unnamed(o))
		return judged;
	judged.sni = links->dns_name;
	judged.host_cut = false;
	judged.facts &= ~(uint32_t)FACT_ECH;
	return judged;
}

int recorder_names(struct recorder *r, const uint8_t *bytes, size_t n)
{
	struct names_box box;
	if (!names_decode(bytes, n, &box)) {
		r->counts.invalid++;
		return 0;
	}
	int result = name_book_take(r->names, &box.n);
	r->counts.names = *name_book_counts(r->names);
	return result;
}
