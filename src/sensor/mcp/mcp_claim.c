#include "mcp_claim.h"

void mcp_claims_add(struct mcp_claims *into, enum claim_source source, const struct ip_addr *address)
{
	for (unsigned i = 0; i < into->n; i++)
		if (into->items[i].source == source && ip_addr_eq(&into->items[i].address, address))
			return;
	if (into->n < LIMIT_CLAIMED_CLIENTS)
		into->items[into->n++] = (struct claimed_client){source, *address};
}

/* "192.0.2.43", "192.0.2.43:4711", "2001:db8::1", "[2001:db8::1]:4711". */
static void add_node(struct mcp_claims *into, enum claim_source source, struct slice node)
{
	struct ip_addr address;
	node = slice_trim(node);
	if (node.n && node.p[0] == '[') {
		node = slice_after(node, 1);
		node = slice_first(node, slice_find(node, ']'));
	} else {
		size_t colon = slice_find(node, ':');
		struct slice after = slice_after(node, colon + 1);
		if (slice_find(after, ':') == after.n)
			node = slice_first(node, colon); /* one colon only: a port */
	}
	if (ip_addr_parse(node, &address))
		mcp_claims_add(into, source, &address);
}

/* Up to the separator, which does not count inside quotes (RFC 7239 4). */
static struct slice take_until(struct slice *rest, char separator)
{
	bool quoted = false;
	size_t n = 0;
	while (n < rest->n && (quoted || rest->p[n] != (uint8_t)separator)) {
		quoted ^= rest->p[n] == '"';
		n++;
	}
	struct slice part = slice_first(*rest, n);
	*rest = slice_after(*rest, n + 1);
	return part;
}

static void read_forwarded(struct slice value, struct mcp_claims *into)
{
	while (value.n) {
		struct slice element = take_until(&value, ',');
		while (element.n) {
			struct slice pair = take_until(&element, ';');
			size_t eq = slice_find(pair, '=');
			if (!slice_ieq_str(slice_trim(slice_first(pair, eq)), "for"))
				continue;
			struct slice node = slice_trim(slice_after(pair, eq + 1));
			if (node.n >= 2 && node.p[0] == '"' && node.p[node.n - 1] == '"')
				node = slice_of(node.p + 1, node.n - 2);
			add_node(into, CLAIM_FORWARDED, node);
		}
	}
}

void mcp_claims_read(const struct http_head *request, struct mcp_claims *into)
{
	for (uint32_t i = 0; i < request->n_fields; i++) {
		const struct http_field *f = &request->fields[i];
		if (slice_ieq_str(f->name, "forwarded")) {
			read_forwarded(f->value, into);
		} else if (slice_ieq_str(f->name, "x-forwarded-for")) {
			for (struct slice rest = f->value; rest.n && into->n < LIMIT_CLAIMED_CLIENTS;)
				add_node(into, CLAIM_X_FORWARDED_FOR, take_until(&rest, ','));
		}
	}
}
