/* The servers that a request to an LLM API names, one a line, for the tests and the fuzzer of llm_request. Header of
 * test sources only. */
#ifndef LLM_LINES_H
#define LLM_LINES_H

#include "llm_request.h"
#include <stdio.h>
#include <stdlib.h>

/* A line "url|name|id|flags" for each. step: bytes that are fed at a time; 0: all at once. */
static inline void llm_lines_of(struct slice body, enum llm_api api, size_t step, bool whole, char *out, size_t cap)
{
	static struct anomaly_counts anomalies;
	static const char *const auths[] = {"", "key", "basic", "bearer"};
	struct llm_request *r = llm_request_new(&anomalies);
	size_t n = 0;
	if (!r)
		abort();
	llm_request_start(r, api);
	for (; body.n; body = slice_after(body, step ? step : body.n))
		llm_request_feed(r, slice_first(body, step ? step : body.n));
	struct llm_asked asked = llm_request_end(r, whole);
	out[0] = '\0';
	for (size_t i = 0; i < asked.n && n < cap; i++) {
		const struct llm_server *s = &asked.servers[i];
		int more = snprintf(out + n, cap - n, "%s%s|%s|%s%s|%s%s\n", s->url, s->url_cut ? "..." : "", s->name,
				    s->id, s->id_cut ? "..." : "", auths[s->auth], s->doubtful ? "?" : "");
		n += more > 0 ? (size_t)more : 0;
	}
	if (llm_request_memory(r) > 64u << 10)
		abort();
	llm_request_free(r);
}

#endif
