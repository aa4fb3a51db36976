#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/stream_device.h"
#include "daemon/supervisor.h"
#include "hostile.h"
#include "loop/loop.h"
#include "proto/stream_protocol.h"
#include "wire/decoy_link.h"

#define PATIENCE (2 * CLOCK_SECOND)

enum {
	NOWHERE = PROCESS_TUNNELS_MAX - 1, /* a slot that no tunnel has */
	NAMES = 3000,
	VISITS = 2200, /* more than control serves at once */
	FIRST_DESCRIPTOR = SUPERVISOR_CHANNEL + 1,
	LAST_DESCRIPTOR = 1023,
	ADDRESS = 127,
};

static struct net_start start;    /* of the tunnel */
static struct net_device *device; /* NULL: none yet */
static volatile sig_atomic_t ordered = -1;

/* To the privileged process: */

static const char *name_of(uint32_t number) {
	const char *name = number ? strerrorname_np((int)number) : "0";
	return name ? name : "?";
}

/* The answer of that type; what others wait for is theirs. */
static bool wait_for(const struct process_message *asked, enum process_type type,
					 struct channel_message *out_answer) {
	uint64_t end = clock_now() + PATIENCE;
	while (channel_wait(SUPERVISOR_CHANNEL, POLLIN, end) == ERR_OK) {
		struct channel_message came;
		if (channel_receive(SUPERVISOR_CHANNEL, &came))
			return false;
		const struct process_message *body = &came.message;
		bool same = body->type == type && body->tunnel == asked->tunnel;
		if (same && (type != PROCESS_SOCKETS || body->sockets.kind == asked->sockets.kind)) {
			*out_answer = came;
			return true;
		}
		if (body->type == PROCESS_SOCKETS && body->tunnel == start.slot) {
			stream_device_ops.sockets(device, &body->sockets, came.descriptors, came.count);
			came.count = 0;
		}
		channel_message_done(&came);
	}
	return false;
}

static void ask_for_sockets(uint16_t slot, uint8_t kind) {
	const struct process_message message = {
		.type = PROCESS_SOCKETS, .tunnel = slot, .sockets = {.kind = kind, .count = 2}};
	struct channel_message answer;
	if (channel_send(SUPERVISOR_CHANNEL, &message, NULL, 0) ||
		!wait_for(&message, PROCESS_SOCKETS, &answer)) {
		log_error("hostile sockets: no answer");
		return;
	}
	log_error("hostile sockets of kind %u for %s: %s and %zu", kind,
			  slot == start.slot ? "its own tunnel"
			  : slot == NOWHERE  ? "no tunnel"
								 : "another tunnel",
			  name_of(answer.message.sockets.error), answer.count);
	channel_message_done(&answer);
}

static void attack_sockets(void) {
	const uint16_t slots[] = {start.slot, start.slot ^ 1, NOWHERE};
	for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
		for (uint8_t kind = 0; kind < PROCESS_SOCKET_KINDS; kind++)
			ask_for_sockets(slots[i], kind);
}

/* By a socket that it is given, to ports of the server's of which one is its tunnel's. */
static void attack_reach(void) {
	static const uint16_t ports[] = {443, 8080};
	const struct process_message message = {.type = PROCESS_SOCKETS,
											.tunnel = start.slot,
											.sockets = {.kind = PROCESS_SOCKET_TCP_V4, .count = 2}};
	struct channel_message answer;
	if (channel_send(SUPERVISOR_CHANNEL, &message, NULL, 0) ||
		!wait_for(&message, PROCESS_SOCKETS, &answer))
		return;
	for (size_t i = 0; i < answer.count; i++) {
		const struct sockaddr_in server = {.sin_family = AF_INET,
										   .sin_port = htons(ports[i]),
										   .sin_addr.s_addr = htonl(0xc6120001)}; /* 198.18.0.1 */
		int number = ETIMEDOUT;
		socklen_t size = sizeof number;
		(void)connect(answer.descriptors[i], (const void *)&server, sizeof server);
		if (channel_wait(answer.descriptors[i], POLLOUT, clock_now() + PATIENCE) == ERR_OK)
			(void)getsockopt(answer.descriptors[i], SOL_SOCKET, SO_ERROR, &number, &size);
		log_error("hostile way to port %u: %s", ports[i], name_of((uint32_t)number));
	}
	channel_message_done(&answer);
}

