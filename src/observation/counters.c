#include "counters.h"
#include "cursor.h"
#include <stdarg.h>
#include <stdio.h>

static struct counter *find(struct counters *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->items[i].name, name) == 0)
			return &c->items[i];
	return NULL;
}

void counters_set(struct counters *c, uint64_t value, const char *name, ...)
{
	char text[LIMIT_COUNTER_NAME];
	va_list args;
	va_start(args, name);
	vsnprintf(text, sizeof text, name, args);
	va_end(args);
	struct counter *at = find(c, text);
	if (!at) {
		if (c->n == LIMIT_COUNTERS)
			return;
		at = &c->items[c->n++];
		memcpy(at->name, text, sizeof text);
	}
	at->value = value;
}

uint64_t counters_get(const struct counters *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->items[i].name, name) == 0)
			return c->items[i].value;
	return 0;
}

/* Each: length of the name, the name, the value in eight bytes, big endian. */
size_t counters_encode(const struct counters *c, uint8_t out[COUNTERS_BYTES])
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++) {
		size_t name = strlen(c->items[i].name);
		out[n++] = (uint8_t)name;
		memcpy(out + n, c->items[i].name, name);
		n += name;
		for (int shift = 56; shift >= 0; shift -= 8)
			out[n++] = (uint8_t)(c->items[i].value >> shift);
	}
	return n;
}

static bool name_is_good(struct slice s)
{
	if (s.n == 0 || s.n >= LIMIT_COUNTER_NAME)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t b = s.p[i];
		if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '.' || b == '-' || b == '_'))
			return false;
	}
	return s.p[0] != '.' && s.p[s.n - 1] != '.';
}

bool counters_decode(struct slice bytes, struct counters *ret)
{
	struct cursor c = cursor_of(bytes);
	ret->n = 0;
	while (cursor_left(&c)) {
		struct slice name = cursor_take(&c, cursor_u8(&c));
		uint64_t high = cursor_be32(&c), low = cursor_be32(&c);
		if (!cursor_ok(&c) || !name_is_good(name) || ret->n == LIMIT_COUNTERS) {
			ret->n = 0;
			return false;
		}
		struct counter *at = &ret->items[ret->n];
		memcpy(at->name, name.p, name.n);
		at->name[name.n] = 0;
		at->value = high << 32 | low;
		if (find(ret, at->name)) { /* two values under one name would break a metrics file */
			ret->n = 0;
			return false;
		}
		ret->n++;
	}
	return true;
}
