/* `shadowtap findings`: the posture findings that there are, and the page of help of each. Asks no database: what was found is
 * `shadowtap query`'s to show. */
#include "finding.h"
#include "output.h"
#include "text.h"
#include <getopt.h>
#include <signal.h>

static const char help_text[] =
	"usage: shadowtap findings [--format F] [ID...]\n"
	"\n"
	"Lists the posture findings that events may have: id, severity and what it is. With an ID prints its page of\n"
	"help: what it is, why it matters, what was seen, what to do, and when it is silent.\n"
	"\n"
	"      --format F             text, json, jsonl or csv, of the list or of those named [text]\n"
	"  -h, --help\n"
	"\n"
	"examples:\n"
	"  shadowtap findings\n"
	"  shadowtap findings no-auth\n"
	"  shadowtap query --all --group-by findings                 # which there were, and how many\n"
	"  shadowtap query --all --finding url-credential            # where\n"
	"\n"
	"Exit code: 0; 2 for a wrong option or an ID that does not exist.\n";

static const struct option long_options[] = {
	{"format", required_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void put_row(struct output *out, const struct finding *f, bool with_page)
{
	json_t *row = json_pack("{s:s, s:s, s:s}", "id", f->id, "severity", severity_name(f->severity), "title", f->title);
	if (!row || (with_page && json_object_set_new(row, "page", json_string(f->page)) != 0))
		out->failed = true;
	else
		output_row(out, row);
	json_decref(row);
}

static int show(char **ids, int n, enum cli_format format)
{
	static const char *const all_fields[] = {"id", "severity", "title", "page", NULL};
	static const char *const table_fields[] = {"id", "severity", "title", NULL}; /* a page is no cell */
	bool json = format == CLI_JSON || format == CLI_JSONL;
	struct output out;
	signal(SIGPIPE, SIG_IGN);
	output_start(&out, stdout, format, json ? all_fields : table_fields);
	for (size_t i = 0; n == 0 && i < finding_count; i++)
		put_row(&out, &finding_table[i], json);
	for (int i = 0; i < n && format != CLI_TEXT; i++)
		put_row(&out, finding_find(ids[i]), json);
	for (int i = 0; i < n && format == CLI_TEXT; i++)
		printf("%s%s", i ? "\n" : "", finding_find(ids[i])->page);
	output_end(&out);
	return output_status(&out);
}

int cmd_findings(int argc, char **argv)
{
	enum cli_format format = CLI_TEXT;
	char shown[256];
	for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (option == '?')
			return cli_usage("findings", "wrong option");
		if (!cli_format_parse(optarg, &format)) {
			text_escape_terminal(shown, sizeof shown, slice_str(optarg));
			return cli_usage("findings", "--format does not take '%s'", shown);
		}
	}
	for (int i = optind; i < argc; i++) {
		if (finding_find(argv[i]))
			continue;
		text_escape_terminal(shown, sizeof shown, slice_str(argv[i]));
		return cli_usage("findings", "there is no finding '%s'", shown);
	}
	return show(argv + optind, argc - optind, format);
}