static void attack_ports(void) {
	struct process_message listen = {.type = PROCESS_LISTEN,
									 .request = 60000,
									 .tunnel = start.slot,
									 .listen = {.port = 443, .shards = 1}};
	struct process_message mark = {
		.type = PROCESS_MARK, .request = 60000, .tunnel = start.slot, .mark = {0x756dff00}};
	const struct process_message unlisten = {.type = PROCESS_UNLISTEN, .tunnel = start.slot};
	struct channel_message answer;
	if (channel_send(SUPERVISOR_CHANNEL, &listen, NULL, 0) == ERR_OK &&
		wait_for(&listen, PROCESS_LISTENING, &answer)) {
		log_error("hostile port: %s and %zu", name_of(answer.message.listening.error),
				  answer.count);
		channel_message_done(&answer);
	}
	if (channel_send(SUPERVISOR_CHANNEL, &mark, NULL, 0) == ERR_OK &&
		wait_for(&mark, PROCESS_MARKED, &answer))
		log_error("hostile mark: %s", name_of(answer.message.marked.error));
	(void)channel_send(SUPERVISOR_CHANNEL, &unlisten, NULL, 0);
}

/* More and more, whose answers nobody reads. */
static void attack_flood(void) {
	const struct process_message message = {
		.type = PROCESS_SOCKETS,
		.tunnel = start.slot,
		.sockets = {.kind = PROCESS_SOCKET_TCP_V4, .count = PROCESS_SOCKETS_MAX}};
	while (channel_send_until(SUPERVISOR_CHANNEL, &message, NULL, 0, clock_now() + PATIENCE) ==
		   ERR_OK)
		continue;
}

/* What has it open is found by its name. */
static int marked_file(void) {
	return memfd_create("attack", MFD_CLOEXEC);
}

static void attack_descriptor(void) {
	const struct process_message message = {.type = PROCESS_SOCKETS,
											.tunnel = start.slot,
											.sockets = {.kind = PROCESS_SOCKET_TCP_V4, .count = 1}};
	int marked = marked_file();
	(void)channel_send(SUPERVISOR_CHANNEL, &message, &marked, 1);
}

static void attack_kind(void) {
	static const uint8_t data[] = {
		PROCESS_VERSION, PROCESS_SOCKETS, 0, 0, 0, 0, PROCESS_SOCKET_KINDS, 1, 0, 0, 0, 0};
	(void)send(SUPERVISOR_CHANNEL, data, sizeof data, MSG_NOSIGNAL);
}

/* What only control may ask for. */
static void attack_backend(void) {
	const struct process_message message = {
		.type = PROCESS_BACKEND, .request = 7, .tunnel = start.slot};
	(void)channel_send(SUPERVISOR_CHANNEL, &message, NULL, 0);
}

/* To the control process: */

/* Its channel is the one pair of this kind, besides the supervisor's and those of strangers. */
static int find_control(void) {
	for (int descriptor = FIRST_DESCRIPTOR; descriptor <= LAST_DESCRIPTOR; descriptor++) {
		int type = 0;
		socklen_t size = sizeof type;
		if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
			type == SOCK_SEQPACKET)
			return descriptor;
	}
	log_error("hostile: there is no control process");
	return -1;
}

static struct process_message stranger_at(uint16_t slot) {
	return (struct process_message){
		.type = PROCESS_STRANGER,
		.tunnel = slot,
		.stranger = {
			.http = PROCESS_HTTP1, .family = ADDRESS_V4, .address = {ADDRESS, 0, 0, 9}, .port = 9}};
}

static void send_stranger(int control, uint16_t slot, const int *descriptors, size_t count) {
	const struct process_message message = stranger_at(slot);
	if (channel_send_until(control, &message, descriptors, count, clock_now() + PATIENCE))
		log_error("hostile stranger: not sent");
}

