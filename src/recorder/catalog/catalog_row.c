/* Versions and lists <-> rows of the store, as JSON objects (docs/offers.md, "The tables"). Times are text there, in whole microseconds. */
#include "catalog_state.h"
#include "event.h"
#include "frame.h"
#include "status.h"
#include <stdlib.h>
#include <time.h>

static json_t *hex_json(const uint8_t *bytes, size_t n)
{
	char text[2 * SHA256_BYTES + 1];
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_stringn(text, 2 * n);
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* A definition that was too large has the empty text: a NULL would not be one key with itself. */
static json_t *hash_json(const uint8_t hash[SHA256_BYTES])
{
	return is_zero(hash, SHA256_BYTES) ? json_string("") : hex_json(hash, SHA256_BYTES);
}

static json_t *time_json(int64_t time_ns)
{
	char text[EVENT_TIME_TEXT];
	event_time_format(time_ns, text);
	return json_string(text);
}

static json_t *server_json(const char *row, const struct catalog_server *s, enum definition_list list)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "row", row, "tenant", s->tenant, "server", s->server, "path", s->path, "list",
	                 definition_list_name(list));
}

static int put(json_t *row, const char *name, json_t *value)
{
	return json_object_set_new(row, name, value);
}

static json_t *parts_json(const struct version *v)
{
	json_t *parts = json_object();
	for (int part = 0; parts && part < PART_COUNT; part++)
		if (!is_zero(v->parts[part], DEFINITION_PART_BYTES) &&
		    put(parts, definition_part_name((enum definition_part)part), hex_json(v->parts[part], DEFINITION_PART_BYTES)) != 0) {
			json_decref(parts);
			return NULL;
		}
	return parts;
}

