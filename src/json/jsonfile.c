#include "jsonfile.h"
#include "jsonplain.h"
#include "status.h"
#include "text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Largest file read. Ten thousand policy entries need about 2 MiB; a larger file is a mistake, such as a capture. */
#define JSONFILE_BYTES ((size_t)64 << 20)
/* Bytes of one key, and of one quoted value, that an error message repeats. */
#define QUOTED_BYTES 64
/* Longest name that is compared with the known ones for a suggestion. */
#define SUGGEST_BYTES 40

/* Every error text passes here: what the file holds is repeated in it, and may carry terminal escapes. */
static void error_set(struct jsonfile *f, int fail, const char *text)
{
	if (f->error[0])
		return;
	text_escape_terminal(f->error, sizeof f->error, slice_str(text));
	f->fail = fail;
}

/* A JSON pointer (RFC 6901) from the leaf backwards, so that no depth is too deep; what does not fit in front is
 * left out and shows as "...". */
static const char *pointer_of(const struct jsonplace *at, char *buffer, size_t cap)
{
	char *start = buffer + cap - 1;
	*start = '\0';
	for (; at; at = at->up) {
		char piece[2 * QUOTED_BYTES + 8];
		size_t n = 0;
		if (at->key) {
			text_append(piece, sizeof piece, &n, "/");
			for (size_t i = 0; at->key[i] && i < QUOTED_BYTES; i++) {
				if (at->key[i] == '~')
					text_append(piece, sizeof piece, &n, "~0");
				else if (at->key[i] == '/')
					text_append(piece, sizeof piece, &n, "~1");
				else
					text_append(piece, sizeof piece, &n, "%c", at->key[i]);
			}
			if (strnlen(at->key, QUOTED_BYTES + 1) > QUOTED_BYTES)
				text_append(piece, sizeof piece, &n, "...");
		} else {
			text_append(piece, sizeof piece, &n, "/%zu", at->index);
		}
		if ((size_t)(start - buffer) < n + 3) {
			start -= 3;
			memcpy(start, "...", 3);
			break;
		}
		start -= n;
		memcpy(start, piece, n);
	}
	return start;
}

bool jsonfile_fail(struct jsonfile *f, const struct jsonplace *at, const char *format, ...)
{
	char text[2 * JSONFILE_ERROR_TEXT], sentence[JSONFILE_ERROR_TEXT], buffer[JSONFILE_ERROR_TEXT / 2];
	if (f->error[0])
		return false;
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);

	const char *pointer = pointer_of(at, buffer, sizeof buffer);
	size_t n = 0;
	text_append(text, sizeof text, &n, "%s: %s%s%s", f->path, pointer, pointer[0] ? ": " : "", sentence);
	error_set(f, FAIL_CONFIG, text);
	return false;
}

/* ---- reading ---- */

static void read_fail(struct jsonfile *f, int fail, const char *sentence)
{
	char text[2 * JSONFILE_ERROR_TEXT];
	size_t n = 0;
	text_append(text, sizeof text, &n, "%s: %s", f->path, sentence);
	error_set(f, fail, text);
}

static json_t *parse_text(struct jsonfile *f, const char *text, size_t n)
{
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		/* RFC 8259 8.1 forbids writing one; editors do, and "'[' or '{' expected" would puzzle. */
		read_fail(f, FAIL_CONFIG, "begins with a byte order mark; save it as UTF-8 without one");
		return NULL;
	}
	json_error_t wrong;
	json_t *root = jsonplain_read(text, n);
	if (!root)
		root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &wrong);
	if (root)
		return root;
	/* where memory fails while it builds a value, jansson says nothing at all */
	enum json_error_code code = json_error_code(&wrong);
	if (code == json_error_out_of_memory || wrong.text[0] == '\0') {
		read_fail(f, FAIL_MEMORY, "out of memory");
		return NULL;
	}
	char message[2 * JSONFILE_ERROR_TEXT];
	size_t used = 0;
	text_append(message, sizeof message, &used, "%s:%d:%d: %s", f->path, wrong.line, wrong.column,
	            code == json_error_null_character ? "a NUL character is not allowed" : wrong.text);
	error_set(f, FAIL_CONFIG, message);
	return NULL;
}

