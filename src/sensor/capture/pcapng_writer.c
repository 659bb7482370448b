/* Blocks are put together whole in a buffer, in this machine's byte order, and leave it in large writes. An interface
 * description is written when its capture and link type are first seen. When a write stops half-way (the disk is full),
 * the lengths in the blocks that were being written tell where the last whole one ends, and the file is cut there. */
#include "pcapng_writer.h"

#include "limits.h"
#include "status.h"
#include "text.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_COMMENT = 1, OPTION_APPLICATION = 4, OPTION_NAME = 2, OPTION_TSRESOL = 9 };

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_FRAMING 12 /* type and length before the body, length behind it */
#define OPTION_HEADER 4
#define OPTION_TEXT_MOST (OPTION_HEADER + LIMIT_PCAPNG_TEXT) /* padding takes the place of the NUL */
#define PACKET_HEADER 20
#define TSRESOL_NS 9

struct written_interface {
	uint32_t capture;
	uint16_t link_type;
};

struct pcapng_writer {
	int fd;
	int failed; /* errno of the write that failed, or 0 */
	char *application;
	const char *const *names;
	size_t n_names;
	uint64_t written; /* in the file */
	uint8_t *buffer;
	size_t used, room;
	size_t block; /* where the block begins that is being put together */
	/* Of the section, in the order of their descriptions. */
	struct written_interface *interfaces;
	uint32_t n_interfaces, interfaces_room;
	uint32_t last; /* the one of the last packet */
};

/* ---- bytes into the buffer; the room was made before ---- */

static void put_bytes(struct pcapng_writer *w, const void *p, size_t n)
{
	assert(n <= w->room - w->used);
	if (n)
		memcpy(w->buffer + w->used, p, n);
	w->used += n;
}

static void put_padding(struct pcapng_writer *w)
{
	put_bytes(w, "\0\0\0", (4 - w->used % 4) % 4);
}

static void put_u16(struct pcapng_writer *w, uint16_t v)
{
	put_bytes(w, &v, sizeof v);
}

static void put_u32(struct pcapng_writer *w, uint32_t v)
{
	put_bytes(w, &v, sizeof v);
}

static void put_option(struct pcapng_writer *w, uint16_t code, const void *value, size_t n)
{
	put_u16(w, code);
	put_u16(w, (uint16_t)n);
	put_bytes(w, value, n);
	put_padding(w);
}

/* Line by line, since escaping takes newlines for harmful, as they are in a log. */
static void put_text_option(struct pcapng_writer *w, uint16_t code, const char *text)
{
	char out[LIMIT_PCAPNG_TEXT];
	struct slice rest = slice_str(text);
	size_t n = 0;
	for (;;) {
		struct slice line = slice_first(rest, slice_find(rest, '\n'));
		text_escape_terminal(out + n, sizeof out - n, line);
		n += strlen(out + n);
		if (line.n == rest.n || n + 2 > sizeof out)
			break;
		out[n++] = '\n';
		rest = slice_after(rest, line.n + 1);
	}
	put_option(w, code, out, n);
}

static void block_begin(struct pcapng_writer *w, uint32_t type)
{
	w->block = w->used;
	put_u32(w, type);
	put_u32(w, 0); /* its length: block_end() */
}

static void block_end(struct pcapng_writer *w)
{
	uint32_t length = (uint32_t)(w->used - w->block) + 4;
	memcpy(w->buffer + w->block + 4, &length, sizeof length);
	put_u32(w, length);
}

/* ---- the file ---- */

/* Bytes of the buffer up to the end of the last block that lies wholly within the first n. */
static size_t whole_blocks(const struct pcapng_writer *w, size_t n)
{
	size_t at = 0;
	for (;;) {
		uint32_t length;
		if (n - at < BLOCK_FRAMING)
			return at;
		memcpy(&length, w->buffer + at + 4, sizeof length);
		if (length > n - at)
			return at;
		at += length;
	}
}

static int write_failed(struct pcapng_writer *w, size_t done)
{
	w->failed = errno;
	w->written += whole_blocks(w, done);
	w->used = 0;
	/* Where it can be neither cut nor sought (a pipe), the half block stays. */
	if (ftruncate(w->fd, (off_t)w->written) == 0)
		lseek(w->fd, (off_t)w->written, SEEK_SET);
	errno = w->failed;
	return FAIL_IO;
}

