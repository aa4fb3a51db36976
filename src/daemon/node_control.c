#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"
#include "daemon/channel.h"
#include "daemon/control.h"
#include "daemon/net.h"
#include "daemon/node_core.h"
#include "daemon/node_policy.h"
#include "daemon/node_site.h"
#include "daemon/node_store.h"
#include "daemon/shared_text.h"

#define ACCEPT_PAUSE (100 * CLOCK_MILLISECOND)
#define SOCKET_PAUSE CLOCK_SECOND
#define PEER_PAUSE CLOCK_SECOND
#define SEND_TIMEOUT (200 * CLOCK_MILLISECOND)
/* It has room for more than a hundred messages. */
#define CONTROL_TIMEOUT CLOCK_SECOND
/* Of that time, once it is spent, one part in so many comes back with the time that passes. */
enum { PATIENCE_PERIOD = 20 };

enum { ACCEPTS_PER_TURN = 16, MESSAGES_PER_TURN = 64, PREFIXES_MAX = 1 << 20 };

/* Opening the socket comes first of all: it tells whether another daemon runs already. */

static enum err open_socket(struct node *node) {
	const char *path = node->config->control.socket;
	const char *slash = strrchr(path, '/');
	char directory[sizeof node->socket.path];
	int size = snprintf(directory, sizeof directory, "%.*s",
						slash == path ? 1 : (int)(slash - path), path);
	if (size < 0 || (size_t)size >= sizeof directory)
		return ERR_INVALID;
	return unix_listener_open(directory, slash + 1, &node->socket);
}

enum err node_control_open(struct node *node) {
	const char *path = node->config->control.socket;
	enum err error = open_socket(node);
	if (error == ERR_EXISTS)
		log_error("umbrad runs already: somebody serves %s", path);
	else if (error)
		log_error("the control socket %s could not be opened: %s", path, err_text(error));
	return error;
}

static void stop_accepting(struct node *node) {
	if (node->accepting)
		loop_remove(node->privileged.loop, node->socket.descriptor);
	node->accepting = false;
	node->accept_again = CLOCK_NEVER;
}

/* What it asked for is done all the same; its requests have the numbers of the next one's. */
static void forget_control(struct node *node) {
	if (node->control.channel >= 0)
		loop_remove(node->privileged.loop, node->control.channel);
	node->control.ready = false;
	node_sockets_close(node);
	stop_accepting(node);
	node_orders_forget(node);
}

/* Reading each message late must not hold up all the rest for ever. */
static enum err send_patiently(struct node *node, const struct process_message *message,
							   const int *descriptors, size_t count) {
	uint64_t start = clock_now();
	uint64_t patience = node->patience + (start - node->patience_at) / PATIENCE_PERIOD;
	if (patience > CONTROL_TIMEOUT)
		patience = CONTROL_TIMEOUT;
	enum err error =
		channel_send_until(node->control.channel, message, descriptors, count, start + patience);
	node->patience_at = clock_now();
	uint64_t spent = node->patience_at - start;
	node->patience = spent < patience ? patience - spent : 0;
	return error;
}

/*
 * One that missed a message has a wrong idea of what is, and one that does not read would hold
 * everything up again and again: the next one learns all anew.
 */
void node_control_send_all(struct node *node, struct process_message *message,
						   const int *descriptors, size_t count) {
	if (node->control.channel < 0)
		return;
	enum err error = send_patiently(node, message, descriptors, count);
	if (!error || error == ERR_CLOSED)
		return;
	log_error("message to the control process: %s",
			  error == ERR_EXPIRED ? "it does not read" : err_text(error));
	forget_control(node);
	supervisor_close(&node->control);
	supervisor_kill(&node->control);
}

static void send_with(struct node *node, struct process_message *message, int descriptor) {
	node_control_send_all(node, message, descriptor >= 0 ? &descriptor : NULL, descriptor >= 0);
}

