/* Any bytes: decoding refuses them or gives an observation whose encoding is those very bytes. */
#include "observation.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Touches all text, so that a sanitizer sees a string without an end. */
static size_t text_bytes(const struct observation *o)
{
	const char *const texts[] = {o->tls_version, o->sni, o->alpn, o->ja4, o->host, o->path, o->user_agent,
	                             o->protocol_version, o->protocol_version_requested, o->client_name, o->client_version,
	                             o->server_name, o->server_version, o->app_label};
	size_t n = 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		n += texts[i] ? strlen(texts[i]) : 0;
	for (size_t i = 0; i < o->tools_called.n; i++)
		n += strlen(o->tools_called.items[i].name);
	for (size_t i = 0; i < o->n_reasons; i++)
		n += strlen(o->reasons[i].detail);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct observation_box box;
	if (!observation_decode(data, n, &box)) {
		if (box.memory)
			abort();
		return 0;
	}
	size_t again_n = 0;
	uint8_t *again = observation_encode(&box.o, &again_n);
	if (again && (again_n != n || memcmp(again, data, n) != 0 || text_bytes(&box.o) > n))
		abort();
	free(again);
	observation_box_done(&box);
	return 0;
}
