#include "crypto/backend.h"

#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#include "base/wipe.h"

/*
 * ChaCha20-Poly1305 goes through the job queue, whose one-pass code is faster than the library's
 * direct calls; AES-256-GCM through a direct call. The library checks no arguments here: aead.h's
 * contract and backend_accepts() are what a job must meet.
 */

enum { BURST = 64 }; /* jobs in the queue at a time; at most IMB_MAX_JOBS - 1 */

struct worker {
	struct aead_worker base;
	IMB_MGR *manager;
	/* What one call leaves behind, wiped at its end. */
	struct {
		struct gcm_context_data gcm;
		uint8_t tags[BURST][AEAD_TAG_SIZE]; /* computed by opening, to be compared */
	} scratch;
};

/*
 * Its layout depends on the code path that a manager chose for this CPU, so that a worker expands
 * the key at its first use.
 */
struct schedule {
	struct gcm_key_data expanded;
	bool is_expanded;
};

enum { SCHEDULE_ALIGNMENT = 64 };

static size_t schedule_size(void) {
	return (sizeof(struct schedule) + SCHEDULE_ALIGNMENT - 1) / SCHEDULE_ALIGNMENT *
		   SCHEDULE_ALIGNMENT;
}

/* CPUs older than AVX2 are left to OpenSSL: the library's code for them is untried here. */
static bool ipsec_mb_usable(void) {
	return (imb_get_feature_flags() & IMB_CPUFLAGS_AVX2) == IMB_CPUFLAGS_AVX2;
}

static void worker_free(struct aead_worker *base) {
	struct worker *worker = (struct worker *)base;
	free_mb_mgr(worker->manager);
	wipe(worker, sizeof *worker);
	free(worker);
}

static enum err worker_new(struct aead_worker **out_worker) {
	struct worker *worker = calloc(1, sizeof *worker);
	IMB_MGR *manager = alloc_mb_mgr(0);
	if (worker == NULL || manager == NULL) {
		free(worker);
		if (manager != NULL)
			free_mb_mgr(manager);
		return ERR_NO_MEMORY;
	}
	worker->base.backend = &backend_ipsec_mb;
	worker->manager = manager;
	init_mb_mgr_auto(manager, NULL);
	if (imb_get_errno(manager) != 0) { /* the library's self-test among others */
		worker_free(&worker->base);
		return ERR_CRYPTO;
	}
	*out_worker = &worker->base;
	return ERR_OK;
}

static enum err key_expand(struct aead_key *key) {
	if (key->algorithm == AEAD_CHACHA20_POLY1305)
		return ERR_OK;
	struct schedule *schedule = aligned_alloc(SCHEDULE_ALIGNMENT, schedule_size());
	if (schedule == NULL)
		return ERR_NO_MEMORY;
	schedule->is_expanded = false;
	key->schedule = schedule;
	return ERR_OK;
}

static void key_forget(struct aead_key *key) {
	if (key->schedule != NULL)
		wipe(key->schedule, schedule_size());
	free(key->schedule);
	key->schedule = NULL;
}

static const void *or_any(const void *pointer) {
	return pointer != NULL ? pointer : "";
}

static void run_gcm(struct worker *worker, const struct aead_job *job, uint8_t *tag, bool seal) {
	struct schedule *schedule = job->key->schedule;
	if (!schedule->is_expanded) {
		IMB_AES256_GCM_PRE(worker->manager, job->key->bytes, &schedule->expanded);
		schedule->is_expanded = true;
	}
	aes_gcm_enc_dec_t run = seal ? worker->manager->gcm256_enc : worker->manager->gcm256_dec;
	run(&schedule->expanded, &worker->scratch.gcm, job->destination, or_any(job->source), job->size,
		job->nonce, or_any(job->associated_data), job->associated_data_size, tag, AEAD_TAG_SIZE);
}

static void take_completed(const IMB_JOB *done) {
	struct aead_job *job = done->user_data;
	job->ok = done->status == IMB_STATUS_COMPLETED;
}

