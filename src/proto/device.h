#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "engine/engine.h"
#include "engine/interface.h"
#include "wire/interface_settings.h"
#include "wire/uapi.h"

/*
 * The control side of a protocol that is configured by texts: one device an interface, used by the
 * control thread alone. The registry lists them.
 */

enum device_event_kind {
	/* Keys were agreed on after more than 180 s without, for the first time, or after an attempt
	 * that DEVICE_EVENT_UNANSWERED told of. */
	DEVICE_EVENT_CONNECTED,
	/* The peer was heard from elsewhere than before; not when its endpoint was configured. */
	DEVICE_EVENT_MOVED,
	/* Nobody answered in time at the peer's endpoint; never told of a peer without one. */
	DEVICE_EVENT_UNANSWERED,
	/* This host has no way to the peer's endpoint; told once a second at most. */
	DEVICE_EVENT_UNREACHABLE,
};

struct device_event {
	enum device_event_kind kind;
	uint8_t public_key[X25519_KEY_SIZE];
	struct endpoint endpoint; /* the present one; ADDRESS_NONE: none */
	uint32_t count;           /* UNANSWERED: attempts in a row at an endpoint, otherwise 0 */
};

/* What a device asks of its surroundings. Numbers are errno values, 0 for success. */
struct device_host {
	void *context;
	/*
	 * Gives the interface sockets on a port (0: any) in place of those of before: new ones, or the
	 * port of an interface that has this one open. When it fails nothing has changed.
	 */
	int (*listen)(void *context, struct interface *interface, uint16_t port, uint32_t mark,
				  uint16_t *out_port);
	/* Sets the firewall mark of the open sockets, which those who share them have in common. */
	int (*mark)(void *context, uint32_t mark);
	/* The interface lets go of its sockets: their port may be given up. */
	void (*closed)(void *context);
	/* Keeps a record for the next run: see device_ops.restore. */
	void (*save)(void *context, struct slice record);
	/* A line for the log about something that no operation's answer can tell. */
	void (*warn)(void *context, const char *text);
	/*
	 * Optional: something happened to a peer, at most 200 ms ago (and what follows within that
	 * time counts as one). From inside device_ops.run; it may not call the device.
	 */
	void (*event)(void *context, const struct device_event *event);
	/*
	 * Optional: all that a peer wants set at this end's interface, when it is told anew; what it
	 * said before does not hold any more. As event().
	 */
	void (*settings)(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
					 const struct interface_settings *settings);
};

struct device_options {
	struct engine *engine;
	struct tun_queue *queues; /* one a shard, taken over also on failure */
	struct coalesce_options coalesce;
	uint32_t mtu;
	/*
	 * Also while the link is down, from the start on: who sets a port is told when it is in use,
	 * and nobody else takes it meanwhile.
	 */
	bool listen_at_once;
	const struct device_host *host;
};

struct device; /* opaque, the protocol's */

struct device_ops {
	const char *name;
	enum err (*new)(const struct device_options *options, struct device **out_device);
	/*
	 * Optional: the tunnel is about to end. Peers are told, where the protocol has a word for it;
	 * nothing is sent after that.
	 */
	void (*part)(struct device *device);
	/* The engine's shards may be at work, and go on with what others have there. */
	void (*free)(struct device *device);
	/* The interface's MTU, and whether it is up. */
	void (*link)(struct device *device, uint32_t mtu, bool up);
	/*
	 * The host's network changed, or the machine slept: peers that are in use are told where we are
	 * now, and what waits for a way is tried again at once.
	 */
	void (*network)(struct device *device);
	/* One set operation as lines; all or nothing. Returns errno. */
	int (*set)(struct device *device, struct slice text);
	/* Whether such lines are about peers alone, not the interface, its key and its sockets. */
	bool (*of_peers)(struct slice text);
	/* Writes the answer to a get operation. */
	void (*get)(const struct device *device, struct uapi_text *out_text);
	/*
	 * The same lines without any secret: own_public_key in place of the private key, and for a peer
	 * with a pre-shared key preshared=true in its place. Behind the interface's own lines come
	 * those of engine/figures.h.
	 */
	void (*status)(const struct device *device, struct uapi_text *out_text);
	/* Takes up a record that an earlier run saved; called before link(), in the order of saving. */
	enum err (*restore)(struct device *device, struct slice record);
	/* Saves records from which a later run can restore all of the present state. */
	void (*save_all)(struct device *device);
	/* Does what is due (freeing, saving news) and returns when to be called again at the latest. */
	uint64_t (*run)(struct device *device, uint64_t now);
};
