#include "websocket_reader.h"
#include <stdlib.h>

/* Requests whose answers would vouch for the place: the latest of each side. */
enum { ASKED = 8 };

/* Of the message that is being read. */
enum content { CONTENT_UNSURE, CONTENT_JSON, CONTENT_OTHER };

struct websocket_reader {
	const struct app_sink *sink;
	void *context;
	struct anomaly_counts *anomalies;
	unsigned depth;
	uint64_t exchange;
	struct websocket *ws;
	struct jsonrpc *json[2]; /* made at the first JSON */
	uint8_t content[2];
	enum direction direction; /* of the message that is being read */
	uint64_t asked[2][ASKED]; /* hashes of ids; 0: none */
	uint8_t asked_at[2];
};

/* FNV-1a. A stranger can make two ids collide, and gains what writing the same id twice would give them. */
static uint64_t id_hash(const char *id)
{
	uint64_t h = 14695981039346656037u;
	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 1099511628211u;
	return h ? h : 1;
}

static void vouch(struct websocket_reader *r, const struct jsonrpc_message *m)
{
	if (!m->id[0] || m->id_cut)
		return;
	uint64_t id = id_hash(m->id), *other = r->asked[direction_flip(r->direction)];
	if (m->method[0]) {
		r->asked[r->direction][r->asked_at[r->direction]++ % ASKED] = id;
		return;
	}
	for (unsigned i = 0; i < ASKED; i++)
		if (other[i] == id && (m->type[JM_RESULT] != JSON_ABSENT || m->type[JM_ERROR] != JSON_ABSENT))
			websocket_trust(r->ws);
}

static void on_json(void *context, const struct jsonrpc_message *m)
{
	struct websocket_reader *r = context;
	vouch(r, m);
	r->sink->message(r->context, r->depth, CARRIER_WEBSOCKET, r->direction, r->exchange, m);
}

static void on_begin(void *context, enum direction d, bool text)
{
	struct websocket_reader *r = context;
	(void)text; /* some clients send their JSON as binary */
	r->content[d] = CONTENT_UNSURE;
}

/* What does not begin like a JSON text is chat, a picture, another protocol: no anomaly. */
static bool begins_json(struct websocket_reader *r, enum direction d, struct slice piece)
{
	for (; piece.n; piece = slice_after(piece, 1))
		if (!strchr(" \t\r\n", piece.p[0]) || piece.p[0] == 0)
			break;
	if (piece.n == 0)
		return true;
	bool json = piece.p[0] == '{' || piece.p[0] == '[';
	if (json && !r->json[d])
		r->json[d] = jsonrpc_new(on_json, r, r->anomalies);
	if (json && r->json[d] && d == FROM_SERVER && r->sink->definitions)
		jsonrpc_want_definitions(r->json[d], r->sink->definition_texts);
	json = json && r->json[d];
	if (json)
		jsonrpc_reset(r->json[d]);
	r->content[d] = json ? CONTENT_JSON : CONTENT_OTHER;
	if (!json)
		r->sink->foreign(r->context, r->depth);
	return json;
}

static bool on_data(void *context, enum direction d, struct slice piece)
{
	struct websocket_reader *r = context;
	if (r->content[d] == CONTENT_UNSURE && !begins_json(r, d, piece))
		return false;
	if (r->content[d] != CONTENT_JSON)
		return r->content[d] == CONTENT_UNSURE;
	r->direction = d;
	if (jsonrpc_feed(r->json[d], piece) == PARSE_BAD)
		r->content[d] = CONTENT_OTHER;
	return r->content[d] == CONTENT_JSON;
}

static void on_end(void *context, enum direction d, bool complete)
{
	struct websocket_reader *r = context;
	if (r->content[d] == CONTENT_JSON && complete) {
		r->direction = d;
		jsonrpc_eof(r->json[d]);
	}
	r->content[d] = CONTENT_UNSURE;
}

static const struct websocket_callbacks callbacks = {.begin = on_begin, .data = on_data, .end = on_end};

struct websocket_reader *websocket_reader_new(const struct app_sink *sink, void *context,
					      struct anomaly_counts *anomalies, unsigned depth, uint64_t exchange,
					      const struct websocket_terms *terms)
{
	struct websocket_reader *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->sink = sink;
	r->context = context;
	r->anomalies = anomalies;
	r->depth = depth;
	r->exchange = exchange;
	r->ws = websocket_new(&callbacks, r, anomalies, terms);
	if (!r->ws) {
		free(r);
		return NULL;
	}
	return r;
}

enum parse websocket_reader_feed(struct websocket_reader *r, enum direction d, struct slice bytes)
{
	return websocket_feed(r->ws, d, bytes);
}

void websocket_reader_gap(struct websocket_reader *r, enum direction d, uint64_t n)
{
	websocket_gap(r->ws, d, n);
}

void websocket_reader_end(struct websocket_reader *r, enum direction d)
{
	websocket_end(r->ws, d);
}

uint64_t websocket_reader_skippable(const struct websocket_reader *r, enum direction d)
{
	return websocket_skippable(r->ws, d);
}

void websocket_reader_skipped(struct websocket_reader *r, enum direction d, uint64_t n)
{
	websocket_skipped(r->ws, d, n);
}

bool websocket_reader_resynced(const struct websocket_reader *r, enum direction d)
{
	return websocket_resynced(r->ws, d);
}

size_t websocket_reader_memory(const struct websocket_reader *r)
{
	return sizeof *r + jsonrpc_memory(r->json[0]) + jsonrpc_memory(r->json[1]) + websocket_memory(r->ws);
}

void websocket_reader_free(struct websocket_reader *r)
{
	if (!r)
		return;
	websocket_free(r->ws);
	jsonrpc_free(r->json[0]);
	jsonrpc_free(r->json[1]);
	free(r);
}
