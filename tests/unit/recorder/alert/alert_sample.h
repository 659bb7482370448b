/* Events to make alerts of: with every field, with the least, and with a stranger's attempts in every text. Included by
 * the tests of the formats. */
#ifndef ALERT_SAMPLE_H
#define ALERT_SAMPLE_H

#include "alert.h"
#include "recorder/sample_event.h"
#include <string.h>

static const struct alert_sender sample_sender = {"sensor.example", "shadowtap", "0.1.0", 4711};

static inline json_t *sample_event_json(const struct observation *o, const struct judgement *j,
					const struct event_context *context, const struct event_links *links)
{
	struct event e;
	return event_from(o, j, TRAFFIC_OUTBOUND, context, links, &e) == 0 ? event_json(&e) : NULL;
}

static inline json_t *sample_plain(void)
{
	static const struct event_context context = {"tap1", "2026.11.22", "a.pcap"};
	static const struct event_change change = {.list = "tools", .name = "read_file", .parts = {"description", "input-schema"},
						   .n_parts = 2, .before = "00ff", .after = "11ee"};
	const struct event_links links = {.dns_name = "mcp.cdn.example", .tags = {"portal"}, .n_tags = 1,
					  .findings = {"no-auth"}, .n_findings = 1, .change = &change};
	struct observation o = sample_observation();
	o.connector_vendor = "anthropic";
	o.connector_api = "api.anthropic.com";
	o.connector_name = "the files";
	struct judgement j = {.verdict = VERDICT_VIOLATION,
			      .rule = "files-team",
			      .unverified = {"path"},
			      .n_unverified = 1,
			      .breaches = {"policy.auth", "policy.tls"},
			      .n_breaches = 2};
	return sample_event_json(&o, &j, &context, &links);
}

/* Nothing that may be missing; IPv6, QUIC's protocol, an interface. */
static inline json_t *sample_least(void)
{
	static const struct event_context context = {"tap1", NULL, "eth0.100"};
	struct observation o = sample_bare();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	return sample_event_json(&o, &j, &context, NULL);
}

/* In place of every text that a stranger or the operator wrote. */
static inline json_t *sample_of_text(const char *text)
{
	struct observation o = sample_observation();
	struct observed_count counts[] = {{text, 3, 0, 0}, {"other", 1, 0, 0}};
	struct observed_reason reason = {text, text, o.first_seen_ns, 1};
	struct event_context context = {text, text, text};
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED,
			      .rule = text,
			      .unverified = {text},
			      .n_unverified = 1,
			      .breaches = {text},
			      .n_breaches = 1};
	const struct event_change change = {.list = text, .name = text, .parts = {text}, .n_parts = 1, .before = text, .after = text,
					    .text_before = text, .text_after = text};
	const struct event_links links = {.dns_name = text, .tags = {text}, .n_tags = 1, .change = &change};
	o.connector_vendor = o.connector_api = o.connector_name = o.connector_id = text;
	o.tls_version = o.sni = o.alpn = o.ja4 = o.host = o.path = o.user_agent = o.protocol_version =
	    o.protocol_version_requested = o.client_name = o.client_version = o.server_name = o.server_version =
		o.app_label = text;
	o.methods.items = o.server_methods.items = o.tools_called.items = o.resources_read.items = o.prompts_got.items = counts;
	o.methods.n = o.server_methods.n = o.tools_called.n = o.resources_read.n = o.prompts_got.n = 2;
	o.reasons = &reason;
	o.n_reasons = 1;
	return sample_event_json(&o, &j, &context, &links);
}

static inline char *sample_format(enum alert_format f, const json_t *event, size_t *ret_n)
{
	const struct alert a = {
	    .id = 17, .why = ALERT_RISEN, .count = 3, .raised_ns = INT64_C(1763800060123456789), .event = event};
	return alert_format(f, &a, &sample_sender, ret_n);
}

#endif
