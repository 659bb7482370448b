#include "config_file.h"
#include "limits.h"
#include "text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

__attribute__((format(printf, 4, 5))) static bool fail(char error[CONFIG_ERROR_TEXT], const char *path, unsigned line,
                                                        const char *format, ...)
{
	char raw[CONFIG_ERROR_TEXT];
	size_t n = 0;
	va_list args;
	if (line)
		text_append(raw, sizeof raw, &n, "%s:%u: ", path, line);
	else
		text_append(raw, sizeof raw, &n, "%s: ", path);
	va_start(args, format);
	vsnprintf(raw + n, sizeof raw - n, format, args);
	va_end(args);
	text_escape_terminal(error, CONFIG_ERROR_TEXT, slice_str(raw));
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* One line, NUL at its end, in place. *ret_name stays NULL where it says nothing. */
static const char *parse_line(char *p, const char **ret_name, const char **ret_value)
{
	while (is_space(*p))
		p++;
	if (*p == 0 || *p == '#')
		return NULL;
	char *name = p;
	while (is_name(*p))
		p++;
	char *name_end = p;
	while (is_space(*p))
		p++;
	if (p == name || *p != '=')
		return "expected 'name = value'";
	p++;
	while (is_space(*p))
		p++;
	char *value = p, *end;
	if (*p == '"') {
		value = ++p;
		while (*p && *p != '"')
			p++;
		if (*p == 0)
			return "a value begins with a quote and does not end with one";
		end = p++;
		while (is_space(*p))
			p++;
		if (*p && *p != '#')
			return "expected nothing after the closing quote";
	} else {
		while (*p && !(*p == '#' && p > value && is_space(p[-1])))
			p++;
		end = p;
		while (end > value && is_space(end[-1]))
			end--;
		if (end == value || *value == '#')
			return "expected a value after '='";
	}
	*name_end = 0;
	*end = 0;
	*ret_name = name;
	*ret_value = value;
	return NULL;
}

static char *read_whole(const char *path, size_t *ret_n, char error[CONFIG_ERROR_TEXT])
{
	struct stat st;
	FILE *f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) != 0) {
		fail(error, path, 0, "%s", strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	char *text = NULL;
	if (S_ISDIR(st.st_mode)) {
		fail(error, path, 0, "is a directory");
	} else if (!(text = malloc(LIMIT_CONFIG_FILE + 1))) {
		fail(error, path, 0, "out of memory");
	} else {
		*ret_n = fread(text, 1, LIMIT_CONFIG_FILE + 1, f);
		if (ferror(f) || *ret_n > LIMIT_CONFIG_FILE) {
			fail(error, path, 0, ferror(f) ? "cannot be read" : "is larger than %u bytes", LIMIT_CONFIG_FILE);
			free(text);
			text = NULL;
		}
	}
	fclose(f);
	return text;
}

bool config_file_read(const char *path, struct config_file *ret, char error[CONFIG_ERROR_TEXT])
{
	struct config_file f = {0};
	size_t n, lines = 1;
	f.text = read_whole(path, &n, error);
	if (!f.text)
		return false;
	f.text[n] = 0;
	if (memchr(f.text, 0, n)) {
		config_file_done(&f);
		return fail(error, path, 0, "is no text: it has a NUL byte");
	}
	for (size_t i = 0; i < n; i++)
		lines += f.text[i] == '\n';
	f.lines = calloc(lines, sizeof *f.lines);
	bool ok = f.lines || fail(error, path, 0, "out of memory");
	unsigned number = 0;
	for (char *p = f.text; ok && p; ) {
		char *newline = strchr(p, '\n');
		if (newline)
			*newline = 0;
		struct config_line l = {.line = ++number};
		const char *wrong = parse_line(p, &l.name, &l.value);
		if (wrong)
			ok = fail(error, path, number, "%s", wrong);
		else if (l.name)
			f.lines[f.n++] = l;
		p = newline ? newline + 1 : NULL;
	}
	if (!ok) {
		config_file_done(&f);
		return false;
	}
	*ret = f;
	return true;
}

void config_file_done(struct config_file *f)
{
	free(f->text);
	free(f->lines);
	*f = (struct config_file){0};
}
