#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "host/link.h"
#include "host/listen.h"
#include "host/stream_socket.h"
#include "host/tun.h"
#include "host/unix_listener.h"
#include "loop/loop.h"
#include "wire/process.h"

/*
 * One tunnel as the privileged process holds it: its TUN queues, sockets, configuration socket (if
 * it has one), link and journal. It outlives any net process; the net process gets descriptors.
 */

struct privileged;

enum {
	ATTACHMENT_OVERHEAD = 32,        /* bytes a packet grows by in the tunnel, at least */
	ATTACHMENT_MTU = 1420,           /* unless it is configured */
	ATTACHMENT_MTU_MAX = 65507 - 32, /* such that a packet is one datagram, of IPv4 too */
};

/*
 * Where the net process stands with it:
 *
 *   WAITING ──ATTACH──▶ ATTACHING ──RESULT──▶ ATTACHED ──┐
 *      ▲│                   │                    │       │ privileged_detach()
 *      │└───────────────────┴─◀─ net ended ──────┘       ▼
 *      │ privileged_detach()                         DETACHING ──RESULT, net ended──▶ (freed)
 *      ▼
 *   DETACHED ──next turn──▶ (freed)
 */
enum attachment_phase {
	ATTACHMENT_WAITING,
	ATTACHMENT_ATTACHING,
	ATTACHMENT_ATTACHED,
	ATTACHMENT_DETACHING, /* DETACH was sent, or is to be sent at retry_at */
	ATTACHMENT_DETACHED,  /* no net process knows it */
};

struct attachment_request {
	const char *name;
	/* As the net process knows it; NULL: the first of all. */
	const char *protocol;
	unsigned shards;        /* 1..16; 0: it has no interface, and all up to mtu means nothing */
	bool no_header, no_udp; /* of the TUN: see tun_request */
	uint32_t mtu;           /* 0: ATTACHMENT_MTU */
	uint32_t more;          /* bytes a packet grows by beyond ATTACHMENT_OVERHEAD */
	/* Local address of the UDP sockets; unspecified v6, or ADDRESS_NONE: both families. */
	struct address listen;
	bool uapi; /* has a configuration socket of its own; its loss or deletion is reported */
	/* Sockets that it listens at by itself; read by attachment_new() alone. */
	const struct stream_socket_request *streams;
	size_t stream_count; /* up to PROCESS_LISTENERS_MAX */
};

struct attachment {
	struct privileged *privileged;
	uint16_t slot;
	struct attachment_request request; /* its name points to name, its protocol to protocol */
	char name[TUN_NAME_SIZE];
	char protocol[PROCESS_NAME_SIZE];
	char prefix[TUN_NAME_SIZE + 2]; /* "um0: " of lines in a log that is not the interface's own */
	struct tun tun; /* without queues where there is no interface; then there is no link either */
	int streams[PROCESS_LISTENERS_MAX];
	size_t stream_count;
	struct unix_listener listener;
	bool listening;        /* the listener is in the loop */
	uint64_t listen_again; /* after accept failed; CLOCK_NEVER */
	struct listen sockets;
	struct log_kind not_opened; /* sockets that net asked for */
	int journal;                /* what the next net process starts from */

	enum attachment_phase phase;
	uint64_t retry_at; /* to send ATTACH or DETACH; CLOCK_NEVER */
	/* Waits for the first ATTACH, and then for DETACH; NULL: nobody does. */
	void (*done)(void *context, int number, const char *text);
	void *done_context;

	struct link *link;
	struct link_state state; /* that the net process knows, or is to know */
	bool state_unsent;
	uint32_t refused_mtu; /* the last that was too large */
	uint32_t limited_mtu; /* that the limit of large packets was computed from */
	uint64_t link_at;     /* next refresh */
	bool gone;            /* the interface or the configuration socket was deleted */
	struct loop_source link_source, listener_source, watch_source;
};

enum { ATTACHMENT_PROBLEM_SIZE = 200 };

/*
 * Opens all of it; out_problem tells a person why it failed. Not yet known to the net process: see
 * privileged_attach().
 */
enum err attachment_new(struct privileged *privileged, uint16_t slot,
						const struct attachment_request *request,
						struct attachment **out_attachment,
						char out_problem[static ATTACHMENT_PROBLEM_SIZE]);
/*
 * Closes all of it; the interface is gone once the net process has closed its queues, too. For what
 * was given to privileged_attach() there is privileged_detach().
 */
void attachment_free(struct attachment *attachment);
/* Not one that carries streams alone. */
bool attachment_has_interface(const struct attachment *attachment);
/* The first half of it: closes all and keeps the memory. */
void attachment_close(struct attachment *attachment);

/* attachment_listener.c: connections of its configuration socket, if it has one, to net. */
void attachment_listen(struct attachment *attachment);
void attachment_listen_stop(struct attachment *attachment);
/* After a pause. */
void attachment_listen_again(struct attachment *attachment, uint64_t now);
