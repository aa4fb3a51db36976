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

struct stream_transport;

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
	/* Where clients log in: a session is over, and no other of the peer has taken its place. */
	DEVICE_EVENT_ENDED,
	/* At a client: the server refused the login. */
	DEVICE_EVENT_REFUSED,
};

struct device_event {
	enum device_event_kind kind;
	uint8_t public_key[X25519_KEY_SIZE];
	struct endpoint endpoint; /* the present one; ADDRESS_NONE: none */
	/* UNANSWERED: attempts in a row at an endpoint; ENDED: the code that it was closed with, 0
	 * where nobody answered any more; REFUSED: the server's reason, enum device_reject, 0 where it
	 * is this end's; otherwise 0. */
	uint32_t count;
	const char *text; /* REFUSED: why, for a person, less than 256 bytes; otherwise NULL */
};

enum {
	DEVICE_USER_MAX = 255, /* bytes of a login's name */
	DEVICE_PASSWORD_MAX = 1024,
	DEVICE_TICKET_HASH_SIZE = 32,
	DEVICE_TICKET_MAX = 240, /* bytes of a sealed ticket */
};

/* Somebody shows who he is. */
struct device_login {
	/* Comes back with the verdict; not 0, and of no other login that waits for one. */
	uint64_t id;
	struct endpoint from;
	/* Without a password there is a certificate; with both, both have to be right. */
	struct slice user, password;
	bool by_certificate; /* the user's, verified */
	bool stream;         /* he came over TCP */
};

/* Why a login is refused; the numbers are those that protocols have for it. */
enum device_reject {
	DEVICE_ACCEPTED,
	DEVICE_REJECT_CREDENTIALS, /* whatever is wrong with them */
	DEVICE_REJECT_BUSY,
	DEVICE_REJECT_EXPIRED, /* this and below: the credentials are right */
	DEVICE_REJECT_QUOTA,
	DEVICE_REJECT_DEVICES,
	DEVICE_REJECT_ADDRESS, /* none is free */
	DEVICE_REJECTS,
};

struct device_verdict {
	uint64_t id;
	enum device_reject reject;
	uint8_t public_key[X25519_KEY_SIZE]; /* accepted: the member, which the device has as a peer */
	/* Half of those who can be judged at once are waiting: strangers show their addresses first. */
	bool loaded;
};

/* The one ticket of a member, or at a client of its server. */
struct device_ticket {
	uint8_t public_key[X25519_KEY_SIZE];
	uint8_t hash[DEVICE_TICKET_HASH_SIZE]; /* of its id; zeros where there is none */
	struct slice sealed;                   /* empty: it has none any more */
	uint64_t until;                        /* seconds since the Unix epoch; 0 where there is none */
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

	/*
	 * Where clients log in, from inside device_ops.run, set or verdict; none of these waits. Texts
	 * are copied. The verdict comes by device_ops.verdict, never from inside of this call, unless
	 * the judge ends before. ERR_LIMIT: too many wait; ERR_CLOSED: there is no judge now;
	 * ERR_NO_MEMORY.
	 */
	enum err (*login)(void *context, const struct device_login *login);
	/* Nobody waits for the verdict any more, which may come nevertheless. */
	void (*abandon)(void *context, uint64_t id);
	/* Takes the place of what was told before of the peer. Any error: it was not told; as login().
	 */
	enum err (*ticket)(void *context, const struct device_ticket *ticket);
	/* Bytes of both directions since that was told last. Any error: it was not; as login(). */
	enum err (*used)(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
					 uint64_t bytes);

	/*
	 * Optional, together: connections (TCP), each with a number that no other has, until it is
	 * closed here, handed over, or told of by device_ops.ended. This begins one; what is written
	 * before it is made leaves then. ERR_NO_MEMORY, ERR_AGAIN, ERR_LIMIT: there are too many.
	 */
	enum err (*connect)(void *context, const struct endpoint *to, uint64_t *out_connection);
	/* All of it or nothing; it never waits. ERR_LIMIT: too much is on its way. ERR_NOT_FOUND. */
	enum err (*write)(void *context, uint64_t connection, struct slice data);
	/* One that is there no more is fine. */
	void (*close)(void *context, uint64_t connection);
	/* For a shard. ERR_AGAIN: something was not written yet, and all is as before. */
	enum err (*hand_over)(void *context, uint64_t connection,
						  struct stream_transport *out_transport);
};

/* The other end of a connection. */
struct device_caller {
	uint64_t connection;
	bool is_incoming;
	struct endpoint from;
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
	/*
	 * Optional, where clients log in: what was decided about one. The peer of one who was let in
	 * was set before.
	 */
	void (*verdict)(struct device *device, const struct device_verdict *verdict);
	/*
	 * Optional, with device_host.connect and what follows it: bytes came, and one ended by itself.
	 * What is to be done about them may be put off to run(), which follows.
	 */
	void (*received)(struct device *device, const struct device_caller *caller, struct slice data);
	void (*ended)(struct device *device, uint64_t connection);
	/*
	 * Optional: whether somebody by it has shown who he is, and waits for his verdict. Others are
	 * ended to make room.
	 */
	bool (*waits)(const struct device *device, uint64_t connection);
	/* Does what is due (freeing, saving news) and returns when to be called again at the latest. */
	uint64_t (*run)(struct device *device, uint64_t now);
};
