#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/process_body.h"

/*
 * Messages between the daemon's processes, one a SOCK_SEQPACKET record, big-endian:
 *
 *   | version 1 | type 1 | request 2 | tunnel 2 | body … |      descriptors travel beside it
 *                                                               (SCM_RIGHTS)
 *
 * A request's number comes back in its reply; 0 for messages that expect none.
 */

/*
 * P: privileged, N: net, C: control. P has a channel to each of the others; it gives N and C the
 * ends of one between them. `tunnel` is a slot, 0..PROCESS_TUNNELS_MAX-1, that P hands out.
 */
enum process_type {
	PROCESS_START,   /* P→N, P→C: first message; C: descriptor: the channel of SOCKET */
	PROCESS_PEERING, /* P→N, P→C; descriptor: this end of the channel between net and control */
	PROCESS_ATTACH, /* P→N; descriptors: journal, one TUN queue a shard, then its listening sockets.
					   → RESULT */
	PROCESS_DETACH, /* P→N: let go of all of a tunnel. → RESULT once its queues are closed */
	PROCESS_LINK,   /* P→N: the interface's MTU or state changed */
	PROCESS_CONNECTION, /* P→N, descriptor: of the tunnel's own configuration socket; P→C: of the
						   control socket */
	PROCESS_LISTENING,  /* P→N: reply to LISTEN; descriptors: v4 sockets of all shards, then v6 */
	PROCESS_MARKED,     /* P→N: reply to MARK */
	PROCESS_SET, /* P→N, C→N; descriptor: memfd with the lines of a set operation. → RESULT */
	PROCESS_GET, /* C→N. → TEXT */
	PROCESS_TEXT,      /* N→C: reply to GET; descriptor: memfd with the answer's lines */
	PROCESS_EVENT,     /* N→C: something happened to a peer */
	PROCESS_CONFIGURE, /* P→C; descriptor: memfd with the configuration as YAML */
	PROCESS_STATE,     /* P→C: a tunnel's state changed */
	PROCESS_UP,        /* C→P: bring a tunnel up, by name. → RESULT */
	PROCESS_DOWN,      /* C→P → RESULT */
	PROCESS_RELOAD,    /* C→P: read the configuration again. → RESULT */
	PROCESS_LOG,       /* C→P, P→N, P→C: the level from now on. C→P: → RESULT */
	PROCESS_ROUTES, /* C→P; descriptor: memfd with the prefixes of the store's peers. → RESULT */
	PROCESS_RESULT,   /* reply: error and text. P→C, without a request: why a configuration was
						 refused   that nobody had asked for by RELOAD */
	PROCESS_READY,    /* N→P, C→P: the start is done */
	PROCESS_LISTEN,   /* N→P: open sockets, replacing those of before once it worked */
	PROCESS_MARK,     /* N→P: set the firewall mark of the open sockets */
	PROCESS_JOURNAL,  /* N→P; descriptor: the journal that replaces the one before */
	PROCESS_UNLISTEN, /* N→P: close the open sockets */
	PROCESS_STOP,     /* P→N, P→C: end now, in order */
	PROCESS_METRICS,  /* P→C; descriptor: the socket that metrics are served on from now on; none:
						 nowhere any more */
	PROCESS_NETWORK, /* P→N, P→C: the network changed, or the machine slept: addresses and routes of
						before may be wrong, deadlines be over */
	PROCESS_SPLIT,  /* C→P: prepare the control group of applications that go past all tunnels, or
					   into the one of the name. → RESULT; text: the group's path */
	PROCESS_SOCKET, /* C→P, on a channel of its own: a socket to ask for names. → RESULT;
					   descriptor: the socket, marked */
	PROCESS_ENDPOINT, /* C→P: where a peer is reached from now on: the kill switch lets its
						 datagrams pass. → RESULT */
	PROCESS_UPSTREAM, /* P→C: a name server for the next STEP; descriptors: its UDP sockets */
	PROCESS_STEP,     /* P→C: answer names from now on, with the servers since the last one;
						 descriptors: UDP and TCP sockets to listen at; none: no more */
	PROCESS_STREAM, /* C→P: a TCP connection to such a server. → RESULT; descriptor: the socket */
	PROCESS_ADDRESSES, /* C→P: addresses of names that go into the tunnel, or past it. → RESULT */
	PROCESS_RESOLVERS, /* P→C: the name servers to ask where the configuration has none; none:
						  those of resolv.conf */
	PROCESS_SOCKETS, /* N→P: sockets for a tunnel of streams. P→N, some time: those, as descriptors,
						or why there are none */
	PROCESS_RESOLVE, /* N→C: the addresses of a name that a stream leads to. → RESOLVED, some time
					  */
	PROCESS_RESOLVED, /* C→N */
	PROCESS_STRANGER, /* N→C: a connection that is to be served as a web server would; descriptor:
						 of wire/decoy_link.h */
	PROCESS_SITE,     /* P→C; descriptor: sealed memory, what that web server has to show */
	PROCESS_BACKEND, /* C→P: a connection to the web server behind it. → RESULT; descriptor: the
						socket */
	PROCESS_SETTINGS, /* N→P: what the tunnel's server says of the interface. P→C: what was taken of
						 it. Descriptor: sealed memory (wire/process_settings.h); P→C without one:
						 nothing any more */
	PROCESS_LOGIN, /* N→C: somebody wants to log in. → VERDICT, some time; descriptor: sealed memory
					  (wire/process_login.h) */
	PROCESS_ABANDON, /* N→C: nobody waits for the verdict about a login any more */
	PROCESS_VERDICT, /* C→N */
	PROCESS_TICKET,  /* N→C: a peer's ticket, to be kept */
	PROCESS_USED,    /* N→C: what a peer's packets came to */
	PROCESS_TYPE_COUNT,
};

