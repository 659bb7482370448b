/* Text that strangers wrote: cut at a length, made valid UTF-8, NUL-terminated. And a small bounded string builder.
 * Used wherever wire bytes become fields. Escapes for no particular exit: that is the exit's work. */
#ifndef SHADOWTAP_TEXT_H
#define SHADOWTAP_TEXT_H

#include "slice.h"

/* Copies at most cap - 1 bytes, replaces each invalid byte by U+FFFD, ends at a character boundary. NUL bytes become
 * U+FFFD too. Returns true when all of it fitted. cap >= 1. */
bool text_copy(char *out, size_t cap, struct slice in);

/* text_copy into fresh memory of at most cap bytes, or NULL when out of memory. */
char *text_dup(struct slice in, size_t cap);

/* Length in bytes of the valid UTF-8 character at the start of s, 0 if it is invalid or cut (RFC 3629). */
size_t utf8_char_len(struct slice s);

/* Appends printf text to a bounded buffer: *len never passes cap - 1; returns false when cut. */
bool text_append(char *out, size_t cap, size_t *len, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For terminals and logs: writes in with control characters, C1 controls, bidi and zero-width characters and
 * backslash as \xNN or \u{NNNN}. NUL-terminated; cut at cap. */
void text_escape_terminal(char *out, size_t cap, struct slice in);

#endif