static json_t *hints_json(uint8_t hints)
{
	json_t *array = json_array();
	for (unsigned bit = 0; array && bit < HINT_COUNT; bit++)
		if (hints >> bit & 1 && json_array_append_new(array, json_string(definition_hint_id(bit))) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

int catalog_row_tell(struct catalog_definition *d, struct version *v, const struct catalog_sink *sink)
{
	json_t *row = server_json("definition", d->server, (enum definition_list)d->list);
	int failed = !row || put(row, "name", json_string(d->name)) || put(row, "hash", hash_json(v->hash)) ||
	             put(row, "parts", parts_json(v)) || put(row, "first_seen", time_json(v->first_ns)) ||
	             put(row, "last_seen", time_json(v->last_ns)) ||
	             put(row, "before", v->has_before ? hash_json(v->before) : json_null()) || put(row, "findings", hints_json(v->hints)) ||
	             put(row, "unstable", json_boolean(d->unstable)) || put(row, "bytes", json_integer((json_int_t)v->bytes)) ||
	             put(row, "text", v->text ? json_string(v->text) : json_null());
	int result = failed ? FAIL_MEMORY : sink->row(sink->context, row);
	json_decref(row);
	if (result == 0)
		v->told_ns = v->last_ns;
	return result;
}

json_t *catalog_tags_json(unsigned tags)
{
	json_t *array = json_array();
	if (array && ((tags & TAG_PORTAL && json_array_append_new(array, json_string("portal"))) ||
	              (tags & TAG_CODE_MODE && json_array_append_new(array, json_string("code-mode"))))) {
		json_decref(array);
		return NULL;
	}
	return array;
}

int catalog_row_tell_list(struct catalog_server *s, enum definition_list list, const struct catalog_sink *sink)
{
	struct catalog_list *l = s->lists[list];
	json_t *row = server_json("definition-list", s, list);
	unsigned tags = list == LIST_TOOLS ? s->tags : 0;
	int failed = !row || put(row, "first_seen", time_json(l->first_ns)) || put(row, "last_seen", time_json(l->last_ns)) ||
	             put(row, "complete_seen", l->complete_ns ? time_json(l->complete_ns) : json_null()) ||
	             put(row, "complete_since", l->complete_ns ? time_json(l->since_ns) : json_null()) ||
	             put(row, "definitions", json_integer((json_int_t)l->definitions)) || put(row, "tags", catalog_tags_json(tags));
	int result = failed ? FAIL_MEMORY : sink->row(sink->context, row);
	json_decref(row);
	if (result == 0) {
		l->told_ns = l->last_ns;
		l->dirty = false;
	}
	return result;
}

/* ---- and back ---- */

static bool hex_read(const char *text, uint8_t *out, size_t n)
{
	if (!text || strlen(text) != 2 * n || strspn(text, "0123456789abcdef") != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

/* As event_time_format() writes it. */
static bool time_read(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	int us, n = 0;
	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
	                    &tm.tm_sec, &us, &n) != 7 || n != 27 || text[n])
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	int64_t seconds = timegm(&tm);
	if (seconds > INT64_MAX / NS_PER_SEC - 1 || seconds < INT64_MIN / NS_PER_SEC + 1)
		return false;
	*ret = seconds * NS_PER_SEC + us * INT64_C(1000);
	return true;
}

static bool version_read(const json_t *row, struct version *v)
{
	const char *hash = json_string_value(json_object_get(row, "hash")), *before = json_string_value(json_object_get(row, "before"));
	const char *part, *text = json_string_value(json_object_get(row, "text"));
	json_t *parts = json_object_get(row, "parts"), *findings = json_object_get(row, "findings"), *value;
	size_t i;
	if (!hash || (hash[0] && !hex_read(hash, v->hash, sizeof v->hash)) ||
	    !time_read(json_string_value(json_object_get(row, "first_seen")), &v->first_ns) ||
	    !time_read(json_string_value(json_object_get(row, "last_seen")), &v->last_ns))
		return false;
	v->has_before = before && (!before[0] || hex_read(before, v->before, sizeof v->before));
	json_object_foreach(parts, part, value)
		for (int k = 0; k < PART_COUNT; k++)
			if (strcmp(part, definition_part_name((enum definition_part)k)) == 0)
				(void)hex_read(json_string_value(value), v->parts[k], DEFINITION_PART_BYTES);
	json_array_foreach(findings, i, value)
		for (unsigned bit = 0; bit < HINT_COUNT; bit++)
			if (json_is_string(value) && strcmp(json_string_value(value), definition_hint_id(bit)) == 0)
				v->hints |= (uint8_t)(1u << bit);
	v->bytes = (uint64_t)json_integer_value(json_object_get(row, "bytes"));
	v->told_ns = v->last_ns;
	v->text = text && strlen(text) < LIMIT_DEFINITION_TEXT ? strdup(text) : NULL;
	return true;
}

static enum definition_list list_read(const char *text)
{
	for (int list = LIST_NONE + 1; text && list < LIST_COUNT; list++)
		if (strcmp(text, definition_list_name((enum definition_list)list)) == 0)
			return (enum definition_list)list;
	return LIST_NONE;
}

bool catalog_load(struct catalog *c, const json_t *row)
{
	const char *tenant = json_string_value(json_object_get(row, "tenant")), *server = json_string_value(json_object_get(row, "server"));
	const char *path = json_string_value(json_object_get(row, "path")), *name = json_string_value(json_object_get(row, "name"));
	enum definition_list list = list_read(json_string_value(json_object_get(row, "list")));
	struct version v = {.told_ns = 0};
	if (!tenant || !server || !path || !name || !name[0] || strlen(name) >= LIMIT_OFFER_NAME || list == LIST_NONE ||
	    c->counts.definitions >= LIMIT_CATALOG_DEFINITIONS || c->counts.bytes >= LIMIT_CATALOG_BYTES ||
	    c->counts.servers >= LIMIT_CATALOG_SERVERS || !version_read(row, &v))
		return false;
	uint64_t servers = c->counts.servers;
	struct catalog_server *s = catalog_server_named(c, tenant, server, path);
	if (c->counts.servers > servers) /* the store tells what was seen last first */
		catalog_server_last(c, s);
	struct catalog_definition *d = s ? catalog_definition_find(c, s, list, name, strlen(name)) : NULL;
	if (s && !d && s->n < LIMIT_CATALOG_SERVER_DEFINITIONS)
		d = catalog_definition_make(c, s, list, name);
	bool room = d && d->n < LIMIT_CATALOG_VERSIONS && !catalog_version_find(d, v.hash) && catalog_version_add(c, d, &v);
	if (!room)
		free(v.text);
	else
		d->unstable |= json_is_true(json_object_get(row, "unstable"));
	return room;
}
