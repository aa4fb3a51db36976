#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/interface_settings.h"
#include "wire/process.h"
#include "wire/uapi.h"

/*
 * The process that moves packets. It gets all descriptors from the privileged process and opens no
 * files. It serves several tunnels, each in a slot. This is the boundary between the process and
 * the tunnel devices inside it.
 */

struct loop;

/* Opaque: belongs to who implements net_device_ops. */
struct net_device;

/* Something happened to a peer. */
struct net_event {
	enum process_event kind;
	uint8_t public_key[PROCESS_KEY_SIZE];
	struct endpoint endpoint; /* ADDRESS_NONE where it means nothing */
	uint32_t count;   /* of handshakes without an answer, in a row; the code of a session's end */
	const char *text; /* why it was refused, otherwise NULL */
};

/*
 * What the process does for a device. To be called by the process's main thread only, that is
 * from within net_device_ops. The calls wait for the privileged process, at most five seconds.
 * Numbers are errno values, 0 for success.
 */
struct net_callbacks {
	void *context;
	/*
	 * Opens UDP sockets on the port (0: any) in place of those open now, on the privileged side;
	 * when it fails, nothing has changed. The new ones belong to the device: shards of each family,
	 * or none of a family that the host does not have (*out_v4 or *out_v6 is false). For the
	 * present port with as many shards they are the present sockets, by other descriptors.
	 */
	int (*listen)(void *context, uint16_t port, uint32_t mark, uint8_t shards,
				  int out_v4[static PROCESS_SHARDS_MAX], int out_v6[static PROCESS_SHARDS_MAX],
				  bool *out_has_v4, bool *out_has_v6, uint16_t *out_port);
	/* Sets the firewall mark of the open sockets. */
	int (*mark)(void *context, uint32_t mark);
	/* The port is free once the device has closed its sockets and then called this. */
	void (*close_sockets)(void *context);
	/* The journal that the next run of this process will start from; a copy of it is kept. */
	int (*journal)(void *context, int descriptor);
	/* Tells whoever wants to know; does not wait. */
	void (*event)(void *context, const struct net_event *event);
	/* What the tunnel's server says of the interface: the privileged process takes what it may. */
	int (*settings)(void *context, const uint8_t public_key[static PROCESS_KEY_SIZE],
					const struct interface_settings *settings);

	/*
	 * None of these waits. TCP sockets, and UDP ones of tunnels that carry streams: they come by
	 * net_device_ops.sockets, one answer a request. ERR_AGAIN: the channel is full; ERR_CLOSED.
	 */
	enum err (*sockets)(void *context, uint8_t kind, uint8_t count);

	/*
	 * A message to the control process about this tunnel, whose slot is filled in; does not wait.
	 * The descriptor (-1: none) and the errors are as with net_peering_send(). Answers come by
	 * net_device_ops.resolved and verdict, unless that process ends before.
	 */
	enum err (*tell)(void *context, struct process_message *message, int descriptor);
};

struct net_start {
	uint16_t slot;
	char name[PROCESS_NAME_SIZE];
	char prefix[PROCESS_NAME_SIZE + 2]; /* "um0: " of lines in a log that several tunnels share */
	uint32_t mtu;
	bool up;
	uint8_t shards;    /* 0: there is no interface */
	const int *queues; /* one TUN queue a shard */
	char protocol[PROCESS_NAME_SIZE];
	uint8_t stream_count;     /* sockets that it listens at */
	const int *streams;       /* taken over as the queues are */
	uint8_t offloads;         /* enum process_offload: how they were opened */
	bool no_udp_segmentation; /* do not send with UDP_SEGMENT */
	bool no_udp_coalescing;   /* do not receive with UDP_GRO */
	const char *aead;         /* back end's name, "auto": the best one */
	bool listen_at_once;      /* device_options.listen_at_once */
	int journal;              /* what the last run handed over; empty at the first start */
	struct loop *loop;        /* the main thread's */
	struct net_callbacks callbacks;
};

/* All are called by the main thread. */
struct net_device_ops {
	/*
	 * Takes the queues and the journal over when it succeeds. The journal is replayed here, so
	 * callbacks may be called. An error is told by the caller.
	 */
	enum err (*new)(const struct net_start *start, struct net_device **out_device);
	/* Ends all threads and closes everything. */
	void (*free)(struct net_device *device);
	/*
	 * Optional, before free(): its connections are to end in peace. Returns when to call it again
	 * at the latest, which may be sooner; CLOCK_NEVER: there is nothing to wait for any more.
	 */
	uint64_t (*drain)(struct net_device *device, uint64_t now);
	/* The interface's MTU or state changed. */
	void (*link)(struct net_device *device, uint32_t mtu, bool up);
	/* Optional: routes, addresses or clocks of the host changed. */
	void (*network)(struct net_device *device);
	/* One set operation: its lines behind the first, each with its newline. Returns errno. */
	int (*set)(struct net_device *device, struct slice text);
	/* Whether its lines are about peers alone. */
	bool (*of_peers)(const struct net_device *device, struct slice text);
	/* Writes the lines that answer a get operation, without errno and empty line. Returns errno. */
	int (*get)(struct net_device *device, struct uapi_text *out_text);
	/* The same for the control process, without any secret. */
	int (*status)(struct net_device *device, struct uapi_text *out_text);
	/* Optional, after every turn: does what is due and returns the next deadline. */
	uint64_t (*run)(struct net_device *device, uint64_t now);
	/* Optional: those that were asked for, taken over; none where there is an error. */
	void (*sockets)(struct net_device *device, const struct process_sockets *answer,
					const int *descriptors, size_t count);
	/* Optional: the answer to a question. */
	void (*resolved)(struct net_device *device, const struct process_resolved *answer);
	/* Optional: what was decided about a login. */
	void (*verdict)(struct net_device *device, const struct process_verdict *verdict);
};

/* What a tunnel of the protocol is; empty: of the one that interfaces speak without being told.
 * NULL: there is none of the name. */
typedef const struct net_device_ops *net_find(const char *protocol);

#define NET_ARGUMENT "--process=net"

/* For whoever looks at the list of processes; the name in force comes with the start message. */
#define NET_INTERFACE_ARGUMENT "--interface="

/* It may have tunnels of streams, which take more of the system. */
#define NET_STREAMS_ARGUMENT "--streams"

/* Where this process logs to: standard error, syslog, or syslog once it is ready. */
#define NET_LOG_ARGUMENT "--log="
#define NET_LOG_STDERR "stderr"
#define NET_LOG_SYSLOG "syslog"
#define NET_LOG_LATER "later"

/* The whole process; returns its exit status. Descriptor 3 is its channel. */
int net_main(int count, char *const *arguments, net_find *find);
