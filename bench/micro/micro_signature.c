/* Look-ups in the shipped signatures, names that are there and names that are not. */
#include "micro.h"
#include "signature.h"
#include <stdio.h>
#include <stdlib.h>

struct signature_pass {
	struct signature_set *set;
	uint64_t found;
};

static const char *const hosts[] = {
    "mcp.stripe.com", "www.example.org",     "cdn.static.assets.example.net", "mcp.internal.acme.example",
    "api.openai.com", "files.bench.example", "a.b.c.d.e.f.example",           "localhost"};
static const char *const paths[] = {"/mcp",
				    "/v1/items/17?from=3",
				    "/.well-known/oauth-protected-resource",
				    "/assets/part7.js",
				    "/sse",
				    "/api/mcp/",
				    "/index.html",
				    "/"};
static const char *const fields[] = {"Content-Type", "Mcp-Session-Id", "User-Agent",           "Accept",
				     "Host",         "Content-Length", "MCP-Protocol-Version", "Authorization"};
static const char *const methods[] = {"tools/call", "initialize", "eth_blockNumber", "textDocument/hover"};

static uint64_t host_pass(void *context)
{
	struct signature_pass *c = context;
	for (size_t i = 0; i < 8; i++)
		c->found += signature_host(c->set, hosts[i]) != NULL;
	return 8;
}

static uint64_t path_pass(void *context)
{
	struct signature_pass *c = context;
	for (size_t i = 0; i < 8; i++)
		c->found += signature_path(c->set, slice_str(paths[i])) != NULL;
	return 8;
}

static uint64_t header_pass(void *context)
{
	struct signature_pass *c = context;
	for (size_t i = 0; i < 8; i++)
		c->found += signature_header(c->set, slice_str(fields[i]), SLICE_LITERAL("x")) != NULL;
	return 8;
}

static uint64_t method_pass(void *context)
{
	struct signature_pass *c = context;
	for (size_t i = 0; i < 4; i++)
		c->found += signature_method(c->set, slice_str(methods[i])) != NULL;
	return 4;
}

static uint64_t load_pass(void *context)
{
	char error[SIGNATURE_ERROR_TEXT];
	struct signature_set *set;
	if (signature_set_load((const char *const[]){context}, 1, &set, error) != 0) {
		fprintf(stderr, "%s\n", error);
		exit(2);
	}
	signature_set_free(set);
	return 1;
}

void micro_signature(const struct micro *m)
{
	char error[SIGNATURE_ERROR_TEXT];
	struct signature_pass c = {0};
	if (signature_set_load(&m->signatures, 1, &c.set, error) != 0) {
		fprintf(stderr, "%s\n", error);
		exit(2);
	}
	timer_measure(m->timer, "signature host", "look-up", 0, host_pass, &c);
	timer_measure(m->timer, "signature path", "look-up", 0, path_pass, &c);
	timer_measure(m->timer, "signature header", "look-up", 0, header_pass, &c);
	timer_measure(m->timer, "signature method", "look-up", 0, method_pass, &c);
	timer_measure(m->timer, "signature load", "set", 0, load_pass, (void *)(uintptr_t)m->signatures);
	signature_set_free(c.set);
}
