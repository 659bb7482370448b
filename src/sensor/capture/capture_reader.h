/* The inside of a capture file: its input, and the one reader that its first bytes chose.
 * Shared by capture_file.c and the readers. No business of anybody else. */
#ifndef SHADOWTAP_CAPTURE_READER_H
#define SHADOWTAP_CAPTURE_READER_H

#include "capture_file.h"
#include "capture_input.h"

#define CAPTURE_NAME 96 /* of the file, in error texts; the tail of a longer path */

struct pcap;
struct capture_interface;

struct capture_pcap {
	uint32_t header_bytes; /* before each packet */
	uint32_t link_type;
	uint32_t ns_per_unit; /* of the second half of a time stamp */
	bool swapped;         /* the writer's byte order is not ours */
};

struct capture_pcapng {
	struct capture_interface *interfaces;
	uint32_t n_interfaces;
	uint32_t room;
	int64_t last_ns;
	bool swapped;
	capture_secrets_fn *on_secrets; /* NULL: nobody asked, or they were handed over */
	void *secrets_context;
};

struct capture_file {
	struct capture_input input;
	/* As capture_file_next(), and CAPTURE_WAIT where the input says so: nothing is lost then, ask again. */
	int (*next)(struct capture_file *f, struct frame *ret); /* NULL before a reader is chosen */
	union {
		struct capture_pcap pcap;
		struct capture_pcapng pcapng;
		struct pcap *libpcap;
	};
	void (*done)(struct capture_file *f);
	bool stable;
	uint64_t frames;
	int outcome; /* once it is over: 0 or a fail, for ever */
	/* A frame that capture_file_would_block() read ahead. */
	bool has_ahead;
	struct frame ahead;
	char name[CAPTURE_NAME];
	char error[CAPTURE_ERROR_TEXT];
};

/* Each looks at the first bytes: 1 and sets next and done, 0 when they are not of its kind, or a fail. */
int capture_pcap_open(struct capture_file *f);
int capture_pcapng_open(struct capture_file *f);
int capture_libpcap_open(struct capture_file *f);

/* capture_file_secrets() of a pcapng file; false for any other. */
bool capture_pcapng_secrets(struct capture_file *f, capture_secrets_fn *on_secrets, void *context);

/* Sets the error text: file, frame number and offset, then what. Returns fail. */
int capture_reader_fail(struct capture_file *f, int fail, const char *what, ...) __attribute__((format(printf, 3, 4)));

/* For a reader whose capture_input_need(n) was not answered with CAPTURE_READY: the outcome to return. `what` is what
 * the n bytes would have been. */
int capture_reader_short(struct capture_file *f, int have, size_t n, const char *what);

/* A fixed-size record header is read at known offsets once all of it is there. */
static inline uint32_t capture_u32(const uint8_t *p, bool swapped)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return swapped ? __builtin_bswap32(v) : v;
}

static inline uint16_t capture_u16(const uint8_t *p, bool swapped)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return swapped ? __builtin_bswap16(v) : v;
}

#endif
