/* The service manager's protocol (sd_notify(3), systemd.service(5)): a datagram to the socket that NOTIFY_SOCKET names. Without one, nothing
 * happens. Called by the recorder's process alone. */
#ifndef SHADOWTAP_NOTIFY_H
#define SHADOWTAP_NOTIFY_H

/* "READY=1", "STATUS=...", several separated by newlines. */
void notify_service_manager(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Microseconds between WATCHDOG=1 messages that the manager wants, halved; 0: it wants none. */
unsigned long long notify_watchdog_us(void);

#endif
