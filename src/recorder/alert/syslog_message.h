/* Alert + formatted body -> one syslog message, by RFC 5424 with structured data or by RFC 3164, no longer than
 * allowed. Called by alert_exit_send. Frames nothing: that is the transport's. */
#ifndef SHADOWTAP_SYSLOG_MESSAGE_H
#define SHADOWTAP_SYSLOG_MESSAGE_H

#include "alert_exit_spec.h"

/* malloc'd, *ret_n bytes and a NUL; without newline or control characters if the body has none. NULL when out of
 * memory. */
char *syslog_message(const struct exit_spec *spec, const struct alert_sender *who, const struct alert *a,
                     struct slice body, size_t *ret_n);

/* A body of at most room bytes, malloc'd, and marked if it is not all of it. Text and CEF are cut at a character, with
 * "...[cut N bytes]" at the end; JSON loses members (docs/alerts.md has the order) and stays JSON; where that does not
 * help it is cut as text is. room >= 64. */
char *syslog_fit(enum alert_format format, struct slice body, size_t room, size_t *ret_n);

#endif
