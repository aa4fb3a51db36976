#include "bench/generator/flood.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/generator/fail.h"
#include "bench/generator/pace.h"

enum {
	BATCH = 32,
	SEND_BUFFER = 4 << 20,
	/* First bytes of the sources: none that is private, looped back, or multicast. */
	SOURCE_LEAST = 11,
	SOURCE_COUNT = 80,
};

#define TICK (200 * CLOCK_MICROSECOND)
/* The rate is to be kept; bursts only make it worse for the server. */
#define DEBT (100 * CLOCK_MILLISECOND)

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[WIREGUARD_INITIATION_SIZE];
};

/* xorshift64*: sources need to differ, not to be unforeseeable. */
static uint64_t next_number(uint64_t *state) {
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545F4914F6CDD1D);
}

static void make(const struct flood_plan *plan, struct datagram *datagrams) {
	for (uint32_t i = 0; i < FLOOD_MESSAGES; i++) {
		struct client stranger;
		must(client_init(&stranger, &plan->server, ~plan->seed, i, i + 1) == ERR_OK &&
				 client_initiate(&stranger, clock_wall_now(), clock_now(), datagrams[i].payload) ==
					 ERR_OK,
			 "a stranger's initiation");
		client_done(&stranger);
		datagrams[i].ip = (struct iphdr){
			.version = 4,
			.ihl = sizeof datagrams[i].ip / 4,
			.tot_len = htons(sizeof datagrams[i]),
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.daddr = plan->server.at.sin_addr.s_addr,
		};
		datagrams[i].udp = (struct udphdr){
			.dest = plan->server.at.sin_port,
			.len = htons(sizeof datagrams[i].udp + sizeof datagrams[i].payload),
			/* No checksum, as IPv4 allows; the kernel fills in that of the header. */
		};
	}
}

static int open_socket(void) {
	int made = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), size = SEND_BUFFER;
	must(made >= 0, "raw socket");
	must(setsockopt(made, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) == 0, "socket buffer");
	return made;
}

static void disguise(struct datagram *datagram, uint64_t *state) {
	uint64_t number = next_number(state);
	uint8_t source[4];
	memcpy(source, &number, sizeof source);
	source[0] = (uint8_t)(SOURCE_LEAST + source[0] % SOURCE_COUNT);
	memcpy(&datagram->ip.saddr, source, sizeof source);
	datagram->udp.source = htons((uint16_t)(1024 + (number >> 32) % 64000));
}

void flood_run(const struct flood_plan *plan, struct flood_result *out_result) {
	auto_free struct datagram *datagrams = calloc(FLOOD_MESSAGES, sizeof *datagrams);
	must(datagrams, "memory");
	make(plan, datagrams);
	auto_close int handle = open_socket();
	struct sockaddr_in to = plan->server.at;
	to.sin_port = 0; /* it is in the packet */
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	uint64_t state = plan->seed | 1, begin = clock_now(), end = begin + plan->duration;
	uint64_t sent = 0, now = begin;
	size_t at = 0;
	struct pace pace;
	pace_init(&pace, plan->rate, DEBT, begin);
	for (; now < end; now = clock_now()) {
		uint32_t due = pace_take(&pace, now, BATCH);
		for (uint32_t i = 0; i < due; i++, at = (at + 1) % FLOOD_MESSAGES) {
			disguise(&datagrams[at], &state);
			parts[i] = (struct iovec){&datagrams[at], sizeof datagrams[at]};
			messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &to,
													   .msg_namelen = sizeof to,
													   .msg_iov = &parts[i],
													   .msg_iovlen = 1}};
		}
		if (due > 0) {
			int done = sendmmsg(handle, messages, due, 0);
			must(done >= 0 || errno == ENOBUFS || errno == EINTR, "sendmmsg");
			sent += done > 0 ? (uint64_t)done : 0;
		}
		if (due < BATCH) {
			const struct timespec tick = {0, TICK};
			(void)nanosleep(&tick, NULL);
		}
	}
	*out_result = (struct flood_result){.sent = sent, .seconds = (double)(now - begin) / 1e9};
}