void node_control_send(struct node *node, struct process_message *message) {
	send_with(node, message, -1);
}

void node_control_send_with(struct node *node, struct process_message *message, int descriptor) {
	send_with(node, message, descriptor);
}

void node_control_state(struct node *node, const struct node_tunnel *tunnel) {
	struct process_message message = {.type = PROCESS_STATE, .tunnel = tunnel->slot};
	memcpy(message.state.name, tunnel->name, sizeof message.state.name);
	message.state.state = (uint8_t)tunnel->state;
	message.state.kill_switch = node_kill_switch_is_up(node, tunnel);
	message.state.restored = node->kill.restored;
	(void)snprintf(message.state.text, sizeof message.state.text, "%s", tunnel->reason);
	node_control_send(node, &message);
}

void node_control_configure(struct node *node) {
	if (node->control.channel < 0)
		return;
	node_resolvers_tell(node);
	char *text = NULL;
	size_t size;
	int descriptor = -1;
	enum err error = config_dump(node->config, &text, &size);
	if (!error)
		error = shared_text_new(slice_of(text, size), &descriptor);
	if (!error) {
		struct process_message message = {.type = PROCESS_CONFIGURE};
		send_with(node, &message, descriptor);
		(void)close(descriptor);
	}
	free(text);
	if (error)
		log_error("the control process does not learn the configuration: %s", err_text(error));
}

void node_control_peer(struct node *node) {
	int ends[2];
	node->peer_again = CLOCK_NEVER;
	if (node->control.channel < 0 || node->privileged.net.channel < 0 ||
		!node->privileged.net.ready)
		return; /* whoever comes later comes here by itself */
	enum err error = channel_pair(ends);
	if (!error) {
		/* First to whom it may be in vain: the other one's end is closed then, which it sees. */
		struct process_message message = {.type = PROCESS_PEERING};
		error = channel_send_until(node->privileged.net.channel, &message, &ends[1], 1,
								   clock_now() + SEND_TIMEOUT);
		if (!error)
			send_with(node, &message, ends[0]);
		(void)close(ends[0]);
		(void)close(ends[1]);
	}
	/* A net process that has ended is followed by one that comes here by itself. */
	if (!error || error == ERR_CLOSED)
		return;
	log_error("control and net are not joined yet: %s",
			  error == ERR_EXPIRED ? "net does not read" : err_text(error));
	node->peer_again = clock_now() + PEER_PAUSE;
}

void node_set_log_level(struct node *node, enum log_level level) {
	node->privileged.options.log_level = level;
	log_set_level(level);
	struct process_message message = {.type = PROCESS_LOG};
	message.log.level = (uint8_t)level;
	node_control_send(node, &message);
	if (node->privileged.net.channel >= 0 &&
		channel_send_until(node->privileged.net.channel, &message, NULL, 0,
						   clock_now() + SEND_TIMEOUT))
		log_error("the net process does not learn the level of the log");
}

static void read_log_level(struct node *node, const struct process_message *message) {
	struct process_message done = {.type = PROCESS_RESULT, .request = message->request};
	node_set_log_level(node, (enum log_level)message->log.level);
	node_control_send(node, &done);
}

/* One prefix a line. */
static enum err parse_prefixes(char *text, struct prefix **out_prefixes, size_t *out_count) {
	size_t lines = 0, count = 0;
	for (const char *place = text; (place = strchr(place, '\n')) != NULL; place++)
		lines++;
	if (lines > PREFIXES_MAX)
		return ERR_LIMIT;
	struct prefix *prefixes = calloc(lines + 1, sizeof *prefixes);
	if (!prefixes)
		return ERR_NO_MEMORY;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] == '\0')
			continue;
		if (count > lines || prefix_parse(line, &prefixes[count])) {
			free(prefixes);
			return ERR_MALFORMED;
		}
		count++;
	}
	*out_prefixes = prefixes;
	*out_count = count;
	return ERR_OK;
}

