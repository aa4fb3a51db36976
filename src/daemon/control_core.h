#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log_limit.h"
#include "conf/config.h"
#include "ctl/server.h"
#include "daemon/control_channel.h"
#include "daemon/control_sockets.h"
#include "daemon/sandbox.h"
#include "store/store.h"
#include "tunnel/condition.h"
#include "tunnel/directory.h"
#include "tunnel/names.h"
#include "wire/process.h"
#include "wire/uapi.h"

/*
 * Inside of the control process. Its one thread serves the loop:
 *
 *   privileged ──configuration, states, connections──▶ control.c, control_tunnels.c
 *   net ──figures, events──▶ control_net.c ──▶ control_status.c, control_names.c
 *   the tool ──questions──▶ control_api.c ──▶ control_orders.c, control_peers.c, control_status.c
 */

struct control_view;
struct resolver;
struct route;
struct control_loop;
struct control_timer;
struct control_credentials;
struct control_decoy;
struct control_dns_step;
struct control_streams;
struct interface_settings;
struct control;

enum {
	CONTROL_SETS_MAX = 1024,    /* set operations that wait for the net process */
	CONTROL_GATHERS_MAX = 256,  /* questions that wait for figures */
	CONTROL_LOOKUPS_MAX = 1024, /* questions to the resolver */
};

struct control_tunnel {
	struct control *control;
	const struct config_tunnel *config; /* NULL: the place is free */
	char name[PROCESS_NAME_SIZE];
	struct directory *directory;
	enum process_state state;
	uint16_t slot; /* while it is starting or up */
	char reason[PROCESS_TEXT_SIZE];
	bool blocks; /* its kill switch is up */
	uint32_t restored;
	enum condition condition;
	uint64_t condition_since; /* seconds since the Unix epoch; 0: not known yet */
	uint64_t looked_at;       /* ns, for its condition */
	uint64_t run;             /* counts how often it came up */
	struct endpoint found[CONFIG_ENDPOINTS_MAX]; /* what names of a client's server stand for */
	const struct set *sending;                   /* to the net process; the next ones wait */
	uint64_t repeat_at; /* what that did not know the tunnel for; 0: at once */
	bool asking;        /* for figures */
	bool synced;        /* the store's peers were handed to the net process */
	bool held;          /* somebody took it down; the store remembers it, too, when there is one */
	bool routed;        /* the privileged process was told of these: */
	char *routes;       /* one a line; NULL: none */
	size_t routes_size;
	struct control_credentials *credentials; /* of a login that is under way; NULL: none is */
	uint64_t logins[PROCESS_REJECTS];        /* that were answered so */
	struct interface_settings *pushed;       /* what was taken of its server's; NULL: nothing */
};

struct control {
	struct control_loop *loop;
	struct control_timer *timer;
	struct control_channel privileged, net;
	struct ctl_server *server;
	const char *configuration;                                /* path; NULL: unknown */
	char resolvers[PROCESS_SERVERS_MAX * ENDPOINT_TEXT_SIZE]; /* name servers; "": the system's */
	const char *log;                                          /* NET_LOG_* */
	const char *folder;                                       /* of the store; the current one */
	struct sandbox sandbox;
	struct config *config;
	struct control_tunnel tunnels[CONFIG_TUNNELS_MAX];
	struct store *store; /* NULL: see the problem */
	char store_problem[STORE_PROBLEM_SIZE];
	struct names *names;
	struct control_sockets sockets;
	struct resolver *resolver;         /* NULL: names have no addresses */
	struct route *route;               /* NULL: interfaces are not asked for their drops */
	struct control_dns_step *dns_step; /* NULL: there was never one */
	struct control_streams *streams;   /* NULL: streams' names have no addresses */
	struct control_decoy *decoy;       /* NULL: nobody came */
	struct control_logins *logins;     /* NULL: nobody logs in */
	struct list lookups;
	size_t lookup_count;
	struct list sets; /* that wait for the net process, or for those before them */
	size_t set_count;
	uint64_t sets_ever;
	struct list gathers;
	size_t gather_count;
	struct log_limit events;
	uint64_t started;    /* seconds since the Unix epoch */
	uint64_t net_starts; /* net processes that there were in this one's time */
	bool stop;
	int status;
};

/* control.c */

/* Does what is due and sets the timer. To be called after everything that may change deadlines. */
void control_run(struct control *control);
void control_stop(struct control *control, int status);
/* How to call the configuration in a message. */
const char *control_file(const struct control *control);

/* control_tunnels.c */

struct control_tunnel *control_tunnel_find(struct control *control, const char *name);
struct control_tunnel *control_tunnel_of_slot(struct control *control, uint16_t slot);
bool control_tunnel_is_up(const struct control_tunnel *tunnel);
/* Takes the configuration over; the first one brings tunnels up. */
void control_tunnels_configure(struct control *control, struct config *config);
void control_tunnels_state(struct control *control, const struct process_message *message);
void control_tunnels_done(struct control *control);

/* control_net.c */

void control_net_peer(struct control *control, int descriptor);
/*
 * A set operation. done() (may be NULL) is called once: errno, 0 when it took place; possibly from
 * inside this call. While there is no net process it waits for one, and while that does not know a
 * tunnel that is up, until it does. Those of a tunnel are done in their order.
 */
