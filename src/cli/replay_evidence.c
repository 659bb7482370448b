/* Packets of wanted connections -> evidence files, by replay's own hand. Stops at the first failure and keeps its
 * words. */
#include "pcapng_writer.h"
#include "replay.h"
#include "status.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_OVERHEAD = 512 }; /* of a packet in the file: its block, and what an interface's first one brings along */

int replay_evidence_start(struct replay_evidence *e, const struct replay_options *o, char error[EVIDENCE_ERROR_TEXT])
{
	e->options = o;
	e->fd = -1;
	return evidence_files_new(o->write, o->write_file_size, o->write_total, &e->files, error);
}

static void fail(struct replay_evidence *e, const char *error)
{
	if (!e->failed)
		cli_error("evidence packets: %s", error);
	e->failed = true;
}

static void fail_writing(struct replay_evidence *e, int result)
{
	fail(e, result == FAIL_MEMORY ? "out of memory" : strerror(errno));
}

static void close_file(struct replay_evidence *e)
{
	if (!e->writer)
		return;
	int r = pcapng_writer_flush(e->writer);
	if (r != 0)
		fail_writing(e, r);
	e->bytes += pcapng_writer_size(e->writer);
	pcapng_writer_free(e->writer);
	e->writer = NULL;
	e->in_file = false;
	if (close(e->fd) != 0) /* a network file system may say only now that it is full */
		fail_writing(e, FAIL_IO);
	e->fd = -1;
}

static bool open_file(struct replay_evidence *e, int64_t time_ns)
{
	char error[EVIDENCE_ERROR_TEXT];
	const struct replay_options *o = e->options;
	if (evidence_files_next(e->files, time_ns, &e->fd, error) != 0) {
		fail(e, error);
		return false;
	}
	e->writer = pcapng_writer_new(e->fd, "shadowtap", (const char *const *)o->files, o->n_files);
	if (!e->writer) {
		close(e->fd);
		fail(e, "out of memory");
		return false;
	}
	e->n_files++;
	return true;
}

void replay_evidence_frame(struct replay_evidence *e, const struct frame *f, const char *comment)
{
	uint64_t need = (uint64_t)f->caplen + FRAME_OVERHEAD + (comment ? strlen(comment) : 0);
	if (e->failed)
		return;
	if (e->writer && e->in_file && pcapng_writer_size(e->writer) + need > e->options->write_file_size)
		close_file(e);
	if (e->failed || (!e->writer && !open_file(e, f->time_ns)))
		return;
	int r = pcapng_writer_put(e->writer, f, comment);
	if (r != 0)
		fail_writing(e, r);
	e->in_file = true;
}

bool replay_evidence_end(struct replay_evidence *e)
{
	close_file(e);
	return !e->failed;
}

void replay_evidence_free(struct replay_evidence *e)
{
	replay_evidence_end(e);
	evidence_files_free(e->files);
	e->files = NULL;
}

void replay_evidence_summary(const struct replay_evidence *e, const struct evidence_counts *c)
{
	fprintf(stderr, "evidence         %" PRIu64 " packets of %" PRIu64 " connections, %" PRIu64 " bytes in %" PRIu64 " files",
	        c->frames, c->connections, e->bytes, e->n_files);
	if (c->cut)
		fprintf(stderr, "; %" PRIu64 " packets more of connections that had their share", c->cut);
	if (evidence_files_deleted(e->files))
		fprintf(stderr, "; %" PRIu64 " older files deleted", evidence_files_deleted(e->files));
	fputc('\n', stderr);
}
