/* One definition as it was offered just now -> its versions, and whether it is a change.
 *
 * A version is a content: it has a first and a last time, and versions overlap where a server offers one thing to some clients and another
 * to others. Each is told of once: when it is first seen, by packet time, and another one was seen before. So two clients that are offered
 * different things make one change and not one with each listing; and the order in which captures are read makes no difference to the
 * rows, nor does reading one twice. What was in force before is kept with the version, so that it is the same when it is told again.
 *
 * Known weakness: a definition that goes back to a content that it had is no change; the times of its versions show it. */
#include "catalog_state.h"
#include "frame.h"
#include "status.h"
#include <stdlib.h>

#define DAY_NS (86400 * NS_PER_SEC)

/* By the server too: thousands of servers have a tool "search". Its lists are few. */
struct catalog_definition **catalog_definition_slot(struct catalog *c, const struct catalog_server *s, const char *name, size_t n)
{
	uint64_t words[] = {siphash(&c->key, name, n), (uint64_t)(uintptr_t)s};
	return &c->definitions[siphash13_words(&c->key, words, 2) % (sizeof c->definitions / sizeof *c->definitions)];
}

struct catalog_definition *catalog_definition_find(const struct catalog *c, const struct catalog_server *s, enum definition_list list,
                                                   const char *name, size_t n)
{
	for (struct catalog_definition *d = *catalog_definition_slot((struct catalog *)c, s, name, n); d; d = d->next_hash)
		if (d->server == s && d->list == list && strncmp(d->name, name, n) == 0 && d->name[n] == '\0')
			return d;
	return NULL;
}

static void charge(struct catalog *c, struct catalog_server *s, size_t bytes)
{
	s->bytes += bytes;
	c->counts.bytes += bytes;
}

struct catalog_definition *catalog_definition_make(struct catalog *c, struct catalog_server *s, enum definition_list list, const char *name)
{
	size_t n = strlen(name);
	struct catalog_definition *d = calloc(1, sizeof *d + n + 1);
	if (!d)
		return NULL;
	memcpy(d->name, name, n + 1);
	d->server = s;
	d->list = (uint8_t)list;
	struct catalog_definition **slot = catalog_definition_slot(c, s, name, n);
	d->next_hash = *slot;
	*slot = d;
	d->next_own = s->own;
	s->own = d;
	s->n++;
	c->counts.definitions++;
	charge(c, s, sizeof *d + n + 1);
	return d;
}

struct version *catalog_version_find(struct catalog_definition *d, const uint8_t hash[SHA256_BYTES])
{
	for (unsigned i = 0; i < d->n; i++)
		if (memcmp(d->versions[i].hash, hash, SHA256_BYTES) == 0)
			return &d->versions[i];
	return NULL;
}

static struct version *stalest(struct catalog_definition *d)
{
	struct version *old = &d->versions[0];
	for (unsigned i = 1; i < d->n; i++)
		if (d->versions[i].last_ns < old->last_ns)
			old = &d->versions[i];
	return old;
}

struct version *catalog_version_add(struct catalog *c, struct catalog_definition *d, const struct version *v)
{
	if (d->n == LIMIT_CATALOG_VERSIONS) {
		struct version *old = stalest(d);
		free(old->text);
		*old = *v;
		return old;
	}
	if (d->n == d->cap) {
		unsigned cap = d->cap ? d->cap * 2u : 1;
		struct version *grown = realloc(d->versions, cap * sizeof *grown);
		if (!grown)
			return NULL;
		charge(c, d->server, (cap - d->cap) * sizeof *grown);
		d->versions = grown;
		d->cap = (uint8_t)cap;
	}
	charge(c, d->server, v->text ? strlen(v->text) : 0); /* until the server leaves: a text that is replaced makes no room */
	c->counts.versions++;
	d->versions[d->n] = *v;
	return &d->versions[d->n++];
}

bool catalog_definition_known(const struct catalog_definition *d, int64_t time_ns)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->versions[i].first_ns <= time_ns)
			return true;
	return false;
}

/* What was in force before: of those seen earlier the one that was seen last; NULL: none was. */
static struct version *version_before(struct catalog_definition *d, const struct version *v)
{
	struct version *best = NULL;
	for (unsigned i = 0; i < d->n; i++) {
		struct version *u = &d->versions[i];
		if (u == v || u->first_ns >= v->first_ns)
			continue;
		int64_t last = u->last_ns < v->first_ns ? u->last_ns : v->first_ns, best_last;
		best_last = best ? best->last_ns < v->first_ns ? best->last_ns : v->first_ns : 0;
		if (!best || last > best_last || (last == best_last && u->first_ns > best->first_ns))
			best = u;
	}
	return best;
}

