/* A settled request -> its row: the columns of the table `calls` (schema/0008_calls.sql), and what kind of row it is. */
#include "audit.h"
#include "event.h"

static const char *const remark_names[AUDIT_REMARKS] = {
	[AUDIT_ID_REUSED] = "id-reused", [AUDIT_ID_DIFFERS] = "id-differs", [AUDIT_ANSWER_FIRST] = "answer-first",
	[AUDIT_TOO_MANY] = "too-many"};

static json_t *text(const char *s)
{
	return s && s[0] ? json_string(s) : json_null();
}

static json_t *number_if(bool known, int64_t n)
{
	return known ? json_integer(n) : json_null();
}

json_t *audit_json(const struct audit_call *c, const struct observation *o)
{
	char time[EVENT_TIME_TEXT], client[IP_ADDR_TEXT], server[IP_ADDR_TEXT];
	bool answered = c->outcome < CALL_ANSWERS;
	event_time_format(c->time_ns, time);
	ip_addr_format(&c->place.client_ip, client);
	ip_addr_format(&c->place.server_ip, server);
	struct {
		const char *name;
		json_t *value;
	} members[] = {
		{"row", json_string("call")},
		{"event_id", json_string(c->place.event_id)},
		{"ordinal", json_integer(c->ordinal)},
		{"time", json_string(time)},
		{"frame", json_integer((json_int_t)c->frame)},
		{"direction", json_string(c->from == FROM_CLIENT ? "to-server" : "to-client")},
		{"client_ip", json_string(client)},
		{"client_name", text(o ? o->client_name : NULL)},
		{"host", text(o && o->host ? o->host : o ? o->sni : NULL)},
		{"server_ip", json_string(server)},
		{"server_port", json_integer(c->place.server_port)},
		{"server_name", text(o ? o->server_name : NULL)},
		{"method", json_string(c->method)},
		{"name", text(c->name)},
		{"outcome", json_string(call_outcome_name(c->outcome))},
		{"code", number_if(c->outcome == CALL_ERROR, c->code)},
		{"http_status", number_if(c->status != 0, c->status)},
		{"duration_us", number_if(c->duration_ns >= 0, c->duration_ns / 1000)},
		{"request_bytes", json_integer((json_int_t)c->request_bytes)},
		{"answer_bytes", number_if(answered, (json_int_t)c->answer_bytes)},
		{"remark", text(remark_names[c->remark])},
	};
	json_t *row = json_object();
	bool failed = !row;
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		failed |= json_object_set_new(row, members[i].name, members[i].value) != 0;
	if (failed) {
		json_decref(row);
		return NULL;
	}
	return row;
}