/* Links that are none, of tunnels that have no site. */
static void attack_strangers(void) {
	int control = find_control(), files[] = {marked_file(), eventfd(0, EFD_CLOEXEC)}, ends[2];
	if (control < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		return;
	send_stranger(control, start.slot, NULL, 0);
	send_stranger(control, start.slot, files, 1);
	send_stranger(control, start.slot, files + 1, 1);
	send_stranger(control, start.slot, files, 2);
	send_stranger(control, start.slot ^ 1, ends + 1, 1);
	send_stranger(control, NOWHERE, ends + 1, 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* What comes from the privileged process alone, and answers that nobody asked for. */
static void attack_orders(void) {
	int control = find_control(), marked = marked_file();
	struct process_message messages[] = {
		{.type = PROCESS_CONFIGURE},
		{.type = PROCESS_SITE, .tunnel = start.slot},
		{.type = PROCESS_CONNECTION},
		{.type = PROCESS_METRICS},
		{.type = PROCESS_TEXT, .request = 3, .tunnel = start.slot},
		{.type = PROCESS_STOP},
		{.type = PROCESS_RESULT, .request = 9},
		{.type = PROCESS_BACKEND, .request = 4, .tunnel = start.slot},
		{.type = PROCESS_STATE, .tunnel = start.slot, .state = {.state = PROCESS_STATE_FAILED}},
	};
	(void)snprintf(messages[8].state.name, PROCESS_NAME_SIZE, "%s", start.name);
	for (size_t i = 0; control >= 0 && i < sizeof messages / sizeof *messages; i++)
		if (channel_send_until(control, &messages[i], &marked, i < 5, clock_now() + PATIENCE))
			log_error("hostile order %d: not sent", (int)messages[i].type);
}

static void attack_names(void) {
	int control = find_control();
	for (uint32_t i = 0; control >= 0 && i < NAMES; i++) {
		struct process_message message = {
			.type = PROCESS_RESOLVE, .tunnel = i % 2 ? NOWHERE : start.slot, .resolve = {.id = i}};
		(void)snprintf(message.resolve.name, PROCESS_HOST_SIZE,
					   i % 100 ? "n%u.umbra.test" : "../%u \n..", i);
		if (channel_send_until(control, &message, NULL, 0, clock_now() + PATIENCE)) {
			log_error("hostile name: not sent");
			return;
		}
	}
}

/* The next message's type, 0: the site closed its end, -1: it says nothing. */
static int hear(int link) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	if (channel_wait(link, POLLIN, clock_now() + PATIENCE))
		return -1;
	ssize_t size = recv(link, data, sizeof data, MSG_DONTWAIT);
	return size > 0 ? data[0] : 0;
}

/* Who says nothing, and many of them; they go when the last one has come. */
static void attack_visits(void) {
	static int ours[VISITS];
	int control = find_control(), ends[2];
	size_t count = 0;
	for (; control >= 0 && count < VISITS; count++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
			break;
		ours[count] = ends[0];
		send_stranger(control, start.slot, &ends[1], 1);
		(void)close(ends[1]);
	}
	/* The last one is one too many: when it was turned away, all others were looked at. */
	if (count > 0)
		(void)hear(ours[count - 1]);
	log_error("hostile visits: %zu", count);
	while (count > 0)
		(void)close(ours[--count]);
}

/* On the link of a stranger: */

static int open_link(int control) {
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		return -1;
	send_stranger(control, start.slot, &ends[1], 1);
	(void)close(ends[1]);
	return ends[0];
}

static void tell_end(int link, const char *what) {
	int heard;
	do
		heard = hear(link);
	while (heard > 0 && heard != DECOY_LINK_RAW);
	log_error("hostile link, %s: %s", what,
			  heard == 0                ? "closed"
			  : heard == DECOY_LINK_RAW ? "raw"
										: "open");
	(void)close(link);
}

static void break_link(int control, const char *what, const uint8_t *data, size_t size) {
	int link = open_link(control);
	(void)send(link, data, size, MSG_NOSIGNAL);
	tell_end(link, what);
}

/* Lets somebody in whom nobody knows. */
static void let_in(int control) {
	static const char request[] = "\1GET / HTTP/1.1\r\nhost: x\r\ncookie: session=AAAA\r\n\r\n";
	uint8_t verdict[DECOY_LINK_MESSAGE_MAX];
	const struct decoy_link_message message = {
		.type = DECOY_LINK_VERDICT,
		.admitted = true,
		.bytes = slice_of_text("answer"),
		.entry = {.client = {1, 2, 3}, .timestamp = clock_wall_now() / CLOCK_MILLISECOND}};
	size_t size;
	int link = open_link(control), heard;
	(void)send(link, request, sizeof request - 1, MSG_NOSIGNAL);
	while ((heard = hear(link)) > 0 && heard != DECOY_LINK_CANDIDATE)
		continue;
	if (heard != DECOY_LINK_CANDIDATE ||
		decoy_link_encode(&message, verdict, sizeof verdict, &size)) {
		log_error("hostile link: no candidate");
		return;
	}
	(void)send(link, verdict, size, MSG_NOSIGNAL);
	log_error("hostile link, somebody unknown is let in: %s",
			  hear(link) == DECOY_LINK_DATA ? "a page" : "no page");
	static const uint8_t end[] = {DECOY_LINK_END};
	(void)send(link, end, sizeof end, MSG_NOSIGNAL);
	tell_end(link, "behind it");
}

static void attack_links(void) {
	static const uint8_t verdict[] = {DECOY_LINK_VERDICT, 0}, stop[] = {DECOY_LINK_STOP},
						 raw[] = {DECOY_LINK_RAW}, back[] = {DECOY_LINK_BACK, 'x'}, none[] = {200},
						 nothing[] = {DECOY_LINK_DATA},
						 longer[DECOY_LINK_MESSAGE_MAX + 1] = {DECOY_LINK_DATA};
	int control = find_control();
	if (control < 0)
		return;
	break_link(control, "a verdict that nobody asked for", verdict, sizeof verdict);
	break_link(control, "a stop too early", stop, sizeof stop);
	break_link(control, "raw the wrong way", raw, sizeof raw);
	break_link(control, "back the wrong way", back, sizeof back);
	break_link(control, "an unknown type", none, sizeof none);
	break_link(control, "no data", nothing, sizeof nothing);
	break_link(control, "too much data", longer, sizeof longer);
	let_in(control);
}

/* No message at all. */
static void attack_garbage(void) {
	static const uint8_t data[] = "no message";
	int control = find_control();
	if (control >= 0)
		(void)send(control, data, sizeof data, MSG_NOSIGNAL);
}

static const struct attack {
	const char *name;
	void (*run)(void);
} attacks[] = {
	{"sockets", attack_sockets},       {"ports", attack_ports},   {"reach", attack_reach},
	{"strangers", attack_strangers},   {"orders", attack_orders}, {"names", attack_names},
	{"visits", attack_visits},         {"links", attack_links},   {"garbage", attack_garbage},
	{"descriptor", attack_descriptor}, {"kind", attack_kind},     {"backend", attack_backend},
	{"flood", attack_flood},
};

void hostile_net_list(void) {
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
		(void)puts(attacks[i].name);
}

/* The device: */

static enum err device_new(const struct net_start *from, struct net_device **out_device) {
	enum err error = stream_device_ops.new(from, &device);
	if (error)
		return error;
	start = *from;
	*out_device = device;
	return ERR_OK;
}

static uint64_t device_run(struct net_device *which, uint64_t now) {
	int number = ordered;
	if (which == device && number >= 0) {
		ordered = -1;
		if ((size_t)number < sizeof attacks / sizeof *attacks)
			attacks[number].run();
		log_error("hostile end of attack %d", number);
	}
	return stream_device_ops.run(which, now);
}

const struct net_device_ops *hostile_net_find(const char *protocol, bool hostile) {
	static struct net_device_ops ops;
	if (!stream_protocol_find(protocol))
		return NULL;
	if (!hostile)
		return &stream_device_ops;
	ops = stream_device_ops;
	ops.new = device_new;
	ops.run = device_run;
	return &ops;
}

static void take_order(int number, siginfo_t *info, void *context) {
	ordered = info->si_value.sival_int;
	if (start.loop)
		loop_wake(start.loop);
}

void hostile_net_listen(void) {
	const struct sigaction action = {.sa_sigaction = take_order, .sa_flags = SA_SIGINFO};
	(void)sigaction(SIGUSR2, &action, NULL);
}
