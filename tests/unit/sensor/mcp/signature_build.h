/* Signature sets from texts, for the signature tests. Each layer's text is the inside of "signatures": [...]. */
#ifndef SIGNATURE_BUILD_H
#define SIGNATURE_BUILD_H

#include "signature_loader.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>

#define WORDS "\"reason\":\"r\",\"source\":\"s\""
#define HOST(id, tier, confidence, pattern)                                                                            \
	"{\"id\":\"" id "\",\"kind\":\"host\",\"confidence\":\"" confidence "\",\"tier\":\"" tier                      \
	"\",\"pattern\":\"" pattern "\"," WORDS "}"
#define PATH(id, match, pattern)                                                                                       \
	"{\"id\":\"" id                                                                                                \
	"\",\"kind\":\"path\",\"confidence\":\"possible\",\"specificity\":\"strong\",\"match\":\"" match               \
	"\",\"pattern\":\"" pattern "\"," WORDS "}"
#define NAMED(id, kind, match, pattern)                                                                                \
	"{\"id\":\"" id "\",\"kind\":\"" kind "\",\"confidence\":\"possible\",\"match\":\"" match                      \
	"\",\"pattern\":\"" pattern "\"," WORDS "}"
#define BEHAVIOUR(id, confidence)                                                                                      \
	"{\"id\":\"" id "\",\"kind\":\"behaviour\",\"confidence\":\"" confidence "\"," WORDS "}"

/* Layers are called 0.json, 1.json ... with sets "shadowtap", "site1" ...; error: SIGNATURE_ERROR_TEXT bytes. */
static inline int build_layers(const char *const layers[], size_t n, struct signature_set **ret, char *error)
{
	struct signature_loader l;
	int fail = 0;
	signature_loader_init(&l);
	for (size_t i = 0; !fail && i < n; i++) {
		char path[32], set[32] = "shadowtap";
		size_t cap = strlen(layers[i]) + 128;
		char *text = malloc(cap);
		if (!text)
			abort();
		if (i)
			snprintf(set, sizeof set, "site%zu", i);
		snprintf(path, sizeof path, "%zu.json", i);
		int bytes = snprintf(text, cap, "{\"version\":\"%zu.0\",\"set\":\"%s\",\"signatures\":[%s]}", i + 1,
				     set, layers[i]);
		fail = signature_loader_layer(&l);
		if (!fail)
			fail = signature_loader_text(&l, path, text, (size_t)bytes);
		free(text);
	}
	if (!fail)
		fail = signature_loader_finish(&l, false, ret);
	memcpy(error, l.error, SIGNATURE_ERROR_TEXT);
	signature_loader_done(&l);
	return fail;
}

static inline struct signature_set *build(const char *signatures)
{
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT];
	if (build_layers(&signatures, 1, &s, error)) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	return s;
}

static inline struct signature_set *build_shipped(void)
{
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT];
	if (signature_set_load(directories, 1, &s, error)) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
	return s;
}

static inline const char *id_of(const struct signature *s)
{
	return s ? s->id : "(none)";
}

#endif
