/* The inside of alert_exit.c: what each kind of exit has to offer. */
#ifndef SHADOWTAP_ALERT_EXIT_KINDS_H
#define SHADOWTAP_ALERT_EXIT_KINDS_H

#include "alert_exit_spec.h"

/* One alert as its exit sends it: framed, with its newline, or a webhook's bare body. */
struct exit_message {
	uint64_t id;
	char *bytes; /* malloc'd; who keeps it sets it NULL */
	size_t n;
};

struct exit_ops {
	int (*send)(void *self, struct exit_message *m, int64_t deadline_ms, char *error);
	int (*flush)(void *self, int64_t deadline_ms, char *error);
	void (*reopen)(void *self);
	void (*free)(void *self);
};

/* An exit by its kind; the spec is borrowed for its life. 0, FAIL_CONFIG or FAIL_MEMORY with a sentence. */
int exit_file_new(const struct exit_spec *spec, void **ret, const struct exit_ops **ops, char *error);
int exit_socket_new(const struct exit_spec *spec, void **ret, const struct exit_ops **ops, char *error);
int webhook_new(const struct exit_spec *spec, void **ret, const struct exit_ops **ops, char *error);

/* Monotonic. */
int64_t exit_now_ms(void);
/* FAIL_IO with the sentence; an errno of 0 adds nothing. */
int exit_failed(char *error, int error_number, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Waits for one descriptor. revents; 0 when the time is over. */
int exit_poll(int fd, short events, int64_t deadline_ms);

#endif