/* Whoever orders faster than is carried out must not fill the memory. */
static size_t waiting_prefixes(const struct node *node) {
	size_t count = node->current ? node->current->prefix_count : 0;
	list_for_each (link, &node->orders)
		count += list_item(link, struct node_order, link)->prefix_count;
	return count < PREFIXES_MAX ? count : PREFIXES_MAX;
}

static enum err order_routes(struct node *node, const struct channel_message *message) {
	const struct process_message *body = &message->message;
	static struct log_kind wide;
	if (body->tunnel >= PROCESS_TUNNELS_MAX || !node->tunnels[body->tunnel].used ||
		/* Slots of tunnels that are not up may be others' than when it was sent. */
		node->tunnels[body->tunnel].state == PROCESS_STATE_DOWN)
		return ERR_NOT_FOUND;
	char *text;
	size_t size, count;
	struct prefix *prefixes = NULL;
	enum err error = shared_text_read(message->descriptors[0], &text, &size);
	if (error)
		return error;
	error = parse_prefixes(text, &prefixes, &count);
	free(text);
	if (error)
		return error;
	if (count > PREFIXES_MAX - waiting_prefixes(node)) {
		free(prefixes);
		return ERR_LIMIT;
	}
	struct node_order *order;
	/* Answered there, whatever happens. */
	if (node_order(node, NODE_ORDER_ROUTES, node->tunnels[body->tunnel].name, body->request,
				   &order)) {
		free(prefixes);
		return ERR_OK;
	}
	order->prefixes = prefixes;
	order->prefix_count = node_policy_routes(prefixes, count);
	if (order->prefix_count < count)
		log_limited(
			&wide, LOG_WARNING,
			"%s: refused: %zu routes wider than /8 or /7 (IPv6) for peers that are not in the "
			"configuration",
			order->name, count - order->prefix_count);
	return ERR_OK;
}

static void read_routes(struct node *node, const struct channel_message *message) {
	enum err error = order_routes(node, message);
	if (!error)
		return;
	static struct log_kind refused;
	log_limited(&refused, LOG_ERROR, "routes of peers: %s", err_text(error));
	struct process_message refusal = {.type = PROCESS_RESULT, .request = message->message.request};
	refusal.result.error = EINVAL;
	(void)snprintf(refusal.result.text, sizeof refusal.result.text, "%s", err_text(error));
	node_control_send(node, &refusal);
}

static void control_is_ready(struct node *node) {
	if (node->control.ready)
		return;
	node->control.ready = node->control.was_ready = true;
	if (node->control_was_ready)
		log_warning("the control process is ready again");
	node->control_was_ready = true;
	node->accept_again = 0;
	if (!node->announced && node_order(node, NODE_ORDER_READY, NULL, 0, NULL))
		log_error("the end of the start could not be ordered");
}

static bool order_down(struct node *node, const struct process_message *body) {
	struct node_order *order;
	enum err error = node_order(node, NODE_ORDER_DOWN, body->order.name, body->request, &order);
	if (!error)
		order->release = true;
	return error != ERR_INVALID;
}

/* False for what this process does not take. */
static bool handle(struct node *node, struct channel_message *message) {
	const struct process_message *body = &message->message;
	if (message->count != (body->type == PROCESS_ROUTES ? 1U : 0U))
		return false;
	switch (body->type) {
	case PROCESS_READY:
		control_is_ready(node);
		return true;
	case PROCESS_UP:
		return node_order(node, NODE_ORDER_UP, body->order.name, body->request, NULL) !=
			   ERR_INVALID;
	case PROCESS_DOWN:
		return order_down(node, body);
	case PROCESS_ENDPOINT:
		if (body->request)
			node_kill_switch_endpoint(node, body);
		return body->request != 0;
	case PROCESS_RELOAD:
		return node_order(node, NODE_ORDER_RELOAD, NULL, body->request, NULL) != ERR_INVALID;
	case PROCESS_LOG:
		read_log_level(node, body);
		return true;
	case PROCESS_SPLIT:
		node_split_ask(node, body);
		return true;
	case PROCESS_ROUTES:
		read_routes(node, message);
		return true;
	case PROCESS_BACKEND:
		if (body->request)
			node_site_backend(node, body);
		return body->request != 0;
	case PROCESS_STREAM:
		node_domains_stream(node, body);
		return true;
	case PROCESS_ADDRESSES:
		node_domains_addresses(node, body);
		return true;
	default:
		return false;
	}
}

