/* Hashes of whom, what and where; names that several were told. */
#include "name_state.h"
#include <stdlib.h>

uint64_t name_tenant(const struct name_book *b, const struct encap *e)
{
	uint64_t words[ENCAP_MAX + 1] = {e->n}; /* by its values: a struct has bytes between them that nobody set */
	for (unsigned i = 0; i < e->n; i++)
		words[i + 1] = (uint64_t)e->layer[i].kind << 32 | e->layer[i].id;
	return siphash(&b->key, words, sizeof words);
}

bool name_same_asker(const struct asker *a, const struct asker *b)
{
	return a->tenant == b->tenant && ip_addr_eq(&a->addr, &b->addr);
}

struct asker name_asker_of(const struct name_book *b, const struct observation *o)
{
	return (struct asker){name_tenant(b, &o->encap), o->client_ip};
}

static void put_addr(uint64_t words[3], const struct ip_addr *a)
{
	words[0] = a->family;
	memcpy(&words[1], a->b, sizeof a->b);
}

static uint64_t hash_text(const struct name_book *b, const char *text)
{
	return siphash(&b->key, text, strlen(text));
}

unsigned name_bucket_of_address(const struct name_book *b, const struct asker *a, const struct ip_addr *addr)
{
	uint64_t words[7] = {a->tenant};
	put_addr(words + 1, &a->addr);
	put_addr(words + 4, addr);
	return (unsigned)(siphash(&b->key, words, sizeof words) % NAME_BUCKETS);
}

unsigned name_bucket_of_name(const struct name_book *b, const struct asker *a, const char *name)
{
	uint64_t words[5] = {a->tenant, hash_text(b, name)};
	put_addr(words + 2, &a->addr);
	return (unsigned)(siphash(&b->key, words, sizeof words) % NAME_BUCKETS);
}

unsigned name_bucket_of_pair(const struct name_book *b, uint64_t tenant, const char *name, const struct ip_addr *addr)
{
	uint64_t words[6] = {tenant, hash_text(b, name), 1};
	put_addr(words + 3, addr);
	return (unsigned)(siphash(&b->key, words, sizeof words) % NAME_BUCKETS);
}

unsigned name_bucket_of_client(const struct name_book *b, const struct asker *a, unsigned buckets)
{
	uint64_t words[4] = {a->tenant};
	put_addr(words + 1, &a->addr);
	return (unsigned)(siphash(&b->key, words, sizeof words) % buckets);
}

/* With new signatures in force the same name may say another thing: then it is another one here. */
static bool is_known_as(const struct known_name *k, const struct names *n)
{
	return strcmp(k->text, n->name) == 0 && k->confidence == n->confidence && strcmp(k->signature, n->signature) == 0 &&
	       strcmp(k->reason, n->reason) == 0;
}

struct known_name *known_name_hold(struct name_book *b, const struct names *n)
{
	struct known_name **at = &b->names[hash_text(b, n->name) % NAME_BUCKETS];
	for (struct known_name *k = *at; k; k = k->next)
		if (is_known_as(k, n)) {
			k->holders++;
			return k;
		}
	size_t name = strlen(n->name) + 1, signature = strlen(n->signature) + 1, reason = strlen(n->reason) + 1;
	struct known_name *k = malloc(sizeof *k + name + signature + reason);
	if (!k)
		return NULL;
	*k = (struct known_name){.next = *at, .holders = 1, .confidence = n->confidence};
	memcpy(k->text, n->name, name);
	k->signature = memcpy(k->text + name, n->signature, signature);
	k->reason = memcpy(k->signature + signature, n->reason, reason);
	*at = k;
	return k;
}

void known_name_drop(struct name_book *b, struct known_name *k)
{
	if (--k->holders)
		return;
	struct known_name **at = &b->names[hash_text(b, k->text) % NAME_BUCKETS];
	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	free(k);
}
