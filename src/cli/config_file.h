/* A configuration file -> names and values: one `name = value` a line, '#' begins a comment at the start of a line or after white space, values
 * may stand in double quotes. Names are those of the command line's long options. Used by live and config. Knows no names. */
#ifndef SHADOWTAP_CONFIG_FILE_H
#define SHADOWTAP_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct config_line {
	const char *name, *value;
	unsigned line;
};

struct config_file {
	char *text; /* what the lines point into */
	struct config_line *lines;
	size_t n;
};

#define CONFIG_ERROR_TEXT 512

/* False with a sentence that names file and line in error. */
bool config_file_read(const char *path, struct config_file *ret, char error[CONFIG_ERROR_TEXT]);
void config_file_done(struct config_file *f);

#endif
