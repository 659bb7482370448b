/* `shadowtap interfaces`: what `live` can capture on, and why not on the others -> rows on standard output.
 * Captures nothing. */
#include "capture_live.h"
#include "cli.h"
#include "output.h"
#include "text.h"
#include <getopt.h>
#include <signal.h>
#include <string.h>

static const char help_text[] =
    "usage: shadowtap interfaces [options]\n"
    "\n"
    "Lists the interfaces that 'shadowtap live -i NAME' can capture on, and for the others why not.\n"
    "\n"
    "      --format F   text, json, jsonl or csv [text]\n"
    "  -h, --help\n"
    "\n"
    "  can_capture      'no' comes with a reason in why_not; '-' is another source of libpcap's, which is not tried,\n"
    "                   since opening it could change something\n"
    "  state            up; no carrier (the cable, or the other end, is down); down\n"
    "  link_type        as libpcap names it; EN10MB is Ethernet\n"
    "\n"
    "Which one:\n"
    "  a span port or tap   the interface that it is plugged into. It needs no address, but it must be up:\n"
    "                         ip link set eth1 up\n"
    "                       A tap with a port per direction is both interfaces together: live -i eth1 -i eth2\n"
    "  a gateway            the interface on the clients' side: behind NAT all clients look alike\n"
    "  any                  all interfaces at once; what passes two of them is captured twice\n"
    "\n"
    "example:\n"
    "  shadowtap interfaces --format jsonl | jq -r 'select(.can_capture and .state == \"up\") | .name'\n"
    "\n"
    "Capturing needs root, or the capability CAP_NET_RAW (the installed service has it):\n"
    "  sudo shadowtap interfaces\n"
    "\n"
    "Exit code: 0, also when nothing can be captured on; 2 for a wrong option; 3 if the interfaces cannot be listed.\n";

/* Text is for somebody at a terminal: what rarely matters is left to the other formats. */
static const char *const table_fields[] = {"name", "can_capture", "state", "link_type", "addresses", "why_not", NULL};
static const char *const all_fields[] = {"name",     "can_capture", "why_not",   "state",       "link_type",
					 "loopback", "wireless",    "addresses", "description", NULL};

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct listing {
	struct output out;
	unsigned can_capture;
};

/* Interface names may hold any byte but '/' and white space; JSON wants UTF-8. */
static json_t *text_value(const char *text)
{
	char clean[1024];
	if (!text)
		return json_null();
	text_copy(clean, sizeof clean, slice_str(text));
	return json_string(clean);
}

static json_t *can_capture(const struct capture_interface_info *i)
{
	if (i->why_not)
		return json_false();
	return i->link_type ? json_true() : json_null();
}

static const char *state_of(const struct capture_interface_info *i)
{
	if (!i->network)
		return NULL;
	return !i->up ? "down" : i->running ? "up" : "no carrier";
}

static void on_interface(void *context, const struct capture_interface_info *i)
{
	struct listing *l = context;
	json_t *row = json_object();
	bool failed = json_object_set_new(row, "name", text_value(i->name)) != 0 ||
		      json_object_set_new(row, "can_capture", can_capture(i)) != 0 ||
		      json_object_set_new(row, "why_not", text_value(i->why_not)) != 0 ||
		      json_object_set_new(row, "state", text_value(state_of(i))) != 0 ||
		      json_object_set_new(row, "link_type", text_value(i->link_type)) != 0 ||
		      json_object_set_new(row, "loopback", json_boolean(i->loopback)) != 0 ||
		      json_object_set_new(row, "wireless", json_boolean(i->wireless)) != 0 ||
		      json_object_set_new(row, "addresses", text_value(i->addresses)) != 0 ||
		      json_object_set_new(row, "description", text_value(i->description)) != 0;
	if (failed)
		l->out.failed = true;
	else
		output_row(&l->out, row);
	json_decref(row);
	l->can_capture += i->link_type && !i->why_not;
}

/* -1 when the options are good, else the exit code. */
static int parse(int argc, char **argv, enum cli_format *ret)
{
	char shown[256];
	for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (option == '?')
			return cli_usage("interfaces", "wrong option");
		if (!cli_format_parse(optarg, ret)) {
			text_escape_terminal(shown, sizeof shown, slice_str(optarg));
			return cli_usage("interfaces", "--format does not take '%s'", shown);
		}
	}
	if (optind < argc) {
		text_escape_terminal(shown, sizeof shown, slice_str(argv[optind]));
		return cli_usage("interfaces", "unexpected: %s", shown);
	}
	return -1;
}

int cmd_interfaces(int argc, char **argv)
{
	enum cli_format format = CLI_TEXT;
	struct listing l = {0};
	char error[CAPTURE_ERROR_TEXT], shown[CAPTURE_ERROR_TEXT * 2];
	int code = parse(argc, argv, &format);
	if (code >= 0)
		return code;
	signal(SIGPIPE, SIG_IGN);
	output_start(&l.out, stdout, format, format == CLI_TEXT ? table_fields : all_fields);
	int rc = capture_interfaces(on_interface, &l, error);
	output_end(&l.out);
	if (rc != 0) {
		text_escape_terminal(shown, sizeof shown, slice_str(error));
		cli_error("%s", shown);
		return EXIT_FAILED;
	}
	if (format == CLI_TEXT && l.can_capture == 0)
		cli_error("nothing here can be captured on; 'shadowtap interfaces --help' says what is needed");
	return output_status(&l.out);
}
