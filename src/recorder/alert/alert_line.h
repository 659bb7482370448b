/* A line of text that grows: bytes as they are, printf text, and text of strangers spelt out. Used by the formats that
 * are no JSON. Out of memory is remembered and told once, by line_take. */
#ifndef SHADOWTAP_ALERT_LINE_H
#define SHADOWTAP_ALERT_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct line {
	char *text;
	size_t n, cap;
	bool failed;
};

/* How a text is written; flags. Whatever is spelt out has no control, bidi or invisible character and is valid UTF-8.
 */
enum {
	LINE_SPELL = 1,      /* as text_escape_terminal */
	LINE_QUOTE = 2,      /* " as \" */
	LINE_CEF_HEADER = 4, /* \ and | with a backslash before them */
	LINE_CEF_VALUE = 8,  /* \ and = likewise; with LINE_SPELL a newline as \n, a carriage return as \r */
};

void line_put(struct line *l, const char *text, size_t n);
void line_puts(struct line *l, const char *text);
void line_printf(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void line_text(struct line *l, const char *text, int how);
/* A name bare where it is one harmless word, else spelt out in quotes. */
void line_name(struct line *l, const char *text);
/* Object of counts -> `read_file x5, "two words"`; array -> `policy.auth, policy.tls`; an array of objects: their
 * `member`. At most LIMIT_ALERT_LISTED of them, then "and N more". False, and nothing written, where there are none. */
bool line_list(struct line *l, const json_t *list, const char *member);
/* Hands over the text (malloc'd, with a NUL), or NULL when memory ran out; *l is empty again. */
char *line_take(struct line *l, size_t *ret_n);
void line_done(struct line *l);

#endif
