#include "output.h"
#include "event.h"
#include "text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define ESCAPED 4096 /* the longest field, 512 bytes, with each byte spelt out as \u{NNNN} */

/* More than the contract has. */
#define OUTPUT_EVENT_FIELDS 128

void output_start(struct output *o, FILE *file, enum cli_format format, const char *const *fields)
{
	*o = (struct output){.file = file, .format = format, .fields = fields};
	o->colour = format == CLI_TEXT && cli_colour(file);
}

/* ---- JSON ---- */

static void put_json(struct output *o, const json_t *row)
{
	char *text = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text) {
		o->failed = true;
		return;
	}
	if (o->format == CLI_JSON)
		fputs(o->rows ? ",\n" : "[\n", o->file);
	fputs(text, o->file);
	if (o->format == CLI_JSONL)
		fputc('\n', o->file);
	free(text);
}

/* ---- CSV ---- */

static void put_quoted(FILE *f, const char *text)
{
	fputc('"', f);
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			fputc('"', f);
		fputc(*p, f);
	}
	fputc('"', f);
}

/* A cell that begins with one of these is run as a formula by spreadsheets (OWASP, "CSV Injection"). */
static bool formula(const char *text)
{
	return text[0] && strchr("=+-@\t\r\n", text[0]);
}

void output_csv_text(FILE *f, const char *text)
{
	char escaped[ESCAPED + 1];
	escaped[0] = '\'';
	text_escape_terminal(escaped + 1, ESCAPED, slice_str(text));
	put_quoted(f, formula(text) ? escaped : escaped + 1);
}

static void put_csv_cell(struct output *o, const json_t *value)
{
	if (json_is_string(value)) {
		output_csv_text(o->file, json_string_value(value));
	} else if (value && !json_is_null(value)) {
		char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
		if (text && (json_is_object(value) || json_is_array(value)))
			put_quoted(o->file, text);
		else if (text)
			fputs(text, o->file);
		else
			o->failed = true;
		free(text);
	}
}

static void put_csv_header(struct output *o)
{
	for (int i = 0; o->fields[i]; i++)
		fprintf(o->file, "%s%s", i ? "," : "", o->fields[i]);
	fputs("\r\n", o->file); /* RFC 4180 2.1 */
}

static void put_csv(struct output *o, const json_t *row)
{
	if (o->rows == 0)
		put_csv_header(o);
	for (int i = 0; o->fields[i]; i++) {
		if (i)
			fputc(',', o->file);
		put_csv_cell(o, json_object_get(row, o->fields[i]));
	}
	fputs("\r\n", o->file);
}

/* ---- cards ---- */

static const char *text_of(const json_t *event, const char *name)
{
	return json_string_value(json_object_get(event, name));
}

static void put_text(struct output *o, const char *text)
{
	char escaped[ESCAPED];
	text_escape_terminal(escaped, sizeof escaped, slice_str(text));
	fputs(escaped, o->file);
}

/* " before" + text, if there is one. */
static bool put_if(struct output *o, const char *before, const char *text)
{
	if (!text)
		return false;
	fputs(before, o->file);
	put_text(o, text);
	return true;
}

static void put_coloured(struct output *o, const char *code, const char *text)
{
	fprintf(o->file, "%s", o->colour ? code : "");
	put_text(o, text ? text : "?");
	fprintf(o->file, "%s", o->colour ? "\033[0m" : "");
}

static const char *severity_colour(const char *severity)
{
	if (severity && strcmp(severity, "high") == 0)
		return "\033[1;31m";
	if (severity && strcmp(severity, "medium") == 0)
		return "\033[33m";
	return "\033[0m";
}

static void put_endpoint(struct output *o, const json_t *event, const char *ip_name, const char *port_name)
{
	const char *ip = text_of(event, ip_name);
	bool v6 = ip && strchr(ip, ':');
	fputs(v6 ? "[" : "", o->file);
	put_text(o, ip ? ip : "?");
	fprintf(o->file, "%s:%" JSON_INTEGER_FORMAT, v6 ? "]" : "", json_integer_value(json_object_get(event, port_name)));
}

static void put_label(struct output *o, const char *label)
{
	fprintf(o->file, "  %-8s", label);
}

static void put_counts(struct output *o, const json_t *event, const char *field, const char *label)
{
	const json_t *counts = json_object_get(event, field);
	if (json_object_size(counts) == 0)
		return;
	const char *name, *comma = "";
	json_t *count;
	put_label(o, label);
	json_object_foreach((json_t *)counts, name, count) {
		fputs(comma, o->file);
		put_text(o, name);
		if (json_integer_value(count) != 1)
			fprintf(o->file, " x%" JSON_INTEGER_FORMAT, json_integer_value(count));
		comma = ", ";
	}
	fputc('\n', o->file);
}

