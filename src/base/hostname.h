/* Host names as policy and signatures compare them: whole labels, case-folded, trailing dot dropped.
 * Refuses to match a name that is not well formed or was truncated: a truncated name never approves anything. */
#ifndef SHADOWTAP_HOSTNAME_H
#define SHADOWTAP_HOSTNAME_H

#include "slice.h"

#define HOSTNAME_TEXT 256 /* 253 bytes at most (RFC 1035 2.3.4), its NUL, and room to notice more */

/* Lower case, trailing dot dropped, into out (NUL-terminated). False, and out empty, if longer than 253 bytes,
 * an empty label, a label over 63 bytes, or a byte that is not a letter, digit, '-' or '_'. Addresses pass. */
bool hostname_normalize(struct slice text, char out[HOSTNAME_TEXT]);

/* pattern: an exact name, or "*." and a suffix, already normalized by hostname_pattern_normalize().
 * "*.acme.com" matches "a.acme.com" and "a.b.acme.com", not "acme.com", "evilacme.com" or "acme.com.evil.net". */
bool hostname_matches(const char *pattern, const char *name);
bool hostname_pattern_normalize(struct slice text, char out[HOSTNAME_TEXT]);

/* Splits "name:port", "[v6]:port", "name". *ret_port is 0 when there is none. False if malformed
 * (an empty host, a port over 65535, trailing text). ret_host borrows from text, without brackets. */
bool authority_split(struct slice text, struct slice *ret_host, uint16_t *ret_port);

#endif
