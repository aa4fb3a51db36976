#include "crypto/aead.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/backend.h"

/* The best first: "auto" takes the first usable one. */
static const struct aead_backend *const backends[] = {
	&backend_ipsec_mb,
	&backend_openssl,
};

const struct aead_backend *aead_backend_find(const char *name) {
	bool any = strcmp(name, "auto") == 0;
	for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
		if ((any || strcmp(name, backends[i]->name) == 0) && backends[i]->usable())
			return backends[i];
	}
	return NULL;
}

const char *aead_backend_name(const struct aead_backend *backend) {
	return backend->name;
}

enum err aead_worker_new(const struct aead_backend *backend, struct aead_worker **out_worker) {
	return backend->worker_new(out_worker);
}

void aead_worker_free(struct aead_worker *worker) {
	if (worker != NULL)
		worker->backend->worker_free(worker);
}

enum err aead_key_init(struct aead_key *key, const struct aead_backend *backend,
					   enum aead_algorithm algorithm, const uint8_t bytes[static AEAD_KEY_SIZE]) {
	struct aead_key made = {.backend = backend, .algorithm = algorithm};
	WIPE_ON_EXIT(made);
	memcpy(made.bytes, bytes, sizeof made.bytes);
	enum err error = backend->key_expand(&made);
	if (error == ERR_OK)
		*key = made;
	return error;
}

void aead_key_done(struct aead_key *key) {
	if (key == NULL)
		return;
	if (key->backend != NULL)
		key->backend->key_forget(key);
	wipe(key, sizeof *key);
}

enum err aead_seal_many(struct aead_worker *worker, struct aead_job *jobs, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (!backend_accepts(worker, &jobs[i]))
			return ERR_INVALID;
	}
	return worker->backend->seal_many(worker, jobs, count);
}

void aead_open_many(struct aead_worker *worker, struct aead_job *jobs, size_t count) {
	worker->backend->open_many(worker, jobs, count);
}