static void put_list(struct output *o, const json_t *event, const char *field, const char *label)
{
	const json_t *list = json_object_get(event, field);
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		const char *text = json_is_object(item) ? text_of(item, "detail") : json_string_value(item);
		put_label(o, i ? "" : label);
		put_text(o, text ? text : "?");
		fputc('\n', o->file);
	}
}

static void put_party(struct output *o, const json_t *event, const char *label, const char *name, const char *version)
{
	if (!text_of(event, name))
		return;
	put_label(o, label);
	put_text(o, text_of(event, name));
	put_if(o, " ", text_of(event, version));
	fputc('\n', o->file);
}

/* Whom the client spoke to on the way, and whom proxies claim to speak for. */
static void put_proxy(struct output *o, const json_t *event)
{
	const json_t *proxy = json_object_get(event, "proxy"), *claims = json_object_get(event, "claimed_client");
	size_t i;
	json_t *claim;
	if (json_is_object(proxy)) {
		put_label(o, "proxy");
		put_if(o, "", text_of(proxy, "kind"));
		put_if(o, "  ", text_of(proxy, "address"));
		fputc('\n', o->file);
	}
	if (json_array_size(claims) == 0)
		return;
	put_label(o, "claims");
	json_array_foreach(claims, i, claim) {
		put_if(o, i ? ", " : "", text_of(claim, "address"));
		put_if(o, " by ", text_of(claim, "source"));
	}
	fputc('\n', o->file);
}

static void put_acknowledged(struct output *o, const json_t *said)
{
	if (!json_is_object(said))
		return;
	put_label(o, "ack");
	put_if(o, "until ", text_of(said, "until"));
	put_if(o, " by ", text_of(said, "by"));
	put_if(o, ": ", text_of(said, "why"));
	fputc('\n', o->file);
}

static void put_head(struct output *o, const json_t *event)
{
	const char *severity = text_of(event, "severity"), *name = text_of(event, "host");
	put_text(o, text_of(event, "first_seen") ? text_of(event, "first_seen") : "?");
	fputs("  ", o->file);
	put_coloured(o, severity_colour(severity), severity);
	put_if(o, "  ", text_of(event, "verdict"));
	put_if(o, "  ", text_of(event, "confidence"));
	put_if(o, "  ", text_of(event, "stage"));
	if (text_of(event, "kind") && strcmp(text_of(event, "kind"), "connection") != 0)
		put_if(o, "  ", text_of(event, "kind"));
	fputc('\n', o->file);
	put_label(o, "from");
	put_endpoint(o, event, "client_ip", "client_port");
	put_if(o, "  ", text_of(event, "client_mac"));
	put_if(o, "  ", text_of(event, "direction"));
	fputc('\n', o->file);
	put_label(o, "to");
	if (put_if(o, "", name ? name : text_of(event, "sni")))
		fputs("  ", o->file);
	put_endpoint(o, event, "server_ip", "server_port");
	put_if(o, "  ", text_of(event, "path"));
	put_if(o, "  DNS ", text_of(event, "dns_name"));
	fputc('\n', o->file);
	put_proxy(o, event);
}

/* "changed  tools search_customers: description, input-schema" */
static void put_change(struct output *o, const json_t *change)
{
	size_t i;
	json_t *part;
	if (!json_is_object(change))
		return;
	put_label(o, "changed");
	put_if(o, "", text_of(change, "list"));
	put_if(o, " ", text_of(change, "name"));
	json_array_foreach(json_object_get(change, "parts"), i, part)
		put_if(o, i ? ", " : ": ", json_string_value(part));
	fputc('\n', o->file);
}

/* Which vendor's cloud was asked to connect, where, and under which name. */
static void put_connector(struct output *o, const json_t *connector)
{
	if (!json_is_object(connector))
		return;
	put_label(o, "asked");
	put_if(o, "", text_of(connector, "vendor"));
	put_if(o, "  ", text_of(connector, "api"));
	put_if(o, "  as ", text_of(connector, "name"));
	put_if(o, "  connector ", text_of(connector, "id"));
	fputc('\n', o->file);
}

