#include "http1_reader.h"

#include <assert.h>

enum http1_span { SPAN_NONE, SPAN_NAME, SPAN_VALUE };

static uint8_t byte_before(const struct http1_reader *r, const char *at)
{
	const uint8_t *p = (const uint8_t *)at;
	return p == r->fed ? r->before : p[-1];
}

static int on_message_begin(llhttp_t *l)
{
	struct http1_reader *r = l->data;
	r->started = true;
	return 0;
}

static int on_url(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	http1_fields_target(&r->fields, slice_of(at, n));
	return 0;
}

/* Older llhttp has no callback for "field complete", so a new field is told by the line end before it. Trailers come
 * this way too and are not kept (RFC 9110 6.5.1: they must not frame, route or authenticate). */
static int on_header_field(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	if (r->complete || (l->flags & F_TRAILING))
		return 0;
	http1_fields_name(&r->fields, slice_of(at, n), r->spans != SPAN_NAME || byte_before(r, at) == '\n');
	r->spans = SPAN_NAME;
	return 0;
}

static int on_header_value(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	if (l->flags & F_TRAILING)
		return 0;
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

static int on_chunk_header(llhttp_t *l)
{
	struct http1_reader *r = l->data;
	r->in_chunk = l->content_length > 0;
	return 0;
}

static int on_body(llhttp_t *l, const char *at, size_t n)
{
	struct http1_reader *r = l->data;
	if (!r->muted && n)
		r->body(r->context, slice_of(at, n));
	return 0;
}

static int on_chunk_complete(llhttp_t *l)
{
	struct http1_reader *r = l->data;
	r->in_chunk = false;
	return 0;
}

static int on_message_complete(llhttp_t *l)
{
	struct http1_reader *r = l->data;
	r->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
	.on_chunk_header = on_chunk_header,
	.on_chunk_complete = on_chunk_complete,
};

static void llhttp_begin(struct http1_reader *r, llhttp_type_t type)
{
	llhttp_init(&r->llhttp, type, &settings);
	r->llhttp.data = r;
	/* Content-Length beside Transfer-Encoding is an attack on others; refusing it would only blind us. We follow
	 * Transfer-Encoding (RFC 9112 6.3 rule 3) and say `ambiguous`. */
	llhttp_set_lenient_chunked_length(&r->llhttp, 1);
}

void http1_reader_init(struct http1_reader *r, enum direction d, void (*body)(void *context, struct slice bytes),
		       void *context)
{
	*r = (struct http1_reader){.body = body, .context = context, .before = '\n'};
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
	r->started = r->complete = r->in_chunk = false;
}

/* error_pos is where llhttp paused; everything before it was taken. */
static enum parse reader_execute(struct http1_reader *r, struct slice bytes, size_t *ret_used)
{
	r->fed = bytes.p;
	llhttp_errno_t e = llhttp_execute(&r->llhttp, (const char *)bytes.p, bytes.n);
	*ret_used = bytes.n;
	if (e == HPE_PAUSED && r->complete) {
		*ret_used = (size_t)((const uint8_t *)llhttp_get_error_pos(&r->llhttp) - bytes.p);
		return PARSE_DONE;
	}
	if (e != HPE_OK)
		return PARSE_BAD;
	r->before = bytes.p[bytes.n - 1];
	return PARSE_MORE;
}

enum parse http1_reader_head(struct http1_reader *r, struct slice bytes, size_t *ret_used, bool *ret_length_bad)
{
	struct slice part = slice_first(bytes, LIMIT_HTTP_HEADER_BYTES - r->head_bytes);
	*ret_length_bad = false;
	*ret_used = 0;
	if (part.n == 0)
		return bytes.n ? PARSE_BAD : PARSE_MORE;
	enum parse status = reader_execute(r, part, ret_used);
	r->head_bytes += (uint32_t)*ret_used;
	if (status == PARSE_BAD) {
		llhttp_errno_t e = llhttp_get_errno(&r->llhttp);
		*ret_length_bad = e == HPE_UNEXPECTED_CONTENT_LENGTH || e == HPE_INVALID_CONTENT_LENGTH ||
				  e == HPE_INVALID_TRANSFER_ENCODING;
	}
	/* Some versions end the head at a CR and whatever follows it: a way to hide a head from others or from us. */
	if (status == PARSE_DONE && (*ret_used == 0 || part.p[*ret_used - 1] != '\n'))
		return PARSE_BAD;
	return status;
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
		if (!slice_ieq_str(fields[i].name, "Transfer-Encoding"))
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

void http1_reader_chunks_begin(struct http1_reader *r)
{
	r->complete = false;
	llhttp_resume(&r->llhttp);
}

enum parse http1_reader_chunks(struct http1_reader *r, struct slice bytes, size_t *ret_used)
{
	return reader_execute(r, bytes, ret_used);
}

uint64_t http1_reader_chunk_left(const struct http1_reader *r)
{
	return r->in_chunk ? r->llhttp.content_length : 0;
}

/* llhttp counts chunk data down in content_length, so passing over bytes is a subtraction; the last one is fed as a
 * stand-in, so that llhttp leaves the chunk by itself. */
void http1_reader_chunk_pass(struct http1_reader *r, uint64_t n)
{
	assert(n <= http1_reader_chunk_left(r));
	if (n == 0)
		return;
	if (n < r->llhttp.content_length) {
		r->llhttp.content_length -= n;
		return;
	}
	static const uint8_t stand_in[1] = {'x'};
	size_t used;
	r->llhttp.content_length = 1;
	r->muted = true;
	reader_execute(r, slice_of(stand_in, 1), &used);
	r->muted = false;
}
