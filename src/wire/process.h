#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Messages between the daemon's processes, one a SOCK_SEQPACKET record, big-endian:
 *
 *   | version 1 | type 1 | request 2 | body … |      descriptors travel beside it (SCM_RIGHTS)
 *
 * A request's number comes back in its reply; 0 for messages that expect none.
 */

enum {
	PROCESS_VERSION = 1,
	PROCESS_MESSAGE_MAX = 256,
	PROCESS_DESCRIPTORS_MAX = 64,
	PROCESS_NAME_SIZE = 16, /* IFNAMSIZ */
	PROCESS_SHARDS_MAX = 16,
	PROCESS_MTU_MIN = 68, /* RFC 791 section 3.2; the least that TUN devices take */
	PROCESS_MTU_MAX = 65535,
};

enum process_type {
	/* privileged to net */
	PROCESS_START,      /* descriptors: journal, then one TUN queue a shard */
	PROCESS_LINK,       /* the interface's MTU or state changed */
	PROCESS_CONNECTION, /* descriptor: an accepted connection of the configuration socket */
	PROCESS_LISTENING,  /* reply to LISTEN; descriptors: v4 sockets of all shards, then v6 */
	PROCESS_MARKED,     /* reply to MARK */
	PROCESS_STOP,       /* end now, in order */
	/* net to privileged */
	PROCESS_READY,    /* the start is done, configuration connections are welcome */
	PROCESS_LISTEN,   /* open sockets, replacing those of before once it worked */
	PROCESS_MARK,     /* set the firewall mark of the open sockets */
	PROCESS_JOURNAL,  /* descriptor: the journal that replaces the one before */
	PROCESS_UNLISTEN, /* close the open sockets */
	PROCESS_TYPE_COUNT,
};

struct process_message {
	enum process_type type;
	uint16_t request;
	union {
		struct {
			char name[PROCESS_NAME_SIZE]; /* of the interface, NUL-terminated */
			uint32_t mtu;
			uint8_t shards;    /* 1..PROCESS_SHARDS_MAX */
			uint8_t log_level; /* enum log_level */
			bool up;
			uint8_t offloads; /* enum process_offload */
		} start;
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
	};
};

/* What the TUN queues were opened with. */
enum process_offload {
	PROCESS_OFFLOAD_HEADER = 1, /* IFF_VNET_HDR: every packet has a virtio header */
	PROCESS_OFFLOAD_TCP = 2,    /* TSO4 and TSO6 */
	PROCESS_OFFLOAD_UDP = 4,    /* USO4 and USO6 */
};

/* ERR_MALFORMED, ERR_TRUNCATED, ERR_TRAILING or ERR_UNSUPPORTED (another version). */
enum err process_decode(const uint8_t *data, size_t size, struct process_message *out_message);
/* ERR_INVALID for a message that process_decode() would refuse. */
enum err process_encode(const struct process_message *message,
						uint8_t out_data[static PROCESS_MESSAGE_MAX], size_t *out_size);
