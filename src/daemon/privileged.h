#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"
#include "daemon/attachment.h"
#include "daemon/channel.h"
#include "daemon/options.h"
#include "daemon/privileged_watch.h"
#include "daemon/sandbox.h"
#include "daemon/supervisor.h"
#include "loop/loop.h"
#include "wire/interface_settings.h"

/*
 * The process that was started: it owns everything that needs privileges, hands descriptors to the
 * net process and keeps what a new one would need. It parses nothing from strangers.
 *
 * Here is what both programs share: the loop, signals, the net process and its requests, and the
 * tunnels attached. What a program does with it is in its ops: interface.c (one interface,
 * configured through its own socket), node*.c (the tunnels of a configuration).
 */

enum {
	PRIVILEGED_ARGUMENTS_MAX = 9, /* of the net process, with the NULL */
	PRIVILEGED_ARGUMENT_SIZE = 32 + OPTIONS_LIST_SIZE,
	PRIVILEGED_ASKED_MAX = 256, /* requests to the net process that wait for their results */
};

/* A program's part; all are called by the process's only thread. */
struct privileged_ops {
	/*
	 * The net process is ready for requests, and was sent the tunnels that there are; first: the
	 * first of this run. PEERING may be sent now, behind them.
	 */
	void (*net_ready)(struct privileged *privileged, bool first);
	/* SIGINT, SIGTERM, SIGHUP or SIGUSR1 came. */
	void (*signalled)(struct privileged *privileged, int number);
	/* The interface or configuration socket of an attachment was deleted by somebody. */
	void (*gone)(struct privileged *privileged, struct attachment *attachment);
	/* Optional: sockets were opened for an attachment, or could not be (errno). */
	void (*listened)(struct privileged *privileged, struct attachment *attachment, uint16_t port,
					 int number);
	/* Optional: whether the configuration has such sockets for it; NULL: whatever net is told. */
	bool (*may_listen)(struct privileged *privileged, const struct attachment *attachment,
					   uint16_t port, uint32_t mark);
	bool (*may_mark)(struct privileged *privileged, const struct attachment *attachment,
					 uint32_t mark);
	/* Optional: what a socket of the kind (enum process_socket) is like that its streams may have;
	 * false, and for NULL: the configuration has none. */
	bool (*may_open)(struct privileged *privileged, const struct attachment *attachment,
					 uint8_t kind, struct stream_socket_request *out_request);
	/* Optional: what whoever has the key says of the attachment's interface; false, and for NULL:
	 * it is nobody whom the configuration has do that. */
	bool (*settings)(struct privileged *privileged, const struct attachment *attachment,
					 const uint8_t public_key[static PROCESS_KEY_SIZE],
					 const struct interface_settings *settings);
	/* Optional, after every turn: does what is due and returns the next deadline. */
	uint64_t (*run)(struct privileged *privileged, uint64_t now);
	/* Optional: the host changed (enum process_change); the net process has been told. */
	void (*changed)(struct privileged *privileged, unsigned changes);
	/* Optional: a child of another kind than net may have ended (SIGCHLD). */
	void (*reap)(struct privileged *privileged, uint64_t now);
};

/* How the net process is started. */
struct privileged_options {
	const char *log_name;  /* "umbra-wg: wg0", "umbrad" */
	const char *interface; /* for the list of processes; NULL: none */
	const char *aead;
	unsigned no_offload; /* enum options_offload */
	bool streams;        /* there may be tunnels of them */
	enum log_level log_level;
	bool log_json;
	bool foreground; /* log to standard error */
	struct sandbox sandbox;
};

struct privileged {
	struct privileged_options options;
	const struct privileged_ops *ops;
	void *program; /* of the ops */
	bool detached; /* log and standard descriptors are no longer a terminal's */
	bool ending;
	int status; /* to exit with */

	struct attachment *attachments[PROCESS_TUNNELS_MAX]; /* NULL: free slot */
	struct supervisor net;
	bool net_given_up;      /* it was killed and is not reaped yet */
	uint64_t no_room_since; /* its channel takes no requests; 0: it does */
	uint64_t ready_by;      /* the present start must be done */
	bool restarted;         /* and all attachments known to it, before it is called ready again */
	uint16_t last_request;
	uint64_t refused;  /* requests of net that the configuration does not allow */
	struct list asked; /* requests that wait */
	size_t asked_count;

	struct privileged_watch watch;
	int signals; /* signalfd */
	struct loop *loop;
	struct loop_source signal_source, net_source;
};

/* Signals, loop, supervisor. Logs why it failed; privileged_done() is due in any case. */
enum err privileged_init(struct privileged *privileged, const struct privileged_options *options,
						 const struct privileged_ops *ops, void *program);
/* Starts the net process and serves until `ending`; then stops the net process. */
enum err privileged_serve(struct privileged *privileged);
/* Frees the attachments that are left, too. */
void privileged_done(struct privileged *privileged);

/* Lowest free slot; ERR_LIMIT. */
enum err privileged_free_slot(const struct privileged *privileged, uint16_t *out_slot);

/* privileged_net.c: the net process and its requests. */
void privileged_start_net(struct privileged *privileged, uint64_t now);
void privileged_reap_net(struct privileged *privileged, uint64_t now);
void privileged_stop_net(struct privileged *privileged); /* also for nobody to tell */

/*
 * Sends a request to the net process and calls done() once with its result: never from inside this
 * call, with EPIPE when the net process ends before it answers, not after privileged_serve().
 * done may be NULL. ERR_CLOSED: no net process is ready; ERR_AGAIN: it does not read, ERR_LIMIT:
 * too many wait; done() is not called then.
 */
enum err privileged_ask_net(struct privileged *privileged, struct process_message *message,
							const int *descriptors, size_t count,
							void (*done)(void *context, int number, const char *text),
							void *context);
/*
 * Takes the attachment into its slot and tells the net process, now or when it is ready, and every
 * one that is started later. done() as above, for the first time only. An attachment that could not
 * be attached stays until privileged_detach(). ERR_EXISTS: the slot is taken; the attachment is
 * still the caller's.
 */
enum err privileged_attach(struct privileged *privileged, struct attachment *attachment,
						   void (*done)(void *context, int number, const char *text),
						   void *context);
/*
 * The net process lets go of it, all is closed and the slot is free; then done(), never from inside
 * this call, and after that the attachment is freed. A done() of privileged_attach() that was not
 * called yet is forgotten.
 */
void privileged_detach(struct privileged *privileged, struct attachment *attachment,
					   void (*done)(void *context, int number, const char *text), void *context);
/*
 * The lines of a set operation for a tunnel's device, as a memfd that nobody can change. Errors as
 * above, and those of shared_text_new().
 */
enum err privileged_set(struct privileged *privileged, const struct attachment *attachment,
						struct slice text,
						void (*done)(void *context, int number, const char *text), void *context);

/* privileged_link.c: asks for the interface's state, acts on it, and sends it on. */
void privileged_refresh_link(struct attachment *attachment);
/* Sends what could not be sent before. */
void privileged_send_link(struct attachment *attachment);
