/* A table of subcommands. */
#include "cli.h"
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
	{"replay", "read capture files, record the MCP connections in them", cmd_replay},
	{"live", "watch interfaces, record the MCP connections on them", cmd_live},
	{"interfaces", "list what can be captured on, and why not", cmd_interfaces},
	{"query", "ask the events database", cmd_query},
	{"calls", "ask the audit log of calls: who asked what of whom, and what became of it", cmd_calls},
	{"ack", "acknowledge events: not to be told of them until a date", cmd_ack},
	{"unack", "take acknowledgements back", cmd_unack},
	{"offers", "list the tools, prompts and resources that servers offer", cmd_offers},
	{"alerts", "list alerts that wait to be sent, or drop them", cmd_alerts},
	{"findings", "list the posture findings, or explain one", cmd_findings},
	{"policy", "check a policy file, or ask what it says of a server", cmd_policy},
	{"signatures", "check or list the signatures", cmd_signatures},
	{"config", "check or show a configuration file of live", cmd_config},
};

static void help(FILE *out)
{
	fprintf(out, "shadowtap %s - finds connections to MCP servers that nobody approved\n\n"
	             "usage: shadowtap COMMAND [options]\n\n", SHADOWTAP_VERSION);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n'shadowtap COMMAND --help' teaches each. Start with:\n"
	             "  shadowtap replay --policy policy.json capture.pcap\n"
	             "  shadowtap query\n");
}

/* Where a parent closed one of them, the next file that is opened would take its number, and words for the operator would be
 * written into a database. */
static void open_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", O_RDWR);
}

int main(int argc, char **argv)
{
	open_standard_descriptors();
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("shadowtap %s\n", SHADOWTAP_VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	cli_error("no such command: %s (see 'shadowtap --help')", argv[1]);
	return EXIT_USAGE;
}
