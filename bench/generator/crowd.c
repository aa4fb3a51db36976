#include "bench/generator/crowd.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/generator/fail.h"

enum {
	READY = 64,            /* sockets of one wait */
	MESSAGES = 32,         /* datagrams of one system call */
	MESSAGE_SIZE = 2048,   /* more than any of the server's */
	SEND_BUFFER = 4 << 20, /* what is lost shall be lost further on */
	RECEIVE_BUFFER = 1 << 20,
	DESCRIPTORS = 64, /* besides the sockets */
};

static int open_socket(const struct crowd *crowd) {
	int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(made >= 0, "socket");
	int send_size = SEND_BUFFER, receive_size = RECEIVE_BUFFER;
	must(setsockopt(made, SOL_SOCKET, SO_SNDBUFFORCE, &send_size, sizeof send_size) == 0 &&
			 setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &receive_size, sizeof receive_size) == 0,
		 "socket buffers");
	must(connect(made, (const struct sockaddr *)&crowd->server.at, sizeof crowd->server.at) == 0,
		 "connect");
	struct epoll_event event = {.events = EPOLLIN, .data.fd = made};
	must(epoll_ctl(crowd->poll, EPOLL_CTL_ADD, made, &event) == 0, "epoll_ctl");
	return made;
}

static void raise_limit(uint32_t sockets) {
	struct rlimit limit;
	must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	errno = 0;
	must(limit.rlim_max >= sockets + DESCRIPTORS, "not so many sockets (ulimit -Hn)");
}

void crowd_init(struct crowd *crowd, const struct crowd_options *options) {
	*crowd = (struct crowd){
		.server = options->server,
		.backend = aead_backend_find(options->aead),
		.count = options->count,
		.socket_count = options->sockets,
		.poll = epoll_create1(EPOLL_CLOEXEC),
	};
	must(crowd->poll >= 0, "epoll");
	errno = 0;
	must(crowd->backend, "no such AEAD back end");
	must(aead_worker_new(crowd->backend, &crowd->worker) == ERR_OK, "AEAD worker");
	crowd->clients = calloc(crowd->count, sizeof *crowd->clients);
	crowd->sockets = calloc(crowd->socket_count, sizeof *crowd->sockets);
	crowd->buffers = malloc(MESSAGES * MESSAGE_SIZE);
	must(crowd->clients && crowd->sockets && crowd->buffers, "memory");
	for (uint32_t i = 0; i < crowd->count; i++)
		must(client_init(&crowd->clients[i], &crowd->server, options->seed, options->first + i,
						 i + 1) == ERR_OK,
			 "a client's keys");
	raise_limit(crowd->socket_count);
	for (uint32_t i = 0; i < crowd->socket_count; i++)
		crowd->sockets[i] = open_socket(crowd);
}

void crowd_done(struct crowd *crowd) {
	for (uint32_t i = 0; i < crowd->socket_count; i++)
		(void)close(crowd->sockets[i]);
	for (uint32_t i = 0; i < crowd->count; i++)
		client_done(&crowd->clients[i]);
	(void)close(crowd->poll);
	aead_worker_free(crowd->worker);
	free(crowd->clients);
	free(crowd->sockets);
	free(crowd->buffers);
}

void crowd_segment(struct crowd *crowd, size_t datagram_size) {
	int size = (int)datagram_size;
	for (uint32_t i = 0; i < crowd->socket_count; i++)
		must(setsockopt(crowd->sockets[i], SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0,
			 "UDP_SEGMENT");
}

bool crowd_send(struct crowd *crowd, const struct client *client, const uint8_t *data,
				size_t size) {
	int handle = crowd->sockets[(client->index - 1) % crowd->socket_count];
	while (send(handle, data, size, 0) < 0) {
		/* Refused: nobody listened when an earlier one came. This one was not sent yet. */
		if (errno == EINTR)
			continue;
		if (errno == ENOBUFS || errno == ECONNREFUSED)
			return false;
		fail("send");
	}
	return true;
}

static void take_all(struct crowd *crowd, int handle, const struct crowd_taker *taker) {
	struct iovec parts[MESSAGES];
	struct mmsghdr messages[MESSAGES];
	for (size_t i = 0; i < MESSAGES; i++) {
		parts[i] = (struct iovec){crowd->buffers + i * MESSAGE_SIZE, MESSAGE_SIZE};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	int count;
	do {
		count = recvmmsg(handle, messages, MESSAGES, MSG_DONTWAIT, NULL);
		uint64_t now = clock_now();
		for (int i = 0; i < count; i++) {
			const uint8_t *data = parts[i].iov_base;
			uint32_t index = wireguard_receiver(data, messages[i].msg_len);
			if (index >= 1 && index <= crowd->count)
				taker->take(taker->context, &crowd->clients[index - 1], data, messages[i].msg_len,
							now);
		}
	} while (count == MESSAGES);
}

void crowd_receive(struct crowd *crowd, uint64_t wait, const struct crowd_taker *taker) {
	struct epoll_event ready[READY];
	struct timespec limit = {(time_t)(wait / CLOCK_SECOND), (long)(wait % CLOCK_SECOND)};
	int count;
	do {
		count = epoll_pwait2(crowd->poll, ready, READY, &limit, NULL);
		must(count >= 0 || errno == EINTR, "epoll_pwait2");
		for (int i = 0; i < count; i++)
			take_all(crowd, ready[i].data.fd, taker);
		limit = (struct timespec){0};
	} while (count == READY);
}
