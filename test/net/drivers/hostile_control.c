#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/shared_text.h"
#include "daemon/supervisor.h"
#include "hostile.h"
#include "wire/decoy_link.h"

#define PATIENCE (5 * CLOCK_SECOND)

enum { NOWHERE = PROCESS_TUNNELS_MAX - 1, CANDIDATES = 1000000 };

struct hostile {
	int net;       /* the channel to it; -1: not yet */
	uint16_t slot; /* of the tunnel of streams */
	bool knows_slot, has_asked;
	size_t breaches;
};

/* To the privileged process and net: */

static void ask_privileged(const struct hostile *hostile) {
	const uint16_t slots[] = {hostile->slot, hostile->slot ^ 1, NOWHERE};
	for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
		struct process_message backend = {.type = PROCESS_BACKEND, .tunnel = slots[i]};
		compromised_ask(&backend, NULL);
	}
	struct process_message routes = {.type = PROCESS_ROUTES, .tunnel = hostile->slot};
	compromised_ask(&routes, "0.0.0.0/0\n::/0\n");
}

static void ask_net(const struct hostile *hostile, enum process_type type, uint16_t slot,
					const char *text) {
	static uint16_t request = 1;
	struct process_message message = {.type = type, .request = request++, .tunnel = slot};
	struct channel_message answer = {.count = 0};
	int descriptor = -1;
	if (text && shared_text_new(slice_of_text(text), &descriptor))
		return;
	if (channel_send(hostile->net, &message, &descriptor, descriptor >= 0))
		return;
	do {
		channel_message_done(&answer);
		if (channel_wait(hostile->net, POLLIN, clock_now() + PATIENCE) ||
			channel_receive(hostile->net, &answer))
			return;
	} while (answer.message.type != PROCESS_RESULT && answer.message.type != PROCESS_TEXT);
	const uint32_t error = answer.message.result.error;
	log_error("hostile question %u of net: %s", message.request,
			  error ? strerrorname_np((int)error) : "0");
	channel_message_done(&answer);
	if (descriptor >= 0)
		(void)close(descriptor);
}

/* Addresses of a name that nobody asked for, or that others asked for. */
static void tell_addresses(const struct hostile *hostile) {
	const uint16_t slots[] = {hostile->slot, hostile->slot ^ 1, NOWHERE};
	for (uint32_t id = 0; id < 100; id++)
		for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
			const struct process_message message = {
				.type = PROCESS_RESOLVED,
				.tunnel = slots[i],
				.resolved = {.id = id,
							 .result = PROCESS_FOUND,
							 .count = 1,
							 .items = {{.family = ADDRESS_V4, .bytes = {127, 0, 0, 1}}}}};
			(void)channel_send_until(hostile->net, &message, NULL, 0, clock_now() + PATIENCE);
		}
}

static void ask_all(struct hostile *hostile) {
	if (hostile->has_asked || hostile->net < 0 || !hostile->knows_slot)
		return;
	hostile->has_asked = true;
	ask_privileged(hostile);
	/* Options are the privileged process's, wherever they stand. */
	ask_net(hostile, PROCESS_SET, hostile->slot, "streams=1\nrole=server\n");
	ask_net(hostile, PROCESS_SET, hostile->slot, "admit=1\nstreams=1\n");
	ask_net(hostile, PROCESS_SET, hostile->slot, NULL);
	ask_net(hostile, PROCESS_SET, NOWHERE, "admit=1\n");
	ask_net(hostile, PROCESS_GET, NOWHERE, NULL);
	tell_addresses(hostile);
	log_error("hostile: all was asked");
}

/* With a stranger: */

static void say(int link, enum decoy_link_type type, const char *text) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	size_t size = strlen(text);
	data[0] = (uint8_t)type;
	memcpy(data + 1, text, size);
	(void)send(link, data, 1 + size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_raw(int link) {
	say(link, DECOY_LINK_RAW, "");
}

static void say_raw_when_refused(int link) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	say(link, DECOY_LINK_CANDIDATE, "nobody");
	do
		(void)channel_wait(link, POLLIN, clock_now() + PATIENCE);
	while (recv(link, data, sizeof data, MSG_DONTWAIT) > 0 && data[0] != DECOY_LINK_VERDICT);
	say_raw(link);
}

