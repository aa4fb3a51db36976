/*
 * Processes of the daemon that strangers have taken over.
 *
 *   compromised attack net|streams|control|none NAME [ARGUMENT]
 *       enters the sandbox as the process does (net of umbra-wg, net of umbrad), in the current
 * folder, and tries one thing. Exit status 0: it was done; 1: it was refused; or the end by a
 * signal. compromised -c FILE umbrad. With UMBRA_ATTACK=messages, journals, slot, type, length,
 * descriptors or flood its net process sends what the configuration does not say or what is no
 * message, with UMBRA_ATTACK=control its control process does; once, for which UMBRA_ATTACK_ONCE
 * names a file. UMBRA_ATTACK_TUNNEL is the first tunnel of the file. UMBRA_ATTACK=streams and
 * UMBRA_ATTACK=site are hostile.h's net and control, UMBRA_ATTACK=settings its client's device.
 *   compromised list
 *       the attacks of hostile.h's net.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attacks.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/control.h"
#include "daemon/device.h"
#include "daemon/net.h"
#include "daemon/programs.h"
#include "daemon/sandbox.h"
#include "daemon/shared_text.h"
#include "daemon/supervisor.h"
#include "hostile.h"

/* Messages of net: */

static const char *plan; /* UMBRA_ATTACK of this process; NULL: it is itself */
static uint64_t attack_at;

static void send_listen(uint16_t port, uint32_t mark, uint8_t shards) {
	struct process_message message = {.type = PROCESS_LISTEN, .request = 60000};
	message.listen.port = port;
	message.listen.mark = mark;
	message.listen.shards = shards;
	(void)channel_send(SUPERVISOR_CHANNEL, &message, NULL, 0);
}

/* More and more requests, whose answers nobody reads. */
static _Noreturn void flood(void) {
	const struct process_message listen = {
		.type = PROCESS_LISTEN, .request = 60000, .listen = {.port = 53, .shards = 1}};
	log_error("the messages were sent");
	for (;;)
		(void)channel_send_until(SUPERVISOR_CHANNEL, &listen, NULL, 0, clock_now() + CLOCK_SECOND);
}

/* Bytes that are no message, with a descriptor. */
static void send_bytes(const uint8_t *data, size_t size, int descriptor) {
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
							.cmsg_type = SCM_RIGHTS,
							.cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	const struct msghdr record = {.msg_iov = &part,
								  .msg_iovlen = 1,
								  .msg_control = control.bytes,
								  .msg_controllen = sizeof control.bytes};
	memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
	(void)sendmsg(SUPERVISOR_CHANNEL, &record, 0);
}

/* A journal takes the place of the one before, and there is none of a tunnel that is not. */
static void send_journals(int descriptor) {
	struct process_message journal = {.type = PROCESS_JOURNAL};
	for (unsigned i = 0; i < 3; i++)
		(void)channel_send(SUPERVISOR_CHANNEL, &journal, &descriptor, 1);
	journal.tunnel = 63;
	(void)channel_send(SUPERVISOR_CHANNEL, &journal, &descriptor, 1);
}

static void send_all(void) {
	struct process_message mark = {.type = PROCESS_MARK, .request = 60000, .mark = {0x756dff00}};
	const struct process_message sockets = {
		.type = PROCESS_SOCKETS, .sockets = {.kind = PROCESS_SOCKET_TCP_V4, .count = 32}};
	struct process_message unlisten = {.type = PROCESS_UNLISTEN, .tunnel = 63};
	static const uint8_t slot[] = {PROCESS_VERSION, PROCESS_UNLISTEN, 0, 0, 0, 64};
	static const uint8_t type[] = {PROCESS_VERSION, PROCESS_TYPE_COUNT, 0, 0, 0, 0};
	static const uint8_t longer[] = {PROCESS_VERSION, PROCESS_UNLISTEN, 0, 0, 0, 0, 0};
	/* What has it open is found by its name. */
	const int marked = memfd_create("attack", MFD_CLOEXEC);
	if (strcmp(plan, "flood") == 0)
		flood();
	if (strcmp(plan, "slot") == 0) {
		send_bytes(slot, sizeof slot, marked);
	} else if (strcmp(plan, "type") == 0) {
		(void)send(SUPERVISOR_CHANNEL, type, sizeof type, 0);
	} else if (strcmp(plan, "length") == 0) {
		(void)send(SUPERVISOR_CHANNEL, longer, sizeof longer, 0);
	} else if (strcmp(plan, "descriptors") == 0) {
		const int both[] = {marked, marked};
		(void)channel_send(SUPERVISOR_CHANNEL, &unlisten, both, 2);
	} else if (strcmp(plan, "journals") == 0) {
		send_journals(marked);
	} else {
		send_listen(53, 0, 1);
		send_listen(51820, 0x756dff00, 1);
		send_listen(51820, 0, 16);
		(void)channel_send(SUPERVISOR_CHANNEL, &mark, NULL, 0);
		(void)channel_send(SUPERVISOR_CHANNEL, &sockets, NULL, 0);
		(void)channel_send(SUPERVISOR_CHANNEL, &unlisten, NULL, 0);
		hostile_settings();
	}
	log_error("the messages were sent");
}

