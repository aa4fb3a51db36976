#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/channel.h"
#include "daemon/shared_text.h"
#include "daemon/supervisor.h"
#include "hostile.h"
#include "loop/loop.h"
#include "wire/process_settings.h"

enum { WORDS_MAX = 16, FLOOD = 2000 };

static void send_memory(uint16_t slot, const uint8_t public_key[static PROCESS_KEY_SIZE],
						struct slice bytes) {
	struct process_message message = {.type = PROCESS_SETTINGS, .tunnel = slot};
	memcpy(message.settings.public_key, public_key, sizeof message.settings.public_key);
	int memory;
	if (shared_text_new(bytes, &memory))
		return;
	(void)channel_send_until(SUPERVISOR_CHANNEL, &message, &memory, 1,
							 clock_now() + 2 * CLOCK_SECOND);
	(void)close(memory);
}

static void send_settings(uint16_t slot, const uint8_t public_key[static PROCESS_KEY_SIZE],
						  const struct interface_settings *settings) {
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	if (!process_settings_encode(settings, data, &size))
		send_memory(slot, public_key, slice_of(data, size));
}

/* 198.51.100.0/24 is nobody else's. */
void hostile_settings(void) {
	static const uint8_t nobody[PROCESS_KEY_SIZE];
	struct interface_settings settings = {.mtu = 576, .address_count = 1, .route_count = 1};
	(void)prefix_parse("198.51.100.66", &settings.addresses[0]);
	(void)prefix_parse("198.51.100.0/24", &settings.routes[0]);
	send_settings(0, nobody, &settings);
}

/* A client's device that has no peer at all, and says of its server what it is told to: */

static const struct word {
	const char *addresses, *routes, *servers, *domain;
	uint16_t mtu;
} words[] = {
	{"10.66.0.7/24 fd66::7/64", "10.9.0.0/16 fd09::/48", "10.66.0.1", "umbra.test", 1300},
	{"10.67.0.9/24 fd66::7/64", "10.10.0.0/16 fd09::/48", "10.67.0.1", NULL, 0},
	{NULL, NULL, NULL, NULL, 0},
	/* The neighbours, the server, everybody. */
	{"198.18.0.1/32 198.18.0.2/24 203.0.113.9/32 127.0.0.2/8 10.66.0.7/1",
	 "0.0.0.0/0 128.0.0.0/1 ::/0 198.18.0.0/24 198.18.0.1/32 203.0.113.0/24 224.0.0.0/8 "
	 "10.9.0.0/16",
	 "127.0.0.53 ff02::fb 10.66.0.1", NULL, 576},
	/* The first again, and a route that somebody else has already. */
	{"10.66.0.7/24 fd66::7/64", "10.9.0.0/16 10.20.0.0/16", "10.66.0.1", "umbra.test", 1300},
};
enum {
	WORDS = sizeof words / sizeof words[0],
	ORDER_OTHER = WORDS, /* the first word, by somebody else */
	ORDER_FLOOD,
	ORDER_BROKEN,
};

struct net_device {
	struct net_start start;
	int descriptors[PROCESS_SHARDS_MAX + 1];
	uint8_t server[PROCESS_KEY_SIZE];
};

static volatile sig_atomic_t ordered = -1;
static struct loop *loop;

static bool next_word(const char **text, char out[static ADDRESS_TEXT_SIZE]) {
	if (!*text || !**text)
		return false;
	size_t size = strcspn(*text, " ");
	(void)snprintf(out, ADDRESS_TEXT_SIZE, "%.*s", (int)size, *text);
	*text += size + ((*text)[size] == ' ');
	return true;
}

/* With its host bits. */
static struct prefix prefix_of(char *text) {
	struct prefix prefix = {.length = 0};
	(void)prefix_parse(text, &prefix);
	text[strcspn(text, "/")] = '\0';
	(void)address_parse(text, &prefix.address);
	return prefix;
}