void control_net_set(struct control_tunnel *tunnel, struct uapi_text *text,
					 void (*done)(void *context, int number, const char *text), void *context);
/* Asks for figures unless that is under way; ends in control_status_refreshed(). False: cannot. */
bool control_net_refresh(struct control_tunnel *tunnel);
/* The tunnel is gone: what waits for it fails. */
void control_net_drop(struct control_tunnel *tunnel);
/* Does again what is due, and returns the next deadline. */
uint64_t control_net_repeat(struct control *control, uint64_t now);
/* Events and questions. */
void control_net_event(void *context, struct channel_message *message);
void control_net_done(struct control *control);

/* control_condition.c */

/* Takes up the tunnel's condition of now, and publishes another one than before. */
void control_condition_look(struct control_tunnel *tunnel);
/* Something happened to it that may change its condition. */
void control_condition_changed(struct control_tunnel *tunnel);
/* The host's network changed. */
void control_condition_network(struct control *control);
/* Looks at what is due, and returns the next deadline. */
uint64_t control_condition_run(struct control *control, uint64_t now);

/* control_names.c */

void control_names_open(struct control *control);
void control_names_done(struct control *control);
void control_names_put(struct control_tunnel *tunnel, const struct directory_peer *peer);
void control_names_remove(struct control_tunnel *tunnel, const struct directory_peer *peer);
/* All of a tunnel that came up; one that went down. */
void control_names_put_all(struct control_tunnel *tunnel);
void control_names_forget(struct control_tunnel *tunnel);
/* From the net process. */
void control_names_connected(struct control_tunnel *tunnel, const struct directory_peer *peer);
void control_names_unanswered(struct control_tunnel *tunnel, const struct directory_peer *peer,
							  uint32_t count);
void control_names_unreachable(struct control_tunnel *tunnel, const struct directory_peer *peer);
/* What a reload changed. */
void control_names_change(struct control_tunnel *tunnel, const struct directory *before);
/* RESOLVERS: what is asked where the configuration has none; or that has others from now on. */
void control_names_servers(struct control *control, const struct process_message *message);
void control_names_configure(struct control *control);
/* Marks of sockets, or the servers, may be others now. */
void control_names_refresh(struct control *control);

/* control_endpoints.c: where peers are reached, which the kill switch must know. */

/* The peer's endpoint from now on, once the kill switch lets its datagrams pass. */
void control_endpoints_use(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
						   size_t place, const struct endpoint *endpoint);
/* All that are known of a client's server, as the file's list of them is another one. */
void control_endpoints_again(struct control_tunnel *tunnel, const struct directory_peer *peer);
/* An authenticated peer was seen there. */
void control_endpoints_seen(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
							const struct endpoint *endpoint);

/* control_peers.c */

/* The tunnel's peers of now, from configuration and store. */
enum err control_peers_load(struct control *control, const struct config_tunnel *tunnel,
							struct directory **out_directory);
/* Hands all of the store's to the net process. */
void control_peers_push(struct control_tunnel *tunnel);
/* After a reload: what changed since before. */
void control_peers_change(struct control_tunnel *tunnel, const struct directory *before);
void control_peers_add(struct control_tunnel *tunnel, struct ctl_request *request,
					   const struct view_peer_request *add);
void control_peers_remove(struct control_tunnel *tunnel, struct ctl_request *request,
						  const char *name_or_key);

/* control_routes.c: routes of the store's peers, if they are others than before. */
void control_routes_send(struct control_tunnel *tunnel);

/* control_pushed.c: what servers give. */
void control_pushed_take(struct control *control, const struct channel_message *message);
void control_pushed_forget(struct control_tunnel *tunnel);

/* control_status.c */

struct control_view control_status_view(const struct control_tunnel *tunnel);

void control_status_ask(struct control *control, struct ctl_request *request,
						const struct ctl_question *question);
/* Figures have come, or will not. */
void control_status_refreshed(struct control_tunnel *tunnel);
uint64_t control_status_run(struct control *control, uint64_t now); /* what waited long enough */
void control_status_done(struct control *control);
/* One peer of the tunnel as the answer. */
void control_status_answer_peer(struct control_tunnel *tunnel, struct ctl_request *request,
								unsigned http_status, const struct directory_peer *peer);

/* control_orders.c: what the privileged process is asked for; without a request nobody waits. */
void control_orders_up(struct control_tunnel *tunnel, struct ctl_request *request);
void control_orders_down(struct control_tunnel *tunnel, struct ctl_request *request);
void control_orders_reload(struct control *control, struct ctl_request *request);
/* Tells the readers of events. */
void control_orders_refused(struct control *control, const char *faults);
/* A control group of applications; name: the tunnel that they go into, "": past all. */
void control_orders_split(struct control *control, struct ctl_request *request, const char *name);
void control_orders_log(struct control *control, struct ctl_request *request, const char *level);

/* control_api.c */

void control_api_ask(void *context, struct ctl_request *request,
					 const struct ctl_question *question);
/* An answer for an errno of another process. */
void control_api_fail(struct ctl_request *request, int number, const char *text);
/* The same for an error of ours. */
void control_api_error(struct ctl_request *request, enum err error, const char *what);
/* Limited to so many a second, as strangers may bring them about. */
void control_api_publish(struct control *control, const char *kind, const char *tunnel,
						 const char *peer, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