json_t *jsonfile_parse(struct jsonfile *f, const char *path, const char *text, size_t n)
{
	*f = (struct jsonfile){.path = path};
	if (n > JSONFILE_BYTES) {
		read_fail(f, FAIL_CONFIG, "larger than 64 MiB");
		return NULL;
	}
	return parse_text(f, text, n);
}

/* The whole file, also where it has no size beforehand (a pipe). */
static char *read_all(struct jsonfile *f, FILE *in, size_t *ret_n)
{
	size_t cap = 1 << 16, n = 0;
	char *text = malloc(cap);
	while (text) {
		n += fread(text + n, 1, cap - n, in);
		if (n < cap)
			break;
		if (cap > JSONFILE_BYTES) {
			read_fail(f, FAIL_CONFIG, "larger than 64 MiB");
			free(text);
			return NULL;
		}
		char *more = realloc(text, cap * 2);
		if (!more)
			free(text);
		text = more;
		cap *= 2;
	}
	if (!text) {
		read_fail(f, FAIL_MEMORY, "out of memory");
		return NULL;
	}
	if (ferror(in)) {
		read_fail(f, FAIL_IO, strerror(errno));
		free(text);
		return NULL;
	}
	*ret_n = n;
	return text;
}

json_t *jsonfile_load(struct jsonfile *f, const char *path)
{
	*f = (struct jsonfile){.path = path};
	FILE *in = fopen(path, "rbe");
	if (!in) {
		read_fail(f, errno == ENOMEM ? FAIL_MEMORY : FAIL_IO, strerror(errno));
		return NULL;
	}
	size_t n = 0;
	char *text = read_all(f, in, &n);
	fclose(in);
	if (!text)
		return NULL;
	json_t *root = NULL;
	if (n > JSONFILE_BYTES)
		read_fail(f, FAIL_CONFIG, "larger than 64 MiB");
	else
		root = parse_text(f, text, n);
	free(text);
	return root;
}

/* ---- members ---- */

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "an array";
	case JSON_STRING: return "a string";
	case JSON_INTEGER:
	case JSON_REAL: return "a number";
	case JSON_TRUE:
	case JSON_FALSE: return "a boolean";
	default: return "null";
	}
}

static bool same_letter(const char *a, size_t i, const char *b, size_t j)
{
	return ascii_lower((uint8_t)a[i - 1]) == ascii_lower((uint8_t)b[j - 1]);
}

/* Edit distance of two short names, case folded; two neighbours swapped count as one slip, like a letter too many. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][SUGGEST_BYTES + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= m; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t cost = above[j - 1] + !same_letter(a, i, b, j);
			if (above[j] + 1 < cost)
				cost = above[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			if (i > 1 && j > 1 && same_letter(a, i, b, j - 1) && same_letter(a, i - 1, b, j) && before[j - 2] + 1 < cost)
				cost = before[j - 2] + 1;
			row[j] = cost;
		}
		size_t *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[m];
}

/* The known name that was probably meant, or NULL. */
static const char *nearest(const char *name, const char *const names[])
{
	if (strnlen(name, SUGGEST_BYTES + 1) > SUGGEST_BYTES)
		return NULL;
	const char *best = NULL;
	size_t least = strlen(name) <= 3 ? 2 : 3; /* of a short name two slips leave too little */
	for (size_t i = 0; names[i]; i++) {
		if (strlen(names[i]) > SUGGEST_BYTES)
			continue;
		size_t d = distance(name, names[i]);
		if (d < least) {
			least = d;
			best = names[i];
		}
	}
	return best;
}

static void list_names(char *out, size_t cap, const char *const names[], const char *quote)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; names[i]; i++)
		text_append(out, cap, &n, "%s%s%s%s", i ? ", " : "", quote, names[i], quote);
}

