/* A borrowed run of bytes: valid until the call that handed it over returns.
 * Used by every layer; whoever wants to keep the bytes copies them.
 * Never owns memory and never looks past its length. */
#ifndef SHADOWTAP_SLICE_H
#define SHADOWTAP_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

#define SLICE_LITERAL(s) ((struct slice){(const uint8_t *)("" s), sizeof(s) - 1})

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){p, n};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, s ? strlen(s) : 0};
}

/* The slice without its first n bytes; empty when it has no more than n. */
static inline struct slice slice_after(struct slice s, size_t n)
{
	return n >= s.n ? (struct slice){s.p ? s.p + s.n : NULL, 0} : (struct slice){s.p + n, s.n - n};
}

static inline struct slice slice_first(struct slice s, size_t n)
{
	return (struct slice){s.p, n < s.n ? n : s.n};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* ASCII case-insensitive, as HTTP field names and DNS labels compare (RFC 9110 5.1, RFC 4343). */
static inline bool slice_ieq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

static inline bool slice_ieq_str(struct slice a, const char *s)
{
	return slice_ieq(a, slice_str(s));
}

static inline bool slice_starts(struct slice a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

static inline bool slice_istarts(struct slice a, const char *prefix)
{
	return slice_ieq(slice_first(a, strlen(prefix)), slice_str(prefix));
}

/* Without leading and trailing spaces, tabs, CR and LF. */
static inline struct slice slice_trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r' || s.p[0] == '\n'))
		s = slice_after(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

/* Offset of the first c, or s.n. */
static inline size_t slice_find(struct slice s, uint8_t c)
{
	const uint8_t *at = s.n ? memchr(s.p, c, s.n) : NULL;
	return at ? (size_t)(at - s.p) : s.n;
}

#endif
