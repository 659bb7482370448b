/* What the subcommands share: exit codes, messages, formats. cli is the only place that prints, parses options or exits. */
#ifndef SHADOWTAP_CLI_H
#define SHADOWTAP_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The exit codes of the contract. Subcommands return them; only main exits. */
enum {
	EXIT_OK = 0,         /* nothing unapproved at or above the minimum; for other commands: done */
	EXIT_UNAPPROVED = 1, /* something unapproved was found; `check`: the file is wrong is 2, not 1 */
	EXIT_USAGE = 2,      /* usage, policy or signature error: nothing was done */
	EXIT_FAILED = 3,     /* input or machine failure: the result is incomplete */
};

/* One row of main's table. argv[0] is the subcommand's name; getopt_long starts at 1. */
struct command {
	const char *name;
	const char *summary; /* for `shadowtap --help` */
	int (*run)(int argc, char **argv);
};

int cmd_replay(int argc, char **argv);
int cmd_interfaces(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_ack(int argc, char **argv);
int cmd_unack(int argc, char **argv);
int cmd_calls(int argc, char **argv);
int cmd_offers(int argc, char **argv);
int cmd_alerts(int argc, char **argv);
int cmd_findings(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_signatures(int argc, char **argv);
int cmd_live(int argc, char **argv);
int cmd_config(int argc, char **argv);

/* "shadowtap: " + text + newline on stderr; text from strangers must be escaped by the caller (text_escape_terminal). */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* cli_error, then "Try 'shadowtap COMMAND --help'."; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum cli_format { CLI_TEXT, CLI_JSON, CLI_JSONL, CLI_CSV };
/* False for an unknown name. */
bool cli_format_parse(const char *name, enum cli_format *ret);

/* "500K", "64M", "2G", "1T" (powers of 1024) or bytes. False for anything else. */
bool cli_size_parse(const char *text, uint64_t *ret);

/* "60s", "15m", "1h", "90d", "2w" or seconds. False for anything else. */
bool cli_age_parse(const char *text, uint64_t *ret_seconds);

/* Of alerts, for live and replay: what they may be told, and what holds when they are told nothing. */
#define ALERT_WINDOW_LEAST 1
#define ALERT_WINDOW_MOST (366u * 86400)
#define ALERT_WINDOW_NS (3600 * INT64_C(1000000000))
#define ALERT_RATE 100
#define ALERT_RATE_MOST 1000000
#define ALERT_QUEUE 100000
#define ALERT_QUEUE_MOST 100000000

/* True when colours may be written to f: a terminal, NO_COLOR unset, TERM not "dumb". */
bool cli_colour(FILE *f);

/* Where signatures are when nobody says: SHADOWTAP_SIGNATURES, else the installed directory, else the source tree's. */
const char *cli_signatures_dir(void);

/* The wall clock. */
int64_t cli_now_ns(void);

/* "2026-11-22", "2026-11-22T10:00:00Z", "90m", "24h", "7d" (ago, from now), "@1763800000". False if none of these. */
bool cli_time_parse(const char *text, long long *ret_ns);

#endif
