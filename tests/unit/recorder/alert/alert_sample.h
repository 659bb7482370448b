/* Events to make alerts of: with every field, with the least, and with a stranger's attempts in every text. Included by
 * the tests of the formats. */
#ifndef ALERT_SAMPLE_H
#define ALERT_SAMPLE_H

#include "alert.h"
#include "recorder/sample_event.h"
#include <string.h>

static const struct alert_sender sample_sender = {"sensor.example", "shadowtap", "0.1.0", 4711};

static inline json_t *sample_event_json(const struct observation *o, const struct judgement *j,
					const struct event_context *context)
{
	struct event e;
	return event_from(o, j, TRAFFIC_OUTBOUND, context, NULL, &e) == 0 ? event_json(&e) : NULL;
}

static inline json_t *sample_plain(void)
{
	static const struct event_context context = {"tap1", "2026.11.22", "a.pcap"};
	struct observation o = sample_observation();
	struct judgement j = {.verdict = VERDICT_VIOLATION,
			      .rule = "files-team",
			      .unverified = {"path"},
			      .n_unverified = 1,
			      .breaches = {"policy.auth", "policy.tls"},
			      .n_breaches = 2};
	return sample_event_json(&o, &j, &context);
}

/* Nothing that may be missing; IPv6, QUIC's protocol, an interface. */
static inline json_t *sample_least(void)
{
	static const struct event_context context = {"tap1", NULL, "eth0.100"};
	struct observation o = sample_bare();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	return sample_event_json(&o, &j, &context);
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
	o.tls_version = o.sni = o.alpn = o.ja4 = o.host = o.path = o.user_agent = o.protocol_version =
	    o.protocol_version_requested = o.client_name = o.client_version = o.server_name = o.server_version =
		o.app_label = text;
	o.methods.items = o.server_methods.items = o.tools_called.items = counts;
	o.methods.n = o.server_methods.n = o.tools_called.n = 2;
	o.reasons = &reason;
	o.n_reasons = 1;
	return sample_event_json(&o, &j, &context);
}

static inline char *sample_format(enum alert_format f, const json_t *event, size_t *ret_n)
{
	const struct alert a = {
	    .id = 17, .why = ALERT_RISEN, .count = 3, .raised_ns = INT64_C(1763800060123456789), .event = event};
	return alert_format(f, &a, &sample_sender, ret_n);
}

#endif
