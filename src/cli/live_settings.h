/* What `shadowtap live` can be told, by its command line or by a configuration file: one table for both, so that they cannot differ. Used by
 * live and config. */
#ifndef SHADOWTAP_LIVE_SETTINGS_H
#define SHADOWTAP_LIVE_SETTINGS_H

#include "cli.h"
#include "config_file.h"
#include "limits.h"
#include "live.h"
#include <getopt.h>

enum { LIVE_SETTINGS_MAX = 48 };

struct live_settings {
	struct live_config live;
	const char *interfaces[LIMIT_INTERFACES];
	const char *signatures[LIMIT_SIGNATURE_DIRECTORIES];
	const char *alerts[LIMIT_ALERT_EXITS];
	const char *keylogs[LIMIT_KEYLOGS];
	const char *config;     /* the file that was read, or NULL */
	struct config_file file;
	enum cli_format format;
	bool format_known, print, quiet;
	const char *stats_path;
	char host[256];
	bool given[LIVE_SETTINGS_MAX]; /* on the command line */
};

void live_settings_init(struct live_settings *s);
/* -1: go on; else the exit code after saying why. Reads the configuration file that the command line names. */
int live_settings_parse(struct live_settings *s, int argc, char **argv, const char *help);
/* The file alone. False with a sentence in error. */
bool live_settings_read(struct live_settings *s, const char *path, char error[CONFIG_ERROR_TEXT]);
/* What only all of them together can show: an interface is named, limits fit. False with a sentence in error. */
bool live_settings_check(const struct live_settings *s, char error[CONFIG_ERROR_TEXT]);
/* `name = value` lines, as a configuration file that says the same. */
void live_settings_print(const struct live_settings *s, FILE *to);
void live_settings_done(struct live_settings *s);

#endif