static void control_readable(void *context, uint32_t events) {
	struct node *node = context;
	struct channel_message message;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && !node->privileged.ending; i++) {
		/* What a message brought about may have cost it its channel. */
		if (node->control.channel < 0)
			return;
		enum err error = channel_receive(node->control.channel, &message);
		if (error == ERR_AGAIN)
			return;
		bool taken = false;
		if (!error) {
			taken = handle(node, &message);
			channel_message_done(&message);
		}
		if (taken)
			continue;
		if (error != ERR_CLOSED)
			log_error("message of the control process: %s", error ? err_text(error) : "unexpected");
		forget_control(node);
		supervisor_kill(&node->control);
		return;
	}
}

/* Connections wait in the socket's queue while no control process is ready. */
static void socket_readable(void *context, uint32_t events) {
	struct node *node = context;
	const struct process_message message = {.type = PROCESS_CONNECTION};
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int connection;
		enum err error = unix_listener_accept(&node->socket, &connection);
		if (error == ERR_AGAIN)
			return;
		if (!error) {
			error = channel_send(node->control.channel, &message, &connection, 1);
			(void)close(connection);
		}
		if (error) {
			log_warning("a connection of the tool was not served: %s", err_text(error));
			stop_accepting(node);
			node->accept_again = clock_now() + ACCEPT_PAUSE;
			return;
		}
	}
}

static void watch_socket(struct node *node) {
	if (loop_add(node->privileged.loop, node->socket.watch, EPOLLIN, &node->socket_watch))
		log_warning("the control socket is not watched");
}

static void watch_readable(void *context, uint32_t events) {
	struct node *node = context;
	if (!unix_listener_gone(&node->socket))
		return;
	log_warning("the control socket was deleted; it is made again");
	stop_accepting(node);
	loop_remove(node->privileged.loop, node->socket.watch);
	unix_listener_done(&node->socket);
	node->socket_again = 0;
}

/* What is in its place may be gone the next time. */
static void open_again(struct node *node, uint64_t now) {
	bool again = node->socket_again != 0;
	node->socket_again = now + SOCKET_PAUSE;
	enum err error = open_socket(node);
	if (error) {
		if (!again)
			log_error("the control socket %s could not be made again, the tool has no way to this "
					  "daemon: %s",
					  node->config->control.socket, err_text(error));
		return;
	}
	node->socket_again = CLOCK_NEVER;
	node->accept_again = 0;
	watch_socket(node);
}

static void accept_again(struct node *node, uint64_t now) {
	node->accept_again = now + ACCEPT_PAUSE;
	if (loop_add(node->privileged.loop, node->socket.descriptor, EPOLLIN, &node->socket_source))
		return;
	node->accepting = true;
	node->accept_again = CLOCK_NEVER;
}

uint64_t node_control_run(struct node *node, uint64_t now) {
	if (now >= node->control.restart_at)
		node_control_start(node, now);
	if (now >= node->peer_again)
		node_control_peer(node);
	if (now >= node->socket_again)
		open_again(node, now);
	node_metrics_run(node, now);
	bool acceptable = node->control.ready && !node->accepting && node->socket.descriptor >= 0;
	if (acceptable && now >= node->accept_again)
		accept_again(node, now);
	const uint64_t times[] = {node->control.restart_at, node->peer_again, node->socket_again,
							  node->metrics.again};
	/* Set as well while there is nothing to accept from. */
	uint64_t next = acceptable ? node->accept_again : CLOCK_NEVER;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (times[i] < next)
			next = times[i];
	return next;
}