bool jsonfile_members(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *const names[])
{
	if (!json_is_object(object))
		return jsonfile_fail(f, at, "must be an object, not %s", object ? type_name(object) : "nothing");
	/* jansson iterates in the file's order, so the first mistake of the file is the one named. */
	for (void *it = json_object_iter((json_t *)object); it; it = json_object_iter_next((json_t *)object, it)) {
		const char *key = json_object_iter_key(it);
		bool known = false;
		for (size_t i = 0; names[i] && !known; i++)
			known = strcmp(key, names[i]) == 0;
		if (known)
			continue;
		struct jsonplace place = {at, key, 0};
		const char *meant = nearest(key, names);
		if (meant)
			return jsonfile_fail(f, &place, "unknown member; did you mean \"%s\"?", meant);
		char list[JSONFILE_ERROR_TEXT / 2];
		list_names(list, sizeof list, names, "");
		return jsonfile_fail(f, &place, "unknown member; known here: %s", list);
	}
	return true;
}

/* The member, or NULL: *ret_ok then says whether its absence is allowed. */
static const json_t *member(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                            bool required, bool *ret_ok)
{
	*ret_ok = true;
	const json_t *value = json_object_get(object, name);
	if (!value && required)
		*ret_ok = jsonfile_fail(f, at, "\"%s\" is missing", name);
	return value;
}

static bool wrong_type(struct jsonfile *f, const struct jsonplace *at, const char *name, const char *wanted,
                       const json_t *value)
{
	struct jsonplace place = {at, name, 0};
	return jsonfile_fail(f, &place, "must be %s, not %s", wanted, type_name(value));
}

bool jsonfile_string(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                     bool required, const char **ret)
{
	bool ok;
	const json_t *value = member(f, at, object, name, required, &ok);
	if (!value)
		return ok;
	if (!json_is_string(value))
		return wrong_type(f, at, name, "a string", value);
	*ret = json_string_value(value);
	return true;
}

bool jsonfile_bool(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                   bool required, bool *ret)
{
	bool ok;
	const json_t *value = member(f, at, object, name, required, &ok);
	if (!value)
		return ok;
	if (!json_is_boolean(value))
		return wrong_type(f, at, name, "true or false", value);
	*ret = json_is_true(value);
	return true;
}

bool jsonfile_integer(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                      bool required, int64_t least, int64_t most, int64_t *ret)
{
	bool ok;
	const json_t *value = member(f, at, object, name, required, &ok);
	if (!value)
		return ok;
	struct jsonplace place = {at, name, 0};
	if (json_is_real(value))
		return jsonfile_fail(f, &place, "must be a whole number without a decimal point or exponent");
	if (!json_is_integer(value))
		return wrong_type(f, at, name, "a whole number", value);
	json_int_t n = json_integer_value(value);
	if (n < least || n > most)
		return jsonfile_fail(f, &place, "must be from %lld to %lld, not %lld", (long long)least, (long long)most,
		                     (long long)n);
	*ret = n;
	return true;
}

bool jsonfile_array(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                    bool required, const json_t **ret)
{
	bool ok;
	const json_t *value = member(f, at, object, name, required, &ok);
	if (!value)
		return ok;
	if (!json_is_array(value))
		return wrong_type(f, at, name, "an array", value);
	*ret = value;
	return true;
}

bool jsonfile_object(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                     bool required, const json_t **ret)
{
	bool ok;
	const json_t *value = member(f, at, object, name, required, &ok);
	if (!value)
		return ok;
	if (!json_is_object(value))
		return wrong_type(f, at, name, "an object", value);
	*ret = value;
	return true;
}

bool jsonfile_choice(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name,
                     bool required, const char *const names[], int *ret_index)
{
	const char *text = NULL;
	if (!jsonfile_string(f, at, object, name, required, &text))
		return false;
	if (!text)
		return true;
	for (int i = 0; names[i]; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_index = i;
			return true;
		}
	}
	struct jsonplace place = {at, name, 0};
	char list[JSONFILE_ERROR_TEXT / 2];
	list_names(list, sizeof list, names, "\"");
	return jsonfile_fail(f, &place, "\"%.*s\" is none of %s", QUOTED_BYTES, text, list);
}

void jsonfile_warm_up(void)
{
	json_object_seed(0);
}