static struct interface_settings settings_of(const struct word *word) {
	struct interface_settings settings = {.mtu = word->mtu};
	char text[ADDRESS_TEXT_SIZE];
	const char *addresses = word->addresses, *routes = word->routes, *servers = word->servers;
	while (next_word(&addresses, text))
		settings.addresses[settings.address_count++] = prefix_of(text);
	while (next_word(&routes, text))
		settings.routes[settings.route_count++] = prefix_of(text);
	while (next_word(&servers, text))
		(void)address_parse(text, &settings.servers[settings.server_count++]);
	if (word->domain) {
		settings.domain_count = 1;
		(void)snprintf(settings.domains[0], sizeof settings.domains[0], "%s", word->domain);
	}
	return settings;
}

static void carry_out(const struct net_device *device, int order) {
	static const uint8_t somebody[PROCESS_KEY_SIZE] = {1};
	uint16_t slot = device->start.slot;
	struct interface_settings settings = settings_of(&words[order < WORDS ? order : 0]);
	if (order < WORDS)
		send_settings(slot, device->server, &settings);
	if (order == ORDER_OTHER)
		send_settings(slot, somebody, &settings);
	for (unsigned i = 0; order == ORDER_FLOOD && i < FLOOD; i++) {
		settings.mtu = (uint16_t)(600 + i);
		send_settings(slot, device->server, &settings);
	}
	/* What is broken is told of first: this process is killed as soon as it is read. */
	log_error("hostile end of word %d", order);
	if (order == ORDER_BROKEN)
		send_memory(slot, device->server, slice_of_text("settings"));
}

static enum err device_new(const struct net_start *start, struct net_device **out_device) {
	struct net_device *device = calloc(1, sizeof *device);
	if (!device)
		return ERR_NO_MEMORY;
	device->start = *start;
	loop = start->loop;
	for (uint8_t i = 0; i < start->shards; i++)
		device->descriptors[i] = start->queues[i];
	device->descriptors[start->shards] = start->journal;
	*out_device = device;
	return ERR_OK;
}

static void device_free(struct net_device *device) {
	for (uint8_t i = 0; i <= device->start.shards; i++)
		(void)close(device->descriptors[i]);
	free(device);
}

static void device_link(struct net_device *device, uint32_t mtu, bool up) {
}

/* The peer is the server; what leads to it is told, as the kernel is by privileged. */
static int device_set(struct net_device *device, struct slice text) {
	char line[256];
	for (size_t at = 0; at < text.size;) {
		size_t size = 0;
		while (at + size < text.size && text.data[at + size] != '\n')
			size++;
		(void)snprintf(line, sizeof line, "%.*s", (int)size, (const char *)text.data + at);
		if (strncmp(line, "public_key=", 11) == 0)
			(void)text_hex_decode(line + 11, strlen(line + 11), device->server,
								  sizeof device->server);
		if (strncmp(line, "allowed_ip=", 11) == 0)
			log_error("hostile device: %s", line);
		at += size + 1;
	}
	return 0;
}

static bool device_of_peers(const struct net_device *device, struct slice text) {
	return false;
}

static int device_get(struct net_device *device, struct uapi_text *out_text) {
	uapi_put_number(out_text, "listen_port", 0);
	return 0;
}

static uint64_t device_run(struct net_device *device, uint64_t now) {
	int order = ordered;
	if (order < 0)
		return CLOCK_NEVER; /* one that comes right now is kept */
	ordered = -1;
	carry_out(device, order);
	return CLOCK_NEVER;
}

const struct net_device_ops *hostile_settings_find(const char *protocol) {
	static const struct net_device_ops ops = {
		.new = device_new,
		.free = device_free,
		.link = device_link,
		.set = device_set,
		.of_peers = device_of_peers,
		.get = device_get,
		.status = device_get,
		.run = device_run,
	};
	return &ops;
}

static void take_order(int number, siginfo_t *info, void *context) {
	ordered = info->si_value.sival_int;
	if (loop)
		loop_wake(loop);
}

void hostile_settings_listen(void) {
	const struct sigaction action = {.sa_sigaction = take_order, .sa_flags = SA_SIGINFO};
	(void)sigaction(SIGUSR2, &action, NULL);
}
