#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/device.h"

/*
 * The sockets of a device whose protocol speaks by datagrams, and the link that they follow: what
 * such devices have alike. Embedded in the device; the control thread alone uses it.
 */
struct device_sockets {
	struct engine *engine;
	struct interface *interface;
	const struct device_host *host;
	uint16_t port; /* configured, or chosen by the system */
	uint32_t mark;
	bool link_up, listening;
	bool listen_at_once;  /* device_options.listen_at_once */
	bool restoring;       /* device_ops.restore: link() will listen */
	bool port_chosen;     /* by the system, and not saved yet */
	bool changed;         /* what are_up() says may have: for the next snapshot, which clears it */
	uint64_t next_listen; /* ns; CLOCK_NEVER: no need to try */
};

/* The interface is set once there is one. */
void device_sockets_init(struct device_sockets *sockets, const struct device_options *options);

/* Whether packets may be sent and accepted. */
bool device_sockets_are_up(const struct device_sockets *sockets);

/* What a set operation asks for: errno. */
int device_sockets_set_port(struct device_sockets *sockets, uint16_t port);
int device_sockets_set_mark(struct device_sockets *sockets, uint32_t mark);

/* The same in two steps: lines are read first, and what the system may refuse comes of them. */
struct device_sockets_edit {
	bool sets_port, sets_mark;
	uint16_t port;
	uint32_t mark;
};
/* A line listen_port or fwmark; errno. */
int device_sockets_edit_take(struct device_sockets_edit *edit, const struct uapi_entry *line);
int device_sockets_edit_apply(const struct device_sockets_edit *edit,
							  struct device_sockets *sockets);

/* The interface's MTU, and whether it is up. True: a snapshot must follow. */
[[nodiscard]] bool device_sockets_link(struct device_sockets *sockets, uint32_t mtu, bool up);

/* Tries again to listen when it is time to. True: a snapshot must follow. */
[[nodiscard]] bool device_sockets_run(struct device_sockets *sockets, uint64_t now);

/* The system's choice is kept, as peers have learnt it: behind the text that left it the choice. */
void device_sockets_save_port(struct device_sockets *sockets);

/* Their lines in the answer to a get operation. */
void device_sockets_put(const struct device_sockets *sockets, struct uapi_text *out_text);
