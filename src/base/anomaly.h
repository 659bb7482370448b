/* Everything strange that the wire or a capture file can do, by name. An anomaly is counted, never an error: parsing
 * goes on where it can. The names are part of the output (summary, statistics) and stay stable once released. */
#ifndef SHADOWTAP_ANOMALY_H
#define SHADOWTAP_ANOMALY_H

#include <stdint.h>

/* X(identifier, "name-in-output") */
#define ANOMALY_LIST(X) \
	/* decode */ \
	X(LINK_UNKNOWN, "link-type-unknown") \
	X(LINK_SHORT, "link-header-short") \
	X(ENCAP_DEPTH, "encapsulation-too-deep") \
	X(IP_SHORT, "ip-header-short") \
	X(IP_VERSION, "ip-version-bad") \
	X(IP_HEADER_LENGTH, "ip-header-length-bad") \
	X(IP_TOTAL_LENGTH, "ip-total-length-bad") \
	X(IP6_EXTENSION, "ipv6-extension-bad") \
	X(FRAGMENT_OVERLAP, "fragment-overlap") \
	X(FRAGMENT_CONFLICT, "fragment-overlap-conflict") \
	X(FRAGMENT_TIMEOUT, "fragment-timeout") \
	X(FRAGMENT_LIMIT, "fragment-limit") \
	X(FRAGMENT_BAD, "fragment-bad") \
	X(TCP_SHORT, "tcp-header-short") \
	X(TCP_OFFSET, "tcp-data-offset-bad") \
	X(UDP_SHORT, "udp-header-short") \
	X(UDP_LENGTH, "udp-length-bad") \
	X(TUNNEL_SHORT, "tunnel-header-short") \
	X(PACKET_CUT, "packet-cut-by-snap-length") \
	X(TIME_BACKWARDS, "time-backwards") \
	/* flow */ \
	X(FLOW_LIMIT, "flow-limit") \
	X(FLOW_MEMORY_LIMIT, "flow-memory-limit") \
	X(FLOW_REUSED, "five-tuple-reused") \
	X(PACKET_TWICE, "packet-captured-twice") \
	X(FLOW_TWICE, "connection-in-several-encapsulations") \
	/* stream */ \
	X(TCP_OVERLAP_CONFLICT, "tcp-overlap-conflict") \
	X(TCP_OUT_OF_WINDOW, "tcp-out-of-window") \
	X(TCP_RST_OUT_OF_WINDOW, "tcp-rst-out-of-window") \
	X(TCP_GAP, "tcp-gap") \
	X(TCP_BUFFER_LIMIT, "tcp-reassembly-limit") \
	X(TCP_MIDSTREAM, "tcp-midstream-start") \
	X(TCP_AFTER_FIN, "tcp-data-after-fin") \
	/* http */ \
	X(HTTP_BAD, "http-syntax") \
	X(HTTP_HEADER_LIMIT, "http-header-limit") \
	X(HTTP_PIPELINE_LIMIT, "http-pipeline-limit") \
	X(HTTP_LENGTH_AMBIGUOUS, "http-length-ambiguous") \
	X(HTTP_ANSWER_UNASKED, "http-answer-without-request") \
	X(HTTP_CODING_BAD, "http-content-coding-bad") \
	X(HTTP_CODING_UNKNOWN, "http-content-coding-unknown") \
	X(HTTP_UNFOLD_LIMIT, "http-unfold-limit") \
	X(TUNNEL_DEPTH, "http-tunnel-too-deep") \
	X(HTTP2_BAD, "http2-syntax") \
	X(HTTP2_HPACK, "http2-hpack") \
	X(HTTP2_MALFORMED, "http2-head-malformed") \
	X(HTTP2_STREAMS_LIMIT, "http2-streams-limit") \
	X(HTTP2_CONTINUATION_LIMIT, "http2-continuation-limit") \
	X(HTTP2_RESET_FLOOD, "http2-reset-flood") \
	X(HTTP2_CONTROL_FLOOD, "http2-control-flood") \
	/* sse, json */ \
	X(SSE_LINE_LIMIT, "sse-line-limit") \
	X(JSON_BAD, "json-syntax") \
	X(JSON_DEPTH, "json-depth-limit") \
	X(JSON_DUPLICATE_KEY, "json-duplicate-key") \
	X(JSON_UTF8, "json-invalid-utf8") \
	X(JSON_BATCH_LIMIT, "json-batch-limit") \
	/* websocket */ \
	X(WEBSOCKET_FRAME, "websocket-frame-bad") \
	X(WEBSOCKET_LOST, "websocket-place-lost") \
	X(WEBSOCKET_HISTORY, "websocket-deflate-history-lost") \
	X(WEBSOCKET_DEFLATE, "websocket-deflate-bad") \
	X(WEBSOCKET_UNFOLD_LIMIT, "websocket-unfold-limit") \
	/* tls */ \
	X(TLS_RECORD_BAD, "tls-record-bad") \
	X(TLS_HELLO_BAD, "tls-hello-bad") \
	X(TLS_HELLO_LIMIT, "tls-hello-limit") \
	X(TLS_SNI_BAD, "tls-sni-bad") \
	X(TLS_CERT_BAD, "tls-certificate-bad") \
	X(TLS_TAG_BAD, "tls-record-tag-wrong") \
	X(TLS_PLACE_LOST, "tls-place-lost") \
	X(TLS_WAITING_LIMIT, "tls-waiting-limit") \
	X(TLS_SECRETS_LIMIT, "tls-secrets-limit") \
	/* quic */ \
	X(QUIC_HEADER_BAD, "quic-header-bad") \
	X(QUIC_UNOPENED, "quic-initial-unopened") \
	X(QUIC_FRAME_BAD, "quic-frame-bad") \
	X(QUIC_CRYPTO_CONFLICT, "quic-crypto-conflict") \
	X(QUIC_CRYPTO_LIMIT, "quic-crypto-limit") \
	X(QUIC_CONNECTIONS_LIMIT, "quic-connections-limit") \
	X(QUIC_INITIALS_LIMIT, "quic-initials-limit") \
	/* dns */ \
	X(DNS_BAD, "dns-malformed") \
	/* mcp */ \
	X(NAMES_LIMIT, "mcp-names-limit") \
	X(REASONS_LIMIT, "mcp-reasons-limit") \
	X(AUTHORITIES_LIMIT, "mcp-authorities-limit") \
	X(CONNECTORS_LIMIT, "connectors-limit") \
	X(LLM_REQUEST_AMBIGUOUS, "llm-request-ambiguous") \
	X(OFFERS_LIMIT, "mcp-offers-limit") \
	X(CALLS_LIMIT, "mcp-calls-limit")

enum anomaly {
#define X(id, name) ANOMALY_##id,
	ANOMALY_LIST(X)
#undef X
	ANOMALY_COUNT
};

struct anomaly_counts {
	uint64_t n[ANOMALY_COUNT];
};

static inline void anomaly_count(struct anomaly_counts *a, enum anomaly which)
{
	a->n[which]++;
}

const char *anomaly_name(enum anomaly which);
void anomaly_add(struct anomaly_counts *into, const struct anomaly_counts *more);

#endif
