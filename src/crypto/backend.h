#pragma once

#include "crypto/aead.h"

/*
 * What a back end of aead.h provides; private to crypto/. Each is one folder with the only files
 * that include its library. A library that the build lacks has absent.c in place of backend.c.
 */

enum { BACKEND_SIZE_MAX = 65535 }; /* plaintext bytes of one job */

/* Each back end's worker begins with this. */
struct aead_worker {
	const struct aead_backend *backend;
};

struct aead_backend {
	const char *name;
	/* False when this build or CPU cannot run it; the other slots are not called then. */
	bool (*usable)(void);
	enum err (*worker_new)(struct aead_worker **out_worker);
	void (*worker_free)(struct aead_worker *worker); /* not NULL */
	/* Sets key->schedule (NULL is fine) from the other, already filled members. */
	enum err (*key_expand)(struct aead_key *key);
	void (*key_forget)(struct aead_key *key); /* wipes and frees key->schedule, which may be NULL */
	/* Gets only jobs that backend_accepts(); ERR_CRYPTO when the library refuses one. */
	enum err (*seal_many)(struct aead_worker *worker, struct aead_job *jobs, size_t count);
	/* Gets any jobs; one that backend_accepts() refuses is not ok. */
	void (*open_many)(struct aead_worker *worker, struct aead_job *jobs, size_t count);
};

extern const struct aead_backend backend_openssl;
extern const struct aead_backend backend_ipsec_mb;

/* The part of the caller's contract that would corrupt memory if broken. */
static inline bool backend_accepts(const struct aead_worker *worker, const struct aead_job *job) {
	return job->key->backend == worker->backend && job->size <= BACKEND_SIZE_MAX;
}
