/*
 * udp_load FROM TO ADDRESS PAYLOAD RATE MILLISECONDS
 *
 * Sends UDP datagrams of PAYLOAD bytes from one network namespace (a path below /run/netns) to
 * ADDRESS, which is in the other, RATE a second, and counts what arrives. RATE 0: as many as go.
 * Prints: datagrams sent, datagrams received, seconds of sending.
 *
 * Datagrams go by sendmmsg one by one (no segmentation offload at this end): that is what a program
 * with small packets does. Both sockets have large buffers, so that what is lost is lost between.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH = 32,
	PAYLOAD_MAX = 1472,
	/* The marker that tells this run's datagrams from stragglers of an earlier one. */
	PAYLOAD_MIN = 8,
	PORT = 40004,
	SOCKET_BUFFER = 8 << 20,
};

#define TICK_NS 200000LL
/* A sender that was not scheduled makes up for at most this much, not in one endless burst. */
#define DEBT_NS 2000000LL
/* After the last datagram was sent, and then without one received, this long. */
#define SILENCE_US 100000

struct receiver {
	int socket;
	uint64_t marker;
	atomic_bool ending;
	uint64_t received;
};

struct load {
	int socket;
	uint64_t marker;
	size_t payload;
	uint64_t rate; /* datagrams a second; 0: no limit */
	int64_t duration_ns;
};

_Noreturn static void fail(const char *what) {
	fprintf(stderr, "udp_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int socket_in(const char *namespace) {
	int handle = open(namespace, O_RDONLY | O_CLOEXEC);
	if (handle < 0 || setns(handle, CLONE_NEWNET) < 0)
		fail(namespace);
	close(handle);
	int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (made < 0)
		fail("socket");
	int size = SOCKET_BUFFER;
	if (setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
		setsockopt(made, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		fail("socket buffers");
	return made;
}

static void *receive(void *context) {
	struct receiver *receiver = context;
	uint64_t heads[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	memset(messages, 0, sizeof messages);
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){&heads[i], sizeof heads[i]};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		bool ending = atomic_load(&receiver->ending);
		/* The socket's time limit makes this return 0 datagrams after SILENCE_US. */
		int count = recvmmsg(receiver->socket, messages, BATCH, MSG_WAITFORONE, NULL);
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			fail("recvmmsg");
		if (count < 0 && ending)
			return NULL;
		for (int i = 0; i < count; i++)
			receiver->received +=
				messages[i].msg_len == sizeof heads[i] && heads[i] == receiver->marker;
	}
}

/* Sends up to count datagrams; returns how many the kernel took. What it refuses is lost. */
static uint64_t send_some(const struct load *load, struct mmsghdr *messages, uint64_t count) {
	uint64_t sent = 0;
	while (sent < count) {
		uint64_t left = count - sent;
		int done = sendmmsg(load->socket, messages, left < BATCH ? (unsigned)left : BATCH, 0);
		if (done < 0 && errno != ENOBUFS && errno != EINTR)
			fail("sendmmsg");
		sent += done < 0 ? 1 : (uint64_t)done;
	}
	return sent;
}

static uint64_t send_load(const struct load *load, double *out_seconds) {
	static uint8_t bytes[PAYLOAD_MAX];
	struct iovec part = {bytes, load->payload};
	struct mmsghdr messages[BATCH];
	memcpy(bytes, &load->marker, sizeof load->marker);
	memset(messages, 0, sizeof messages);
	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	uint64_t sent = 0;
	int64_t begin = now_ns(), paid = begin, now = begin;
	while (now - begin < load->duration_ns) {
		if (!load->rate) {
			sent += send_some(load, messages, BATCH);
		} else {
			if (now - paid > DEBT_NS)
				paid = now - DEBT_NS;
			uint64_t due = (uint64_t)(now - paid) * load->rate / 1000000000;
			sent += send_some(load, messages, due);
			paid += (int64_t)(due * 1000000000 / load->rate);
			struct timespec tick = {0, TICK_NS};
			nanosleep(&tick, NULL);
		}
		now = now_ns();
	}
	*out_seconds = (double)(now - begin) / 1e9;
	return sent;
}

static uint64_t number(const char *text, uint64_t least, uint64_t most) {
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most) {
		fprintf(stderr, "udp_load: %s: not from %llu to %llu\n", text, (unsigned long long)least,
				(unsigned long long)most);
		exit(2);
	}
	return value;
}

int main(int count, char **arguments) {
	if (count != 7) {
		fprintf(stderr, "usage: udp_load FROM TO ADDRESS PAYLOAD RATE MILLISECONDS\n");
		return 2;
	}
	struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	if (inet_pton(AF_INET, arguments[3], &target.sin_addr) != 1) {
		fprintf(stderr, "udp_load: %s: no IPv4 address\n", arguments[3]);
		return 2;
	}
	struct load load = {
		.marker = (uint64_t)now_ns(),
		.payload = number(arguments[4], PAYLOAD_MIN, PAYLOAD_MAX),
		.rate = number(arguments[5], 0, 100000000),
		.duration_ns = (int64_t)number(arguments[6], 1, 600000) * 1000000,
	};
	struct receiver receiver = {.marker = load.marker};
	receiver.socket = socket_in(arguments[2]);
	struct timeval silence = {0, SILENCE_US};
	if (bind(receiver.socket, (struct sockaddr *)&target, sizeof target) < 0 ||
		setsockopt(receiver.socket, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) < 0)
		fail("receiving socket");
	load.socket = socket_in(arguments[1]);
	if (connect(load.socket, (struct sockaddr *)&target, sizeof target) < 0)
		fail("connect");
	pthread_t thread;
	if ((errno = pthread_create(&thread, NULL, receive, &receiver)) != 0)
		fail("thread");
	double seconds;
	uint64_t sent = send_load(&load, &seconds);
	atomic_store(&receiver.ending, true);
	pthread_join(thread, NULL);
	printf("%llu %llu %.6f\n", (unsigned long long)sent, (unsigned long long)receiver.received,
		   seconds);
	return 0;
}