static uint64_t run_device(struct net_device *device, uint64_t now) {
	uint64_t next = device_ops.run ? device_ops.run(device, now) : CLOCK_NEVER;
	if (!plan)
		return next;
	if (attack_at == 0)
		attack_at = now + CLOCK_SECOND;
	if (now < attack_at)
		return attack_at < next ? attack_at : next;
	send_all();
	plan = NULL;
	return next;
}

/* The control process: */

void compromised_ask(struct process_message *message, const char *text) {
	static uint16_t request = 1;
	struct channel_message answer = {.count = 0};
	int descriptor = -1;
	message->request = request++;
	if (text && shared_text_new(slice_of(text, strlen(text)), &descriptor))
		return;
	if (channel_send(SUPERVISOR_CHANNEL, message, &descriptor, descriptor >= 0))
		return;
	do {
		channel_message_done(&answer);
		if (channel_wait(SUPERVISOR_CHANNEL, POLLIN, clock_now() + 5 * CLOCK_SECOND) ||
			channel_receive(SUPERVISOR_CHANNEL, &answer))
			return;
	} while (answer.message.type != PROCESS_RESULT);
	log_error("answer to message %d: %u %s", (int)message->type, answer.message.result.error,
			  answer.message.result.text);
	channel_message_done(&answer);
}

static int control_attack(int count, char *const *arguments) {
	struct sandbox sandbox = {.on = false};
	const char *folder = "/";
	struct channel_message start = {.count = 0};
	log_init(LOG_ERROR, "compromised control");
	for (int i = 2; i < count; i++) {
		if (strncmp(arguments[i], SANDBOX_ARGUMENT, sizeof SANDBOX_ARGUMENT - 1) == 0)
			(void)sandbox_parse(arguments[i] + sizeof SANDBOX_ARGUMENT - 1, &sandbox);
		if (strncmp(arguments[i], CONTROL_STORE_ARGUMENT, sizeof CONTROL_STORE_ARGUMENT - 1) == 0)
			folder = arguments[i] + sizeof CONTROL_STORE_ARGUMENT - 1;
	}
	if (channel_wait(SUPERVISOR_CHANNEL, POLLIN, clock_now() + 5 * CLOCK_SECOND) ||
		channel_receive(SUPERVISOR_CHANNEL, &start) || sandbox_enter_control(&sandbox, folder))
		return 1;
	struct process_message ready = {.type = PROCESS_READY};
	(void)channel_send(SUPERVISOR_CHANNEL, &ready, NULL, 0);
	if (strcmp(plan, "site") == 0) {
		hostile_control();
		return 0;
	}
	struct process_message up = {.type = PROCESS_UP, .order = {"nosuch"}};
	struct process_message down = {.type = PROCESS_DOWN, .order = {"../../etc"}};
	struct process_message routes = {.type = PROCESS_ROUTES};
	struct process_message far = {.type = PROCESS_ROUTES, .tunnel = 63};
	struct process_message own = {.type = PROCESS_UP};
	const char *name = getenv("UMBRA_ATTACK_TUNNEL");
	(void)snprintf(own.order.name, sizeof own.order.name, "%s", name ? name : "");
	compromised_ask(&own, NULL);
	compromised_ask(&up, NULL);
	compromised_ask(&down, NULL);
	compromised_ask(&routes, "0.0.0.0/0\n::/0\n0.0.0.0/1\n128.0.0.0/1\n198.51.100.0/24\n");
	compromised_ask(&routes, "not a prefix\n");
	compromised_ask(&far, "198.51.100.0/24\n");
	/* A level that there is not ends this process. */
	static const uint8_t level[] = {PROCESS_VERSION, PROCESS_LOG, 0, 99, 0, 0, 200};
	(void)send(SUPERVISOR_CHANNEL, level, sizeof level, 0);
	log_error("the messages were sent");
	(void)pause();
	return 0;
}

static const struct net_device_ops *find(const char *protocol) {
	static struct net_device_ops ops;
	if (plan && strcmp(plan, "settings") == 0)
		return hostile_settings_find(protocol);
	bool hostile = plan && strcmp(plan, "streams") == 0;
	const struct net_device_ops *streams = hostile_net_find(protocol, hostile);
	if (streams || hostile)
		return streams ? streams : &device_ops;
	ops = device_ops;
	ops.run = run_device;
	return &ops;
}

int main(int count, char **arguments) {
	const char *once = getenv("UMBRA_ATTACK_ONCE"), *wanted = getenv("UMBRA_ATTACK");
	const char *first = count > 1 ? arguments[1] : "";
	if (strcmp(first, "attack") == 0 && count > 3)
		return attacks_main(arguments[2], arguments[3], arguments[4]);
	if (strcmp(first, "list") == 0) {
		hostile_net_list();
		return 0;
	}
	bool is_control = strcmp(first, CONTROL_ARGUMENT) == 0;
	bool is_meant =
		wanted && (strcmp(wanted, "control") == 0 || strcmp(wanted, "site") == 0) == is_control;
	if (is_meant && once && strncmp(first, "--process=", 10) == 0 &&
		open(once, O_CREAT | O_EXCL | O_CLOEXEC, 0600) >= 0)
		plan = wanted;
	if (wanted && strcmp(wanted, "settings") == 0 && strcmp(first, NET_ARGUMENT) == 0) {
		plan = wanted;
		hostile_settings_listen();
		return programs_run(count, arguments, find);
	}
	if (plan && is_control)
		return control_attack(count, arguments);
	if (plan)
		hostile_net_listen();
	return programs_run(count, arguments, find);
}
