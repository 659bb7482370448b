#include "http1_reader.h"

enum http1_span { SPAN_NONE, SPAN_NAME, SPAN_VALUE };

static uint8_t byte_before(const struct http1_reader *r, const char *at)
{
	const uint8_t *p = (const uint8_t *)at;
	return p == r->fed ? r->before : p[-1];
}

static int on_url(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	http1_fields_target(&r->fields, slice_of(at, n));
	return 0;
}

/* Older llhttp has no callback for "field complete", so a new field is told by the line end before it. */
static int on_header_field(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	http1_fields_name(&r->fields, slice_of(at, n), r->spans != SPAN_NAME || byte_before(r, at) == '\n');
	r->spans = SPAN_NAME;
	return 0;
}

static int on_header_value(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	http1_fields_value(&r->fields, slice_of(at, n), n > 0 && r->spans == SPAN_VALUE && byte_before(r, at) == '\n');
	r->spans = SPAN_VALUE;
	return 0;
}

static int on_headers_complete(llhttp_t *l)
{
	struct http1_reader *r = l->data;
	r->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
};

static void llhttp_begin(struct http1_reader *r, llhttp_type_t type)
{
	llhttp_init(&r->llhttp, type, &settings);
	r->llhttp.data = r;
	/* A control character in a value, a bare LF behind it or a space before its colon is no reason to go blind:
	 * there are servers that take it. */
	llhttp_set_lenient_headers(&r->llhttp, 1);
#if LLHTTP_VERSION_MAJOR > 9 || (LLHTTP_VERSION_MAJOR == 9 && LLHTTP_VERSION_MINOR >= 2)
	llhttp_set_lenient_optional_cr_before_lf(&r->llhttp, 1);
#endif
	/* Content-Length beside Transfer-Encoding is an attack on others; refusing it would only blind us. We follow
	 * Transfer-Encoding (RFC 9112 6.3 rule 3) and say `ambiguous`. */
	llhttp_set_lenient_chunked_length(&r->llhttp, 1);
}

void http1_reader_init(struct http1_reader *r, enum direction d)
{
	*r = (struct http1_reader){.before = '\n'};
	llhttp_begin(r, d == FROM_CLIENT ? HTTP_REQUEST : HTTP_RESPONSE);
}

void http1_reader_free(struct http1_reader *r)
{
	http1_fields_free(&r->fields);
}

void http1_reader_restart(struct http1_reader *r)
{
	http1_fields_reset(&r->fields);
	llhttp_begin(r, (llhttp_type_t)r->llhttp.type);
	r->head_bytes = 0;
	r->before = '\n';
	r->spans = SPAN_NONE;
	r->complete = false;
}

enum parse http1_reader_head(struct http1_reader *r, struct slice bytes, size_t *ret_used, bool *ret_length_bad)
{
	struct slice part = slice_first(bytes, LIMIT_HTTP_HEADER_BYTES - r->head_bytes);
	*ret_length_bad = false;
	*ret_used = part.n;
	if (part.n == 0)
		return bytes.n ? PARSE_BAD : PARSE_MORE;
	r->fed = part.p;
	llhttp_errno_t e = llhttp_execute(&r->llhttp, (const char *)part.p, part.n);
	if (e == HPE_PAUSED && r->complete) {
		/* error_pos is where llhttp paused: everything before it is the head. */
		*ret_used = (size_t)((const uint8_t *)llhttp_get_error_pos(&r->llhttp) - part.p);
		/* Some versions end the head at a CR and whatever follows: a way to hide a head from others or us. */
		return *ret_used > 0 && part.p[*ret_used - 1] == '\n' ? PARSE_DONE : PARSE_BAD;
	}
	*ret_length_bad = e == HPE_UNEXPECTED_CONTENT_LENGTH || e == HPE_INVALID_CONTENT_LENGTH ||
			  e == HPE_INVALID_TRANSFER_ENCODING;
	r->head_bytes += (uint32_t)part.n;
	r->before = part.p[part.n - 1];
	return e == HPE_OK ? PARSE_MORE : PARSE_BAD;
}

static bool coding_is_known(struct slice coding)
{
	static const char *const known[] = {"chunked", "gzip", "x-gzip", "deflate", "identity"};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_ieq_str(coding, known[i]))
			return true;
	return false;
}

void http1_reader_framing(const struct http1_reader *r, const struct http_field *fields, uint32_t n,
			  struct http1_framing *ret)
{
	const llhttp_t *l = &r->llhttp;
	bool coded = (l->flags & F_TRANSFER_ENCODING) != 0;
	*ret = (struct http1_framing){
		.chunked = (l->flags & F_CHUNKED) != 0,
		.other_coding = coded && !(l->flags & F_CHUNKED),
		.has_length = !coded && (l->flags & F_CONTENT_LENGTH) != 0,
		.upgrade = (l->flags & F_UPGRADE) && (l->flags & F_CONNECTION_UPGRADE),
		.length = l->content_length,
	};
	/* CL.TE and TE.CL: RFC 9112 6.3 rule 3. Transfer-Encoding in HTTP/1.0: RFC 9112 6.1, "faulty framing". */
	if (coded && ((l->flags & F_CONTENT_LENGTH) || l->http_minor == 0))
		ret->ambiguous = true;
	/* A request whose last coding is not chunked has no length (RFC 9112 6.3 rule 4). */
	if (ret->other_coding && l->type == HTTP_REQUEST)
		ret->ambiguous = true;

	/* TE.TE: a second field, or a coding that only one of two recipients takes for chunked ("xchunked"). */
	unsigned seen = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct slice name = slice_trim(fields[i].name);
		bool length = slice_ieq_str(name, "Content-Length");
		bool coding = slice_ieq_str(name, "Transfer-Encoding");
		/* White space before the colon hides a framing field from some recipients (RFC 9112 5.1). */
		if ((length || coding) && name.n != fields[i].name.n)
			ret->ambiguous = true;
		if (!coding)
			continue;
		struct slice rest = fields[i].value;
		if (++seen > 1 || rest.n == 0)
			ret->ambiguous = true;
		while (rest.n) {
			size_t comma = slice_find(rest, ',');
			if (!coding_is_known(slice_trim(slice_first(rest, comma))))
				ret->ambiguous = true;
			rest = slice_after(rest, comma + 1);
		}
	}
}
