#include "hint_scan.h"
#include "text.h"

/* Letters in an HTML comment that make it a message: "<!-- TODO -->" is none. */
enum { COMMENT_LETTERS = 12 };
/* Bytes of an HTML tag in which a style is looked for. */
enum { TAG_BYTES = 400 };
/* Tag characters in the flag of a country's part (Unicode TR 51: three to six, and the end). */
enum { FLAG_TAGS = 7 };

/* Folded as fold() does. Sentences that ask the model to keep something from the user, or to drop what it was told. */
static const struct pattern {
	const char *text;
	uint8_t length;
	enum { WORDS, COMMENT_BEGIN, COMMENT_END, HIDING } kind;
} patterns[] = {
#define PATTERN(text, kind) {text, sizeof text - 1, kind}
	PATTERN("do not tell the user", WORDS),
	PATTERN("don't tell the user", WORDS),
	PATTERN("never tell the user", WORDS),
	PATTERN("do not inform the user", WORDS),
	PATTERN("don't inform the user", WORDS),
	PATTERN("do not mention this to the user", WORDS),
	PATTERN("don't mention this to the user", WORDS),
	PATTERN("do not reveal this to the user", WORDS),
	PATTERN("do not let the user know", WORDS),
	PATTERN("don't let the user know", WORDS),
	PATTERN("without telling the user", WORDS),
	PATTERN("hide this from the user", WORDS),
	PATTERN("keep this secret from the user", WORDS),
	PATTERN("ignore previous instructions", WORDS),
	PATTERN("ignore all previous instructions", WORDS),
	PATTERN("ignore the previous instructions", WORDS),
	PATTERN("ignore your previous instructions", WORDS),
	PATTERN("ignore prior instructions", WORDS),
	PATTERN("ignore all prior instructions", WORDS),
	PATTERN("disregard previous instructions", WORDS),
	PATTERN("disregard all previous instructions", WORDS),
	PATTERN("disregard prior instructions", WORDS),
	PATTERN("disregard all prior instructions", WORDS),
	PATTERN("forget previous instructions", WORDS),
	PATTERN("forget all previous instructions", WORDS),
	PATTERN("<important>", WORDS),
	PATTERN("<!--", COMMENT_BEGIN),
	PATTERN("-->", COMMENT_END),
	PATTERN("display:none", HIDING),
	PATTERN("display: none", HIDING),
	PATTERN("visibility:hidden", HIDING),
	PATTERN("visibility: hidden", HIDING),
#undef PATTERN
};

void hint_scan_init(struct hint_scan *s)
{
	s->hints = 0;
	hint_scan_text(s);
}

void hint_scan_text(struct hint_scan *s)
{
	s->n = s->tags = s->letters = 0;
	s->comment = s->tag = s->flag = false;
	s->tag_length = 0;
	s->before = s->last = 0;
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static void match(struct hint_scan *s, char last)
{
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		const struct pattern *p = &patterns[i];
		if (p->text[p->length - 1] != last || s->n < p->length || memcmp(s->tail + s->n - p->length, p->text, p->length) != 0)
			continue;
		switch (p->kind) {
		case WORDS: s->hints |= HINT_INSTRUCTIONS; break;
		case HIDING: s->hints |= s->tag ? HINT_HIDDEN_MARKUP : 0; break;
		case COMMENT_BEGIN:
			s->comment = true;
			s->letters = 0;
			break;
		case COMMENT_END: s->comment = false; break;
		}
	}
}

/* A folded character: lower case, white space in one, one byte for whatever is not ASCII. */
static void fold(struct hint_scan *s, char c)
{
	if (s->n == sizeof s->tail) {
		memmove(s->tail, s->tail + sizeof s->tail / 2, sizeof s->tail / 2);
		s->n = sizeof s->tail / 2;
	}
	char before = s->n ? s->tail[s->n - 1] : 0;
	if (c == ' ' && before == ' ')
		return;
	s->tail[s->n++] = c;
	if (s->tag && (c == '>' || ++s->tag_length > TAG_BYTES))
		s->tag = false;
	if (before == '<' && is_letter(c)) {
		s->tag = true;
		s->tag_length = 0;
	}
	if (s->comment && is_letter(c) && ++s->letters >= COMMENT_LETTERS)
		s->hints |= HINT_HIDDEN_MARKUP;
	match(s, c);
}

/* What is not drawn at all, and joins or parts words that a filter looks for. */
static bool is_zero_width(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200d) || (c >= 0x2060 && c <= 0x2064) || c == 0xfeff || c == 0x180e;
}

static bool is_bidi_control(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool is_word(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Tag characters repeat ASCII without being seen. Honest ones follow a black flag and end soon. */
static void take_tag(struct hint_scan *s, uint32_t c)
{
	if (!s->flag || ++s->tags > FLAG_TAGS)
		s->hints |= HINT_HIDDEN_UNICODE;
	s->flag &= c != 0xe007f;
}

static void take(struct hint_scan *s, uint32_t c)
{
	bool zero_width = is_zero_width(c), selector = c >= 0xe0100 && c <= 0xe01ef, tag = c >= 0xe0000 && c <= 0xe007f;
	/* joiners stand between letters of scripts that need them and in emoji; one alone, or copied along, is no harm */
	if ((zero_width && is_zero_width(s->last)) || (is_zero_width(s->last) && is_word(s->before) && is_word(c)))
		s->hints |= HINT_HIDDEN_UNICODE;
	if (selector && s->last >= 0xe0100 && s->last <= 0xe01ef) /* one picks a glyph, two in a row carry bytes */
		s->hints |= HINT_HIDDEN_UNICODE;
	if (is_bidi_control(c))
		s->hints |= HINT_BIDI;
	if (tag)
		take_tag(s, c);
	else
		s->flag = false;
	if (c == 0x1f3f4) {
		s->flag = true;
		s->tags = 0;
	}
	s->before = s->last;
	s->last = c;
	if (zero_width || tag || selector || c == 0xad)
		return; /* a word with one inside is the same word */
	if (c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0)
		fold(s, ' ');
	else
		fold(s, c == 0x2019 ? '\'' : c < 0x80 ? (char)ascii_lower((uint8_t)c) : 1);
}

static uint32_t code_point(const uint8_t *p, size_t n)
{
	uint32_t c = n == 1 ? p[0] : n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

void hint_scan_piece(struct hint_scan *s, struct slice piece)
{
	while (piece.n) {
		size_t n = utf8_char_len(piece);
		if (n)
			take(s, code_point(piece.p, n));
		else /* what json_string writes for a byte or unit that is no character */
			take(s, 0xfffd);
		piece = slice_after(piece, n ? n : piece.p[0] == 0xed ? 3 : 2);
	}
}