static int64_t day_of(int64_t time_ns)
{
	return time_ns / DAY_NS - (time_ns % DAY_NS < 0);
}

/* A description with the time of day in it is another one with each listing. */
static bool too_many_today(const struct catalog_definition *d, int64_t time_ns)
{
	unsigned n = 0;
	for (unsigned i = 0; i < d->n; i++)
		n += day_of(d->versions[i].first_ns) == day_of(time_ns);
	return n > LIMIT_CATALOG_CHANGES_DAY;
}

static int tell_change(struct catalog *c, struct catalog_definition *d, const struct version *v, const struct offer *offer,
                       unsigned *changes, const struct catalog_sink *sink)
{
	struct catalog_change change = {.list = (enum definition_list)d->list, .name = d->name, .text_after = v->text,
	                                .time_ns = offer->time_ns, .frame = offer->frame, .hints = v->hints};
	struct version *before = catalog_version_find(d, v->before);
	bool any = false;
	if (*changes == 0) {
		c->counts.untold++;
		return 0;
	}
	--*changes;
	memcpy(change.before, v->before, SHA256_BYTES);
	memcpy(change.after, v->hash, SHA256_BYTES);
	if (before) {
		change.text_before = before->text;
		change.hints &= (uint8_t)~before->hints;
		for (int part = 0; part < PART_COUNT; part++)
			any |= change.parts[part] = memcmp(before->parts[part], v->parts[part], DEFINITION_PART_BYTES) != 0;
	}
	if (!any) /* the former one is forgotten, or one of them was too large for a hash */
		change.parts[PART_OTHER] = true;
	c->counts.changes++;
	return sink->change(sink->context, &change);
}

static struct version *version_new(struct catalog *c, struct catalog_definition *d, const struct definition *seen, int64_t time_ns)
{
	struct version v = {.first_ns = time_ns, .last_ns = time_ns, .told_ns = INT64_MIN, .bytes = seen->bytes, .hints = seen->hints};
	if (!(seen->flags & DEFINITION_UNHASHED)) {
		memcpy(v.hash, seen->hash, sizeof v.hash);
		memcpy(v.parts, seen->parts, sizeof v.parts);
	}
	struct version *known = catalog_version_find(d, v.hash);
	if (known)
		return known;
	if (too_many_today(d, time_ns)) {
		c->counts.untold++;
		d->unstable = true;
		known = &d->versions[0];
		for (unsigned i = 1; i < d->n; i++) /* the latest of them says so */
			if (d->versions[i].first_ns > known->first_ns)
				known = &d->versions[i];
		known->told_ns = INT64_MIN;
		return NULL;
	}
	v.text = seen->text ? strdup(seen->text) : NULL;
	known = catalog_version_add(c, d, &v);
	if (!known) {
		c->failed = true;
		free(v.text);
	}
	return known;
}

int catalog_definition_take(struct catalog *c, struct catalog_definition *d, const struct definition *seen, const struct offer *offer,
                            unsigned *changes, const struct catalog_sink *sink)
{
	int64_t t = offer->time_ns;
	c->failed = false;
	struct version *v = version_new(c, d, seen, t);
	if (!v)
		return c->failed ? FAIL_MEMORY : 0;
	if (t < v->first_ns) {
		v->first_ns = t;
		v->has_before = false;
		v->told_ns = INT64_MIN;
	}
	if (t > v->last_ns)
		v->last_ns = t;
	if (!v->text && seen->text && (v->text = strdup(seen->text)) != NULL) { /* seen before, when texts were not wanted */
		charge(c, d->server, strlen(v->text));
		v->told_ns = INT64_MIN;
	}
	struct version *before = t == v->first_ns && !v->has_before ? version_before(d, v) : NULL;
	if (before) {
		memcpy(v->before, before->hash, sizeof v->before);
		v->has_before = true;
		v->told_ns = INT64_MIN;
	}
	int result = 0;
	if (t == v->first_ns && v->has_before)
		result = tell_change(c, d, v, offer, changes, sink);
	/* in the minute after it was told nobody is told again when it was last seen: catalog_flush() does it */
	if (v->told_ns == INT64_MIN || v->last_ns - v->told_ns >= LIMIT_CATALOG_TELL_NS) {
		int told = catalog_row_tell(d, v, sink);
		result = result ? result : told;
	}
	return result;
}