static void give_back(int link) {
	say(link, DECOY_LINK_BACK, "bytes");
}

static void judge(int link) {
	say(link, DECOY_LINK_VERDICT, "\1");
}

static void say_too_much(int link) {
	static const uint8_t data[DECOY_LINK_MESSAGE_MAX + 1] = {DECOY_LINK_DATA};
	(void)send(link, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void go_on_behind_the_end(int link) {
	say(link, DECOY_LINK_FINISH, "");
	say(link, DECOY_LINK_DATA, "more");
}

/* Of which it hears no verdict. */
static void ask_on_and_on(int link) {
	static const uint8_t data[] = {DECOY_LINK_CANDIDATE, 'x'};
	for (unsigned i = 0; i < CANDIDATES; i++) {
		if (send(link, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			continue;
		if (errno != EAGAIN || channel_wait(link, POLLOUT, clock_now() + PATIENCE))
			break;
	}
}

static const struct breach {
	const char *what;
	void (*run)(int link);
} breaches[] = {
	{"raw without a verdict", say_raw},
	{"raw behind a refusal", say_raw_when_refused},
	{"back without raw", give_back},
	{"a verdict of its own", judge},
	{"a message that is too long", say_too_much},
	{"bytes behind the end", go_on_behind_the_end},
	{"candidates without end", ask_on_and_on},
};

/* Whether net closed its end, whatever it said before. */
static bool is_closed(int link) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	while (channel_wait(link, POLLIN, clock_now() + PATIENCE) == ERR_OK)
		if (recv(link, data, sizeof data, MSG_DONTWAIT) <= 0)
			return true;
	return false;
}

/* At the end of the list, what no control process may say to either of them. */
static void say_what_ends_it(const struct hostile *hostile) {
	const struct process_message site = {.type = PROCESS_SITE, .tunnel = hostile->slot};
	const struct process_message sockets = {.type = PROCESS_SOCKETS,
											.tunnel = hostile->slot,
											.sockets = {.kind = PROCESS_SOCKET_TCP_V4, .count = 1}};
	(void)channel_send(hostile->net, &site, NULL, 0);
	(void)channel_send(SUPERVISOR_CHANNEL, &sockets, NULL, 0);
	log_error("hostile: all was tried");
}

static void break_a_rule(struct hostile *hostile, int link) {
	if (hostile->breaches == sizeof breaches / sizeof *breaches) {
		say_what_ends_it(hostile);
		(void)close(link);
		return;
	}
	const struct breach *breach = &breaches[hostile->breaches++];
	breach->run(link);
	log_error("hostile link, %s: %s", breach->what, is_closed(link) ? "closed" : "open");
	(void)close(link);
}

static void receive(struct hostile *hostile, int channel) {
	struct channel_message came;
	if (channel_receive(channel, &came))
		return;
	const struct process_message *body = &came.message;
	const char *tunnel = getenv("UMBRA_ATTACK_TUNNEL");
	if (body->type == PROCESS_PEERING && came.count == 1)
		hostile->net = channel_message_take(&came, 0);
	if (body->type == PROCESS_STATE && tunnel && strcmp(body->state.name, tunnel) == 0) {
		hostile->slot = body->tunnel;
		hostile->knows_slot = true;
	}
	if (channel == hostile->net && body->type == PROCESS_STRANGER && came.count == 1)
		break_a_rule(hostile, channel_message_take(&came, 0));
	channel_message_done(&came);
}

void hostile_control(void) {
	struct hostile hostile = {.net = -1};
	for (;;) {
		struct pollfd items[] = {{.fd = SUPERVISOR_CHANNEL, .events = POLLIN},
								 {.fd = hostile.net, .events = POLLIN}};
		if (poll(items, 2, -1) < 0 || items[0].revents & POLLHUP)
			return;
		if (items[0].revents & POLLIN)
			receive(&hostile, SUPERVISOR_CHANNEL);
		if (items[1].revents & POLLIN)
			receive(&hostile, hostile.net);
		ask_all(&hostile);
	}
}
