/* The three kinds of outcome. Bugs assert. The machine failing us is a negative enum fail that travels up to cli,
 * the only place that prints or exits. Strange bytes are neither: they are anomalies (anomaly.h). */
#ifndef SHADOWTAP_STATUS_H
#define SHADOWTAP_STATUS_H

enum fail {
	FAIL_MEMORY = -1,   /* an allocation failed */
	FAIL_IO = -2,       /* the operating system refused; errno says why */
	FAIL_INPUT = -3,    /* a capture file is damaged here; what came before it is good */
	FAIL_CONFIG = -4,   /* a policy, signature or option is wrong; an error text goes with it */
	FAIL_DATABASE = -5, /* SQLite refused; an error text goes with it */
};

/* What a stream parser says of itself (see docs/architecture.md, "The parser contract"). */
enum parse {
	PARSE_MORE, /* all is well, more bytes are welcome */
	PARSE_DONE, /* what this parser reads is complete; it wants nothing further */
	PARSE_BAD,  /* the bytes broke the grammar; the parser stays bad and ignores all that follows */
};

/* Who sent it. Also the index into two-element arrays. */
enum direction { FROM_CLIENT = 0, FROM_SERVER = 1 };

static inline enum direction direction_flip(enum direction d)
{
	return d == FROM_CLIENT ? FROM_SERVER : FROM_CLIENT;
}

#endif
