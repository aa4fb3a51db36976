/*
 * round_trip ADDRESS COUNT INTERVAL_US
 *
 * Sends COUNT ICMP echo requests, one each INTERVAL_US, whether or not answers come, and prints the
 * time there and back of each in microseconds, a line each; "lost" for those without an answer
 * a second after the last was sent.
 *
 * The far kernel answers by itself, and an answer's time is the kernel's own timestamp: how late
 * this program or another one is scheduled at either end is not measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MAX = 65535 };

#define LAST_WAIT_NS 1000000000LL

struct echo {
	struct icmphdr head;
	uint8_t padding[56];
};

static int64_t sent_ns[COUNT_MAX], trip_ns[COUNT_MAX];

_Noreturn static void fail(const char *what) {
	fprintf(stderr, "round_trip: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The clock of the kernel's timestamps; it may be set, which during a run nobody should do. */
static int64_t now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static uint16_t checksum(const struct echo *echo) {
	uint16_t words[sizeof *echo / 2];
	uint32_t sum = 0;
	memcpy(words, echo, sizeof words);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

static void ask(int handle, uint16_t number) {
	struct echo echo = {.head.type = ICMP_ECHO};
	echo.head.un.echo.id = htons((uint16_t)getpid());
	echo.head.un.echo.sequence = htons(number);
	echo.head.checksum = checksum(&echo);
	sent_ns[number] = now_ns();
	/* A full queue counts as lost. */
	if (send(handle, &echo, sizeof echo, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
		fail("send");
}

/* Takes all answers that are there. */
static void take(int handle, uint32_t count) {
	for (;;) {
		uint8_t packet[sizeof(struct iphdr) + 40 + sizeof(struct echo)];
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
		struct iovec part = {packet, sizeof packet};
		struct msghdr message = {.msg_iov = &part,
								 .msg_iovlen = 1,
								 .msg_control = control,
								 .msg_controllen = sizeof control};
		ssize_t size = recvmsg(handle, &message, MSG_DONTWAIT);
		if (size < 0)
			return;
		struct iphdr ip;
		struct icmphdr head;
		if ((size_t)size < sizeof ip)
			continue;
		memcpy(&ip, packet, sizeof ip);
		size_t offset = (size_t)ip.ihl * 4;
		if ((size_t)size < offset + sizeof head)
			continue;
		memcpy(&head, packet + offset, sizeof head);
		uint16_t number = ntohs(head.un.echo.sequence);
		struct cmsghdr *stamp = CMSG_FIRSTHDR(&message);
		if (head.type != ICMP_ECHOREPLY || head.un.echo.id != htons((uint16_t)getpid()) ||
			number >= count || trip_ns[number] || !stamp || stamp->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		struct timespec at;
		memcpy(&at, CMSG_DATA(stamp), sizeof at);
		trip_ns[number] = at.tv_sec * 1000000000LL + at.tv_nsec - sent_ns[number];
	}
}

static void run(int handle, uint32_t count, int64_t interval_ns) {
	int64_t begin = now_ns(), end = begin + count * interval_ns + LAST_WAIT_NS;
	uint32_t next = 0;
	for (int64_t now = begin; now < end; now = now_ns()) {
		take(handle, count);
		int64_t due = next < count ? begin + next * interval_ns : end;
		if (due <= now && next < count) {
			ask(handle, (uint16_t)next++);
			continue;
		}
		if (next == count) {
			uint32_t answered = 0;
			while (answered < count && trip_ns[answered])
				answered++;
			if (answered == count)
				return;
		}
		int64_t wait = due - now;
		struct timespec limit = {wait / 1000000000, wait % 1000000000};
		struct pollfd readable = {.fd = handle, .events = POLLIN};
		ppoll(&readable, 1, &limit, NULL);
	}
}

int main(int count, char **arguments) {
	struct sockaddr_in target = {.sin_family = AF_INET};
	if (count != 4 || inet_pton(AF_INET, arguments[1], &target.sin_addr) != 1) {
		fprintf(stderr, "usage: round_trip ADDRESS COUNT INTERVAL_US\n");
		return 2;
	}
	long packets = strtol(arguments[2], NULL, 10), interval = strtol(arguments[3], NULL, 10);
	if (packets < 1 || packets > COUNT_MAX || interval < 1 || interval > 10000000) {
		fprintf(stderr, "round_trip: COUNT to %d, INTERVAL_US to 10000000\n", COUNT_MAX);
		return 2;
	}
	int handle = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), on = 1;
	if (handle < 0 || setsockopt(handle, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
		connect(handle, (struct sockaddr *)&target, sizeof target) < 0)
		fail("socket");
	run(handle, (uint32_t)packets, interval * 1000LL);
	for (long i = 0; i < packets; i++) {
		if (trip_ns[i])
			printf("%.1f\n", (double)trip_ns[i] / 1e3);
		else
			puts("lost");
	}
	return 0;
}