static enum err spawn(struct node *node, uint64_t now) {
	char program[] = "umbrad", process[] = CONTROL_ARGUMENT;
	char log[PRIVILEGED_ARGUMENT_SIZE], sandbox[SANDBOX_TEXT_SIZE + sizeof SANDBOX_ARGUMENT];
	char store[PATH_MAX + sizeof CONTROL_STORE_ARGUMENT] = CONTROL_STORE_ARGUMENT,
								 path[PATH_MAX + sizeof CONTROL_CONFIGURATION_ARGUMENT];
	(void)snprintf(log, sizeof log, NET_LOG_ARGUMENT "%s",
				   node->privileged.options.foreground ? NET_LOG_STDERR
				   : node->privileged.detached         ? NET_LOG_SYSLOG
													   : NET_LOG_LATER);
	(void)snprintf(path, sizeof path, CONTROL_CONFIGURATION_ARGUMENT "%s", node->config->path);
	char *const arguments[] = {program, process, log, path, sandbox, store, NULL};
	memcpy(sandbox, SANDBOX_ARGUMENT, sizeof SANDBOX_ARGUMENT);
	sandbox_format(&node->privileged.options.sandbox, sandbox + sizeof SANDBOX_ARGUMENT - 1);
	enum err error =
		node_store_path(node->state_dir, store + sizeof CONTROL_STORE_ARGUMENT - 1, PATH_MAX);
	if (!error)
		error = supervisor_start(&node->control, arguments, now);
	if (!error)
		error =
			loop_add(node->privileged.loop, node->control.channel, EPOLLIN, &node->control_source);
	if (error)
		return error;
	node->patience = CONTROL_TIMEOUT;
	node->patience_at = clock_now();
	struct process_message message = {.type = PROCESS_START};
	message.start.log_level = (uint8_t)node->privileged.options.log_level;
	message.start.log_json = node->privileged.options.log_json;
	int sockets;
	error = node_sockets_open(node, &sockets);
	if (error)
		return error;
	send_with(node, &message, sockets);
	(void)close(sockets);
	return ERR_OK;
}

void node_control_start(struct node *node, uint64_t now) {
	node->control_source = (struct loop_source){.ready = control_readable, .context = node};
	if (node->socket_watch.ready == NULL) {
		node->socket_source = (struct loop_source){.ready = socket_readable, .context = node};
		node->socket_watch = (struct loop_source){.ready = watch_readable, .context = node};
		watch_socket(node);
	}
	enum err error = spawn(node, now);
	if (error) {
		log_error("the control process could not be started: %s", err_text(error));
		supervisor_kill(&node->control);
		if (node->control.pid == 0)
			node->control.restart_at = now + BACKOFF_MAX;
		return;
	}
	node_control_configure(node);
	node_site_tell_all(node);
	node_metrics_send(node);
	node_control_peer(node);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used)
			node_control_state(node, &node->tunnels[i]);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used && node->tunnels[i].pushed.plan)
			node_pushed_tell(node, &node->tunnels[i]);
	node_domains_send(node);
}

void node_control_reap(struct node *node, uint64_t now) {
	int status;
	if (!supervisor_reap(&node->control, now, &status))
		return;
	forget_control(node);
	supervisor_close(&node->control);
	char text[SUPERVISOR_STATUS_SIZE];
	supervisor_format_status(status, text);
	log_error("the control process ended with %s; it is started again", text);
}

void node_control_stop(struct node *node) {
	struct process_message message = {.type = PROCESS_STOP};
	node_control_send(node, &message);
	forget_control(node);
	supervisor_wait(&node->control, clock_now() + CLOCK_SECOND);
}
