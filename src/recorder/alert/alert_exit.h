/* Alerts -> out of the house: syslog, files, sockets, webhooks. Each is called by one thread of the dispatcher, in the order of
 * the outbox; several exits at the same time by several threads. Knows no outbox and decides no retry: it says whether an alert has gone. */
#ifndef SHADOWTAP_ALERT_EXIT_H
#define SHADOWTAP_ALERT_EXIT_H

#include "alert.h"

struct alert_exit;

#define ALERT_ERROR_TEXT 512

/* spec: a URL (docs/alerts.md):
 *   syslog:///dev/log                     the local socket (datagram or stream)
 *   syslog+udp://HOST[:514]               RFC 5426
 *   syslog+tcp://HOST[:601]?framing=octet|newline   RFC 6587
 *   syslog+tls://HOST[:6514]?ca=FILE&cert=FILE&key=FILE&name=NAME   RFC 5425: verified by name, always
 *   file:///PATH   unix:///PATH (stream or datagram socket)   stdout:
 *   https://HOST/PATH (http:// to loopback only)   webhook, POST
 * common parameters: format=text|json|cef|eve|zeek|ecs|ocsf, severity=low|medium|high (least), timeout=SECONDS; syslog: protocol=5424|3164,
 * facility=NAME, hostname=NAME, max=BYTES; webhook: ca, cert, key, query=TEXT, bearer-file=FILE (read at each send, never logged).
 * FAIL_CONFIG with a sentence that says what was expected and where in the spec; nothing is connected yet. */
int alert_exit_new(const char *spec, const struct alert_sender *who, struct alert_exit **ret, char error[ALERT_ERROR_TEXT]);

/* Least severity that goes out here. */
enum severity alert_exit_least(const struct alert_exit *x);
/* The spec without secrets, as a name in the outbox and in messages. */
const char *alert_exit_name(const struct alert_exit *x);

/* Connects where that is due, sends, and waits for what tells that it arrived as far as the transport can tell. 0: gone. FAIL_IO with a sentence:
 * not gone, try again later (the connection is closed). FAIL_INPUT: the other side refuses this alert for good. Never longer than the exit's
 * timeout. */
int alert_exit_send(struct alert_exit *x, const struct alert *a, char error[ALERT_ERROR_TEXT]);
/* What was sent but may sit in a buffer is pushed out: a file onto the disk; a socket until the other side's kernel has it, or, locally, its
 * reader. 0: the outbox may forget what was sent. FAIL_IO: send again all since the last flush; what went all the same is known by its id and
 * not sent twice on one connection. */
int alert_exit_flush(struct alert_exit *x, char error[ALERT_ERROR_TEXT]);
/* SIGHUP: files are closed and opened again by name, certificates are read again. */
void alert_exit_reopen(struct alert_exit *x);
void alert_exit_free(struct alert_exit *x);

#endif
