#include "rows.h"
#include "status.h"
#include "text.h"
#include <signal.h>

static int put_row(void *context, const json_t *row)
{
	struct output *out = context;
	output_row(out, row);
	return out->failed || out->write_error;
}

int rows_show(const struct rows *r)
{
	struct store *s = NULL;
	struct output out;
	char error[STORE_ERROR_TEXT], shown[STORE_ERROR_TEXT * 2];
	int rc = store_open_read(r->db, &s, error);
	if (error[0]) {
		text_escape_terminal(shown, sizeof shown, slice_str(error));
		cli_error("%s%s", rc == 0 ? "warning: " : "", shown);
	}
	if (rc != 0)
		return EXIT_FAILED;
	/* a reader that has seen enough shows as EPIPE, and the database is closed in order */
	signal(SIGPIPE, SIG_IGN);
	output_start(&out, stdout, r->format, r->format == CLI_TEXT ? r->narrow : r->fields);
	rc = r->list(s, put_row, &out, r->context);
	text_escape_terminal(shown, sizeof shown, slice_str(store_error(s)));
	if (rc == FAIL_CONFIG) {
		store_close_read(s);
		return cli_usage(r->command, "%s", shown);
	}
	if (rc == 0 && out.rows == 0 && r->format == CLI_TEXT)
		puts(r->none);
	output_end(&out);
	store_close_read(s);
	if (rc == 0)
		return output_status(&out);
	cli_error("%s", shown);
	return EXIT_FAILED;
}
