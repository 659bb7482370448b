/* What the first bytes of a connection say that it is. Used by app_stream and in counts. */
#ifndef SHADOWTAP_APP_PROTOCOL_H
#define SHADOWTAP_APP_PROTOCOL_H

enum app_protocol {
	APP_UNDECIDED,  /* not enough first bytes yet */
	APP_HTTP1,
	APP_HTTP2,
	APP_TLS,
	APP_JSON_LINES, /* JSON texts straight over TCP */
	APP_WEBSOCKET,  /* found in mid-stream: its handshake was not seen */
	APP_SOCKS,      /* the opening of a connection to a SOCKS proxy */
	APP_QUIC,       /* over UDP: a client's Initial was opened */
	APP_OTHER,      /* nothing that could carry MCP in a form that is read here */
};

#endif
