/* Signature files -> drafts -> one frozen set. Directories are layers: a later one adds to and overrides earlier ones.
 * Called by signature_set_load(), which feeds it directories, and by tests, which feed it texts. */
#ifndef SHADOWTAP_SIGNATURE_LOADER_H
#define SHADOWTAP_SIGNATURE_LOADER_H

#include "jsonfile.h"
#include "signature.h"

/* A signature as it stands in a file, with its place for error messages. Strings are borrowed from the document. */
struct signature_draft {
	struct signature s;      /* without endpoints */
	const json_t *endpoints; /* validated, or NULL */
	uint32_t document, index, layer;
	bool disabled;
	bool bare; /* nothing but an id to disable */
};

struct signature_document {
	char *path;
	json_t *root;
};

struct signature_layer {
	const char *set, *version; /* NULL until its first file is read */
	uint32_t document;         /* that file */
};

/* Of a set's name and of its version, with the NUL. */
#define SIGNATURE_VERSION_CAP 33

struct signature_loader {
	struct signature_draft *drafts;
	size_t n_drafts, cap_drafts;
	struct signature_document *documents;
	size_t n_documents, cap_documents;
	struct signature_layer layers[LIMIT_SIGNATURE_DIRECTORIES];
	size_t n_layers;
	char error[SIGNATURE_ERROR_TEXT]; /* the first error, or empty */
};

void signature_loader_init(struct signature_loader *l);
void signature_loader_done(struct signature_loader *l);

/* Opens a layer; files go to the newest one. FAIL_CONFIG past LIMIT_SIGNATURE_DIRECTORIES. */
int signature_loader_layer(struct signature_loader *l);
/* All return 0, or a negative enum fail and l->error. */
int signature_loader_file(struct signature_loader *l, const char *path);
int signature_loader_text(struct signature_loader *l, const char *path, const char *text, size_t n);
int signature_loader_directory(struct signature_loader *l, const char *path);
/* The signature files of a directory in the order of their names, each with the directory before it. On failure *ret is NULL and error has a
 * sentence. */
int signature_directory_list(const char *directory, char ***ret, size_t *ret_n, char error[SIGNATURE_ERROR_TEXT]);
void signature_directory_list_free(char **files, size_t n);
/* signature_merge.c. Resolves overrides and freezes. whole: the behaviours that the code needs must be there. */
int signature_loader_finish(struct signature_loader *l, bool whole, struct signature_set **ret);

/* For the parts of the loader: record the first error; path may be NULL. All return the enum fail. */
int signature_loader_fail(struct signature_loader *l, int fail, const char *path, const char *sentence);
int signature_loader_fail_file(struct signature_loader *l, const struct jsonfile *f);
int signature_loader_fail_memory(struct signature_loader *l);

/* signature_read.c: one element of "signatures". False with f->error. */
bool signature_read(struct jsonfile *f, const struct jsonplace *at, const json_t *object, struct signature_draft *ret);
/* The transport that a validated endpoint names. */
enum transport signature_endpoint_transport(const json_t *endpoint);

#endif
