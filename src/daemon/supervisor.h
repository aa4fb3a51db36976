#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/error.h"
#include "daemon/backoff.h"

/*
 * One process that this one starts, as another run of the same program, and starts again when it
 * dies:
 *
 *             start          ready           died               restart_at
 *   (none) ──────────▶ up ──────────▶ ready ──────▶ (none) ─────────────────▶ up …
 */
struct supervisor {
	int executable;      /* the program that runs, even when its file was replaced since */
	pid_t pid;           /* 0: none runs */
	int channel;         /* to it; -1: none */
	bool ready;          /* of this run */
	bool was_ready;      /* of any run */
	uint64_t started;    /* ns */
	uint64_t restart_at; /* CLOCK_NEVER: not due */
	struct backoff backoff;
};

/* The descriptor that the child finds its end at. */
enum { SUPERVISOR_CHANNEL = ADDRESS_SOCKET };

enum err supervisor_init(struct supervisor *supervisor);
/* Kills what still runs. */
void supervisor_done(struct supervisor *supervisor);

/* arguments are the program's, with the NULL behind them. */
enum err supervisor_start(struct supervisor *supervisor, char *const *arguments, uint64_t now);

/*
 * After SIGCHLD: true when it died; plans the next start. What it wrote last can still be read
 * from the channel, until supervisor_close().
 */
bool supervisor_reap(struct supervisor *supervisor, uint64_t now, int *out_status);

void supervisor_close(struct supervisor *supervisor);

/* For a process that no longer does its part. It is reaped as any other. */
void supervisor_kill(struct supervisor *supervisor);

/* "exit status 1", "signal 11", and of the end by a sandbox what it means. */
enum { SUPERVISOR_STATUS_SIZE = 112 };
void supervisor_format_status(int status, char out_text[static SUPERVISOR_STATUS_SIZE]);

/* Waits until it ended, at most until deadline, and then kills it. */
void supervisor_wait(struct supervisor *supervisor, uint64_t deadline);