/* The tag's place and the job itself must stay until the job has been taken as completed. */
static void submit_chacha(struct worker *worker, struct aead_job *job, uint8_t *tag, bool seal) {
	IMB_MGR *manager = worker->manager;
	IMB_JOB *queued = IMB_GET_NEXT_JOB(manager);
	queued->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	queued->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	queued->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	queued->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	queued->enc_keys = job->key->bytes;
	queued->dec_keys = job->key->bytes;
	queued->key_len_in_bytes = AEAD_KEY_SIZE;
	queued->iv = job->nonce;
	queued->iv_len_in_bytes = AEAD_NONCE_SIZE;
	queued->u.CHACHA20_POLY1305.aad = or_any(job->associated_data);
	queued->u.CHACHA20_POLY1305.aad_len_in_bytes = job->associated_data_size;
	queued->src = or_any(job->source);
	queued->dst = job->destination;
	queued->cipher_start_src_offset_in_bytes = 0;
	queued->msg_len_to_cipher_in_bytes = job->size;
	queued->hash_start_src_offset_in_bytes = 0;
	queued->msg_len_to_hash_in_bytes = job->size;
	queued->auth_tag_output = tag;
	queued->auth_tag_output_len_in_bytes = AEAD_TAG_SIZE;
	queued->user_data = job;
	job->ok = false;
	const IMB_JOB *done = IMB_SUBMIT_JOB_NOCHECK(manager);
	while (done != NULL) {
		take_completed(done);
		done = IMB_GET_COMPLETED_JOB(manager);
	}
}

/* At most BURST jobs. Sets each one's ok to whether its text and tag have been computed. */
static void run_burst(struct worker *worker, struct aead_job *jobs, size_t count, bool seal) {
	for (size_t i = 0; i < count; i++) {
		struct aead_job *job = &jobs[i];
		uint8_t *tag = seal ? job->destination + job->size : worker->scratch.tags[i];
		if (!backend_accepts(&worker->base, job)) {
			job->ok = false;
		} else if (job->key->algorithm == AEAD_CHACHA20_POLY1305) {
			submit_chacha(worker, job, tag, seal);
		} else {
			run_gcm(worker, job, tag, seal);
			job->ok = true;
		}
	}
	const IMB_JOB *done;
	while ((done = IMB_FLUSH_JOB(worker->manager)) != NULL)
		take_completed(done);
}

static size_t burst_size(size_t left) {
	return left < BURST ? left : BURST;
}

static enum err seal_many(struct aead_worker *base, struct aead_job *jobs, size_t count) {
	struct worker *worker = (struct worker *)base;
	bool all = true;
	for (size_t start = 0; start < count && all; start += BURST) {
		size_t size = burst_size(count - start);
		run_burst(worker, jobs + start, size, true);
		for (size_t i = start; i < start + size; i++)
			all = all && jobs[i].ok;
	}
	wipe(&worker->scratch.gcm, sizeof worker->scratch.gcm);
	return all ? ERR_OK : ERR_CRYPTO;
}

static void open_many(struct aead_worker *base, struct aead_job *jobs, size_t count) {
	struct worker *worker = (struct worker *)base;
	for (size_t start = 0; start < count; start += BURST) {
		size_t size = burst_size(count - start);
		run_burst(worker, jobs + start, size, false);
		for (size_t i = 0; i < size; i++) {
			struct aead_job *job = &jobs[start + i];
			job->ok = job->ok &&
					  wipe_equal(worker->scratch.tags[i], job->source + job->size, AEAD_TAG_SIZE);
		}
	}
	wipe(&worker->scratch, sizeof worker->scratch);
}

const struct aead_backend backend_ipsec_mb = {
	.name = "ipsec-mb",
	.usable = ipsec_mb_usable,
	.worker_new = worker_new,
	.worker_free = worker_free,
	.key_expand = key_expand,
	.key_forget = key_forget,
	.seal_many = seal_many,
	.open_many = open_many,
};