int pcapng_writer_flush(struct pcapng_writer *w)
{
	if (w->failed) {
		errno = w->failed;
		return FAIL_IO;
	}
	for (size_t done = 0; done < w->used;) {
		ssize_t n = write(w->fd, w->buffer + done, w->used - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return write_failed(w, done);
		done += (size_t)n;
	}
	w->written += w->used;
	w->used = 0;
	return 0;
}

/* Makes room for a block of at most n bytes. */
static int make_room(struct pcapng_writer *w, size_t n)
{
	if (n <= w->room - w->used)
		return 0;
	int fail = pcapng_writer_flush(w);
	if (fail || n <= w->room)
		return fail;
	uint8_t *larger = realloc(w->buffer, n);
	if (!larger)
		return FAIL_MEMORY;
	w->buffer = larger;
	w->room = n;
	return 0;
}

/* ---- blocks ---- */

static int section_put(struct pcapng_writer *w)
{
	int fail = make_room(w, BLOCK_FRAMING + 16 + OPTION_TEXT_MOST + OPTION_HEADER);
	if (fail)
		return fail;
	block_begin(w, BLOCK_SECTION);
	put_u32(w, BYTE_ORDER_MAGIC);
	put_u16(w, 1);
	put_u16(w, 0);
	put_bytes(w, (const uint8_t[]){255, 255, 255, 255, 255, 255, 255, 255}, 8); /* length of the section: unknown */
	put_text_option(w, OPTION_APPLICATION, w->application);
	put_option(w, OPTION_END, NULL, 0);
	block_end(w);
	w->n_interfaces = w->last = 0;
	return 0;
}

/* No snap length: packets that were cut say so themselves, and tcpdump wants it alike for all interfaces of a file. */
static int interface_put(struct pcapng_writer *w, struct written_interface new)
{
	static const uint8_t tsresol = TSRESOL_NS;
	int fail = w->n_interfaces == LIMIT_PCAPNG_INTERFACES ? section_put(w) : 0;
	if (!fail)
		fail = make_room(w, BLOCK_FRAMING + 8 + OPTION_TEXT_MOST + 2 * OPTION_HEADER + 4);
	if (fail)
		return fail;
	if (w->n_interfaces == w->interfaces_room) {
		uint32_t room = w->interfaces_room ? w->interfaces_room * 2 : 4;
		struct written_interface *larger = realloc(w->interfaces, room * sizeof *larger);
		if (!larger)
			return FAIL_MEMORY;
		w->interfaces = larger;
		w->interfaces_room = room;
	}
	const char *name = new.capture < w->n_names ? w->names[new.capture] : NULL;
	block_begin(w, BLOCK_INTERFACE);
	put_u16(w, new.link_type);
	put_u16(w, 0);
	put_u32(w, 0);
	if (name)
		put_text_option(w, OPTION_NAME, name);
	put_option(w, OPTION_TSRESOL, &tsresol, 1);
	put_option(w, OPTION_END, NULL, 0);
	block_end(w);
	w->last = w->n_interfaces;
	w->interfaces[w->n_interfaces++] = new;
	return 0;
}

/* Sets w->last to the interface of the frame. */
static int interface_need(struct pcapng_writer *w, const struct frame *f)
{
	struct written_interface want = {f->capture, (uint16_t)f->link_type};
	for (uint32_t i = 0, at = w->last; i < w->n_interfaces; i++, at = (at + 1) % w->n_interfaces) {
		if (w->interfaces[at].capture == want.capture && w->interfaces[at].link_type == want.link_type) {
			w->last = at;
			return 0;
		}
	}
	return interface_put(w, want);
}

int pcapng_writer_put(struct pcapng_writer *w, const struct frame *f, const char *comment)
{
	uint64_t ns = f->time_ns > 0 ? (uint64_t)f->time_ns : 0;
	assert(f->caplen <= LIMIT_FRAME_BYTES);
	if (w->failed) {
		errno = w->failed;
		return FAIL_IO;
	}
	int fail = interface_need(w, f);
	if (!fail)
		fail = make_room(w, BLOCK_FRAMING + PACKET_HEADER + f->caplen + 3 +
					(comment ? OPTION_TEXT_MOST + OPTION_HEADER : 0));
	if (fail)
		return fail;
	block_begin(w, BLOCK_PACKET);
	put_u32(w, w->last);
	put_u32(w, (uint32_t)(ns >> 32));
	put_u32(w, (uint32_t)ns);
	put_u32(w, f->caplen);
	put_u32(w, f->len);
	put_bytes(w, f->data, f->caplen);
	put_padding(w);
	if (comment) {
		put_text_option(w, OPTION_COMMENT, comment);
		put_option(w, OPTION_END, NULL, 0);
	}
	block_end(w);
	return 0;
}

/* ---- life ---- */

struct pcapng_writer *pcapng_writer_new(int fd, const char *application, const char *const *names, size_t n_names)
{
	struct pcapng_writer *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	*w = (struct pcapng_writer){.fd = fd, .names = names, .n_names = n_names, .room = LIMIT_PCAPNG_WRITER_BUFFER};
	w->application = strdup(application);
	w->buffer = malloc(w->room);
	if (!w->application || !w->buffer) {
		pcapng_writer_free(w);
		return NULL;
	}
	section_put(w); /* the empty buffer has the room */
	return w;
}

uint64_t pcapng_writer_size(const struct pcapng_writer *w)
{
	return w->written + w->used;
}

void pcapng_writer_free(struct pcapng_writer *w)
{
	if (!w)
		return;
	free(w->application);
	free(w->buffer);
	free(w->interfaces);
	free(w);
}
