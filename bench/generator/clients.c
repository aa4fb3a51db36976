/*
 * Many clients of a server in one process: keys, handshakes, load, and a flood of strangers.
 * bench/run starts it inside namespaces; arguments.c has the usage.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "bench/generator/arguments.h"
#include "bench/generator/exchange.h"
#include "bench/generator/fail.h"
#include "bench/generator/flood.h"
#include "bench/generator/identity.h"
#include "bench/generator/load.h"

/* Of this process, with what the kernel did on its account. */
static double processor_seconds(void) {
	struct rusage usage;
	must(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void print_keys(const struct arguments *arguments) {
	for (uint64_t i = 0; i < arguments->count; i++) {
		uint32_t number = (uint32_t)(arguments->first + i);
		uint8_t key[X25519_KEY_SIZE];
		char key_text[TEXT_KEY_BASE64_SIZE], address_text[ADDRESS_TEXT_SIZE];
		must(identity_public(arguments->seed, number, key) == ERR_OK, "a client's key");
		text_key_encode(key, key_text);
		struct address address = identity_address(number);
		address_format(&address, address_text);
		printf("%s %s\n", key_text, address_text);
	}
}

static struct client_server server_of(const struct arguments *arguments) {
	struct client_server server;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(arguments->server.port)};
	memcpy(&at.sin_addr, arguments->server.address.bytes, sizeof at.sin_addr);
	must(client_server_init(&server, arguments->key, &at) == ERR_OK, "the server's key");
	return server;
}

static void open_crowd(const struct arguments *arguments, struct crowd *out_crowd) {
	const struct crowd_options options = {
		.server = server_of(arguments),
		.seed = arguments->seed,
		.first = (uint32_t)arguments->first,
		.count = (uint32_t)arguments->count,
		.sockets = (uint32_t)arguments->sockets,
		.aead = arguments->aead,
	};
	crowd_init(out_crowd, &options);
}

static void exchange(const struct arguments *arguments, struct crowd *crowd,
					 struct exchange_result *out_result) {
	const struct exchange_plan plan = {
		.window = (uint32_t)arguments->window,
		.limit = arguments->limit_ms * CLOCK_MILLISECOND,
		.again = arguments->again_ms * CLOCK_MILLISECOND,
		.every = arguments->every_ms * CLOCK_MILLISECOND,
		.cookie_wait = arguments->cookie_wait_ms == ARGUMENTS_NO_WAIT
						   ? CLOCK_NEVER
						   : arguments->cookie_wait_ms * CLOCK_MILLISECOND,
		.prepared = arguments->mode == ARGUMENTS_HANDSHAKES,
	};
	exchange_run(crowd, &plan, out_result);
}

static void print_times(const char *name, const uint64_t *times, size_t count) {
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%.3f", i ? ", " : "", (double)times[i] / 1e6);
	printf("]");
}

static void shake_hands(const struct arguments *arguments) {
	struct crowd crowd;
	struct exchange_result result;
	open_crowd(arguments, &crowd);
	exchange(arguments, &crowd, &result);
	printf("{\"completed\": %u, \"attempts\": %u, \"cookies\": %u, \"seconds\": %.6f, "
		   "\"cpu\": %.3f",
		   result.completed, result.attempts, result.cookies, result.seconds, processor_seconds());
	print_times("milliseconds", result.times, crowd.count);
	puts("}");
	free(result.times);
	crowd_done(&crowd);
}

static void sleep_until(uint64_t then) {
	for (uint64_t now; (now = clock_now()) < then;) {
		uint64_t left = then - now;
		const struct timespec wait = {(time_t)(left / CLOCK_SECOND), (long)(left % CLOCK_SECOND)};
		(void)nanosleep(&wait, NULL);
	}
}

static void load(const struct arguments *arguments) {
	uint64_t begin = clock_now();
	struct crowd crowd;
	struct exchange_result connected;
	open_crowd(arguments, &crowd);
	exchange(arguments, &crowd, &connected);
	must(connected.completed == crowd.count, "not all clients got a session");
	const struct load_plan plan = {
		.shape = {.to = arguments->to,
				  .port = (uint16_t)arguments->port,
				  .packet_size = (uint16_t)arguments->size,
				  .packets = (uint16_t)arguments->burst},
		.rate = (double)arguments->rate,
		.duration = arguments->duration_ms * CLOCK_MILLISECOND,
		.probe_interval = arguments->probe_us * CLOCK_MICROSECOND,
	};
	struct load_result result;
	sleep_until(begin + arguments->start_ms * CLOCK_MILLISECOND);
	double before = processor_seconds();
	load_run(&crowd, &plan, &result);
	printf("{\"packets\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"seconds\": %.6f, "
		   "\"cpu\": %.3f, \"connected_seconds\": %.6f, \"probes\": %" PRIu64,
		   result.packets, result.refused, result.seconds, processor_seconds() - before,
		   connected.seconds, result.probes);
	print_times("milliseconds", result.trips, result.trip_count);
	puts("}");
	free(result.trips);
	free(connected.times);
	crowd_done(&crowd);
}

static void flood(const struct arguments *arguments) {
	const struct flood_plan plan = {
		.server = server_of(arguments),
		.seed = arguments->seed,
		.rate = (double)arguments->rate,
		.duration = arguments->duration_ms * CLOCK_MILLISECOND,
	};
	struct flood_result result;
	flood_run(&plan, &result);
	printf("{\"packets\": %" PRIu64 ", \"seconds\": %.6f, \"cpu\": %.3f}\n", result.sent,
		   result.seconds, processor_seconds());
}

int main(int count, char **words) {
	struct arguments arguments;
	const char *wrong;
	if (arguments_parse(count, words, &arguments, &wrong) != ERR_OK) {
		if (wrong)
			(void)fprintf(stderr, "clients: %s: wrong\n", wrong);
		(void)fputs(arguments_usage, stderr);
		return 2;
	}
	switch (arguments.mode) {
	case ARGUMENTS_KEYS:
		print_keys(&arguments);
		break;
	case ARGUMENTS_CONNECT:
	case ARGUMENTS_HANDSHAKES:
		shake_hands(&arguments);
		break;
	case ARGUMENTS_LOAD:
		load(&arguments);
		break;
	case ARGUMENTS_FLOOD:
		flood(&arguments);
		break;
	}
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
