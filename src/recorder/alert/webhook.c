/* Messages -> HTTP POSTs, one for each alert. Called by alert_exit.c. Verifies TLS always, follows no redirect, keeps
 * nothing of an answer but its status and how long it wants us to wait. */
#include "alert_exit_kinds.h"
#include "status.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct webhook {
	const struct exit_spec *spec;
	CURL *curl;
	int64_t not_before_ms; /* what the receiver asked for */
	size_t answered;       /* bytes of this answer */
	char why[CURL_ERROR_SIZE];
};

static bool curl_ready;

static void start_curl(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static size_t forget_answer(char *bytes, size_t size, size_t n, void *context)
{
	struct webhook *h = context;
	(void)bytes;
	h->answered += size * n;
	return h->answered <= LIMIT_WEBHOOK_ANSWER ? size * n : 0;
}

/* The token as a header. 1: there is one. 0: none is wanted. The buffer is the caller's to wipe. */
static int read_token(const struct webhook *h, char header[LIMIT_WEBHOOK_TOKEN + 64], char *error)
{
	static const char head[] = "Authorization: Bearer ";
	const size_t at = sizeof head - 1;
	if (!h->spec->bearer_file[0])
		return 0;
	int fd = open(h->spec->bearer_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, header + at, LIMIT_WEBHOOK_TOKEN + 1) : -1;
	int why = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return exit_failed(error, why, "cannot read the token in %.300s", h->spec->bearer_file);
	memcpy(header, head, at);
	while (n > 0 && (header[at + (size_t)n - 1] == '\n' || header[at + (size_t)n - 1] == '\r' ||
	                 header[at + (size_t)n - 1] == ' '))
		n--;
	bool good = n > 0 && n <= LIMIT_WEBHOOK_TOKEN;
	for (ssize_t i = 0; good && i < n; i++) /* a newline would make a header of its own */
		good = header[at + (size_t)i] > ' ' && header[at + (size_t)i] <= '~';
	header[at + (size_t)n] = 0;
	return good ? 1
	            : exit_failed(error, 0, "expected one token, printable and in one line, in %.300s",
	                          h->spec->bearer_file);
}

static void wipe(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

static bool add_header(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);
	if (longer)
		*list = longer;
	return longer;
}

static int make_headers(const struct webhook *h, const struct exit_message *m, struct curl_slist **ret, char *error)
{
	char token[LIMIT_WEBHOOK_TOKEN + 64], id[64];
	bool json = h->spec->format != ALERT_TEXT && h->spec->format != ALERT_CEF;
	int with_token = read_token(h, token, error);
	if (with_token < 0) {
		explicit_bzero(token, sizeof token);
		return with_token;
	}
	snprintf(id, sizeof id, "X-Shadowtap-Alert: %" PRIu64, m->id);
	struct curl_slist *list = NULL;
	bool ok = add_header(&list,
	                     json ? "Content-Type: application/json" : "Content-Type: text/plain; charset=utf-8") &&
	          add_header(&list, id) && add_header(&list, "Expect:") && (!with_token || add_header(&list, token));
	explicit_bzero(token, sizeof token);
	if (!ok) {
		wipe(list);
		return exit_failed(error, 0, "out of memory");
	}
	*ret = list;
	return 0;
}

/* Only what says that this very alert is not wanted refuses it for good. A wrong token or address (401, 403, 404 ...)
 * is for the operator to mend: no alert may be lost by it. */
static bool is_refusal(long status)
{
	return status == 400 || status == 411 || status == 413 || status == 414 || status == 415 || status == 422 ||
	       status == 431;
}

static int judge(struct webhook *h, char *error)
{
	long status = 0;
	curl_off_t wait = 0;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &wait);
	if (status >= 200 && status < 300)
		return 0;
	if (status >= 300 && status < 400)
		return exit_failed(error, 0, "the receiver answered %ld, and redirects are not followed", status);
	if (is_refusal(status)) {
		exit_failed(error, 0, "the receiver refuses this alert: %ld", status);
		return FAIL_INPUT;
	}
	if (wait > 0) {
		wait = wait < LIMIT_WEBHOOK_WAIT_SECONDS ? wait : LIMIT_WEBHOOK_WAIT_SECONDS;
		h->not_before_ms = exit_now_ms() + wait * 1000;
		return exit_failed(error, 0, "the receiver answered %ld and wants us to wait %ld s", status,
		                   (long)wait);
	}
	return exit_failed(error, 0, "the receiver answered %ld", status);
}