enum process_state {
	PROCESS_STATE_DOWN,
	PROCESS_STATE_STARTING,
	PROCESS_STATE_UP,
	PROCESS_STATE_FAILED,
};

enum process_event {
	PROCESS_EVENT_CONNECTED,   /* a handshake was done; endpoint: the peer's */
	PROCESS_EVENT_MOVED,       /* the peer sends from another endpoint */
	PROCESS_EVENT_UNANSWERED,  /* a handshake was sent again; count: how often in a row */
	PROCESS_EVENT_UNREACHABLE, /* the host has no way to the peer's endpoint */
	PROCESS_EVENT_ENDED,       /* its session is over; count: the code it was closed with */
	PROCESS_EVENT_REFUSED,     /* it refused the login; text: why */
};

/* Bits: what changed. */
enum process_change {
	PROCESS_CHANGE_ROUTES = 1,  /* links, addresses, routes or rules */
	PROCESS_CHANGE_RESUMED = 2, /* the machine was suspended */
	PROCESS_CHANGE_CLOCK = 4,   /* the wall clock was set */
};

struct process_message {
	enum process_type type;
	uint16_t request; /* of this side, not 0, where a reply is expected; comes back in it */
	uint16_t tunnel;  /* slot, 0 where it means nothing */
	union {
		struct {
			char name[PROCESS_NAME_SIZE]; /* of the one interface, or empty: for the log */
			uint8_t log_level;            /* enum log_level */
			uint8_t log_json;             /* 0 or 1 */
		} start;
		struct process_attach attach;
		struct {
			uint32_t mtu;
			bool up;
		} link;
		struct {
			uint16_t port; /* 0: any, the same for both families */
			uint32_t mark;
			uint8_t shards;
		} listen;
		struct {
			uint32_t error; /* errno, 0 = success */
			uint16_t port;  /* the one bound */
			uint8_t v4, v6; /* sockets of each family that came along: shards or 0 */
		} listening;
		struct {
			uint32_t mark;
		} mark;
		struct {
			uint32_t error;
		} marked;
		struct process_happened event;
		struct {
			char name[PROCESS_NAME_SIZE];
			uint8_t state;       /* enum process_state */
			uint8_t kill_switch; /* 0 or 1: nothing passes beside the tunnel */
			uint32_t restored;   /* times that it was put up again behind others' backs */
			char text[PROCESS_TEXT_SIZE];
		} state;
		struct {
			char name[PROCESS_NAME_SIZE];
		} order; /* UP, DOWN, SPLIT; empty there: past all tunnels */
		struct process_endpoint endpoint;
		struct process_resolvers resolvers;
		struct {
			uint8_t level;
		} log;
		struct {
			uint8_t changes; /* enum process_change, at least one */
		} network;
		struct {
			uint8_t family; /* 4 or 6 */
			bool stream;    /* TCP, otherwise UDP */
		} socket;
		struct {
			uint32_t error;               /* errno, 0 = success */
			char text[PROCESS_TEXT_SIZE]; /* what to tell the person who asked; may be empty */
		} result;                         /* and TEXT */
		struct process_upstream upstream; /* UPSTREAM, STREAM */
		struct process_addresses addresses;
		struct process_sockets sockets;
		struct process_resolve resolve;
		struct process_resolved resolved;
		struct process_stranger stranger;
		struct {
			uint8_t public_key[PROCESS_KEY_SIZE]; /* of who said so */
		} settings;
		struct {
			uint64_t id; /* the device's, not 0 */
		} login;         /* and ABANDON */
		struct process_verdict verdict;
		struct process_ticket ticket;
		struct process_used used;
	};
};

/* ERR_MALFORMED, ERR_TRUNCATED, ERR_TRAILING or ERR_UNSUPPORTED (another version). */
enum err process_decode(const uint8_t *data, size_t size, struct process_message *out_message);
/* ERR_INVALID for a message that process_decode() would refuse. */
enum err process_encode(const struct process_message *message,
						uint8_t out_data[static PROCESS_MESSAGE_MAX], size_t *out_size);