static void put_card(struct output *o, const json_t *event)
{
	if (o->rows)
		fputc('\n', o->file);
	put_head(o, event);
	put_label(o, "mcp");
	const char *transport = text_of(event, "transport");
	put_text(o, transport ? transport : "transport unknown");
	put_if(o, "  revision ", text_of(event, "protocol_version"));
	put_if(o, "  HTTP ", text_of(event, "http_version"));
	put_if(o, "  TLS ", text_of(event, "tls_version"));
	put_if(o, "  auth ", text_of(event, "auth"));
	fputc('\n', o->file);
	put_party(o, event, "client", "client_name", "client_version");
	put_party(o, event, "server", "server_name", "server_version");
	put_counts(o, event, "methods", "methods");
	put_counts(o, event, "tools_called", "tools");
	put_counts(o, event, "resources_read", "read");
	put_counts(o, event, "prompts_got", "prompts");
	put_change(o, json_object_get(event, "change"));
	put_connector(o, json_object_get(event, "connector"));
	put_list(o, event, "reasons", "why");
	put_list(o, event, "findings", "finding");
	put_list(o, event, "tags", "tag");
	put_list(o, event, "unverified", "unseen");
	if (text_of(event, "rule")) {
		put_label(o, "rule");
		put_text(o, text_of(event, "rule"));
		fputc('\n', o->file);
	}
	put_acknowledged(o, json_object_get(event, "acknowledged"));
	put_label(o, "event");
	put_text(o, text_of(event, "event_id") ? text_of(event, "event_id") : "?");
	if (put_if(o, "  ", text_of(event, "capture")))
		fprintf(o->file, " frame %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(event, "first_frame")));
	fputc('\n', o->file);
}

/* ---- tables ---- */

/* Characters, for alignment. Wide ones come out ragged, never dangerous. */
static size_t width_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((uint8_t)*text & 0xc0) != 0x80;
	return n;
}

static void cell_text(const json_t *value, char out[ESCAPED])
{
	if (json_is_string(value))
		text_escape_terminal(out, ESCAPED, slice_str(json_string_value(value)));
	else if (json_is_integer(value))
		snprintf(out, ESCAPED, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(out, ESCAPED, "%s", json_is_boolean(value) ? json_is_true(value) ? "yes" : "no" : "-");
}

#define TABLE_COLUMNS 16

static void put_table_cell(struct output *o, const char *text, size_t width, bool right, bool last)
{
	int pad = (int)(width - width_of(text));
	if (right)
		fprintf(o->file, "%*s%s", pad, "", text);
	else
		fprintf(o->file, "%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", o->file);
}

static void put_table(struct output *o)
{
	size_t widths[TABLE_COLUMNS] = {0}, i;
	bool right[TABLE_COLUMNS];
	char text[ESCAPED];
	json_t *row;
	int n = 0;
	for (; n < TABLE_COLUMNS && o->fields[n]; n++) {
		widths[n] = width_of(o->fields[n]);
		right[n] = json_is_integer(json_object_get(json_array_get(o->held, 0), o->fields[n]));
	}
	json_array_foreach(o->held, i, row)
		for (int c = 0; c < n; c++) {
			cell_text(json_object_get(row, o->fields[c]), text);
			if (width_of(text) > widths[c])
				widths[c] = width_of(text);
		}
	for (int c = 0; c < n; c++)
		put_table_cell(o, o->fields[c], widths[c], right[c], c == n - 1);
	json_array_foreach(o->held, i, row)
		for (int c = 0; c < n; c++) {
			cell_text(json_object_get(row, o->fields[c]), text);
			put_table_cell(o, text, widths[c], right[c], c == n - 1);
		}
}

/* ---- the four formats ---- */

const char *const *output_event_fields(void)
{
	static const char *fields[OUTPUT_EVENT_FIELDS];
	size_t n = 0;
	for (; event_fields[n] && n < OUTPUT_EVENT_FIELDS - 2; n++)
		fields[n] = event_fields[n];
	fields[n] = "acknowledged";
	return fields;
}

void output_event(struct output *o, const json_t *event)
{
	if (o->format == CLI_TEXT)
		put_card(o, event);
	else if (o->format == CLI_CSV)
		put_csv(o, event);
	else
		put_json(o, event);
	o->rows++;
	if (ferror(o->file) && !o->write_error)
		o->write_error = errno;
}

void output_row(struct output *o, const json_t *row)
{
	if (o->format != CLI_TEXT) {
		output_event(o, row);
		return;
	}
	if (!o->held)
		o->held = json_array();
	if (json_array_append(o->held, (json_t *)row) != 0)
		o->failed = true;
	o->rows++;
}

void output_end(struct output *o)
{
	if (o->held)
		put_table(o);
	json_decref(o->held);
	o->held = NULL;
	if (o->format == CLI_JSON)
		fputs(o->rows ? "\n]\n" : "[]\n", o->file);
	if (o->format == CLI_CSV && o->rows == 0)
		put_csv_header(o);
	if ((fflush(o->file) != 0 || ferror(o->file)) && !o->write_error)
		o->write_error = errno;
}

int output_status(const struct output *o)
{
	if (o->failed)
		cli_error("out of memory: the output is incomplete");
	else if (o->write_error && o->write_error != EPIPE) /* `query | head` is no failure */
		cli_error("writing the output: %s", strerror(o->write_error));
	else
		return EXIT_OK;
	return EXIT_FAILED;
}
