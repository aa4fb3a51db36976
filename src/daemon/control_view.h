#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ctl/view.h"
#include "tunnel/condition.h"
#include "tunnel/directory.h"
#include "tunnel/names.h"
#include "wire/process.h"

/* What the control API shows, made of a configuration and a directory. Pure. */

struct config_tunnel;
struct interface_settings;

struct control_view {
	const struct config_tunnel *config;
	const struct directory *directory;
	const char *file; /* to name the configuration by */
	enum process_state state;
	const char *reason;                      /* of the state; empty: none */
	bool held;                               /* somebody took it down */
	bool blocks;                             /* its kill switch is up */
	uint32_t restored;                       /* times that this was put up again */
	uint16_t slot;                           /* while it is up */
	uint64_t now;                            /* seconds since the Unix epoch */
	uint64_t clock;                          /* ns, of clock_now() */
	uint64_t condition_since;                /* seconds since the Unix epoch; 0: not known */
	const struct names *names;               /* NULL: none */
	const uint64_t *tun_queue_drops;         /* of the interface; NULL: not known */
	uint32_t mtu;                            /* likewise; 0: not known */
	const struct view_logins *logins;        /* NULL: nobody logs in there */
	const struct interface_settings *pushed; /* what its server gives; NULL: nothing */
};

/* How the tunnel is, in a word. */
struct condition_result control_view_condition(const struct control_view *view);

/* What is filled is the caller's (view_..._done()). ERR_NO_MEMORY. */
enum err control_view_peer(const struct control_view *view, const struct directory_peer *peer,
						   struct view_peer *out_peer);
/* All peers in the directory's order. *out_peers is the caller's, each and as a whole. */
enum err control_view_peers(const struct control_view *view, struct view_peer **out_peers,
							size_t *out_count);
/* With at most so many peers, the most recent first. */
enum err control_view_tunnel(const struct control_view *view, size_t peers,
							 struct view_tunnel *out_tunnel);