static int webhook_send(void *self, struct exit_message *m, int64_t deadline_ms, char *error)
{
	struct webhook *h = self;
	struct curl_slist *headers = NULL;
	int64_t now = exit_now_ms();
	if (now < h->not_before_ms)
		return exit_failed(error, 0, "the receiver wants us to wait %ld s more",
		                   (long)((h->not_before_ms - now + 999) / 1000));
	int rc = make_headers(h, m, &headers, error);
	if (rc != 0)
		return rc;
	h->answered = 0;
	h->why[0] = 0;
	long left = (long)(deadline_ms - now);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, m->bytes);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)m->n);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, left > 1 ? left : 1);
	CURLcode code = curl_easy_perform(h->curl);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, NULL);
	wipe(headers);
	/* An answer that is too long has had its status. */
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && h->answered > LIMIT_WEBHOOK_ANSWER))
		return judge(h, error);
	return exit_failed(error, 0, "%s", h->why[0] ? h->why : curl_easy_strerror(code));
}

static int webhook_flush(void *self, int64_t deadline_ms, char *error)
{
	(void)self; /* each send had its answer */
	(void)deadline_ms;
	(void)error;
	return 0;
}

static bool set_up(struct webhook *h)
{
	const struct exit_spec *s = h->spec;
	CURL *c = h->curl;
	const char *schemes = s->secure ? "https" : "http";
	bool ok = curl_easy_setopt(c, CURLOPT_URL, s->url) == CURLE_OK &&
	          curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	          curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	          curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
#if CURL_AT_LEAST_VERSION(7, 85, 0)
	ok = ok && curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, schemes) == CURLE_OK;
#else
	ok = ok && curl_easy_setopt(c, CURLOPT_PROTOCOLS,
	                            strcmp(schemes, "https") == 0 ? CURLPROTO_HTTPS : CURLPROTO_HTTP) == CURLE_OK;
#endif
	ok = ok && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_USERAGENT, "shadowtap") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, forget_answer) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEDATA, h) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why) == CURLE_OK;
	if (s->ca[0]) /* and none of the system's beside it */
		ok = ok && curl_easy_setopt(c, CURLOPT_CAINFO, s->ca) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (s->cert[0])
		ok = ok && curl_easy_setopt(c, CURLOPT_SSLCERT, s->cert) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_SSLKEY, s->key) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_KEYPASSWD, "") == CURLE_OK; /* never asks on the terminal */
	if (!s->secure) /* what is for loopback goes through no proxy */
		ok = ok && curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK;
	return ok;
}

/* The handle keeps connections and what it read of certificates: a new one reads again. */
static void webhook_reopen(void *self)
{
	struct webhook *h = self;
	CURL *fresh = curl_easy_init();
	if (!fresh)
		return; /* the old one still works */
	curl_easy_cleanup(h->curl);
	h->curl = fresh;
	h->not_before_ms = 0;
	set_up(h); /* the same settings took before */
}

static void webhook_free(void *self)
{
	struct webhook *h = self;
	curl_easy_cleanup(h->curl);
	free(h);
}

int webhook_new(const struct exit_spec *spec, void **ret, const struct exit_ops **ops, char *error)
{
	static const struct exit_ops webhook_ops = {webhook_send, webhook_flush, webhook_reopen, webhook_free};
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_curl);
	struct webhook *h = curl_ready ? calloc(1, sizeof *h) : NULL;
	if (h) {
		h->spec = spec;
		h->curl = curl_easy_init();
	}
	if (!h || !h->curl) {
		free(h);
		exit_failed(error, 0, "out of memory");
		return FAIL_MEMORY;
	}
	if (!set_up(h)) {
		webhook_free(h);
		exit_failed(error, 0, "the installed libcurl cannot do what a webhook needs");
		return FAIL_CONFIG;
	}
	*ret = h;
	*ops = &webhook_ops;
	return 0;
}
