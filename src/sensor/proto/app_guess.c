#include "app_guess.h"
#include "http1.h"
#include "http2.h"
#include "socks.h"
#include "tls.h"

/* A line with something in it, and its end. */
static bool has_line(struct slice s)
{
	while (s.n && (s.p[0] == '\r' || s.p[0] == '\n'))
		s = slice_after(s, 1);
	return slice_find(s, '\n') < s.n;
}

enum app_protocol app_guess(struct slice first, enum direction d, bool roles_known, bool *ret_sure, bool *ret_flip)
{
	bool sure_request, sure_answer, sure_tls, sure_socks, sure_preface, sure_settings;
	first = slice_first(first, APP_GUESS_BYTES);
	*ret_flip = false;
	bool request = http1_looks_like(first, FROM_CLIENT, &sure_request);
	bool answer = http1_looks_like(first, FROM_SERVER, &sure_answer);
	bool tls = tls_looks_like(first, &sure_tls);
	bool socks = d == FROM_CLIENT && roles_known && socks_looks_like(first, &sure_socks);
	bool preface = http2_looks_like(first, FROM_CLIENT, &sure_preface);
	bool settings = http2_looks_like(first, FROM_SERVER, &sure_settings);
	*ret_sure = true;
	if ((preface && sure_preface) || (settings && sure_settings)) {
		enum direction speaker = preface ? FROM_CLIENT : FROM_SERVER;
		*ret_flip = speaker != d && !roles_known;
		return speaker == d || *ret_flip ? APP_HTTP2 : APP_OTHER;
	}
	if (request && sure_request && !has_line(first) && first.n < APP_GUESS_BYTES)
		sure_request = false; /* its version, at the end of the line, may still tell otherwise */
	if (request && sure_request) {
		*ret_flip = d == FROM_SERVER && !roles_known;
		return d == FROM_CLIENT || *ret_flip ? APP_HTTP1 : APP_OTHER;
	}
	if (answer && sure_answer) {
		*ret_flip = d == FROM_CLIENT && !roles_known;
		return d == FROM_SERVER || *ret_flip ? APP_HTTP1 : APP_OTHER;
	}
	if (tls && sure_tls) {
		*ret_flip = !roles_known && (first.p[5] == 1) != (d == FROM_CLIENT); /* 1: ClientHello */
		return APP_TLS;
	}
	if (socks && sure_socks)
		return APP_SOCKS;
	*ret_sure = !(request || answer || tls || socks || preface || settings);
	struct slice text = slice_trim(first);
	if (*ret_sure && text.n && text.p[0] == '{')
		return APP_JSON_LINES;
	*ret_sure &= text.n > 0; /* white space may stand before a JSON text */
	return APP_OTHER;
}
